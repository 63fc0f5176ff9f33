package telemetry_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/telemetry"
)

var start = time.Date(2026, 11, 24, 7, 30, 0, 123456789, time.UTC)

// full is a record with something in every place that a span shows.
func full(event authz.Event) *authz.Record {
	return &authz.Record{
		Event: event, Decision: "weir-0-aaaa", Replica: "weir-0", Time: start.Add(40 * time.Millisecond), Started: start, Entry: "ext_proc",
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7", ParentSpanID: "53995c3f42cd8ad8", RequestID: "req-1",
		Method: "POST", Host: "api.example.org", Path: "/v1/embeddings", Source: "10.0.0.7:51234", Peer: "spiffe://acme/notebook", Protocol: "HTTP/2",
		Subject: authz.Subject{
			Issuer: "https://issuer.example", ID: "ada", Name: "Ada \"λ\" Lovelace", Email: "ada@example.org", Groups: []string{"research", "ml-leads"},
			Kind: authz.Agent, Actors: []authz.Actor{{Issuer: "https://issuer.example", ID: "agent-7"}, {ID: "tool"}}, Owner: "https://issuer.example|ada", Credential: "jti-1", Expires: start.Add(time.Hour),
		},
		Target:    authz.Target{Name: "embeddings", Kind: authz.KindInference, Tenant: "acme", Sensitivity: "high", Dialect: "openai"},
		Operation: authz.Operation{Class: authz.ClassEmbed, Complete: true, Model: "minilm", Collection: "papers", Object: "a/b.safetensors", Artifact: "checkpoint", Range: "bytes=0-1", Vectors: authz.Unbounded, Dims: 384, Documents: 16, Bytes: 2048},
		Verdict:   authz.Decision{Effect: authz.Deny, Kind: authz.KindQuota, Rule: "weir.rules.access", Reason: "too many", Revision: "sha256:abc", Record: authz.RecordDurable, Mask: authz.Mask{Vectors: authz.MaskZero}},
		Enforced:  authz.Allow, Mode: authz.ModeObserve, Label: "quota_vectors", Reserved: authz.Volume{1, 2, 3, 4, 5},
		Outcome: authz.OutcomeComplete, Status: 200, Measured: "counted", Volume: authz.Volume{1, 16, 131072, 0, 16}, Found: authz.Found{Dims: 6144, Undeclared: 2, Emptied: 3, Floats: 4, Ints: 5, Base64: 6, Sparse: 7, Text: 8, Binary: 9},
	}
}

func entry(t testing.TB, r *authz.Record) audit.Entry {
	t.Helper()
	raw, err := audit.AppendRecord(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	e, err := audit.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func span(t testing.TB, r *authz.Record) *tracepb.Span {
	t.Helper()
	s, err := telemetry.NewSpan(entry(t, r))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain is an attribute's value as encoding/json would have read it.
func plain(v *commonpb.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return float64(v.IntValue)
	case *commonpb.AnyValue_ArrayValue:
		list := []any{}
		for _, e := range v.ArrayValue.GetValues() {
			list = append(list, plain(e))
		}
		return list
	}
	return nil
}

func attributes(t testing.TB, s *tracepb.Span) map[string]any {
	t.Helper()
	m := map[string]any{}
	for _, kv := range s.Attributes {
		if _, ok := m[kv.Key]; ok {
			t.Errorf("%s is there twice", kv.Key)
		}
		m[kv.Key] = plain(kv.Value)
	}
	return m
}

// rendered is a span as the golden file has it: protojson varies its white space on purpose.
func rendered(t testing.TB, s *tracepb.Span) map[string]any {
	t.Helper()
	m := map[string]any{
		"trace": hex.EncodeToString(s.TraceId), "span": hex.EncodeToString(s.SpanId), "parent": hex.EncodeToString(s.ParentSpanId), "flags": s.Flags,
		"name": s.Name, "kind": s.Kind.String(), "attributes": attributes(t, s),
		"start": time.Unix(0, int64(s.StartTimeUnixNano)).UTC(), "end": time.Unix(0, int64(s.EndTimeUnixNano)).UTC(),
	}
	if s.Status != nil {
		m["status"] = s.Status.Code.String() + " " + s.Status.Message
	}
	return m
}

func TestSpans(t *testing.T) {
	refused := full(authz.EventCompletion) // nothing is known of it but that no token came
	*refused = authz.Record{
		Event: authz.EventCompletion, Decision: "weir-0-bbbb", TraceID: refused.TraceID, SpanID: refused.SpanID, Started: start, Time: start, Label: "token_missing",
		Verdict: authz.Decision{Kind: authz.KindUnauthenticated}, Outcome: authz.OutcomeRefused, Status: 401,
	}
	failed := full(authz.EventCompletion)
	failed.Outcome, failed.Label, failed.Mode, failed.Operation.Class, failed.ParentSpanID = authz.OutcomeFailed, audit.LostLabel, authz.ModeEnforce, authz.ClassExport, ""
	var spans []any
	for _, r := range []*authz.Record{full(authz.EventCompletion), full(authz.EventDecision), refused, failed} {
		spans = append(spans, rendered(t, span(t, r)))
	}
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(spans); err != nil {
		t.Fatal(err)
	}
	golden(t, "spans.golden.json", got.String())
}

// TestOneTrace: the decision is a child of its exchange, which is a child of the caller's span; a record that comes again is the same span.
func TestOneTrace(t *testing.T) {
	decision, completion := span(t, full(authz.EventDecision)), span(t, full(authz.EventCompletion))
	if !bytes.Equal(decision.TraceId, completion.TraceId) || !bytes.Equal(decision.ParentSpanId, completion.SpanId) || bytes.Equal(decision.SpanId, completion.SpanId) {
		t.Errorf("decision %v, completion %v", decision, completion)
	}
	if diff := cmp.Diff([]any{uint32(0x101), uint32(0x301), "53995c3f42cd8ad8"}, []any{decision.Flags, completion.Flags, hex.EncodeToString(completion.ParentSpanId)}); diff != "" {
		t.Error(diff)
	}
	for _, event := range []authz.Event{authz.EventDecision, authz.EventCompletion} {
		if !proto.Equal(span(t, full(event)), span(t, full(event))) {
			t.Errorf("%s: another span for the same record", event)
		}
	}
	other := full(authz.EventDecision)
	other.Decision = "weir-0-cccc"
	if bytes.Equal(span(t, other).SpanId, decision.SpanId) {
		t.Error("two decisions share a span ID")
	}
}

func TestSpanStatus(t *testing.T) {
	for kind := authz.KindForbidden; kind <= authz.KindInternal; kind++ {
		r := full(authz.EventCompletion)
		r.Verdict.Kind, r.Label = kind, "cause"
		want := map[authz.Kind]string{authz.KindBadAnswer: "cause", authz.KindUnavailable: "cause", authz.KindBusy: "cause", authz.KindInternal: "cause"}[kind]
		if got := span(t, r).Status; got.GetMessage() != want || (got.GetCode() == tracepb.Status_STATUS_CODE_ERROR) != (want != "") {
			t.Errorf("%s: got %v, want %q", kind, got, want)
		}
	}
}

func TestSpanTimes(t *testing.T) {
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	east := time.Date(1970, 1, 1, 0, 0, 0, 0, time.FixedZone("", 5*3600)) // 1969 in Greenwich
	ns := uint64(start.UnixNano())
	for name, tt := range map[string]struct {
		started, ended time.Time
		want           [2]uint64
	}{
		"usual":       {start, start.Add(time.Second), [2]uint64{ns, ns + 1e9}},
		"clock moved": {start, start.Add(-time.Hour), [2]uint64{ns, ns}},
		"no end":      {start, time.Time{}, [2]uint64{ns, ns}},
		"no start":    {time.Time{}, start, [2]uint64{0, ns}},
		"far":         {start, far, [2]uint64{ns, ns}},
		"before 1970": {time.Unix(-1, 0), time.Unix(1, 0), [2]uint64{0, 1e9}},
		"other zone":  {east, time.Unix(1, 0), [2]uint64{0, 1e9}},
	} {
		raw, err := json.Marshal(audit.Fields{Event: authz.EventCompletion, TraceID: strings.Repeat("a", 32), SpanID: strings.Repeat("b", 16), Started: tt.started, Time: tt.ended})
		if err != nil {
			t.Fatal(err)
		}
		e, err := audit.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		s, err := telemetry.NewSpan(e)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, [2]uint64{s.StartTimeUnixNano, s.EndTimeUnixNano}); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestNoSpan(t *testing.T) {
	for name, spoil := range map[string]func(*authz.Record){
		"event": func(r *authz.Record) { r.Event = "weir.other" }, "no trace": func(r *authz.Record) { r.TraceID = "" }, "no span": func(r *authz.Record) { r.SpanID = "" },
		"short trace": func(r *authz.Record) { r.TraceID = "abcd" }, "long span": func(r *authz.Record) { r.SpanID += "00" }, "not hex": func(r *authz.Record) { r.TraceID = strings.Repeat("x", 32) },
		"zero trace": func(r *authz.Record) { r.TraceID = strings.Repeat("0", 32) }, "zero span": func(r *authz.Record) { r.SpanID = strings.Repeat("0", 16) },
		"bad parent": func(r *authz.Record) { r.ParentSpanID = "abc" }, "zero parent": func(r *authz.Record) { r.ParentSpanID = strings.Repeat("0", 16) },
	} {
		r := full(authz.EventCompletion)
		spoil(r)
		if s, err := telemetry.NewSpan(entry(t, r)); err == nil {
			t.Errorf("%s: %v", name, s)
		}
	}
}

// TestNothingSecret puts a mark into every string that policy alone may see, and looks for it in the spans.
func TestNothingSecret(t *testing.T) {
	const mark = "canary"
	for _, event := range []authz.Event{authz.EventDecision, authz.EventCompletion} {
		r := full(event)
		r.Input = &authz.Input{}
		fill(reflect.ValueOf(r.Input).Elem(), mark)
		r.Input.Envoy = nil // Envoy's words are recorded as they are, or not at all
		r.Subject.Claims = map[string]any{mark: mark}
		r.Target.Labels = map[string]string{mark: mark}
		e := entry(t, r)
		if bytes.Count(e.Raw, []byte(mark)) < 20 {
			t.Fatalf("the record holds few marks: %s", e.Raw)
		}
		raw, err := proto.Marshal(span(t, r))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(raw, []byte(mark)) {
			t.Errorf("%s: the span holds what only the journal may: %v", event, span(t, r))
		}
	}
}
