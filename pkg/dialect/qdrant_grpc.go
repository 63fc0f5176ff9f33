package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// qdrantRPC is a method of Qdrant's gRPC services, and where in its request is what matters.
type qdrantRPC struct {
	class  authz.Class
	reads  qdrantReads
	fields qdrantNumbers
	name   string
}

// qdrantNumbers are field numbers of a request message; 0 for what it does not have. Source: qdrant/qdrant lib/api/src/grpc/proto.
type qdrantNumbers struct {
	collection int32 // 1 everywhere; 0: the request names none, and is not read
	limit, group, sample, ids, with, using,
	prefetch, lookupFrom, withLookup,
	batch int32 // the same request, many times
	points int32 // of a write: what is written
}

// parseQdrantRPC reads a path; ok is false for one that is not of Qdrant's gRPC services.
func parseQdrantRPC(path string) (m qdrantRPC, ok bool) {
	m.class = authz.ClassUnknown
	switch {
	case strings.HasPrefix(path, "/qdrant.Points/"):
		m.name = path[len("/qdrant.Points/"):]
		m.point()
	case strings.HasPrefix(path, "/qdrant.Collections/"):
		m.name = path[len("/qdrant.Collections/"):]
		m.collection()
	case strings.HasPrefix(path, "/qdrant.Snapshots/"):
		m.snapshot(path[len("/qdrant.Snapshots/"):])
	case path == "/qdrant.Qdrant/HealthCheck" || path == "/grpc.health.v1.Health/Check":
		m.class = authz.ClassList
	default:
		return m, strings.HasPrefix(path, "/qdrant.") || strings.HasPrefix(path, "/grpc.")
	}
	return m, true
}

// point fills in a method of Points.
func (m *qdrantRPC) point() {
	m.class = authz.ClassSearch
	f := &m.fields
	f.collection = 1
	switch m.name {
	case "Search":
		m.reads, *f = qdrantHits, qdrantNumbers{collection: 1, limit: 4, using: 10, with: 11}
	case "SearchBatch":
		m.reads, *f = qdrantHitBatch, qdrantNumbers{collection: 1, batch: 2, limit: 4, using: 10, with: 11}
	case "SearchGroups":
		m.reads, *f = qdrantGroups, qdrantNumbers{collection: 1, limit: 4, using: 8, with: 9, group: 11, withLookup: 13}
	case "Recommend":
		m.reads, *f = qdrantHits, qdrantNumbers{collection: 1, limit: 5, using: 11, with: 12, lookupFrom: 13}
	case "RecommendBatch":
		m.reads, *f = qdrantHitBatch, qdrantNumbers{collection: 1, batch: 2, limit: 5, using: 11, with: 12, lookupFrom: 13}
	case "RecommendGroups":
		m.reads, *f = qdrantGroups, qdrantNumbers{collection: 1, limit: 5, using: 9, with: 10, lookupFrom: 11, group: 13, withLookup: 15}
	case "Discover":
		m.reads, *f = qdrantHits, qdrantNumbers{collection: 1, limit: 5, using: 9, with: 10, lookupFrom: 11}
	case "DiscoverBatch":
		m.reads, *f = qdrantHitBatch, qdrantNumbers{collection: 1, batch: 2, limit: 5, using: 9, with: 10, lookupFrom: 11}
	case "Query":
		m.reads, *f = qdrantQuery, qdrantNumbers{collection: 1, prefetch: 2, using: 4, limit: 8, with: 10, lookupFrom: 14}
	case "QueryBatch":
		m.reads, *f = qdrantQueryBatch, qdrantNumbers{collection: 1, batch: 2, prefetch: 2, using: 4, limit: 8, with: 10, lookupFrom: 14}
	case "QueryGroups":
		m.reads = qdrantQueryGroups
		*f = qdrantNumbers{collection: 1, prefetch: 2, using: 4, with: 9, lookupFrom: 10, limit: 11, group: 12, withLookup: 15}
	case "SearchMatrixPairs":
		m.reads, *f = qdrantPairs, qdrantNumbers{collection: 1, sample: 3, limit: 4, using: 5}
	case "SearchMatrixOffsets":
		m.reads, *f = qdrantOffsets, qdrantNumbers{collection: 1, sample: 3, limit: 4, using: 5}
	case "Get":
		m.class, m.reads, *f = authz.ClassRead, qdrantIDs, qdrantNumbers{collection: 1, ids: 2, with: 5}
	case "Scroll":
		m.class, m.reads, *f = authz.ClassExport, qdrantScroll, qdrantNumbers{collection: 1, limit: 4, with: 7}
	case "Facet":
		m.class, m.reads, f.limit = authz.ClassRead, qdrantFacet, 4
	case "Count":
		m.class = authz.ClassList
	case "Upsert", "UpdateVectors", "UpdateBatch":
		m.class, f.points = authz.ClassWrite, 3
	case "Delete", "DeleteVectors", "SetPayload", "OverwritePayload", "DeletePayload", "ClearPayload":
		m.class = authz.ClassWrite
	case "CreateFieldIndex", "DeleteFieldIndex", "CreateVectorName", "DeleteVectorName":
		m.class = authz.ClassAdmin
	default:
		m.class, f.collection = authz.ClassUnknown, 0
	}
}

// collection fills in a method of Collections.
func (m *qdrantRPC) collection() {
	switch m.name {
	case "List", "ListAliases":
		m.class = authz.ClassList
	case "Get", "ListCollectionAliases", "CollectionClusterInfo", "CollectionExists", "ListShardKeys":
		m.class, m.fields.collection = authz.ClassList, 1
	case "Create", "Update", "Delete", "UpdateCollectionClusterSetup", "CreateShardKey", "DeleteShardKey":
		m.class, m.fields.collection = authz.ClassAdmin, 1
	case "UpdateAliases":
		m.class = authz.ClassAdmin
	}
}

// snapshot fills in a method of Snapshots.
func (m *qdrantRPC) snapshot(name string) {
	switch name {
	case "Create":
		m.class, m.fields.collection = authz.ClassExport, 1
	case "CreateFull":
		m.class = authz.ClassExport
	case "List":
		m.class, m.fields.collection = authz.ClassList, 1
	case "ListFull":
		m.class = authz.ClassList
	case "Delete":
		m.class, m.fields.collection = authz.ClassAdmin, 1
	case "DeleteFull":
		m.class = authz.ClassAdmin
	}
}

// head is the operation of a call.
func (m qdrantRPC) head(method, path string, h authz.Header) authz.Operation {
	switch {
	case m.class == authz.ClassUnknown || method != "POST" || !isGRPC(h):
		return unknown()
	case m.fields.collection > 0:
		return incomplete(authz.Operation{Class: m.class, Object: path})
	}
	op := authz.Operation{Class: m.class, Object: path, Complete: true}
	if m.class == authz.ClassExport {
		op.Documents, op.Vectors = authz.Unbounded, authz.Unbounded
	}
	return op
}

// message reads one message of a request.
func (d Qdrant) message(m qdrantRPC, op authz.Operation, msg []byte) (authz.Operation, error) {
	out := begun(op)
	ask := qdrantAsk{all: d.all(), limit: absent, group: absent, sample: absent, ids: absent, collections: earlier(op)}
	if m.reads == qdrantIDs {
		ask.ids = 0
	}
	var docs, vectors, points int64
	seen := uint64(0)
	err := readMessage(msg, func(f *wireField) error {
		switch {
		case m.fields.batch > 0 && f.number != 1 && f.number != m.fields.batch:
			return nil
		case f.number == m.fields.batch:
			n, v, err := ask.nested(m, f)
			docs, vectors = sum(docs, n), sum(vectors, v)
			return err
		case f.number == m.fields.points:
			points++
			return f.message("points", func(*wireField) error { return nil })
		}
		return ask.field(m.fields, f, &seen)
	})
	if err == nil && m.reads != qdrantNothing && m.fields.batch == 0 {
		docs, vectors, err = ask.sum(m.reads)
	}
	if err != nil {
		return op, err
	}
	switch m.class {
	case authz.ClassWrite:
		if docs = points; m.fields.points == 0 || m.name == "UpdateBatch" { // an operation of a batch may hold any number
			docs = authz.Unbounded
		}
	case authz.ClassExport:
		if m.reads == qdrantNothing {
			docs, vectors = authz.Unbounded, authz.Unbounded
		}
	}
	using, err := ask.vectors()
	if err != nil {
		return op, err
	}
	out.Collection, out.Vector = ask.collections.joined, using
	out.Documents, out.Vectors = sum(out.Documents, docs), sum(out.Vectors, vectors)
	out.Bytes += int64(len(msg))
	return out, nil
}

// nested reads one request of a batch.
func (a *qdrantAsk) nested(m qdrantRPC, f *wireField) (docs, vectors int64, err error) {
	a.limit, a.with, a.named = absent, 0, false
	seen := uint64(0)
	err = f.message("a request", func(f *wireField) error { return a.field(m.fields, f, &seen) })
	if err != nil {
		return 0, 0, err
	}
	return a.sum(m.reads)
}

// field reads one field of a request.
func (a *qdrantAsk) field(n qdrantNumbers, f *wireField, seen *uint64) (err error) {
	switch f.number {
	case n.ids:
		a.ids++
		return f.message("ids", func(*wireField) error { return nil })
	case n.prefetch:
		return a.wirePrefetch(f)
	case n.collection, n.limit, n.group, n.sample, n.with, n.using, n.lookupFrom, n.withLookup:
		if err := f.once(seen, "a field"); err != nil {
			return err
		}
	}
	switch f.number {
	case n.collection:
		return a.wireName(f, &a.collections, "collection_name")
	case n.limit:
		a.limit, err = f.whole("limit")
	case n.group:
		a.group, err = f.whole("group_size")
	case n.sample:
		a.sample, err = f.whole("sample")
	case n.with:
		return a.wireSelector(f, &a.with)
	case n.using:
		a.named = true
		return a.wireName(f, &a.using, "using")
	case n.lookupFrom: // LookupLocation
		return f.message("lookup_from", func(f *wireField) error {
			if f.number != 1 {
				return nil
			}
			return a.wireName(f, &a.collections, "lookup_from")
		})
	case n.withLookup: // WithLookup
		a.lookups = 1
		return f.message("with_lookup", func(f *wireField) error {
			switch f.number {
			case 1:
				return a.wireName(f, &a.collections, "with_lookup")
			case 3:
				return a.wireSelector(f, &a.lookup)
			}
			return nil
		})
	}
	return err
}

func (a *qdrantAsk) wireName(f *wireField, to *names, what string) error {
	s, err := f.text(what)
	if err != nil || s == "" && to == &a.collections {
		return err
	}
	return to.add(s)
}

// wireSelector reads a WithVectorsSelector: all or none, or their names. Both at once could be read either way.
func (a *qdrantAsk) wireSelector(f *wireField, n *int64) error {
	seen := 0
	return f.message("with_vectors", func(f *wireField) error {
		if f.number > 2 {
			return nil
		}
		if seen++; seen > 1 {
			return badBody("with_vectors is stated twice")
		}
		if f.number == 1 {
			all, err := f.flag("with_vectors")
			if all {
				*n = a.all
			}
			return err
		}
		return f.message("with_vectors", func(f *wireField) error {
			if f.number == 1 {
				*n++
			}
			return nil
		})
	})
}

// wirePrefetch reads a PrefetchQuery: prefetch=1, query=2, using=3, lookup_from=8. Their depth is bounded by what Qdrant takes, and here by MaxDepth.
func (a *qdrantAsk) wirePrefetch(f *wireField) error { return a.wireSubquery(f, scan.MaxDepth) }

func (a *qdrantAsk) wireSubquery(f *wireField, depth int) error {
	if depth == 0 {
		return badBody("prefetch is nested too deep")
	}
	name, sparse := "", false
	err := f.message("prefetch", func(f *wireField) (err error) {
		switch f.number {
		case 1:
			return a.wireSubquery(f, depth-1)
		case 2: // Query.nearest=1 → VectorInput.sparse=3
			return f.message("query", func(f *wireField) error {
				return inside(f, 1, func(f *wireField) error {
					sparse = sparse || f.number == 3
					return nil
				})
			})
		case 3:
			name, err = f.text("using")
			return err
		case 8:
			var once uint64
			return a.field(qdrantNumbers{lookupFrom: 8}, f, &once)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return a.uses(name, sparse)
}
