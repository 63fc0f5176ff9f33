package wire_test

import (
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/wire"
)

func TestSignedBy(t *testing.T) {
	v4 := "AWS4-HMAC-SHA256 Credential=AK/20261124/eu/s3/aws4_request, SignedHeaders=host;range;x-amz-date, Signature=ab"
	last := "AWS4-HMAC-SHA256 Credential=AK/20261124/eu/s3/aws4_request,Signature=ab,SignedHeaders=Host;Range"
	tests := map[string]struct {
		req    authz.Request
		remove []string
		want   string
	}{
		"signed range":      {authz.Request{Headers: authz.Header{"authorization": {v4}}}, []string{"weir-token", "range"}, "range"},
		"in another order":  {authz.Request{Headers: authz.Header{"authorization": {last}}}, []string{"weir-token", "range"}, "range"},
		"after another":     {authz.Request{Headers: authz.Header{"authorization": {"Bearer x", v4}}}, []string{"range"}, "range"},
		"nothing signed":    {authz.Request{Headers: authz.Header{"authorization": {v4}}}, []string{"weir-token"}, ""},
		"part of a name":    {authz.Request{Headers: authz.Header{"authorization": {v4}}}, []string{"x-amz", "date"}, ""},
		"nothing removed":   {authz.Request{Headers: authz.Header{"authorization": {v4}}}, nil, ""},
		"bearer":            {authz.Request{Headers: authz.Header{"authorization": {"Bearer x"}}}, []string{"range"}, ""},
		"no signature":      {authz.Request{Path: "/b/k"}, []string{""}, ""},
		"presigned":         {authz.Request{Path: "/b/k?X-Amz-SignedHeaders=host%3Bweir-token"}, []string{"weir-token"}, "weir-token"},
		"presigned, plain":  {authz.Request{Path: "/b/k?a=b;c&X-Amz-SignedHeaders=host;weir-token&d"}, []string{"weir-token"}, "weir-token"},
		"presigned, host":   {authz.Request{Path: "/b/k?X-Amz-SignedHeaders=host"}, []string{"weir-token"}, ""},
		"presigned, broken": {authz.Request{Path: "/b/k?X-Amz-SignedHeaders=host;%zz;weir-token"}, []string{"weir-token"}, "weir-token"},
	}
	for name, tc := range tests {
		err := wire.SignedBy(tc.req, tc.remove)
		switch {
		case err == nil && tc.want != "":
			t.Errorf("%s: not found, want %s", name, tc.want)
		case err != nil && (err.Kind != authz.KindBadRequest || !strings.Contains(err.Public, " covers "+tc.want+",") || tc.want == ""):
			t.Errorf("%s: %v, want %q", name, err.Public, tc.want)
		}
	}
}

// TestCleanPath: the words of a requester are taken out of a path, byte for byte, and what a signature covers stays.
func TestCleanPath(t *testing.T) {
	v4 := authz.Header{"authorization": {"AWS4-HMAC-SHA256 Credential=AK/20261124/eu/s3/aws4_request, SignedHeaders=host, Signature=ab"}}
	for name, tt := range map[string]struct {
		path   string
		header authz.Header
		want   string // empty: the path is not touched
	}{
		"alone":                     {"/b/k?weir-justification=A-1", nil, "/b/k"},
		"between others":            {"/b/k?a=%2f&weir-justification=A+1&b;c", nil, "/b/k?a=%2f&b;c"},
		"twice, and encoded":        {"/b/k?weir%2Djustification=A&a&weir-justification=B", nil, "/b/k?a"},
		"after a signature":         {"/b/k?X-Amz-Date=d&X-Amz-Signature=f&weir-justification=A-1", nil, "/b/k?X-Amz-Date=d&X-Amz-Signature=f"},
		"covered by a signature":    {"/b/k?weir-justification=A-1&X-Amz-Signature=f", nil, ""},
		"covered by Google's":       {"/b/k?weir-justification=A-1&X-Goog-Signature=f", nil, ""},
		"before and after":          {"/b/k?weir-justification=A&X-Amz-Signature=f&weir-justification=B", nil, "/b/k?weir-justification=A&X-Amz-Signature=f"},
		"with Azure's, which picks": {"/b/k?weir-justification=A-1&sig=f", nil, "/b/k?sig=f"},
		"signed by headers":         {"/b/k?weir-justification=A-1", v4, ""},
		"with a bearer":             {"/b/k?weir-justification=A-1", authz.Header{"authorization": {"Bearer x"}}, "/b/k"},
		"not there":                 {"/b/k?x=weir-justification", nil, ""},
		"not there, no query":       {"/weir-justification=A", nil, ""},
	} {
		got := ""
		for _, kv := range wire.CleanRequest(authz.Request{Path: tt.path, Headers: tt.header}, authz.Identity{}).Set {
			got = kv[1]
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	both := wire.CleanRequest(authz.Request{Path: "/k?weir-cap=c&a&weir-justification=A"}, authz.Identity{Parameter: "weir-cap"})
	if len(both.Set) != 1 || both.Set[0] != [2]string{":path", "/k?a"} || len(both.Parameters) != 2 {
		t.Errorf("with a capability: %+v", both)
	}
}
