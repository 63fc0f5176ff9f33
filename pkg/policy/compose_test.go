package policy_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
)

// TestComposition: what a rule may say beside the shipped ones, and that the engine reads it or refuses.
func TestComposition(t *testing.T) {
	const allow = "package weir.rules.x\nallow contains \"yes\"\n"
	tests := map[string]struct {
		src   string
		want  authz.Decision
		label string
	}{
		"allow is masked": {allow, authz.Decision{Effect: authz.Allow, Rule: "weir.authz", Mask: authz.Mask{Vectors: authz.MaskRedact}}, ""},
		"a sentence denies": {
			allow + `deny contains "not today"`,
			authz.Decision{Rule: "weir.rules.x", Reason: "not today", Mask: authz.Mask{Vectors: authz.MaskRedact}},
			"",
		},
		"a hold with its approval": {
			allow + `hold contains {"reason": "ask", "approval": {"reviewers": ["group:leads"], "votes": 1, "budget": {"vectors": 5}}}`,
			authz.Decision{
				Effect: authz.Hold, Rule: "weir.rules.x", Reason: "ask", Mask: authz.Mask{Vectors: authz.MaskRedact},
				Approval: &authz.Approval{Reviewers: []string{"group:leads"}, Votes: 1, Budget: map[authz.Unit]int64{authz.UnitVectors: 5}},
			},
			"",
		},
		"a denial that says allow":  {allow + `deny contains {"effect": "allow", "reason": "no"}`, authz.Decision{Rule: "weir.rules.x", Reason: "no", Mask: authz.Mask{Vectors: authz.MaskRedact}}, ""},
		"a mask that is not known":  {allow + "mask contains \"none\"\nmask contains concat(\"\", [\"bl\", \"ur\"])", authz.Decision{}, "policy_result"},
		"a mask that is no word":    {allow + `mask contains m if some m in [{"vectors": "zero"}]`, authz.Decision{}, "policy_error"},
		"a denial that is a number": {allow + `deny contains d if some d in [1]`, authz.Decision{}, "policy_error"},
		"a denial with more to say": {allow + `deny contains d if some d in [{"reason": "no", "retry": 5}]`, authz.Decision{}, "policy_result"},
		"a limit without a unit":    {allow + `limit contains object.remove({"meter": "subject", "unit": "vectors", "window": "1h", "max": 1}, ["unit"])`, authz.Decision{}, "policy_result"},
		"a mask whose built-in fails": {
			allow + "mask contains \"none\"\nmask contains \"redact\" if to_number(input.target.name) > 3", authz.Decision{}, "policy_error",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := engine(t, rules(tc.src)).Eval(t.Context(), input(nil))
			if label := labelOf(err); label != tc.label {
				t.Fatalf("label %q (%v), want %q", label, err, tc.label)
			}
			got.Revision, got.Limits, got.Kind = "", nil, tc.want.Kind
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func labelOf(err error) string {
	if err == nil {
		return ""
	}
	return authz.AsError(err).Label
}

// TestSettingsOfThisRepository: every settings file here loads, and means what its users rely on.
func TestSettingsOfThisRepository(t *testing.T) {
	tests := map[string]struct {
		vectors, limit int64 // passes in one request; raw ones per hour
		over           int64 // does not pass
		product        authz.MaskMode
	}{
		"../../examples/01-quickstart/settings.yaml":      {240, 5000, 5000, authz.MaskRedact},
		"../../integration/testdata/common/settings.yaml": {50, 100, 51, authz.MaskRedact},
		"../../integration/bench/settings.yaml":           {1000, 1_000_000_000_000, 1_000_001, authz.MaskZero},
	}
	for path, tc := range tests {
		t.Run(path, func(t *testing.T) {
			settings, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			e := engine(t, policy.Config{Settings: settings, Name: path, RunTests: true})
			for group, mask := range map[string]authz.MaskMode{"research": authz.MaskNone, "product": tc.product} {
				in := input(func(in *authz.Input) { in.Subject.Groups, in.Operation.Vectors = []string{group}, tc.vectors })
				d, err := e.Eval(t.Context(), in)
				if err != nil || d.Effect != authz.Allow || d.Mask.Vectors != mask || d.Limits[0].Max != tc.limit {
					t.Errorf("%s: %+v, %v; want %s and %d an hour", group, d, err, mask, tc.limit)
				}
				in.Operation.Vectors = tc.over
				if d, err := e.Eval(t.Context(), in); err != nil || d.Effect != authz.Deny || d.Kind != authz.KindQuota {
					t.Errorf("%s: %+v, %v; want a refusal by volume", group, d, err)
				}
			}
		})
	}
}

// TestReloadWhileDeciding: each decision is one policy's or the other's, under its revision.
func TestReloadWhileDeciding(t *testing.T) {
	yes, no := own(`decision := {"effect": "allow", "rule": "yes"}`), own(`decision := {"effect": "deny", "rule": "no"}`)
	e := engine(t, yes)
	revisions := map[string]string{"yes": e.Revision(), "no": engine(t, no).Revision()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			for _, cfg := range []policy.Config{no, yes} {
				if err := e.Reload(t.Context(), cfg); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		d, err := e.Eval(t.Context(), input(nil))
		if err != nil || revisions[d.Rule] != d.Revision || (d.Effect == authz.Allow) != (d.Rule == "yes") {
			t.Fatalf("%+v, %v", d, err)
		}
	}
}

// TestMaskWordsAreOne: the shipped composition orders masks as pkg/authz does; a word that one of them lacks would be lost between them.
func TestMaskWordsAreOne(t *testing.T) {
	all := authz.MaskModes()
	for i, m := range all {
		for _, n := range all[i:] {
			src := "package weir.rules.x\n" + `mask contains "` + string(m) + `"` + "\n" + `mask contains "` + string(n) + `"` + "\nallow contains true\n"
			d, err := engine(t, rules(src)).Eval(t.Context(), input(nil))
			if err != nil || d.Mask.Vectors != m.Stricter(n) {
				t.Errorf("%s and %s: %+v, %v; want %s", m, n, d.Mask, err, m.Stricter(n))
			}
		}
	}
}

func TestScoreWordsAreOne(t *testing.T) {
	for _, m := range []authz.ScoreMask{"round:0", "round:3", "round:6", authz.ScoreRank, authz.ScoreDrop} {
		d, err := engine(t, rules("package weir.rules.x\nallow contains true\nscore contains \""+string(m)+"\"\nfield contains \"a.b\"\nstrict contains true\n")).Eval(t.Context(), input(nil))
		want := authz.Mask{Vectors: authz.MaskRedact, Scores: m, Fields: []string{"a.b"}, Strict: true}
		if err != nil || !cmp.Equal(want, d.Mask) {
			t.Errorf("%s: %+v, %v", m, d.Mask, err)
		}
	}
	d, err := engine(t, rules("package weir.rules.x\nallow contains true\nscore contains concat(\"\", [\"gue\", \"ss\"])\n")).Eval(t.Context(), input(nil))
	if err == nil || d.Effect != authz.Deny {
		t.Errorf("a score mask that is not known: %+v, %v", d, err)
	}
}
