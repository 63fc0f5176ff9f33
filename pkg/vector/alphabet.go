package vector

// alphabet marks the characters of standard base64 with 0 and all others with 0x80.
var alphabet = func() (t [256]byte) { //nolint:gochecknoglobals // a constant
	for i := range t {
		t[i] = 0x80
	}
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = 0
	}
	return t
}()
