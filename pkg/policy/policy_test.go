package policy_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
	shipped "github.com/weirgate/weir/rego"
)

func engine(t testing.TB, cfg policy.Config) *policy.Engine {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second // what is tested is the answer: a busy machine may take its time
	}
	e, err := policy.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// own is a policy of one file.
func own(src string) policy.Config {
	return policy.Config{FS: fstest.MapFS{"p.rego": {Data: []byte("package weir.authz\n" + src)}}}
}

// rules is the shipped composition with one package of rules.
func rules(src string) policy.Config {
	authzRego, err := shipped.FS.ReadFile("weir/authz/authz.rego")
	if err != nil {
		panic(err)
	}
	return policy.Config{FS: fstest.MapFS{"authz.rego": {Data: authzRego}, "r.rego": {Data: []byte(src)}}}
}

func input(change func(*authz.Input)) *authz.Input {
	in := &authz.Input{
		Phase: authz.PhaseRequest, Final: true,
		Subject:   authz.Subject{Issuer: "https://i", ID: "ada", Kind: authz.Human, Groups: []string{"research"}, Expires: time.Unix(1_800_000_000, 0).UTC()},
		Target:    authz.Target{Name: "embeddings", Kind: authz.KindInference, Tenant: "t", Dialect: "openai"},
		Operation: authz.Operation{Class: authz.ClassEmbed, Complete: true, Model: "m", Vectors: 2, Documents: 2, Bytes: 40},
		Time:      authz.InputTime{UnixNS: 1_700_000_000_000_000_000, RFC3339: "2023-11-14T22:13:20Z"},
		Request:   authz.InputRequest{Method: "POST", Host: "h", Path: "/v1/embeddings"},
	}
	if change != nil {
		change(in)
	}
	return in
}

func TestShippedPolicy(t *testing.T) {
	e := engine(t, policy.Config{RunTests: true})
	if r := e.Reads(); r != (authz.Reads{Object: true, Attempts: true, Corpus: true, Registered: true}) {
		t.Errorf("the shipped policy reads %+v; want nothing that must be fetched at a request, but for weights", r)
	}
	groups := func(g ...string) func(*authz.Input) { return func(in *authz.Input) { in.Subject.Groups = g } }
	weights := func(artifact, why string, g ...string) func(*authz.Input) {
		return func(in *authz.Input) {
			in.Target.Kind, in.Subject.Groups, in.Justification = authz.KindWeights, g, why
			in.Operation = authz.Operation{Class: authz.ClassRead, Complete: true, Artifact: artifact, Documents: 1}
		}
	}
	tests := map[string]struct {
		change func(*authz.Input)
		effect authz.Effect
		rule   string
		mask   authz.MaskMode
		kind   authz.Kind
	}{
		"research gets raw vectors": {nil, authz.Allow, "", authz.MaskNone, 0},
		"others get them redacted":  {groups("product"), authz.Allow, "", authz.MaskRedact, 0},
		"nobody's groups":           {groups(), authz.Allow, "", authz.MaskRedact, 0},
		"a kind that is not theirs": {func(in *authz.Input) { in.Target.Kind, in.Subject.Groups = authz.KindVectorDB, []string{"product"} }, authz.Deny, "weir.authz", authz.MaskRedact, 0},
		"a kind that is nobody's":   {func(in *authz.Input) { in.Target.Kind = "" }, authz.Deny, "weir.authz", authz.MaskNone, 0},
		"too many at once":          {func(in *authz.Input) { in.Operation.Vectors = 2049 }, authz.Deny, "weir.rules.bulk", authz.MaskNone, authz.KindQuota},
		"no bound":                  {func(in *authz.Input) { in.Operation.Vectors = authz.Unbounded }, authz.Deny, "weir.rules.bulk", authz.MaskNone, 0},
		"export":                    {func(in *authz.Input) { in.Operation.Class = authz.ClassExport }, authz.Deny, "weir.rules.bulk", authz.MaskNone, 0},
		"unknown operation":         {func(in *authz.Input) { in.Operation.Class = authz.ClassUnknown }, authz.Deny, "weir.rules.unknown", authz.MaskNone, 0},
		"incomplete operation":      {func(in *authz.Input) { in.Operation.Complete = false }, authz.Deny, "weir.rules.unknown", authz.MaskNone, 0},
		"write":                     {func(in *authz.Input) { in.Operation.Class = authz.ClassWrite }, authz.Deny, "weir.rules.access", authz.MaskNone, 0},
		"write by the platform": {func(in *authz.Input) {
			in.Operation.Class, in.Subject.Groups = authz.ClassWrite, []string{"ml-platform"}
		}, authz.Allow, "", authz.MaskRedact, 0},
		"checkpoint, wrong group":        {weights("checkpoint", "MODEL-1", "research"), authz.Deny, "weir.rules.modelcheckpoint", authz.MaskNone, 0},
		"checkpoint, no justification":   {weights("checkpoint", "", "ml-platform"), authz.Deny, "weir.rules.modelcheckpoint", authz.MaskRedact, 0},
		"checkpoint, idle justification": {weights("checkpoint", "because", "ml-platform"), authz.Deny, "weir.rules.modelcheckpoint", authz.MaskRedact, 0},
		"checkpoint, justified":          {weights("checkpoint", "MODEL-42 evaluation", "ml-platform"), authz.Allow, "", authz.MaskRedact, 0},
		"any file beside it":             {weights("", "", "product"), authz.Deny, "weir.rules.modelcheckpoint", authz.MaskRedact, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := e.Eval(t.Context(), input(tc.change))
			if err != nil {
				t.Fatal(err)
			}
			if d.Effect != tc.effect || tc.rule != "" && d.Rule != tc.rule || d.Mask.Vectors != tc.mask || d.Kind != tc.kind {
				t.Errorf("got %+v\nwant effect %v rule %s mask %s kind %v", d, tc.effect, tc.rule, tc.mask, tc.kind)
			}
			bounds := 3 // vectors, masked vectors, documents
			if name == "write by the platform" {
				bounds = 2
			}
			if d.Effect == authz.Allow && len(d.Limits) != bounds {
				t.Errorf("limits %+v, want the %d of bulk", d.Limits, bounds)
			}
			if d.Effect == authz.Deny && d.Reason == "" || d.Revision != e.Revision() {
				t.Errorf("reason %q, revision %q", d.Reason, d.Revision)
			}
		})
	}
}

// TestNothingFailsOpen: whatever is wrong with a policy or its result, there is no allow.
func TestNothingFailsOpen(t *testing.T) {
	allow := `"effect": "allow"`
	tests := map[string]struct{ src, label string }{
		"undefined":            {`decision := true if input.subject.id == "eve"`, ""},
		"false":                {`decision := false`, ""},
		"built-in that fails":  {`decision := {` + allow + `, "mask": {"vectors": m}} if { m := [x | x := "none"; to_number(input.subject.id) == 1][0] }`, "policy_error"},
		"mask rule that fails": {"masks contains \"redact\" if regex.match(\"(\", input.subject.id)\ndecision := {" + allow + `, "mask": {"vectors": "none"}} if count(masks) == 0`, "policy_error"},
		"conflict":             {"decision := {" + allow + "} if input.final\ndecision := {\"effect\": \"deny\"} if input.final", "policy_error"},
		"no object":            {`decision := "allow"`, "policy_result"},
		"no effect":            {`decision := {"rule": "x"}`, "policy_result"},
		"unknown effect":       {`decision := {"effect": "permit"}`, "policy_result"},
		"unknown field":        {`decision := {` + allow + `, "mask_vectors": "zero"}`, "policy_result"},
		"unknown mask":         {`decision := {` + allow + `, "mask": {"vectors": "blur"}}`, "policy_result"},
		"unknown mask field":   {`decision := {` + allow + `, "mask": {"vector": "zero"}}`, "policy_result"},
		"unknown meter":        {`decision := {` + allow + `, "limits": [{"meter": "person", "unit": "vectors", "window": "1h", "max": 1}]}`, "policy_result"},
		"unknown unit":         {`decision := {` + allow + `, "limits": [{"meter": "subject", "unit": "tokens", "window": "1h", "max": 1}]}`, "policy_result"},
		"unknown window":       {`decision := {` + allow + `, "limits": [{"meter": "subject", "unit": "vectors", "window": "hour", "max": 1}]}`, "policy_result"},
		"limit without max":    {`decision := {` + allow + `, "limits": [{"meter": "subject", "unit": "vectors", "window": "1h"}]}`, "policy_result"},
		"negative max":         {`decision := {` + allow + `, "limits": [{"meter": "subject", "unit": "vectors", "window": "1h", "max": -1}]}`, "policy_result"},
		"limit that allows":    {`decision := {` + allow + `, "limits": [{"meter": "subject", "unit": "vectors", "window": "1h", "max": 1, "over": "allow"}]}`, "policy_result"},
		"malformed meter":      {`decision := {` + allow + `, "limits": [{"meter": "Team", "unit": "vectors", "window": "1h", "max": 1}]}`, "policy_result"},
		"unknown away":         {`decision := {` + allow + `, "limits": [{"meter": "subject", "unit": "vectors", "window": "1h", "max": 1, "away": "ignore"}]}`, "policy_result"},
		"empty away":           {`decision := {` + allow + `, "limits": [{"meter": "subject", "unit": "vectors", "window": "1h", "max": 1, "away": ""}]}`, "policy_result"},
		"unknown record mode":  {`decision := {` + allow + `, "record": "never"}`, "policy_result"},
		"endless":              {`decision := {` + allow + `} if { some i in numbers.range(1, 30000); some j in numbers.range(1, 30000); i * j == -1 }`, "policy_timeout"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := own(tc.src)
			if tc.label == "policy_timeout" {
				cfg.Timeout = 50 * time.Millisecond
			}
			d, err := engine(t, cfg).Eval(t.Context(), input(nil))
			if d.Effect != authz.Deny || (err == nil) != (tc.label == "") {
				t.Fatalf("%+v, %v; want a denial, error %q", d, err, tc.label)
			}
			if err != nil && authz.AsError(err).Label != tc.label {
				t.Errorf("label %s, want %s (%v)", authz.AsError(err).Label, tc.label, err)
			}
		})
	}
}

// TestABuiltinsErrorQuotesNothing: an error goes to the log, and what a built-in was given is the requester's.
func TestABuiltinsErrorQuotesNothing(t *testing.T) {
	e := engine(t, own(`decision := true if time.parse_rfc3339_ns(input.subject.name) > 0`))
	_, err := e.Eval(t.Context(), input(func(in *authz.Input) { in.Subject.Name = "Ada Lovelace" }))
	if err == nil || strings.Contains(err.Error(), "Ada") || !strings.Contains(err.Error(), "p.rego:2: eval_builtin_error: time.parse_rfc3339_ns") {
		t.Errorf("got %v; want file, line and built-in, and no name", err)
	}
}

// TestMeters: a limit may name a meter that the configuration defines, and say what becomes of it while the store is away.
func TestMeters(t *testing.T) {
	cfg := own(`decision := {"effect": "allow", "limits": [{"meter": "team", "unit": "vectors", "window": "1h", "max": 7, "away": "local"}]}`)
	if d, err := engine(t, cfg).Eval(t.Context(), input(nil)); err == nil || d.Effect != authz.Deny {
		t.Errorf("a meter that nobody defined: %+v, %v", d, err)
	}
	cfg.Meters = authz.Meters{{Name: "team", Keys: []string{"claim:team"}}}
	d, err := engine(t, cfg).Eval(t.Context(), input(nil))
	want := authz.Limit{Meter: "team", Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 7, Away: authz.AwayLocal}
	if err != nil || len(d.Limits) != 1 || d.Limits[0] != want {
		t.Errorf("%+v, %v; want %+v", d.Limits, err, want)
	}
}

func TestABareTrueIsMasked(t *testing.T) {
	d, err := engine(t, own(`decision := true`)).Eval(t.Context(), input(nil))
	if err != nil || d.Effect != authz.Allow || d.Mask.Vectors != authz.MaskUnset {
		t.Errorf("%+v, %v; want an allow that says nothing of masks", d, err)
	}
}

func TestWhatDoesNotLoad(t *testing.T) {
	tests := map[string]struct {
		cfg  policy.Config
		want string
	}{
		"misspelt input path":        {own(`decision := true if input.opration.class == "read"`), "p.rego:2"},
		"misspelt path, local alias": {own("decision := true if { o := input.operation; o.clas == \"read\" }"), "p.rego:2"},
		"misspelt word":              {own(`decision := true if input.operation.class == "raed"`), `p.rego:2: input.operation.class is never "raed"; it is one of unknown, embed,`},
		"misspelt word, in a set":    {own(`decision := true if not input.operation.class in {"read", "raed"}`), `never "raed"`},
		"misspelt word, in a list":   {own(`decision := true if input.subject.kind in ["robot"]`), `never "robot"`},
		"misspelt word, unlike":      {own(`decision := true if "reqest" != input.phase`), `never "reqest"`},
		"misspelt word, inside":      {own(`decision := true if count([1 | some g in input.subject.groups; input.phase == "x"; g]) == 1`), `never "x"`},
		"syntax":                     {own(`decision := `), "p.rego:2"},
		"network":                    {own(`decision := true if http.send({"method": "get", "url": "http://x"}).status_code == 200`), "http.send"},
		"environment":                {own(`decision := true if opa.runtime().env.HOME`), "opa.runtime"},
		"name lookup":                {own(`decision := true if count(net.lookup_ip_addr("x")) > 0`), "net.lookup_ip_addr"},
		"no entrypoint":              {own(`dcision := true`), "weir/authz/decision"},
		"empty directory":            {policy.Config{FS: fstest.MapFS{}}, "no .rego files"},
		"unused variable":            {own("decision := true if { x := 1 }"), "p.rego:2"},
		"unknown setting":            {policy.Config{Settings: []byte("bulk:\n  max_vector_per_hour: 3\n"), Name: "s.yaml"}, "s.yaml:2: no setting \"bulk.max_vector_per_hour\"; nearest: bulk.max_vectors_per_hour"},
		"setting of the wrong kind":  {policy.Config{Settings: []byte("masking:\n  raw_groups: research\n")}, "settings.yaml:2: masking.raw_groups: want a list"},
		"setting of the wrong type":  {policy.Config{Settings: []byte("bulk:\n  max_vectors_per_hour: lots\n")}, "settings.yaml:2: bulk.max_vectors_per_hour: want a value like 10000"},
		"settings that are not YAML": {policy.Config{Settings: []byte("a: [")}, "settings.yaml"},
		"settings said twice":        {policy.Config{Settings: []byte("bulk: {export_groups: []}\nbulk: {}\n")}, "settings.yaml:2: bulk is said twice"},
		"settings without sense":     {policy.Config{Settings: []byte("masking: {default: blur}\nbulk: {max_vectors_per_request: -1}\n")}, "bulk.max_vectors_per_request: want a whole number"},
		"a pattern that is none":     {policy.Config{Settings: []byte("model_checkpoints: {justification: \"(\"}\n")}, "model_checkpoints.justification"},
		"mask raw by default":        {policy.Config{Settings: []byte("masking: {default: none}\n")}, "masking.default"},
		"a rule that is no set":      {rules("package weir.rules.x\ndeny if input.final"), "r.rego:2: weir.rules.x.deny is no set"},
		"a rule that is a map":       {rules("package weir.rules.x\ndeny[k] := 1 if k := input.phase"), "r.rego:2: weir.rules.x.deny is no set"},
		"a rule too deep":            {rules("package weir.rules.x.y\ndeny contains 1"), "r.rego:1: package weir.rules.x.y takes no part"},
		"a rule without effect":      {rules("package weir.rules.x\ndenny contains 1"), "r.rego:1: package weir.rules.x adds to none of"},
		"tests of its own that fail": {policy.Config{RunTests: true, FS: fstest.MapFS{"p.rego": {Data: []byte("package weir.authz\ndecision := true")}, "p_test.rego": {Data: []byte("package weir.authz_test\ntest_no if data.weir.authz.decision == false")}}}, "test_no"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := policy.New(t.Context(), tc.cfg)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v; want one that says %q", err, tc.want)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	e := engine(t, policy.Config{Settings: []byte("bulk: {max_vectors_per_request: 1}\nmasking: {raw_groups: [product], default: zero}\n")})
	d, err := e.Eval(t.Context(), input(func(in *authz.Input) { in.Operation.Vectors = 1 }))
	if err != nil || d.Mask.Vectors != authz.MaskZero {
		t.Errorf("%+v, %v; want zero", d, err)
	}
	if d, _ := e.Eval(t.Context(), input(nil)); d.Effect != authz.Deny {
		t.Errorf("two vectors: %+v; want a denial", d)
	}
	if engine(t, policy.Config{}).Revision() == e.Revision() {
		t.Error("the revision does not tell settings apart")
	}
}

func TestReloadKeepsTheLastGood(t *testing.T) {
	e := engine(t, own(`decision := true`))
	before := e.Revision()
	if err := e.Reload(t.Context(), own(`decision := `)); err == nil {
		t.Error("a broken policy was loaded")
	}
	if d, err := e.Eval(t.Context(), input(nil)); err != nil || d.Effect != authz.Allow || e.Revision() != before {
		t.Errorf("after a failed reload: %+v, %v", d, err)
	}
	if err := e.Reload(t.Context(), own(`decision := false`)); err != nil {
		t.Fatal(err)
	}
	if d, _ := e.Eval(t.Context(), input(nil)); d.Effect != authz.Deny || e.Revision() == before {
		t.Errorf("after a reload: %+v", d)
	}
}

func TestReads(t *testing.T) {
	tests := map[string]struct {
		src  string
		want authz.Reads
	}{
		"nothing":   {`decision := true if input.subject.id == "ada"`, authz.Reads{}},
		"usage":     {`decision := true if input.usage.subject.vectors["1h"] < 3`, authz.Reads{Usage: true}},
		"groups":    {`decision := true if input.usage.group.g.vectors["1h"] < 3`, authz.Reads{Usage: true, Groups: true}},
		"response":  {`decision := true if input.response.status == 200`, authz.Reads{Response: true, Object: true}},
		"artifact":  {`decision := true if input.response.artifact.format == "gguf"`, authz.Reads{Object: true, Content: true}},
		"piece":     {`decision := true if input.response.object.size > 5`, authz.Reads{Object: true, Content: true}},
		"coverage":  {`decision := true if input.operation.coverage.group.after > .5`, authz.Reads{Object: true}},
		"registry":  {`decision := true if input.operation.registered.state == "active"`, authz.Reads{Object: true, Registered: true}},
		"operation": {"f(o) := o.coverage.group.after\ndecision := true if f(input.operation) > .5", authz.Reads{Object: true, Attempts: true, Corpus: true, Registered: true}},
		"corpus":    {`decision := true if input.operation.corpus.share.after > .5`, authz.Reads{Object: true, Corpus: true}},
		"attempts":  {`decision := true if input.operation.attempts.hour < 3`, authz.Reads{Attempts: true}},
		"by a set":  {"x contains 1 if input.risk.score > 1\ndecision := true if count(x) == 0", authz.Reads{Risk: true}},
		"all":       {`decision := true if count(input) > 3`, authz.Reads{Usage: true, Groups: true, Risk: true, Response: true, Object: true, Attempts: true, Corpus: true, Content: true, Registered: true}},
	}
	for name, tc := range tests {
		if got := engine(t, own(tc.src)).Reads(); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
	composed := fstest.MapFS{
		"a.rego": {Data: []byte("package weir.authz\ndecision := true if { some n; some _ in data.weir.rules[n].allow }")},
		"r.rego": {Data: []byte("package weir.rules.r\nallow contains 1 if input.usage.subject.bytes[\"1h\"] < 3")},
	}
	if got := engine(t, policy.Config{FS: composed}).Reads(); !got.Usage {
		t.Errorf("composed: %+v, want usage", got)
	}
}

// TestTimeAndChanceComeFromTheInput: a recorded input decides the same for ever.
func TestTimeAndChanceComeFromTheInput(t *testing.T) {
	e := engine(t, own(`decision := {"effect": "allow", "rule": sprintf("%d %d %s", [time.now_ns(), rand.intn("x", 1000000), uuid.rfc4122("k")])}`))
	a, err := e.Eval(t.Context(), input(nil))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := e.Eval(t.Context(), input(nil))
	if a.Rule != b.Rule || !strings.HasPrefix(a.Rule, "1700000000000000000 ") {
		t.Errorf("%q, then %q", a.Rule, b.Rule)
	}
}

// full fills every field, so that nothing is forgotten by hand-built input or schema.
func full() *authz.Input {
	return input(func(in *authz.Input) {
		units := map[authz.Unit]map[string]int64{authz.UnitBytes: {"1h": 5}}
		in.Subject = authz.Subject{
			Issuer: "i", ID: "s", Name: "n", Email: "e", Groups: []string{"g"}, Kind: authz.Agent, Actors: []authz.Actor{{Issuer: "j", ID: "a"}, {ID: "b"}}, Owner: "i|o",
			Credential: "c", Expires: time.Unix(5, 7).UTC(), Claims: map[string]any{"x": []any{1.5, "y", nil, true}},
		}
		in.Target.Sensitivity, in.Target.Labels = "high", map[string]string{"k": "v"}
		in.Operation = authz.Operation{Class: "read", Complete: true, Model: "m", Collection: "c", Vector: "v", Encoding: "e", Object: "o", Version: "v1", Artifact: "a", Range: "r", Part: 2, Coverage: &authz.Coverage{Subject: authz.Covered{Before: .25, After: .5}, Group: authz.Covered{After: 1}}, Registered: &authz.Registered{Known: true, Sensitivity: "internal", State: "active", Model: "m/1", PromotedBy: "i|ada"}, Corpus: authz.NewCorpus(10, authz.Read{Before: 1, After: 2}), Attempts: &authz.Attempts{Hour: 1, Day: 2}, Vectors: -1, Dims: 2, Documents: 3, Bytes: 4, Sealed: true}
		in.Usage = &authz.UsageInput{Subject: units, SubjectTarget: units, Target: units, Credential: units, Group: map[string]map[authz.Unit]map[string]int64{"g": units}}
		in.Risk = &authz.Risk{Score: 0.25, Signals: []string{"s"}}
		in.Grant = &authz.Grant{ID: "g", Budget: map[authz.Unit]int64{authz.UnitBytes: 1}, Expires: time.Unix(9, 0).UTC(), Justification: "w"}
		in.Justification = "why \xff\xfe\x80 not"
		in.Response = &authz.Response{
			Status: 200, ContentType: "t", ContentLength: 9, Artifact: authz.Artifact{Class: "z", Format: "f", Wrapped: "w", Tensors: 1, Parameters: 2},
			Object: &authz.Piece{Object: "o", Version: "v", Size: 9, Offset: 1, Length: 2},
		}
	})
}

// TestHandBuiltInputIsItsJSON: the policy echoes what it got; it must be the JSON form.
func TestHandBuiltInputIsItsJSON(t *testing.T) {
	e := engine(t, own(`decision := {"effect": "allow", "reason": json.marshal(input)}`))
	for name, in := range map[string]*authz.Input{"full": full(), "plain": input(nil), "empty": {}} {
		d, err := e.Eval(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(document(t, raw), document(t, []byte(d.Reason))); diff != "" {
			t.Errorf("%s: JSON form and hand-built input differ (-JSON +hand):\n%s", name, diff)
		}
		again, err := e.Explain(t.Context(), raw, new(bytes.Buffer))
		if err != nil || !cmp.Equal(document(t, []byte(again.Reason)), document(t, raw)) {
			t.Errorf("%s: Explain decides otherwise: %v", name, err)
		}
	}
}

func document(t *testing.T, b []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestExplain(t *testing.T) {
	e := engine(t, policy.Config{})
	raw, err := json.Marshal(input(func(in *authz.Input) { in.Operation.Class = authz.ClassWrite }))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	d, err := e.Explain(t.Context(), raw, &out)
	if err != nil || d.Rule != "weir.rules.access" || !strings.Contains(out.String(), "access.rego") {
		t.Errorf("%+v, %v, trace:\n%.300s", d, err, out.String())
	}
}

// BenchmarkEval is what a decision takes that is kept and repeated.
func BenchmarkEval(b *testing.B) {
	e := engine(b, policy.Config{Timeout: time.Minute})
	in := input(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Eval(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}
