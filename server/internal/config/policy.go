package config

import (
	"net/url"
	"time"
)

// Policy is what decides: the shipped policy unless Dir or Bundle says otherwise. Policy and settings are read again on SIGHUP and when they
// change; what does not compile leaves the last good one in force.
type Policy struct {
	// Dir is a directory of .rego files that replaces the shipped policy. Default: the shipped policy.
	Dir string `yaml:"dir"`
	// Bundle is an OPA bundle that replaces the shipped policy, instead of Dir. Default: none.
	Bundle Bundle `yaml:"bundle"`
	// Settings is a YAML file of the policy's numbers and groups, laid over the policy's own. Default: the policy's own.
	Settings string `yaml:"settings"`
	// Compat is opa-envoy for a policy that was written for opa-envoy-plugin: it is asked about what that asks about, and may answer as it
	// answers that (see rego/README.md). It needs Dir or Bundle, and entry ext_proc or ext_authz. weir: it is one for Weir. Default weir.
	Compat string `yaml:"compat" default:"weir" oneof:"weir opa-envoy"`
	// BuiltinErrors is what becomes of a policy of Compat in which a built-in fails. refuse: the request is refused with 503. undefined: the
	// rule that it is in is undefined, as in opa-envoy-plugin, and a denial that depends on it is not said. Default refuse.
	BuiltinErrors string `yaml:"builtin_errors" default:"refuse" oneof:"refuse undefined"`
	// Identity is who asks for tokens. token: Weir does, by issuers and targets. policy: a policy of Compat does, and Weir looks at none and
	// strips none; nobody is known then, and limits of persons and credentials refuse. Default token.
	Identity string `yaml:"identity" default:"token" oneof:"token policy"`
	// Observe names rules (packages weir.rules.<name>) that are not enforced: records say what they would have made of a decision, and when a
	// limit of theirs, which is counted with the others, would have been reached. Default: none.
	Observe []string `yaml:"observe"`
	// Entrypoint is the rule that decides. Default: weir/authz/decision, and with Compat envoy/authz/allow.
	Entrypoint string `yaml:"entrypoint"`
	// Timeout bounds one evaluation; beyond it the request is refused. 1ms to 10s. Default 250ms.
	Timeout time.Duration `yaml:"timeout" default:"250ms" min:"1ms" max:"10s"`
	// Memory bounds what one evaluation may allocate; beyond it the request is refused. It is told from how the process grows meanwhile, so
	// it is to be well above what the process needs otherwise. 1MiB to 1TiB. Default 512MiB.
	Memory Size `yaml:"memory" default:"512MiB" min:"1MiB" max:"1TiB"`
	// TestOnReload runs the policy's own tests before a policy is taken. Default false.
	TestOnReload bool `yaml:"test_on_reload"`
}

// Bundle is an OPA bundle: a .tar.gz of .rego files, data and a manifest, whose revision is the policy's.
type Bundle struct {
	// URL is where it is fetched: https://, or http:// on loopback. Without a bundle, requests are refused until one is there.
	URL string `yaml:"url"`
	// File is where it lies instead. It is looked at again every few seconds.
	File string `yaml:"file"`
	// Header is an HTTP header to fetch it with, such as "Authorization: Bearer …". Default: none.
	Header Secret `yaml:"header"`
	// Key is the file of the key that it must be signed with: a public key in PEM, or the secret of HS256. Required, unless unsigned.
	Key string `yaml:"key"`
	// Algorithm is the signature's: RS256, RS384, RS512, ES256, ES384, ES512, PS256, PS384, PS512 or HS256. Default RS256.
	Algorithm string `yaml:"algorithm" default:"RS256" oneof:"RS256 RS384 RS512 ES256 ES384 ES512 PS256 PS384 PS512 HS256"`
	// Scope is the scope that the signature must have. Default: none.
	Scope string `yaml:"scope"`
	// Unsigned takes a bundle without a signature: whoever can put a file there decides then. Default false.
	Unsigned bool `yaml:"unsigned"`
	// Poll is how often a URL is asked for another one (If-None-Match), give or take a tenth. 1s to 24h. Default 60s.
	Poll time.Duration `yaml:"poll" default:"60s" min:"1s" max:"24h"`
	// Keep is a file in which the last good one is kept, for a start while the URL does not answer. Its signature is checked again. Default:
	// none.
	Keep string `yaml:"keep"`
	// Serial says what a bundle's serial is for: the whole number weir_serial in the metadata of its manifest, which its maker counts up
	// (weir policy build --serial). auto: once one that has a serial was taken, only one with a greater serial is, or the same again, so that
	// nobody can bring back an old bundle, whose signature is good. required: none without a serial is taken to begin with. ignore: it is not
	// looked at. Default auto.
	Serial string `yaml:"serial" default:"auto" oneof:"auto required ignore"`
	// SerialFile is a file in which this process, and no other, keeps which serial was taken last, over restarts. To go back on purpose, move
	// it and the file of keep away. Default: policy-serial.json in audit.dir.
	SerialFile string `yaml:"serial_file"`
	// MaxBytes bounds it, compressed and each file unpacked. 1KiB to 1GiB. Default 64MiB.
	MaxBytes Size `yaml:"max_bytes" default:"64MiB" min:"1KiB" max:"1GiB"`
}

// Set reports whether there is to be one.
func (b *Bundle) Set() bool { return b.URL != "" || b.File != "" }

func (c *Config) checkPolicy(r *report) {
	p, b := &c.Policy, &c.Policy.Bundle
	if p.Dir != "" && b.Set() {
		r.add("policy.bundle", "is there beside dir")
	}
	if b.URL != "" && b.File != "" {
		r.add("policy.bundle.file", "is there beside url")
	}
	if !b.Set() && (b.Header != "" || b.Key != "" || b.Scope != "" || b.Unsigned || b.Keep != "" || b.Serial == "required" || b.SerialFile != "") {
		r.add("policy.bundle", "has neither url nor file")
	}
	if b.Set() && (b.Key == "") != b.Unsigned {
		r.add("policy.bundle.key", "want a key, or unsigned: true, and not both: whoever can put another bundle there would decide")
	}
	if b.URL != "" {
		if u, err := url.Parse(b.URL); err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopbackHost(u.Hostname())) {
			r.add("policy.bundle.url", "want https://, or http:// on loopback")
		}
	}
	if p.Compat == "weir" {
		if p.BuiltinErrors != "refuse" || p.Identity != "token" {
			r.add("policy.compat", "builtin_errors and identity are for policies of opa-envoy-plugin")
		}
		return
	}
	if p.Dir == "" && !b.Set() {
		r.add("policy.compat", "want dir or bundle: the shipped policy is one for Weir")
	}
	if c.Entry == "both" {
		r.add("policy.compat", "want entry ext_proc or ext_authz: with both, the token is gone where the body is read")
	}
}
