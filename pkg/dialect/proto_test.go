package dialect

import (
	"encoding/binary"
	"encoding/hex"
	"testing"
)

func TestUvarint(t *testing.T) {
	for in, want := range map[string]struct {
		v uint64
		n int
	}{
		"00": {0, 1}, "01": {1, 1}, "7f": {127, 1}, "8001": {128, 2}, "ac02": {300, 2},
		"ffffffffffffffffff01": {1<<64 - 1, 10},
		"":                     {}, "80": {}, "8000": {}, "818000": {}, "ffffffffffffffffff8100": {}, "ffffffffffffffffff02": {},
	} {
		b, _ := hex.DecodeString(in)
		if v, n := uvarint(b); v != want.v && want.n > 0 || max(n, 0) != want.n {
			t.Errorf("%q: %d in %d bytes, want %d in %d", in, v, n, want.v, want.n)
		}
	}
}

func TestReadMessageRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"field 0":                   "0001",
		"a group":                   "0b0c",
		"the end of a group":        "0c",
		"wire type 6":               "0e",
		"wire type 7":               "0f",
		"a field number too large":  "8080808010" + "00",
		"a tag that goes on":        "88",
		"a tag that is padded":      "888000" + "01",
		"no value":                  "08",
		"a value that is padded":    "088100",
		"a value of eleven bytes":   "08ffffffffffffffffffff01",
		"a length that is padded":   "0a810061",
		"a length beyond the end":   "0a0261",
		"a length beyond any end":   "0affffffffffffffffff01",
		"four bytes short of eight": "0900000000",
		"three bytes short of four": "0d00",
	} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if err := readMessage(b, func(*wireField) error { return nil }); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// FuzzReadMessage: what is accepted is exactly the fields that it is made of, each in its shortest form: written again it is the same.
func FuzzReadMessage(f *testing.F) {
	for _, seed := range []string{"", "0a04646f6373", "0a04646f63731a120a10120e0a0ccdcccc3dcdcc4c3e9a99993e4005520208015a020801", "080125000000003a00", "0900000000000000000b0c"} {
		b, _ := hex.DecodeString(seed)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		var again []byte
		err := readMessage(msg, func(f *wireField) error {
			again = appendField(again, f)
			return nil
		})
		if err == nil && string(again) != string(msg) {
			t.Fatalf("%x is read as %x", msg, again)
		}
		if err != nil && (len(again) > len(msg) || string(again) != string(msg[:len(again)])) {
			t.Fatalf("%x is read as %x before it is refused", msg, again)
		}
	})
}

// appendField writes a field as a protobuf encoder does.
func appendField(b []byte, f *wireField) []byte {
	b = binary.AppendUvarint(b, uint64(f.number)<<3|uint64(f.is))
	switch f.is {
	case wireVarint:
		return binary.AppendUvarint(b, f.value)
	case wireFixed64:
		return binary.LittleEndian.AppendUint64(b, f.value)
	case wireFixed32:
		return binary.LittleEndian.AppendUint32(b, uint32(f.value))
	default:
		return append(binary.AppendUvarint(b, uint64(len(f.bytes))), f.bytes...)
	}
}
