package dialect_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

// vectorRoutes lists requests of vector databases, with a body of each shape.
func vectorRoutes() []route {
	const chroma = "/api/v2/tenants/t/databases/d/collections/c"
	const milvus = "/milvus.proto.milvus.MilvusService/"
	return []route{
		{dialect.Chroma{}, "POST", chroma + "/get", `{"include":["embeddings"],"limit":3,"ids":["x"]}`},
		{dialect.Chroma{}, "POST", chroma + "/query", `{"query_embeddings":[[1]],"n_results":2}`},
		{dialect.Chroma{}, "POST", chroma + "/search", `{"searches":[{"limit":{"limit":5},"select":{"keys":["#embedding"]},"rank":null}]}`},
		{dialect.Qdrant{}, "POST", "/collections/c/points/search", `{"vector":[1],"limit":2,"with_vector":true}`},
		{dialect.Qdrant{}, "POST", "/collections/c/points/scroll", `{"limit":2,"with_vector":["a"]}`},
		{dialect.Qdrant{}, "POST", "/collections/c/points/query/groups", `{"prefetch":[{"using":"a","prefetch":{}}],"group_size":2,"limit":4,"with_lookup":{"collection":"o","with_vectors":true}}`},
		{dialect.Qdrant{}, "POST", "/collections/c/points/query/batch", `{"searches":[{"limit":2,"lookup_from":{"collection":"o"}},{"using":"b"}]}`},
		{dialect.Qdrant{}, "POST", "/qdrant.Points/Search", "\x0a\x01c\x12\x04\x00\x00\x80\x3f\x20\x02"},
		{dialect.Qdrant{}, "POST", "/qdrant.Points/QueryBatch", "\x0a\x01c\x12\x07\x12\x03\x1a\x01a\x40\x02"},
		{dialect.Weaviate{}, "POST", "/v1/graphql", `{"query":"{Get{Docs(limit:5 nearVector:{vector:[0.1] targetVectors:[\"a\"]}){_additional{vector vectors{a}}}}}"}`},
		{dialect.Weaviate{}, "POST", "/v1/batch/objects", `{"objects":[{"class":"Docs","vector":[1]}]}`},
		{dialect.Weaviate{}, "POST", "/weaviate.v1.Weaviate/Search", "\x0a\x01c\xaa\x01\x02\x10\x01\xf0\x01\x05"},
		{dialect.Milvus{}, "POST", "/v2/vectordb/entities/search", `{"collectionName":"c","data":[[1]],"annsField":"a","limit":2,"outputFields":["*"]}`},
		{dialect.Milvus{}, "POST", "/v2/vectordb/entities/hybrid_search", `{"collectionName":"c","search":[{"data":[[1]],"annsField":"a"}],"limit":2}`},
		{dialect.Milvus{}, "POST", milvus + "Search", "\x1a\x01c\x42\x01a\x4a\x09\x0a\x04topk\x12\x015"},
		{dialect.Pinecone{}, "POST", "/query", `{"topK":2,"include_values":true,"queries":[{"topK":1},{}]}`},
		{dialect.Pinecone{}, "POST", "/namespaces/n/documents/fetch", `{"ids":["a"],"include_fields":["*"]}`},
		{dialect.Pinecone{}, "POST", "/VectorService/Query", "\x0a\x02ns\x10\x05\x20\x01\x32\x02\x10\x07"},
		{dialect.Elastic{}, "POST", "/docs/_search", `{"size":2,"_source":{"includes":["a"]},"fields":[{"field":"b"}],"aggs":{"a":{"top_hits":{}}},"knn":{"field":"a","query_vector":[1]}}`},
		{dialect.Elastic{}, "POST", "/docs/_msearch", "\n{\"size\":2}\n"},
		{dialect.Elastic{}, "POST", "/_mget", `{"docs":[{"_index":"a","_source":["b"]}],"ids":["c"]}`},
		{dialect.Elastic{}, "POST", "/_sql", `{"query":"q","fetch_size":5}`},
		{dialect.PostgREST{}, "POST", "/docs", `[{"a":[1]},{}]`},
		{dialect.LanceDB{}, "POST", "/v1/table/docs/query", `{"k":5,"vector":{"multi_vector":[[1],[2]]},"columns":{"column_names":["vector"]}}`},
		{dialect.Turbopuffer{}, "POST", "/v2/namespaces/docs/query", `{"queries":[{"rank_by":["vector","ANN",[1]],"top_k":5,"include_attributes":true},{"limit":{"total":2},"exclude_attributes":["a"]}]}`},
		{dialect.Turbopuffer{}, "POST", "/v2/namespaces/docs", `{"copy_from_namespace":{"source_namespace":"o"}}`},
		{dialect.S3Vectors{}, "POST", "/GetVectors", `{"vectorBucketName":"b","indexName":"i","keys":["a"],"returnData":true}`},
	}
}

// compareVectors reads the body of a vector database's request as a Go upstream would, and finds no more asked for than the operation says.
func compareVectors(t *testing.T, r route, raw []byte, op authz.Operation) {
	var doc struct {
		Limit, TopK, K, Size         *int64
		WithVector                   any  `json:"with_vector"`
		WithVectors                  any  `json:"with_vectors"`
		IncludeValues                bool `json:"includeValues"`
		IncludeValuesToo             bool `json:"include_values"`
		ReturnData                   bool
		OutputFields, Keys, Searches []any
		Source                       any `json:"_source"`
		Queries                      any
	}
	if json.Unmarshal(raw, &doc) != nil {
		return
	}
	var limit *int64
	vectors := false
	switch r.d.Name() + r.path {
	case "qdrant/collections/c/points/search", "qdrant/collections/c/points/scroll":
		names, _ := doc.WithVector.([]any)
		more, _ := doc.WithVectors.([]any)
		limit, vectors = doc.Limit, doc.WithVector == true || doc.WithVectors == true || len(names)+len(more) > 0
	case "pinecone/query":
		if limit, vectors = doc.TopK, doc.IncludeValues || doc.IncludeValuesToo; doc.Queries != nil {
			limit = nil
		}
	case "milvus/v2/vectordb/entities/search":
		vectors = slices.Contains(doc.OutputFields, "*")
	case "lancedb/v1/table/docs/query":
		limit = doc.K
	case "elastic/docs/_search":
		vectors = doc.Source == true
		limit = doc.Size
	case "s3vectors/GetVectors":
		n := int64(len(doc.Keys))
		limit, vectors = &n, doc.ReturnData
	}
	if limit != nil && *limit > 0 && *limit < 1<<40 && op.Documents >= 0 && op.Documents < *limit {
		t.Fatalf("%s %s: %q is for %d, the operation is %+v", r.d.Name(), r.path, raw, *limit, op)
	}
	if vectors && op.Vectors == 0 && op.Documents != 0 {
		t.Fatalf("%s %s: %q asks for vectors, the operation is %+v", r.d.Name(), r.path, raw, op)
	}
}

// BenchmarkAnswer is what an exchange costs beside its bodies: Head once, Answer several times.
func BenchmarkAnswer(b *testing.B) {
	for _, tt := range []struct {
		name, path string
		d          dialect.Dialect
	}{
		{"qdrant", "/collections/c/points/search", dialect.Qdrant{}},
		{"qdrant/grpc", "/qdrant.Points/Query", dialect.Qdrant{}},
		{"weaviate/grpc", "/weaviate.v1.Weaviate/Search", dialect.Weaviate{}},
		{"milvus/grpc", "/milvus.proto.milvus.MilvusService/Search", dialect.Milvus{}},
		{"elastic", "/docs/_search", dialect.Elastic{Vectors: []string{"embedding"}}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			h := authz.Header{"content-type": {"application/grpc"}}
			for b.Loop() {
				op := tt.d.Head("POST", tt.path, "", h)
				if !tt.d.Answer(op, authz.Response{Status: 200}).Judge {
					b.Fatal(op)
				}
			}
		})
	}
}
