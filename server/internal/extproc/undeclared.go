package extproc

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
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

// holdsVector reports whether a field of a head or of trailers looks as if it held a vector, as it is or in the form in which it carries
// text: gRPC has percent-encoding for its message, and base64 for what is binary.
func holdsVector(name string, values []string) bool {
	for _, v := range values {
		if len(v) < shortestVector {
			continue
		}
		if vector.Detect([]byte(v)) || strings.Contains(v, "%") && vector.Detect(unescape(v)) {
			return true
		}
		if !strings.HasSuffix(name, "-bin") {
			continue
		}
		for part := range strings.SplitSeq(v, ",") { // several values in one
			if b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(part), "=")); err == nil && vector.Detect(b) {
				return true
			}
		}
	}
	return false
}

// unescape undoes percent-encoding where there is one.
func unescape(v string) []byte {
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '%' && i+2 < len(v) {
			if b, err := hex.DecodeString(v[i+1 : i+3]); err == nil {
				out = append(out, b[0])
				i += 2
				continue
			}
		}
		out = append(out, v[i])
	}
	return out
}

// headHoldsVector reports whether any field of an answer's head does.
func headHoldsVector(h authz.Header) bool {
	for name, values := range h {
		if holdsVector(name, values) {
			return true
		}
	}
	return false
}
