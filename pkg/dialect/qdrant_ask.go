package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// qdrantAsk is what one search, query or scroll asks for. It is read from JSON and from protobuf alike. Absent counts are negative.
type qdrantAsk struct {
	all                       int64 // vectors of a point
	limit, group, sample, ids int64
	with                      int64 // vectors asked for of each point
	lookups, lookup           int64 // points looked up for each group, and vectors of each
	named                     bool  // this request named its vector
	using, collections        names
	sparse                    names // of using: those that subqueries search by sparse vectors only, which are never sealed
}

// sum returns how many points and vectors the request asks for, with the API's own limits where it states none. A search without a limit
// is refused by old routes and has one of 10 on newer ones.
func (a *qdrantAsk) sum(reads qdrantReads) (docs, vectors int64, err error) {
	limit := limited(a.limit, 10)
	switch reads {
	case qdrantIDs:
		return a.ids, product(a.ids, a.with), a.missing(a.ids, "ids")
	case qdrantHits, qdrantHitBatch:
		err = a.missing(a.limit, "limit")
	case qdrantGroups:
		if err = a.missing(a.limit, "limit"); err == nil {
			err = a.missing(a.group, "group_size")
		}
		fallthrough
	case qdrantQueryGroups:
		docs = product(limit, limited(a.group, 3))
		vectors = sum(product(docs, a.with), product(product(limit, a.lookups), a.lookup))
		docs = sum(docs, product(limit, a.lookups))
		return docs, vectors, err
	case qdrantPairs, qdrantOffsets: // limit neighbours of each of sample points
		return limited(a.sample, 10), 0, nil
	}
	if reads != qdrantScroll && reads != qdrantFacet && !a.named {
		err = firstOf(err, func() error { return a.using.add("") })
	}
	return limit, product(limit, a.with), err
}

func (a *qdrantAsk) missing(n int64, what string) error {
	if n < 0 {
		return badBody("%s is missing", what)
	}
	return nil
}

// qdrantKeys are the keys that matter of a request.
func qdrantKeys() []string {
	return []string{
		"limit", "top", "group_size", "sample", "ids", "with_vector", "with_vectors", "using", "vector", "prefetch", "lookup_from", "with_lookup",
	}
}

// member reads one of qdrantKeys. Versions call the same thing by either of two names, which never stand side by side.
func (a *qdrantAsk) member(r *reader, key string) error {
	switch key {
	case "limit", "top":
		return r.limit("limit", &a.limit)
	case "group_size":
		return r.limit(key, &a.group)
	case "sample":
		return r.limit(key, &a.sample)
	case "ids":
		n, present, err := r.count(key)
		if present {
			a.ids = n
		}
		return err
	case "with_vector", "with_vectors":
		if a.with > 0 {
			return badBody("with_vector is stated twice")
		}
		return a.selector(r, &a.with)
	case "using":
		a.named = true
		return a.name(r)
	case "vector":
		return a.vector(r)
	case "prefetch":
		return a.prefetch(r)
	case "lookup_from":
		return r.inner(key, []string{"collection"}, func(r *reader, key string) error { return a.collections.addFrom(r, key) })
	case "with_lookup":
		return a.withLookup(r)
	}
	return r.skip()
}

// selector reads which vectors are asked for: true, false, or their names.
func (a *qdrantAsk) selector(r *reader, n *int64) error {
	c, err := r.peek()
	if err != nil {
		return err
	}
	if c == '[' {
		*n, _, err = r.count("with_vector")
		return err
	}
	all, err := r.flag("with_vector")
	if all {
		*n = a.all
	}
	return err
}

// name reads the name of the vector that is searched by; null is the unnamed one.
func (a *qdrantAsk) name(r *reader) error {
	s, err := r.text("using")
	if err != nil {
		return err
	}
	return a.using.add(s)
}

// vector reads the vector of an old search: itself, or with its name.
func (a *qdrantAsk) vector(r *reader) error {
	c, err := r.peek()
	if err != nil || c != '{' {
		return firstOf(err, r.skip)
	}
	return r.members([]string{"name"}, func(r *reader, _ string) error {
		a.named = true
		return a.name(r)
	})
}

// prefetch reads one subquery, or several: their limits bound nothing that leaves, but each names the vector that it uses.
func (a *qdrantAsk) prefetch(r *reader) error {
	c, err := r.peek()
	switch {
	case err != nil:
		return err
	case c == 'n':
		return r.skip()
	case c == '[':
		return r.array(func() error { return a.subquery(r) })
	}
	return a.subquery(r)
}

func (a *qdrantAsk) subquery(r *reader) error {
	name, sparse := "", false
	err := r.members([]string{"using", "query", "prefetch", "lookup_from"}, func(r *reader, key string) (err error) {
		switch key {
		case "using":
			name, err = r.text(key)
			return err
		case "query":
			sparse, err = r.sparse()
			return err
		case "prefetch":
			return a.prefetch(r)
		}
		return a.member(r, key)
	})
	if err != nil {
		return err
	}
	return a.uses(name, sparse)
}

// uses notes the name of the vector that a subquery searches by. What the subqueries use is what the request uses, unless it says more.
func (a *qdrantAsk) uses(name string, sparse bool) error {
	a.named = true
	if sparse {
		return a.sparse.add(name)
	}
	return a.using.add(name)
}

// vectors returns the names that the request uses, those of sparse vectors last.
func (a *qdrantAsk) vectors() (string, error) {
	if a.sparse.n > 0 {
		for name := range strings.SplitSeq(a.sparse.joined, ",") {
			if err := a.using.add(name); err != nil {
				return "", err
			}
		}
	}
	return a.using.joined, nil
}

// sparse consumes what is searched by, and reports whether it is a sparse vector.
func (r *reader) sparse() (yes bool, err error) {
	c, err := r.peek()
	if err != nil || c != '{' {
		return false, firstOf(err, r.skip)
	}
	err = r.members([]string{"indices", "nearest"}, func(r *reader, key string) (err error) {
		if key == "indices" {
			yes = true
			return r.skip()
		}
		yes, err = r.sparse()
		return err
	})
	return yes, err
}

// withLookup reads where groups look up their points: a collection, or a collection and what is wanted of it.
func (a *qdrantAsk) withLookup(r *reader) error {
	c, err := r.peek()
	switch {
	case err != nil:
		return err
	case c == 'n':
		return r.skip()
	case c == '"':
		a.lookups = 1
		return a.collections.addFrom(r, "with_lookup")
	}
	a.lookups = 1
	return r.members([]string{"collection", "with_vectors", "with_vector"}, func(r *reader, key string) error {
		switch {
		case key == "collection":
			return a.collections.addFrom(r, key)
		case a.lookup > 0:
			return badBody("with_vectors is stated twice")
		}
		return a.selector(r, &a.lookup)
	})
}

// Carries implements Dialect. Searches carry vectors under the name they use, writes under the names that stand with them.
func (d Qdrant) Carries(op authz.Operation) (scan.Format, []scan.Field) {
	if m, ok := parseQdrantRPC(op.Object); ok {
		return scan.FormatGRPC, m.carries(op)
	}
	if op.Class == authz.ClassWrite {
		return scan.FormatJSON, []scan.Field{
			vectorsAt("points[*].vector"), vectorsAt("batch.vectors"),
			vectorsAt("operations[*].upsert.points[*].vector"), vectorsAt("operations[*].upsert.batch.vectors"),
			vectorsAt("operations[*].update_vectors.points[*].vector"),
		}
	}
	switch parseQdrant("POST", op.Object).reads {
	case qdrantHits, qdrantGroups, qdrantQuery, qdrantQueryGroups:
		return scan.FormatJSON, qdrantInputs(op.Vector, "")
	case qdrantHitBatch, qdrantQueryBatch:
		return scan.FormatJSON, qdrantInputs(op.Vector, "searches[*].")
	}
	return "", nil
}

// qdrantInputs are the places of what is searched by: anywhere below the members that may hold it. A point, a vector, several as one, pairs
// of them as a context, and all of that again in what is fetched before.
func qdrantInputs(using, at string) []scan.Field {
	return under(using, scan.EncodingFloats,
		at+"vector.**", at+"positive.**", at+"negative.**", at+"target.**", at+"context.**", at+"query.**", at+"prefetch.**")
}
