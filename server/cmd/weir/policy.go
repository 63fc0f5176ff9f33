package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
	"github.com/weirgate/weir/server"
	"github.com/weirgate/weir/server/internal/config"
)

const policyUsage = "--config FILE (--decision ID | --input FILE) [--json]"

// policyCommand is "weir policy eval".
func policyCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 && asksForHelp(args[0]) {
		fmt.Fprintln(out, "usage: weir policy eval "+policyUsage)
		return nil
	}
	if len(args) == 0 || args[0] != "eval" {
		fmt.Fprintln(os.Stderr, "usage: weir policy eval "+policyUsage)
		return errUsage
	}
	fs := flags("policy eval", policyUsage)
	file := fs.String("config", "", configUsage)
	decision := fs.String("decision", "", "evaluate the recorded input of this decision `ID` again")
	input := fs.String("input", "", "evaluate the input in this JSON `file`; - is standard input")
	asJSON := fs.Bool("json", false, "print one JSON object, without the trace")
	if err := parse(fs, args[1:]); err != nil {
		return err
	}
	if err := only(fs, *file != "" && (*decision == "") != (*input == "")); err != nil {
		return err
	}
	cfg, err := config.Load(*file)
	if err != nil {
		return configError(err)
	}
	e, err := evaluation(cfg, *decision, *input)
	if err != nil {
		return err
	}
	return e.run(ctx, cfg, out, *asJSON)
}

// reevaluation is an input, and what was once decided about it.
type reevaluation struct {
	input    []byte
	recorded *audit.Fields // nil for an input from a file
}

func evaluation(cfg *config.Config, decision, file string) (reevaluation, error) {
	switch file {
	case "":
		return recorded(cfg.Audit.Dir, decision)
	case "-":
		b, err := io.ReadAll(os.Stdin)
		return reevaluation{input: b}, err
	}
	b, err := os.ReadFile(file)
	return reevaluation{input: b}, err
}

// recorded finds the input that a decision was made by; where the answer was judged too, that is the later one.
func recorded(dir, decision string) (reevaluation, error) {
	entries, err := audit.Find(dir, decision)
	if err != nil {
		return reevaluation{}, err
	}
	if len(entries) == 0 {
		return reevaluation{}, fmt.Errorf("decision %s is not in the journal %s", decision, dir)
	}
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i].Input == nil {
			continue
		}
		f, err := entries[i].Fields()
		return reevaluation{entries[i].Input, &f}, err
	}
	return reevaluation{}, fmt.Errorf("the record of %s holds no input: policy was not asked (a bad token, an unknown target), or record: metadata left it out", decision)
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
	Limit    bool           `json:"refused_by_limit,omitempty"` // policy allowed it; a limit it returned was full
}

func (r reevaluation) run(ctx context.Context, cfg *config.Config, out io.Writer, asJSON bool) error {
	p, err := server.PolicyConfig(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	engine, err := policy.New(ctx, p)
	if err != nil {
		return err
	}
	trace := out
	if asJSON {
		trace = io.Discard
	}
	d, err := engine.Explain(ctx, r.input, trace)
	if err != nil {
		var undecided *authz.Error
		if errors.As(err, &undecided) {
			return fmt.Errorf("no decision, so it would be refused: %w", err)
		}
		return err
	}
	res := result{Decision: d, Recorded: r.then()}
	if res.Recorded != nil {
		same := d.Mask.Vectors == res.Recorded.Mask && (res.Recorded.Limit && d.Effect == authz.Allow || d.Effect == res.Recorded.Verdict && d.Rule == res.Recorded.Rule)
		res.Same = &same
	}
	if asJSON {
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
	return &then{f.Verdict, f.Rule, f.Reason, f.MaskVectors, f.Revision, full}
}

func (r result) print(out io.Writer) error {
	b, err := json.MarshalIndent(r.Decision, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\ndecision: %s\n", b)
	if r.Recorded == nil {
		return nil
	}
	fmt.Fprintf(out, "recorded: %s by %s (policy %s)\n", r.Recorded.Verdict, or(r.Recorded.Rule, "no rule"), r.Recorded.Revision)
	switch {
	case *r.Same && r.Recorded.Limit:
		fmt.Fprintln(out, "the same as recorded: policy allows it, and a limit that it returned was full then")
	case *r.Same:
		fmt.Fprintln(out, "the same as recorded")
	case r.Recorded.Revision != r.Decision.Revision:
		fmt.Fprintf(out, "NOT the same as recorded: the policy is another one now (%s)\n", r.Decision.Revision)
	default:
		fmt.Fprintln(out, "NOT the same as recorded, though the policy is: floors of the target, or an answer judged later, have tightened it")
	}
	return nil
}
