package audit_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/weirgate/weir/pkg/audit"
)

func BenchmarkAppendWait(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			j, _ := open(b, audit.Config{Dir: b.TempDir(), Log: quiet})
			rec := decision("weir-0-abcdefghijklmnopqrstuvwxyz")
			work := make(chan struct{})
			var group sync.WaitGroup
			for range callers {
				group.Go(func() {
					for range work {
						r, err := j.Append(rec)
						if err == nil {
							err = r.Wait(context.Background())
						}
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ReportAllocs()
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			group.Wait()
		})
	}
}
