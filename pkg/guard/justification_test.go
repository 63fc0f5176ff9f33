package guard_test

import (
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

// TestJustification: whose words policy is told, as they are, and whose are none.
func TestJustification(t *testing.T) {
	for name, tt := range map[string]struct {
		header []string // nil: not sent
		path   string
		claim  string
		want   string
	}{
		"the header":                    {[]string{"MODEL-42 “nightly” run"}, "/", "", "MODEL-42 “nightly” run"},
		"the query":                     {nil, "/k?a=b&weir-justification=MODEL-42%20a%26b+c&X-Amz-Signature=f", "", "MODEL-42 a&b c"},
		"the query, its name encoded":   {nil, "/k?weir%2Djustification=MODEL-42", "", "MODEL-42"},
		"the token":                     {nil, "/k?a=b", "MODEL-42", "MODEL-42"},
		"the header before the query":   {[]string{"A-1"}, "/k?weir-justification=B-2", "C-3", "A-1"},
		"the query before the token":    {nil, "/k?weir-justification=B-2", "C-3", "B-2"},
		"an empty header is one":        {[]string{""}, "/k?weir-justification=B-2", "C-3", ""},
		"a header that is no text":      {[]string{"A-1\x00"}, "/k?weir-justification=B-2", "C-3", ""},
		"a query that says two things":  {nil, "/k?weir-justification=A-1&weir-justification=B-2", "C-3", ""},
		"a query that is no text":       {nil, "/k?weir-justification=A-1%0aB-2", "C-3", ""},
		"a query that cannot be read":   {nil, "/k?weir-justification=A-1%zz", "C-3", ""},
		"a query that is not in UTF-8":  {nil, "/k?weir-justification=A-1%ff", "C-3", ""},
		"more than anybody has to say":  {nil, "/k?weir-justification=" + strings.Repeat("a", 513), "C-3", ""},
		"a token with more to say":      {nil, "/k", strings.Repeat("a", 513), ""},
		"a name that begins like it":    {nil, "/k?weir-justification2=A-1", "", ""},
		"a path that looks like it":     {nil, "/weir-justification=A-1", "", ""},
		"a fragment of another's value": {nil, "/k?x=weir-justification=A-1", "", ""},
	} {
		w := newWorld(t)
		w.claimed = tt.claim
		req := authz.Request{Method: "GET", Path: tt.path, Headers: authz.Header{}}
		if tt.header != nil {
			req.Headers["weir-justification"] = tt.header
		}
		w.guard.Begin(req).Admit(t.Context())
		if len(w.inputs) != 1 || w.inputs[0].Justification != tt.want {
			t.Errorf("%s: policy is asked with %+v, want %q", name, w.inputs, tt.want)
		}
	}
}
