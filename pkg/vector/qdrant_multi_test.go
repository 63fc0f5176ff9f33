package vector_test

import (
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

// TestOpenerOfMultiVectors: a query of Qdrant's by several vectors at once, or by what is like them, is opened row by row.
func TestOpenerOfMultiVectors(t *testing.T) {
	d := dialect.Qdrant{}
	op := authz.Operation{Class: authz.ClassSearch, Collection: "docs", Object: "/collections/docs/points/query", Complete: true}
	format, fields := d.Carries(op)
	th := through{format: format, fields: fields, opener: twice{}}
	for name, tc := range map[string]struct {
		doc     string
		vectors int64
	}{
		"dense":        {`{"query":[1,2],"limit":3}`, 1},
		"multi":        {`{"query":[[1,2],[3,4]],"limit":3}`, 2},
		"nearest":      {`{"query":{"nearest":[[1,2],[3,4]]},"limit":3}`, 2},
		"recommend":    {`{"query":{"recommend":{"positive":[[1,2],[[1,2],[3,4]],7,"5c56c793-69f3-4fbf-87e6-c4bf54c28c26"],"negative":[[[5,6]]]}}}`, 4},
		"an ID":        {`{"query":"5c56c793-69f3-4fbf-87e6-c4bf54c28c26","limit":3}`, 0},
		"a sparse one": {`{"query":{"indices":[1,2],"values":[0.5,0.25]}}`, 0},
	} {
		want := tc.doc
		if tc.vectors > 0 {
			want = strings.NewReplacer("1,2]", "2,4]", "3,4]", "6,8]", "5,6]", "10,12]").Replace(tc.doc)
		}
		got, read, err := th.feed([]byte(tc.doc), whole)
		if err != nil || got != want || read.Sealed != tc.vectors {
			t.Errorf("%s: %v, %+v\n got %s\nwant %s", name, err, read, got, want)
		}
	}
	multi := pb(103, join(pb(1, pb(1, []float32{1, 2})), pb(1, pb(1, []float32{3, 4}))))
	wantMulti := pb(103, join(pb(1, pb(1, []float32{2, 4})), pb(1, pb(1, []float32{6, 8}))))
	input := pb(4, join(pb(1, pb(1, []float32{1, 2})), pb(1, pb(1, []float32{3, 4}))))
	wantInput := pb(4, join(pb(1, pb(1, []float32{2, 4})), pb(1, pb(1, []float32{6, 8}))))
	for rpc, tc := range map[string][2][]byte{
		"Recommend":       {join(pb(1, "docs"), pb(17, multi), pb(18, multi)), join(pb(1, "docs"), pb(17, wantMulti), pb(18, wantMulti))},
		"RecommendBatch":  {pb(2, join(pb(17, multi), pb(18, multi))), pb(2, join(pb(17, wantMulti), pb(18, wantMulti)))},
		"RecommendGroups": {join(pb(18, multi), pb(19, multi)), join(pb(18, wantMulti), pb(19, wantMulti))},
		"Query":           {pb(3, pb(2, join(pb(1, input), pb(2, input)))), pb(3, pb(2, join(pb(1, wantInput), pb(2, wantInput))))},
	} {
		format, fields := d.Carries(authz.Operation{Class: authz.ClassSearch, Collection: "docs", Object: "/qdrant.Points/" + rpc, Complete: true})
		got, read, err := through{format: format, fields: fields, opener: twice{}}.feed([]byte(sent(tc[0])), whole)
		if err != nil || got != sent(tc[1]) || read.Sealed != 4 {
			t.Errorf("%s: %v, %+v\n got %x\nwant %x", rpc, err, read, got, sent(tc[1]))
		}
	}
}
