package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Chroma is Chroma's HTTP API v2 (/api/v2/tenants/{t}/databases/{d}/collections/{id}/{get,query,search,…}). Source: its OpenAPI
// description, and what its Python client sends. fork, functions and whatever came later are not known here.
//
// Sparse vectors are metadata to Chroma, under keys of the user's: they are not counted as vectors asked for.
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
	parts := strings.Split(rest, "/")                                      // "" tenants t databases d collections id verb
	if len(parts) == 9 && parts[7] == "conditional" && parts[8] == "get" { // get, where the caller's copy is not the newest
		parts = append(parts[:7], "get")
	}
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
	return ok && method == "POST" && (p.verb == "get" || p.verb == "query" || p.verb == "search")
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
	case method == "POST" && p.verb == "search":
		op.Class, op.Object = authz.ClassSearch, path // query's body is another
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
	if op.Object != "" {
		return chromaSearches(op, body)
	}
	in := chromaBody{limit: -1, ids: -1, queries: -1, results: 10}
	if err := readObject(body, []string{"include", "limit", "n_results", "ids", "query_embeddings"}, in.member); err != nil {
		return op, err
	}
	out := op
	switch {
	case op.Class == authz.ClassSearch && in.queries <= 0:
		return op, badBody("query_embeddings is missing")
	case op.Class == authz.ClassSearch:
		out.Documents = product(in.queries, in.results)
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

// chromaSearches reads the body of a search: several searches, each with a limit (none: all there is) and the keys that it selects.
func chromaSearches(op authz.Operation, body []byte) (authz.Operation, error) {
	out, searches := op, int64(0)
	out.Documents, out.Vectors = 0, 0
	err := readObject(body, []string{"searches"}, func(r *reader, _ string) error {
		return r.array(func() error {
			searches++
			limit, embeddings := absent, false
			err := r.members([]string{"limit", "select"}, func(r *reader, key string) error {
				if key == "limit" {
					return r.inner("limit", []string{"limit"}, func(r *reader, key string) error { return r.limit(key, &limit) })
				}
				return r.inner("select", []string{"keys"}, func(r *reader, _ string) error {
					return r.each("keys", func(s string) error {
						embeddings = embeddings || strings.EqualFold(s, "#embedding")
						return nil
					})
				})
			})
			docs := limited(limit, authz.Unbounded)
			out.Documents = sum(out.Documents, docs)
			if embeddings {
				out.Vectors = sum(out.Vectors, docs)
			}
			return err
		})
	})
	switch {
	case err != nil:
		return op, err
	case searches == 0:
		return op, badBody("searches is missing")
	case out.Documents < 0:
		out.Class = authz.ClassExport
	}
	out.Bytes, out.Complete = int64(len(body)), true
	return out, nil
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

// Carries implements Dialect.
func (Chroma) Carries(op authz.Operation) (scan.Format, []scan.Field) {
	switch op.Class {
	case authz.ClassSearch, authz.ClassExport: // a search without a limit is an export
		return scan.FormatJSON, []scan.Field{
			vectorAt("query_embeddings[*]", scan.EncodingAuto), vectorAt("searches[*].rank.**.query", scan.EncodingFloats),
		}
	case authz.ClassWrite:
		return scan.FormatJSON, []scan.Field{vectorAt("embeddings[*]", scan.EncodingAuto)}
	}
	return "", nil
}

// Answer implements Dialect. Answers of writes and of administration hold no vectors of the collection. A query's scores are distances.
func (Chroma) Answer(op authz.Operation, _ authz.Response) Answer {
	searched := [...]scan.Field{vectorAt("embeddings[*][*]", scan.EncodingAuto), scoreAt("distances[*][*]"), scoreAt("scores[*][*]")}
	switch {
	case op.Class == authz.ClassSearch, op.Class == authz.ClassExport && op.Object != "":
		return judgedFields(searched[:]...)
	case op.Class == authz.ClassRead, op.Class == authz.ClassExport:
		return judged("embeddings[*]")
	}
	return judged()
}
