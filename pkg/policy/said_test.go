package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
)

// TestWhatNoDecisionMayHold: what a rule states in so many words, and every decision would be refused for, does not load.
func TestWhatNoDecisionMayHold(t *testing.T) {
	for name, tc := range map[string]struct{ src, refused, warned string }{
		"a mask":                  {`mask contains "redcat" if input.final`, `r.rego:2: weir.rules.x.mask: mask "redcat" is not known`, ""},
		"a mask, assigned":        {"mask contains m if {\n\tinput.final\n\tm := \"redcat\"\n}", `mask "redcat" is not known`, ""},
		"a score mask":            {`score contains "round"`, `r.rego:2: weir.rules.x.score: score mask "round": want drop, rank or round:N`, ""},
		"a unit":                  {`limit contains {"meter": "subject", "unit": "vector", "window": "1h", "max": 5}`, `weir.rules.x.limit: .unit: unit "vector" is not known`, ""},
		"a window":                {`limit contains {"meter": "subject", "unit": "vectors", "window": "1hour", "max": data.weir.settings.n}`, `weir.rules.x.limit: .window: `, ""},
		"a member":                {`limit contains {"meter": "subject", "unit": "vectors", "window": "1h", "maximum": 5}`, `.max is missing`, ""},
		"a member too many":       {`limit contains {"meter": "subject", "unit": u, "window": "1h", "max": 5, "after": 1} if some u in ["vectors"]`, `.after: `, ""},
		"a maximum":               {`limit contains {"meter": "subject", "unit": "vectors", "window": "1h", "max": "5"}`, `.max: want a number`, ""},
		"what becomes of more":    {`limit contains {"meter": "subject", "unit": "vectors", "window": "1h", "max": 5, "over": "allow"}`, `.over: a limit that allows`, ""},
		"a meter":                 {`limit contains {"meter": "subjct", "unit": "vectors", "window": "1h", "max": 5}`, "", `r.rego:2: weir.rules.x.limit: limit on meter "subjct", which is not known`},
		"a meter of ours":         {`limit contains {"meter": "team", "unit": "vectors", "window": "1h", "max": 5}`, "", ""},
		"a denial":                {`deny contains 3`, `r.rego:2: weir.rules.x.deny: want a sentence, or {reason, alternatives, kind}; got a number`, ""},
		"a denial, misspelt":      {`deny contains {"reson": "no"}`, `r.rego:2: weir.rules.x.deny: reson: unknown field; did you mean reason?`, ""},
		"a denial's kind":         {`deny contains {"reason": sprintf("no %s", ["x"]), "kind": "quotta"}`, `weir.rules.x.deny: kind: kind "quotta": want forbidden or quota`, ""},
		"a denial of two":         {`deny contains {"reason": r, "kind": "quota"} if some r in ["a", "b"]`, "", ""},
		"what is held":            {`hold contains true`, `weir.rules.x.hold: want a sentence`, ""},
		"a flag":                  {`flag contains {"name": "Odd", "reason": "x"}`, `weir.rules.x.flag: .name: "Odd": want`, ""},
		"a flag's word alone":     {`flag contains "odd"`, `weir.rules.x.flag: want {name, reason}, got a sentence`, ""},
		"a flag of a name":        {`flag contains {"name": n, "reason": "x"} if some n in ["odd"]`, "", ""},
		"a place":                 {`field contains 3`, `weir.rules.x.field: want a string`, ""},
		"a group's without a key": {`limit contains {"meter": "group", "unit": "vectors", "window": "1h", "max": 5}`, `weir.rules.x.limit: limit on meter "group" without a key`, ""},
		"a group's of each":       {`limit contains {"meter": "group", "key": g, "unit": "vectors", "window": "1h", "max": 5} if some g in input.subject.groups`, "", ""},
		"any window":              {`limit contains {"meter": "subject", "unit": "vectors", "window": "2h", "max": 5}`, "", ""},
		"good ones":               {"mask contains \"obfuscate:rotate+noise\"\nscore contains \"round:2\"\nlimit contains {\"meter\": \"group\", \"key\": g, \"unit\": \"bytes\", \"window\": \"24h\", \"max\": 1e6, \"over\": \"hold\", \"away\": \"local\"} if some g in input.subject.groups", "", ""},
		"what is computed":        {"mask contains concat(\"\", [\"re\", \"dact\"])\nlimit contains object.union({\"meter\": \"subject\"}, {\"unit\": \"vectors\", \"window\": \"1h\", \"max\": 5})\nscore contains s if some s in [\"drop\"]", "", ""},
		"names that are computed": {`limit contains {k: "subject", "unit": "vectors", "window": "1h", "max": 5} if k := concat("", ["me", "ter"])`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := rules("package weir.rules.x\n" + tc.src)
			cfg.Meters, cfg.Settings = authz.Meters{{Name: "team", Keys: []string{"claim:team"}}}, []byte("n: 5")
			e, err := policy.New(t.Context(), cfg)
			if err != nil {
				if tc.refused == "" || !strings.Contains(err.Error(), tc.refused) {
					t.Errorf("refused: %v; want %q", err, tc.refused)
				}
				return
			}
			if got := strings.Join(e.Warnings(), "\n"); tc.refused != "" || (got == "") != (tc.warned == "") || !strings.HasPrefix(got, tc.warned) {
				t.Errorf("warned %q, want %q; refused by nobody, want %q", got, tc.warned, tc.refused)
			}
		})
	}
}

// TestALimitThatNothingCounts: where the configuration is known, a limit in a window, on a meter or in a unit that is not kept does not load,
// whether it is stated or computed; then Eval says so.
func TestALimitThatNothingCounts(t *testing.T) {
	cfg := policy.Config{
		Windows: []authz.Window{authz.Window(time.Hour)},
		Meters:  authz.Meters{{Name: "team", Keys: []string{"claim:team"}, Units: []authz.Unit{authz.UnitBytes}, Windows: []authz.Window{authz.Window(2 * time.Hour)}}, {Name: "circle", Keys: []string{"group"}}},
	}
	for name, tc := range map[string]struct{ limit, refused string }{
		"a window":              {`{"meter": "subject", "unit": "vectors", "window": "2h", "max": 5}`, "limit over window 2h, which is not kept: counters.windows has 1h"},
		"a meter's own window":  {`{"meter": "team", "unit": "bytes", "window": "1h", "max": 5}`, "limit over window 1h, which is not kept: counters.meters has 2h"},
		"a meter":               {`{"meter": "groups", "unit": "vectors", "window": "1h", "max": 5}`, `limit on meter "groups", which is not known`},
		"a unit":                {`{"meter": "team", "unit": "vectors", "window": "2h", "max": 5}`, `limit on meter "team" in vectors, which it does not count`},
		"a meter of groups":     {`{"meter": "circle", "unit": "vectors", "window": "1h", "max": 5}`, `limit on meter "circle" without a key`},
		"one that is counted":   {`{"meter": "subject", "unit": "vectors", "window": "1h", "max": 5}`, ""},
		"and a meter's own":     {`{"meter": "team", "unit": "bytes", "window": "2h", "max": 5}`, ""},
		"and one of each group": {`{"meter": "circle", "key": "a", "unit": "bytes", "window": "1h", "max": 5}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			const also = "package weir.rules.x\nallow contains 1\nlimit contains "
			stated, computed := rules(also+tc.limit), rules(also+`object.union({}, `+tc.limit+`)`)
			for _, c := range []*policy.Config{&stated, &computed} {
				c.Windows, c.Meters = cfg.Windows, cfg.Meters
			}
			if _, err := policy.New(t.Context(), stated); (err == nil) != (tc.refused == "") || err != nil && !strings.Contains(err.Error(), "r.rego:3: weir.rules.x.limit: "+tc.refused) {
				t.Errorf("stated: %v; want %q", err, tc.refused)
			}
			_, err := engine(t, computed).Eval(t.Context(), input(nil))
			if (err == nil) != (tc.refused == "") || err != nil && (authz.AsError(err).Label != "policy_result" || !strings.Contains(err.Error(), tc.refused)) {
				t.Errorf("computed: %v; want %q", err, tc.refused)
			}
		})
	}
}
