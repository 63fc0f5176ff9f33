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
