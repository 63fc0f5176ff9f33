package authz_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

func TestMeterSpecCheck(t *testing.T) {
	for name, tc := range map[string]struct {
		spec authz.MeterSpec
		want string // in the error; "" for none
	}{
		"team":              {authz.MeterSpec{Name: "team", Keys: []string{"claim:team", "target"}, Units: []authz.Unit{authz.UnitBytes}}, ""},
		"label":             {authz.MeterSpec{Name: "cost_centre", Keys: []string{"label:cost-centre"}}, ""},
		"no name":           {authz.MeterSpec{Keys: []string{"target"}}, "name"},
		"odd name":          {authz.MeterSpec{Name: "Team", Keys: []string{"target"}}, "name"},
		"name begins badly": {authz.MeterSpec{Name: "1team", Keys: []string{"target"}}, "name"},
		"taken":             {authz.MeterSpec{Name: "group", Keys: []string{"target"}}, "there already"},
		"no keys":           {authz.MeterSpec{Name: "team"}, "keys"},
		"unknown key":       {authz.MeterSpec{Name: "team", Keys: []string{"person"}}, "person"},
		"claim of nothing":  {authz.MeterSpec{Name: "team", Keys: []string{"claim:"}}, "claim:"},
		"twice":             {authz.MeterSpec{Name: "team", Keys: []string{"target", "target"}}, "twice"},
		"unknown unit":      {authz.MeterSpec{Name: "team", Keys: []string{"target"}, Units: []authz.Unit{"tokens"}}, "tokens"},
	} {
		if err := tc.spec.Check(); (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestMeterSpecKey(t *testing.T) {
	ada := authz.Subject{
		Issuer: "https://i", ID: "ada", Kind: authz.Human, Credential: "c1",
		Claims: map[string]any{"team": "search", "n": json.Number("7"), "ok": true, "org": map[string]any{"unit": "r|d"}, "https://x.example/t": "u", "list": []any{"a"}},
	}
	bot := authz.Subject{Issuer: "https://i", ID: "bot", Kind: authz.Agent, Owner: "https://i|ada", Actors: []authz.Actor{{Issuer: "https://a", ID: "helper"}}}
	target := authz.Target{Name: "docs", Kind: authz.KindCorpus, Tenant: "acme", Labels: map[string]string{"centre": "42"}}
	for _, tc := range []struct {
		keys string
		who  authz.Subject
		want string // "" where there is none
	}{
		{"subject", ada, "https://i|ada"},
		{"owner", ada, "https://i|ada"},
		{"owner", bot, "https://i|ada"},
		{"actor", ada, "https://i|ada"},
		{"actor", bot, "https://a|helper"},
		{"actor", authz.Subject{Issuer: "https://i", ID: "ada", Actors: []authz.Actor{{ID: "bot"}}}, "https://i|bot"}, // the same as by itself
		{"issuer", ada, "https://i"},
		{"kind", bot, "agent"},
		{"credential", ada, "https://i|c1"},
		{"credential", bot, ""},
		{"group", ada, "staff"},
		{"target", ada, "docs"},
		{"target_kind", ada, "corpus"},
		{"tenant", ada, "tenant acme"},
		{"label:centre", ada, "42"},
		{"label:colour", ada, ""},
		{"claim:team", ada, "search"},
		{"claim:n", ada, "7"},
		{"claim:ok", ada, "true"},
		{"claim:org.unit", ada, "r|d"},
		{"claim:org.none", ada, ""},
		{"claim:org", ada, ""},
		{"claim:list", ada, ""},
		{"claim:https://x.example/t", ada, "u"},
		{"claim:team", bot, ""},
		{"claim:team target", ada, "6:search|4:docs"},
		{"claim:org.unit target", ada, "3:r|d|4:docs"},
		{"subject", authz.Subject{}, ""},
		{"claim:team", authz.Subject{Claims: map[string]any{"team": strings.Repeat("x", 2000)}}, ""},
	} {
		spec := authz.MeterSpec{Name: "m", Keys: strings.Fields(tc.keys)}
		if err := spec.Check(); err != nil {
			t.Fatal(err)
		}
		got, ok := spec.Key(tc.who, target, "staff")
		if !ok {
			got = ""
		}
		if got != tc.want {
			t.Errorf("%s of %s: %q, want %q", tc.keys, tc.who.ID, got, tc.want)
		}
	}
}
