package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Pinecone is Pinecone's API: that of an index, vectors, records and documents, REST (its OpenAPI description 2025-10, and what its Python
// client sends) and gRPC (pinecone_grpc.go), and that of the control plane. The collection is the namespace; the index is the target.
//
// What of a document's fields are vectors, Vectors says. A vector that is both dense and sparse counts as one asked for and as two in the
// answer.
type Pinecone struct {
	// Vectors are the names of documents' vector fields (authz.Target.Vectors).
	Vectors []string
}

// Name implements Dialect.
func (Pinecone) Name() string { return "pinecone" }

// pineconeReads says what a REST request's body is read for, or where its answer holds vectors.
type pineconeReads uint8

const (
	pineconeNothing    pineconeReads = iota
	pineconeFetch                    // GET: vectors by ID
	pineconeQuery                    // nearest vectors
	pineconeByMetadata               // vectors by a filter
	pineconeWrite                    // vectors: upsert, update, delete
	pineconeEmbed                    // texts in, vectors out
	pineconeRecords                  // search of records, which come without vectors
	pineconeSearch                   // of documents
	pineconeDocuments                // documents by ID or filter
)

// parsePinecone reads method and path; class is unknown for what the API does not have.
func parsePinecone(method, path string) (class authz.Class, reads pineconeReads, namespace string) {
	area, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	post, get := method == "POST", method == "GET"
	switch {
	case area == "query" && rest == "" && post:
		return authz.ClassSearch, pineconeQuery, ""
	case area == "vectors":
		return pineconeVectors(method, rest)
	case area == "embed" && rest == "" && post:
		return authz.ClassEmbed, pineconeEmbed, ""
	case area == "describe_index_stats" && rest == "" && (post || get), area == "models" && get:
		return authz.ClassList, pineconeNothing, ""
	case area == "records" && post:
		rest, ok := strings.CutPrefix(rest, "namespaces/")
		namespace, verb, _ := strings.Cut(rest, "/")
		switch {
		case ok && verb == "search":
			return authz.ClassSearch, pineconeRecords, namespace
		case ok && verb == "upsert":
			return authz.ClassWrite, pineconeNothing, namespace
		}
	case area == "namespaces":
		return pineconeNamespaces(method, rest)
	case area == "indexes" && post && strings.HasSuffix(rest, "/backups"), area == "collections" && post && rest == "": // copies of an index
		return authz.ClassExport, pineconeNothing, ""
	case area == "indexes", area == "collections", area == "backups", area == "restore-jobs", area == "backup-schedules", area == "bulk":
		if get {
			return authz.ClassList, pineconeNothing, ""
		}
		return authz.ClassAdmin, pineconeNothing, ""
	}
	return authz.ClassUnknown, pineconeNothing, ""
}

// pineconeVectors is what is done with vectors, by the path below /vectors.
func pineconeVectors(method, verb string) (authz.Class, pineconeReads, string) {
	switch method + " " + verb {
	case "GET fetch":
		return authz.ClassRead, pineconeFetch, ""
	case "GET list":
		return authz.ClassList, pineconeNothing, ""
	case "POST fetch_by_metadata":
		return authz.ClassRead, pineconeByMetadata, ""
	case "POST upsert", "POST update", "POST delete":
		return authz.ClassWrite, pineconeWrite, ""
	}
	return authz.ClassUnknown, pineconeNothing, ""
}

// pineconeNamespaces is what is done with namespaces and their documents, by the path below /namespaces.
func pineconeNamespaces(method, rest string) (authz.Class, pineconeReads, string) {
	namespace, below, _ := strings.Cut(rest, "/")
	switch {
	case below == "" && method == "GET":
		return authz.ClassList, pineconeNothing, namespace
	case below == "" && (method == "POST" || method == "DELETE"):
		return authz.ClassAdmin, pineconeNothing, namespace
	case method != "POST":
	case below == "documents/search":
		return authz.ClassSearch, pineconeSearch, namespace
	case below == "documents/fetch":
		return authz.ClassRead, pineconeDocuments, namespace
	case below == "documents/list":
		return authz.ClassList, pineconeNothing, namespace
	case below == "documents/upsert" || below == "documents/update" || below == "documents/delete":
		return authz.ClassWrite, pineconeNothing, namespace
	}
	return authz.ClassUnknown, pineconeNothing, ""
}

// NeedsBody implements Dialect. Writes of vectors name their namespace there.
func (Pinecone) NeedsBody(method, path string) bool {
	if m, ok := parsePineconeRPC(path); ok {
		return method == "POST" && m.fields.namespace > 0
	}
	_, reads, _ := parsePinecone(method, path)
	return reads > pineconeFetch
}

// Head implements Dialect.
func (Pinecone) Head(method, path, query string, h authz.Header) authz.Operation {
	if overridesMethod(h) {
		return unknown()
	}
	if m, ok := parsePineconeRPC(path); ok {
		return m.head(method, path, h)
	}
	class, reads, namespace := parsePinecone(method, path)
	op := authz.Operation{Class: class, Collection: namespace, Object: path, Complete: true}
	switch {
	case class == authz.ClassUnknown:
		return unknown()
	case reads > pineconeFetch:
		return incomplete(op)
	case class == authz.ClassWrite:
		op.Documents = authz.Unbounded
	case class == authz.ClassExport:
		op.Documents, op.Vectors = authz.Unbounded, authz.Unbounded
	case reads == pineconeFetch: // whatever it asks for, the values come
		ok := parameters(query, func(name, value string) bool {
			switch name {
			case "ids":
				op.Documents++
			case "namespace":
				if op.Collection != "" || len(value) > maxText {
					return false
				}
				op.Collection = value
			}
			return true
		})
		if op.Vectors = op.Documents; !ok {
			return unknown()
		}
	}
	return op
}

// pineconeAsk is what a request asks for. Absent counts are negative.
type pineconeAsk struct {
	limit, ids       int64
	queries, unsized int64 // of the deprecated kind; those that have no limit of their own
	queried          int64 // what the others ask for
	values           bool
	page             bool
	namespaces       names
	fields           selection
	vector           names
	texts            int64
	model            string
}

// Body implements Dialect.
func (d Pinecone) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	if m, ok := parsePineconeRPC(op.Object); ok {
		return d.message(m, op, body)
	}
	_, reads, _ := parsePinecone("POST", op.Object)
	a := pineconeAsk{limit: absent, ids: absent, texts: absent, fields: selection{known: d.Vectors}}
	if op.Collection != "" {
		a.namespaces = names{joined: op.Collection, n: 1}
	}
	err := readObject(body, pineconeKeys(reads), a.member)
	if err == nil && (reads == pineconeQuery || reads == pineconeRecords || reads == pineconeSearch) && a.limit < 0 && a.queries == 0 {
		err = badBody("topK is missing")
	}
	if err == nil && reads == pineconeEmbed && a.texts < 0 {
		err = badBody("inputs is missing")
	}
	if err != nil {
		return op, err
	}
	out := op
	out.Documents, out.Vectors, out.Complete, out.Bytes = a.documents(reads), 0, true, int64(len(body))
	out.Collection, out.Vector, out.Model = a.namespaces.joined, a.vector.joined, a.model
	switch reads {
	case pineconeQuery:
		if a.values {
			out.Vectors = out.Documents
		}
	case pineconeByMetadata, pineconeEmbed:
		out.Vectors = out.Documents
	case pineconeDocuments:
		if !a.fields.stated {
			a.fields.add("*", true)
		}
		out.Vectors = product(out.Documents, a.fields.n)
	case pineconeSearch: // by default a match is an ID and a score
		out.Vectors = product(out.Documents, a.fields.n)
	}
	if a.page {
		out.Class = authz.ClassExport
	}
	return out, nil
}

// documents is how many vectors, records or documents a request is about.
func (a *pineconeAsk) documents(reads pineconeReads) int64 {
	switch reads {
	case pineconeQuery:
		if a.queries > 0 {
			return sum(a.queried, product(a.unsized, limited(a.limit, authz.Unbounded)))
		}
		return limited(a.limit, authz.Unbounded)
	case pineconeRecords, pineconeSearch:
		return limited(a.limit, authz.Unbounded)
	case pineconeByMetadata:
		return limited(a.limit, 100)
	case pineconeDocuments:
		if a.ids >= 0 {
			return a.ids
		}
		return limited(a.limit, 10_000)
	case pineconeEmbed:
		return a.texts
	}
	return authz.Unbounded
}

// pineconeKeys are the keys that matter of a body. Members have a name in either spelling, as everywhere that a message of protobuf is
// written as JSON.
func pineconeKeys(reads pineconeReads) []string {
	switch reads {
	case pineconeQuery:
		return []string{"topK", "top_k", "includeValues", "include_values", "namespace", "queries"}
	case pineconeRecords:
		return []string{"query"}
	case pineconeSearch:
		return []string{"top_k", "include_fields", "score_by"}
	case pineconeDocuments:
		return []string{"ids", "limit", "include_fields", "pagination_token"}
	case pineconeEmbed:
		return []string{"inputs", "model"}
	}
	return []string{"namespace", "limit", "paginationToken", "pagination_token"}
}

// member reads one of pineconeKeys.
func (a *pineconeAsk) member(r *reader, key string) error {
	switch key {
	case "topK", "top_k", "limit":
		return r.limit(key, &a.limit)
	case "includeValues", "include_values":
		yes, err := r.flag(key)
		a.values = a.values || yes
		return err
	case "namespace":
		return a.namespaces.addFrom(r, key)
	case "ids":
		return r.some(key, &a.ids)
	case "paginationToken", "pagination_token":
		c, err := r.peek()
		a.page = a.page || c != 'n'
		return firstOf(err, r.skip)
	case "include_fields":
		return r.each(key, a.fields.star)
	case "inputs":
		return r.some(key, &a.texts)
	case "model":
		var err error
		a.model, err = r.text(key)
		return err
	case "query":
		return r.inner(key, []string{"topK", "top_k"}, a.member)
	case "queries":
		return r.array(func() error {
			one := pineconeAsk{limit: absent}
			err := r.inner("queries", []string{"topK", "top_k", "namespace"}, one.member)
			return firstOf(err, func() error { return a.query(one) })
		})
	case "score_by":
		return r.array(func() error {
			return r.inner(key, []string{"field"}, func(r *reader, key string) error { return a.vector.addFrom(r, key) })
		})
	}
	return r.skip()
}

// query notes one of the deprecated queries.
func (a *pineconeAsk) query(one pineconeAsk) error {
	if a.queries++; one.limit < 0 {
		a.unsized++
	} else {
		a.queried = sum(a.queried, limited(one.limit, 0))
	}
	if one.namespaces.n == 0 {
		return nil
	}
	return a.namespaces.add(one.namespaces.joined)
}

// Carries implements Dialect.
func (d Pinecone) Carries(op authz.Operation) (scan.Format, []scan.Field) {
	if m, ok := parsePineconeRPC(op.Object); ok {
		return scan.FormatGRPC, m.carries()
	}
	_, reads, _ := parsePinecone("POST", op.Object)
	switch {
	case reads == pineconeQuery:
		return scan.FormatJSON, []scan.Field{vectorAt("vector", scan.EncodingFloats), vectorAt("queries[*].values", scan.EncodingFloats)}
	case reads == pineconeRecords:
		return scan.FormatJSON, []scan.Field{vectorAt("query.vector.values", scan.EncodingFloats)}
	case reads == pineconeSearch:
		return scan.FormatJSON, under(op.Vector, scan.EncodingFloats, "score_by[*].values")
	case reads == pineconeWrite:
		return scan.FormatJSON, []scan.Field{vectorAt("vectors[*].values", scan.EncodingFloats), vectorAt("values", scan.EncodingFloats)}
	case op.Class == authz.ClassWrite && strings.HasSuffix(op.Object, "/upsert") && strings.HasPrefix(op.Object, "/records/"):
		return scan.FormatNDJSON, fieldsNamed(d.Vectors, "")
	case op.Class == authz.ClassWrite:
		return scan.FormatJSON, fieldsNamed(d.Vectors, "documents[*].")
	}
	return "", nil
}

// fieldsNamed is where the named vector fields of a document stand, below at.
func fieldsNamed(known []string, at string) []scan.Field {
	out := make([]scan.Field, 0, len(known))
	for _, name := range known {
		out = append(out, scan.Field{Path: at + name, Encoding: scan.EncodingNested, Role: scan.RoleVector, Name: name})
	}
	return out
}

// Answer implements Dialect.
func (d Pinecone) Answer(op authz.Operation, _ authz.Response) Answer {
	if m, ok := parsePineconeRPC(op.Object); ok {
		return judgedGRPC(m.answer()...)
	}
	_, reads, _ := parsePinecone("POST", op.Object)
	switch {
	case reads == pineconeQuery:
		return judgedFields(
			vectorAt("matches[*].values", scan.EncodingFloats), vectorAt("matches[*].sparseValues", scan.EncodingSparse), scoreAt("matches[*].score"),
			vectorAt("results[*].matches[*].values", scan.EncodingFloats), vectorAt("results[*].matches[*].sparseValues", scan.EncodingSparse),
			scoreAt("results[*].matches[*].score"),
		)
	case reads == pineconeByMetadata, op.Class == authz.ClassRead && op.Object == "/vectors/fetch": // by ID, whatever the ID is
		return judgedFields(vectorAt("vectors.**.values", scan.EncodingFloats), vectorAt("vectors.**.sparseValues", scan.EncodingSparse))
	case reads == pineconeRecords:
		return judgedFields(scoreAt("result.hits[*]._score"))
	case reads == pineconeSearch:
		return judgedFields(append(fieldsNamed(d.Vectors, "matches[*]."), scoreAt("matches[*]._score"))...)
	case reads == pineconeDocuments:
		return judgedFields(fieldsNamed(d.Vectors, "documents.**.")...)
	case reads == pineconeEmbed:
		return judgedFields(vectorAt("data[*].values", scan.EncodingFloats), vectorAt("data[*].sparse_values", scan.EncodingFloats))
	}
	return judged()
}
