package guard_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

// TestEnvoysWords: a policy of policy.compat is given what Envoy said and, where it reads it, the body; the record gets what the policy engine
// leaves of that.
func TestEnvoysWords(t *testing.T) {
	attributes := map[string]any{"request": map[string]any{"secret": true}}
	post := func(kind string) authz.Request {
		return authz.Request{Method: "POST", Path: "/p", Headers: authz.Header{"content-type": {kind}}}
	}
	tests := map[string]struct {
		reads      authz.Reads
		req        authz.Request
		body       []byte
		whole      bool
		needs, cut bool
	}{
		"the body is read":            {authz.Reads{Envoy: true, Body: true}, post("application/json"), []byte(`{}`), true, true, false},
		"a piece of it":               {authz.Reads{Envoy: true, Body: true}, post("application/json"), []byte(`{`), false, true, true},
		"it never came":               {authz.Reads{Envoy: true, Body: true}, post("application/json"), nil, false, true, true},
		"nobody reads it":             {authz.Reads{Envoy: true}, post("application/json"), nil, false, false, false},
		"there is none":               {authz.Reads{Envoy: true, Body: true}, authz.Request{Method: "GET", Path: "/p", EndOfStream: true}, nil, false, false, false},
		"messages are not read so":    {authz.Reads{Envoy: true, Body: true}, post("application/grpc+proto"), nil, false, false, false},
		"a piece that nobody awaited": {authz.Reads{Envoy: true}, post("application/json"), []byte(`{`), false, false, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.reads = tc.reads
			adm := w.guard.Begin(tc.req)
			if !adm.AsksEnvoy() || adm.NeedsBody() != tc.needs {
				t.Fatalf("needs the body: %v", adm.NeedsBody())
			}
			adm.Attributes(attributes)
			if tc.body != nil {
				adm.Body(tc.body, tc.whole)
			}
			adm.Admit(t.Context())
			if tc.needs {
				adm.Refine(t.Context(), adm.Operation())
			}
			in := w.inputs[0].Envoy
			if in == nil || in.Attributes["request"] == nil || string(in.Body) != string(tc.body) || in.Truncated != tc.cut {
				t.Fatalf("asked about %+v", in)
			}
			adm.Record()
			if rec := w.records[0].Input.Envoy; rec == nil || rec.Attributes != nil || rec.Body != nil || rec.Hash != "h" {
				t.Errorf("recorded %+v", rec)
			}
		})
	}
	w := newWorld(t)
	adm := w.guard.Begin(post("application/json"))
	adm.Body([]byte("x"), true)
	adm.Admit(t.Context())
	if adm.AsksEnvoy() || w.inputs[0].Envoy != nil {
		t.Error("a policy of Weir's was asked about Envoy's words")
	}
}

// TestEdits are the policy's, of the verdict that counts, and none where nothing is enforced.
func TestEdits(t *testing.T) {
	edits := &authz.Edits{Body: "no", Told: true}
	w := newWorld(t)
	w.decision = authz.Decision{Effect: authz.Deny, Edits: edits}
	adm := w.guard.Begin(authz.Request{Method: "GET", Path: "/p"})
	if adm.Admit(t.Context()); adm.Edits() != edits {
		t.Errorf("%+v", adm.Edits())
	}
	w.target.Mode = authz.ModeObserve
	adm = w.guard.Begin(authz.Request{Method: "GET", Path: "/p"})
	if adm.Admit(t.Context()); adm.Edits() != nil {
		t.Errorf("in observe mode: %+v", adm.Edits())
	}
	w.target.Mode, w.decision.Effect, w.decision.Limits = "", authz.Allow, []authz.Limit{{Meter: authz.MeterSubject, Unit: authz.UnitVectors}}
	w.bounded = true
	adm = w.guard.Begin(authz.Request{Method: "GET", Path: "/p"})
	if d := adm.Admit(t.Context()); d.Kind != authz.KindQuota || adm.Edits() != nil {
		t.Errorf("refused by a limit: %+v, %+v", d, adm.Edits())
	}
}
