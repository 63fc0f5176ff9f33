package server

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/target"
)

// TestCopies: a copy is one of a target where both of its places belong to it, and else nobody knows it: the rules of one target may say nothing
// of what lies in another.
func TestCopies(t *testing.T) {
	store := func(name string, paths ...string) target.Rule {
		r := target.Rule{Target: authz.Target{Name: name, Kind: authz.KindWeights, Dialect: "s3"}, Paths: paths}
		if len(paths) > 0 {
			r.Hosts = []string{"store"}
		}
		return r
	}
	tab, err := target.New(target.Config{Rules: []target.Rule{store("models", "/models", "/mine"), store("secret", "/models/secret", "/other"), store("routed")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path, source, route string
		want                authz.Class
	}{
		{"/mine/x", "models/a.pt", "", authz.ClassExport},
		{"/models/x", "mine/a%20b.pt", "", authz.ClassExport},
		{"/mine/x", "models/secret/a.pt", "", authz.ClassUnknown},
		{"/other/x", "models/a.pt", "", authz.ClassUnknown},
		{"/other/x", "models/secret/a.pt", "", authz.ClassExport},
		{"/mine/x", "nobodys/a.pt", "", authz.ClassUnknown},
		{"/mine/x", "models/a.pt", "models", authz.ClassExport},
		{"/any/x", "any/a.pt", "routed", authz.ClassUnknown}, // where the source's own route would lead, Envoy alone knows
		{"/any/x", "models/a.pt", "routed", authz.ClassUnknown},
	} {
		req := authz.Request{Method: "PUT", Host: "store:443", Path: tt.path, Route: tt.route, Headers: authz.Header{"x-amz-copy-source": {tt.source}}}
		m, err := tab.Resolve(req)
		if err != nil {
			t.Fatal(err)
		}
		op, body := describer{targets: tab}.Describe(m, req)
		if op.Class != tt.want || body || !op.Complete || tt.want == authz.ClassUnknown && op.Into != "" {
			t.Errorf("%s of %s (route %q): %+v, body %v; want %s", tt.path, tt.source, tt.route, op, body, tt.want)
		}
	}
}
