package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Chroma is Chroma's HTTP API v2 (/api/v2/tenants/{t}/databases/{d}/collections/{id}/{get,query,…}). Source: its OpenAPI description.
// search and whatever came later are not known here.
type Chroma struct{}

// Name implements Dialect.
func (Chroma) Name() string { return "chroma" }

// chromaPath is a path of the API, below /api/v2/.
type chromaPath struct {
	server     bool   // of the server, a tenant or a database, as a whole
	collection string // empty: the collections of a database
	verb       string // what is done with the collection; empty: the collection itself
}

// parseChroma reads a path; ok is false for one that the API does not have.
func parseChroma(path string) (p chromaPath, ok bool) {
	rest, ok := strings.CutPrefix(path, "/api/v2")
	if !ok {
		return p, false
	}
	switch rest {
	case "", "/heartbeat", "/version", "/pre-flight-checks", "/healthcheck", "/auth/identity", "/reset", "/tenants":
		return chromaPath{server: true}, true
	}
	parts := strings.Split(rest, "/") // "" tenants t databases d collections id verb
	if len(parts) > 8 || len(parts) < 3 || parts[1] != "tenants" || len(parts) > 3 && parts[3] != "databases" {
		return p, false
	}
	switch {
	case len(parts) <= 5, len(parts) == 6 && parts[5] == "collections_count":
		p.server = true
	case parts[5] != "collections":
		return p, false
	}
	if len(parts) > 6 {
		p.collection = parts[6]
	}
	if len(parts) > 7 {
		p.verb = parts[7]
	}
	return p, true
}

// NeedsBody implements Dialect. Bodies of writes are not read: they may be large, and nothing in them leaves.
func (Chroma) NeedsBody(method, path string) bool {
	p, ok := parseChroma(path)
	return ok && method == "POST" && (p.verb == "get" || p.verb == "query")
}

// Head implements Dialect.
func (Chroma) Head(method, path, _ string, h authz.Header) authz.Operation {
	p, ok := parseChroma(path)
	op := authz.Operation{Collection: p.collection, Complete: true}
	switch {
	case !ok || overridesMethod(h):
		return unknown()
	case method == "POST" && p.verb == "get":
		op.Class = authz.ClassRead
		return incomplete(op)
	case method == "POST" && p.verb == "query":
		op.Class = authz.ClassSearch
		return incomplete(op)
	case method == "POST" && (p.verb == "add" || p.verb == "upsert" || p.verb == "update" || p.verb == "delete"):
		op.Class, op.Documents = authz.ClassWrite, authz.Unbounded
	case method == "GET" && (p.verb == "" || p.verb == "count"):
		op.Class = authz.ClassList
	case p.verb == "" && (method == "PUT" || method == "DELETE" || method == "POST"):
		op.Class = authz.ClassAdmin
	default:
		op = unknown()
		op.Collection = p.collection
	}
	return op
}

// chromaBody is what a get or query body says of volume. Absent counts are negative.
type chromaBody struct {
	limit, ids, queries, results int64
	embeddings                   bool
}

// Body implements Dialect. The answer holds embeddings only where include says so (by default it does not); get without a limit is the
// whole collection, unless it names ids. n_results is 10 when absent.
func (Chroma) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	in := chromaBody{limit: -1, ids: -1, queries: -1, results: 10}
	if err := readObject(body, []string{"include", "limit", "n_results", "ids", "query_embeddings"}, in.member); err != nil {
		return op, err
	}
	out := op
	switch {
	case op.Class == authz.ClassSearch && in.queries <= 0:
		return op, badBody("query_embeddings is missing")
	case op.Class == authz.ClassSearch:
		out.Documents = bounded(in.queries, in.results)
	case in.ids > 0 && (in.limit <= 0 || in.ids < in.limit): // no ids and a limit of 0 are no bound that every version keeps
		out.Documents = in.ids
	case in.limit > 0 && in.limit <= maxBound:
		out.Documents = in.limit
	default:
		out.Documents, out.Class = authz.Unbounded, authz.ClassExport
	}
	out.Vectors = 0
	if in.embeddings {
		out.Vectors = out.Documents
	}
	out.Bytes, out.Complete = int64(len(body)), true
	return out, nil
}

func (in *chromaBody) member(r *reader, key string) error {
	place := map[string]*int64{"limit": &in.limit, "n_results": &in.results, "ids": &in.ids, "query_embeddings": &in.queries}[key]
	var n int64
	var present bool
	var err error
	switch key {
	case "include":
		return r.include(&in.embeddings)
	case "limit", "n_results":
		n, present, err = r.number(key)
	default:
		n, present, err = r.count(key)
	}
	if present {
		*place = n
	}
	return err
}

// maxBound is the largest number that is taken for a bound: what asks for more asks for all there is.
const maxBound = 1 << 40

// bounded multiplies two counts; a product that is too large is no bound.
func bounded(a, b int64) int64 {
	if a > 0 && b > 0 && a > maxBound/b {
		return authz.Unbounded
	}
	return a * b
}

// include consumes an include list and notes whether it names embeddings; null is the default, which does not.
func (r *reader) include(embeddings *bool) error {
	c, err := r.peek()
	if err != nil {
		return err
	}
	if c == 'n' {
		return r.scalar(c)
	}
	return r.array(func() error {
		s, err := r.text("include")
		*embeddings = *embeddings || strings.EqualFold(s, "embeddings")
		return err
	})
}

// Carries implements Dialect: none yet.
func (Chroma) Carries(authz.Operation) (scan.Format, []scan.Field) { return "", nil }

// Answer implements Dialect. Answers of writes and of administration hold no vectors of the collection.
func (Chroma) Answer(op authz.Operation, _ authz.Response) Answer {
	switch op.Class {
	case authz.ClassSearch:
		return judged("embeddings[*][*]")
	case authz.ClassRead, authz.ClassExport:
		return judged("embeddings[*]")
	}
	return judged()
}
