package wire_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/wire"
)

// header returns the one header of that name.
func header(t *testing.T, r wire.Refusal, name string) string {
	t.Helper()
	at := slices.IndexFunc(r.Headers, func(h [2]string) bool { return h[0] == name })
	if at < 0 {
		t.Fatalf("no %s in %v", name, r.Headers)
	}
	return r.Headers[at][1]
}

// TestRefusalIsReadByClients: what the clients print that do not know problem+json is the public reason, and the ID to ask with.
func TestRefusalIsReadByClients(t *testing.T) {
	d := authz.Decision{Kind: authz.KindForbidden, Rule: "weir.rules.access", Reason: "your groups may not use vectors"}
	const want = "your groups may not use vectors (decision D1)"
	r := wire.RefusalFor(d, "D1", nil, wire.FormProblem)
	var body map[string]any
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	if body["message"] != want || body["detail"] != d.Reason || body["decision"] != "D1" {
		t.Errorf("body %s", r.Body)
	}
	if _, there := body["error"]; there {
		t.Error(`a member "error" hides the others from openai-python`)
	}
	if got := header(t, r, "x-error-message"); got != want {
		t.Errorf("x-error-message: %q, want %q", got, want)
	}
	if !strings.HasSuffix(string(r.Body), `"message":"`+want+`"}`+"\n") {
		t.Errorf("message is not last: %s", r.Body)
	}
	d.Reason = ""
	r = wire.RefusalFor(d, "", nil, wire.FormProblem)
	if got := header(t, r, "x-error-message"); got != "Refused by policy" {
		t.Errorf("without a reason: %q", got)
	}
}

// TestReasonsInHeaders: a reason that a policy made of what was asked ends neither a header nor a quoted string.
func TestReasonsInHeaders(t *testing.T) {
	d := authz.Decision{Kind: authz.KindUnauthenticated, Rule: "weir.token_expired", Reason: "a\r\nset-cookie: x\x00\x7f “b\" \\c"}
	r := wire.RefusalFor(d, "D1", nil, wire.FormProblem)
	if got, want := header(t, r, "x-error-message"), `aset-cookie: x b" \c (decision D1)`; got != want {
		t.Errorf("x-error-message: %q, want %q", got, want)
	}
	if got, want := header(t, r, "www-authenticate"), `Bearer realm="weir", error="invalid_token", error_description="aset-cookie: x b c"`; got != want {
		t.Errorf("www-authenticate: %q, want %q", got, want)
	}
}
