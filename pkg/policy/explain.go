package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/lineage"

	"github.com/weirgate/weir/pkg/authz"
)

// Explain evaluates an input given as JSON, as it stands in a decision record, and writes a readable trace to w: the rules that were
// tried, and where each failed. It decides what Eval decides.
func (e *Engine) Explain(ctx context.Context, inputJSON []byte, w io.Writer) (authz.Decision, error) {
	dec := json.NewDecoder(bytes.NewReader(inputJSON))
	dec.UseNumber()
	var doc map[string]any
	if err := dec.Decode(&doc); err != nil {
		return authz.Decision{}, fmt.Errorf("input: %w", err)
	}
	value, err := ast.InterfaceToValue(doc)
	if err != nil {
		return authz.Decision{}, fmt.Errorf("input: %w", err)
	}
	l := e.loaded.Load()
	if l.missing {
		return authz.Decision{}, undecided("policy_missing", errMissing)
	}
	now, err := l.clock(inputJSON)
	if err != nil {
		return authz.Decision{}, fmt.Errorf("input: %w", err)
	}
	tracer := topdown.NewBufferTracer()
	d, err := l.slowly().eval(ctx, value, now, rego.EvalQueryTracer(tracer))
	topdown.PrettyTraceWithLocation(w, lineage.Fails(*tracer))
	if err != nil || l.shadow == nil {
		return d, err
	}
	s, err := l.shadow.slowly().eval(ctx, value, now)
	if err == nil {
		d.Flags = authz.JoinFlags(d.Flags, s.Flags)
	}
	d.Would = would(&d, &s, err)
	return d, nil
}

// slowly is the policy with time to be traced: nobody waits for an answer.
func (l *loaded) slowly() *loaded {
	return &loaded{
		query: l.query, envoy: l.envoy, revision: l.revision, meters: l.meters, windows: l.windows, timeout: 10 * time.Second, memory: l.memory, random: l.random, rules: l.rules,
		sayings: l.sayings, entry: l.entry, groups: l.groups, named: l.named, keys: l.keys,
	}
}

// clock is the time that an input's request came at.
func (l *loaded) clock(inputJSON []byte) (time.Time, error) {
	if l.envoy != nil {
		var in struct {
			Attributes struct {
				Request struct {
					Time time.Time `json:"time"`
				} `json:"request"`
			} `json:"attributes"`
		}
		err := json.Unmarshal(inputJSON, &in)
		return in.Attributes.Request.Time, err
	}
	var in authz.Input
	err := json.Unmarshal(inputJSON, &in)
	return time.Unix(0, in.Time.UnixNS), err
}
