package dialect_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

func TestGitLFS(t *testing.T) {
	oid, other := strings.Repeat("a1", 32), strings.Repeat("b2", 32)
	const batch, repo = "/o/m.git/info/lfs/objects/batch", "o/m.git/info/lfs"
	object := with(stored(repo, oid, ""), func(op *authz.Operation) { op.Version = oid })
	checkStore(t, dialect.GitLFS{}, []storeCase{
		{"GET /o/m.git/info/lfs/objects/" + oid, authz.Header{"range": {"bytes=5-"}}, with(object, func(op *authz.Operation) { op.Range = "bytes=5-" })},
		{"PUT /o/m.git/info/lfs/objects/" + oid, nil, with(object, func(op *authz.Operation) { op.Class, op.Documents = authz.ClassWrite, 0 })},
		{"GET /o/m.git/info/lfs/locks?", nil, of(authz.ClassList, repo, "/o/m.git/info/lfs/locks", "")},
		{"POST /o/m.git/info/lfs/locks/verify", nil, of(authz.ClassList, repo, "/o/m.git/info/lfs/locks/verify", "")},
		{"POST /o/m.git/info/lfs/locks/7/unlock", nil, of(authz.ClassWrite, repo, "/o/m.git/info/lfs/locks/7/unlock", "")},
	})
	checkUnknown(t, dialect.GitLFS{}, "GET "+batch, "GET /o/m.git/info/lfs/objects/abc", "GET /o/m.git/info/refs", "DELETE /o/m.git/info/lfs/objects/"+oid, "POST "+batch+"?x=1",
		"GET /o/m.git/info/lfs/objects/"+strings.ToUpper(oid))
	checkHeads(t, dialect.GitLFS{}, []headCase{{"POST", batch, unread(at(batch, authz.ClassRead, repo)), true}})
	one := `{"oid":"` + oid + `","size":5}`
	checkBodies(t, dialect.GitLFS{}, "POST", batch, map[string]bodyCase{
		"one":       {body: `{"operation":"download","objects":[` + one + `],"transfers":["basic"],"ref":{"name":"refs/heads/main"},"hash_algo":"sha256"}`, want: object},
		"two":       {body: `{"operation":"download","objects":[` + one + `,{"size":1,"oid":"` + other + `"}]}`, want: with(done(at(batch, authz.ClassRead, repo), 2, 0), func(op *authz.Operation) { op.Versions = []string{oid, other} })},
		"many":      {body: `{"operation":"download","objects":[` + strings.Repeat(one+",", 1000) + one + `]}`, bad: "at most 1000"},
		"upload":    {body: `{"operation":"upload","objects":[` + one + `]}`, want: with(object, func(op *authz.Operation) { op.Class = authz.ClassWrite })},
		"twice":     {body: `{"operation":"upload","operation":"download","objects":[` + one + `]}`, bad: "operation stands twice"},
		"two names": {body: `{"operation":"download","objects":[{"oid":"` + oid + `","oid":"` + other + `"}]}`, bad: "oid stands twice"},
		"no digest": {body: `{"operation":"download","objects":[{"oid":"1","size":5}]}`, bad: "oid must be"},
		"neither":   {body: `{"objects":[` + one + `]}`, bad: "operation must be"},
		"algorithm": {body: `{"operation":"download","hash_algo":"sha512","objects":[` + one + `]}`, bad: "hash_algo"},
	})
	read, err := dialect.GitLFS{}.Body(dialect.GitLFS{}.Head("POST", batch, "", nil), []byte(`{"operation":"download","objects":[`+one+`]}`))
	if p, ok := (dialect.GitLFS{}).Piece(read, authz.Response{Status: 200, ContentLength: 7}); ok || err != nil {
		t.Errorf("a batch hands out %+v, %v", p, err)
	}
	object.Complete = true
	p, ok := dialect.GitLFS{}.Piece(object, authz.Response{Status: 200, ContentLength: 7})
	if diff := cmp.Diff(authz.Piece{Object: oid, Version: oid, Size: 7, Length: 7}, p); diff != "" || !ok {
		t.Error(diff)
	}
}
