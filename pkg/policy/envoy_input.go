package policy

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/weirgate/weir/pkg/authz"
)

// CompatOPAEnvoy is the Config.Compat of policies that were written for opa-envoy-plugin. They are asked about what that asks about
// (attributes, parsed_path, parsed_query, parsed_body, truncated_body, version), and may answer as they answer it: see decodeEnvoy.
const CompatOPAEnvoy = "opa-envoy"

const envoyEntrypoint = "envoy/authz/allow"

// envoyReads is what a policy of opa-envoy-plugin can reach of its input.
type envoyReads struct {
	reached
	parsedBody bool // parsed_body, which has no meaning where the body is not whole
	body       bool // that, or the body as it came
	query      bool // the path with its query, or the parameters
	secrets    bool // something that may be a token, whatever the request
}

// plainHeaders hold no credential, whoever sends them.
var plainHeaders = map[string]bool{
	"accept": true, "accept-encoding": true, "accept-language": true, "content-length": true, "content-type": true, "user-agent": true, "host": true,
	":method": true, ":authority": true, ":scheme": true, "x-request-id": true, "x-forwarded-for": true, "x-forwarded-proto": true,
	"x-envoy-auth-partial-body": true,
}

const (
	envoyHTTP    = "attributes.request.http"
	envoyHeaders = envoyHTTP + ".headers"
)

func readsOfEnvoy(r reached) envoyReads {
	e := envoyReads{reached: r, parsedBody: r.reaches("parsed_body"), query: r.reaches(envoyHTTP+".path") || r.reaches("parsed_query")}
	e.body = e.parsedBody || r.reaches(envoyHTTP+".body") || r.reaches(envoyHTTP+".rawBody")
	for _, p := range r.paths {
		name, header := strings.CutPrefix(p, envoyHeaders+".")
		e.query = e.query || header && name == ":path"
		switch {
		case header:
			e.secrets = e.secrets || !plainHeaders[name] && name != ":path"
		case p == "", strings.HasPrefix(envoyHeaders+".", p+"."), strings.HasPrefix(p, "attributes.metadataContext"), strings.HasPrefix(p, envoyHTTP+".headerMap"):
			e.secrets = true
		}
	}
	return e
}

// reaches reports whether some rule can read what is at path.
func (r *reached) reaches(path string) bool {
	return slices.ContainsFunc(r.paths, func(p string) bool {
		return p == "" || p == path || strings.HasPrefix(p, path+".") || strings.HasPrefix(path, p+".")
	})
}

func (e *envoyReads) needs() authz.Reads { return authz.Reads{Envoy: true, Body: e.body} }

// document makes what the policy is asked about. An error is a body that is not what its head says; it is public.
func (e *envoyReads) document(in *authz.EnvoyRequest) (map[string]any, error) {
	http := at(in.Attributes, "request", "http")
	head, _ := http["path"].(string)
	u, err := url.Parse(head)
	if err != nil {
		return nil, errors.New("the request's path cannot be read")
	}
	doc := map[string]any{
		"attributes": e.attributes(in), "version": map[string]any{"ext_authz": "v3", "encoding": "protojson"},
		"parsed_path": list(strings.Split(strings.TrimLeft(u.Path, "/"), "/")), "parsed_query": lists(u.Query()),
		"parsed_body": nil, "truncated_body": in.Truncated,
	}
	if e.parsedBody && !in.Truncated && len(in.Body) > 0 {
		headers, _ := http["headers"].(map[string]any)
		kind, _ := headers["content-type"].(string)
		if doc["parsed_body"], err = parseBody(kind, in.Body); err != nil {
			return nil, errors.New("the request's body is not what its content-type says")
		}
	}
	return doc, nil
}

// attributes are Envoy's, with the body in them where the policy reads it there.
func (e *envoyReads) attributes(in *authz.EnvoyRequest) map[string]any {
	if len(in.Body) == 0 || !e.reaches(envoyHTTP+".body") && !e.reaches(envoyHTTP+".rawBody") {
		return in.Attributes
	}
	request := maps.Clone(at(in.Attributes, "request"))
	http := maps.Clone(at(request, "http"))
	if utf8.Valid(in.Body) {
		http["body"] = string(in.Body)
	} else {
		http["rawBody"] = in.Body // encoding/json writes bytes as protojson does
	}
	request["http"] = http
	out := maps.Clone(in.Attributes)
	out["request"] = request
	return out
}

// at goes into nested objects; what is missing is empty.
func at(m map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		m, _ = m[k].(map[string]any)
	}
	if m == nil {
		return map[string]any{}
	}
	return m
}

func list(v []string) []any {
	out := make([]any, len(v))
	for i, s := range v {
		out[i] = s
	}
	return out
}

func lists(v map[string][]string) map[string]any {
	out := make(map[string]any, len(v))
	for k, s := range v {
		out[k] = list(s)
	}
	return out
}

// parseBody reads a body by its content-type; what is no JSON and no form is nil.
func parseBody(kind string, body []byte) (any, error) {
	switch {
	case strings.Contains(kind, "application/json"):
		return parseJSON(body)
	case strings.Contains(kind, "application/x-www-form-urlencoded"):
		q, err := url.ParseQuery(string(body))
		return lists(q), err
	case strings.Contains(kind, "multipart/form-data"):
		_, params, err := mime.ParseMediaType(kind)
		if err != nil || params["boundary"] == "" {
			return nil, err
		}
		return parseForm(multipart.NewReader(bytes.NewReader(body), params["boundary"]))
	}
	return nil, nil
}

func parseJSON(b []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

func parseForm(r *multipart.Reader) (any, error) {
	out := map[string]any{}
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		name := p.FormName()
		if name == "" {
			continue
		}
		b, err := io.ReadAll(p) // of a body that is in memory
		if err != nil {
			return nil, err
		}
		var v any = string(b)
		if strings.Contains(p.Header.Get("Content-Type"), "application/json") {
			if v, err = parseJSON(b); err != nil {
				return nil, err
			}
		}
		all, _ := out[name].([]any)
		out[name] = append(all, v)
	}
}

// remember fills in what may be recorded of a document: what the policy reads of it, or where that may hold a token or a body, its hash.
func (e *envoyReads) remember(in *authz.EnvoyRequest, doc map[string]any, key []byte) error {
	path, _ := at(in.Attributes, "request", "http")["path"].(string)
	if e.secrets || e.body && len(in.Body) > 0 || e.query && strings.Contains(path, "?") {
		b, err := json.Marshal(doc)
		if err != nil {
			return err
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(b)
		in.Hash = hex.EncodeToString(mac.Sum(nil))
		return nil
	}
	kept := map[string]any{}
	for _, p := range e.paths {
		keep(kept, doc, strings.Split(p, "."))
	}
	keep(kept, doc, []string{"attributes", "request", "time"}) // the clock
	b, err := json.Marshal(kept)
	in.Recorded = b
	return err
}

// keep copies what is at path.
func keep(into, from map[string]any, path []string) {
	v, ok := from[path[0]]
	if !ok {
		return
	}
	inner, isMap := v.(map[string]any)
	if len(path) == 1 || !isMap {
		into[path[0]] = v
		return
	}
	next, ok := into[path[0]].(map[string]any)
	if !ok {
		next = map[string]any{}
		into[path[0]] = next
	}
	keep(next, inner, path[1:])
}

// refusedBody is the refusal of a request that the policy cannot be asked about as it is; nil where it can.
func (e *envoyReads) refusedBody(in *authz.EnvoyRequest) *authz.Decision {
	if e.parsedBody && in.Truncated {
		return &authz.Decision{Kind: authz.KindTooLarge, Rule: "weir.body_truncated", Reason: "the policy reads the request's body, and it did not come whole"}
	}
	return nil
}
