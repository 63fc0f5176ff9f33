package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// readPart reads what a rule says for a part of the decision, as it is read of a decision that rego/weir/authz composes. It returns the limit,
// where it is one.
func readPart(part string, v any) ([]authz.Limit, error) {
	var err error
	switch part {
	case "limit":
		l, err := limit(v)
		return []authz.Limit{l}, plainer(err)
	case "mask":
		_, err = mask(map[string]any{"vectors": v})
	case "score":
		_, err = mask(map[string]any{"scores": v})
	case "field", "missing":
		_, err = text(v)
	case "deny":
		err = saidOf(v, "reason", "alternatives", "kind")
	case "hold":
		err = saidOf(v, "reason", "alternatives", "kind", "approval")
	case "flag":
		m, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("want {name, reason}, got %v", kindOf(v))
		}
		m = maps.Clone(m)
		m["rule"] = "weir.rules"
		_, err = flag(m)
	}
	return nil, plainer(err)
}

// saidOf reads a denial, or what is held: a sentence, or an object with members.
func saidOf(v any, members ...string) error {
	if _, ok := v.(string); ok {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("want a sentence, or {%s}; got %s", strings.Join(members, ", "), kindOf(v))
	}
	m = maps.Clone(m)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if near := meant(key, members); !slices.Contains(members, key) && near != "" && m[near] == nil {
			return fmt.Errorf("%s: unknown field; did you mean %s?", key, near)
		}
	}
	maps.Copy(m, map[string]any{"effect": "deny", "limits": []any{}, "mask": map[string]any{}, "flags": []any{}, "rule": "weir.rules"}) // the composition's own
	_, err := decode(m)
	return err
}

// plainer takes out of an error where in a decision it would have been.
func plainer(err error) error {
	if err == nil {
		return nil
	}
	what := err.Error()
	for _, in := range []string{"result.", "vectors: ", "scores: "} {
		what = strings.TrimPrefix(what, in)
	}
	return errors.New(strings.TrimPrefix(what, ": "))
}

// kindOf names what a value is, as policies do.
func kindOf(v any) string {
	switch v.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list or a set"
	case string:
		return "a sentence"
	case bool:
		return "a boolean"
	case nil:
		return "null"
	}
	return "a number"
}
