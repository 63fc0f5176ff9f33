package vector_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/vector"
)

// TestOpenerOfQdrant: wherever a search of Qdrant's may carry a vector, or several as one, it is opened, row by row. S stands for a vector
// that is sealed; what else looks like one is left.
func TestOpenerOfQdrant(t *testing.T) {
	d := dialect.Qdrant{}
	for object, docs := range map[string][]string{
		"query": {
			`{"query":S,"limit":3}`, `{"query":[S,S],"limit":3}`, `{"query":{"nearest":S}}`, `{"query":{"nearest":[S,S],"mmr":{"diversity":0.5}}}`,
			`{"query":{"recommend":{"positive":[S,[S,S],7,"5c56c793-69f3-4fbf-87e6-c4bf54c28c26"],"negative":[[S]]}}}`,
			`{"query":{"discover":{"target":[S,S],"context":[{"positive":[S],"negative":S},{"positive":1,"negative":[S,S]}]}}}`,
			`{"query":{"context":{"positive":[S,S],"negative":S}}}`, `{"query":{"context":[{"positive":[S,S],"negative":S}]}}`,
			`{"query":{"relevance_feedback":{"target":[S],"feedback":[{"example":[S,S],"score":0.5}]}}}`,
			`{"prefetch":{"query":[S,S]},"query":{"fusion":"rrf"}}`,
			`{"prefetch":[{"prefetch":[{"query":{"recommend":{"positive":[[S,S]]}},"using":"image"}],"query":{"discover":{"target":[S],"context":{"positive":[S],"negative":[S]}}}}],"query":S}`,
			`{"query":"5c56c793-69f3-4fbf-87e6-c4bf54c28c26","limit":3}`, `{"query":{"indices":[1,2],"values":[0.75,0.25]}}`,
		},
		"query/batch":     {`{"searches":[{"query":[S,S]},{"prefetch":[{"query":{"nearest":[S]}}],"query":{"context":{"positive":S,"negative":[S]}}}]}`},
		"search":          {`{"vector":S}`, `{"vector":{"name":"image","vector":S}}`},
		"search/batch":    {`{"searches":[{"vector":S},{"vector":{"name":"image","vector":S}}]}`},
		"recommend":       {`{"positive":[S,1],"negative":[S]}`},
		"discover":        {`{"target":S,"context":[{"positive":S,"negative":S}]}`},
		"recommend/batch": {`{"searches":[{"positive":[S,1],"negative":[S]}]}`},
	} {
		format, fields := d.Carries(authz.Operation{Class: authz.ClassSearch, Collection: "docs", Object: "/collections/docs/points/" + object, Complete: true})
		for _, doc := range docs {
			want := strings.ReplaceAll(doc, "S", "[2,0.5]")
			vectors := int64(strings.Count(doc, "S"))
			got, read, err := through{format: format, fields: fields, opener: backwards{}}.feed([]byte(strings.ReplaceAll(doc, "S", "[0.5,2]")), whole)
			if err != nil || got != want || read.Sealed != vectors {
				t.Errorf("%s: %v, opened %d of %d\n got %s\nwant %s", object, err, read.Sealed, vectors, got, want)
			}
		}
	}
}

// TestOpenerOfQdrantMessages: the same of its gRPC messages, to three levels of what is fetched before.
func TestOpenerOfQdrantMessages(t *testing.T) {
	sealed, open := []float32{.5, 2}, []float32{2, .5}
	// A Vector's data, dense and multi_dense; a VectorInput's dense and multi_dense.
	vectors := func(v []float32) [][]byte {
		return [][]byte{pb(1, v), pb(101, pb(1, v)), pb(103, join(pb(1, pb(1, v)), pb(1, pb(1, v))))}
	}
	inputs := func(v []float32) [][]byte {
		return [][]byte{pb(2, pb(1, v)), pb(4, join(pb(1, pb(1, v)), pb(1, pb(1, v))))}
	}
	discover := func(v []byte) []byte {
		return join(pb(2, pb(1, pb(2, v))), pb(3, join(pb(1, pb(2, v)), pb(2, pb(2, v)))))
	}
	query := func(v []byte) []byte {
		pair := join(pb(1, v), pb(2, v))
		return join(pb(1, v), pb(2, pair), pb(3, join(pb(1, v), pb(2, pb(1, pair)))), pb(4, pb(1, pair)), pb(9, pb(1, v)), pb(11, join(pb(1, v), pb(2, pb(1, v)))))
	}
	points := func(v []byte) []byte { // a QueryPoints: prefetch 2, query 3; a PrefetchQuery has them as 1 and 2
		q := query(v)
		third := pb(2, q)
		second := join(pb(1, third), pb(2, q))
		return join(pb(2, join(pb(1, second), pb(2, q))), pb(3, q))
	}
	batch := func(one func(v []byte) []byte) func(v []byte) []byte {
		return func(v []byte) []byte { return pb(2, one(v)) }
	}
	recommend := func(positive, negative protowire.Number) func(v []byte) []byte {
		return func(v []byte) []byte { return join(pb(1, "docs"), pb(positive, v), pb(negative, v)) }
	}
	for rpc, tc := range map[string]struct {
		values  func(v []float32) [][]byte
		message func(v []byte) []byte
	}{
		"Recommend":       {vectors, recommend(17, 18)},
		"RecommendBatch":  {vectors, batch(recommend(17, 18))},
		"RecommendGroups": {vectors, recommend(18, 19)},
		"Discover":        {vectors, discover},
		"DiscoverBatch":   {vectors, batch(discover)},
		"Query":           {inputs, points},
		"QueryGroups":     {inputs, points},
		"QueryBatch":      {inputs, batch(points)},
	} {
		format, fields := (dialect.Qdrant{}).Carries(authz.Operation{Class: authz.ClassSearch, Collection: "docs", Object: "/qdrant.Points/" + rpc, Complete: true})
		for i, v := range tc.values(sealed) {
			doc, want := sent(tc.message(v)), sent(tc.message(tc.values(open)[i]))
			got, read, err := through{format: format, fields: fields, opener: backwards{}}.feed([]byte(doc), whole)
			if err != nil || got != want || read.Sealed != read.Vectors || read.Sealed == 0 {
				t.Errorf("%s, value %d: %v, %+v\n got %x\nwant %x", rpc, i, err, read, got, want)
			}
		}
	}
}

// TestOpenerOfManyNames: a sealed vector opens under its own name, be it the first, or the last, that the request uses.
func TestOpenerOfManyNames(t *testing.T) {
	ring, err := vector.NewKeyring(make([]byte, vector.MinMaster))
	if err != nil {
		t.Fatal(err)
	}
	sealer, v := vector.NewSealer(ring), sample(40)
	names := []string{"a", "b", "", "c", "d", "e", "f"}
	op := authz.Operation{Class: authz.ClassSearch, Collection: "docs", Vector: strings.Join(names, ","), Complete: true}
	for _, name := range append(names, "other") {
		sealed, err := sealer.Mask(nil, v, vector.Place{Space: "docs", Name: name})
		if err != nil {
			t.Fatal(err)
		}
		op.Object = "/collections/docs/points/query"
		format, fields := (dialect.Qdrant{}).Carries(op)
		th := through{format: format, fields: fields, opener: sealer, opts: vector.Options{Place: vector.Place{Space: "docs"}}}
		_, json, err := th.feed([]byte(`{"prefetch":[{"query":`+jsonOf(sealed)+`}],"query":{"fusion":"rrf"}}`), whole)
		if err != nil {
			t.Fatal(err)
		}
		op.Object = "/qdrant.Points/Query"
		th.format, th.fields = (dialect.Qdrant{}).Carries(op)
		_, grpc, err := th.feed([]byte(sent(pb(3, pb(1, pb(2, pb(1, sealed)))))), whole)
		if err != nil {
			t.Fatal(err)
		}
		opened := int64(0)
		if slices.Contains(names, name) {
			opened = 1
		}
		if json.Sealed != opened || grpc.Sealed != opened || json.Forged != 1-opened || grpc.Forged != 1-opened {
			t.Errorf("%q: JSON %+v, gRPC %+v", name, json, grpc)
		}
	}
}
