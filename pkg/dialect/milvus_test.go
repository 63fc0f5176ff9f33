package dialect_test

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
)

func TestMilvusHeads(t *testing.T) {
	body := func(path string, c authz.Class) headCase {
		return headCase{"POST", path, unread(at(path, c, "")), true}
	}
	checkHeads(t, dialect.Milvus{}, []headCase{
		body("/v2/vectordb/entities/search", authz.ClassSearch),
		body("/v2/vectordb/entities/hybrid_search", authz.ClassSearch),
		body("/v2/vectordb/entities/query", authz.ClassRead),
		body("/v2/vectordb/entities/get", authz.ClassRead),
		body("/v2/vectordb/entities/insert", authz.ClassWrite),
		body("/v2/vectordb/entities/upsert", authz.ClassWrite),
		body("/v2/vectordb/entities/delete", authz.ClassWrite),
		body("/v2/vectordb/collections/list", authz.ClassList),
		body("/v2/vectordb/collections/describe", authz.ClassList),
		body("/v2/vectordb/collections/get_stats", authz.ClassList),
		body("/v2/vectordb/collections/create", authz.ClassAdmin),
		body("/v2/vectordb/collections/alter_properties", authz.ClassAdmin),
		body("/v2/vectordb/collections/fields/alter_properties", authz.ClassAdmin),
		body("/v2/vectordb/collections/refresh_load", authz.ClassAdmin),
		body("/v2/vectordb/indexes/drop", authz.ClassAdmin),
		body("/v2/vectordb/roles/grant_privilege", authz.ClassAdmin),
		body("/v2/vectordb/jobs/import/list", authz.ClassList),
		body("/v2/vectordb/jobs/import/create", authz.ClassAdmin),
		{"GET", "/v2/vectordb/entities/search", unknown(), false},
		{"POST", "/v2/vectordb/entities/tomorrow", unknown(), false},
		{"POST", "/v2/vectordb/collections/tomorrow", unknown(), false},
		{"POST", "/v2/vectordb/snapshots/create", unknown(), false},
		{"POST", "/v1/vector/search", unknown(), false},
		{"POST", "/v2/vectordb/entities/", unknown(), false},
	})
	header := authz.Header{"db-name": {"other"}}
	want := unread(at("/v2/vectordb/entities/search", authz.ClassSearch, "other"))
	if diff := cmp.Diff(want, dialect.Milvus{}.Head("POST", "/v2/vectordb/entities/search", "", header)); diff != "" {
		t.Error(diff)
	}
}

// TestMilvusBodies reads the examples of Milvus's REST reference (v2.6).
func TestMilvusBodies(t *testing.T) {
	const entities = "/v2/vectordb/entities/"
	op := func(verb string, c authz.Class, docs, vectors int64, vector string) authz.Operation {
		o := done(at(entities+verb, c, "docs"), docs, vectors)
		o.Vector = vector
		return o
	}
	in := func(op authz.Operation, collection string) authz.Operation { op.Collection = collection; return op }
	const search, read, write = authz.ClassSearch, authz.ClassRead, authz.ClassWrite
	d := dialect.Milvus{Vectors: []string{"embedding", "title_vector"}}
	checkBodies(t, d, "POST", entities+"search", map[string]bodyCase{
		"two queries":     {body: `{"collectionName":"docs","data":[[0.1,0.2],[0.3,0.4]],"annsField":"embedding","limit":3,"outputFields":["title","embedding"]}`, want: op("search", search, 6, 6, "embedding")},
		"no vectors":      {body: `{"collectionName":"docs","data":[[0.1,0.2]],"annsField":"embedding","limit":3,"outputFields":["title"]}`, want: op("search", search, 3, 0, "embedding")},
		"all fields":      {body: `{"collectionName":"docs","data":[[0.1,0.2]],"annsField":"embedding","limit":3,"outputFields":["*"]}`, want: op("search", search, 3, 6, "embedding")},
		"default limit":   {body: `{"collectionName":"docs","data":[[0.1,0.2]],"annsField":"embedding"}`, want: op("search", search, 100, 0, "embedding")},
		"grouped":         {body: `{"collectionName":"docs","data":[[0.1,0.2]],"annsField":"embedding","limit":3,"groupingField":"a","groupSize":4,"outputFields":["embedding"]}`, want: op("search", search, 12, 12, "embedding")},
		"by ID":           {body: `{"collectionName":"docs","ids":[1,2],"annsField":"embedding","limit":3}`, want: op("search", search, 6, 0, "embedding")},
		"another base":    {body: `{"collectionName":"docs","dbName":"secret","data":[[0.1]],"limit":3}`, want: in(op("search", search, 3, 0, ""), "secret.docs")},
		"default base":    {body: `{"collectionName":"docs","dbName":"default","data":[[0.1]],"limit":3}`, want: op("search", search, 3, 0, "")},
		"limit 0":         {body: `{"collectionName":"docs","data":[[0.1]],"limit":0,"outputFields":["embedding"]}`, want: op("search", search, all, all, "")},
		"two collections": {body: `{"collectionName":"docs","CollectionName":"secret","data":[[0.1]]}`, bad: "differs from collectionName in case"},
		"fields a word":   {body: `{"collectionName":"docs","outputFields":"embedding"}`, bad: "want an array"},
	})
	checkBodies(t, d, "POST", entities+"hybrid_search", map[string]bodyCase{
		"two fields": {
			body: `{"collectionName":"docs","search":[{"data":[[0.1,0.2]],"annsField":"embedding","limit":10,"outputFields":["*"]},{"data":[[0.1,0.2],[1,2]],"annsField":"title_vector","limit":1000}],"rerank":{"strategy":"rrf","params":{"k":10}},"limit":3,"outputFields":["embedding"]}`,
			want: op("hybrid_search", search, 6, 6, "embedding,title_vector"),
		},
	})
	checkBodies(t, d, "POST", entities+"query", map[string]bodyCase{
		"fields":  {body: `{"collectionName":"docs","filter":"id > 0","outputFields":["embedding"],"limit":20}`, want: op("query", read, 20, 20, "")},
		"default": {body: `{"collectionName":"docs","filter":"id > 0"}`, want: op("query", read, 100, 200, "")},
		"scalars": {body: `{"collectionName":"docs","filter":"id > 0","outputFields":["title"],"limit":20}`, want: op("query", read, 20, 0, "")},
	})
	checkBodies(t, d, "POST", entities+"get", map[string]bodyCase{
		"some": {body: `{"collectionName":"docs","id":[1,2,3],"outputFields":["embedding"]}`, want: op("get", read, 3, 3, "")},
		"one":  {body: `{"collectionName":"docs","id":1}`, want: op("get", read, 1, 2, "")},
	})
	checkBodies(t, d, "POST", entities+"insert", map[string]bodyCase{
		"some": {body: `{"collectionName":"docs","data":[{"id":1,"embedding":[0.1]},{"id":2,"embedding":[0.2]}]}`, want: op("insert", write, 2, 0, "")},
		"one":  {body: `{"collectionName":"docs","data":{"id":1,"embedding":[0.1]}}`, want: op("insert", write, 1, 0, "")},
	})
	checkBodies(t, d, "POST", entities+"delete", map[string]bodyCase{
		"filter": {body: `{"collectionName":"docs","filter":"id in [1]"}`, want: op("delete", write, all, 0, "")},
	})
	// Without names, any field may be a vector; of one vector field the name need not be said.
	checkBodies(t, dialect.Milvus{}, "POST", entities+"search", map[string]bodyCase{
		"any field":  {body: `{"collectionName":"docs","data":[[0.1]],"limit":3,"outputFields":["title","year"]}`, want: op("search", search, 3, 6, "")},
		"all fields": {body: `{"collectionName":"docs","data":[[0.1]],"limit":3,"outputFields":["*"]}`, want: op("search", search, 3, 3, "")},
	})
	checkBodies(t, dialect.Milvus{Vectors: []string{"embedding"}}, "POST", entities+"search", map[string]bodyCase{
		"unsaid": {body: `{"collectionName":"docs","data":[[0.1]],"limit":3}`, want: op("search", search, 3, 0, "embedding")},
	})
}

// TestMilvusGet: a query by primary keys, as pymilvus' get makes one, is bounded by them, and by nothing that only looks like one.
func TestMilvusGet(t *testing.T) {
	const export, read = authz.ClassExport, authz.ClassRead
	const more = "2a09656d62656464696e674001" // output_fields: embedding
	query := func(expr string) string {
		return "1a04646f6373" + "22" + hex.EncodeToString(append(binary.AppendUvarint(nil, uint64(len(expr))), expr...)) + more
	}
	long := "id in [" + strings.Repeat("1,", 4999) + "1]"
	for expr, want := range map[string]int64{
		"id in [1,2]": 2, "id in [1, 2, 2]": 3, "id IN [ -7 ]": 1, "id in ['a','b c']": 2, `id in ["a"]`: 1, "id == 5": 1, "id=='x'": 1, "id in[1]": 1,
		"doc_id in [1]": 1, long: 5000, `id in ["a,b]"]`: 1,

		"": all, "id": all, "id in []": all, "id in": all, "id in [1": all, "id in 1]": all, "id not in [1]": all, "not id in [1]": all, "id in [1] or true": all,
		"id in [1,2] or id in [3]": all, "ID in [1]": all, "other in [1]": all, "id in [1,]": all, "id in [,1]": all, "id in [1 2]": all, "id in {ids}": all,
		`id in ["a\"] or x in ["]`: all, `id in ['a' or 'b']`: all, "id in [1.5]": all, "id in [0x10]": all, "id in [id]": all, "id in [[1]]": all, "id != 5": all,
		"id == 5 or true": all, "id == other": all, "id > 5": all, "id in ['a]": all, "id in ['a\nb']": all, "id\tin [1]": all, "(id in [1])": all,
		"id in [12345678901234567890]": all, "id in [-]": all, "id inn [1]": all, `id in ["a'b"]`: all, "id in [1]]": all,
	} {
		d := dialect.Milvus{Vectors: []string{"embedding"}, PrimaryKeys: []string{"id", "doc_id"}}
		c, two := read, min(want, 2)
		if want < 0 {
			c, two = export, 2
		}
		of := func(c authz.Class, n int64) authz.Operation {
			return done(at("/milvus.proto.milvus.MilvusService/Query", c, "docs"), n, n)
		}
		checkMessages(t, d, map[string]messageCase{
			expr:                   {msg: query(expr), want: of(c, want)},
			expr + ", limited":     {msg: query(expr) + "4a0a0a056c696d6974120132", want: of(read, two)}, // limit=2
			expr + ", an iterator": {msg: query(expr) + "4a100a086974657261746f72120454727565", want: of(export, want)},
			expr + ", twice":       {msg: query(expr) + "22" + "00", want: of(read, 0), bad: "stands twice"},
		})
		checkMessages(t, dialect.Milvus{Vectors: []string{"embedding"}}, map[string]messageCase{expr + ", unnamed": {msg: query(expr), want: of(export, all)}})
	}
}

// TestMilvusRPC reads messages of pymilvus 3.0.2.
func TestMilvusRPC(t *testing.T) {
	op := func(method string, c authz.Class, docs, vectors int64, vector string) authz.Operation {
		o := done(at("/milvus.proto.milvus.MilvusService/"+method, c, "docs"), docs, vectors)
		o.Vector = vector
		return o
	}
	const search, read, export, write = authz.ClassSearch, authz.ClassRead, authz.ClassExport, authz.ClassWrite
	const data = "1a04646f6373321c0a1a0a02243010651a08cdcccc3dcdcc4c3e1a089a99993ecdcccc3e380142057469746c654209656d62656464696e67"
	checkMessages(t, dialect.Milvus{Vectors: []string{"embedding"}}, map[string]messageCase{
		"search":        {msg: data + "4a090a04746f706b1201354a130a0d726f756e645f646563696d616c12022d314a170a0e69676e6f72655f67726f77696e67120546616c73654a170a0a616e6e735f6669656c641209656d62656464696e674a0c0a06706172616d7312027b7d580160027801", want: op("Search", search, 10, 10, "embedding")},
		"search, *":     {msg: "1a04646f637332120a100a02243010651a08cdcccc3dcdcc4c3e380142012a4a090a04746f706b1201354a130a0d726f756e645f646563696d616c12022d314a170a0e69676e6f72655f67726f77696e67120546616c73654a170a0e67726f75705f62795f6669656c6412057469746c654a0f0a0a67726f75705f73697a651201324a170a0a616e6e735f6669656c641209656d62656464696e674a0c0a06706172616d7312027b7d580160017801", want: op("Search", search, 10, 10, "embedding")},
		"search by ID":  {msg: "1a04646f637338014209656d62656464696e674a090a04746f706b1201354a130a0d726f756e645f646563696d616c12022d314a170a0e69676e6f72655f67726f77696e67120546616c73654a170a0a616e6e735f6669656c641209656d62656464696e674a0c0a06706172616d7312027b7d580160017801b201060a040a020102", want: op("Search", search, 10, 10, "embedding")},
		"query":         {msg: "1a04646f637322066964203e20302a09656d62656464696e6740014a0b0a056c696d6974120231304a170a0e69676e6f72655f67726f77696e67120546616c73654a1d0a147265647563655f73746f705f666f725f62657374120546616c73656001", want: op("Query", read, 10, 10, "")},
		"query, all":    {msg: "1a04646f637322066964203e20302a012a40014a170a0e69676e6f72655f67726f77696e67120546616c73654a1d0a147265647563655f73746f705f666f725f62657374120546616c73656001", want: op("Query", export, all, all, "")},
		"get":           {msg: "1a04646f6373220b696420696e205b312c325d2a09656d62656464696e6740014a170a0e69676e6f72655f67726f77696e67120546616c73654a1d0a147265647563655f73746f705f666f725f62657374120546616c73656001", want: op("Query", export, all, all, "")},
		"iterator":      {msg: "1a04646f63734a120a0d636f6c6c656374696f6e5f69641201314a0a0a056c696d69741201314a0b0a066f66667365741201304a100a086974657261746f721204547275654a170a0e69676e6f72655f67726f77696e67120546616c73654a1c0a147265647563655f73746f705f666f725f626573741204547275656001", want: op("Query", export, 1, 0, "")},
		"hybrid search": {msg: "1a04646f63732aa8011a04646f637332120a100a02243010651a08cdcccc3dcdcc4c3e38014a0a0a04746f706b120232304a130a0d726f756e645f646563696d616c12022d314a170a0e69676e6f72655f67726f77696e67120546616c73654a110a0b6d65747269635f74797065120249504a170a0a616e6e735f6669656c641209656d62656464696e674a1e0a06706172616d7312147b226d65747269635f74797065223a224950227d5801600178012aa4011a04646f637332120a100a02243010651a08cdcccc3dcdcc4c3e38014a0a0a04746f706b120232304a130a0d726f756e645f646563696d616c12022d314a170a0e69676e6f72655f67726f77696e67120546616c73654a110a0b6d65747269635f74797065120249504a130a0a616e6e735f6669656c6412057469746c654a1e0a06706172616d7312147b226d65747269635f74797065223a224950227d580160017801320f0a087374726174656779120372726632120a06706172616d7312087b226b223a36307d320a0a056c696d697412013332130a0d726f756e645f646563696d616c12022d31320b0a066f666673657412013040015209656d62656464696e676001", want: op("HybridSearch", search, 3, 3, "embedding,title")},
		"insert":        {msg: "1a04646f63732a0d0805120269641a051a030a01012a1d08651209656d62656464696e67220e0802120a0a08cdcccc3dcdcc4c3e2a10081512057469746c651a0532030a01783801", want: op("Insert", write, 1, 0, "")},

		"no topk":       {msg: data, want: op("Search", search, all, all, "embedding")},
		"topk -1":       {msg: data + "4a0a0a04746f706b12022d31", want: op("Search", search, all, all, "embedding")},
		"topk twice":    {msg: data + "4a090a04746f706b1201354a090a04746f706b120136", want: op("Search", search, 0, 0, ""), bad: "topk is stated twice"},
		"topk in words": {msg: data + "4a090a04746f706b120178", want: op("Search", search, 0, 0, ""), bad: "topk is no whole number"},
		"more than nq":  {msg: data + "4a090a04746f706b1201356001", want: op("Search", search, 10, 10, "embedding")},
		"aggregated":    {msg: data + "4a090a04746f706b120135ba0100", want: op("Search", search, all, all, "embedding")},
		"subsearches":   {msg: "1a04646f63734209656d62656464696e674a090a04746f706b1201358a0110120c0a0a0a02243010651a001a002803", want: op("Search", search, 15, 15, "embedding")},
		"two bases":     {msg: "120161" + "120162" + data, want: op("Search", search, 0, 0, ""), bad: "stands twice"},
	})
}

func TestMilvusRPCHeads(t *testing.T) {
	d := dialect.Milvus{}
	grpc := authz.Header{"content-type": {"application/grpc"}, "dbname": {"secret"}}
	for method, want := range map[string]authz.Class{
		"Search": authz.ClassSearch, "Query": authz.ClassRead, "Upsert": authz.ClassWrite, "Flush": authz.ClassWrite, "DescribeCollection": authz.ClassList,
		"LoadCollection": authz.ClassAdmin, "ExportSnapshot": authz.ClassExport, "DumpMessages": authz.ClassExport, "Connect": authz.ClassList,
		"Dummy": authz.ClassUnknown, "CalcDistance": authz.ClassUnknown, "CreateReplicateStream": authz.ClassUnknown,
	} {
		path := "/milvus.proto.milvus.MilvusService/" + method
		op := d.Head("POST", path, "", grpc)
		if op.Class != want || op.Complete == d.NeedsBody("POST", path) {
			t.Errorf("%s: %+v", method, op)
		}
		if op := d.Head("POST", path, "", authz.Header{}); op.Class != authz.ClassUnknown {
			t.Errorf("%s, not as gRPC: %+v", method, op)
		}
	}
	path := "/milvus.proto.milvus.MilvusService/Search"
	op, err := d.Body(d.Head("POST", path, "", grpc), fromHex(t, "1a04646f63734a090a04746f706b120135"))
	if err != nil || op.Collection != "secret.docs" {
		t.Errorf("%+v, %v", op, err)
	}
}

func TestMilvusPlaces(t *testing.T) {
	const service = "/milvus.proto.milvus.MilvusService/"
	named := at("/v2/vectordb/entities/search", authz.ClassSearch, "docs")
	named.Vector = "embedding"
	checkPlaces(t, dialect.Milvus{Vectors: []string{"embedding", "t.v"}}, []placeCase{
		{op: named, vectors: "data[*].embedding data[*].t.v", scores: "data[*].distance data[*].score", carries: "data[*] search[*].data[*]"},
		{op: at("/v2/vectordb/entities/query", authz.ClassRead, ""), vectors: "data[*].embedding data[*].t.v"},
		{op: at("/v2/vectordb/entities/insert", authz.ClassWrite, ""), carries: "data[*].embedding data.embedding data[*].t.v data.t.v"},
		{op: at("/v2/vectordb/collections/list", authz.ClassList, "")},
		{
			op: at(service+"Search", authz.ClassSearch, ""), format: scan.FormatGRPC, scores: "2.4 2.10 2.11.2 2.14.2.2 2.18.4.3 2.18.5.4.3 2.18.5.5.4.3", carries: "6.1.3 17.2.1.3",
			vectors: "2.3.4.2.1 2.3.4.3 2.3.4.4 2.3.4.5 2.3.4.6.1 2.3.4.7 2.3.4.8.2.2.1 2.3.4.8.2.3 2.3.4.8.2.4 2.3.4.8.2.5 2.3.4.8.2.6.1 2.3.4.8.2.7 " +
				"2.3.8.1.4.2.1 2.3.8.1.4.3 2.3.8.1.4.4 2.3.8.1.4.5 2.3.8.1.4.6.1 2.3.8.1.4.7 2.3.8.1.4.8.2.2.1 2.3.8.1.4.8.2.3 2.3.8.1.4.8.2.4 2.3.8.1.4.8.2.5 2.3.8.1.4.8.2.6.1 2.3.8.1.4.8.2.7",
		},
		{
			op: at(service+"Query", authz.ClassRead, ""), format: scan.FormatGRPC,
			vectors: "2.4.2.1 2.4.3 2.4.4 2.4.5 2.4.6.1 2.4.7 2.4.8.2.2.1 2.4.8.2.3 2.4.8.2.4 2.4.8.2.5 2.4.8.2.6.1 2.4.8.2.7 " +
				"2.8.1.4.2.1 2.8.1.4.3 2.8.1.4.4 2.8.1.4.5 2.8.1.4.6.1 2.8.1.4.7 2.8.1.4.8.2.2.1 2.8.1.4.8.2.3 2.8.1.4.8.2.4 2.8.1.4.8.2.5 2.8.1.4.8.2.6.1 2.8.1.4.8.2.7",
		},
		{op: at(service+"Insert", authz.ClassWrite, ""), format: scan.FormatGRPC, carries: "5.4.2.1"},
	})
	// Rows lie end to end: their length, and the field's name, stand beside them.
	for _, f := range (dialect.Milvus{}).Answer(at(service+"Query", authz.ClassRead, ""), authz.Response{}).Fields {
		if f.Path == "2.4.2.1" && (f.Dims != "2.4.1" || f.Named != "2.2") {
			t.Errorf("%+v", f)
		}
	}
}
