package dialect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

// TestPostgRESTHeads reads what postgrest-py 2.34.1 sends, and examples of PostgREST's reference.
func TestPostgRESTHeads(t *testing.T) {
	const read, export, search, write, list = authz.ClassRead, authz.ClassExport, authz.ClassSearch, authz.ClassWrite, authz.ClassList
	d := dialect.PostgREST{Vectors: []string{"embedding", "title_vec"}}
	op := func(c authz.Class, relation string, docs, vectors int64) authz.Operation {
		o := done(at("/"+relation, c, relation), docs, vectors)
		return o
	}
	single := authz.Header{"accept": {"application/vnd.pgrst.object+json"}}
	returning := authz.Header{"prefer": {"return=representation"}}
	for _, tt := range []struct {
		method, path, query string
		header              authz.Header
		want                authz.Operation
	}{
		{"GET", "/docs", "select=id%2Cembedding&limit=5", authz.Header{"accept": {"application/json"}}, op(read, "docs", 5, 5)},
		{"GET", "/docs", "select=%2A", nil, op(export, "docs", all, all)},
		{"GET", "/docs", "select=%2A&offset=0&limit=10", nil, op(read, "docs", 10, 20)},
		{"GET", "/docs", "select=%2A&id=eq.1", single, op(read, "docs", 1, 2)},
		{"GET", "/docs", "", authz.Header{"range": {"0-9"}}, op(read, "docs", 10, 20)},
		{"GET", "/docs", "", authz.Header{"range": {"0-"}}, op(export, "docs", all, all)},
		{"GET", "/docs", "limit=5", authz.Header{"range": {"0-99"}}, op(read, "docs", 100, 200)},
		{"GET", "/docs", "limit=0", nil, op(export, "docs", all, all)},
		{"GET", "/docs", "select=id,title&limit=5", nil, op(read, "docs", 5, 0)},
		{"GET", "/docs", "select=nom:title,\"embedding\"&limit=5", nil, op(read, "docs", 5, 5)},
		{"GET", "/docs", "select=id,chunks(embedding)&limit=5", nil, op(read, "docs", 5, all)},
		{"GET", "/docs", "select=id,...chunks(title,author:people!fk(*))&limit=5", nil, op(read, "docs", 5, all)},
		{"GET", "/docs", "select=id,chunks(title)&limit=5", nil, op(read, "docs", 5, 0)},
		{"GET", "/docs", "select=amount.sum(),count()&limit=5", nil, op(read, "docs", 5, 0)},
		{"GET", "/docs", "select=meta->>lang,born::text&limit=5", nil, op(read, "docs", 5, 0)},
		{"HEAD", "/docs", "limit=5", nil, op(read, "docs", 5, 10)},
		{"GET", "/rpc/match", "match_count=5", nil, op(search, "rpc/match", all, all)},
		{"POST", "/rpc/match", "limit=5&select=id,embedding", nil, op(search, "rpc/match", 5, 5)},
		{"PATCH", "/docs", "id=eq.1", nil, op(write, "docs", all, 0)},
		{"PATCH", "/docs", "id=eq.1", returning, op(write, "docs", all, all)},
		{"DELETE", "/docs", "id=eq.1&select=id", returning, op(write, "docs", all, 0)},
		{"GET", "/", "", nil, done(at("/", list, ""), 0, 0)},
		{"GET", "/docs", "select=v:embedding&limit=5", nil, unknown()},
		{"GET", "/docs", "select=\"a:b\":embedding&limit=5", nil, unknown()},
		{"GET", "/docs", "select=\"a::b\":embedding&limit=5", nil, unknown()},
		{"GET", "/docs", "select=\"a->b\":embedding&limit=5", nil, unknown()},
		{"GET", "/docs", "select=\"a\\\":b\":embedding&limit=5", nil, unknown()},
		{"GET", "/docs", "select=id,embedding.avg()&limit=5", nil, unknown()},
		{"GET", "/docs", "select=id,v:embedding.sum()&limit=5", nil, unknown()},
		{"GET", "/docs", "select=\"a:b\":title,\"Full Name\"::text&limit=5", nil, op(read, "docs", 5, 0)},
		{"GET", "/docs", "select=embedding::text&limit=5", nil, unknown()},
		{"GET", "/docs", "select=embedding->0&limit=5", nil, unknown()},
		{"GET", "/docs", "select=chunks(v:embedding)&limit=5", nil, unknown()},
		{"GET", "/docs", "select=id&select=embedding&limit=5", nil, unknown()},
		{"GET", "/docs", "select=chunks(id&limit=5", nil, unknown()},
		{"GET", "/docs", "limit=5&limit=5000", nil, unknown()},
		{"GET", "/docs", "limit=5;limit=5000", nil, unknown()},
		{"GET", "/docs", "limit=5", authz.Header{"accept": {"text/csv"}}, unknown()},
		{"GET", "/docs", "limit=5", authz.Header{"accept": {"application/vnd.pgrst.plan+text; options="}}, unknown()},
		{"GET", "/docs", "limit=5", authz.Header{"accept": {"application/octet-stream, application/json"}}, unknown()},
		{"PUT", "/rpc/match", "", nil, unknown()},
		{"GET", "/docs/1", "", nil, unknown()},
		{"POST", "/", "", nil, unknown()},
	} {
		if diff := cmp.Diff(tt.want, d.Head(tt.method, tt.path, tt.query, tt.header)); diff != "" {
			t.Errorf("%s %s?%s %v (-want +got):\n%s", tt.method, tt.path, tt.query, tt.header, diff)
		}
	}
	if op := d.Head("GET", "/rest/v1/docs", "limit=5", authz.Header{"accept-profile": {"private"}}); op.Collection != "private.docs" || op.Vectors != 10 {
		t.Errorf("Supabase, another schema: %+v", op)
	}
	if op := (dialect.PostgREST{}).Head("GET", "/docs", "select=a,b&limit=5", nil); op.Vectors != 10 {
		t.Errorf("any column may be a vector: %+v", op)
	}
}

// TestPostgRESTFilters: what compares vectors, orders by them, or picks a component of what may be one, is not known; other filters are.
func TestPostgRESTFilters(t *testing.T) {
	known, any := dialect.PostgREST{Vectors: []string{"embedding", "a vec"}}, dialect.PostgREST{}
	for query, want := range map[string][2]bool{ // with the columns known, and without
		"id=eq.1&title=lt.m&order=id.desc,born.asc.nullslast":             {true, true},
		"or=(title.eq.embedding,and(id.gt.1,born.not.is.null))":           {true, true},
		"title=in.(embedding,\"a.b\")&tags=cs.{a,b}&age=lt(any).{1,2}":    {true, true},
		"chunks.title=ilike.*x*&chunks.order=id&chunks.limit=5&offset=20": {true, true},
		"embedding=is.null":                                         {true, true},
		"embedding=not.is.null":                                     {true, true},
		"or=(id.eq.1,embedding.is.null)":                            {true, true},
		"during=ov.[2026-01-01,2026-02-01]":                         {true, true},
		"title=eq.a->0&select=meta->>lang,meta->b->c,born::text":    {true, true},
		"embedding=lt.[0.5]":                                        {false, false},
		"embedding=not.gte.[0.5,0.25]":                              {false, false},
		"embedding=lt(any).{\"[0.5]\"}":                             {false, false},
		"embedding=lt.{0.5}":                                        {false, false},
		"\"a vec\"=gt.[0.5]":                                        {false, false},
		"chunks.embedding=lt.[0.5]":                                 {false, false},
		"and=(id.eq.1,embedding.lt.[0.5,0.25])":                     {false, false},
		"not.or=(and(embedding.lt.[0.5],id.eq.1),id.eq.2)":          {false, false},
		"chunks.or=(id.eq.1,not.and(id.eq.1,\"embedding\".gt.[1]))": {false, false},
		"embedding=eq.0101":                                         {false, true},
		"embedding->0=gt.0.5":                                       {false, false},
		"or=(embedding->>0.gt.0.5,id.eq.1)":                         {false, false},
		"order=id,embedding.desc":                                   {false, true},
		"order=chunks(embedding).desc":                              {false, true},
		"chunks.order=\"embedding\".asc":                            {false, true},
		"order=embedding->0.desc":                                   {false, false},
		"or=(id.eq.1":                                               {false, false},
		"or=(title.eq.\"a\\\",embedding.lt.[1]\")":                  {false, false},
		"order=\"a\\\".b\",embedding":                               {false, false},
		"select=embedding->0":                                       {false, false},
		"select=embedding->>-1,id":                                  {false, false},
		"select=x:meta->v->5":                                       {true, false},
		"select=embedding[1:31]":                                    {false, false},
		"select=embedding::name":                                    {false, false},
		"select=chunks(embedding->0)":                               {false, false},
	} {
		query := strings.NewReplacer(" ", "%20", `"`, "%22", `\`, "%5C", ">", "%3E").Replace(query)
		for i, d := range []dialect.PostgREST{known, any} {
			op := d.Head("GET", "/docs", query+"&limit=5", nil)
			if got := op.Class == authz.ClassRead; got != want[i] {
				t.Errorf("%s, columns known: %v: %+v; want it taken: %v", query, i == 0, op, want[i])
			}
		}
	}
	for query, want := range map[string]authz.Class{
		"embedding=[0.5,0.25]&match_count=5": authz.ClassSearch,
		"embedding=lt.[0.5,0.25]":            authz.ClassUnknown,
		"order=embedding":                    authz.ClassUnknown,
	} {
		if op := known.Head("GET", "/rpc/match", query, nil); op.Class != want {
			t.Errorf("a function, %s: %+v; want %s", query, op, want)
		}
	}
}

func TestPostgRESTBodies(t *testing.T) {
	d := dialect.PostgREST{Vectors: []string{"embedding"}}
	want := func(rows int64) authz.Operation { return done(at("/docs", authz.ClassWrite, "docs"), rows, 0) }
	checkBodies(t, d, "POST", "/docs", map[string]bodyCase{ // postgrest-py 2.34.1
		"client, one":  {body: `{"embedding":[0.1,0.2]}`, want: want(1)},
		"client, some": {body: `[{"id":1,"embedding":[0.1,0.2]},{"id":2}]`, want: want(2)},
		"csv":          {body: "id,embedding\n1,x\n", bad: "want an object"},
	})
	head := d.Head("POST", "/docs", "", authz.Header{"prefer": {"return=representation"}})
	op, err := d.Body(head, []byte(`[{},{},{}]`))
	if err != nil || op.Vectors != 3 || op.Documents != 3 || op.Object != "/docs" {
		t.Errorf("with the rows in the answer: %+v, %v", op, err)
	}
	head = d.Head("POST", "/docs", "select=id,chunks(*)", authz.Header{"prefer": {"resolution=merge-duplicates,return=representation"}})
	if op, err = d.Body(head, []byte(`{}`)); err != nil || op.Vectors != all {
		t.Errorf("with what belongs to them: %+v, %v", op, err)
	}
}

func TestPostgRESTPlaces(t *testing.T) {
	checkPlaces(t, dialect.PostgREST{Vectors: []string{"embedding"}}, []placeCase{
		{op: at("/docs", authz.ClassRead, "docs"), vectors: "**.embedding"},
		{op: at("/docs", authz.ClassWrite, "docs"), vectors: "**.embedding", carries: "**.embedding **.embedding"},
		{op: at("/rpc/match", authz.ClassSearch, "rpc/match"), vectors: "**.embedding", carries: "**.embedding **.embedding"},
		{op: at("/", authz.ClassList, "")},
	})
	checkPlaces(t, dialect.PostgREST{}, []placeCase{{op: at("/docs", authz.ClassRead, "docs")}})
}
