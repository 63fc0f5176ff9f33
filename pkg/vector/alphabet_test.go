package vector

import (
	"bytes"
	"strings"
	"testing"
)

// Every byte at every place of eight, in a text that ends in every place.
func TestAlphabetRun(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				text := bytes.Repeat([]byte{alphabet[(length*7+at)%64]}, length)
				text[at] = byte(c)
				want := length
				if strings.IndexByte(alphabet, byte(c)) < 0 {
					want = at
				}
				if got := alphabetRun(text); got != want {
					t.Fatalf("alphabetRun(%q) = %d, want %d", text, got, want)
				}
			}
		}
	}
	if got := alphabetRun(nil); got != 0 {
		t.Errorf("alphabetRun(nil) = %d", got)
	}
	for i := range 256 { // two strange neighbours: the first counts
		for j := range 256 {
			text := []byte{'A', byte(i), byte(j), 'A', 'A', 'A', 'A', 'A'}
			want := 8
			switch {
			case strings.IndexByte(alphabet, byte(i)) < 0:
				want = 1
			case strings.IndexByte(alphabet, byte(j)) < 0:
				want = 2
			}
			if got := alphabetRun(text); got != want {
				t.Fatalf("alphabetRun(%q) = %d, want %d", text, got, want)
			}
		}
	}
}
