package dialect

import (
	"bytes"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Turbopuffer is turbopuffer's API, v2 and what is left of v1. Source: its API reference, and what its Python client sends.
type Turbopuffer struct {
	// Vectors are the names of vector attributes (authz.Target.Vectors); empty: "vector", as turbopuffer calls it.
	Vectors []string
}

// Name implements Dialect.
func (Turbopuffer) Name() string { return "turbopuffer" }

// turbopufferReads says what a request's body is read for.
type turbopufferReads uint8

const (
	turbopufferNothing turbopufferReads = iota
	turbopufferQuery
	turbopufferWrite
	turbopufferExport // GET: documents, page by page
)

// parseTurbopuffer reads method and path; class is unknown for what the API does not have.
func parseTurbopuffer(method, path string) (class authz.Class, reads turbopufferReads, namespace string) {
	rest, ok := strings.CutPrefix(path, "/v1/namespaces")
	if !ok {
		rest, ok = strings.CutPrefix(path, "/v2/namespaces")
	}
	namespace, verb, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	switch {
	case !ok || rest != "" && rest[0] != '/':
	case namespace == "" && verb == "" && method == "GET":
		return authz.ClassList, turbopufferNothing, ""
	case namespace == "":
	case verb == "":
		switch method {
		case "GET":
			return authz.ClassExport, turbopufferExport, namespace
		case "HEAD":
			return authz.ClassList, turbopufferNothing, namespace
		case "POST":
			return authz.ClassWrite, turbopufferWrite, namespace
		case "DELETE":
			return authz.ClassAdmin, turbopufferNothing, namespace
		}
	case verb == "query" && method == "POST":
		return authz.ClassSearch, turbopufferQuery, namespace
	case (verb == "schema" || verb == "metadata" || verb == "hint_cache_warm") && method == "GET",
		(verb == "explain_query" || verb == "_debug/recall") && method == "POST":
		return authz.ClassList, turbopufferNothing, namespace
	case (verb == "schema" || verb == "metadata") && (method == "POST" || method == "PATCH"):
		return authz.ClassAdmin, turbopufferNothing, namespace
	}
	return authz.ClassUnknown, turbopufferNothing, ""
}

// NeedsBody implements Dialect. A write may copy another namespace, and only its body says so.
func (Turbopuffer) NeedsBody(method, path string) bool {
	_, reads, _ := parseTurbopuffer(method, path)
	return reads == turbopufferQuery || reads == turbopufferWrite
}

// Head implements Dialect.
func (d Turbopuffer) Head(method, path, _ string, h authz.Header) authz.Operation {
	class, reads, namespace := parseTurbopuffer(method, path)
	op := authz.Operation{Class: class, Collection: namespace, Object: path, Complete: true}
	switch {
	case class == authz.ClassUnknown || overridesMethod(h):
		return unknown()
	case reads == turbopufferExport:
		op.Documents, op.Vectors = authz.Unbounded, authz.Unbounded
	case reads != turbopufferNothing:
		return incomplete(op)
	}
	return op
}

// attributes are the names of vector attributes.
func (d Turbopuffer) attributes() []string {
	if len(d.Vectors) == 0 {
		return []string{"vector"}
	}
	return d.Vectors
}

// turbopufferAsk is what a request asks for, summed up over its queries.
type turbopufferAsk struct {
	known         []string
	docs, vectors int64
	using         names
	sources       names // namespaces that a write copies
	computed      bool  // expressions may put scores anywhere
	scripted      bool  // they are given a vector: what they make of it, nobody can tell
}

// Body implements Dialect.
func (d Turbopuffer) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	a := turbopufferAsk{known: d.attributes(), sources: names{joined: op.Collection, n: 1}}
	out := op
	var err error
	if _, reads, _ := parseTurbopuffer("POST", op.Object); reads == turbopufferQuery {
		err = readDocument(body, a.query)
	} else {
		err = a.write(body)
		if a.sources.n > 1 {
			out.Class = authz.ClassExport
		}
	}
	if err != nil {
		return op, err
	}
	out.Documents, out.Vectors = a.docs, a.vectors
	out.Collection, out.Vector = a.sources.joined, a.using.joined
	if a.computed {
		out.Object += "?" + turbopufferComputed
	}
	if a.scripted { // an operation that is not known
		out.Class, out.Documents, out.Vectors = authz.ClassUnknown, authz.Unbounded, authz.Unbounded
	}
	out.Bytes, out.Complete = int64(len(body)), true
	return out, nil
}

// turbopufferComputed is a parameter of an operation's object that says that its answer may tell scores anywhere.
const turbopufferComputed = "computed"

// query reads a query, or several in one. Without a word about attributes only IDs come back.
func (a *turbopufferAsk) query(r *reader) error {
	limit, some := absent, false
	s := selection{known: a.known}
	excluded := selection{known: a.known}
	err := r.members([]string{"top_k", "limit", "include_attributes", "exclude_attributes", "include_vectors", "compute_attributes", "queries", "rank_by", "vector"},
		func(r *reader, key string) error {
			switch key {
			case "top_k", "limit":
				c, err := r.peek()
				if err != nil || c != '{' {
					return firstOf(err, func() error { return r.limit(key, &limit) })
				}
				return r.members([]string{"total"}, func(r *reader, key string) error { return r.limit(key, &limit) })
			case "include_vectors": // of v1
				yes, err := r.flag(key)
				if yes {
					s.add("*", true)
				}
				return err
			case "include_attributes":
				return s.orAll(r, key)
			case "exclude_attributes":
				return r.each(key, func(name string) error { excluded.add(name, false); return nil })
			case "compute_attributes": // whatever they make of a document
				a.computed = true
				return r.object(func() error {
					s.n++
					expression, err := r.span()
					a.scripted = a.scripted || a.named(expression)
					return err
				})
			case "rank_by":
				return a.ranked(r)
			case "vector": // of v1
				return firstOf(a.using.add(key), r.skip)
			}
			some = true
			return r.array(func() error { return a.query(r) })
		})
	if err != nil || some && limit < 0 {
		return err
	}
	n := s.n
	if excluded.stated {
		n = max(n, s.all()-excluded.n)
	}
	docs := limited(limit, authz.Unbounded)
	a.docs, a.vectors = sum(a.docs, docs), sum(a.vectors, product(docs, n))
	return nil
}

// named reports whether an expression names a vector attribute, or may: a backslash hides what it likes.
func (a *turbopufferAsk) named(expression []byte) bool {
	for _, name := range a.known {
		if bytes.Contains(expression, []byte(`"`+name+`"`)) {
			return true
		}
	}
	return bytes.IndexByte(expression, '\\') >= 0
}

// orAll reads names, or true for all of them.
func (s *selection) orAll(r *reader, what string) error {
	c, err := r.peek()
	if err != nil || c == '[' {
		return firstOf(err, func() error { return r.each(what, s.star) })
	}
	all, err := r.flag(what)
	if all {
		s.add("*", true)
	}
	return err
}

// ranked looks for the vector attribute that is searched by: the first of ["vector", "ANN", […]].
func (a *turbopufferAsk) ranked(r *reader) error {
	c, err := r.peek()
	if err != nil || c != '[' {
		return firstOf(err, r.skip)
	}
	first := true
	return r.array(func() error {
		c, err := r.peek()
		if err != nil {
			return err
		}
		if first && c == '"' {
			first = false
			name, err := r.text("rank_by")
			if err != nil {
				return err
			}
			for _, known := range a.known {
				if name == known {
					return a.using.add(name)
				}
			}
			return nil
		}
		if first = false; c == '[' {
			return a.ranked(r)
		}
		return r.skip()
	})
}

// write reads a write: whether it copies another namespace, and how many rows it brings where they are counted easily.
func (a *turbopufferAsk) write(body []byte) error {
	a.docs = authz.Unbounded
	return readObject(body, []string{"copy_from_namespace", "branch_from_namespace"}, func(r *reader, key string) error {
		c, err := r.peek()
		switch {
		case err != nil:
			return err
		case c == 'n':
			return r.skip()
		case c == '{':
			return r.members([]string{"source_namespace"}, func(r *reader, key string) error { return a.sources.addFrom(r, key) })
		}
		return a.sources.addFrom(r, key)
	})
}

// Carries implements Dialect.
func (d Turbopuffer) Carries(op authz.Operation) (scan.Format, []scan.Field) {
	path, _, _ := strings.Cut(op.Object, "?")
	_, reads, _ := parseTurbopuffer("POST", path)
	switch {
	case reads == turbopufferQuery:
		return scan.FormatJSON, under(op.Vector, scan.EncodingFloats, "rank_by[*]", "rank_by[*][*][*]", "queries[*].rank_by[*]", "queries[*].rank_by[*][*][*]", "vector")
	case op.Class == authz.ClassWrite:
		var out []scan.Field
		for _, name := range d.attributes() {
			for _, path := range [...]string{"upsert_rows[*]." + name, "upsert_columns." + name + "[*]", "patch_rows[*]." + name, "patch_columns." + name + "[*]"} {
				out = append(out, scan.Field{Path: path, Role: scan.RoleVector, Name: name})
			}
		}
		return scan.FormatJSON, append(out, under("vector", scan.EncodingAuto, "upserts[*].vector", "vectors[*]")...) // of v1
	}
	return "", nil
}

// Answer implements Dialect. Vectors are arrays or base64, as the query chose.
func (d Turbopuffer) Answer(op authz.Operation, _ authz.Response) Answer {
	path, computed, _ := strings.Cut(op.Object, "?")
	a := d.answer(path, op.Class)
	a.MoreScores = computed == turbopufferComputed
	return a
}

func (d Turbopuffer) answer(path string, class authz.Class) Answer {
	_, reads, _ := parseTurbopuffer("POST", path)
	var out []scan.Field
	switch {
	case reads == turbopufferQuery && strings.HasPrefix(path, "/v1/"):
		return judgedFields(append(under("vector", scan.EncodingAuto, "[*].vector"), scoreAt("[*].dist"))...)
	case reads == turbopufferQuery:
		for _, name := range d.attributes() {
			out = append(out, under(name, scan.EncodingAuto, "rows[*]."+name, "results[*].rows[*]."+name)...)
		}
		return judgedFields(append(out, scoreAt("rows[*].$dist"), scoreAt("results[*].rows[*].$dist"))...)
	case class == authz.ClassExport:
		return judgedFields(under("vector", scan.EncodingAuto, "vectors[*]")...)
	}
	return judged()
}
