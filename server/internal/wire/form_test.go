package wire_test

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/server/internal/wire"
)

// TestForms: a refusal as the clients of each API read it.
func TestForms(t *testing.T) {
	d := authz.Decision{Kind: authz.KindForbidden, Rule: "weir.rules.access", Reason: `no <b>"models"</b> & ` + "\x00\r\nx"}
	const message = `no <b>"models"</b> & ` + "\x00\r\nx (decision D1)"
	for _, tt := range []struct {
		dialect, path string
		headers       map[string]string
		members       string // of the body in JSON, that RFC 9457 has not; empty: XML
		code          string // in XML
	}{
		{"s3", "/b/k", map[string]string{"content-type": "application/xml"}, "", "AccessDenied"},
		{"s3-virtual", "/k", map[string]string{"content-type": "application/xml"}, "", "AccessDenied"},
		{"gcs", "/b/k?x", map[string]string{"content-type": "application/xml"}, "", "AccessDenied"},
		{"azureblob", "/c/k", map[string]string{"content-type": "application/xml", "x-ms-error-code": "AuthorizationFailure"}, "", "AuthorizationFailure"},
		{"gcs", "/storage/v1/b/b/o/k?alt=media", map[string]string{"content-type": "application/json"}, `{"error":{"code":403,"message":$,"errors":[{"domain":"global","reason":"forbidden","message":$}]}}`, ""},
		{"gcs", "/download/storage/v1/b/b/o/k", map[string]string{"content-type": "application/json"}, `{"error":{"code":403,"message":$,"errors":[{"domain":"global","reason":"forbidden","message":$}]}}`, ""},
		{"hub", "/o/m/resolve/main/k", map[string]string{"content-type": "application/json", "x-error-code": "forbidden", "x-error-message": `no <b>"models"</b> & x (decision D1)`}, `{"error":$}`, ""},
		{"oci", "/v2/m/manifests/v1", map[string]string{"content-type": "application/json"}, `{"errors":[{"code":"DENIED","message":$}]}`, ""},
		{"git-lfs", "/o/m.git/info/lfs/objects/batch", map[string]string{"content-type": "application/vnd.git-lfs+json"}, `{"request_id":"D1"}`, ""},
		{"mlflow", "/api/2.0/mlflow/runs/get", map[string]string{"content-type": "application/json"}, `{"error_code":"PERMISSION_DENIED"}`, ""},
		{"files", "/k", map[string]string{"content-type": "application/problem+json"}, `{}`, ""},
		{"", "/k", map[string]string{"content-type": "application/problem+json"}, `{}`, ""},
	} {
		r := wire.RefusalFor(d, "D1", nil, wire.FormOf(authz.Target{Dialect: tt.dialect}, tt.path))
		for name, want := range tt.headers {
			if got := header(t, r, name); got != want || r.Status != 403 {
				t.Errorf("%s %s: %d, %s: %q, want %q", tt.dialect, tt.path, r.Status, name, got, want)
			}
		}
		if tt.members == "" {
			var got struct{ Code, Message, Rule, Decision string }
			err := xml.Unmarshal(r.Body, &got)
			want := got
			want.Code, want.Message, want.Rule, want.Decision = tt.code, strings.NewReplacer("\x00", "\uFFFD").Replace(message), d.Rule, "D1"
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got)\n%s\n%s", tt.dialect, err, diff, r.Body)
			}
			continue
		}
		quoted, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		var got, want map[string]any
		if err := json.Unmarshal(r.Body, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(strings.ReplaceAll(tt.members, "$", string(quoted))), &want); err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]any{
			"type": "urn:weir:refusal:forbidden", "title": "Refused by policy", "status": 403.0, "detail": d.Reason, "decision": "D1", "rule": d.Rule, "message": message,
		} {
			want[name] = value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s (-want +got)\n%s", tt.dialect, tt.path, diff)
		}
	}
}

// TestFormsOfKinds: each kind has a word in each form, and none that an upstream's missing object or another region has.
func TestFormsOfKinds(t *testing.T) {
	for _, form := range []wire.Form{wire.FormS3, wire.FormAzure, wire.FormGoogle, wire.FormHub, wire.FormOCI, wire.FormLFS, wire.FormMLflow} {
		for k := authz.KindForbidden; k <= authz.KindInternal; k++ {
			r := wire.RefusalFor(authz.Decision{Kind: k, Reason: "why"}, "D1", nil, form)
			body := string(r.Body)
			if !strings.Contains(body, "why (decision D1)") || strings.Contains(body, `"code":""`) || strings.Contains(body, "<Code></Code>") || strings.Contains(body, `"reason":""`) {
				t.Errorf("%s, %s: %s", form, k, body)
			}
			if k == authz.KindUnauthenticated && !strings.HasPrefix(header(t, r, "www-authenticate"), "Bearer ") {
				t.Errorf("%s: no challenge in %v", form, r.Headers)
			}
		}
	}
}

// TestStoresHaveForms: no store is forgotten, and no name is of a dialect that there is not.
func TestStoresHaveForms(t *testing.T) {
	for _, name := range dialect.Names() {
		d, _ := dialect.ByName(name)
		_, store := d.(dialect.Storage)
		if has := wire.FormOf(authz.Target{Dialect: name}, "/") != wire.FormProblem; has != (store && name != "files") {
			t.Errorf("dialect %s: a form of its own: %v", name, has)
		}
	}
}
