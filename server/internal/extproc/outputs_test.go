package extproc

import (
	"bytes"
	"sync"
	"testing"

	"google.golang.org/grpc/mem"
)

// Buffers that come again are empty, large enough, and nobody else's.
func TestOutputs(t *testing.T) {
	var o outputs
	var users sync.WaitGroup
	for user := range 8 {
		users.Go(func() {
			for i := range 200 {
				n := 1 + i*7919%(maxOutput*2)
				got := o.Get(n)
				if len(*got) != 0 || cap(*got) < n {
					t.Errorf("len %d, cap %d; want 0, %d at least", len(*got), cap(*got), n)
					return
				}
				text := append(*got, bytes.Repeat([]byte{byte('a' + user)}, min(n, 4096))...)
				sent := mem.BufferSlice{mem.NewBuffer(&text, &o)}
				if b := sent.Materialize(); bytes.Count(b, []byte{byte('a' + user)}) != len(b) {
					t.Error("another one writes to the same buffer")
				}
				sent.Free()
			}
		})
	}
	users.Wait()
	large := make([]byte, 0, maxOutput+1)
	o = outputs{}
	if o.Put(&large); cap(*o.Get(1)) > maxOutput {
		t.Errorf("a buffer over %d bytes was kept", maxOutput)
	}
}
