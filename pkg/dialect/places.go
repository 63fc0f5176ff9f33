package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/scan"
)

// vectorsAt is a place of a vector, of several by name, of a multi-vector or of a sparse one.
func vectorsAt(path string) scan.Field { return vectorAt(path, scan.EncodingNested) }

// maxTried bounds how many names a sealed vector is tried under: each costs as much as to open it (some microseconds).
const maxTried = 64

// under names the places of a request's vectors. A request may use several names (see names), and does not say at each place which: a
// sealed vector opens under its own only, so all are tried. Under a name beyond maxTried nothing opens, and what is still sealed is refused.
func under(joined string, e scan.Encoding, paths ...string) []scan.Field {
	known := strings.SplitN(joined, ",", maxTried+1)
	known = known[:min(len(known), maxTried)]
	out := make([]scan.Field, len(paths))
	for i, p := range paths {
		out[i] = scan.Field{Path: p, Encoding: e, Role: scan.RoleVector, Name: known[0], Others: known[1:]}
	}
	return out
}

// withNames hands a dialect that takes them the names that only the operator knows; taken is false for one that does not.
func withNames(d Dialect, names []string) (_ Dialect, taken bool) {
	switch d.(type) {
	case Qdrant:
		return Qdrant{Vectors: names}, true
	case Weaviate:
		return Weaviate{Vectors: names}, true
	case Milvus:
		return Milvus{Vectors: names}, true
	case Pinecone:
		return Pinecone{Vectors: names}, true
	case Elastic:
		return Elastic{Vectors: names}, true
	case PostgREST:
		return PostgREST{Vectors: names}, true
	case LanceDB:
		return LanceDB{Vectors: names}, true
	case Turbopuffer:
		return Turbopuffer{Vectors: names}, true
	}
	return d, false
}

// TakesNames reports whether a dialect needs authz.Target.Vectors to know all that holds vectors.
func TakesNames(d Dialect) bool {
	_, taken := withNames(d, nil)
	return taken
}
