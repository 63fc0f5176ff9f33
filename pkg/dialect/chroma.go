package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// Chroma is Chroma's HTTP API v2 (/api/v2/tenants/{t}/databases/{d}/collections/{id}/{get,query,…}). Source: its OpenAPI description.
// search and whatever came later are not known here.
type Chroma struct{}

// Name implements Dialect.
func (Chroma) Name() string { return "chroma" }

// chromaVerb splits a path into the collection and what is done with it.
func chromaVerb(path string) (collection, verb string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/api/v2/tenants/")
	if !ok {
		return "", "", false
	}
	parts := strings.Split(rest, "/") // t databases d collections [id [verb]]
	if len(parts) < 4 || len(parts) > 6 || parts[1] != "databases" || parts[3] != "collections" {
		return "", "", false
	}
	if len(parts) > 4 {
		collection = parts[4]
	}
	if len(parts) > 5 {
		verb = parts[5]
	}
	return collection, verb, true
}

// NeedsBody implements Dialect.
func (Chroma) NeedsBody(method, path string) bool {
	_, verb, ok := chromaVerb(path)
	return ok && method == "POST" && (verb == "get" || verb == "query")
}

// Head implements Dialect.
func (Chroma) Head(method, path, _ string, _ authz.Header) authz.Operation {
	collection, verb, ok := chromaVerb(path)
	if !ok {
		switch {
		case method == "POST" && path == "/api/v2/reset":
			return complete(authz.ClassAdmin)
		case method == "GET" && (path == "/api/v2" || path == "/api/v2/heartbeat" || path == "/api/v2/version" || path == "/api/v2/pre-flight-checks" ||
			path == "/api/v2/healthcheck" || path == "/api/v2/auth/identity" || strings.HasPrefix(path, "/api/v2/tenants/")):
			return complete(authz.ClassList)
		case method == "POST" && strings.HasPrefix(path, "/api/v2/tenants"):
			return complete(authz.ClassAdmin)
		}
		return unknown()
	}
	op := authz.Operation{Collection: collection, Complete: true}
	switch {
	case method == "POST" && verb == "get":
		op.Class, op.Complete = authz.ClassRead, false
	case method == "POST" && verb == "query":
		op.Class, op.Complete = authz.ClassSearch, false
	case method == "POST" && (verb == "add" || verb == "upsert" || verb == "update" || verb == "delete"):
		op.Class = authz.ClassWrite
	case method == "GET" && (verb == "" || verb == "count"):
		op.Class = authz.ClassList
	case verb == "" && (method == "PUT" || method == "DELETE" || method == "POST"):
		op.Class = authz.ClassAdmin
	default:
		op.Class = authz.ClassUnknown
	}
	return op
}

// Body implements Dialect. The answer holds embeddings only where include says so; get without a limit is the whole collection, unless it
// names ids. n_results is 10 when absent.
func (Chroma) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	const absent = -1
	limit, ids, queries, results := int64(absent), int64(absent), int64(0), int64(10)
	embeddings, included := false, false
	err := readObject(body, func(r *reader, key string) error {
		switch key {
		case "include":
			included = true
			return r.include(&embeddings)
		case "limit", "n_results":
			n, present, err := r.number(key)
			if present && key == "limit" {
				limit = n
			} else if present {
				results = n
			}
			return err
		case "ids":
			c, err := r.peek()
			if err == nil && c == '[' {
				ids, err = r.count(key, nil)
				return err
			}
			return r.skip()
		case "query_embeddings", "query_texts":
			n, err := r.count(key, nil)
			queries += n
			return err
		}
		return r.skip()
	})
	if err != nil {
		return op, err
	}
	op.Bytes, op.Complete = int64(len(body)), true
	switch {
	case op.Class == authz.ClassSearch:
		op.Documents = bounded(queries, results)
	case ids > absent && (limit == absent || ids < limit):
		op.Documents = ids
	case limit > absent:
		op.Documents = limit
	default:
		op.Documents, op.Class = authz.Unbounded, authz.ClassExport
	}
	if embeddings && included {
		op.Vectors = op.Documents
	}
	return op, nil
}

// bounded multiplies two counts; a product that does not fit is no bound.
func bounded(a, b int64) int64 {
	if a > 0 && b > 0 && a > (1<<40)/b {
		return authz.Unbounded
	}
	return a * b
}

// include consumes an include list and notes whether it names embeddings.
func (r *reader) include(embeddings *bool) error {
	c, err := r.peek()
	if err != nil {
		return err
	}
	if c != '[' {
		return r.skip()
	}
	return r.array(func() error {
		s, err := r.text("include")
		*embeddings = *embeddings || s == "embeddings"
		return err
	})
}

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
