package main

import (
	"strings"
	"testing"

	"github.com/weirgate/weir/server/internal/config"
)

// TestCarriersThatMayBeMisspelt: a word that is like a carrier is told of, and certificates that no target takes; a header of one's own is not.
func TestCarriersThatMayBeMisspelt(t *testing.T) {
	const none = "certificates: no target takes one"
	for _, tc := range []struct {
		token, target string
		want          []string
	}{
		{"authorization, weir-token", "", []string{none}},
		{"authorization, certificate", "", nil},
		{"authorization, certificate", "x-api-key", []string{none}},
		{"authorization", "certificate", nil},
		{"authorisation, certificate", "", []string{"token.carriers: authorisation is taken for the name of a header of its own; if authorization is meant"}},
		{"bearer, certificate", "", []string{"if authorization is meant"}},
		{"cert", "", []string{"if certificate is meant", none}},
		{"authorization", "certifcate", []string{"target files: identity.carriers: certifcate is taken for", none}},
		{"base64:authorization, certificate, x-goog-token", "", nil},
	} {
		text := "certificates: [{match: 'spiffe://research.example/*', groups: [rag]}]\ntoken: {carriers: [" + tc.token + "]}\naudit: {dir: journal}\n" +
			"targets: [{name: files, kind: corpus, paths: [/corpus], identity: {carriers: [" + tc.target + "]}}]\n"
		c, err := config.Parse([]byte(text), "weir.yaml")
		if err != nil {
			t.Fatal(err)
		}
		got := warnings(c)
		for i, w := range got {
			if len(got) != len(tc.want) || !strings.Contains(w, tc.want[i]) {
				t.Errorf("%s; %s: %q; want %q", tc.token, tc.target, got, tc.want)
				break
			}
		}
		if len(got) < len(tc.want) {
			t.Errorf("%s; %s: %q; want %q", tc.token, tc.target, got, tc.want)
		}
	}
}

// TestATargetThatNothingLeadsTo: without hosts and paths, only a route's word does.
func TestATargetThatNothingLeadsTo(t *testing.T) {
	const text = "issuers: [{issuer: https://i.example, audiences: [weir]}]\naudit: {dir: journal}\ntargets: [{name: files, kind: corpus%s}]\n"
	for more, want := range map[string]bool{"": true, ", paths: [/corpus]": false, ", hosts: [c.example]": false} {
		c, err := config.Parse([]byte(strings.Replace(text, "%s", more, 1)), "weir.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(warnings(c), "\n"); strings.Contains(got, "target files: neither hosts nor paths") != want || want == (got == "") {
			t.Errorf("%q: %q", more, got)
		}
	}
}
