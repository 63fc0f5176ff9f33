package dialect

import (
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/scan"
)

// A filter that compares, and an order, tell of a column what they compare: a column of vectors component by component, with as many requests
// as it has digits. So no vector is compared, and none is ordered by. Which columns those are only Vectors says. Without it two things are
// refused: a comparison with what is written like a vector, and a component that is picked by its index. An order by a vector is not seen then.

// untold reports whether a parameter of a request leaves vectors untold; select is read by itself. argument says that it may be one of a
// function.
func (d PostgREST) untold(name, value string, argument bool) bool {
	path := splitUnquoted(name, '.') // of an embedded resource, and its column
	switch last := path[len(path)-1]; last {
	case "select", "limit", "offset", "columns", "on_conflict":
		return true
	case "order":
		return d.orders(value)
	case "and", "or":
		return d.conditions(value, 0)
	default:
		if argument && len(path) == 1 && value != "" && strings.IndexByte("[{01", value[0]) >= 0 {
			return true
		}
		return d.condition(last, value)
	}
}

// conditions reads "(a.eq.1,or(b.lt.2,c.is.null))".
func (d PostgREST) conditions(list string, depth int) bool {
	list, ok := inParentheses(list)
	if !ok || depth > scan.MaxDepth || strings.Contains(list, `\`) {
		return false
	}
	for list != "" {
		var item string
		if item, list, ok = nextItem(list); !ok {
			return false
		}
		switch open := strings.IndexByte(item, '('); {
		case open >= 0 && slices.Contains([]string{"and", "or", "not.and", "not.or"}, strings.TrimSpace(item[:open])):
			ok = d.conditions(item[open:], depth+1)
		default:
			column := splitUnquoted(item, '.')[0]
			ok = d.condition(column, strings.TrimPrefix(item[len(column):], "."))
		}
		if !ok {
			return false
		}
	}
	return true
}

// condition reads a column and what it is compared with: "not.lt.5".
func (d PostgREST) condition(column, value string) bool {
	value = strings.TrimPrefix(value, "not.")
	operator, operand, _ := strings.Cut(value, ".")
	operator, modifier, _ := strings.Cut(operator, "(")
	name, _ := columnName(column)
	switch {
	case operator == "is":
		return true
	case slices.Contains(d.Vectors, name):
		return false
	case len(d.Vectors) > 0:
		return true
	case picksComponent(column):
		return false
	}
	compares := slices.Contains([]string{"lt", "lte", "gt", "gte"}, operator)
	return !compares || !strings.Contains(operand, "[") && (modifier != "" || !strings.HasPrefix(operand, "{"))
}

// orders reads "a.desc,b->c.asc.nullslast,embedded(d)".
func (d PostgREST) orders(list string) bool {
	if strings.Contains(list, `\`) {
		return false
	}
	for list != "" {
		item, rest, ok := nextItem(list)
		if !ok {
			return false
		}
		list = rest
		if open := strings.IndexByte(item, '('); open >= 0 {
			item, _, _ = strings.Cut(item[open+1:], ")")
		}
		column := splitUnquoted(item, '.')[0]
		if name, _ := columnName(column); slices.Contains(d.Vectors, name) || len(d.Vectors) == 0 && picksComponent(column) {
			return false
		}
	}
	return true
}

// picksComponent reports whether a column stands with an index, "a->0" or "a[1]", or with a cast that leaves its beginning only.
func picksComponent(item string) bool {
	bare, cast := cutUnquoted(item, "::")
	if subscript, _ := cutUnquoted(item, "["); subscript != item {
		return true
	}
	switch strings.ToLower(strings.Trim(strings.TrimSpace(cast), `"`)) {
	case "name", "char", "character", "bpchar":
		return true
	}
	for _, path := cutUnquoted(bare, "->"); path != ""; {
		var step string
		step, path = cutUnquoted(path, "->")
		step = strings.Trim(strings.TrimPrefix(step, ">"), `" `)
		if digits := strings.TrimPrefix(step, "-"); digits != "" && strings.Trim(digits, "0123456789") == "" {
			return true
		}
	}
	return false
}

// splitUnquoted splits s at each sep that is not between quotes.
func splitUnquoted(s string, sep byte) (parts []string) {
	quoted, from := false, 0
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[from:])
}

// inParentheses returns what stands in them.
func inParentheses(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '(' || s[len(s)-1] != ')' {
		return "", false
	}
	return s[1 : len(s)-1], true
}
