package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// flags reads what rules have marked, in order of name and rule: a set has none of its own.
func flags(v any) ([]authz.Flag, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("want a list, got %T", v)
	}
	var out []authz.Flag
	for i, e := range list {
		f, err := flag(e)
		if err != nil {
			return nil, fmt.Errorf("[%d]%w", i, err)
		}
		out = authz.JoinFlags(out, []authz.Flag{f})
	}
	slices.SortFunc(out, func(a, b authz.Flag) int { return strings.Compare(a.Name+" "+a.Rule, b.Name+" "+b.Rule) })
	return out, nil
}

func flag(v any) (f authz.Flag, err error) {
	m, ok := v.(map[string]any)
	if !ok {
		return f, fmt.Errorf(": want an object, got %T", v)
	}
	for key, v := range m {
		switch key {
		case "name":
			if f.Name, err = text(v); err == nil && !authz.WellformedFlag(f.Name) {
				err = fmt.Errorf("%s: want 1 to 64 lower-case letters, digits and '_', a letter first", word(f.Name))
			}
		case "rule":
			f.Rule, err = text(v)
		case "reason":
			f.Reason, err = text(v)
		default:
			err = fmt.Errorf("unknown field")
		}
		if err != nil {
			return f, fmt.Errorf(".%s: %w", key, err)
		}
	}
	if f.Name == "" || f.Rule == "" || f.Reason == "" {
		return f, fmt.Errorf(": want name, rule and reason")
	}
	return f, nil
}

// judge decides about an input, and asks what the rules that are only observed would have made of it. Those mark it all the same: a flag
// changes nothing anyway.
func (l *loaded) judge(ctx context.Context, in *authz.Input) (authz.Decision, error) {
	d, err := l.decide(ctx, in)
	if err != nil || l.shadow == nil {
		return d, err
	}
	s, err := l.shadow.decide(ctx, in)
	if err == nil {
		d.Flags = authz.JoinFlags(d.Flags, s.Flags)
	}
	d.Would = would(&d, &s, err)
	return d, nil
}
