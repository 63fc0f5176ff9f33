package vector

import (
	"bytes"
	"strings"
	"testing"
)

// Every byte at every place of eight, in a text that ends in every place; and two strange neighbours, of which the first counts.
func TestAlphabetRun(t *testing.T) {
	const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	for kind, more := range map[alphabetKind]string{eitherAlphabet: "", stdAlphabet: "+/", urlAlphabet: "-_"} {
		alphabet := alnum + more
		check := func(text []byte) {
			t.Helper()
			want := bytes.IndexFunc(text, func(r rune) bool { return r > 0x7f || !strings.ContainsRune(alphabet, r) })
			if want < 0 {
				want = len(text)
			}
			if got := alphabetRun(text, kind); got != want {
				t.Fatalf("alphabetRun(%q, %d) = %d, want %d", text, kind, got, want)
			}
		}
		check(nil)
		for length := range 20 {
			for at := range length {
				for c := range 256 {
					text := bytes.Repeat([]byte{alphabet[(length*7+at)%len(alphabet)]}, length)
					text[at] = byte(c)
					check(text)
				}
			}
		}
		for i := range 256 {
			for j := range 256 {
				check([]byte{'A', byte(i), byte(j), 'A', 'A', 'A', 'A', 'A'})
			}
		}
	}
}
