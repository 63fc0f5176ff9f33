package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// Qdrant is Qdrant's API, REST (its OpenAPI description) and gRPC (its .proto files; see qdrant_grpc.go). Which of the two a request is,
// its path says.
//
// A point may hold several named vectors. Where a request asks for all of them, Vectors says how many that is; an answer is counted
// exactly whatever it says. Snapshots are exports, and their files are nothing that can be read here: fetching one is refused.
type Qdrant struct {
	// Vectors are the names of a point's vectors (authz.Target.Vectors); empty: there is one.
	Vectors []string
}

// Name implements Dialect.
func (Qdrant) Name() string { return "qdrant" }

// qdrantReads says what a request's body is read for.
type qdrantReads uint8

const (
	qdrantNothing qdrantReads = iota
	qdrantIDs                 // points by ID
	qdrantScroll
	qdrantHits        // one search, recommendation, discovery
	qdrantHitBatch    // several
	qdrantQuery       // one universal query
	qdrantQueryBatch  // several
	qdrantGroups      // hits by group
	qdrantQueryGroups // the same, of a universal query
	qdrantPairs       // distances of pairs
	qdrantOffsets     // the same as a matrix
	qdrantFacet       // values of a payload key
	qdrantPoint       // one point, in the path
)

// qdrantRequest is what a request's method and path say.
type qdrantRequest struct {
	class      authz.Class
	reads      qdrantReads
	collection string
	rest       string // of the path, below the collection
}

// parseQdrant reads method and path; class is unknown for what the API does not have.
func parseQdrant(method, path string) (q qdrantRequest) {
	q.class = authz.ClassUnknown
	rest, ok := strings.CutPrefix(path, "/collections/")
	if !ok {
		q.class = qdrantServer(method, path)
		return q
	}
	q.collection, rest, _ = strings.Cut(rest, "/")
	q.rest = rest
	points, below, _ := strings.Cut(rest, "/")
	switch {
	case q.collection == "aliases" && rest == "" && method == "POST":
		q.collection, q.class = "", authz.ClassAdmin
	case points == "points":
		q.class, q.reads = qdrantPoints(method, below)
	case rest == "facet" && method == "POST":
		q.class, q.reads = authz.ClassRead, qdrantFacet
	case points == "snapshots", strings.HasPrefix(rest, "shards/") && strings.Contains(rest, "/snapshot"):
		q.class = qdrantSnapshots(method, rest)
	case method == "GET" && (rest == "" || rest == "exists" || rest == "aliases" || rest == "cluster" || rest == "shards" || rest == "optimizations"):
		q.class = authz.ClassList
	case rest == "" && (method == "PUT" || method == "PATCH" || method == "DELETE"),
		points == "index" && (method == "PUT" || method == "DELETE"),
		points == "vectors" && (method == "PUT" || method == "DELETE"), // named vectors of the collection, not of points
		rest == "cluster" && method == "POST", rest == "shards" && method == "PUT", rest == "shards/delete" && method == "POST":
		q.class = authz.ClassAdmin
	}
	return q
}

// qdrantServer is the class of what concerns the server as a whole.
func qdrantServer(method, path string) authz.Class {
	switch path {
	case "/", "/collections", "/aliases", "/telemetry", "/metrics", "/healthz", "/livez", "/readyz", "/cluster", "/cluster/telemetry":
		if method == "GET" {
			return authz.ClassList
		}
	case "/cluster/recover", "/locks":
		if method == "POST" {
			return authz.ClassAdmin
		}
	}
	if path == "/snapshots" || strings.HasPrefix(path, "/snapshots/") {
		return qdrantSnapshots(method, strings.TrimPrefix(path, "/"))
	}
	return authz.ClassUnknown
}

// qdrantSnapshots is the class of a request for snapshots: making one and fetching one takes the collection as a whole.
func qdrantSnapshots(method, rest string) authz.Class {
	switch {
	case strings.HasSuffix(rest, "/recover") || strings.HasSuffix(rest, "/upload"), method == "DELETE":
		return authz.ClassAdmin
	case method == "GET" && strings.HasSuffix(rest, "snapshots"):
		return authz.ClassList
	case method == "GET" || method == "POST":
		return authz.ClassExport
	}
	return authz.ClassUnknown
}

// qdrantPoints is what is done with points, by the path below /points.
func qdrantPoints(method, rest string) (authz.Class, qdrantReads) {
	if method == "POST" {
		switch rest {
		case "":
			return authz.ClassRead, qdrantIDs
		case "scroll":
			return authz.ClassExport, qdrantScroll
		case "search", "recommend", "discover":
			return authz.ClassSearch, qdrantHits
		case "search/batch", "recommend/batch", "discover/batch":
			return authz.ClassSearch, qdrantHitBatch
		case "search/groups", "recommend/groups":
			return authz.ClassSearch, qdrantGroups
		case "search/matrix/pairs":
			return authz.ClassSearch, qdrantPairs
		case "search/matrix/offsets":
			return authz.ClassSearch, qdrantOffsets
		case "query":
			return authz.ClassSearch, qdrantQuery
		case "query/batch":
			return authz.ClassSearch, qdrantQueryBatch
		case "query/groups":
			return authz.ClassSearch, qdrantQueryGroups
		case "count":
			return authz.ClassList, qdrantNothing
		case "delete", "payload", "payload/delete", "payload/clear", "vectors/delete", "batch":
			return authz.ClassWrite, qdrantNothing
		}
	}
	switch {
	case method == "PUT" && (rest == "" || rest == "vectors" || rest == "payload"):
		return authz.ClassWrite, qdrantNothing
	case method == "GET" && rest != "" && strings.Trim(rest, "0123456789abcdefABCDEF-") == "": // a number or a UUID
		return authz.ClassRead, qdrantPoint
	}
	return authz.ClassUnknown, qdrantNothing
}

// NeedsBody implements Dialect. Over REST, bodies of writes are not read: they may be large, and nothing in them leaves.
func (Qdrant) NeedsBody(method, path string) bool {
	if m, ok := parseQdrantRPC(path); ok {
		return method == "POST" && m.fields.collection > 0
	}
	q := parseQdrant(method, path)
	return q.reads != qdrantNothing && q.reads != qdrantPoint
}

// Head implements Dialect.
func (d Qdrant) Head(method, path, _ string, h authz.Header) authz.Operation {
	if overridesMethod(h) {
		return unknown()
	}
	if m, ok := parseQdrantRPC(path); ok {
		return m.head(method, path, h)
	}
	q := parseQdrant(method, path)
	op := authz.Operation{Class: q.class, Collection: q.collection, Object: path, Complete: true}
	switch {
	case q.class == authz.ClassUnknown:
		op = unknown()
		op.Collection = q.collection
	case q.reads == qdrantPoint:
		op.Documents, op.Vectors = 1, d.all() // whatever the request says: this route always returns vectors
	case q.reads != qdrantNothing:
		return incomplete(op)
	case q.class == authz.ClassWrite:
		op.Documents = authz.Unbounded
	case q.class == authz.ClassExport:
		op.Documents, op.Vectors = authz.Unbounded, authz.Unbounded
	}
	return op
}

// all is how many vectors a point has.
func (d Qdrant) all() int64 { return int64(max(1, len(d.Vectors))) }

// Body implements Dialect.
func (d Qdrant) Body(op authz.Operation, body []byte) (authz.Operation, error) {
	if m, ok := parseQdrantRPC(op.Object); ok {
		return d.message(m, op, body)
	}
	q := parseQdrant("POST", op.Object)
	ask := qdrantAsk{all: d.all(), limit: absent, group: absent, sample: absent, ids: absent}
	if err := ask.collections.add(op.Collection); err != nil {
		return op, err
	}
	keys := qdrantKeys()
	if q.reads == qdrantHitBatch || q.reads == qdrantQueryBatch {
		keys = []string{"searches"}
	}
	var docs, vectors int64
	err := readObject(body, keys, func(r *reader, key string) error {
		if key != "searches" {
			return ask.member(r, key)
		}
		return r.array(func() error {
			ask.limit, ask.with, ask.named = absent, 0, false
			if err := r.members(qdrantKeys(), ask.member); err != nil {
				return err
			}
			n, v, err := ask.sum(q.reads)
			docs, vectors = sum(docs, n), sum(vectors, v)
			return err
		})
	})
	if err == nil && keys[0] != "searches" {
		docs, vectors, err = ask.sum(q.reads)
	}
	if err != nil {
		return op, err
	}
	using, err := ask.vectors()
	if err != nil {
		return op, err
	}
	op.Documents, op.Vectors = docs, vectors
	op.Collection, op.Vector = ask.collections.joined, using
	op.Bytes, op.Complete = int64(len(body)), true
	return op, nil
}

// Answer implements Dialect. Answers of writes and of administration hold no vectors of the collection.
func (Qdrant) Answer(op authz.Operation, _ authz.Response) Answer {
	if m, ok := parseQdrantRPC(op.Object); ok {
		return judgedGRPC(m.answer()...)
	}
	switch op.Class {
	case authz.ClassSearch, authz.ClassRead, authz.ClassExport:
		q := parseQdrant("POST", op.Object)
		if q.class == authz.ClassUnknown {
			q = parseQdrant("GET", op.Object)
		}
		return judgedFields(qdrantFields(q.reads)...)
	}
	return judged()
}

// qdrantFields is where an answer holds vectors and scores.
func qdrantFields(reads qdrantReads) []scan.Field {
	switch reads {
	case qdrantPoint:
		return []scan.Field{vectorsAt("result.vector")}
	case qdrantIDs:
		return []scan.Field{vectorsAt("result[*].vector")}
	case qdrantScroll:
		return []scan.Field{vectorsAt("result.points[*].vector")}
	case qdrantHits:
		return []scan.Field{vectorsAt("result[*].vector"), scoreAt("result[*].score")}
	case qdrantHitBatch:
		return []scan.Field{vectorsAt("result[*][*].vector"), scoreAt("result[*][*].score")}
	case qdrantQuery:
		return []scan.Field{vectorsAt("result.points[*].vector"), scoreAt("result.points[*].score")}
	case qdrantQueryBatch:
		return []scan.Field{vectorsAt("result[*].points[*].vector"), scoreAt("result[*].points[*].score")}
	case qdrantGroups, qdrantQueryGroups:
		return []scan.Field{
			vectorsAt("result.groups[*].hits[*].vector"), scoreAt("result.groups[*].hits[*].score"), vectorsAt("result.groups[*].lookup.vector"),
		}
	case qdrantPairs:
		return []scan.Field{scoreAt("result.pairs[*].score")}
	case qdrantOffsets:
		return []scan.Field{scoreAt("result.scores[*]")}
	}
	return nil
}
