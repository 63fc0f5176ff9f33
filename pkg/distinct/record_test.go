package distinct

import (
	"bytes"
	"testing"
)

// FuzzRecord: what is read of a record is what it was written from, and nothing that no sketch has.
func FuzzRecord(f *testing.F) {
	sealed := appendRecord(nil, Key{1, 2}, 20_000, cell{7, 3}, cell{registers - 1, maxRank})
	f.Add(sealed[:len(sealed)-4])
	f.Add(make([]byte, form().Length-4))
	f.Add(bytes.Repeat([]byte{0xff}, form().Length-4))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) != form().Length-4 {
			return
		}
		r, ok := readRecord(body)
		if !ok {
			return
		}
		for _, c := range r.cells {
			if c.register >= registers || c.rank > maxRank {
				t.Fatalf("%+v", c)
			}
		}
		again := appendRecord(nil, r.holder, r.day, r.cells...)
		if n := 22 + 3*len(r.cells); !bytes.Equal(again[:n], body[:n]) { // behind them is room, which nobody reads
			t.Fatalf("%x reads as %x", body, again)
		}
	})
}
