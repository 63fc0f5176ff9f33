package policy_test

import (
	"strings"
	"testing"

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
		"a meter":                 {`limit contains {"meter": "subjct", "unit": "vectors", "window": "1h", "max": 5}`, "", `r.rego:2: limit on meter "subjct", which is not known`},
		"a meter of ours":         {`limit contains {"meter": "team", "unit": "vectors", "window": "1h", "max": 5}`, "", ""},
		"good ones":               {"mask contains \"obfuscate:rotate+noise\"\nscore contains \"round:2\"\nlimit contains {\"meter\": \"group\", \"key\": g, \"unit\": \"bytes\", \"window\": \"24h\", \"max\": 1e6, \"over\": \"hold\", \"away\": \"local\"} if some g in input.subject.groups", "", ""},
		"what is computed":        {"mask contains concat(\"\", [\"re\", \"dact\"])\nlimit contains object.union({\"meter\": \"subject\"}, {\"unit\": \"vectors\", \"window\": \"1h\", \"max\": 5})\nscore contains s if some s in [\"drop\"]", "", ""},
		"names that are computed": {`limit contains {k: "subject", "unit": "vectors", "window": "1h", "max": 5} if k := concat("", ["me", "ter"])`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := rules("package weir.rules.x\n" + tc.src)
			cfg.Meters, cfg.Settings = []authz.Meter{"team"}, []byte("n: 5")
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
