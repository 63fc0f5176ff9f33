package dialect

import "encoding/binary"

// uvarint reads a protobuf varint and returns its length; 0 or less for none. A number written longer than it need be is refused: no
// encoder does it, and readers differ in what they make of it.
func uvarint(b []byte) (uint64, int) {
	v, n := binary.Uvarint(b)
	if n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return v, n
}

// flag returns the truth value that f holds.
func (f *wireField) flag(what string) (bool, error) {
	if f.is != wireVarint || f.value > 1 {
		return false, badBody("%s is neither true nor false", what)
	}
	return f.value == 1, nil
}
