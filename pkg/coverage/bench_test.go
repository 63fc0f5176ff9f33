package coverage_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
)

// BenchmarkMemory is what a claim for five holders and its commit cost.
func BenchmarkMemory(b *testing.B) {
	for name, file := range map[string]string{"keys=5": "", "keys=5/file": filepath.Join(b.TempDir(), "coverage")} {
		b.Run("op=claim+commit/"+name, func(b *testing.B) {
			m := open(b, coverage.Config{File: file})
			c := slot("weights", 0)
			for _, g := range []string{"a", "b", "c", "d"} {
				c.Holders = append(c.Holders, "group|"+g)
			}
			b.ReportAllocs()
			for i := int64(0); b.Loop(); i++ {
				c.ID, c.Piece.Offset = strconv.FormatInt(i, 10), i%coverage.Slots<<10
				got, err := m.Claim(b.Context(), c)
				if err == nil {
					err = m.Commit(b.Context(), c)
				}
				if err != nil || got[4] == (authz.Covered{}) {
					b.Fatal(got, err)
				}
			}
		})
	}
}
