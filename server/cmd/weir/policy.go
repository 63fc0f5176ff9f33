package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
	"github.com/weirgate/weir/server"
	"github.com/weirgate/weir/server/internal/config"
)

const policyUsage = "(--config FILE (--decision ID | --input FILE) | [DIR] [--settings FILE] --input FILE) [--trace | --json]"

const policyAbout = `Asks the policy and prints its answer: the verdict, the rule and reason, and what an allow is tied to. The floors of a target and the state
of the limits are not in it. --decision takes the input out of the journal, and says whether the answer is still the one that was recorded. Without
a configuration it is the policy in DIR that is asked, or the shipped one.

  weir policy eval --config weir.yaml --decision weir-0-aib3y5n7wzdqx2rmcfk4tgsevu
  weir policy eval --config weir.yaml --input input.json --trace
  weir policy eval policy --input input.json

An input that is written by hand, in the form of rego/schemas/input.json; what is left out is not known to the policy:

  {"phase": "request", "subject": {"id": "alice", "groups": ["research"]}, "target": {"name": "embeddings", "kind": "inference"},
   "operation": {"class": "embed", "complete": true, "vectors": 3}}`

// policyCommand is "weir policy", whose words after it have a function each.
func policyCommand(ctx context.Context, args []string, out io.Writer) error {
	all := []command{
		{"eval", policyUsage, policyEval},
		{"test", policyTestUsage, policyTest},
		{"new", policyNewUsage, policyNew},
		{"bench", policyBenchUsage, policyBench},
		{"build", policyBuildUsage, policyBuild},
		{"schema", "", policySchema},
	}
	if len(args) > 0 {
		for _, c := range all {
			if c.name == args[0] {
				return c.run(ctx, args[1:], out)
			}
		}
	}
	usage, err := io.Writer(os.Stderr), errUsage
	if len(args) > 0 && asksForHelp(args[0]) {
		usage, err = out, nil
	} else if len(args) > 0 {
		fmt.Fprintf(usage, "weir policy: unknown command %q\n", args[0])
	}
	for i, c := range all {
		fmt.Fprintf(usage, "%s weir policy %s\n", [2]string{"usage:", "      "}[min(i, 1)], strings.TrimSpace(c.name+" "+c.what))
	}
	fmt.Fprintln(usage, "weir policy NAME -h explains each.")
	return err
}

// policyEval is "weir policy eval".
func policyEval(ctx context.Context, args []string, out io.Writer) error {
	fs := flags("policy eval", policyUsage, policyAbout)
	file := fs.String("config", "", configUsage)
	decision := fs.String("decision", "", "evaluate the recorded input of this decision `ID` again")
	settings := fs.String("settings", "", "without --config: lay this YAML `file` over the policy's settings, as policy.settings does")
	input := fs.String("input", "", "evaluate the input in this JSON `file`; - is standard input")
	asJSON := fs.Bool("json", false, "print one JSON object, and nothing else")
	trace := fs.Bool("trace", false, "print first how the policy came to it: the rules that were tried, and where each failed")
	if err := parse(fs, args); err != nil {
		return err
	}
	configured := *file != "" && (*decision == "") != (*input == "") && *settings == "" && fs.NArg() == 0
	alone := *file == "" && *decision == "" && *input != "" && fs.NArg() <= 1
	if err := exactly(fs, min(fs.NArg(), 1), (configured || alone) && !(*asJSON && *trace)); err != nil {
		return err
	}
	cfg := &config.Config{}
	asked, err := policyIn(fs.Arg(0), *settings)
	if configured {
		if cfg, err = config.Load(*file); err != nil {
			return configError(err)
		}
		asked, err = server.PolicyConfig(ctx, cfg, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		return err
	}
	e, err := evaluation(cfg, *decision, *input)
	if err != nil {
		return err
	}
	e.json, e.trace = *asJSON, *trace
	return e.run(ctx, asked, out)
}

// reevaluation is an input, and what was once decided about it.
type reevaluation struct {
	input       []byte
	recorded    *audit.Fields // nil for an input from a file
	json, trace bool
}

func evaluation(cfg *config.Config, decision, file string) (reevaluation, error) {
	if file == "" {
		return recorded(cfg.Audit.Dir, decision)
	}
	var b []byte
	var err error
	if file == "-" {
		b, err = io.ReadAll(os.Stdin)
	} else {
		b, err = os.ReadFile(file)
	}
	if err != nil {
		return reevaluation{}, err
	}
	if cfg.Policy.Compat == policy.CompatOPAEnvoy { // what is in it is Envoy's, and the policy's to know
		return reevaluation{input: b}, nil
	}
	if err := policy.CheckInput(file, b); err != nil {
		return reevaluation{}, fmt.Errorf("the input is not good:\n%w", err)
	}
	return reevaluation{input: b}, nil
}

// recorded finds the input that a decision was made by; where the answer was judged too, that is the later one.
func recorded(dir, decision string) (reevaluation, error) {
	entries, damage := audit.Find(dir, decision)
	if len(entries) == 0 {
		return reevaluation{}, errors.Join(fmt.Errorf("decision %s is not in the journal %s", decision, dir), damage)
	}
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i].Input == nil {
			continue
		}
		f, err := entries[i].Fields()
		return reevaluation{input: entries[i].Input, recorded: &f}, err
	}
	if f, err := entries[0].Fields(); err == nil && f.Replayable != nil {
		return reevaluation{}, fmt.Errorf("the input of %s is not recorded: the policy (policy.compat) may read a token or a body in it", decision)
	}
	return reevaluation{}, errors.Join(
		fmt.Errorf("the record of %s holds no input: policy was not asked (a bad token, an unknown target), or record: metadata left it out", decision), damage)
}

// result is what policy eval prints with --json.
type result struct {
	Decision authz.Decision `json:"decision"`
	Recorded *then          `json:"recorded,omitempty"`
	Same     *bool          `json:"same,omitempty"` // as recorded: effect, rule and mask
}

// then is what was recorded.
type then struct {
	Verdict  authz.Effect   `json:"verdict"`
	Rule     string         `json:"rule,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Mask     authz.MaskMode `json:"mask,omitempty"`
	Revision string         `json:"revision,omitempty"`
	Flags    []authz.Flag   `json:"flags,omitempty"`
	Limit    bool           `json:"refused_by_limit,omitempty"` // policy allowed it; a limit it returned was full
}

func (r reevaluation) run(ctx context.Context, p policy.Config, out io.Writer) error {
	engine, err := policy.New(ctx, p)
	if err != nil {
		return err
	}
	trace := io.Discard
	if r.trace {
		trace = out
	}
	d, err := engine.Explain(ctx, r.input, trace)
	if err != nil {
		var undecided *authz.Error
		if errors.As(err, &undecided) {
			return fmt.Errorf("no decision, so it would be refused: %w", err)
		}
		return err
	}
	if r.trace {
		fmt.Fprintln(out)
	}
	res := result{Decision: d, Recorded: r.then()}
	if res.Recorded != nil {
		same := d.Mask.Vectors == res.Recorded.Mask && (res.Recorded.Limit && d.Effect == authz.Allow || d.Effect == res.Recorded.Verdict && d.Rule == res.Recorded.Rule)
		res.Same = &same
	}
	if r.json {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(res)
	}
	return res.print(out)
}

func (r reevaluation) then() *then {
	if r.recorded == nil {
		return nil
	}
	f := r.recorded
	full := f.Verdict == authz.Deny && len(f.Exceeded) > 0 // a rule of the policy may refuse as quota too, and names itself
	return &then{f.Verdict, f.Rule, f.Reason, f.MaskVectors, f.Revision, f.Flagged(), full}
}

// print says the decision in plain words, and how it compares.
func (r result) print(out io.Writer) error {
	d := &r.Decision
	var t table
	t.row("verdict", d.Effect.String())
	t.row("rule", or(d.Rule, "none")+" (policy "+d.Revision+")")
	t.row("reason", d.Reason)
	t.row("instead", strings.Join(d.Alternatives, "; "))
	if d.Effect != authz.Deny {
		t.row("mask", maskText(d.Mask))
		for _, l := range d.Limits {
			t.row("limit", limitText(l))
		}
		t.row("approval", approvalText(d.Approval))
		t.row("record", string(d.Record.Stricter(authz.RecordOff)))
	}
	for _, f := range d.Flags {
		t.row("flag", flagText(f))
	}
	text := t.String()
	if r.Recorded != nil {
		text += fmt.Sprintf("recorded: %s by %s (policy %s)\n%s\n", r.Recorded.Verdict, or(r.Recorded.Rule, "no rule"), r.Recorded.Revision, r.compared())
	}
	_, err := fmt.Fprint(out, text)
	return err
}

// compared says whether the decision is as recorded, and otherwise why it may differ.
func (r result) compared() string {
	switch {
	case *r.Same && r.Recorded.Limit:
		return "the same as recorded: policy allows it, and a limit that it returned was full then"
	case *r.Same:
		return "the same as recorded"
	case r.Recorded.Revision != r.Decision.Revision:
		return fmt.Sprintf("NOT the same as recorded: the policy is another one now (%s)", r.Decision.Revision)
	}
	return "NOT the same as recorded, though the policy is: floors of the target, or an answer judged later, have tightened it"
}

// approvalText says who must agree to what.
func approvalText(a *authz.Approval) string {
	if a == nil {
		return ""
	}
	s := fmt.Sprintf("%d of %s", a.Votes, strings.Join(a.Reviewers, ", "))
	for _, u := range authz.Units() {
		if n, ok := a.Budget[u]; ok {
			s += fmt.Sprintf(", for %d %s", n, u)
		}
	}
	if a.TTL != "" {
		s += ", within " + a.TTL
	}
	if a.Justification != "" {
		s += ", with a justification that matches " + a.Justification
	}
	return s
}
