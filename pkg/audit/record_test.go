package audit_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var start = time.Date(2026, 11, 24, 7, 30, 0, 123456789, time.UTC)

// decision is a decision record with something in every place that a usual one has.
func decision(id string) *authz.Record {
	subject := authz.Subject{
		Issuer: "https://issuer.example", ID: "ada", Name: "Ada \"λ\" Lovelace", Email: "ada@example.org", Groups: []string{"research", "ml-leads"},
		Kind: authz.Agent, Actors: []authz.Actor{{Issuer: "https://issuer.example", ID: "agent-7"}, {ID: "tool"}}, Owner: "https://issuer.example|ada", Credential: "jti-1", Expires: start.Add(time.Hour),
	}
	target := authz.Target{Name: "embeddings", Kind: authz.KindInference, Tenant: "acme", Sensitivity: "high", Dialect: "openai"}
	op := authz.Operation{Class: authz.ClassEmbed, Complete: true, Model: "minilm", Vectors: 16, Dims: 384, Documents: 16, Bytes: 2048}
	full := subject
	full.Claims = map[string]any{"azp": "notebook", "scope": "embed <raw> & more", "amr": []any{"pwd", "otp"}, "auth_time": 1.7639e9, "nested": map[string]any{"b": nil, "a": true}}
	return &authz.Record{
		Event: authz.EventDecision, Decision: id, Replica: "weir-0", Time: start.Add(3 * time.Millisecond), Started: start, Entry: "ext_proc",
		TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7", ParentSpanID: "53995c3f42cd8ad8", RequestID: "req-1",
		Method: "POST", Host: "api.example.org", Path: "/v1/embeddings", Source: "10.0.0.7:51234", Peer: "spiffe://acme/notebook", Protocol: "HTTP/2",
		Subject: subject, Target: target, Operation: op,
		Verdict: authz.Decision{
			Effect: authz.Allow, Rule: "weir.rules.access", Reason: "research may embed", Revision: "sha256:abc", Record: authz.RecordDurable,
			Mask: authz.Mask{Vectors: authz.MaskZero},
			Limits: []authz.Limit{
				{Meter: authz.MeterSubjectTarget, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 10000, Over: authz.Hold},
				{Meter: authz.MeterGroup, Key: "research", Unit: authz.UnitVectorsMasked, Window: authz.Window(30 * 24 * time.Hour), Max: 1 << 40, Away: authz.AwayLocal},
			},
		},
		Enforced: authz.Allow, Reserved: authz.Volume{1, 16, 0, 0, 16},
		Input: &authz.Input{
			Phase: authz.PhaseRequest, Final: true, Subject: full, Target: target, Operation: op, Justification: "ABC-12",
			Time: authz.InputTime{UnixNS: start.UnixNano(), RFC3339: start.Format(time.RFC3339Nano)}, Request: authz.InputRequest{Method: "POST", Host: "api.example.org", Path: "/v1/embeddings"},
		},
	}
}

// completion is how the exchange of decision(id) ends.
func completion(id string) *authz.Record {
	r := decision(id)
	r.Event, r.Time, r.Input = authz.EventCompletion, start.Add(40*time.Millisecond), nil
	r.Outcome, r.Status, r.Measured, r.Volume, r.Found = authz.OutcomeComplete, 200, "counted", authz.Volume{1, 16, 131072, 0, 16}, authz.Found{
		Dims: 16 * 384, Undeclared: 1, Emptied: 2, Floats: 3, Ints: 4, Base64: 5, Sparse: 6, Text: 7, Binary: 8,
	}
	return r
}

// refusal is a refusal by volume, in observe mode, with what only refusals have.
func refusal(id string) *authz.Record {
	r := decision(id)
	r.Subject.Actors, r.Subject.Owner, r.Subject.Kind, r.Input, r.Mode, r.Label = nil, "", authz.Human, nil, authz.ModeObserve, "store_unavailable"
	r.Detail = "no exp"
	r.Operation.Vectors, r.Operation.Collection, r.Operation.Object, r.Operation.Range, r.Operation.Artifact = authz.Unbounded, "papers", "a/b.safetensors", "bytes=0-1", "checkpoint"
	r.Verdict.Effect, r.Verdict.Kind, r.Verdict.Mask.Scores, r.Verdict.Mask.Fields = authz.Deny, authz.KindQuota, "round:2", []string{"metadata.email"}
	r.Verdict.Exceeded = []authz.Exceeded{{Limit: r.Verdict.Limits[0], Used: 9999}}
	r.Verdict.Approval = &authz.Approval{Reviewers: []string{"group:ml-leads"}, Votes: 1, Budget: map[authz.Unit]int64{authz.UnitVectors: 5}, TTL: "1h"}
	r.Verdict.Alternatives = []string{"ask for fewer"}
	r.Verdict.Flags = []authz.Flag{
		{Name: "corpus_by_inference", Rule: "weir.rules.inferenceonly", Reason: "an inference-only identity reads a corpus"},
		{Name: "repeated_attempts", Rule: "weir.rules.attempts", Reason: "3 attempts or more in 1h"},
	}
	r.Object = &authz.Piece{Object: "a/b.safetensors", Version: "9af1", Size: 1 << 30, Offset: 8, Length: 64}
	r.Carried = "capability:7QK4X2S3E5T6U7V8W9Y2Z3A4B5"
	r.Leave = &authz.Leave{Target: "hub", Object: "org/llm/b.safetensors", Version: "9af1"}
	r.Artifact = authz.Artifact{Class: authz.ArtifactCheckpoint, Format: "safetensors", Wrapped: "gzip", Tensors: 12, Parameters: 7e9}
	r.Operation.Corpus = authz.NewCorpus(1000, authz.Read{Before: 199, After: 200})
	r.Operation.Attempts = &authz.Attempts{Hour: 3, Day: 4}
	r.Operation.Part, r.Operation.Into, r.Operation.Coverage = 3, "c/d.safetensors", &authz.Coverage{Subject: authz.Covered{Before: .25, After: .5}, Group: authz.Covered{Before: .5, After: 1}}
	r.Operation.Registered = &authz.Registered{Known: true, Sensitivity: "restricted", State: authz.ModelRetired, Model: "churn/7", PromotedBy: "https://issuer.example|ada"}
	return r
}

func encode(t testing.TB, r *authz.Record) []byte {
	t.Helper()
	b, err := audit.AppendRecord(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSchema(t *testing.T) {
	var got bytes.Buffer
	for _, r := range []*authz.Record{decision("weir-0-aaaa"), completion("weir-0-aaaa"), refusal("weir-0-bbbb"), {}} {
		got.Write(encode(t, r))
		got.WriteByte('\n')
	}
	const golden = "testdata/records.jsonl"
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the schema has changed: fields may be added, never renamed (-update rewrites the file)\n%s", diff)
	}
}

// TestFields holds the hand-written encoder and the documented struct together: what is written is known, and nothing of it is lost.
func TestFields(t *testing.T) {
	for _, r := range []*authz.Record{decision("a"), completion("a"), refusal("b"), {}} {
		raw := encode(t, r)
		var f audit.Fields
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&f); err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		again, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(asMap(t, raw), asMap(t, again)); diff != "" {
			t.Errorf("record -> Fields -> JSON: %s", diff)
		}
	}
}

func asMap(t testing.TB, raw []byte) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return m
}

func TestEveryFieldIsWritten(t *testing.T) {
	r := &authz.Record{}
	fill(reflect.ValueOf(r).Elem(), 1)
	r.Event, r.Mode, r.Verdict.Effect = authz.EventCompletion, authz.ModeObserve, authz.Deny
	r.Input.Envoy = &authz.EnvoyRequest{Hash: "text"} // what cannot be asked again has no input, and says so
	m := asMap(t, encode(t, r))
	if m["weir.input"] != nil || m["weir.replayable"] != false {
		t.Errorf("input %v, replayable %v", m["weir.input"], m["weir.replayable"])
	}
	r.Input.Envoy = nil
	maps.Copy(m, asMap(t, encode(t, r)))
	ft := reflect.TypeFor[audit.Fields]()
	for i := range ft.NumField() {
		name, _, _ := strings.Cut(ft.Field(i).Tag.Get("json"), ",")
		if _, ok := m[name]; !ok {
			t.Errorf("a full record has no %s", name)
		}
	}
	if len(m) != ft.NumField() {
		t.Errorf("%d members, Fields has %d", len(m), ft.NumField())
	}
}

// TestInputIsEncodingJSON fills every field of Input there is, so that a new one cannot be forgotten in the hand-written encoder.
func TestInputIsEncodingJSON(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3} {
		in := &authz.Input{}
		if n > 0 {
			fill(reflect.ValueOf(in).Elem(), n)
			in.Envoy = nil // Envoy's words are recorded as they are
		}
		checkInput(t, in)
	}
}

// TestEnvoysWordsAreRecorded: as much of them as the policy reads.
func TestEnvoysWordsAreRecorded(t *testing.T) {
	r := decision("a")
	r.Input.Envoy = &authz.EnvoyRequest{Attributes: map[string]any{"secret": true}, Body: []byte("secret"), Recorded: json.RawMessage(`{"parsed_path":["x"]}`)}
	raw := string(encode(t, r))
	if !strings.HasSuffix(raw, `,"weir.input":{"parsed_path":["x"]}}`) || strings.Contains(raw, "secret") || strings.Contains(raw, "replayable") {
		t.Error(raw)
	}
}

func TestInputValues(t *testing.T) {
	for _, v := range []any{
		nil, true, "", "a\x00b\x1f\x7f", "\"\\\b\f\n\r\t", "<&>", "é\u2028\u2029", "bad \xff utf8 \xc3", 0.0, -1.5, 1e20, 1e21, 1e-6, 1e-7, 123456789.125, 5e-324, json.Number("12345678901234567890"),
		int64(-5), 7, uint8(9),
		[]string{"a"},
		[]string(nil),
		[]any{},
		[]any(nil),
		map[string]any{},
		map[string]any(nil),
		map[string]any{"z": 1.0, "a": []any{"x", nil}},
		map[string]int{"b": 1},
		struct{ A string }{"<"},
		float32(0.1),
	} {
		in := &authz.Input{Subject: authz.Subject{Claims: map[string]any{"claim": v, "weir.input": "x"}}}
		checkInput(t, in)
	}
}

func checkInput(t *testing.T, in *authz.Input) {
	t.Helper()
	e, err := audit.Decode(encode(t, &authz.Record{Event: authz.EventDecision, Decision: "d", Input: in}))
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(in); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(want.String()), string(e.Input)); diff != "" {
		t.Errorf("input: %s", diff)
	}
}

func TestUnwritable(t *testing.T) {
	in := &authz.Input{Risk: &authz.Risk{Score: nan()}}
	if b, err := audit.AppendRecord([]byte("x"), &authz.Record{Input: in}); err == nil || string(b) != "x" {
		t.Errorf("NaN: %q, %v", b, err)
	}
	in = &authz.Input{Subject: authz.Subject{Expires: time.Unix(1<<40, 0)}} // an exp far beyond what RFC 3339 can write
	e, err := audit.Decode(encode(t, &authz.Record{Input: in}))
	if err != nil {
		t.Fatal(err)
	}
	var back authz.Input
	if err := json.Unmarshal(e.Input, &back); err != nil || back.Subject.Expires.Year() != 9999 {
		t.Errorf("got %v, %v", back.Subject.Expires, err)
	}
}

func TestWindows(t *testing.T) {
	for _, d := range []time.Duration{0, time.Second, 90 * time.Second, time.Minute, time.Hour, 90 * time.Minute, 24 * time.Hour, 36 * time.Hour, 48 * time.Hour, 49 * time.Hour, 720 * time.Hour} {
		w := authz.Window(d)
		raw := encode(t, &authz.Record{Verdict: authz.Decision{Limits: []authz.Limit{{Window: w}}}})
		if !bytes.Contains(raw, []byte(`"window":"`+w.String()+`"`)) {
			t.Errorf("%v is not written as %s: %s", d, w, raw)
		}
	}
}

func nan() float64 { var zero float64; return zero / zero }

func TestDecode(t *testing.T) {
	want := decision("weir-0-aaaa")
	raw := encode(t, want)
	moved := append([]byte(`{"weir.later":1,`), raw[1:]...) // as a later schema might order it
	for name, raw := range map[string][]byte{"fast": raw, "json": moved} {
		e, err := audit.Decode(raw)
		if err != nil {
			t.Fatal(name, err)
		}
		if e.Event != authz.EventDecision || e.Decision != "weir-0-aaaa" || !e.Time.Equal(want.Time) || !json.Valid(e.Input) {
			t.Errorf("%s: got %+v", name, e)
		}
	}
	if _, err := audit.Decode([]byte("not json")); err == nil {
		t.Error("nonsense was decoded")
	}
}

func TestLost(t *testing.T) {
	for _, d := range []*authz.Record{decision("weir-0-aaaa"), refusal("weir-0-bbbb")} {
		e, err := audit.Decode(encode(t, d))
		if err != nil {
			t.Fatal(err)
		}
		got, err := audit.Lost(e, start.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		want := *d
		want.Event, want.Time, want.Label, want.Outcome, want.Input = authz.EventCompletion, start.Add(time.Hour), audit.LostLabel, authz.OutcomeFailed, nil
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Error(diff)
		}
		again, err := audit.Decode(encode(t, got))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := audit.Lost(again, start); err == nil {
			t.Error("a completion was completed")
		}
	}
}

// fill puts something that is not zero into every field; n is the number of elements of slices and maps.
func fill(v reflect.Value, n int) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(start))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range n {
			key := reflect.New(v.Type().Key()).Elem()
			key.SetString("key" + string(rune('a'+n-i)))
			value := reflect.New(v.Type().Elem()).Elem()
			fill(value, n)
			v.SetMapIndex(key, value)
		}
	case reflect.Interface:
		v.Set(reflect.ValueOf(any("text")))
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(0.25)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(3600 * time.Second))
	case reflect.Uint8:
		v.SetUint(1)
	default:
		panic("fill: " + v.Kind().String())
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, r := range map[string]*authz.Record{"record=decision": decision("weir-0-abcdefghijklmnopqrstuvwxyz"), "record=completion": completion("weir-0-abcdefghijklmnopqrstuvwxyz")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(encode(b, r))))
			var buf []byte
			for b.Loop() {
				buf, _ = audit.AppendRecord(buf[:0], r)
			}
		})
	}
}
