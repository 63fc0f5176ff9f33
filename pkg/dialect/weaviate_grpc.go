package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// weaviateRPC is a method of Weaviate's gRPC service. Source: weaviate/weaviate grpc/proto/v1.
type weaviateRPC struct {
	class  authz.Class
	name   string
	health bool
}

// parseWeaviateRPC reads a path; ok is false for one that is no gRPC method.
func parseWeaviateRPC(path string) (m weaviateRPC, ok bool) {
	m.class = authz.ClassUnknown
	name, ok := strings.CutPrefix(path, "/weaviate.v1.Weaviate/")
	if !ok {
		if path == "/grpc.health.v1.Health/Check" {
			return weaviateRPC{class: authz.ClassList, health: true}, true
		}
		return m, strings.HasPrefix(path, "/weaviate.") || strings.HasPrefix(path, "/grpc.")
	}
	m.name = name
	switch name {
	case "Search":
		m.class = authz.ClassSearch
	case "Aggregate":
		m.class = authz.ClassRead
	case "BatchObjects", "BatchStream", "BatchReferences", "BatchDelete":
		m.class = authz.ClassWrite
	case "TenantsGet":
		m.class = authz.ClassList
	}
	return m, true
}

// head is the operation of a call.
func (m weaviateRPC) head(method, path string, h authz.Header) authz.Operation {
	switch {
	case m.class == authz.ClassUnknown || method != "POST" || !isGRPC(h):
		return unknown()
	case m.health:
		return authz.Operation{Class: m.class, Object: path, Complete: true}
	}
	return incomplete(authz.Operation{Class: m.class, Object: path})
}

// message reads one message of a request.
func (d Weaviate) message(m weaviateRPC, op authz.Operation, msg []byte) (authz.Operation, error) {
	out := begun(op)
	q := weaviateSearch{all: d.all(), classes: earlier(op)}
	var err error
	switch m.name {
	case "Search":
		err = q.read(msg)
		out.Class = q.class()
	case "Aggregate":
		err = readMessage(msg, q.aggregate)
		if q.searches {
			out.Class = authz.ClassSearch
		}
	case "BatchObjects": // objects=1
		err = readMessage(msg, q.objectsIn(1))
	case "BatchStream": // data=2 → objects=1 → values=1
		err = readMessage(msg, func(f *wireField) error {
			return inside(f, 2, func(f *wireField) error {
				return inside(f, 1, q.objectsIn(1))
			})
		})
	case "BatchReferences":
		q.docs = authz.Unbounded
	case "BatchDelete", "TenantsGet": // collection=1
		if m.name == "BatchDelete" {
			q.docs = authz.Unbounded
		}
		err = readMessage(msg, func(f *wireField) error {
			if f.number != 1 {
				return nil
			}
			return q.className(f)
		})
	}
	if err != nil {
		return op, err
	}
	out.Collection, out.Vector = q.classes.joined, q.targets.joined
	out.Documents, out.Vectors = sum(out.Documents, q.docs), sum(out.Vectors, q.vectors)
	out.Bytes += int64(len(msg))
	return out, nil
}

// inside reads the message that f holds, if it has that number.
func inside(f *wireField, number int32, field func(f *wireField) error) error {
	if f.number != number {
		return nil
	}
	return f.message("a field", field)
}

// weaviateSearch is what a SearchRequest, an AggregateRequest or objects to write ask for.
type weaviateSearch struct {
	all                  int64
	docs, vectors        int64
	limit, groups, group int64
	grouped, searches    bool
	after                bool
	with, references     int64 // vectors of each object; of each object that references lead to
	ids                  int64 // a filter by ID: how many
	classes, targets     names
}

func (q *weaviateSearch) class() authz.Class {
	switch {
	case q.after || q.docs < 0 && !q.searches:
		return authz.ClassExport
	case q.searches:
		return authz.ClassSearch
	}
	return authz.ClassRead
}

func (q *weaviateSearch) className(f *wireField) error {
	s, err := f.text("collection")
	if err != nil {
		return err
	}
	return q.classes.add(s)
}

// objectsIn reads objects to write: collection=4.
func (q *weaviateSearch) objectsIn(number int32) func(f *wireField) error {
	return func(f *wireField) error {
		if f.number == number {
			q.docs++
		}
		return inside(f, number, func(f *wireField) error {
			if f.number != 4 {
				return nil
			}
			return q.className(f)
		})
	}
}

// read reads a SearchRequest: collection=1, properties=20, metadata=21, group_by=22, limit=30, after=33, filters=40; what searches is 41
// to 51.
func (q *weaviateSearch) read(msg []byte) error {
	var seen uint64
	err := readMessage(msg, func(f *wireField) (err error) {
		if f.number <= 51 && f.number != 34 { // all but sort_by
			if err := f.once(&seen, "a field"); err != nil {
				return err
			}
		}
		switch f.number {
		case 1:
			return q.className(f)
		case 20:
			return q.properties(f, 0)
		case 21:
			return q.metadata(f, &q.with)
		case 22:
			q.grouped = true
			return q.groupBy(f)
		case 30:
			q.limit, err = f.whole("limit")
		case 33:
			var s string
			s, err = f.text("after")
			q.after = s != ""
		case 40:
			return q.filter(f)
		default:
			return q.searcher(f)
		}
		return err
	})
	if err != nil {
		return err
	}
	q.docs = limited(q.limit, authz.Unbounded)
	if q.limit == 0 && q.ids > 0 {
		q.docs = q.ids
	}
	if q.grouped {
		q.docs = sum(q.docs, product(limited(q.groups, authz.Unbounded), limited(q.group, authz.Unbounded)))
	}
	q.vectors = product(q.docs, q.with)
	if q.references > 0 { // how many objects references lead to is not said
		q.vectors = authz.Unbounded
	}
	return nil
}

// aggregate reads a field of an AggregateRequest: collection=1; what searches is 41 to 50: there is no
// bm25_search, and so what follows is one less than it is in a search.
func (q *weaviateSearch) aggregate(f *wireField) error {
	if f.number == 1 {
		return q.className(f)
	}
	if f.number > 41 { // hybrid
		f.number++
	}
	return q.searcher(f)
}

// searcher reads what searches: hybrid_search=41, bm25_search=42, near_vector=43, near_object=44 … near_imu=51, and the named vectors that
// it uses: target_vectors is deprecated, targets holds them now.
func (q *weaviateSearch) searcher(f *wireField) error {
	if f.number < 41 || f.number > 51 {
		return nil
	}
	q.searches = true
	var old, targets int32
	switch f.number {
	case 41:
		old, targets = 7, 10
	case 42:
		return nil
	case 43:
		old, targets = 5, 6
	case 45:
		old, targets = 6, 7
	default:
		old, targets = 4, 5
	}
	had := q.targets.n
	err := f.message("a search", func(f *wireField) error {
		switch f.number {
		case old:
			return q.target(f)
		case targets: // Targets.target_vectors=1
			return f.message("targets", func(f *wireField) error {
				if f.number != 1 {
					return nil
				}
				return q.target(f)
			})
		case 9: // Hybrid.near_vector → Targets
			if old != 7 {
				return nil
			}
			return f.message("near_vector", func(f *wireField) error {
				return inside(f, 6, func(f *wireField) error {
					if f.number != 1 {
						return nil
					}
					return q.target(f)
				})
			})
		}
		return nil
	})
	if err != nil || q.targets.n > had {
		return err
	}
	return q.targets.add("")
}

func (q *weaviateSearch) target(f *wireField) error {
	s, err := f.text("target_vectors")
	if err != nil {
		return err
	}
	return q.targets.add(s)
}

// metadata reads a MetadataRequest: vector=2, vectors=10 by name. Where both are asked for, all are returned, and the named ones among
// them.
func (q *weaviateSearch) metadata(f *wireField, n *int64) error {
	all, some := false, int64(0)
	err := f.message("metadata", func(f *wireField) (err error) {
		switch f.number {
		case 2:
			all, err = f.flag("vector")
		case 10:
			_, err = f.text("vectors")
			some++
		}
		return err
	})
	switch {
	case all:
		*n += max(q.all, some)
	default:
		*n += some
	}
	return err
}

// properties reads a PropertiesRequest: ref_properties=2 → properties=2, metadata=3. Where deep references hold their vectors, no field
// path says.
func (q *weaviateSearch) properties(f *wireField, depth int) error {
	return f.message("properties", func(f *wireField) error {
		return inside(f, 2, func(f *wireField) error {
			switch f.number {
			case 2:
				if depth == scan.MaxDepth {
					return badBody("references are nested too deep")
				}
				return q.properties(f, depth+1)
			case 3:
				had := q.references
				err := q.metadata(f, &q.references)
				if err == nil && q.references > had && depth >= weaviateRefs {
					return badBody("vectors are asked for behind more than %d references", weaviateRefs)
				}
				return err
			}
			return nil
		})
	})
}

// groupBy reads a GroupBy: number_of_groups=2, objects_per_group=3.
func (q *weaviateSearch) groupBy(f *wireField) error {
	return f.message("group_by", func(f *wireField) (err error) {
		switch f.number {
		case 2:
			q.groups, err = f.whole("number_of_groups")
		case 3:
			q.group, err = f.whole("objects_per_group")
		}
		return err
	})
}

// filter reads a filter as far as it names objects: operator=1 equal (1) with value_text=4, or contains any (12) with value_text_array=9,
// of target=20 → property=1 "_id".
func (q *weaviateSearch) filter(f *wireField) error {
	var operator, texts, arrays int64
	byID := false
	err := f.message("filters", func(f *wireField) (err error) {
		switch f.number {
		case 1:
			operator, err = f.whole("operator")
		case 4:
			texts++
		case 9:
			return f.message("value_text_array", func(*wireField) error {
				arrays++
				return nil
			})
		case 20:
			byID = false // the last one counts
			return f.message("target", func(f *wireField) error {
				byID = f.number == 1 && f.is == wireBytes && string(f.bytes) == "_id"
				return nil
			})
		}
		return err
	})
	switch {
	case !byID:
	case operator == 1 && texts == 1 && arrays == 0:
		q.ids = 1
	case operator == 12 && texts == 0:
		q.ids = arrays
	}
	return err
}
