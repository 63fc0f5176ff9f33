package policy_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/policy"
)

// foreign is a policy for opa-envoy-plugin in one file, with data.
func foreign(src string) policy.Config {
	return policy.Config{Compat: policy.CompatOPAEnvoy, FS: fstest.MapFS{"p.rego": {Data: []byte(src)}, "roles/data.json": {Data: []byte(`{"alice": ["admin"], "bob": ["guest"]}`)}}}
}

// told is a request as Envoy's ext_authz tells of it.
func told(method, path string, headers map[string]string, body string) *authz.Input {
	h := map[string]any{":method": method, ":path": path, ":authority": "shop.example"}
	for k, v := range headers {
		h[k] = v
	}
	return &authz.Input{
		Phase: authz.PhaseRequest, Final: true, Time: authz.InputTime{UnixNS: 1_700_000_000_000_000_000},
		Envoy: &authz.EnvoyRequest{
			Attributes: map[string]any{
				"source":            map[string]any{"principal": "spiffe://mesh.example/ns/web", "address": map[string]any{"socketAddress": map[string]any{"address": "10.1.2.3", "portValue": 4711}}},
				"contextExtensions": map[string]any{"team": "search"},
				"request":           map[string]any{"time": "2023-11-14T22:13:20Z", "http": map[string]any{"method": method, "path": path, "host": "shop.example", "scheme": "http", "protocol": "HTTP/1.1", "headers": h}},
			},
			Body: []byte(body),
		},
	}
}

// hs256 is a token under a secret that the policy knows.
func hs256(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	head := enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc([]byte(claims))
	mac := hmac.New(sha256.New, []byte("open sesame"))
	mac.Write([]byte(head))
	return head + "." + enc(mac.Sum(nil))
}

const byToken = `package envoy.authz

import input.attributes.request.http as http

default allow := false

allow if {
	signed
	permitted
}

signed if {
	token.good
	now := time.now_ns() / 1000000000
	token.claims.nbf <= now
	now < token.claims.exp
}

permitted if {
	http.method == "GET"
	token.claims.role in {"guest", "admin"}
	glob.match("/staff/*", ["/"], http.path)
}

permitted if {
	http.method == "POST"
	token.claims.role == "admin"
	http.path == "/staff"
	lower(input.parsed_body.nick) != base64url.decode(token.claims.sub)
}

token := {"good": good, "claims": claims} if {
	[_, bearer] := split(http.headers.authorization, " ")
	[good, _, claims] := io.jwt.decode_verify(bearer, {"secret": "open sesame"})
}
`

const byPassword = `package envoy.authz

default allow := false

allow if {
	some role in data.roles[user]
	some grant in grants[role]
	grant.method == input.attributes.request.http.method
	glob.match(grant.path, ["/"], input.attributes.request.http.path)
}

user := name if {
	[_, pair] := split(input.attributes.request.http.headers.authorization, " ")
	[name, _] := split(base64.decode(pair), ":")
}

grants := {
	"guest": [{"method": "GET", "path": "/stock/*"}],
	"admin": [{"method": "GET", "path": "/stock/*"}, {"method": "POST", "path": "/stock"}],
}
`

const withHeaders = `package envoy.authz

default allow := {"allowed": false, "headers": {"x-why": "no badge"}, "body": "stay outside", "http_status": 401}

allow := {
	"allowed": true,
	"headers": {"X-Badge": "gold", "x-team": ["red", "blue"]},
	"response_headers_to_add": [{"x-door": "front"}, {"set-cookie": "a=1"}, {"set-cookie": "b=2"}],
	"request_headers_to_remove": ["X-Secret", "cookie"],
	"query_parameters_to_set": {"lang": "en", "tag": ["a", "b"]},
	"query_parameters_to_remove": ["debug"],
	"dynamic_metadata": {"badge": "gold", "level": 3},
	"of_no_meaning": true,
} if {
	input.attributes.request.http.headers["x-key"] == "k"
}
`

func basic(user string) map[string]string {
	return map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":secret"))}
}

func bearer(claims string) map[string]string {
	return map[string]string{"authorization": "Bearer " + hs256(claims), "content-type": "application/json"}
}

// TestPoliciesOfOPAEnvoy: the kinds of policy that opa-envoy-plugin's documentation shows decide as they do there.
func TestPoliciesOfOPAEnvoy(t *testing.T) {
	const admin, guest = `{"sub":"Y2Fyb2w","role":"admin","nbf":1600000000,"exp":1800000000}`, `{"role":"guest","nbf":1600000000,"exp":1800000000}`
	allow, deny := authz.Allow, authz.Deny
	tests := map[string]struct {
		src    string
		in     *authz.Input
		effect authz.Effect
	}{
		"guest may read":                 {byToken, told("GET", "/staff/7", bearer(guest), ""), allow},
		"guest may not write":            {byToken, told("POST", "/staff", bearer(guest), `{"nick":"Dave"}`), deny},
		"admin may write":                {byToken, told("POST", "/staff", bearer(admin), `{"nick":"Dave"}`), allow},
		"not about himself":              {byToken, told("POST", "/staff", bearer(admin), `{"nick":"Carol"}`), deny},
		"expired, by the record's clock": {byToken, told("GET", "/staff/7", bearer(`{"role":"guest","nbf":1,"exp":1700000000}`), ""), deny},
		"the glob stops at a slash":      {byToken, told("GET", "/staff/7/pay", bearer(guest), ""), deny},
		"forged":                         {byToken, told("GET", "/staff/7", map[string]string{"authorization": "Bearer " + hs256(guest) + "A"}, ""), deny},
		"no token":                       {byToken, told("GET", "/staff/7", nil, ""), deny},
		"password of an admin":           {byPassword, told("POST", "/stock", basic("alice"), ""), allow},
		"password of a guest":            {byPassword, told("POST", "/stock", basic("bob"), ""), deny},
		"guest reads":                    {byPassword, told("GET", "/stock/3", basic("bob"), ""), allow},
		"nobody known":                   {byPassword, told("GET", "/stock/3", basic("eve"), ""), deny},
		"parsed path and query": {
			"package envoy.authz\nallow if {\n\tinput.parsed_path == [\"staff\", \"lists\"]\n\tinput.parsed_query.lang == [\"en\"]\n\tinput.parsed_query.id[1] == \"2\"\n}",
			told("GET", "/staff/lists?lang=en&id=1&id=2", nil, ""), allow,
		},
		"version 0 of Rego": {"package envoy.authz\ndefault allow = false\nallow {\n\tinput.parsed_path[_] == \"open\"\n}", told("GET", "/a/open", nil, ""), allow},
		"who calls":         {"package envoy.authz\nallow if startswith(input.attributes.source.principal, \"spiffe://mesh.example/\")", told("GET", "/", nil, ""), allow},
		"the route's words": {"package envoy.authz\nallow if input.attributes.contextExtensions.team == \"search\"", told("GET", "/", nil, ""), allow},
		"the port":          {"package envoy.authz\nallow if input.attributes.source.address.socketAddress.portValue == 4711", told("GET", "/", nil, ""), allow},
		"version of ours":   {"package envoy.authz\nallow if input.version == {\"ext_authz\": \"v3\", \"encoding\": \"protojson\"}", told("GET", "/", nil, ""), allow},
		"a form": {
			"package envoy.authz\nallow if input.parsed_body == {\"a\": [\"1\", \"2\"], \"b\": [\"\"]}",
			told("POST", "/", map[string]string{"content-type": "application/x-www-form-urlencoded"}, "a=1&b=&a=2"), allow,
		},
		"a form of parts": {
			"package envoy.authz\nallow if input.parsed_body == {\"a\": [\"x\"], \"j\": [{\"k\": 1}]}",
			told("POST", "/", map[string]string{"content-type": "multipart/form-data; boundary=BB"},
				"--BB\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nx\r\n--BB\r\ncontent-disposition: form-data; name=\"j\"\r\ncontent-type: application/json\r\n\r\n{\"k\":1}\r\n--BB--\r\n"), allow,
		},
		"the body as it came":            {"package envoy.authz\nallow if input.attributes.request.http.body == \"hello\"", told("POST", "/", nil, "hello"), allow},
		"another content-type is null":   {"package envoy.authz\nallow if input.parsed_body == null", told("POST", "/", map[string]string{"content-type": "text/plain"}, "hello"), allow},
		"no body is null":                {"package envoy.authz\nallow if {\n\tinput.parsed_body == null\n\tinput.truncated_body == false\n}", told("GET", "/", map[string]string{"content-type": "application/json"}, ""), allow},
		"an undefined result":            {"package envoy.authz\nallow if false", told("GET", "/", nil, ""), deny},
		"an object that says no":         {"package envoy.authz\nallow := {\"allowed\": false}", told("GET", "/", nil, ""), deny},
		"rules of members":               {"package envoy.authz\nallow[\"allowed\"] := true\nallow[\"body\"] := \"x\"", told("GET", "/", nil, ""), allow},
		"rules of members, version 0":    {"package envoy.authz\nallow[\"allowed\"] = x {\n\tx := true\n}", told("GET", "/", nil, ""), allow},
		"its own masks, said in weir":    {"package envoy.authz\nallow := {\"allowed\": true, \"weir\": {\"mask\": {\"vectors\": \"none\"}}}", told("GET", "/", nil, ""), allow},
		"a time zone and a set in a set": {"package envoy.authz\nallow if time.weekday([time.now_ns(), \"UTC\"]) == \"Tuesday\"", told("GET", "/", nil, ""), allow},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := engine(t, foreign(tc.src)).Eval(t.Context(), tc.in)
			if err != nil || d.Effect != tc.effect {
				t.Fatalf("%+v, %v; want %s", d, err, tc.effect)
			}
			if name == "its own masks, said in weir" && d.Mask.Vectors != authz.MaskNone {
				t.Errorf("mask %q", d.Mask.Vectors)
			} else if name != "its own masks, said in weir" && d.Mask.Vectors.Stricter(authz.MaskNone) != authz.MaskRedact {
				t.Errorf("mask %q: what the policy does not say must be redacted", d.Mask.Vectors)
			}
		})
	}
}

// TestWhatAPolicyOfOPAEnvoyAnswers: the members of its result, as they are to be done.
func TestWhatAPolicyOfOPAEnvoyAnswers(t *testing.T) {
	e := engine(t, foreign(withHeaders))
	d, err := e.Eval(t.Context(), told("GET", "/?debug=1", map[string]string{"x-key": "k"}, ""))
	want := &authz.Edits{
		RequestSet: [][2]string{{"x-badge", "gold"}, {"x-team", "red"}, {"x-team", "blue"}}, RequestRemove: []string{"x-secret", "cookie"},
		QuerySet: [][2]string{{"lang", "en"}, {"tag", "a"}, {"tag", "b"}}, QueryRemove: []string{"debug"},
		ResponseAdd: [][2]string{{"x-door", "front"}, {"set-cookie", "a=1"}, {"set-cookie", "b=2"}},
		Metadata:    map[string]any{"badge": "gold", "level": json.Number("3")},
	}
	if diff := cmp.Diff(want, d.Edits); err != nil || d.Effect != authz.Allow || diff != "" {
		t.Errorf("%s %v (-want +got):\n%s", d.Effect, err, diff)
	}
	d, err = e.Eval(t.Context(), told("GET", "/", nil, ""))
	want = &authz.Edits{Status: 401, Headers: [][2]string{{"x-why", "no badge"}}, Body: "stay outside", Told: true}
	if diff := cmp.Diff(want, d.Edits); err != nil || d.Effect != authz.Deny || diff != "" {
		t.Errorf("%s %v (-want +got):\n%s", d.Effect, err, diff)
	}
}

// TestWhatIsNoAnswer: results that opa-envoy-plugin takes for an error, and those that would get a request past Weir, refuse it.
func TestWhatIsNoAnswer(t *testing.T) {
	for name, src := range map[string]string{
		"no object":                  `allow := "yes"`,
		"a set":                      `allow contains "x"`,
		"nothing allowed":            `allow := {"headers": {}}`,
		"allowed in words":           `allow := {"allowed": "true"}`,
		"a header that is a number":  `allow := {"allowed": true, "headers": {"a": 1}}`,
		"headers in a word":          `allow := {"allowed": true, "headers": "a: b"}`,
		"a list of numbers":          `allow := {"allowed": true, "request_headers_to_remove": [1]}`,
		"a body that is none":        `allow := {"allowed": false, "body": {}}`,
		"a status in words":          `allow := {"allowed": false, "http_status": "403"}`,
		"a status of no answer":      `allow := {"allowed": false, "http_status": 100}`,
		"a status beyond all":        `allow := {"allowed": false, "http_status": 999}`,
		"metadata in a list":         `allow := {"allowed": true, "dynamic_metadata": ["a"]}`,
		"a query in a list":          `allow := {"allowed": true, "query_parameters_to_set": ["a"]}`,
		"length of its own":          `allow := {"allowed": true, "headers": {"Content-Length": "0"}}`,
		"length taken away":          `allow := {"allowed": true, "request_headers_to_remove": ["content-length"]}`,
		"another host":               `allow := {"allowed": true, "headers": {"host": "other"}}`,
		"a pseudo-header":            `allow := {"allowed": true, "headers": {":path": "/admin"}}`,
		"a ticket of ours":           `allow := {"allowed": true, "headers": {"weir-decision": "x"}}`,
		"a second line":              `allow := {"allowed": true, "headers": {"a": "b\r\nc: d"}}`,
		"a name in two words":        `allow := {"allowed": true, "headers": {"a b": "c"}}`,
		"an obligation misspelt":     `allow := {"allowed": true, "weir": {"masks": {}}}`,
		"an effect beside allowed":   `allow := {"allowed": false, "weir": {"effect": "allow"}}`,
		"an obligation that is none": `allow := {"allowed": true, "weir": "none"}`,
		"two answers":                "allow := true if input.parsed_path\nallow := false if input.parsed_path",
		"a built-in that fails":      `allow if to_number(input.parsed_path[0]) == 0`,
	} {
		t.Run(name, func(t *testing.T) {
			d, err := engine(t, foreign("package envoy.authz\n"+src)).Eval(t.Context(), told("GET", "/x", nil, ""))
			if err == nil || d.Effect != authz.Deny || authz.AsError(err).Kind != authz.KindUnavailable {
				t.Errorf("%+v, %v; want an error", d, err)
			}
		})
	}
}

// TestLenient: with policy.builtin_errors: undefined a built-in that fails makes its rule undefined, as it does there.
func TestLenient(t *testing.T) {
	cfg := foreign("package envoy.authz\ndefault allow := false\nallow if to_number(input.parsed_path[0]) == 0\nallow if input.parsed_path[1] == \"open\"")
	cfg.Lenient = true
	for path, want := range map[string]authz.Effect{"/x/open": authz.Allow, "/x/shut": authz.Deny} {
		if d, err := engine(t, cfg).Eval(t.Context(), told("GET", path, nil, "")); err != nil || d.Effect != want {
			t.Errorf("%s: %+v, %v", path, d, err)
		}
	}
}

// TestABodyThatIsNotWhole: denied where the policy reads it parsed, and told of where it does not.
func TestABodyThatIsNotWhole(t *testing.T) {
	cut := func() *authz.Input {
		in := told("POST", "/", map[string]string{"content-type": "application/json"}, `{"a":`)
		in.Envoy.Truncated = true
		return in
	}
	d, err := engine(t, foreign("package envoy.authz\ndefault allow := true\nallow := false if input.parsed_body.a")).Eval(t.Context(), cut())
	if err != nil || d.Effect != authz.Deny || d.Kind != authz.KindTooLarge || d.Rule != "weir.body_truncated" {
		t.Errorf("%+v, %v", d, err)
	}
	e := engine(t, foreign("package envoy.authz\nallow if input.truncated_body"))
	if d, err := e.Eval(t.Context(), cut()); err != nil || d.Effect != authz.Allow || e.Reads().Body {
		t.Errorf("%+v, %v, reads %+v", d, err, e.Reads())
	}
	broken := told("POST", "/", map[string]string{"content-type": "application/json"}, `{"a":`)
	if d, err := engine(t, foreign("package envoy.authz\ndefault allow := true\nallow := false if input.parsed_body.a")).Eval(t.Context(), broken); err != nil || d.Effect != authz.Deny || d.Kind != authz.KindBadRequest {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestWhatIsRecordedOfEnvoysWords: what the policy reads, unless that may be a token or a body; then a hash, under a key that nobody has.
func TestWhatIsRecordedOfEnvoysWords(t *testing.T) {
	secret := "s3cr3t"
	ask := func(path string) *authz.Input {
		return told("POST", path, map[string]string{"authorization": "Bearer " + secret, "x-key": secret, "content-type": "application/json", "cookie": secret}, `{"a":"`+secret+`"}`)
	}
	for name, tc := range map[string]struct {
		src, path string
		recorded  string // "" for a hash
	}{
		"method and path":           {`allow if {input.attributes.request.http.method == "POST"; input.attributes.request.http.path == "/x"}`, "/x", `{"attributes":{"request":{"http":{"method":"POST","path":"/x"},"time":"2023-11-14T22:13:20Z"}}}`},
		"parsed path":               {`allow if input.parsed_path[0] == "x"`, "/x", `{"attributes":{"request":{"time":"2023-11-14T22:13:20Z"}},"parsed_path":["x"]}`},
		"a harmless header":         {`allow if input.attributes.request.http.headers["content-type"] == "application/json"`, "/x", `{"attributes":{"request":{"http":{"headers":{"content-type":"application/json"}},"time":"2023-11-14T22:13:20Z"}}}`},
		"a path with a query":       {`allow if startswith(input.attributes.request.http.path, "/x")`, "/x?key=" + secret, ""},
		"a pseudo-header of it":     {`allow if startswith(input.attributes.request.http.headers[":path"], "/x")`, "/x?key=" + secret, ""},
		"the query":                 {`allow if input.parsed_query.key`, "/x?key=" + secret, ""},
		"the token":                 {`allow if input.attributes.request.http.headers.authorization`, "/x", ""},
		"another header":            {`allow if input.attributes.request.http.headers["x-key"]`, "/x", ""},
		"all headers":               {`allow if count(input.attributes.request.http.headers) > 0`, "/x", ""},
		"a header that is computed": {`allow if { some k; input.attributes.request.http.headers[k] == "POST" }`, "/x", ""},
		"by another name":           {`allow if { h := input.attributes.request.http; h.method == "POST" }`, "/x", ""},
		"the body":                  {`allow if input.parsed_body.a`, "/x", ""},
		"the body as it came":       {`allow if contains(input.attributes.request.http.body, "a")`, "/x", ""},
		"everything":                {`allow if count(input) > 0`, "/x", ""},
		"what other filters left":   {`allow if input.attributes.metadataContext.filterMetadata.x else := true`, "/x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine(t, foreign("package envoy.authz\n"+tc.src))
			in := ask(tc.path)
			d, err := e.Eval(t.Context(), in)
			if err != nil || d.Effect != authz.Allow {
				t.Fatalf("%+v, %v", d, err)
			}
			if string(in.Envoy.Recorded) != tc.recorded || (in.Envoy.Hash == "") != (tc.recorded != "") {
				t.Fatalf("recorded %s, hash %q; want %s", in.Envoy.Recorded, in.Envoy.Hash, tc.recorded)
			}
			if strings.Contains(string(in.Envoy.Recorded)+in.Envoy.Hash, secret) {
				t.Error("the record holds the secret")
			}
			if tc.recorded != "" { // and what is recorded decides the same
				again, err := e.Explain(t.Context(), in.Envoy.Recorded, new(strings.Builder))
				if diff := cmp.Diff(d, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
					t.Errorf("asked again: %v %s", err, diff)
				}
				return
			}
			other := engine(t, foreign("package envoy.authz\n"+tc.src))
			same, elsewhere := ask(tc.path), ask(tc.path)
			for e, in := range map[*policy.Engine]*authz.Input{e: same, other: elsewhere} {
				if _, err := e.Eval(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			}
			if same.Envoy.Hash != in.Envoy.Hash || elsewhere.Envoy.Hash == in.Envoy.Hash {
				t.Error("the hash is not one of the input under a key of the process")
			}
		})
	}
}

// TestDocuments: data.json and data.yaml are what rules see at the path of their directory.
func TestDocuments(t *testing.T) {
	with := func(files map[string]string) policy.Config {
		dir := fstest.MapFS{"p.rego": {Data: []byte("package weir.authz\ndecision := {\"effect\": \"allow\", \"rule\": sprintf(\"%v %v %v\", [data.a.b.x, data.a.y, data.z])}")}}
		for name, text := range files {
			dir[name] = &fstest.MapFile{Data: []byte(text)}
		}
		return policy.Config{FS: dir}
	}
	files := map[string]string{"data.json": `{"z": 12345678901234567890}`, "a/data.yaml": "y: two\n", "a/b/data.json": `{"x": [1]}`, "a/b/other.json": `{`}
	e := engine(t, with(files))
	if d, err := e.Eval(t.Context(), input(nil)); err != nil || d.Rule != "[1] two 12345678901234567890" {
		t.Errorf("%s, %v", d.Rule, err)
	}
	files["a/data.yaml"] = "y: three\n"
	if e.Revision() == engine(t, with(files)).Revision() {
		t.Error("the revision does not tell data apart")
	}
	for name, want := range map[string]string{
		`data.json {"a": {"y": 1}}`:           "y is said twice",
		`data.json [1]`:                       "want an object",
		`data.json {`:                         "data.json: ",
		`data.yaml a: [`:                      "data.yaml: ",
		`weir/data.json {"rules": {}}`:        "of data.weir a policy has settings only",
		`data.json {"weir": {"settings": 1}}`: "of data.weir a policy has settings only",
	} {
		file, text, _ := strings.Cut(name, " ")
		files := map[string]string{"a/data.yaml": "y: 1", file: text}
		if _, err := policy.New(t.Context(), with(files)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", name, err, want)
		}
	}
}

// BenchmarkEnvoy is what a policy for opa-envoy-plugin costs here, its input included.
func BenchmarkEnvoy(b *testing.B) {
	cfg := foreign(byPassword)
	cfg.Timeout = time.Minute
	e := engine(b, cfg)
	in := told("GET", "/stock/3", basic("bob"), "")
	b.ReportAllocs()
	for b.Loop() {
		if d, err := e.Eval(b.Context(), in); err != nil || d.Effect != authz.Allow {
			b.Fatal(fmt.Sprint(d), err)
		}
	}
}
