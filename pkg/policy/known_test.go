package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
)

// TestCheckInput: a key that no policy can read is named with its line and its nearest neighbour.
func TestCheckInput(t *testing.T) {
	for name, tc := range map[string]struct {
		input string
		want  []string // lines; none: the input is good
	}{
		"whole":                    {`{"phase":"request","subject":{"groups":["a"],"claims":{"any":{"thing":[1]}}},"usage":{"subject":{"vectors":{"1h":3}},"group":{"a":{"bytes":{"1h":1}}}}}`, nil},
		"empty":                    {`{}`, nil},
		"labels are free":          {`{"target":{"labels":{"grops":"x"}}}`, nil},
		"misspelt":                 {"{\n \"subject\": {\"id\": \"a\",\n  \"grops\": [\"x\"]}}", []string{"in.json:3: subject.grops: unknown key; did you mean groups?"}},
		"another case":             {`{"Subject":{}}`, []string{"in.json:1: Subject: unknown key; did you mean subject?"}},
		"nothing like it":          {`{"risk":{"colour":1}}`, []string{"in.json:1: risk.colour: unknown key; known here: score, signals"}},
		"in a list":                {`{"subject":{"actors":[{"id":"a"},{"sub":"b","issuer":"i"}]}}`, []string{"in.json:1: subject.actors[1].sub: unknown key; known here: id, issuer"}},
		"in what is unknown, once": {`{"subjekt":{"grops":1}}`, []string{"in.json:1: subjekt: unknown key; did you mean subject?"}},
		"two":                      {`{"usage":{"subject":{"vector":{}}},"phas":1}`, []string{"in.json:1: usage.subject.vector: unknown key; did you mean vectors?", "in.json:1: phas: unknown key; did you mean phase?"}},
		"twice":                    {`{"phase":"request","phase":"response"}`, []string{"in.json:1: phase: is there twice"}},
		"two documents":            {"{}\n{}", []string{"in.json:2: one object only: what follows would be ignored"}},
		"no JSON":                  {"{\n\"a\" 1}", []string{"in.json:2: not JSON: "}},
		"a misspelt word":          {"{\"operation\": {\n \"class\": \"serch\"}}", []string{`in.json:2: operation.class: "serch" is not known; it is one of unknown, embed, search, read, export, list, write, admin; did you mean search?`}},
		"no such word":             {`{"phase":"afterwards"}`, []string{`in.json:1: phase: "afterwards" is not known; it is one of request, response`}},
		"a misspelt kind":          {`{"target":{"kind":"weigths"}}`, []string{`in.json:1: target.kind: "weigths" is not known; it is one of inference, vectordb, corpus, weights, registry, config; did you mean weights?`}},
		"not known is no word":     {`{"target":{"kind":""},"operation":{"class":""}}`, nil},
		"a string for a number":    {"{\"operation\":{\n\n\"vectors\":\"3\"}}", []string{"in.json:3: operation.vectors: want integer, not string"}},
		"half a vector":            {`{"operation":{"vectors":1.5,"documents":1e6,"dims":-1},"risk":{"score":1.5},"response":{"status":-0.5}}`, []string{"in.json:1: operation.vectors: want integer, not number", "in.json:1: response.status: want integer, not number"}},
		"one group":                {`{"subject":{"groups":"research","kind":["human"]}}`, []string{"in.json:1: subject.groups: want array, not string", "in.json:1: subject.kind: want string, not array"}},
		"a number for a word":      {`{"operation":{"class":1,"complete":"yes"},"subject":null,"target":{"tenant":""}}`, []string{"in.json:1: operation.class: want string, not number", "in.json:1: operation.complete: want boolean, not string", "in.json:1: subject: want object, not null"}},
		"in a map, in a list":      {`{"usage":{"group":{"a":{"bytes":{"1h":"1"}}}},"subject":{"groups":["a",{"grops":1}]}}`, []string{"in.json:1: usage.group.a.bytes.1h: want integer, not string", "in.json:1: subject.groups[1]: want string, not object"}},
		"cut off":                  {`{"phase":`, []string{"in.json:1: not JSON: "}},
		"nothing":                  {``, []string{"in.json:1: not JSON: EOF"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := policy.CheckInput("in.json", []byte(tc.input))
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if len(got) != len(tc.want) {
				t.Fatalf("got %q, want %q", got, tc.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tc.want[i]) {
					t.Errorf("got %q, want %q", got[i], tc.want[i])
				}
			}
		})
	}
}

// TestCheckInputKnowsEveryInput: what Weir records is good.
func TestCheckInputKnowsEveryInput(t *testing.T) {
	in := input(func(in *authz.Input) {
		in.Usage = &authz.UsageInput{Group: map[string]map[authz.Unit]map[string]int64{"a": {authz.UnitVectors: {"1h": 1}}}}
		in.Risk, in.Grant, in.Response = &authz.Risk{}, &authz.Grant{Budget: map[authz.Unit]int64{authz.UnitBytes: 1}}, &authz.Response{}
		in.Subject.Actors, in.Target.Labels = []authz.Actor{{ID: "a"}}, map[string]string{"a": "b"}
	})
	b, err := json.Marshal(in)
	if err == nil {
		err = policy.CheckInput("in.json", b)
	}
	if err != nil {
		t.Error(err)
	}
}
