package registry_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/registry"
)

const (
	deliveryID = "3b241101-e2bb-4255-8caf-4136c566a962"
	sentAt     = 1_800_000_000
	// A body as json.dumps of Python writes it, and its signature by mlflow's _generate_hmac_signature (mlflow/webhooks/delivery.py, 3.17.2).
	created   = `{"entity": "model_version", "action": "created", "timestamp": "2026-11-25T12:00:00+00:00", "data": {"name": "churn", "version": "7", "source": "models:/m-1", "run_id": "abcd1234abcd5678", "tags": {"weir.digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "team": "growth"}, "description": null}}`
	signature = "v1,KUFwNTEfNRNu/SVVbtRhGdbEqvlRi2Ivmz/aUQOl8EM="
)

func hook() *registry.Webhook {
	return &registry.Webhook{Secrets: [][]byte{[]byte("the next secret"), []byte("hook secret")}, Window: 5 * time.Minute}
}

func headers(signature, delivery, stamp string) http.Header {
	h := http.Header{}
	h.Set("X-MLflow-Signature", signature)
	h.Set("X-MLflow-Delivery-ID", delivery)
	h.Set("X-MLflow-Timestamp", stamp)
	return h
}

// sign signs as MLflow does.
func sign(secret, delivery, stamp string, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(append([]byte(delivery+"."+stamp+"."), body...))
	return "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func TestVerify(t *testing.T) {
	now, stamp := time.Unix(sentAt, 0), strconv.Itoa(sentAt)
	good := func() http.Header { return headers(signature, deliveryID, stamp) }
	id, until, err := hook().Verify(good(), []byte(created), now)
	if err != nil || id != deliveryID || until.Before(now.Add(5*time.Minute)) {
		t.Fatalf("MLflow's own: %q, %v, %v", id, until, err)
	}
	for what, at := range map[string]time.Time{"old": now.Add(5*time.Minute + time.Second), "of the future": now.Add(-5*time.Minute - time.Second)} {
		if _, _, err := hook().Verify(good(), []byte(created), at); !errors.Is(err, registry.ErrSignature) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, at := range []time.Time{now.Add(5 * time.Minute), now.Add(-5 * time.Minute)} {
		if _, _, err := hook().Verify(good(), []byte(created), at); err != nil {
			t.Errorf("at the edge of the window: %v", err)
		}
	}
	with := func(name, value string) http.Header {
		h := good()
		h.Set(name, value)
		return h
	}
	twice := good()
	twice.Add("X-MLflow-Signature", signature)
	without := good()
	without.Del("X-MLflow-Delivery-ID")
	body := []byte(created)
	for what, test := range map[string]struct {
		h    http.Header
		body []byte
	}{
		"another body":        {good(), append(slices.Clone(body), ' ')},
		"another ID":          {with("X-MLflow-Delivery-ID", "3b241101-e2bb-4255-8caf-4136c566a963"), body},
		"another time":        {with("X-MLflow-Timestamp", "1800000001"), body},
		"no ID":               {without, body},
		"two signatures":      {twice, body},
		"another version":     {with("X-MLflow-Signature", "v2"+signature[2:]), body},
		"no version":          {with("X-MLflow-Signature", signature[3:]), body},
		"in hexadecimal":      {with("X-MLflow-Signature", "v1,"+strings.Repeat("ab", 32)), body},
		"another spelling":    {with("X-MLflow-Signature", signature[:len(signature)-2]+"N="), body}, // the same bytes to a lax reader
		"a short one":         {with("X-MLflow-Signature", "v1,AAAA"), body},
		"an empty one":        {with("X-MLflow-Signature", "v1,"), body},
		"the wrong secret":    {with("X-MLflow-Signature", sign("another", deliveryID, stamp, body)), body},
		"no secret":           {with("X-MLflow-Signature", sign("", deliveryID, stamp, body)), body},
		"a long ID":           {headers(sign("hook secret", strings.Repeat("a", 65), stamp, body), strings.Repeat("a", 65), stamp), body},
		"an ID with a dot":    {headers(sign("hook secret", "a.b", stamp, body), "a.b", stamp), body},
		"a time in words":     {headers(sign("hook secret", "a", "now", body), "a", "now"), body},
		"a time out of range": {headers(sign("hook secret", "a", "9999999999999999999999", body), "a", "9999999999999999999999"), body},
	} {
		if _, _, err := hook().Verify(test.h, test.body, now); !errors.Is(err, registry.ErrSignature) {
			t.Errorf("%s: %v", what, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v tells", what, err)
		}
	}
	if _, _, err := (&registry.Webhook{Window: time.Hour}).Verify(headers(sign("", deliveryID, stamp, body), deliveryID, stamp), body, now); err == nil {
		t.Error("without a secret everything is signed")
	}
}

func TestReadEvent(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a", 64)
	tests := map[string]struct {
		body string
		want registry.Ask // Reason is the event's name
	}{
		"created":         {created, registry.Ask{Model: "churn/7", Names: []string{digest}, Reason: "model_version.created"}},
		"with all tags":   {`{"entity":"model_version","action":"created","data":{"name":"a","version":"1","tags":{"weir.digest":"s/a@b  ` + digest + `","weir.sensitivity":"internal","weir.state":"retired"}}}`, registry.Ask{Model: "a/1", Names: []string{"s/a@b", digest}, Sensitivity: "internal", State: "retired", Reason: "model_version.created"}},
		"without tags":    {`{"entity":"model_version","action":"created","data":{"name":"a","version":"1","tags":{"team":"x"}}}`, registry.Ask{}},
		"a tag":           {`{"entity":"model_version_tag","action":"set","data":{"name":"a","version":"1","key":"weir.state","value":"retired"}}`, registry.Ask{Model: "a/1", State: "retired", Reason: "model_version_tag.set"}},
		"another tag":     {`{"entity":"model_version_tag","action":"set","data":{"name":"a","version":"1","key":"state","value":"retired"}}`, registry.Ask{}},
		"a tag deleted":   {`{"entity":"model_version_tag","action":"deleted","data":{"name":"a","version":"1","key":"weir.state"}}`, registry.Ask{}},
		"an alias":        {`{"entity":"model_version_alias","action":"created","data":{"name":"a","version":"1","alias":"champion"}}`, registry.Ask{Model: "a/1", Promoted: "champion", Reason: "model_version_alias.created"}},
		"archived":        {`{"entity":"model_version","action":"transitioned","data":{"name":"a","version":"1","to_stage":"Archived"}}`, registry.Ask{Model: "a/1", State: "retired", Reason: "model_version.transitioned"}},
		"promoted":        {`{"entity":"model_version","action":"transitioned","data":{"name":"a","version":"1","to_stage":"Production"}}`, registry.Ask{Model: "a/1", Promoted: "Production", Reason: "model_version.transitioned"}},
		"a workspace":     {`{"entity":"model_version_alias","action":"created","workspace":"growth","data":{"name":"a","version":"1","alias":"x"}}`, registry.Ask{Model: "growth:a/1", Promoted: "x", Reason: "model_version_alias.created"}},
		"the default one": {`{"entity":"model_version_alias","action":"created","workspace":"default","data":{"name":"a","version":"1","alias":"x"}}`, registry.Ask{Model: "a/1", Promoted: "x", Reason: "model_version_alias.created"}},
		"a prompt":        {`{"entity":"prompt_version","action":"created","data":{"name":"a","version":"1"}}`, registry.Ask{}},
	}
	for name, test := range tests {
		got, err := registry.ReadEvent([]byte(test.body))
		if err != nil || got.Model != test.want.Model || !slices.Equal(got.Names, test.want.Names) || got.Sensitivity != test.want.Sensitivity || got.State != test.want.State ||
			got.Promoted != test.want.Promoted || got.Reason != test.want.Reason {
			t.Errorf("%s: %+v, %v\nwant %+v", name, got, err, test.want)
		}
	}
	for name, body := range map[string]string{
		"no JSON": "hello", "a list": "[]", "no name": `{"entity":"model_version_alias","action":"created","data":{"version":"1","alias":"x"}}`,
		"a number": `{"entity":"model_version_alias","action":"created","data":{"name":"a","version":1,"alias":"x"}}`, "large": strings.Repeat(" ", registry.MaxEvent+1),
	} {
		_, err := registry.ReadEvent([]byte(body))
		if refused := registry.AsRefused(err); refused == nil || refused.Label != "invalid" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzWebhook: whatever comes, nothing is taken but what a holder of the secret has signed, byte for byte, and nothing read of it says more than an
// ask may.
func FuzzWebhook(f *testing.F) {
	f.Add(signature, deliveryID, strconv.Itoa(sentAt), []byte(created))
	f.Add("v1,", "", "", []byte(`{"entity":"model_version_tag","action":"set","data":{"name":"a","version":"1","key":"weir.state","value":"retired"}}`))
	f.Add("v1,"+strings.Repeat("A", 43)+"=", "a", "-1", []byte(`{"entity":"model_version","action":"transitioned","workspace":"w","data":{"name":"a/b","version":"1","to_stage":"ARCHIVED"}}`))
	f.Fuzz(func(t *testing.T, signed, delivery, stamp string, body []byte) {
		now := time.Unix(sentAt, 0)
		_, _, err := hook().Verify(headers(signed, delivery, stamp), body, now)
		if by := sign("hook secret", delivery, stamp, body); err == nil && signed != by && signed != sign("the next secret", delivery, stamp, body) {
			t.Fatalf("%q is taken for %q", signed, by)
		}
		a, err := registry.ReadEvent(body)
		if err != nil || a.Model == "" {
			return
		}
		r, err := registry.New(registry.Config{Store: file(t, "")})
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Deliver(t.Context(), a, registry.Who{Ref: "webhook"}, "d", now)
		if err != nil {
			if registry.AsRefused(err) == nil {
				t.Fatal(err)
			}
			return
		}
		for _, n := range a.Names { // alone, it makes nothing less strict than what is not known
			if is, err := r.Standing(t.Context(), [][]string{{n}}); err != nil || is.Sensitivity != r.Highest() {
				t.Fatalf("%+v made %s %+v, %v", a, n, is, err)
			}
		}
		if v := got.Version; v.State == authz.ModelUnknown || v.Proposal != nil && v.Proposal.Missing() != 2 {
			t.Fatalf("%+v made %+v", a, v)
		}
	})
}
