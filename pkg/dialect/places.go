package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/scan"
)

// vectorsAt is a place of a vector, of several by name, of a multi-vector or of a sparse one.
func vectorsAt(path string) scan.Field { return vectorAt(path, scan.EncodingNested) }

// under names the places of a request's vectors: each path once for each of the joined names (see names), because a request may use several
// and a sealed vector opens under its own only.
func under(joined string, e scan.Encoding, paths ...string) []scan.Field {
	out := make([]scan.Field, 0, len(paths))
	for name := range strings.SplitSeq(joined, ",") {
		for _, p := range paths {
			if len(out) < maxPlaces {
				out = append(out, scan.Field{Path: p, Encoding: e, Role: scan.RoleVector, Name: name})
			}
		}
	}
	return out
}

// maxPlaces is how many field paths one document may have (scan.CompilePaths).
const maxPlaces = 64

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
