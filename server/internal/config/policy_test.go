package config

import (
	"strings"
	"testing"
)

// TestPolicyRules: what does not go together is said, with its key.
func TestPolicyRules(t *testing.T) {
	for given, want := range map[string]string{
		"policy: {dir: p}\n": "",
		"policy: {bundle: {url: 'https://b.example/w.tar.gz', key: k.pub}}\n":                                          "",
		"policy: {bundle: {file: w.tar.gz, unsigned: true}}\n":                                                         "",
		"policy: {dir: p, compat: opa-envoy, identity: policy, builtin_errors: undefined}\n":                           "",
		"policy: {dir: p, bundle: {file: w.tar.gz, unsigned: true}}\n":                                                 "policy.bundle: is there beside dir",
		"policy: {bundle: {url: 'https://b.example', file: w, key: k}}\n":                                              "policy.bundle.file: is there beside url",
		"policy: {bundle: {key: k.pub}}\n":                                                                             "policy.bundle: has neither url nor file",
		"policy: {bundle: {file: w.tar.gz}}\n":                                                                         "policy.bundle.key: want a key, or unsigned: true",
		"policy: {bundle: {file: w.tar.gz, key: k, unsigned: true}}\n":                                                 "policy.bundle.key: want a key, or unsigned: true",
		"policy: {bundle: {url: 'http://b.example/w', key: k}}\n":                                                      "policy.bundle.url: want https://, or http:// on loopback",
		"policy: {bundle: {url: 'file:///w', key: k}}\n":                                                               "policy.bundle.url: want https://",
		"policy: {bundle: {file: w, key: k, algorithm: none}}\n":                                                       "policy.bundle.algorithm: ",
		"policy: {identity: policy}\n":                                                                                 "policy.compat: builtin_errors and identity are for",
		"policy: {builtin_errors: undefined}\n":                                                                        "policy.compat: builtin_errors and identity are for",
		"policy: {compat: opa-envoy}\n":                                                                                "policy.compat: want dir or bundle",
		"policy: {dir: p, compat: opa}\n":                                                                              "policy.compat: ",
		"entry: both\npolicy: {dir: p, compat: opa-envoy}\n":                                                           "policy.compat: want entry ext_proc or ext_authz",
		"policy: {bundle: {url: 'https://b.example/w', key: k, header: 'Authorization: Bearer hunter2', poll: 1ms}}\n": "policy.bundle.poll: want at least 1s",
	} {
		_, err := Parse([]byte(minimal+given), "weir.yaml")
		got := ""
		if err != nil {
			got = err.Error()
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %q; want %q", given, got, want)
		}
	}
}
