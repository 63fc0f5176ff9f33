package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// LanceDB is the Lance REST namespace (its OpenAPI description), which LanceDB's servers speak. Rows come and go as Arrow IPC: an answer
// is counted by its schema, and refused where it cannot be masked; what is written is opened where the answer could be sealed.
type LanceDB struct {
	// Vectors are the names of vector columns (authz.Target.Vectors); empty: "vector", as LanceDB calls it.
	Vectors []string
}

// Name implements Dialect.
func (LanceDB) Name() string { return "lancedb" }

// parseLanceDB reads method and path; query says that it is a query.
func parseLanceDB(method, path string) (class authz.Class, table string, query bool) {
	path = strings.TrimSuffix(path, "/")
	if method == "GET" && (path == "/v1/table" || strings.HasPrefix(path, "/v1/namespace/") && strings.HasSuffix(path, "/list")) {
		return authz.ClassList, "", false
	}
	area, rest, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "/")
	id, verb, _ := strings.Cut(rest, "/")
	if !strings.HasPrefix(path, "/v1/") || method != "POST" || id == "" {
		return authz.ClassUnknown, "", false
	}
	switch area {
	case "namespace":
		switch verb {
		case "describe", "exists":
			return authz.ClassList, "", false
		case "create", "drop":
			return authz.ClassAdmin, "", false
		}
	case "transaction":
		switch verb {
		case "describe":
			return authz.ClassList, "", false
		case "alter":
			return authz.ClassAdmin, "", false
		}
	case "table":
		class, query = lanceVerb(verb)
		if class != authz.ClassUnknown {
			table = id
		}
		return class, table, query
	}
	return authz.ClassUnknown, "", false
}

// lanceVerb is what is done with a table.
func lanceVerb(verb string) (class authz.Class, query bool) {
	if strings.HasPrefix(verb, "index/") { // index/{name}/stats, index/{name}/drop
		_, verb, _ = strings.Cut(verb[len("index/"):], "/")
		switch verb {
		case "", "stats":
			return authz.ClassList, false
		case "drop":
			return authz.ClassAdmin, false
		}
		return authz.ClassUnknown, false
	}
	switch verb {
	case "query":
		return authz.ClassSearch, true
	case "describe", "exists", "stats", "count_rows", "explain_plan", "analyze_plan", "tags/list", "tags/version", "version/list", "version/describe",
		"branches/list":
		return authz.ClassList, false
	case "insert", "merge_insert", "update", "delete":
		return authz.ClassWrite, false
	case "create", "declare", "drop", "register", "deregister", "rename", "restore", "add_columns", "alter_columns", "drop_columns", "backfill_column",
		"create_index", "create_scalar_index", "tags/create", "tags/update", "tags/delete", "branches/create", "branches/delete", "version/create",
		"version/delete", "schema_metadata/update", "update_field_metadata":
		return authz.ClassAdmin, false
	}
	return authz.ClassUnknown, false
}

// NeedsBody implements Dialect.
func (LanceDB) NeedsBody(method, path string) bool {
	_, _, query := parseLanceDB(method, path)
	return query
}

// Head implements Dialect.
func (LanceDB) Head(method, path, _ string, h authz.Header) authz.Operation {
	class, table, query := parseLanceDB(method, path)
	op := authz.Operation{Class: class, Collection: table, Object: path, Complete: true}
	switch {
	case class == authz.ClassUnknown || overridesMethod(h):
		return unknown()
	case query:
		return incomplete(op)
	case class == authz.ClassWrite:
		op.Documents = authz.Unbounded
	}
	return op
}

// columns are the names of vector columns.
func (d LanceDB) columns() []string {
	if len(d.Vectors) == 0 {
		return []string{"vector"}
	}
	return d.Vectors
}

// Body implements Dialect. A query for k rows of the nearest, or of any; without columns it is all of them. Several vectors may be searched
// by at once, k rows for each.
func (d LanceDB) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	k, queries, column := absent, int64(0), ""
	s := selection{known: d.columns()}
	err := readObject(body, []string{"k", "vector", "columns", "vector_column"}, func(r *reader, key string) (err error) {
		switch key {
		case "k":
			return r.limit(key, &k)
		case "vector_column":
			column, err = r.text(key)
			return err
		case "columns":
			return lanceColumns(r, &s)
		}
		queries, err = lanceQueries(r)
		return err
	})
	if err == nil && k < 0 {
		err = badBody("k is missing")
	}
	if err != nil {
		return op, err
	}
	out := op
	if !s.stated {
		s.add("*", true)
	}
	if column == "" && queries > 0 && len(s.known) == 1 {
		column = s.known[0]
	}
	out.Documents = product(max(queries, 1), limited(k, absent))
	out.Vectors, out.Vector = product(out.Documents, s.n), column
	switch {
	case out.Documents < 0:
		out.Class = authz.ClassExport
	case queries == 0:
		out.Class = authz.ClassRead
	}
	out.Bytes, out.Complete = int64(len(body)), true
	return out, nil
}

// lanceQueries reads what is searched by: a vector, an array of them, or an object that says which of the two; nothing is none.
func lanceQueries(r *reader) (n int64, err error) {
	c, err := r.peek()
	switch {
	case err != nil:
		return 0, err
	case c == '{':
		err := r.members([]string{"single_vector", "multi_vector"}, func(r *reader, _ string) error {
			m, err := lanceQueries(r)
			n += m
			return err
		})
		return n, err
	case c != '[':
		return 0, r.skip()
	}
	numbers := false
	err = r.array(func() error {
		c, err := r.peek()
		if numbers = numbers || c != '['; c == '[' {
			n++
		}
		return firstOf(err, r.skip)
	})
	if numbers {
		n++
	}
	return n, err
}

// lanceColumns reads which columns are asked for: names, or expressions by the names that they get. A vector that gets another name is
// refused: in an expression its name is taken without regard to case.
func lanceColumns(r *reader, s *selection) error {
	c, err := r.peek()
	if err != nil || c != '{' {
		return firstOf(err, func() error { return r.each("columns", s.star) })
	}
	return r.object(func() error {
		alias := string(r.key)
		switch alias {
		case "column_names", "column_aliases":
			c, err := r.peek()
			if err != nil || c == '[' || c == '{' || c == 'n' {
				return firstOf(err, func() error { return lanceColumns(r, s) })
			}
		}
		expression, err := r.text("columns")
		if err != nil {
			return err
		}
		for _, name := range s.known {
			if strings.Contains(strings.ToLower(expression), strings.ToLower(name)) && (expression != name || alias != name) {
				return badBody("it gives a vector another name")
			}
		}
		return s.star(expression)
	})
}

// Carries implements Dialect. Rows to write are Arrow, whose columns name their vectors.
func (d LanceDB) Carries(op authz.Operation) (scan.Format, []scan.Field) {
	_, table, query := parseLanceDB("POST", op.Object)
	if query {
		return scan.FormatJSON, under(op.Vector, scan.EncodingNested, "vector")
	}
	switch strings.TrimPrefix(op.Object, "/v1/table/"+table+"/") {
	case "insert", "merge_insert", "create":
		return scan.FormatArrow, d.vectors()
	}
	return "", nil
}

// vectors are the columns that hold them.
func (d LanceDB) vectors() []scan.Field {
	var out []scan.Field
	for _, name := range d.columns() {
		out = append(out, scan.Field{Path: name, Role: scan.RoleVector, Name: name})
	}
	return out
}

// Answer implements Dialect.
func (d LanceDB) Answer(op authz.Operation, resp authz.Response) Answer {
	if _, _, query := parseLanceDB("POST", op.Object); !query || resp.Status >= 400 {
		return judged()
	}
	a := Answer{Judge: true, Format: scan.FormatArrow, ContentTypes: []string{"application/vnd.apache.arrow.file", "application/vnd.apache.arrow.stream"}}
	a.Fields = append(d.vectors(), scoreAt("_distance"), scoreAt("_score"), scoreAt("_relevance_score"))
	return a
}
