package dialect

import (
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
)

// answer is where the messages of an answer hold vectors and scores, by field numbers.
func (m qdrantRPC) answer() []scan.Field {
	switch m.reads {
	case qdrantIDs: // GetResponse.result → RetrievedPoint.vectors
		return qdrantOutputs(room(), "1.4")
	case qdrantScroll: // ScrollResponse.result
		return qdrantOutputs(room(), "2.4")
	case qdrantHits, qdrantQuery: // SearchResponse.result → ScoredPoint
		return append(qdrantOutputs(room(), "1.6"), scoreAt("1.3"))
	case qdrantHitBatch, qdrantQueryBatch: // SearchBatchResponse.result → BatchResult.result
		return append(qdrantOutputs(room(), "1.1.6"), scoreAt("1.1.3"))
	case qdrantGroups, qdrantQueryGroups: // SearchGroupsResponse.result → groups → hits, lookup
		return append(qdrantOutputs(qdrantOutputs(room(), "1.1.2.6"), "1.1.3.4"), scoreAt("1.1.2.3"))
	case qdrantPairs:
		return []scan.Field{scoreAt("1.1.3")}
	case qdrantOffsets:
		return []scan.Field{scoreAt("1.3")}
	}
	return nil
}

// room is enough for what an answer holds, unless groups look points up.
func room() []scan.Field { return make([]scan.Field, 0, 13) }

// qdrantOutputs adds the places of a VectorsOutput, or of the Vectors of a write, whose fields are the same: one vector (1), or named ones
// (2 → a map, whose keys are the names).
func qdrantOutputs(to []scan.Field, at string) []scan.Field {
	to = qdrantVector(to, at+".1", "")
	return qdrantVector(to, at+".2.1.2", at+".2.1.1")
}

// qdrantVector adds the places of one Vector or VectorOutput: data, indices and vectors_count (1, 2, 3, deprecated; servers may fill them
// beside the new ones), dense (101), sparse (102), multi_dense (103).
func qdrantVector(to []scan.Field, at, name string) []scan.Field {
	values := func(path string) scan.Field {
		return scan.Field{Path: at + path, Encoding: scan.EncodingFloats, Role: scan.RoleVector, Named: name}
	}
	indices := func(path string) scan.Field {
		return scan.Field{Path: at + path, Encoding: scan.EncodingInts, Role: scan.RoleIndices, Named: name}
	}
	data := values(".1")
	data.Rows = at + ".3"
	return append(to, data, indices(".2.1"), values(".101.1"), values(".102.1"), indices(".102.2"), values(".103.1.1"))
}

// carries is where the messages of a request hold dense vectors, or several of them as one.
func (m qdrantRPC) carries(op authz.Operation) []scan.Field {
	switch m.name {
	case "Upsert": // points → PointStruct.vectors
		return qdrantOutputs(nil, "3.4")
	case "UpdateVectors": // points → PointVectors.vectors
		return qdrantOutputs(nil, "3.2")
	case "UpdateBatch": // operations → upsert.points, update_vectors.points
		return qdrantOutputs(qdrantOutputs(nil, "3.1.1.4"), "3.7.1.2")
	case "Search", "SearchGroups":
		return under(op.Vector, scan.EncodingFloats, "2")
	case "SearchBatch":
		return under(op.Vector, scan.EncodingFloats, "2.2")
	case "Recommend": // positive_vectors, negative_vectors
		return under(op.Vector, scan.EncodingFloats, "17.1", "17.101.1", "17.103.1.1", "18.1", "18.101.1", "18.103.1.1")
	case "RecommendBatch":
		return under(op.Vector, scan.EncodingFloats, "2.17.1", "2.17.101.1", "2.17.103.1.1", "2.18.1", "2.18.101.1", "2.18.103.1.1")
	case "RecommendGroups":
		return under(op.Vector, scan.EncodingFloats, "18.1", "18.101.1", "18.103.1.1", "19.1", "19.101.1", "19.103.1.1")
	case "Discover": // target.single.vector, context.positive.vector, context.negative.vector
		return under(op.Vector, scan.EncodingFloats, qdrantPairPlaces("")...)
	case "DiscoverBatch":
		return under(op.Vector, scan.EncodingFloats, qdrantPairPlaces("2.")...)
	case "Query", "QueryGroups": // query, and those of three levels of prefetch
		return under(op.Vector, scan.EncodingFloats, qdrantQueryPlaces("3.", "2.2.", "2.1.2.", "2.1.1.2.")...)
	case "QueryBatch":
		return under(op.Vector, scan.EncodingFloats, qdrantQueryPlaces("2.3.", "2.2.2.", "2.2.1.2.", "2.2.1.1.2.")...)
	}
	return nil
}

// qdrantPairPlaces are the places of vectors in a DiscoverPoints: what they hold is a Vector, see qdrantVector.
func qdrantPairPlaces(at string) []string {
	var out []string
	for _, place := range [...]string{"2.1.2", "3.1.2", "3.2.2"} {
		for _, v := range [...]string{".1", ".101.1", ".103.1.1"} {
			out = append(out, at+place+v)
		}
	}
	return out
}

// qdrantQueryPlaces are the places of vectors in a Query: nearest (1), recommend (2), discover (3), context (4), nearest_with_mmr (9),
// relevance_feedback (11). What they hold is a VectorInput, whose dense is 2 and whose multi_dense is 4.
func qdrantQueryPlaces(at ...string) []string {
	var out []string
	for _, q := range at {
		for _, input := range [...]string{"1", "2.1", "2.2", "3.1", "3.2.1.1", "3.2.1.2", "4.1.1", "4.1.2", "9.1", "11.1", "11.2.1"} {
			out = append(out, q+input+".2.1", q+input+".4.1.1")
		}
	}
	return out
}
