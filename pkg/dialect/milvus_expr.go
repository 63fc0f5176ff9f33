package dialect

import (
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// milvusKeys returns how many entities an expression lets through at most, where it names them by their primary key and says nothing else, as
// pymilvus' get does: KEY in [1, 2] or KEY in ['a', 'b'], and KEY == 1. Every other one has no bound, among them all that Milvus may read in
// another way than it is read here: an escape in a string, an operator, a template. Source: Milvus, internal/parser/planparserv2/Plan.g4.
func milvusKeys(expr string, keys []string) int64 {
	name, rest := expr, ""
	if i := strings.IndexFunc(expr, func(r rune) bool { return r == ' ' || r == '=' }); i > 0 {
		name, rest = expr[:i], strings.Trim(expr[i:], " ")
	}
	if !slices.Contains(keys, name) {
		return authz.Unbounded
	}
	if one, ok := strings.CutPrefix(rest, "=="); ok {
		if after, ok := milvusLiteral(strings.Trim(one, " ")); ok && after == "" {
			return 1
		}
		return authz.Unbounded
	}
	list, ok := strings.CutPrefix(rest, "in")
	if !ok {
		list, ok = strings.CutPrefix(rest, "IN")
	}
	list, opened := strings.CutPrefix(strings.Trim(list, " "), "[")
	list, closed := strings.CutSuffix(list, "]")
	if !ok || !opened || !closed {
		return authz.Unbounded
	}
	for n := int64(1); ; n++ {
		after, ok := milvusLiteral(strings.Trim(list, " "))
		if !ok {
			return authz.Unbounded
		}
		if after = strings.Trim(after, " "); after == "" {
			return n
		}
		if list, ok = strings.CutPrefix(after, ","); !ok {
			return authz.Unbounded
		}
	}
}

// milvusLiteral takes a whole decimal number or a string without escapes off the beginning.
func milvusLiteral(s string) (rest string, ok bool) {
	if s == "" {
		return "", false
	}
	if q := s[0]; q == '"' || q == '\'' {
		end := strings.IndexByte(s[1:], q)
		if end < 0 || strings.ContainsFunc(s[1:1+end], func(r rune) bool { return r < ' ' || r == '\\' || r == '"' || r == '\'' }) {
			return "", false
		}
		return s[end+2:], true
	}
	digits := strings.TrimPrefix(s, "-")
	rest = strings.TrimLeft(digits, "0123456789")
	return rest, len(rest) < len(digits) && len(digits)-len(rest) <= 19
}

// MilvusName reports whether a name may be that of a field.
func MilvusName(s string) bool {
	return s != "" && len(s) <= 255 && (s[0] < '0' || s[0] > '9') &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
}
