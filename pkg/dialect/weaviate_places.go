package dialect

import "github.com/weirgate/weir/pkg/scan"

// weaviateRefs is behind how many references vectors may be asked for.
const weaviateRefs = 2

// answer is where the messages of an answer hold vectors and scores, by field numbers. Writes answer with IDs and errors only.
func (m weaviateRPC) answer() []scan.Field {
	if m.name != "Search" {
		return nil
	}
	out := make([]scan.Field, 0, 37)
	for _, result := range [...]string{"2", "4.5"} { // results, group_by_results → objects
		out = append(out, scoreAt(result+".2.7"), scoreAt(result+".2.9"), scoreAt(result+".2.11"), scoreWordsAt(result+".2.13"), scoreAt(result+".2.21"))
		at := result + ".2" // metadata
		out = weaviateVectors(out, at+".2", at+".19", at+".23")
		at = result + ".1" // properties → metadata, ref_props → properties → metadata
		for range weaviateRefs + 1 {
			out = weaviateVectors(out, at+".4.2", at+".4.19", at+".4.23")
			at += ".2.1"
		}
	}
	return append(out, scoreAt("4.2"), scoreAt("4.3"), scoreAt("4.6.1"))
}

// weaviateVectors adds the places of an object's vectors: repeated floats (deprecated), their bytes, and Vectors by name (name=1,
// vector_bytes=3). The bytes of a multi-vector (type=4 is 2) are its rows end to end, after their length in two bytes.
func weaviateVectors(to []scan.Field, floats, packed, named string) []scan.Field {
	return append(to, vectorAt(floats, scan.EncodingFloats), vectorAt(packed, scan.EncodingF32),
		scan.Field{Path: named + ".3", Encoding: scan.EncodingF32, Role: scan.RoleVector, Named: named + ".1"})
}

// carries is where the messages of a request hold vectors.
func (m weaviateRPC) carries() []scan.Field {
	switch m.name {
	case "BatchObjects":
		return weaviateVectors(nil, "1.2", "1.6", "1.23")
	case "BatchStream":
		return weaviateVectors(nil, "2.1.1.2", "2.1.1.6", "2.1.1.23")
	case "Search": // hybrid_search=41, near_vector=43
		return weaviateNear(weaviateHybrid(), "43")
	case "Aggregate": // near_vector=42
		return weaviateNear(weaviateHybrid(), "42")
	}
	return nil
}

// weaviateHybrid is the places of a Hybrid: its vector, as floats (3) and as bytes (6), both deprecated, near_vector (9), vectors (21).
func weaviateHybrid() []scan.Field {
	return weaviateNear(weaviateVectors(nil, "41.3", "41.6", "41.21"), "41.9")
}

// weaviateNear adds the places of a NearVector: its vector, as floats (1) and as bytes (4), both deprecated; those by target, as a map (7,
// deprecated) and as VectorForTarget (8: name=1, vector_bytes=2, vectors=3); and vectors (9).
func weaviateNear(to []scan.Field, at string) []scan.Field {
	to = weaviateVectors(to, at+".1", at+".4", at+".9")
	return append(to,
		scan.Field{Path: at + ".7.2", Encoding: scan.EncodingF32, Role: scan.RoleVector, Named: at + ".7.1"},
		scan.Field{Path: at + ".8.2", Encoding: scan.EncodingF32, Role: scan.RoleVector, Named: at + ".8.1"},
		scan.Field{Path: at + ".8.3.3", Encoding: scan.EncodingF32, Role: scan.RoleVector, Named: at + ".8.1"})
}
