package wire

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/weirgate/weir/pkg/authz"
)

func TestWithQuery(t *testing.T) {
	for name, tc := range map[string]struct {
		path string
		e    authz.Edits
		want string
	}{
		"set":                 {"/p", authz.Edits{QuerySet: [][2]string{{"a", "1"}}}, "/p?a=1"},
		"set again":           {"/p?a=0&b=2&a=3", authz.Edits{QuerySet: [][2]string{{"a", "1"}, {"a", "x y"}}}, "/p?b=2&a=1&a=x+y"},
		"removed":             {"/p?debug=1&b=2", authz.Edits{QueryRemove: []string{"debug"}}, "/p?b=2"},
		"all removed":         {"/p?debug=1", authz.Edits{QueryRemove: []string{"debug"}}, "/p"},
		"removed, encoded":    {"/p?d%65bug=1&b=%zz;c", authz.Edits{QueryRemove: []string{"debug"}}, "/p?b=%zz;c"},
		"what would end it":   {"/p", authz.Edits{QuerySet: [][2]string{{"a&b", "c=d#e"}}}, "/p?a%26b=c%3Dd%23e"},
		"without a value":     {"/p?debug&b", authz.Edits{QueryRemove: []string{"debug"}}, "/p?b"},
		"nothing to be found": {"/p?b=2", authz.Edits{QueryRemove: []string{"a"}}, "/p?b=2"},
	} {
		if got := withQuery(tc.path, &tc.e); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// TestEdit: the token of ours stays stripped unless the policy sets a header of that name, and what was cut out of the URL stays cut out.
func TestEdit(t *testing.T) {
	m := Mutation{Remove: []string{"authorization"}, Set: [][2]string{{":path", "/p?b=2"}}, Parameters: []string{"token"}}
	m.Edit("/p?token=t&b=2", &authz.Edits{
		RequestSet: [][2]string{{"x-team", "red"}, {"x-team", "blue"}}, RequestRemove: []string{"cookie"}, QuerySet: [][2]string{{"a", "1"}},
	})
	want := Mutation{
		Remove: []string{"authorization", "cookie"}, Set: [][2]string{{":path", "/p?b=2&a=1"}, {"x-team", "red"}, {"x-team", "blue"}}, Parameters: []string{"token"},
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	h := m.proto()
	if appends(h.GetSetHeaders()[1]) || !appends(h.GetSetHeaders()[2]) {
		t.Errorf("the second value is to be added, the first to replace: %v", h)
	}
	before := m
	if m.Edit("/p", nil); cmp.Diff(before, m) != "" {
		t.Error("nothing to do changed something")
	}
}

func appends(h *corev3.HeaderValueOption) bool {
	//lint:ignore SA1019 it is what Envoy reads
	return h.GetAppend().GetValue()
}

func TestEditOK(t *testing.T) {
	out := CheckOK(Mutation{Remove: []string{"authorization", "weir-x"}}, "", "d")
	EditOK(out, &authz.Edits{
		RequestSet: [][2]string{{"authorization", "Basic x"}, {"x-a", "1"}, {"x-a", "2"}}, RequestRemove: []string{"cookie"},
		ResponseAdd: [][2]string{{"set-cookie", "a"}}, QuerySet: [][2]string{{"q", "1"}}, QueryRemove: []string{"debug"},
		Metadata: map[string]any{"n": json.Number("3"), "deep": map[string]any{"list": []any{true, nil}}},
	})
	ok := out.GetOkResponse()
	if diff := cmp.Diff([]string{"weir-x", "cookie"}, ok.GetHeadersToRemove()); diff != "" {
		t.Error(diff)
	}
	for i, want := range []bool{false, false, true} {
		if got := appends(ok.GetHeaders()[i]); got != want {
			t.Errorf("header %d is added: %v", i, got)
		}
	}
	if h := ok.GetResponseHeadersToAdd(); len(h) != 2 || h[1].GetHeader().GetKey() != "set-cookie" || !appends(h[1]) {
		t.Errorf("%v", h)
	}
	if ok.GetQueryParametersToSet()[0].GetKey() != "q" || ok.GetQueryParametersToRemove()[0] != "debug" {
		t.Errorf("%v", ok)
	}
	if md := out.GetDynamicMetadata().AsMap(); md["n"] != 3.0 || md["deep"].(map[string]any)["list"].([]any)[0] != true {
		t.Errorf("%v", md)
	}
}

// TestMetadata: in either form of an answer of ext_proc, under the name that ext_authz has.
func TestMetadata(t *testing.T) {
	e := &authz.Edits{Metadata: map[string]any{"badge": "gold"}}
	for name, o := range map[string]*Outbound{"head": AnswerHeaders(RequestHeaders, Mutation{}, nil).Metadata(e), "refusal": Refuse(Refusal{Status: 403}).Metadata(e)} {
		m := o.Message
		if m == nil {
			m = new(extprocv3.ProcessingResponse)
			if err := proto.Unmarshal(o.encoded, m); err != nil {
				t.Fatal(err)
			}
		}
		if got := m.GetDynamicMetadata().AsMap()["envoy.filters.http.ext_authz"]; cmp.Diff(map[string]any{"badge": "gold"}, got) != "" {
			t.Errorf("%s: %v", name, got)
		}
	}
	if o := AnswerHeaders(RequestHeaders, Mutation{}, nil); cmp.Diff(o.encoded, o.Metadata(nil).encoded) != "" {
		t.Error("no metadata was told")
	}
}

// TestToldRefusal: the policy's own words, and the decision's ID.
func TestToldRefusal(t *testing.T) {
	d := authz.Decision{Edits: &authz.Edits{Told: true, Status: 302, Headers: [][2]string{{"location", "/login"}}, Body: "go there"}}
	want := Refusal{Status: 302, Code: 7, Label: "forbidden", Headers: [][2]string{{"location", "/login"}, {"weir-decision", "d"}}, Body: []byte("go there")}
	if diff := cmp.Diff(want, RefusalFor(d, "d", authz.Request{}.Headers, FormProblem)); diff != "" {
		t.Error(diff)
	}
	d.Edits = &authz.Edits{Told: true, Body: "no"}
	if r := RefusalFor(d, "d", nil, FormProblem); r.Status != 403 || string(r.Body) != "no" {
		t.Errorf("%+v", r)
	}
	r := RefusalFor(d, "d", authz.Header{"content-type": {"application/grpc"}}, FormProblem)
	if !r.GRPC || string(r.Body) != "no" {
		t.Errorf("gRPC: %+v", r)
	}
	d.Edits = &authz.Edits{}
	if r := RefusalFor(d, "d", nil, FormProblem); r.Headers[0][1] != "application/problem+json" {
		t.Errorf("where the policy says nothing: %+v", r)
	}
}

// TestAttributes: both of Envoy's ways to send headers come out as one, without a body, and ext_proc's the same.
func TestAttributes(t *testing.T) {
	plain := &authv3.AttributeContext_HttpRequest{
		Method: "POST", Path: "/p?a=1", Host: "h", Scheme: "https", Protocol: "HTTP/2", Size: 5, Body: "hello",
		Headers: map[string]string{":method": "POST", ":path": "/p?a=1", "x-a": "1,2", "cookie": "a=1; b=2"},
	}
	raw := proto.Clone(plain).(*authv3.AttributeContext_HttpRequest)
	raw.Headers, raw.Body, raw.RawBody = nil, "", []byte("hello")
	raw.HeaderMap = &corev3.HeaderMap{}
	for _, kv := range [][2]string{{":method", "POST"}, {":path", "/p?a=1"}, {"x-a", "1"}, {"cookie", "a=1"}, {"X-A", "2"}, {"cookie", "b=2"}} {
		raw.HeaderMap.Headers = append(raw.HeaderMap.Headers, &corev3.HeaderValue{Key: kv[0], RawValue: []byte(kv[1])})
	}
	want := map[string]any{
		"source": map[string]any{"principal": "spiffe://a/b"}, "contextExtensions": map[string]any{"team": "search"},
		"request": map[string]any{"http": map[string]any{
			"method": "POST", "path": "/p?a=1", "host": "h", "scheme": "https", "protocol": "HTTP/2", "size": "5",
			"headers": map[string]any{":method": "POST", ":path": "/p?a=1", "x-a": "1,2", "cookie": "a=1; b=2"},
		}},
	}
	for name, http := range map[string]*authv3.AttributeContext_HttpRequest{"headers": plain, "header_map": raw} {
		b, err := proto.Marshal(&authv3.CheckRequest{Attributes: &authv3.AttributeContext{
			Source:            &authv3.AttributeContext_Peer{Principal: "spiffe://a/b"},
			ContextExtensions: map[string]string{"team": "search"}, Request: &authv3.AttributeContext_Request{Http: http},
		}})
		if err != nil {
			t.Fatal(err)
		}
		in := new(CheckInbound)
		if err := in.unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}); err != nil {
			t.Fatal(err)
		}
		got, body, err := in.Attributes()
		if diff := cmp.Diff(want, got); err != nil || diff != "" || string(body) != "hello" {
			t.Errorf("%s: %v, body %q\n%s", name, err, body, diff)
		}
		if req := in.Request(context.Background()); req.Headers["x-a"] == nil {
			t.Errorf("%s: the head is gone: %v", name, req)
		}
	}
	in := &Inbound{head: head{
		fields:     []field{{":method", "POST"}, {":path", "/p?a=1"}, {"x-a", "1"}, {"cookie", "a=1"}, {"x-a", "2"}, {"cookie", "b=2"}},
		attributes: map[string]string{"destination.address": "10.0.0.2:80"},
	}}
	got, err := in.Attributes(authz.Request{
		Method: "POST", Path: "/p?a=1", Host: "h", Scheme: "https", Source: "[::1]:4711", Peer: "spiffe://a/b", Route: "papers", RequestID: "r",
		Time: time.Unix(5, 0), Headers: authz.Header{"content-length": {"5"}},
	})
	want["contextExtensions"] = map[string]any{"target": "papers"}
	address := func(host, port string) map[string]any {
		return map[string]any{"socketAddress": map[string]any{"address": host, "portValue": json.Number(port)}}
	}
	want["source"] = map[string]any{"principal": "spiffe://a/b", "address": address("::1", "4711")}
	want["destination"] = map[string]any{"address": address("10.0.0.2", "80")}
	http := want["request"].(map[string]any)["http"].(map[string]any)
	delete(http, "protocol")
	http["id"] = "r"
	want["request"].(map[string]any)["time"] = "1970-01-01T00:00:05Z"
	if diff := cmp.Diff(want, got, protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("ext_proc: %v\n%s", err, diff)
	}
}

// TestWholeBody: what is not known to be all of it is not.
func TestWholeBody(t *testing.T) {
	for name, tc := range map[string]struct {
		h    authz.Header
		body string
		want bool
	}{
		"as long as it says":             {authz.Header{"content-length": {"5"}}, "hello", true},
		"shorter":                        {authz.Header{"content-length": {"6"}}, "hello", false},
		"none of it":                     {authz.Header{"content-length": {"6"}, "x-envoy-auth-partial-body": {"false"}}, "", false},
		"no length, by Envoy's word":     {authz.Header{"x-envoy-auth-partial-body": {"false"}}, "hello", true},
		"no length, cut":                 {authz.Header{"x-envoy-auth-partial-body": {"true"}}, "hello", false},
		"no length, nothing said":        {authz.Header{}, "hello", false},
		"no length, a client's own word": {authz.Header{"x-envoy-auth-partial-body": {"false"}}, "", false},
		"a length that is none":          {authz.Header{"content-length": {"five"}}, "hello", false},
	} {
		if got := WholeBody(authz.Request{Headers: tc.h}, []byte(tc.body)); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
