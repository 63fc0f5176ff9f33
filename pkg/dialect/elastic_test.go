package dialect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

func TestElasticHeads(t *testing.T) {
	head := func(method, path string, c authz.Class, index string, docs, vectors int64) headCase {
		return headCase{method, path, done(at(path, c, index), docs, vectors), false}
	}
	body := func(method, path string, c authz.Class, index string) headCase {
		return headCase{method, path, unread(at(path, c, index)), true}
	}
	unknownIn := func(index string) authz.Operation {
		op := unknown()
		op.Collection = index
		return op
	}
	const search, read, export, list, write, admin = authz.ClassSearch, authz.ClassRead, authz.ClassExport, authz.ClassList, authz.ClassWrite, authz.ClassAdmin
	checkHeads(t, dialect.Elastic{}, []headCase{
		body("POST", "/docs/_search", search, "docs"),
		body("GET", "/docs/_search", search, "docs"),
		body("POST", "/docs,other*/_search", search, "docs,other*"),
		body("POST", "/_search", search, "_all"),
		body("POST", "/docs/_async_search", search, "docs"),
		body("POST", "/docs/_msearch", search, "docs"),
		body("POST", "/_mget", read, "_all"),
		body("POST", "/_sql", read, "_all"),
		body("POST", "/_query", read, "_all"),
		body("POST", "/_plugins/_sql", read, "_all"),
		head("GET", "/docs/_doc/1", read, "docs", 1, 1),
		head("GET", "/docs/_source/1", read, "docs", 1, 1),
		head("POST", "/_search/scroll", export, "_all", all, all),
		head("GET", "/_search/scroll/abc", export, "_all", all, all),
		head("DELETE", "/_search/scroll", list, "", 0, 0),
		head("POST", "/docs/_pit", export, "docs", 0, 0),
		head("POST", "/docs/_search/point_in_time", export, "docs", 0, 0),
		head("DELETE", "/_pit", list, "", 0, 0),
		head("GET", "/_async_search/abc", search, "_all", all, all),
		head("GET", "/_async_search/status/abc", list, "", 0, 0),
		head("GET", "/_query/async/abc", read, "_all", all, all),
		head("PUT", "/docs/_doc/1", write, "docs", all, 0),
		head("POST", "/docs/_doc", write, "docs", all, 0),
		head("POST", "/docs/_update/1", write, "docs", all, 0),
		head("PUT", "/_bulk", write, "_all", all, 0),
		head("POST", "/docs/_delete_by_query", write, "docs", all, 0),
		head("POST", "/docs/_count", list, "docs", 0, 0),
		head("GET", "/docs/_mapping", list, "docs", 0, 0),
		head("GET", "/docs", list, "docs", 0, 0),
		head("GET", "/", list, "", 0, 0),
		head("GET", "/_cluster/health", list, "", 0, 0),
		head("GET", "/_cat/indices", list, "", 0, 0),
		head("PUT", "/docs", admin, "docs", 0, 0),
		head("DELETE", "/docs", admin, "docs", 0, 0),
		head("PUT", "/docs/_mapping", admin, "docs", 0, 0),
		head("POST", "/_reindex", admin, "", 0, 0),
		head("POST", "/_aliases", admin, "", 0, 0),
		head("PUT", "/_snapshot/r/s", export, "_all", all, all),
		head("GET", "/_snapshot/r/s", list, "", 0, 0),
		head("POST", "/_snapshot/r/s/_restore", admin, "", 0, 0),
		{"POST", "/docs/_search/template", unknownIn("docs"), false},
		{"POST", "/_msearch/template", unknownIn(""), false},
		{"POST", "/_render/template", unknownIn(""), false},
		{"GET", "/docs/_termvectors/1", unknownIn("docs"), false},
		{"POST", "/docs/_eql/search", unknownIn("docs"), false},
		{"POST", "/docs/_explain/1", unknownIn("docs"), false},
		{"GET", "/docs/_mvt/f/1/1/1", unknownIn("docs"), false},
		{"POST", "/docs", unknownIn("docs"), false},
	})
}

// TestElasticParameters: parameters of the URL say what is asked for too, and in which format the answer comes.
func TestElasticParameters(t *testing.T) {
	d := dialect.Elastic{Vectors: []string{"embedding"}}
	search := func(c authz.Class, object string) authz.Operation {
		return unread(at("/docs/_search"+object, c, "docs"))
	}
	refused := unknown()
	refused.Collection = "docs"
	for query, want := range map[string]authz.Operation{
		"":                                     search(authz.ClassSearch, ""),
		"pretty&error_trace=true":              search(authz.ClassSearch, ""),
		"format=json":                          search(authz.ClassSearch, ""),
		"scroll=5m":                            search(authz.ClassExport, "?scroll=5m"), // elasticsearch 9.5.1, helpers.scan
		"scroll=1m&size=50":                    search(authz.ClassExport, "?scroll=1m&size=50"),
		"_source_excludes=embedding&routing=x": search(authz.ClassSearch, "?_source_excludes=embedding"),
		"s%69ze=50":                            search(authz.ClassSearch, "?size=50"),
		"sort=date:desc&explain":               search(authz.ClassSearch, ""),
		"sort=_score,date&sort=_score:asc":     search(authz.ClassSearch, "?sort=_score"),
		"size=1&size=5000":                     refused,
		"size=1;size=5000":                     refused,
		"_source=a%26size%3D1":                 refused,
		"format=yaml":                          refused,
		"format=cbor":                          refused,
		"format=smile":                         refused,
		"source=%7B%7D":                        refused,
		"source_content_type=application%2Fx":  refused,
		"_source=" + strings.Repeat("a", 2000): refused,
	} {
		if diff := cmp.Diff(want, d.Head("POST", "/docs/_search", query, nil)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	for accept, ok := range map[string]bool{
		"application/json": true, "*/*": true, "application/vnd.elasticsearch+json; compatible-with=9": true, "application/json, */*": true,
		"application/cbor": false, "application/smile": false, "application/yaml": false, "text/csv": false, "application/json, application/cbor": false,
		"application/vnd.apache.arrow.stream": false, "text/plain": false,
	} {
		op := d.Head("POST", "/docs/_search", "", authz.Header{"accept": {accept}})
		if (op.Class == authz.ClassSearch) != ok {
			t.Errorf("accept %s: %+v", accept, op)
		}
	}
	if op := d.Head("GET", "/_cat/indices", "format=txt", authz.Header{"accept": {"text/plain,application/vnd.elasticsearch+json; compatible-with=9"}}); op.Class != authz.ClassList {
		t.Errorf("_cat: %+v", op)
	}
	for query, vectors := range map[string]int64{
		"": 1, "_source=false": 0, "_source=true": 1, "_source=title,emb*": 1, "_source=title": 0, "_source_excludes=embedding": 0,
		"_source_includes=title": 0, "_source_exclude_vectors=true": 0, "_source_exclude_vectors=false": 1, "_source=false&stored_fields=embedding": 1,
	} {
		if op := d.Head("GET", "/docs/_doc/1", query, nil); op.Vectors != vectors || op.Documents != 1 {
			t.Errorf("one document, %s: %+v", query, op)
		}
	}
}

// TestElasticSearch reads what elasticsearch 9.5.1 sends, and opensearch-py 3.2.0 where the name says so.
// scripted is op where nobody can tell what the answer holds.
func scripted(op authz.Operation) authz.Operation {
	op.Class, op.Documents, op.Vectors = authz.ClassUnknown, authz.Unbounded, authz.Unbounded
	return op
}

func TestElasticSearch(t *testing.T) {
	const path = "/docs/_search"
	d := dialect.Elastic{Vectors: []string{"embedding", "author.face"}}
	op := func(c authz.Class, docs, vectors int64, vector string) authz.Operation {
		o := done(at(path, c, "docs"), docs, vectors)
		o.Vector = vector
		return o
	}
	marked := func(op authz.Operation, mark string) authz.Operation { op.Object += "?" + mark; return op }
	const search, export = authz.ClassSearch, authz.ClassExport
	checkBodies(t, d, "POST", path, map[string]bodyCase{
		"knn":             {body: `{"knn":{"field":"embedding","query_vector":[0.1,0.2],"k":5,"num_candidates":50},"size":5,"_source":["title"]}`, want: op(search, 5, 0, "embedding")},
		"default":         {body: `{"query":{"match_all":{}}}`, want: op(search, 10, 20, "")},
		"no source":       {body: `{"fields":["title"],"query":{"match_all":{}},"_source":false}`, want: op(search, 10, 0, "")},
		"retriever":       {body: `{"retriever":{"rrf":{"retrievers":[{"knn":{"field":"embedding","query_vector":[0.1,0.2],"k":5,"num_candidates":50}},{"standard":{"query":{"match":{"t":"x"}}}}]}}}`, want: op(search, 10, 20, "embedding")},
		"point in time":   {body: `{"pit":{"id":"x","keep_alive":"1m"},"search_after":[1],"size":100,"sort":["_shard_doc"]}`, want: op(export, 100, 200, "")},
		"opensearch, knn": {body: `{"size":5,"query":{"knn":{"embedding":{"vector":[0.1,0.2],"k":5}}},"_source":{"excludes":["embedding"]}}`, want: op(search, 5, 5, "embedding")},
		"nothing":         {body: ``, want: op(search, 10, 20, "")},
		"size 0":          {body: `{"size":0,"aggs":{"a":{"terms":{"field":"title"}}}}`, want: op(search, 0, 0, "")},
		"size for all":    {body: `{"size":9223372036854775807}`, want: op(search, all, all, "")},

		"all of the source":   {body: `{"_source":true}`, want: op(search, 10, 20, "")},
		"a pattern":           {body: `{"_source":"*face"}`, want: op(search, 10, 10, "")},
		"an object's":         {body: `{"_source":["author"]}`, want: op(search, 10, 10, "")},
		"an object's members": {body: `{"_source":{"includes":["auth*.f*e","x"]}}`, want: op(search, 10, 10, "")},
		"exclude":             {body: `{"_source":{"exclude":["author"],"include":["*"]}}`, want: op(search, 10, 10, "")},
		"exclude vectors":     {body: `{"_source":{"exclude_vectors":true}}`, want: op(search, 10, 0, "")},
		"fields":              {body: `{"_source":false,"fields":["emb*",{"field":"author.face","format":"x"}]}`, want: op(search, 10, 20, "")},
		"doc values":          {body: `{"_source":false,"docvalue_fields":[{"field":"embedding"}]}`, want: op(search, 10, 10, "")},
		"stored":              {body: `{"_source":false,"stored_fields":"embedding"}`, want: op(search, 10, 10, "")},
		"scripts":             {body: `{"_source":false,"script_fields":{"a":{"script":"doc['embedding'].vectorValue"},"b":{}}}`, want: scripted(marked(op(search, 10, 20, ""), "computed"))},
		"search after":        {body: `{"search_after":[1]}`, want: op(export, 10, 20, "")},
		"slice":               {body: `{"slice":{"id":0,"max":2}}`, want: op(export, 10, 20, "")},
		"top hits":            {body: `{"size":0,"aggs":{"a":{"terms":{},"aggs":{"b":{"top_hits":{"size":5}}}}}}`, want: op(search, all, all, "")},
		"metric by script":    {body: `{"size":0,"aggregations":{"a":{"scripted_metric":{}}}}`, want: scripted(marked(op(search, all, all, ""), "computed"))},
		"inner hits":          {body: `{"query":{"nested":{"inner_hits":{}}}}`, want: op(search, all, all, "")},
		"inner, no source":    {body: `{"_source":false,"collapse":{"field":"x","inner_hits":{"name":"a"}}}`, want: op(search, all, 0, "")},
		"completions":         {body: `{"suggest":{"s":{"prefix":"a","completion":{"field":"c"}}}}`, want: op(search, all, all, "")},
		"escaped":             {body: `{"_source":false,"\u0073cript_fields":{"a":{}}}`, want: scripted(marked(op(search, 10, 10, ""), "computed"))},
		"by score":            {body: `{"_source":false,"sort":["_score",{"date":"desc"}]}`, want: marked(op(search, 10, 0, ""), "sort=_score")},
		"by a script":         {body: `{"_source":false,"sort":{"_script":{"script":"x"}}}`, want: marked(op(search, 10, 0, ""), "sort=_score")},
		"by something hidden": {body: `{"_source":false,"sort":"\u005fscore"}`, want: marked(op(search, 10, 0, ""), "sort=_score")},
		"by date":             {body: `{"_source":false,"sort":[{"date":"desc"},"_doc"]}`, want: op(search, 10, 0, "")},
		"hits by score":       {body: `{"size":0,"aggs":{"b":{"top_hits":{"sort":"_score","script_fields":{}}}}}`, want: scripted(marked(op(search, all, all, ""), "sort=_score&computed"))},
		"metric of a script":  {body: `{"size":0,"aggs":{"a":{"max":{"script":"_score"}}}}`, want: scripted(marked(op(search, 0, 0, ""), "computed"))},
		"score by a script":   {body: `{"_source":false,"query":{"script_score":{"query":{},"script":{"source":"cosineSimilarity(params.q,'embedding')+1.0"}}}}`, want: op(search, 10, 0, "")},
		"source twice":        {body: `{"_source":false,"_source":true}`, bad: "_source stands twice"},
		"size in text":        {body: `{"size":"10"}`, bad: "no whole number"},
		"yaml":                {body: "size: 10\n", bad: "want an object"},
		"cbor":                {body: "\xa1\x64size\x0a", bad: "want an object"},
	})
	// Without names, whatever is selected may be a vector.
	checkBodies(t, dialect.Elastic{}, "POST", path, map[string]bodyCase{
		"default":     {body: `{}`, want: op(search, 10, 10, "")},
		"two names":   {body: `{"_source":["a","b"]}`, want: op(search, 10, 20, "")},
		"no source":   {body: `{"_source":false}`, want: op(search, 10, 0, "")},
		"excluded":    {body: `{"_source":{"excludes":["*"]}}`, want: op(search, 10, 0, "")},
		"one of them": {body: `{"_source":{"excludes":["a"]}}`, want: op(search, 10, 10, "")},
		"fields":      {body: `{"_source":false,"fields":["a","*"]}`, want: op(search, 10, 10, "")},
	})
	// Parameters and body together: whichever asks for more.
	for query, bodies := range map[string]map[string][2]int64{
		"size=50":                    {`{"size":5}`: {50, 100}, `{}`: {50, 100}, `{"size":60,"_source":false}`: {60, 0}},
		"size=-1":                    {`{}`: {all, all}},
		"_source=false":              {`{}`: {10, 0}, `{"_source":["embedding"]}`: {10, 10}},
		"_source=true":               {`{"_source":false}`: {10, 20}},
		"_source_excludes=embedding": {`{}`: {10, 10}},
	} {
		for body, want := range bodies {
			got, err := d.Body(d.Head("POST", path, query, nil), []byte(body))
			if err != nil || got.Documents != want[0] || got.Vectors != want[1] {
				t.Errorf("%s %s: %+v, %v", query, body, got, err)
			}
		}
	}
}

func TestElasticOthers(t *testing.T) {
	d := dialect.Elastic{Vectors: []string{"embedding"}}
	op := func(path string, c authz.Class, index string, docs, vectors int64) authz.Operation {
		return done(at(path, c, index), docs, vectors)
	}
	const search, read, export = authz.ClassSearch, authz.ClassRead, authz.ClassExport
	checkBodies(t, d, "POST", "/docs/_msearch", map[string]bodyCase{ // elasticsearch 9.5.1
		"client":       {body: "{}\n{\"query\":{\"match_all\":{}},\"size\":2}\n{\"index\":\"other\"}\n{\"query\":{\"match_all\":{}}}\n", want: op("/docs/_msearch", search, "docs,other", 12, 12)},
		"empty head":   {body: "\n{\"size\":2}\r\n", want: op("/docs/_msearch", search, "docs", 2, 2)},
		"many indices": {body: "{\"index\":[\"a\",\"b\"]}\n{\"size\":2}", want: op("/docs/_msearch", search, "a,b", 2, 2)},
		"a head only":  {body: "{}\n", bad: "ends with the head of a search"},
		"no body":      {body: "{}\n\n{}\n{}\n", bad: "ends early"},
		"indented":     {body: "{}\n{\n\"size\":2}\n", bad: "ends early"},
	})
	checkBodies(t, d, "POST", "/docs/_mget", map[string]bodyCase{
		"client, ids": {body: `{"ids":["1","2"]}`, want: op("/docs/_mget", read, "docs", 2, 2)},
	})
	checkBodies(t, d, "POST", "/_mget", map[string]bodyCase{
		"client, docs": {body: `{"docs":[{"_index":"a","_id":"1"},{"_index":"b","_id":"2","_source":["t"]}]}`, want: op("/_mget", read, "a,b", 2, 1)},
	})
	computed := func(op authz.Operation) authz.Operation { op.Object += "?computed"; return op }
	checkBodies(t, d, "POST", "/_sql", map[string]bodyCase{
		"scores":    {body: `{"query":"SELECT Score() AS s FROM docs"}`, want: computed(op("/_sql", read, "_all", 1000, 1000))},
		"hidden":    {body: `{"query":"SELECT \u0053CORE() AS s FROM docs"}`, want: scripted(computed(op("/_sql", read, "_all", 1000, 1000)))},
		"client":    {body: `{"query":"SELECT * FROM docs LIMIT 5"}`, want: op("/_sql", read, "_all", 1000, 1000)},
		"rows":      {body: `{"query":"SELECT * FROM docs","fetch_size":50}`, want: op("/_sql", read, "_all", 50, 50)},
		"next page": {body: `{"cursor":"x"}`, want: computed(op("/_sql", export, "_all", 1000, 1000))},
	})
	checkBodies(t, d, "POST", "/_query", map[string]bodyCase{
		"client":   {body: `{"query":"FROM docs | LIMIT 5"}`, want: op("/_query", read, "_all", 10_000, 10_000)},
		"distance": {body: `{"query":"FROM docs | EVAL d = V_COSINE(embedding, [1,2])"}`, want: computed(op("/_query", read, "_all", 10_000, 10_000))},
		"slices":   {body: `{"query":"FROM docs | EVAL a = MV_SLICE(embedding, 0, 9)"}`, want: scripted(computed(op("/_query", read, "_all", 10_000, 10_000)))},
		"renamed":  {body: `{"query":"FROM docs | RENAME embedding AS x"}`, want: op("/_query", read, "_all", 10_000, 10_000)},
		"by name":  {body: `{"query":"FROM docs METADATA ??m","params":[{"m":{"identifier":"_score"}}]}`, want: computed(op("/_query", read, "_all", 10_000, 10_000))},
	})
	for _, query := range []string{"format=csv", "format=arrow"} { // elasticsearch 9.5.1
		for _, path := range []string{"/_sql", "/_query"} {
			if op := d.Head("POST", path, query, nil); op.Class != authz.ClassUnknown {
				t.Errorf("%s?%s: %+v", path, query, op)
			}
		}
	}
}

func TestElasticPlaces(t *testing.T) {
	const vectors, scores = "**.embedding **.face", "**._score **.max_score **._explanation **.matched_queries"
	searched := at("/docs/_search?size=5", authz.ClassSearch, "docs")
	searched.Vector = "embedding"
	d := dialect.Elastic{Vectors: []string{"embedding", "author.face"}}
	checkPlaces(t, d, []placeCase{
		{op: searched, vectors: vectors, scores: scores, carries: "**.query_vector **.vector"},
		{op: at("/docs/_msearch", authz.ClassSearch, "docs"), vectors: vectors, scores: scores, carries: "**.query_vector **.vector"},
		{op: at("/docs/_doc/1", authz.ClassRead, "docs"), vectors: vectors, scores: scores},
		{op: at("/_search/scroll", authz.ClassExport, "docs"), vectors: vectors, scores: scores},
		{op: at("/_bulk", authz.ClassWrite, "_all"), vectors: vectors, carries: vectors},
		{op: at("/docs/_mapping", authz.ClassList, "docs")},
	})
	searched.Object += "&sort=_score"
	checkPlaces(t, d, []placeCase{{op: searched, vectors: vectors, scores: scores + " **.sort", carries: "**.query_vector **.vector"}})
	for object, more := range map[string]bool{
		"/docs/_search": false, "/docs/_search?size=5&computed": true, "/docs/_doc/1": false, "/_search/scroll": true, "/_async_search/abc": true, "/_query/async/abc": true,
	} {
		if a := d.Answer(at(object, authz.ClassSearch, "docs"), authz.Response{}); a.MoreScores != more {
			t.Errorf("%s: %+v", object, a)
		}
	}
	if f, fields := d.Carries(at("/_bulk", authz.ClassWrite, "_all")); f != scan.FormatNDJSON || fields[1].Name != "author.face" {
		t.Errorf("%s %+v", f, fields)
	}
	if a := d.Answer(at("/_cat/indices", authz.ClassList, ""), authz.Response{}); a.Judge {
		t.Errorf("tables of names: %+v", a)
	}
}
