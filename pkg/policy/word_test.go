package policy

import (
	"strings"
	"testing"
)

// TestWord: what a rule computed of a request is not quoted to the log; what can be a misspelt word of ours is.
func TestWord(t *testing.T) {
	for in, want := range map[string]string{
		"zeros": `"zeros"`, "round:two": `"round:two"`, "vectors_maskd": `"vectors_maskd"`, "": `""`,
		"the secret text": "a text of 15 bytes", "ada@example.com": "a text of 15 bytes", "4111111111111111": "a text of 16 bytes",
		strings.Repeat("a", 25): "a text of 25 bytes", "a\nb": "a text of 3 bytes",
	} {
		if got := word(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
