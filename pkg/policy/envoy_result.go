package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// decodeEnvoy reads what a policy for opa-envoy-plugin answers: a boolean, or an object with allowed and, where they apply, headers, body,
// http_status, response_headers_to_add, request_headers_to_remove, query_parameters_to_set, query_parameters_to_remove, dynamic_metadata. Other
// members are passed over, as they are there, but for weir, an object of Weir's own obligations (mask, limits, record, reason): read as
// strictly as ever.
func decodeEnvoy(v any) (authz.Decision, error) {
	if _, ok := v.(bool); ok {
		return decode(v)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return authz.Decision{}, fmt.Errorf("the result is a %T, want an object or a boolean", v)
	}
	allowed, ok := m["allowed"].(bool)
	if !ok {
		return authz.Decision{}, errors.New("result.allowed: want a boolean")
	}
	d, err := ownPart(m, allowed)
	if err != nil {
		return authz.Decision{}, err
	}
	d.Edits, err = edits(m, allowed)
	if err != nil {
		return authz.Decision{}, fmt.Errorf("result.%w", err)
	}
	return d, nil
}

// ownPart reads the member weir.
func ownPart(m map[string]any, allowed bool) (authz.Decision, error) {
	own, ok := m["weir"].(map[string]any)
	if !ok && m["weir"] != nil {
		return authz.Decision{}, fmt.Errorf("result.weir: want an object, got %T", m["weir"])
	}
	own = maps.Clone(own)
	if own == nil {
		own = map[string]any{}
	}
	if _, said := own["effect"]; said {
		return authz.Decision{}, errors.New("result.weir.effect: allowed says it")
	}
	own["effect"] = authz.Deny.String()
	if allowed {
		own["effect"] = authz.Allow.String()
	}
	return decode(own)
}

func edits(m map[string]any, allowed bool) (*authz.Edits, error) {
	e := &authz.Edits{}
	var headers, added [][2]string
	var status int64
	var ok bool
	for _, f := range []struct {
		key  string
		read func(v any) error
	}{
		{"headers", func(v any) (err error) { headers, err = headerList(v); return err }},
		{"response_headers_to_add", func(v any) (err error) { added, err = headerList(v); return err }},
		{"request_headers_to_remove", func(v any) (err error) { e.RequestRemove, err = removable(v); return err }},
		{"query_parameters_to_set", func(v any) (err error) { e.QuerySet, err = pairs(v); return err }},
		{"query_parameters_to_remove", func(v any) (err error) { e.QueryRemove, err = texts(v); return err }},
		{"body", func(v any) (err error) { e.Body, err = text(v); return err }},
		{"http_status", func(v any) (err error) { status, err = whole(v); return err }},
		{"dynamic_metadata", func(v any) error {
			if e.Metadata, ok = v.(map[string]any); !ok {
				return fmt.Errorf("want an object, got %T", v)
			}
			return nil
		}},
	} {
		v, said := m[f.key]
		if !said {
			continue
		}
		if err := f.read(v); err != nil {
			return nil, fmt.Errorf("%s: %w", f.key, err)
		}
	}
	if status != 0 && (status < 200 || status > 599) {
		return nil, errors.New("http_status: " + strconv.FormatInt(status, 10) + " is no status of an answer")
	}
	if allowed {
		return &authz.Edits{
			RequestSet: headers, RequestRemove: e.RequestRemove, ResponseAdd: added, QuerySet: e.QuerySet, QueryRemove: e.QueryRemove, Metadata: e.Metadata,
		}, nil
	}
	_, bodied := m["body"]
	return &authz.Edits{Metadata: e.Metadata, Status: int(status), Headers: headers, Body: e.Body, Told: status != 0 || bodied || len(headers) > 0}, nil
}

// pairs reads an object whose values are strings or lists of strings, in order of name.
func pairs(v any) ([][2]string, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("want an object, got %T", v)
	}
	var out [][2]string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		values := []string{}
		var err error
		if s, ok := m[k].(string); ok {
			values = append(values, s)
		} else if values, err = texts(m[k]); err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		for _, s := range values {
			out = append(out, [2]string{k, s})
		}
	}
	return out, nil
}

// headerList reads headers: an object of them, or a list of such objects.
func headerList(v any) ([][2]string, error) {
	all, ok := v.([]any)
	if !ok {
		all = []any{v}
	}
	var out [][2]string
	for _, one := range all {
		p, err := pairs(one)
		if err != nil {
			return nil, err
		}
		for _, kv := range p {
			name, err := headerName(kv[0])
			if err != nil {
				return nil, err
			}
			if strings.ContainsFunc(kv[1], func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
				return nil, fmt.Errorf("%s: a header cannot carry this value", name)
			}
			out = append(out, [2]string{name, kv[1]})
		}
	}
	return out, nil
}

// removable reads names of request headers.
func removable(v any) ([]string, error) {
	names, err := texts(v)
	for i, n := range names {
		if err == nil {
			names[i], err = headerName(n)
		}
	}
	return names, err
}

// headerName returns a header's name in lower case. Those that frame and route a message (RFC 9112 §6, RFC 9113 §8.3) are Envoy's, and Weir's
// own are Weir's: a policy that could say either could smuggle a request past it.
func headerName(s string) (string, error) {
	name := strings.ToLower(s)
	token := func(r rune) bool { return r > ' ' && r < 0x7f && !strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) }
	switch {
	case name == "" || strings.ContainsFunc(name, func(r rune) bool { return !token(r) }):
		return "", fmt.Errorf("%s is no name of a header that may be set", word(s))
	case slices.Contains([]string{"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "proxy-connection"}, name),
		strings.HasPrefix(name, "weir-"), strings.HasPrefix(name, "x-envoy-"):
		return "", fmt.Errorf("header %s is not the policy's to change", name)
	}
	return name, nil
}
