package dialect

import (
	"strconv"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Weaviate is Weaviate's API: REST (its OpenAPI description), GraphQL (weaviate_graphql.go) and gRPC (weaviate_grpc.go).
//
// An object may hold several named vectors. Where a request asks for all of them, Vectors says how many that is. How many objects a request
// without a limit returns, the server's operator decides: there is no bound then.
type Weaviate struct {
	// Vectors are the names of an object's vectors (authz.Target.Vectors); empty: there is one.
	Vectors []string
}

// Name implements Dialect.
func (Weaviate) Name() string { return "weaviate" }

// weaviateReads says what a REST request's body is read for, or where its answer holds vectors.
type weaviateReads uint8

const (
	weaviateNothing      weaviateReads = iota
	weaviateObject                     // one object, in the path: its answer is the object
	weaviateObjects                    // GET: objects, page by page
	weaviateCreate                     // one object in the body, and in the answer, with the vector that was made of it
	weaviateBatch                      // the same, many
	weaviateGraphQL                    // a query
	weaviateGraphQLBatch               // several
)

// parseWeaviate reads method and path; class is unknown for what the API does not have.
func parseWeaviate(method, path string) (class authz.Class, reads weaviateReads, collection string) {
	rest, ok := strings.CutPrefix(path, "/v1")
	if !ok || rest != "" && rest[0] != '/' {
		return authz.ClassUnknown, weaviateNothing, ""
	}
	area, below, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	read := method == "GET" || method == "HEAD"
	switch area {
	case "objects":
		return weaviateObjectPath(method, below)
	case "batch":
		switch {
		case below == "objects" && method == "POST":
			return authz.ClassWrite, weaviateBatch, ""
		case below == "objects" && method == "DELETE", below == "references" && method == "POST":
			return authz.ClassWrite, weaviateNothing, ""
		}
	case "graphql":
		switch {
		case below == "" && method == "POST":
			return authz.ClassSearch, weaviateGraphQL, ""
		case below == "batch" && method == "POST":
			return authz.ClassSearch, weaviateGraphQLBatch, ""
		}
	case "backups":
		switch {
		case strings.HasSuffix(below, "/restore") && !read, method == "DELETE":
			return authz.ClassAdmin, weaviateNothing, ""
		case read:
			return authz.ClassList, weaviateNothing, ""
		case method == "POST":
			return authz.ClassExport, weaviateNothing, ""
		}
	case "schema":
		collection, _, _ = strings.Cut(below, "/")
		fallthrough
	case "", "meta", ".well-known", "nodes", "cluster", "aliases", "authz", "users", "tasks", "replication":
		class = authz.ClassAdmin
		if read {
			class = authz.ClassList
		}
		return class, weaviateNothing, collection
	}
	return authz.ClassUnknown, weaviateNothing, ""
}

// weaviateObjectPath is what is done with objects, by the path below /v1/objects.
func weaviateObjectPath(method, below string) (class authz.Class, reads weaviateReads, collection string) {
	class, parts := authz.ClassUnknown, strings.Count(below, "/")
	if parts > 0 {
		collection, _, _ = strings.Cut(below, "/")
	}
	switch {
	case below == "" && method == "GET":
		return authz.ClassRead, weaviateObjects, ""
	case below == "" && method == "POST", below == "validate" && method == "POST":
		return authz.ClassWrite, weaviateCreate, ""
	case below == "" || parts > 3:
	case strings.Contains(below, "/references/"):
		if method == "POST" || method == "PUT" || method == "DELETE" {
			class = authz.ClassWrite
		}
	case parts > 1:
	case method == "GET" || method == "HEAD":
		class, reads = authz.ClassRead, weaviateObject
	case method == "PUT" || method == "PATCH" || method == "DELETE":
		class, reads = authz.ClassWrite, weaviateObject
	}
	return class, reads, collection
}

// NeedsBody implements Dialect.
func (Weaviate) NeedsBody(method, path string) bool {
	if m, ok := parseWeaviateRPC(path); ok {
		return method == "POST" && m.class != authz.ClassUnknown && !m.health
	}
	_, reads, _ := parseWeaviate(method, path)
	return reads >= weaviateCreate
}

// Head implements Dialect.
func (d Weaviate) Head(method, path, query string, h authz.Header) authz.Operation {
	if overridesMethod(h) {
		return unknown()
	}
	if m, ok := parseWeaviateRPC(path); ok {
		return m.head(method, path, h)
	}
	class, reads, collection := parseWeaviate(method, path)
	op := authz.Operation{Class: class, Collection: collection, Object: path, Complete: true}
	switch {
	case class == authz.ClassUnknown:
		op = unknown()
		op.Collection = collection
	case reads >= weaviateCreate:
		return incomplete(op)
	case class == authz.ClassExport:
		op.Documents, op.Vectors = authz.Unbounded, authz.Unbounded
	case reads == weaviateObject && class == authz.ClassWrite:
		op.Documents = 1
		if method == "PUT" { // answered with the object
			op.Vectors = d.all()
		}
	case class == authz.ClassWrite:
		op.Documents = authz.Unbounded
	case reads != weaviateNothing:
		if !d.parameters(&op, reads, query) {
			return unknown()
		}
	}
	return op
}

// all is how many vectors an object has.
func (d Weaviate) all() int64 { return int64(max(1, len(d.Vectors))) }

// parameters takes over what the parameters of a GET for objects say; it reports whether they can be read in one way only.
func (d Weaviate) parameters(op *authz.Operation, reads weaviateReads, query string) bool {
	limit, with, after, class := absent, false, false, ""
	ok := parameters(query, func(name, value string) bool {
		switch name {
		case "include":
			for word := range strings.SplitSeq(value, ",") {
				with = with || strings.HasPrefix(strings.ToLower(strings.TrimSpace(word)), "vector")
			}
		case "limit":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || limit >= 0 {
				return false
			}
			limit = max(0, n)
		case "after":
			after = true
		case "class":
			if class != "" || len(value) > maxText {
				return false
			}
			class = value
		}
		return true
	})
	op.Documents = 1
	if reads == weaviateObjects {
		op.Collection, op.Documents = class, limited(limit, authz.Unbounded)
		if after || op.Documents < 0 {
			op.Class = authz.ClassExport
		}
	}
	if with {
		op.Vectors = product(op.Documents, d.all())
	}
	return ok
}

// Body implements Dialect.
func (d Weaviate) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	if m, ok := parseWeaviateRPC(op.Object); ok {
		return d.message(m, op, body)
	}
	out := op
	_, reads, _ := parseWeaviate("POST", op.Object)
	var err error
	switch reads {
	case weaviateCreate:
		out.Documents, out.Vectors = 1, d.all()
		err = readObject(body, []string{"class"}, func(r *reader, key string) (err error) {
			out.Collection, err = r.text(key)
			return err
		})
	case weaviateBatch:
		err = d.batch(&out, body)
	case weaviateGraphQL, weaviateGraphQLBatch:
		err = d.graphQL(&out, body, reads == weaviateGraphQLBatch)
	}
	if err != nil {
		return op, err
	}
	out.Bytes, out.Complete = int64(len(body)), true
	return out, nil
}

// batch reads a batch of objects to write: each comes back with the vector that was made of it.
func (d Weaviate) batch(out *authz.Operation, body []byte) error {
	var classes names
	out.Documents = 0
	err := readObject(body, []string{"objects"}, func(r *reader, _ string) error {
		return r.array(func() error {
			out.Documents++
			return r.members([]string{"class"}, func(r *reader, key string) error { return classes.addFrom(r, key) })
		})
	})
	out.Collection, out.Vectors = classes.joined, product(out.Documents, d.all())
	return err
}

// Carries implements Dialect. Of a GraphQL query only its variables can be opened: what stands in the query's text is text, and refused where
// it is sealed.
func (Weaviate) Carries(op authz.Operation) (scan.Format, []scan.Field) {
	if m, ok := parseWeaviateRPC(op.Object); ok {
		return scan.FormatGRPC, m.carries()
	}
	_, reads, _ := parseWeaviate("POST", op.Object)
	switch {
	case reads == weaviateBatch:
		return scan.FormatJSON, []scan.Field{vectorAt("objects[*].vector", scan.EncodingFloats), vectorsAt("objects[*].vectors")}
	case reads == weaviateGraphQL:
		return scan.FormatJSON, under(op.Vector, scan.EncodingFloats, "variables.**")
	case reads == weaviateGraphQLBatch:
		return scan.FormatJSON, under(op.Vector, scan.EncodingFloats, "[*].variables.**")
	case op.Class == authz.ClassWrite:
		return scan.FormatJSON, []scan.Field{vectorAt("vector", scan.EncodingFloats), vectorsAt("vectors")}
	}
	return "", nil
}

// Answer implements Dialect. Written objects come back with their vectors, made by the server where the request brings none.
func (Weaviate) Answer(op authz.Operation, _ authz.Response) Answer {
	if m, ok := parseWeaviateRPC(op.Object); ok {
		return judgedGRPC(m.answer()...)
	}
	_, reads, _ := parseWeaviate("POST", op.Object)
	object := op.Class == authz.ClassRead || op.Class == authz.ClassWrite
	switch {
	case reads == weaviateGraphQL:
		return judgedFields(weaviateData("data")...)
	case reads == weaviateGraphQLBatch:
		return judgedFields(weaviateData("[*].data")...)
	case reads == weaviateBatch:
		return judgedFields(vectorAt("[*].vector", scan.EncodingFloats), vectorsAt("[*].vectors"))
	case strings.TrimSuffix(op.Object, "/") == "/v1/objects" && op.Class != authz.ClassWrite:
		return judgedFields(vectorAt("objects[*].vector", scan.EncodingFloats), vectorsAt("objects[*].vectors"),
			vectorAt("objects[*].additional.**.vector", scan.EncodingFloats))
	case object:
		return judgedFields(vectorAt("vector", scan.EncodingFloats), vectorsAt("vectors"), vectorAt("additional.**.vector", scan.EncodingFloats))
	}
	return judged()
}

// weaviateData is where the answer to a query, of GraphQL, holds vectors and scores: of hits, of the members of their groups, and of what
// Explore finds. Some scores are strings, and some are told in words.
func weaviateData(at string) []scan.Field {
	out := []scan.Field{
		vectorAt(at+".**.vector", scan.EncodingFloats), vectorsAt(at + ".**.vectors"), scoreAt(at + ".*[*].distance"), scoreAt(at + ".*[*].certainty"),
	}
	hit := at + ".*.*[*]._additional."
	for _, of := range [...]string{hit, hit + "group.hits[*]._additional."} {
		out = append(out, scoreAt(of+"distance"), scoreAt(of+"certainty"), scoreWordsAt(of+"score"), scoreWordsAt(of+"explainScore"), scoreAt(of+"rerank[*].score"))
	}
	return append(out, scoreAt(hit+"group.minDistance"), scoreAt(hit+"group.maxDistance"))
}

// scoreWordsAt is a place of a score that may be a string, or of what tells of one in words.
func scoreWordsAt(path string) scan.Field {
	return scan.Field{Path: path, Encoding: scan.EncodingText, Role: scan.RoleScore}
}
