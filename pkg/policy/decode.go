package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// decode reads a result strictly. A bare boolean is accepted: what it does not say of masks is then redacted.
func decode(v any) (authz.Decision, error) {
	var d authz.Decision
	if b, ok := v.(bool); ok {
		if b {
			d.Effect = authz.Allow
		}
		return d, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return d, fmt.Errorf("the result is a %T, want an object or a boolean", v)
	}
	var err error
	for key, v := range m {
		switch key {
		case "effect":
			var s string
			if s, err = text(v); err == nil {
				err = d.Effect.UnmarshalText([]byte(s))
			}
		case "rule":
			d.Rule, err = text(v)
		case "reason":
			d.Reason, err = text(v)
		case "alternatives":
			d.Alternatives, err = texts(v)
		case "limits":
			d.Limits, err = limits(v)
		case "mask":
			d.Mask, err = mask(v)
		case "approval":
			d.Approval, err = approval(v)
		case "record":
			var s string
			s, err = text(v)
			if d.Record = authz.RecordMode(s); err == nil && !d.Record.Valid() {
				err = fmt.Errorf("record mode %s is not known", word(s))
			}
		case "kind":
			d.Kind, err = kind(v)
		case "flags":
			d.Flags, err = flags(v)
		default:
			err = fmt.Errorf("unknown field")
		}
		if err != nil {
			return authz.Decision{}, fmt.Errorf("result.%s: %w", key, err)
		}
	}
	if _, ok := m["effect"]; !ok {
		return authz.Decision{}, fmt.Errorf("result.effect is missing")
	}
	return d, nil
}

func text(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("want a string, got %T", v)
	}
	return s, nil
}

func texts(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("want a list of strings, got %T", v)
	}
	var out []string
	for _, e := range list {
		s, err := text(e)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func whole(v any) (int64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, fmt.Errorf("want a number, got %T", v)
	}
	i, err := n.Int64()
	if f, ferr := n.Float64(); err != nil && ferr == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		i, err = int64(f), nil // 1e6 is a whole number too
	}
	if err != nil || i < 0 {
		return 0, fmt.Errorf("%s is no whole number from 0 up", n)
	}
	return i, nil
}

// kind is how a denial is answered: a policy may tell a refusal by volume from one by right.
func kind(v any) (authz.Kind, error) {
	s, err := text(v)
	if err != nil {
		return 0, err
	}
	switch s {
	case "forbidden":
		return authz.KindForbidden, nil
	case "quota":
		return authz.KindQuota, nil
	}
	return 0, fmt.Errorf("kind %s: want forbidden or quota", word(s))
}

func mask(v any) (authz.Mask, error) {
	var out authz.Mask
	m, ok := v.(map[string]any)
	if !ok {
		return out, fmt.Errorf("want an object, got %T", v)
	}
	for key, v := range m {
		var err error
		switch key {
		case "vectors":
			var s string
			s, err = text(v)
			if out.Vectors = authz.MaskMode(s); err == nil && !out.Vectors.Valid() {
				err = fmt.Errorf("mask %s is not known", word(s))
			}
		case "scores":
			var s string
			s, err = text(v)
			if out.Scores = authz.ScoreMask(s); err == nil && !out.Scores.Valid() {
				err = fmt.Errorf("score mask %s: want drop, rank or round:N", word(s))
			}
		case "fields":
			out.Fields, err = texts(v)
		case "strict":
			out.Strict, ok = v.(bool)
			if !ok {
				err = fmt.Errorf("want a boolean, got %T", v)
			}
		default:
			err = fmt.Errorf("unknown field")
		}
		if err != nil {
			return authz.Mask{}, fmt.Errorf("%s: %w", key, err)
		}
	}
	return out, nil
}

func limits(v any) ([]authz.Limit, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("want a list, got %T", v)
	}
	out := make([]authz.Limit, 0, len(list))
	for i, e := range list {
		l, err := limit(e)
		if err != nil {
			return nil, fmt.Errorf("[%d]%w", i, err)
		}
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out, nil
}

func limit(v any) (authz.Limit, error) {
	var l authz.Limit
	m, ok := v.(map[string]any)
	if !ok {
		return l, fmt.Errorf(": want an object, got %T", v)
	}
	for _, need := range [...]string{"meter", "unit", "window", "max"} {
		if _, ok := m[need]; !ok {
			return l, fmt.Errorf(".%s is missing", need)
		}
	}
	for key, v := range m {
		s, err := "", error(nil)
		if key != "max" {
			s, err = text(v)
		}
		switch {
		case err != nil:
		case key == "meter":
			if l.Meter = authz.Meter(s); !l.Meter.Wellformed() { // Engine says whether there is one of that name
				err = fmt.Errorf("meter %s is not known", word(s))
			}
		case key == "key":
			l.Key = s
		case key == "unit":
			if l.Unit = authz.Unit(s); l.Unit.Index() < 0 {
				err = fmt.Errorf("unit %s is not known", word(s))
			}
		case key == "window":
			l.Window, err = authz.ParseWindow(s)
		case key == "over":
			if err = l.Over.UnmarshalText([]byte(s)); err == nil && l.Over == authz.Allow {
				err = fmt.Errorf("a limit that allows what is over it is none")
			}
		case key == "away":
			if l.Away = authz.Away(s); !l.Away.Valid() || l.Away == authz.AwayUnset {
				err = fmt.Errorf("away %s is not known: want refuse, local or allow", word(s))
			}
		case key == "max":
			l.Max, err = whole(v)
		default:
			err = fmt.Errorf("unknown field")
		}
		if err != nil {
			return l, fmt.Errorf(".%s: %w", key, err)
		}
	}
	return l, nil
}

// approval is decoded through its JSON form: it is rare.
func approval(v any) (*authz.Approval, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("want an object, got %T", v)
	}
	for key := range m {
		switch key {
		case "reviewers", "votes", "budget", "ttl", "justification":
		default:
			return nil, fmt.Errorf("%s: unknown field", key)
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	var a authz.Approval
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, err
	}
	for u := range a.Budget {
		if u.Index() < 0 {
			return nil, fmt.Errorf("budget: unit %s is not known", word(string(u)))
		}
	}
	return &a, nil
}

// word quotes what a rule said where an error goes to the log, if it can be a word of ours that was misspelt: what a rule computes may hold a
// request's own text, which is not for there.
func word(s string) string {
	if len(s) <= 24 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-:+") == "" {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("a text of %d bytes", len(s))
}
