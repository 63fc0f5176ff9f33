package dialect

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// weaviateQuery is what the GraphQL of a request asks for.
type weaviateQuery struct {
	all              int64 // vectors of an object
	docs, vectors    int64
	search, read     bool // it searches; it takes objects without searching
	export           bool // page by page, or without a limit
	classes, targets names
}

// graphQL reads the body of a GraphQL request: {"query": …}, or an array of those.
func (d Weaviate) graphQL(out *authz.Operation, body []byte, batch bool) error {
	q := weaviateQuery{all: d.all()}
	queries := 0
	one := func(r *reader) error {
		return r.members([]string{"query"}, func(r *reader, _ string) error {
			queries++
			src, err := r.longText("query")
			if err != nil {
				return err
			}
			return q.document(src)
		})
	}
	err := readDocument(body, func(r *reader) error {
		if batch {
			return r.array(func() error { return one(r) })
		}
		return one(r)
	})
	if err == nil && queries == 0 {
		err = badBody("query is missing")
	}
	if err != nil {
		return err
	}
	switch {
	case q.export:
		out.Class = authz.ClassExport
	case q.search:
		out.Class = authz.ClassSearch
	case q.read:
		out.Class = authz.ClassRead
	default:
		out.Class = authz.ClassList
	}
	out.Documents, out.Vectors = q.docs, q.vectors
	out.Collection, out.Vector = q.classes.joined, q.targets.joined
	return nil
}

// longText consumes a string of any length.
func (r *reader) longText(what string) (string, error) {
	c, err := r.peek()
	if err != nil {
		return "", err
	}
	if c != '"' {
		return "", badBody("%s is no string", what)
	}
	raw, err := r.raw()
	if err != nil {
		return "", err
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", badBody("%s is no string", what)
	}
	return s, nil
}

// document reads one GraphQL document.
func (q *weaviateQuery) document(src string) error {
	roots, err := readGraphQL(src)
	if err != nil {
		return err
	}
	for _, root := range roots {
		switch {
		case root.name == "Get" || root.name == "Aggregate":
			err = q.root(root)
		case root.name == "Explore":
			if err = q.searched(root.args); err == nil {
				err = q.classes.add("*")
			}
			q.search = true
			q.docs = sum(q.docs, limited(limitOf(root.args, "limit"), authz.Unbounded))
		case strings.HasPrefix(root.name, "__"):
		default:
			err = badBody("its GraphQL asks for %q, which is not known", root.name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// root reads Get or Aggregate: a selection of classes. A class's alias only names a member that the fields' paths leave open.
func (q *weaviateQuery) root(root gqlField) error {
	for _, class := range root.fields {
		if class.name == "" {
			return badBody("its GraphQL has a fragment where classes are named")
		}
		if err := q.classes.add(class.name); err != nil {
			return err
		}
		if err := q.searched(class.args); err != nil {
			return err
		}
		if root.name == "Aggregate" {
			q.read = true
			continue
		}
		if err := q.get(class); err != nil {
			return err
		}
	}
	return nil
}

// searched notes whether the arguments search, and by which named vectors.
func (q *weaviateQuery) searched(args []gqlArg) error {
	for _, a := range args {
		if !strings.HasPrefix(a.name, "near") && a.name != "hybrid" && a.name != "bm25" && a.name != "ask" {
			continue
		}
		q.search = true
		if a.name == "bm25" {
			continue
		}
		targets, _ := arg(a.members, "targetVectors")
		if len(targets.list) == 0 {
			targets.list = []string{targets.scalar}
		}
		for _, t := range targets.list {
			if len(t) > maxText {
				return badBody("the name of a vector is too long")
			}
			if err := q.targets.add(t); err != nil {
				return err
			}
		}
	}
	return nil
}

// get reads a class of Get: its limit, and the vectors that are selected of each object.
func (q *weaviateQuery) get(class gqlField) error {
	docs := limited(limitOf(class.args, "limit"), authz.Unbounded)
	if _, after := arg(class.args, "after"); after || docs < 0 && !q.search {
		q.export = true
	}
	q.read = true
	grouped := int64(0)
	if by, ok := arg(class.args, "groupBy"); ok {
		grouped = product(limited(limitOf(by.members, "groups"), authz.Unbounded), limited(limitOf(by.members, "objectsPerGroup"), authz.Unbounded))
	}
	for _, f := range class.fields {
		n, err := q.selected(f, docs, grouped)
		if err != nil {
			return err
		}
		q.vectors = sum(q.vectors, n)
	}
	q.docs = sum(q.docs, sum(docs, grouped))
	return nil
}

// selected is how many vectors a field of an object selects, of docs objects and of grouped members of groups. How many objects a
// reference leads to is not said: vectors behind one have no bound.
func (q *weaviateQuery) selected(f gqlField, docs, grouped int64) (n int64, err error) {
	if f.name != "_additional" {
		for _, sub := range f.fields {
			m, err := q.selected(sub, authz.Unbounded, authz.Unbounded)
			if err != nil {
				return 0, err
			}
			n = sum(n, m)
		}
		return n, nil
	}
	if f.alias != "" {
		return 0, badBody("its GraphQL renames _additional")
	}
	for _, sub := range f.fields {
		m, err := q.additional(sub, docs, grouped)
		if err != nil {
			return 0, err
		}
		n = sum(n, m)
	}
	return n, nil
}

// additional is how many vectors a field of _additional selects. What stands below it must keep its name, by which it is found.
func (q *weaviateQuery) additional(f gqlField, docs, grouped int64) (n int64, err error) {
	switch {
	case f.alias != "":
		return 0, badBody("its GraphQL renames a field of _additional")
	case f.name == "":
		return 0, badBody("its GraphQL has a fragment in _additional")
	case f.name == "vector":
		return docs, nil
	case f.name == "vectors":
		for _, v := range f.fields {
			if v.alias != "" || v.name == "" {
				return 0, badBody("its GraphQL renames a vector")
			}
		}
		return product(docs, int64(len(f.fields))), nil
	case f.name == "group" || f.name == "hits":
		docs = grouped
	}
	for _, sub := range f.fields {
		var m int64
		if sub.name == "_additional" { // of the members of a group
			m, err = q.selected(sub, docs, grouped)
		} else {
			m, err = q.additional(sub, docs, grouped)
		}
		if err != nil {
			return 0, err
		}
		n = sum(n, m)
	}
	return n, nil
}

// limitOf returns a whole number among arguments; 0, which is no bound, for what is none.
func limitOf(args []gqlArg, name string) int64 {
	a, ok := arg(args, name)
	if !ok {
		return absent
	}
	n, err := strconv.ParseInt(a.scalar, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
