package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestChroma(t *testing.T) {
	const base = "/api/v2/tenants/t/databases/d/collections"
	of := func(c authz.Class) authz.Operation {
		return authz.Operation{Class: c, Collection: "c1", Complete: c == authz.ClassList || c == authz.ClassAdmin}
	}
	admin := authz.Operation{Class: authz.ClassAdmin, Complete: true}
	write := authz.Operation{Class: authz.ClassWrite, Collection: "c1", Complete: true, Documents: authz.Unbounded}
	unknownIn := unknown()
	unknownIn.Collection = "c1"
	checkHeads(t, dialect.Chroma{}, []headCase{
		{"POST", base + "/c1/get", unread(of(authz.ClassRead)), true},
		{"POST", base + "/c1/query", unread(of(authz.ClassSearch)), true},
		{"POST", base + "/c1/conditional/get", unread(of(authz.ClassRead)), true},
		{"POST", base + "/c1/search", unread(at(base+"/c1/search", authz.ClassSearch, "c1")), true},
		{"POST", base + "/c1/add", write, false},
		{"POST", base + "/c1/upsert", write, false},
		{"POST", base + "/c1/update", write, false},
		{"POST", base + "/c1/delete", write, false},
		{"GET", base + "/c1/count", of(authz.ClassList), false},
		{"GET", base + "/c1", of(authz.ClassList), false},
		{"GET", base, list(), false},
		{"GET", "/api/v2/tenants/t/databases/d/collections_count", list(), false},
		{"GET", "/api/v2/tenants/t/databases/d", list(), false},
		{"GET", "/api/v2/tenants/t", list(), false},
		{"GET", "/api/v2/heartbeat", list(), false},
		{"GET", "/api/v2/auth/identity", list(), false},
		{"GET", "/api/v2/pre-flight-checks", list(), false},
		{"POST", base, admin, false},
		{"DELETE", base + "/c1", of(authz.ClassAdmin), false},
		{"PUT", base + "/c1", of(authz.ClassAdmin), false},
		{"POST", "/api/v2/tenants", admin, false},
		{"POST", "/api/v2/tenants/t/databases", admin, false},
		{"POST", "/api/v2/reset", admin, false},
		{"GET", base + "/c1/search", unknownIn, false},
		{"POST", base + "/c1/fork", unknownIn, false},
		{"GET", base + "/c1/get", unknownIn, false},
		{"GET", base + "/c1/conditional/get", unknownIn, false},
		{"POST", base + "/c1/conditional/query", unknown(), false},
		{"GET", "/api/v2/tenants/t/other/d", unknown(), false},
		{"GET", "/api/v2/tenants/t/databases/d/attached_functions", unknown(), false},
		{"POST", "/api/v1/collections", unknown(), false},
		{"GET", "/api/v2x", unknown(), false},
	})
	op := func(c authz.Class, docs, vectors int64) authz.Operation {
		return authz.Operation{Class: c, Collection: "c1", Documents: docs, Vectors: vectors}
	}
	checkBodies(t, dialect.Chroma{}, "POST", base+"/c1/get", map[string]bodyCase{
		// chromadb 1.3: every key is always there, null where the caller said nothing.
		"client, get()":   {body: `{"ids":null,"where":null,"limit":null,"offset":null,"where_document":null,"include":["metadatas","documents"]}`, want: op(authz.ClassExport, all, 0)},
		"client, vectors": {body: `{"ids":null,"where":{"k":{"$eq":1}},"limit":null,"offset":0,"where_document":null,"include":["embeddings"]}`, want: op(authz.ClassExport, all, all)},
		"client, peek()":  {body: `{"ids":null,"where":null,"limit":10,"offset":null,"where_document":null,"include":["embeddings","metadatas","documents"]}`, want: op(authz.ClassRead, 10, 10)},
		"client, ids":     {body: `{"ids":["a","b"],"where":null,"limit":null,"offset":null,"where_document":null,"include":["embeddings"]}`, want: op(authz.ClassRead, 2, 2)},
		"empty":           {body: `{}`, want: op(authz.ClassExport, all, 0)},
		"no ids":          {body: `{"ids":[],"include":["embeddings"]}`, want: op(authz.ClassExport, all, all)},
		"limit for all":   {body: `{"limit":9223372036854775807,"include":["embeddings"]}`, want: op(authz.ClassExport, all, all)},
		"limit, all ids":  {body: `{"limit":9223372036854775807,"ids":["a"]}`, want: op(authz.ClassRead, 1, 0)},
		"limit 0":         {body: `{"limit":0,"include":["embeddings"]}`, want: op(authz.ClassExport, all, all)},
		"ids and limit":   {body: `{"ids":["a","b"],"limit":1,"include":["embeddings"]}`, want: op(authz.ClassRead, 1, 1)},
		"include escaped": {body: `{"limit":1,"include":["\u0065mbeddings"]}`, want: op(authz.ClassRead, 1, 1)},
		"include in caps": {body: `{"limit":1,"include":["Embeddings"]}`, want: op(authz.ClassRead, 1, 1)},
		"include null":    {body: `{"limit":1,"include":null}`, want: op(authz.ClassRead, 1, 0)},
		"include a word":  {body: `{"limit":1,"include":"embeddings"}`, bad: "want an array"},
		"include numbers": {body: `{"include":[1]}`, bad: "include is no string"},
		"include twice":   {body: `{"include":[],"include":["embeddings"]}`, bad: "include stands twice"},
		"negative limit":  {body: `{"limit":-1}`, bad: "limit is no whole number"},
		"one id":          {body: `{"ids":"a"}`, bad: "ids is no array"},
		"limit twice":     {body: `{"limit":1,"Limit":1000}`, bad: "differs from limit in case"},
	})
	checkBodies(t, dialect.Chroma{}, "POST", base+"/c1/query", map[string]bodyCase{
		"client": {
			body: `{"ids":null,"query_embeddings":[[0.1,-2e-3]],"n_results":10,"where":null,"where_document":null,"include":["metadatas","documents","distances"]}`,
			want: op(authz.ClassSearch, 10, 0),
		},
		"default":    {body: `{"query_embeddings":[[0.1,0.2]],"include":["embeddings"]}`, want: op(authz.ClassSearch, 10, 10)},
		"batch":      {body: `{"query_embeddings":[[0.1],[0.2]],"n_results":100,"include":["embeddings","distances"]}`, want: op(authz.ClassSearch, 200, 200)},
		"huge":       {body: `{"query_embeddings":[[0.1],[0.2]],"n_results":9000000000000000000,"include":["embeddings"]}`, want: op(authz.ClassSearch, all, all)},
		"no query":   {body: `{"n_results":10}`, bad: "query_embeddings is missing"},
		"null query": {body: `{"query_embeddings":null}`, bad: "query_embeddings is missing"},
	})
}

// TestChromaSearch reads what chromadb-client 1.5.9 sends.
func TestChromaSearch(t *testing.T) {
	const path = "/api/v2/tenants/t/databases/d/collections/c1/search"
	want := func(c authz.Class, docs, vectors int64) authz.Operation {
		return done(at(path, c, "c1"), docs, vectors)
	}
	checkBodies(t, dialect.Chroma{}, "POST", path, map[string]bodyCase{
		"client": {
			body: `{"searches":[{"filter":null,"rank":{"$knn":{"query":[0.1,0.2],"key":"#embedding","limit":16}},"group_by":{},"limit":{"offset":0,"limit":5},"select":{"keys":["#score","#embedding"]}}],"read_level":"index_and_wal"}`,
			want: want(authz.ClassSearch, 5, 5),
		},
		"client, two, one without a limit": {
			body: `{"searches":[{"filter":null,"rank":{"$mul":[{"$val":-1},{"$sum":[{"$div":{"left":{"$val":1.0},"right":{"$sum":[{"$val":60},{"$knn":{"query":[0.1,0.2],"key":"#embedding","limit":16,"return_rank":true}}]}}}]}]},"group_by":{},"limit":{"offset":0,"limit":5},"select":{"keys":["#metadata","#score","#embedding","#document"]}},{"filter":null,"rank":null,"group_by":{},"limit":{"offset":0},"select":{"keys":[]}}],"read_level":"index_and_wal"}`,
			want: want(authz.ClassExport, all, 5),
		},
		"two":           {body: `{"searches":[{"limit":{"limit":2},"select":{"keys":["#embedding"]}},{"limit":{"limit":3}}]}`, want: want(authz.ClassSearch, 5, 2)},
		"no limit":      {body: `{"searches":[{"select":{"keys":["#embedding"]}}]}`, want: want(authz.ClassExport, all, all)},
		"limit 0":       {body: `{"searches":[{"limit":{"limit":0},"select":{"keys":["#EMBEDDING"]}}]}`, want: want(authz.ClassExport, all, all)},
		"nulls":         {body: `{"searches":[{"limit":null,"select":null}]}`, want: want(authz.ClassExport, all, 0)},
		"a query":       {body: `{"query_embeddings":[[1]]}`, bad: "searches is missing"},
		"keys a word":   {body: `{"searches":[{"select":{"keys":"#embedding"}}]}`, bad: "want an array"},
		"select a list": {body: `{"searches":[{"select":["#embedding"]}]}`, bad: "select is no object"},
		"limit twice":   {body: `{"searches":[{"limit":{"limit":1},"limit":{"limit":100}}]}`, bad: "limit stands twice"},
	})
}

func TestChromaPlaces(t *testing.T) {
	const search = "query_embeddings[*] searches[*].rank.**.query"
	checkPlaces(t, dialect.Chroma{}, []placeCase{
		{op: at("", authz.ClassRead, "c1"), vectors: "embeddings[*]"},
		{op: at("", authz.ClassExport, "c1"), vectors: "embeddings[*]", carries: search},
		{op: at("", authz.ClassSearch, "c1"), vectors: "embeddings[*][*]", scores: "distances[*][*] scores[*][*]", carries: search},
		{op: at("/search", authz.ClassExport, "c1"), vectors: "embeddings[*][*]", scores: "distances[*][*] scores[*][*]", carries: search},
		{op: at("", authz.ClassWrite, "c1"), carries: "embeddings[*]"},
		{op: at("", authz.ClassList, "c1")},
	})
}
