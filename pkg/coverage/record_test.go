package coverage

import (
	"bytes"
	"testing"
)

// FuzzRecord: what is read of a record is what it was written from.
func FuzzRecord(f *testing.F) {
	o := object{key: Key{1}, last: 7}
	o.left.Mark(3, 200)
	sealed := appendRecord(nil, &o)
	f.Add(sealed[:len(sealed)-4])
	f.Add(make([]byte, form().Length-4))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) != form().Length-4 {
			return
		}
		o := readRecord(body)
		if again := appendRecord(nil, &o); !bytes.Equal(again[:len(body)], body) {
			t.Fatalf("%x reads as %x", body, again)
		}
	})
}
