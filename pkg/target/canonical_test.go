package target_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/target"
)

func TestCanonicalHost(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"example.com", "example.com"},
		{"Example.COM:8443", "example.com"},
		{"example.com.", "example.com"},
		{"example.com.:443", "example.com"},
		{"example.com:", "example.com"},
		{"a_b-c.internal", "a_b-c.internal"},
		{"127.0.0.1:80", "127.0.0.1"},
		{"[2001:DB8:0::1]:80", "[2001:db8::1]"},
		{"[::1]", "[::1]"},
		{"[::ffff:10.0.0.1]", "[::ffff:10.0.0.1]"},
		{"", ""},
		{":80", ""},
		{".", ""},
		{"..", ""},
		{"a..b", ""},
		{".example.com", ""},
		{"example.com..", ""},
		{"user@example.com", ""},
		{"example.com/x", ""},
		{"exa%6dple.com", ""},
		{"exämple.com", ""},
		{"example.com:0", ""},
		{"example.com:65536", ""},
		{"example.com:80:81", ""},
		{"example.com:+80", ""},
		{"2001:db8::1", ""},
		{"[::1", ""},
		{"[::1]x", ""},
		{"[::1]:x", ""},
		{"[127.0.0.1]", ""},
		{"[fe80::1%eth0]", ""},
		{"a b", ""},
		{"a\x00b", ""},
		{"*.example.com", ""},
	} {
		got, err := target.CanonicalHost(tt.in)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("CanonicalHost(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestCanonicalPath(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"/", "/"},
		{"/v1/embeddings", "/v1/embeddings"},
		{"/v1/embeddings?x=%2f..//", "/v1/embeddings"},
		{"/v1/embeddings/", "/v1/embeddings/"},
		{"/%76%31/%65mbeddings", "/v1/embeddings"},
		{"/a%2Db%2e%5F%7e", "/a-b._~"},
		{"/m%3Apredict", "/m:predict"},
		{"/m%40x%2Cy", "/m@x,y"},
		{"/a%20b", "/a%20b"},
		{"/caf%c3%a9", "/caf%C3%A9"},
		{"/café", "/caf%C3%A9"},
		{"/a{b}", "/a%7Bb%7D"},
		{"/a%3Fb%23c", "/a%3Fb%23c"},
		{"/a%3bb", "/a%3Bb"},
		{"/100%25", "/100%25"},
		{"/100%25%20x", "/100%25%20x"},
		{"/...", "/..."},
		{"/.hidden", "/.hidden"},
		{"", ""},
		{"*", ""},
		{"v1", ""},
		{"http://example.com/v1", ""},
		{"?x", ""},
		{"//", ""},
		{"//v1", ""},
		{"/v1//embeddings", ""},
		{"/v1/./embeddings", ""},
		{"/v1/../embeddings", ""},
		{"/..", ""},
		{"/.", ""},
		{"/v1/%2e%2e/x", ""},
		{"/v1/.%2E/x", ""},
		{"/v1%2fembeddings", ""},
		{"/v1%2Fembeddings", ""},
		{"/v1%5cembeddings", ""},
		{`/v1\embeddings`, ""},
		{"/v1%00", ""},
		{"/v1%0a", ""},
		{"/v1%7f", ""},
		{"/v1\x01", ""},
		{"/a b", ""},
		{"/a#b", ""},
		{"/v1;x=y/embeddings", ""},
		{"/v1/..;/embeddings", ""},
		{"/v1%", ""},
		{"/v1%2", ""},
		{"/v1%zz", ""},
		{"/v1/%252e%252e/x", ""},
		{"/v1%252fx", ""},
		{"/%c0%af", ""},
		{"/%ff", ""},
		{"/\xff", ""},
		{"/%ed%a0%80", ""},
	} {
		got, err := target.CanonicalPath(tt.in)
		if err != nil {
			got = ""
		}
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("CanonicalPath(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		check    func(string) error
		in, want string
	}{
		{target.CheckHost, "example.com", ""},
		{target.CheckHost, "*.example.com", ""},
		{target.CheckHost, "Example.com", `host "Example.com": write "example.com" (lower case, no port, no trailing dot)`},
		{target.CheckHost, "*.Example.com:80", `host "*.Example.com:80": write "*.example.com" (lower case, no port, no trailing dot)`},
		{target.CheckHost, "*", ""},
		{target.CheckHost, "*.", `host "*.": a host has 1 to 253 bytes`},
		{target.CheckHost, "a.*.com", `host "a.*.com": it has a byte that no host name has`},
		{target.CheckPath, "/", ""},
		{target.CheckPath, "/v1/", ""},
		{target.CheckPath, "=/v1/embeddings", ""},
		{target.CheckPath, "/openai/deployments/*/embeddings", ""},
		{target.CheckPath, "/files/**", ""},
		{target.CheckPath, "/**", ""},
		{target.CheckPath, "/files**", `path "/files**": ** can only be the last segment`},
		{target.CheckPath, "=/files/**", `path "=/files/**": ** can only be the last segment`},
		{target.CheckPath, "/**/x", `path "/**/x": ** can only be the last segment`},
		{target.CheckPath, "/%76/**", `path "/%76/**": write "/v/**"`},
		{target.CheckPath, "v1", `path "v1": a path starts with /`},
		{target.CheckPath, "/%76", `path "/%76": write "/v"`},
		{target.CheckPath, "=/%76", `path "=/%76": write "=/v"`},
		{target.CheckPath, "/a?b", `path "/a?b": queries are not compared`},
		{target.CheckPath, "/a//b", `path "/a//b": an empty segment`},
	} {
		got := ""
		if err := tt.check(tt.in); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}
