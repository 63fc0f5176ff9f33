package extproc

import (
	"bytes"
	"unicode/utf8"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/vector"
)

// errUndeclared is the refusal of an answer that holds a vector where none belongs.
func errUndeclared() *authz.Error {
	return &authz.Error{Kind: authz.KindBadAnswer, Label: "answer_undeclared_vector", Public: "the upstream's answer holds what looks like a vector"}
}

// suspicious reports whether a small answer that is no document of its API must not pass: it looks as if it held a vector, or it is no
// text (raw floats, UTF-16, something compressed), in which none would be seen.
func suspicious(body []byte) bool {
	binary := func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }
	return !utf8.Valid(body) || bytes.ContainsFunc(body, binary) || vector.Detect(body)
}

// shortestVector is the fewest bytes that the detector takes for a vector: 32 digits and what is between them.
const shortestVector = 63

// holdsVector reports whether a field of a head or of trailers looks as if it held a vector.
func holdsVector(values []string) bool {
	for _, v := range values {
		if len(v) >= shortestVector && vector.Detect([]byte(v)) {
			return true
		}
	}
	return false
}

// headHoldsVector reports whether any field of an answer's head does.
func headHoldsVector(h authz.Header) bool {
	for _, values := range h {
		if holdsVector(values) {
			return true
		}
	}
	return false
}
