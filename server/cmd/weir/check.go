package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/policy"
	"github.com/weirgate/weir/server"
	"github.com/weirgate/weir/server/internal/config"
)

// verdict is what check found.
type verdict struct {
	OK       bool      `json:"ok"`
	File     string    `json:"file"`
	Problems []problem `json:"problems"`           // what keeps serve from starting
	Warnings []string  `json:"warnings,omitempty"` // what is permitted, and should be meant
	Issuers  int       `json:"issuers"`
	Targets  int       `json:"targets"`
	Policy   string    `json:"policy,omitempty"` // its revision
}

type problem struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Key  string `json:"key,omitempty"`
	Text string `json:"text"`
}

// String is how compilers write it, so that editors find the place.
func (p problem) String() string {
	return config.Problem{File: p.File, Line: p.Line, Key: p.Key, Text: p.Text}.String()
}

// check validates the configuration and everything it names, without serving.
func check(ctx context.Context, args []string, out io.Writer) error {
	fs := flags("check", "--config FILE [--json]", "")
	file := fs.String("config", "", configUsage)
	asJSON := fs.Bool("json", false, "print one JSON object")
	if err := parse(fs, args); err != nil {
		return err
	}
	if err := only(fs, *file != ""); err != nil {
		return err
	}
	v := examine(ctx, *file)
	if err := v.print(out, *asJSON); err != nil {
		return err
	}
	if !v.OK {
		return errReported
	}
	return nil
}

func examine(ctx context.Context, file string) verdict {
	v := verdict{File: file, Problems: []problem{}}
	cfg, err := config.Load(file)
	if err != nil {
		v.Problems = append(v.Problems, problemsOf(err)...)
		return v
	}
	v.Issuers, v.Targets, v.Warnings = len(cfg.Issuers), len(cfg.Targets), warnings(cfg)
	keys, unset := cfg.Keys()
	for _, p := range keys {
		v.Problems = append(v.Problems, problem(p))
	}
	v.Warnings = append(v.Warnings, unset...)
	quiet := slog.New(slog.DiscardHandler)
	p, err := server.PolicyConfig(ctx, cfg, quiet)
	if err == nil {
		p.RunTests = true
		var e *policy.Engine
		if e, err = policy.New(ctx, p); err == nil {
			v.Policy = e.Revision()
			for _, name := range cfg.Policy.Observe { // which are there, or the policy had not been taken
				v.Warnings = append(v.Warnings, fmt.Sprintf("policy.observe: rule %s is not enforced", name))
			}
			v.Warnings = append(v.Warnings, e.Warnings()...)
			err = v.try(ctx, e)
			if cfg.Registry.Enabled() && !e.Reads().Registered {
				v.Warnings = append(v.Warnings, "registry: no rule of the policy reads operation.registered: what is retired is not refused, and what is sensitive neither")
			}
		}
	}
	if err != nil {
		v.Problems = append(v.Problems, problem(cfg.Blame(err)))
		return v
	}
	v.OK = len(v.Problems) == 0
	return v
}

// try asks the policy about made-up requests: what would be refused with 503 whenever it is said, tests need not find.
func (v *verdict) try(ctx context.Context, e *policy.Engine) error {
	problems, doubts, err := e.Trial(ctx)
	for _, p := range problems {
		v.Problems = append(v.Problems, problem{Text: p})
	}
	v.Warnings = append(v.Warnings, doubts...)
	return err
}

func problemsOf(err error) []problem {
	var ps config.Problems
	if !errors.As(err, &ps) {
		return []problem{{Text: err.Error()}}
	}
	out := make([]problem, len(ps))
	for i, p := range ps {
		out[i] = problem(p)
	}
	return out
}

// certificatesOnTrust reports whether some target takes certificates for identities that nobody would have verified.
func certificatesOnTrust(c *config.Config) bool {
	if c.Entry == "ext_proc" || c.Token.ForwardedCertificate || c.Token.CertificateAuthorities != "" {
		return false
	}
	taken := func(carriers []string) bool { return slices.Contains(carriers, "certificate") }
	return taken(c.Token.Carriers) || slices.ContainsFunc(c.Targets, func(t config.Target) bool { return taken(t.Identity.Carriers) })
}

// warnings tells what is permitted but weakens Weir.
func warnings(c *config.Config) []string {
	var out []string
	warn := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if c.Listen.InsecureListener {
		warn("listen.insecure_listener: whoever reaches the listeners can act as Envoy")
	}
	if c.Mode == "observe" {
		warn("mode: observe refuses and masks nothing, at no target")
	}
	if c.Default == "observe" {
		warn("default: observe lets through whatever no target covers")
	}
	if c.Entry == "ext_authz" {
		warn("entry: ext_authz sees no answers: whatever would have to be masked, counted or judged there is refused")
	}
	if certificatesOnTrust(c) {
		warn("entry: %s: Envoy does not say there whether it has verified a certificate: without token.certificate_authorities it is nobody's", c.Entry)
	}
	switch taken := c.TakesCapabilities(); {
	case c.Capabilities.Current != "" && len(taken) == 0:
		warn("capabilities: no target takes any: that needs identity.carriers with url:NAME, and hosts for redirects to lead to it")
	case len(taken) > 0 && c.Entry == "ext_authz":
		warn("entry: ext_authz sees no answers: redirects carry no capability")
	case len(taken) > 0 && c.Capabilities.RedirectLifetime > c.Capabilities.MaxLifetime:
		warn("capabilities.redirect_lifetime: %s, but max_lifetime: %s ends them before", c.Capabilities.RedirectLifetime, c.Capabilities.MaxLifetime)
	}
	if c.Registry.Webhook.SecretFile != "" && len(c.Registry.Reviewers) == 0 {
		warn("registry.webhook: without registry.reviewers nobody confirms what it proposes")
	}
	if c.Policy.Identity == "policy" {
		warn("policy.identity: policy: Weir asks nobody for a token, and knows nobody; limits of persons refuse")
	}
	if c.Policy.BuiltinErrors == "undefined" {
		warn("policy.builtin_errors: undefined: a denial whose built-in fails is not said")
	}
	if c.Policy.Bundle.Unsigned {
		warn("policy.bundle.unsigned: whoever can put another bundle there decides")
	}
	warnCarriers(c, warn)
	for i := range c.Targets {
		warnTarget(&c.Targets[i], c.Policy.Compat == policy.CompatOPAEnvoy, warn)
		if t := &c.Targets[i]; t.Mode == "observe" && slices.Contains(c.TakesCapabilities(), t.Name) {
			warn("target %s: a redirect to what is only observed carries no capability, and counts as the release of the object", t.Name)
		}
	}
	return out
}

// warnTarget is warnings, of one target. foreign: the policy does not ask for what a dialect says.
func warnTarget(t *config.Target, foreign bool, warn func(string, ...any)) {
	if len(t.Hosts) == 0 && len(t.Paths) == 0 {
		warn("target %s: neither hosts nor paths: only an Envoy route that names it leads to it (envoy/README.md)", t.Name)
	}
	if t.Mode == "observe" {
		warn("target %s: mode: observe refuses and masks nothing", t.Name)
	}
	if t.Floors.Mask.Obfuscates() {
		warn("target %s: floors.mask: %s: %s", t.Name, t.Floors.Mask, config.NoProtection)
	}
	if t.Upgrades {
		warn("target %s: upgrades: what passes through an upgraded connection is not seen", t.Name)
	}
	serves := func(name string) bool {
		d, _ := dialect.ByName(name)
		return dialect.Serves(d, t.Kind)
	}
	if !foreign && !serves(t.Dialect) {
		fit := slices.DeleteFunc(dialect.Names(), func(name string) bool { return !serves(name) || name == "http" })
		warn("target %s: kind: %s: dialect %s is no API of such targets: their requests are unknown to it, and nothing of theirs is recognised; "+
			"dialects for %s: %s", t.Name, t.Kind, t.Dialect, t.Kind, strings.Join(fit, ", "))
	}
}

func (v verdict) print(out io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	for _, p := range v.Problems {
		fmt.Fprintln(out, p)
	}
	for _, w := range v.Warnings {
		fmt.Fprintf(out, "%s: warning: %s\n", v.File, w)
	}
	if v.OK {
		fmt.Fprintf(out, "%s: ok (%d issuers, %d targets, policy %s)\n", v.File, v.Issuers, v.Targets, v.Policy)
	}
	return nil
}
