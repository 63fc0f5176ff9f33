package guard

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/weirgate/weir/pkg/authz"
)

// justificationName is the name of the header, and of the query parameter, in which a requester says why.
const justificationName = "weir-justification"

// maxJustification bounds the requester's words, in bytes.
const maxJustification = 512

// justification returns the requester's words: the header's, or without one those of the query, where they stand once.
func justification(req authz.Request) string {
	if _, sent := req.Headers[justificationName]; sent {
		return words(req.Headers.Get(justificationName))
	}
	stated := inQuery(req.Path)
	if len(stated) != 1 {
		return ""
	}
	plain, err := url.QueryUnescape(stated[0])
	if err != nil {
		return ""
	}
	return words(plain)
}

// justifies reports whether a request says why, be it in words that are none: a token's do not take their place.
func justifies(req authz.Request) bool {
	_, sent := req.Headers[justificationName]
	return sent || len(inQuery(req.Path)) > 0
}

// inQuery returns the values of the query parameter, as sent.
func inQuery(path string) (values []string) {
	_, query, _ := strings.Cut(path, "?")
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil && plain == justificationName {
			values = append(values, value)
		}
	}
	return values
}

// words returns s, or nothing where it is no plain text of a length that records can repeat.
func words(s string) string {
	if len(s) > maxJustification || !utf8.ValidString(s) {
		return ""
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return ""
		}
	}
	return s
}
