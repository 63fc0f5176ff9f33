package artifact_test

import (
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/artifact/artifacttest"
	"github.com/weirgate/weir/pkg/authz"
)

func TestMemory(t *testing.T) {
	artifacttest.Run(t, func(t *testing.T, now func() time.Time) (artifacttest.Store, artifacttest.Store) {
		m := newMemory(t, artifact.Config{Now: now})
		return m, m
	})
}

// TestWorth: what is kept of pieces, packed and unpacked, tells what the pieces tell.
func TestWorth(t *testing.T) {
	const p, size = artifact.PrefixLen, 4 * artifact.PrefixLen
	for name, tt := range map[string]struct {
		size, offset, length int64
		want                 [][2]int64 // offset and length
	}{
		"all of it":                   {size, 0, size, nil},
		"all of its beginning":        {size, 0, p, nil},
		"some of it":                  {size, 0, 8, [][2]int64{{0, 8}}},
		"from its beginning on":       {size, 8, p, [][2]int64{{8, p - 8}}},
		"a middle":                    {size, p, 2 * p, nil},
		"its end":                     {size, size - 8, 8, [][2]int64{{size - 8, 8}}},
		"into its end":                {size, 2 * p, 2 * p, [][2]int64{{3 * p, p}}},
		"all but a byte":              {size, 1, size - 1, [][2]int64{{1, p - 1}, {3 * p, p}}},
		"of nobody knows how much":    {authz.UnknownLength, p - 4, p, [][2]int64{{p - 4, 4}}},
		"beyond its end":              {size, size - 4, 8, nil},
		"a short one's end":           {p + 10, 0, p + 5, [][2]int64{{10, p - 5}}},
		"a short one's beginning":     {p + 10, 0, p - 5, [][2]int64{{0, p - 5}}},
		"a short one without a byte":  {p + 10, 1, p + 9, [][2]int64{{1, p - 1}, {p, 10}}},
		"nothing":                     {size, 5, 0, nil},
		"before it":                   {size, -1, 8, nil},
		"a very small one, all of it": {8, 0, 8, nil},
	} {
		var got [][2]int64
		for _, piece := range artifact.Worth(tt.size, tt.offset, make([]byte, tt.length)) {
			got = append(got, [2]int64{piece.Offset, int64(len(piece.Bytes))})
		}
		if len(got) != len(tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("%s: %v, want %v", name, got, tt.want)
			}
		}
	}
}

// TestPackedPieces: what is packed is what was seen, and nothing else is taken.
func TestPackedPieces(t *testing.T) {
	var e, again artifact.Evidence
	e.Add(2, []byte("UF\x03\x00"))
	e.Add(large-8, []byte("----PAR1"))
	packed := artifact.AppendPieces(nil, e.Pieces())
	if err := again.AddPacked(packed); err != nil {
		t.Fatal(err)
	}
	if a, v := again.Judge(large); a != corpus("parquet", "") || v != artifact.Guarded {
		t.Errorf("%+v, %v", a, v)
	}
	for n := 1; n < len(packed); n++ {
		if n == 12+4 { // all of the first piece
			continue
		}
		if err := again.AddPacked(packed[:n]); err == nil {
			t.Errorf("%d of %d bytes are taken", n, len(packed))
		}
	}
	if !e.Forget() || e.Forget() || len(e.Pieces()) != 1 {
		t.Errorf("%d pieces are left", len(e.Pieces()))
	}
}
