package dialect

import (
	"slices"
	"strconv"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// PostgREST is PostgREST's API (and Supabase's, under /rest/v1) over a PostgreSQL with pgvector. Source: PostgREST's reference, v13.
//
// Vectors are strings there ("[0.1,…]", "{1:0.5}/1536"), in the columns that Vectors names; without it every column that is selected may
// be one. What renames, casts, compares such a column or orders by it, or asks for another format than JSON, is not known here. Without Vectors
// an order by a vector, and a function that compares one, are not seen: they tell which of two is less, and with many requests what they are.
// A function is a search of
// "rpc/name", bounded by the parameter limit only: what its arguments mean, nobody here can say.
type PostgREST struct {
	// Vectors are the names of columns, and of functions' arguments, that hold vectors (authz.Target.Vectors).
	Vectors []string
}

// Name implements Dialect.
func (PostgREST) Name() string { return "postgrest" }

// parsePostgREST reads method and path; class is unknown for what the API does not have.
func parsePostgREST(method, path string) (class authz.Class, relation string) {
	rest := strings.TrimPrefix(path, "/rest/v1")
	relation = strings.Trim(rest, "/")
	read := method == "GET" || method == "HEAD"
	name, function := strings.CutPrefix(relation, "rpc/")
	switch {
	case relation == "" && read: // the API's own description
		return authz.ClassList, ""
	case name == "" || strings.Contains(name, "/"):
	case function && (read || method == "POST"):
		return authz.ClassSearch, relation
	case function:
	case read:
		return authz.ClassRead, relation
	case method == "POST" || method == "PATCH" || method == "PUT" || method == "DELETE":
		return authz.ClassWrite, relation
	}
	return authz.ClassUnknown, ""
}

// NeedsBody implements Dialect: how many rows are inserted, and may come back, the body says.
func (PostgREST) NeedsBody(method, path string) bool {
	class, _ := parsePostgREST(method, path)
	return class == authz.ClassWrite && (method == "POST" || method == "PUT")
}

// Head implements Dialect. How many vectors a row of the answer has, the parameter select says; where the body says how many rows there
// are, that number waits behind the operation's object.
func (d PostgREST) Head(method, path, query string, h authz.Header) authz.Operation {
	class, relation := parsePostgREST(method, path)
	single, ok := postgrestAccepts(h)
	columns, limit, readable := d.parameters(query, class == authz.ClassSearch)
	if class == authz.ClassUnknown || overridesMethod(h) || !ok || !readable {
		return unknown()
	}
	profile := h.Get("content-profile")
	if method == "GET" || method == "HEAD" {
		profile = h.Get("accept-profile")
	}
	if profile != "" && relation != "" {
		relation = profile + "." + relation
	}
	op := authz.Operation{Class: class, Collection: relation, Object: path, Complete: true}
	rows := limited(max(limit, rangeRows(h)), authz.Unbounded)
	if single {
		rows = 1
	}
	switch class {
	case authz.ClassRead:
		if rows < 0 {
			op.Class = authz.ClassExport
		}
		op.Documents, op.Vectors = rows, product(rows, columns)
	case authz.ClassSearch:
		op.Documents, op.Vectors = rows, product(rows, columns)
	case authz.ClassWrite:
		if !strings.Contains(strings.ToLower(strings.Join(h["prefer"], ",")), "return=representation") {
			columns = 0
		}
		if d.NeedsBody(method, path) {
			if columns != 0 {
				op.Object += "?" + strconv.FormatInt(columns, 10)
			}
			return incomplete(op)
		}
		op.Documents, op.Vectors = authz.Unbounded, product(rows, columns)
	}
	return op
}

// postgrestAccepts reports whether the answer will be JSON, and whether it will be a single row.
func postgrestAccepts(h authz.Header) (single, ok bool) {
	for _, line := range h["accept"] {
		for t := range strings.SplitSeq(line, ",") {
			t, _, _ = strings.Cut(t, ";")
			switch strings.ToLower(strings.TrimSpace(t)) {
			case "", "*/*", "application/*", "application/json", "application/vnd.pgrst.array", "application/vnd.pgrst.array+json":
			case "application/vnd.pgrst.object", "application/vnd.pgrst.object+json":
				single = len(h["accept"]) == 1 && !strings.Contains(line, ",")
			default:
				return false, false
			}
		}
	}
	return single, true
}

// rangeRows is how many rows a Range header of items asks for; absent for none, or no end.
func rangeRows(h authz.Header) int64 {
	r := h["range"]
	if len(r) != 1 {
		return absent
	}
	from, to, _ := strings.Cut(strings.TrimPrefix(r[0], "items="), "-")
	a, err1 := strconv.ParseInt(from, 10, 64)
	b, err2 := strconv.ParseInt(to, 10, 64)
	if err1 != nil || err2 != nil || a < 0 || b < a || b > maxBound {
		return absent
	}
	return b - a + 1
}

// parameters returns how many vectors are selected of a row, and the limit, absent for none. ok is false for what can be read in two ways,
// and for a vector that is renamed, cast, compared or ordered by. function says that they may be arguments.
func (d PostgREST) parameters(query string, function bool) (columns, limit int64, ok bool) {
	s := selection{known: d.Vectors}
	limit, columns = absent, s.all()
	selected := false
	ok = parameters(query, func(name, value string) bool {
		switch name {
		case "limit":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 || limit >= 0 {
				return false
			}
			limit = n
		case "select":
			if selected {
				return false
			}
			selected = true
			var ok bool
			columns, ok = d.selected(value, 0)
			return ok
		}
		return d.untold(name, value, function)
	})
	return columns, limit, ok
}

// selected is how many vectors a select list names; how many rows a resource that is embedded brings, nobody says.
func (d PostgREST) selected(list string, depth int) (n int64, ok bool) {
	if depth > scan.MaxDepth || strings.Contains(list, `\`) { // by a backslash a quote may be part of a name
		return 0, false
	}
	s := selection{known: d.Vectors}
	embedded := int64(0)
	for list != "" {
		var item string
		if item, list, ok = nextItem(list); !ok {
			return 0, false
		}
		open := strings.IndexByte(item, '(')
		switch {
		case open < 0:
			if !d.column(&s, item) {
				return 0, false
			}
		case item[open:] == "()": // an aggregate: a number, but of vectors a vector of another name
			if end := strings.LastIndexByte(item[:open], '.'); end >= 0 && len(d.Vectors) > 0 {
				if name, _ := columnName(item[:end]); slices.Contains(d.Vectors, name) {
					return 0, false
				}
			}
		case item[len(item)-1] != ')':
			return 0, false
		default:
			m, ok := d.selected(item[open+1:len(item)-1], depth+1)
			if !ok {
				return 0, false
			}
			embedded = sum(embedded, product(m, authz.Unbounded))
		}
	}
	return sum(s.n, embedded), true
}

// nextItem cuts a list at its first comma outside of quotes and parentheses.
func nextItem(list string) (item, rest string, ok bool) {
	depth, quoted := 0, false
	for i := range len(list) {
		switch c := list[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth < 0 {
				return "", "", false
			}
		case c == ',' && depth == 0:
			return strings.TrimSpace(list[:i]), list[i+1:], true
		}
	}
	return strings.TrimSpace(list), "", depth == 0 && !quoted
}

// column notes a column. It reports whether a vector keeps its name and its form, and stays whole.
func (d PostgREST) column(s *selection, item string) bool {
	name, plain := columnName(item)
	had := s.n
	s.add(name, name == "*")
	if len(s.known) == 0 || strings.Contains(item, "[") {
		return !picksComponent(item)
	}
	return s.n == had || plain
}

// columnName returns which column [alias:]name[::type][->path] is; plain says that it is nothing but its name.
func columnName(item string) (name string, plain bool) {
	bare, cast := cutUnquoted(item, "::")
	bare, path := cutUnquoted(bare, "->")
	name, plain = bare, cast+path == ""
	if alias, n := cutUnquoted(bare, ":"); n != "" {
		name, plain = n, plain && alias == ""
	}
	return strings.Trim(strings.TrimSpace(name), `"`), plain
}

// cutUnquoted cuts s at the first sep that is not between quotes.
func cutUnquoted(s, sep string) (before, after string) {
	quoted := false
	for i := range len(s) {
		if s[i] == '"' {
			quoted = !quoted
		}
		if !quoted && strings.HasPrefix(s[i:], sep) {
			return s[:i], s[i+len(sep):]
		}
	}
	return s, ""
}

// Body implements Dialect: rows to insert, one or many.
func (d PostgREST) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	rows := int64(0)
	err := readDocument(body, func(r *reader) error {
		c, err := r.peek()
		if err != nil || c != '[' {
			rows = 1
			return firstOf(err, func() error { return r.object(r.skip) })
		}
		return r.array(func() error {
			rows++
			return r.object(r.skip)
		})
	})
	if err != nil {
		return op, err
	}
	path, columns, returned := strings.Cut(op.Object, "?")
	op.Object, op.Documents, op.Vectors = path, rows, 0
	if returned {
		n, err := strconv.ParseInt(columns, 10, 64)
		if err != nil {
			n = authz.Unbounded
		}
		op.Vectors = product(rows, n)
	}
	op.Bytes, op.Complete = int64(len(body)), true
	return op, nil
}

// fields is where columns of vectors stand, in rows and in what is embedded in them.
func (d PostgREST) fields(encodings ...scan.Encoding) []scan.Field {
	var out []scan.Field
	for _, name := range d.Vectors {
		for _, e := range encodings {
			out = append(out, scan.Field{Path: "**." + name, Encoding: e, Role: scan.RoleVector, Name: name})
		}
	}
	return out
}

// Carries implements Dialect. PostgreSQL takes a vector as a string, and PostgREST an array too.
func (d PostgREST) Carries(op authz.Operation) (scan.Format, []scan.Field) {
	if op.Class != authz.ClassWrite && op.Class != authz.ClassSearch || len(d.Vectors) == 0 {
		return "", nil
	}
	return scan.FormatJSON, d.fields(scan.EncodingText, scan.EncodingFloats)
}

// Answer implements Dialect.
func (d PostgREST) Answer(op authz.Operation, _ authz.Response) Answer {
	a := judged()
	if op.Class != authz.ClassList {
		a.Fields = d.fields(scan.EncodingText)
	}
	a.ContentTypes = append(a.ContentTypes, "application/vnd.pgrst.object+json", "application/vnd.pgrst.array+json")
	return a
}
