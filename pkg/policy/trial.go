package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/weirgate/weir/pkg/authz"
)

// Trial asks every rule, those that are only observed too, about made-up requests: those of Bench, and one of a person and one of an agent for
// each class of operation on each kind of target, with an answer of each kind. problems are what no decision may hold, and would be refused
// with 503, each with its file, line and rule; warnings what cannot be evaluated, which may be because the requests are made up. It finds
// what a rule says about these requests and no others. Of a policy of opa-envoy-plugin nothing is asked.
func (e *Engine) Trial(ctx context.Context) (problems, warnings []string, err error) {
	l := e.loaded.Load()
	if l.shadow != nil {
		l = l.shadow
	}
	if l.missing || l.envoy != nil {
		return nil, nil, nil
	}
	return l.slowly().try(ctx)
}

func (l *loaded) try(ctx context.Context) (problems, warnings []string, err error) {
	s, err := l.sayings()
	if err != nil {
		return nil, nil, err
	}
	add := func(to *[]string, what string) {
		if !slices.Contains(*to, what) {
			*to = append(*to, what)
		}
	}
	for _, in := range slices.Concat(sample(50, slices.Clone(l.groups)), everyKind(slices.Concat(l.groups, l.named))) {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		input, now := l.keys.input(in), time.Unix(0, in.Time.UnixNS)
		found := s.strange(ctx, l, []rego.EvalOption{rego.EvalParsedInput(input), rego.EvalTime(now)})
		for _, one := range found {
			if one.failed {
				add(&warnings, fmt.Sprintf("%s (for a made-up request)", one))
			} else {
				add(&problems, one.String())
			}
		}
		if len(found) > 0 {
			continue
		}
		if _, err := l.eval(ctx, input, now); err != nil && authz.AsError(err).Label == "policy_result" {
			add(&problems, fmt.Sprintf("%s: %v", authz.AsError(err).Fault, authz.AsError(err).Err))
		}
	}
	return problems, warnings, nil
}

// keysIn lists the keys in a policy's settings: some are names of groups.
func keysIn(settings map[string]any) []string {
	found := map[string]bool{}
	var walk func(m map[string]any)
	walk = func(m map[string]any) {
		for key, v := range m {
			found[key] = true
			if below, ok := v.(map[string]any); ok {
				walk(below)
			}
		}
	}
	walk(settings)
	return slices.Sorted(maps.Keys(found))
}

// everyKind makes up requests of a person and of an agent, of each class on each kind of target, and answers to them.
func everyKind(groups []string) []*authz.Input {
	kinds := []authz.TargetKind{authz.KindInference, authz.KindVectorDB, authz.KindCorpus, authz.KindWeights, authz.KindRegistry, authz.KindConfig}
	classes := []authz.Class{
		authz.ClassUnknown, authz.ClassEmbed, authz.ClassSearch, authz.ClassRead, authz.ClassExport, authz.ClassList, authz.ClassWrite, authz.ClassAdmin,
	}
	var out []*authz.Input
	for _, who := range []authz.SubjectKind{authz.Human, authz.Agent} {
		for _, kind := range kinds {
			for i, class := range classes {
				in := *sample(1, nil)[0]
				in.Subject.Kind, in.Subject.Groups, in.Target.Kind, in.Operation.Class = who, groups, kind, class
				if who == authz.Agent {
					in.Subject.Actors = []authz.Actor{{Issuer: "https://issuer.example", ID: "agent-1"}}
				}
				if i%2 == 1 {
					in.Operation.Vectors, in.Operation.Documents = authz.Unbounded, authz.Unbounded
				}
				out = append(out, &in)
				after := in
				after.Phase, after.Response = authz.PhaseResponse, &authz.Response{Status: []int{200, 206, 404}[i%3], ContentType: "application/json", ContentLength: 1000}
				out = append(out, &after)
			}
		}
	}
	return out
}
