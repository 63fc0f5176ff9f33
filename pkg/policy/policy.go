// Package policy evaluates Rego: an authz.Input goes in, an authz.Decision comes out.
//
// It owns loading, compiling, swapping and evaluating policies, and the strict reading of their results. It trusts nothing a policy says
// until it has been read as a Decision: an unknown field, meter, unit, window or mask is an error, and every error refuses. A policy gets
// time and randomness from its input only, and neither network nor environment, so that a recorded input decides the same for ever. It is
// the only importer of OPA.
package policy

import (
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/weirgate/weir/pkg/authz"
)

// Config says which policy to evaluate. The zero value is the shipped one with its own numbers.
type Config struct {
	FS         fs.FS          // .rego files, and their settings.yaml; nil: the shipped policy
	Settings   []byte         // YAML laid over the policy's settings.yaml, at data.weir.settings; without such a file taken as it is
	Revision   string         // what whoever made the policy calls it, such as a bundle's revision; stands before ours
	Name       string         // what Settings are called in errors; default settings.yaml
	Entrypoint string         // default weir/authz/decision; with Compat envoy/authz/allow
	Compat     string         // CompatOPAEnvoy: a policy that was written for opa-envoy-plugin; default "": one of Weir's
	Lenient    bool           // with Compat: a built-in that fails makes its rule undefined, as there; default: it refuses the request
	Timeout    time.Duration  // of one evaluation; default 250 ms, many times what one takes, for machines that are busy
	Memory     int64          // by how many bytes the process may grow during one evaluation; default 512 MiB
	MaskKeys   bool           // the installation has mask keys: data.weir.installation.mask_keys
	Meters     authz.Meters   // that limits may name beyond those that there are always
	Windows    []authz.Window // that limits may name where their meter keeps no others (counters.windows); nil: any
	Observe    []string       // rules (weir.rules.<name>) that are not enforced: a decision says what they would have made of it (Would)
	RunTests   bool           // run the policy's own tests before it is taken
	Log        *slog.Logger   // default slog.Default()
}

const (
	defaultEntrypoint = "weir/authz/decision"
	defaultTimeout    = 250 * time.Millisecond
)

// Engine evaluates the policy that was loaded last without error. It is safe for concurrent use.
type Engine struct {
	log    *slog.Logger
	key    [32]byte               // of hashes of inputs that may not be recorded
	loaded atomic.Pointer[loaded] // immutable; swapped as a whole
}

// loaded is one compiled policy with its data. Immutable.
type loaded struct {
	query    rego.PreparedEvalQuery
	keys     *keys
	reads    authz.Reads
	envoy    *envoyReads // nil but for policies of opa-envoy-plugin
	shadow   *loaded     // the policy with the rules that are only observed; nil where there are none
	cache    *cache      // nil where decisions cannot be kept
	fresh    *fresh      // the rules that are asked every time; nil where there are none, or none can be kept apart
	volatile []string    // what the policy reads that is different every time
	missing  bool        // there is no policy yet
	revision string
	timeout  time.Duration
	warnings []string
	random   bool // some rule draws random numbers or uuids
	memory   int64
	rules    ruleIndex
	looking  atomic.Bool // somebody finds out where an evaluation was
	sayings  func() (*sayings, error)
	entry    []*ast.Rule // the entrypoint
	groups   []string    // that its settings name, most of them in lists
	named    []string    // the settings' keys, which may be groups too
	meters   authz.Meters
	windows  []authz.Window // nil: not known
}

// Await returns an engine that has no policy yet: it refuses every request with policy_missing until Reload has taken one. compat is as in
// Config.
func Await(log *slog.Logger, compat string) (*Engine, error) {
	e := &Engine{log: log}
	if _, err := crand.Read(e.key[:]); err != nil {
		return nil, err
	}
	l := &loaded{revision: "none", missing: true}
	if compat != "" {
		l.reads.Envoy = true
	}
	e.loaded.Store(l)
	return e, nil
}

// Missing reports whether there is no policy yet.
func (e *Engine) Missing() bool { return e.loaded.Load().missing }

// New compiles the policy and returns an engine for it. Errors name file and line.
func New(ctx context.Context, cfg Config) (*Engine, error) {
	e := &Engine{log: cfg.Log}
	if _, err := crand.Read(e.key[:]); err != nil {
		return nil, err
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	return e, e.Reload(ctx, cfg)
}

// Reload compiles a policy aside and swaps it in. On an error the policy that was there stays.
func (e *Engine) Reload(ctx context.Context, cfg Config) error {
	l, err := compileObserved(ctx, cfg)
	if err != nil {
		return err
	}
	if e.loaded.Swap(l) == nil {
		e.log.Info("policy loaded", "revision", l.revision)
	}
	return nil
}

// Check compiles the policy and forgets it: what "weir check" does.
func Check(ctx context.Context, cfg Config) error {
	cfg.RunTests = true
	_, err := compileObserved(ctx, cfg)
	return err
}

// Revision names the policy and its numbers: it changes when either does.
func (e *Engine) Revision() string { return e.loaded.Load().revision }

// Warnings are what the policy says of its own settings that is permitted and should be meant: its sets data.weir.rules.<name>.warning.
func (e *Engine) Warnings() []string { return e.loaded.Load().warnings }

// Volatile lists what the policy reads that is different every time, so that each request is evaluated, or the rules of Fresh; empty where
// decisions are kept and repeated.
func (e *Engine) Volatile() []string { return e.loaded.Load().volatile }

// Fresh lists the rules, as weir.rules.<name>.<part>, that are asked every time, because they alone read what is different every time: the
// decision is kept and repeated where they say what they said.
func (e *Engine) Fresh() []string { return e.loaded.Load().freshRules() }

func (l *loaded) freshRules() []string {
	if l.fresh == nil {
		return nil
	}
	return l.fresh.rules
}

// Reads tells which parts of the input the policy can reach.
func (e *Engine) Reads() authz.Reads { return e.loaded.Load().reads }

// Eval asks the policy, or repeats what it said about an input that differs in nothing that it can reach. A policy that says nothing denies. An error is an *authz.Error of KindUnavailable and means that there is no
// decision: policy_timeout, policy_error (a built-in failed, rules conflict) or policy_result (the result is no decision).
func (e *Engine) Eval(ctx context.Context, in *authz.Input) (authz.Decision, error) {
	l := e.loaded.Load()
	if l.missing {
		return authz.Decision{}, undecided("policy_missing", errMissing)
	}
	if l.envoy != nil {
		return e.evalEnvoy(ctx, l, in)
	}
	return l.judge(ctx, in)
}

// evalEnvoy asks a policy of opa-envoy-plugin.
func (e *Engine) evalEnvoy(ctx context.Context, l *loaded, in *authz.Input) (authz.Decision, error) {
	if in.Envoy == nil {
		return authz.Decision{}, undecided("policy_error", errors.New("policy.compat: nothing is known of what Envoy said"))
	}
	if d := l.envoy.refusedBody(in.Envoy); d != nil {
		d.Revision = l.revision
		return *d, nil
	}
	doc, err := l.envoy.document(in.Envoy)
	if err != nil {
		return authz.Decision{Kind: authz.KindBadRequest, Rule: "weir.request_unreadable", Reason: err.Error(), Revision: l.revision}, nil
	}
	if err := l.envoy.remember(in.Envoy, doc, e.key[:]); err != nil {
		return authz.Decision{}, undecided("policy_error", err)
	}
	value, err := ast.InterfaceToValue(doc)
	if err != nil {
		return authz.Decision{}, undecided("policy_error", err)
	}
	return l.eval(ctx, value, time.Unix(0, in.Time.UnixNS))
}

func (l *loaded) eval(ctx context.Context, input ast.Value, now time.Time, opts ...rego.EvalOption) (authz.Decision, error) {
	opts = append(opts, rego.EvalParsedInput(input), rego.EvalTime(now))
	if l.random {
		opts = append(opts, rego.EvalSeed(rand.NewChaCha8(sha256.Sum256([]byte(input.String())))))
	}
	rs, label, err := l.run(ctx, l.query, l.timeout, opts)
	if err != nil {
		refused := undecided(label, quiet(err))
		refused.Fault = l.fault(ctx, label, err, opts)
		return authz.Decision{}, refused
	}
	if len(rs) == 0 || len(rs[0].Expressions) == 0 {
		return authz.Decision{Effect: authz.Deny, Rule: "undefined", Reason: "the policy says nothing about this request", Revision: l.revision}, nil
	}
	read := decode
	if l.envoy != nil {
		read = decodeEnvoy
	}
	d, err := read(rs[0].Expressions[0].Value)
	if err == nil {
		err = l.countable(d.Limits)
	}
	if err != nil {
		refused := undecided("policy_result", err)
		refused.Fault = l.sayer(ctx, opts)
		return authz.Decision{}, refused
	}
	d.Revision = l.revision
	return d, nil
}

// quiet takes out of an error what a built-in says after its name, and the values that rules conflict by: they may quote what they were given,
// which is the requester's and does not belong in a log. The rest names file and line; weir policy eval shows how it came to that, from the
// journal.
func quiet(err error) error {
	var e *topdown.Error
	if !errors.As(err, &e) {
		return err
	}
	message, _, _ := strings.Cut(e.Message, "\n")
	switch e.Code {
	case topdown.BuiltinErr:
		message, _, _ = strings.Cut(message, ":")
	case topdown.ConflictErr:
		message = strings.TrimSuffix(message, ":")
	}
	return &topdown.Error{Code: e.Code, Message: message, Location: e.Location}
}

func undecided(label string, err error) *authz.Error {
	return &authz.Error{Kind: authz.KindUnavailable, Label: label, Public: "Weir could not decide about this request", Err: err}
}

// revisionOf hashes what a policy is made of, and puts what its maker calls it before that, as far as that is a name.
func revisionOf(name, entrypoint string, files map[string]string, settings []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s ", len(entrypoint), entrypoint)
	for _, name := range sorted(files) {
		fmt.Fprintf(h, "%d %s %d ", len(name), name, len(files[name]))
		h.Write([]byte(files[name]))
	}
	h.Write(settings)
	hash := hex.EncodeToString(h.Sum(nil)[:6])
	name = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || r == '@' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, name)
	if name == "" {
		return hash
	}
	return name[:min(len(name), maxRevision)] + "@" + hash
}

// maxRevision bounds what a bundle calls itself, in bytes: it is in every record and a label of a metric.
const maxRevision = 64

// drawsRandom reports whether a policy uses random built-ins, which need a seed.
func drawsRandom(files map[string]string) bool {
	for _, src := range files {
		if strings.Contains(src, "rand.") || strings.Contains(src, "uuid.") {
			return true
		}
	}
	return false
}

// errMissing is the cause of refusals before there is a policy.
var errMissing = errors.New("no policy has been taken yet")

// errNoPolicy is the error of a directory without .rego files.
var errNoPolicy = errors.New("no .rego files")
