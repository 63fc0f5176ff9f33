package dialect_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

func TestPineconeHeads(t *testing.T) {
	head := func(method, path string, c authz.Class, namespace string, docs, vectors int64) headCase {
		return headCase{method, path, done(at(path, c, namespace), docs, vectors), false}
	}
	body := func(path string, c authz.Class, namespace string) headCase {
		return headCase{"POST", path, unread(at(path, c, namespace)), true}
	}
	checkHeads(t, dialect.Pinecone{}, []headCase{
		body("/query", authz.ClassSearch, ""),
		body("/vectors/fetch_by_metadata", authz.ClassRead, ""),
		body("/vectors/upsert", authz.ClassWrite, ""),
		body("/vectors/update", authz.ClassWrite, ""),
		body("/vectors/delete", authz.ClassWrite, ""),
		body("/records/namespaces/ns/search", authz.ClassSearch, "ns"),
		body("/namespaces/ns/documents/search", authz.ClassSearch, "ns"),
		body("/namespaces/ns/documents/fetch", authz.ClassRead, "ns"),
		body("/embed", authz.ClassEmbed, ""),
		head("GET", "/vectors/fetch", authz.ClassRead, "", 0, 0),
		head("GET", "/vectors/list", authz.ClassList, "", 0, 0),
		head("POST", "/describe_index_stats", authz.ClassList, "", 0, 0),
		head("POST", "/records/namespaces/ns/upsert", authz.ClassWrite, "ns", all, 0),
		head("POST", "/namespaces/ns/documents/upsert", authz.ClassWrite, "ns", all, 0),
		head("POST", "/namespaces/ns/documents/list", authz.ClassList, "ns", 0, 0),
		head("GET", "/namespaces", authz.ClassList, "", 0, 0),
		head("DELETE", "/namespaces/ns", authz.ClassAdmin, "ns", 0, 0),
		head("GET", "/indexes", authz.ClassList, "", 0, 0),
		head("DELETE", "/indexes/i", authz.ClassAdmin, "", 0, 0),
		head("POST", "/indexes/i/backups", authz.ClassExport, "", all, all),
		head("POST", "/collections", authz.ClassExport, "", all, all),
		head("GET", "/backups", authz.ClassList, "", 0, 0),
		head("POST", "/bulk/imports", authz.ClassAdmin, "", 0, 0),
		{"GET", "/query", unknown(), false},
		{"POST", "/vectors/tomorrow", unknown(), false},
		{"POST", "/namespaces/ns/documents/tomorrow", unknown(), false},
		{"POST", "/records/ns/search", unknown(), false},
		{"POST", "/rerank", unknown(), false},
	})
	fetch := func(namespace string, n int64) authz.Operation {
		return done(at("/vectors/fetch", authz.ClassRead, namespace), n, n)
	}
	for query, want := range map[string]authz.Operation{
		"ids=a&ids=b&namespace=ns": fetch("ns", 2), // pinecone 10.2.0
		"%69ds=a":                  fetch("", 1),
		"ids=a;ids=b":              unknown(),
		"namespace=a&namespace=b":  unknown(),
		"ids=%":                    unknown(),
	} {
		if diff := cmp.Diff(want, dialect.Pinecone{}.Head("GET", "/vectors/fetch", query, nil)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

// TestPineconeBodies reads what pinecone 10.2.0 sends.
func TestPineconeBodies(t *testing.T) {
	op := func(path string, c authz.Class, namespace string, docs, vectors int64) authz.Operation {
		return done(at(path, c, namespace), docs, vectors)
	}
	using := func(op authz.Operation, name string) authz.Operation { op.Vector = name; return op }
	const search, read, export, write = authz.ClassSearch, authz.ClassRead, authz.ClassExport, authz.ClassWrite
	d := dialect.Pinecone{Vectors: []string{"embedding"}}
	checkBodies(t, d, "POST", "/query", map[string]bodyCase{
		"client":          {body: `{"topK":5,"includeValues":true,"includeMetadata":false,"namespace":"ns","vector":[0.1,0.2]}`, want: op("/query", search, "ns", 5, 5)},
		"client, by ID":   {body: `{"topK":5,"includeValues":false,"includeMetadata":false,"id":"a"}`, want: op("/query", search, "", 5, 0)},
		"client, sparse":  {body: `{"topK":5,"includeValues":true,"includeMetadata":false,"vector":[0.1],"sparseVector":{"indices":[1],"values":[0.5]}}`, want: op("/query", search, "", 5, 5)},
		"other spelling":  {body: `{"top_k":5,"include_values":true,"vector":[0.1]}`, want: op("/query", search, "", 5, 5)},
		"both spellings":  {body: `{"topK":5,"top_k":5000,"vector":[0.1]}`, bad: "top_k is stated twice"},
		"either spelling": {body: `{"topK":5,"includeValues":false,"include_values":true}`, want: op("/query", search, "", 5, 5)},
		"queries":         {body: `{"topK":5,"includeValues":true,"queries":[{"values":[0.1],"topK":7,"namespace":"a"},{"values":[0.1]}]}`, want: op("/query", search, "a", 12, 12)},
		"no limit":        {body: `{"vector":[0.1]}`, bad: "topK is missing"},
		"limit 0":         {body: `{"topK":0,"includeValues":true}`, want: op("/query", search, "", all, all)},
		"limit in text":   {body: `{"topK":"5"}`, bad: "no whole number"},
	})
	checkBodies(t, d, "POST", "/vectors/fetch_by_metadata", map[string]bodyCase{
		"client":    {body: `{"filter":{"a":1},"limit":50}`, want: op("/vectors/fetch_by_metadata", read, "", 50, 50)},
		"default":   {body: `{"filter":{"a":1},"namespace":"ns"}`, want: op("/vectors/fetch_by_metadata", read, "ns", 100, 100)},
		"next page": {body: `{"filter":{"a":1},"limit":50,"paginationToken":"x"}`, want: op("/vectors/fetch_by_metadata", export, "", 50, 50)},
	})
	checkBodies(t, d, "POST", "/vectors/upsert", map[string]bodyCase{
		"client": {body: `{"vectors":[{"id":"a","values":[0.1,0.2]}],"namespace":"ns"}`, want: op("/vectors/upsert", write, "ns", all, 0)},
	})
	path := "/records/namespaces/ns/search"
	checkBodies(t, d, "POST", path, map[string]bodyCase{
		"client":           {body: `{"query":{"inputs":{"text":"q"},"top_k":3},"fields":["a"]}`, want: op(path, search, "ns", 3, 0)},
		"client, a vector": {body: `{"query":{"top_k":3,"vector":{"values":[0.1,0.2]}}}`, want: op(path, search, "ns", 3, 0)},
		"no limit":         {body: `{"query":{"inputs":{"text":"q"}}}`, bad: "topK is missing"},
	})
	path = "/namespaces/ns/documents/search"
	checkBodies(t, d, "POST", path, map[string]bodyCase{
		"client":       {body: `{"score_by":[{"type":"dense_vector","values":[0.1,0.2],"field":"embedding"}],"top_k":3,"include_fields":["title","embedding"]}`, want: using(op(path, search, "ns", 3, 3), "embedding")},
		"client, text": {body: `{"score_by":[{"type":"text","query":"x","fields":["title"]}],"top_k":3}`, want: op(path, search, "ns", 3, 0)},
		"all fields":   {body: `{"score_by":[],"top_k":3,"include_fields":["*"]}`, want: op(path, search, "ns", 3, 3)},
	})
	path = "/namespaces/ns/documents/fetch"
	checkBodies(t, d, "POST", path, map[string]bodyCase{
		"client":         {body: `{"ids":["a","b"],"include_fields":["*"]}`, want: op(path, read, "ns", 2, 2)},
		"client, filter": {body: `{"filter":{"a":1},"limit":50}`, want: op(path, read, "ns", 50, 50)},
		"no limit":       {body: `{"filter":{"a":1},"include_fields":["title"]}`, want: op(path, read, "ns", 10_000, 0)},
		"next page":      {body: `{"filter":{"a":1},"pagination_token":"x","limit":5}`, want: op(path, export, "ns", 5, 5)},
	})
	embed := op("/embed", authz.ClassEmbed, "", 2, 2)
	embed.Model = "m"
	checkBodies(t, d, "POST", "/embed", map[string]bodyCase{
		"documented": {body: `{"model":"m","parameters":{"input_type":"query"},"inputs":[{"text":"a"},{"text":"b"}]}`, want: embed},
		"no inputs":  {body: `{"model":"m"}`, bad: "inputs is missing"},
	})
}

// TestPineconeRPC reads messages of pinecone 7.3.0.
func TestPineconeRPC(t *testing.T) {
	op := func(method string, c authz.Class, namespace string, docs, vectors int64) authz.Operation {
		return done(at("/VectorService/"+method, c, namespace), docs, vectors)
	}
	const search, read, export, write = authz.ClassSearch, authz.ClassRead, authz.ClassExport, authz.ClassWrite
	checkMessages(t, dialect.Pinecone{}, map[string]messageCase{
		"query":       {msg: "0a026e73100520013a08cdcccc3dcdcc4c3e", want: op("Query", search, "ns", 5, 5)},
		"fetch":       {msg: "0a01610a016212026e73", want: op("Fetch", read, "ns", 2, 2)},
		"upsert":      {msg: "0a0f0a01611208cdcccc3dcdcc4c3e1a0012026e73", want: op("Upsert", write, "ns", 1, 0)},
		"update":      {msg: "0a01611208cdcccc3dcdcc4c3e", want: op("Update", write, "", all, 0)},
		"update in":   {msg: "0a016122026e732a00", want: op("Update", write, "ns", all, 0)},
		"list":        {msg: "0a0161", want: op("List", authz.ClassList, "", 0, 0)},
		"by metadata": {msg: "0a026e731832", want: op("FetchByMetadata", read, "ns", 50, 50)},
		"no limit":    {msg: "0a026e73", want: op("FetchByMetadata", read, "ns", 100, 100)},
		"next page":   {msg: "0a026e731832220178", want: op("FetchByMetadata", export, "ns", 50, 50)},
		"top_k 0":     {msg: "2001", want: op("Query", search, "", all, all)},
		"top_k twice": {msg: "10051006", want: op("Query", search, "", 0, 0), bad: "stands twice"},
		"queries":     {msg: "10052001" + "3202" + "1007" + "3200" + "32031a0161", want: op("Query", search, "a", 17, 17)},
		"values 2":    {msg: "10052002", want: op("Query", search, "", 0, 0), bad: "neither true nor false"},
	})
	d := dialect.Pinecone{}
	if op := d.Head("POST", "/VectorService/Query", "", nil); op.Class != authz.ClassUnknown {
		t.Errorf("not as gRPC: %+v", op)
	}
	if op := d.Head("POST", "/VectorService/Tomorrow", "", authz.Header{"content-type": {"application/grpc"}}); op.Class != authz.ClassUnknown {
		t.Errorf("a method that is not known: %+v", op)
	}
}

func TestPineconePlaces(t *testing.T) {
	doc := at("/namespaces/ns/documents/search", authz.ClassSearch, "ns")
	doc.Vector = "embedding"
	checkPlaces(t, dialect.Pinecone{Vectors: []string{"embedding"}}, []placeCase{
		{
			op:      at("/query", authz.ClassSearch, ""),
			vectors: "matches[*].values matches[*].sparseValues results[*].matches[*].values results[*].matches[*].sparseValues",
			scores:  "matches[*].score results[*].matches[*].score", carries: "vector queries[*].values",
		},
		{op: at("/vectors/fetch", authz.ClassRead, ""), vectors: "vectors.**.values vectors.**.sparseValues"},
		{op: at("/vectors/fetch_by_metadata", authz.ClassRead, ""), vectors: "vectors.**.values vectors.**.sparseValues"},
		{op: at("/vectors/upsert", authz.ClassWrite, ""), carries: "vectors[*].values values"},
		{op: at("/records/namespaces/ns/search", authz.ClassSearch, "ns"), scores: "result.hits[*]._score", carries: "query.vector.values"},
		{op: at("/records/namespaces/ns/upsert", authz.ClassWrite, "ns"), carries: "embedding"},
		{op: doc, vectors: "matches[*].embedding", scores: "matches[*]._score", carries: "score_by[*].values"},
		{op: at("/namespaces/ns/documents/fetch", authz.ClassRead, "ns"), vectors: "documents.**.embedding"},
		{op: at("/namespaces/ns/documents/upsert", authz.ClassWrite, "ns"), carries: "documents[*].embedding"},
		{op: at("/embed", authz.ClassEmbed, ""), vectors: "data[*].values data[*].sparse_values"},
		{op: at("/indexes", authz.ClassList, "")},
		{op: at("/VectorService/Query", authz.ClassSearch, ""), format: scan.FormatGRPC, vectors: "2.5.2 2.3 1.1.5.2 1.1.3", scores: "2.2 1.1.2", carries: "7 6.1"},
		{op: at("/VectorService/Fetch", authz.ClassRead, ""), format: scan.FormatGRPC, vectors: "1.2.4.2 1.2.2"},
		{op: at("/VectorService/Upsert", authz.ClassWrite, ""), format: scan.FormatGRPC, carries: "1.2"},
	})
}
