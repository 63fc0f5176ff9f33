package authn

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

// FuzzParse looks for a token that is taken apart though it is not in the one form, and for an error that is not one of ours.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", ".", "..", "....", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.AAAA",
		"eyJhbGciOiJFUzI1NiIsImNyaXQiOltdfQ.eyJpc3MiOiJ4In0.AAAA", "eyJhbGciOiJFUzI1NiJ9\n.eyJpc3MiOiJ4In0.AAAA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		p, err := parse(token)
		if err != nil {
			var e *authz.Error
			if !errors.As(err, &e) || e.Kind != authz.KindUnauthenticated || !strings.HasPrefix(e.Label, "token_") {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		if len(token) > MaxToken || strings.Count(token, ".") != 2 || strings.ContainsAny(token, "\r\n= ") || p.alg == "" || p.claims == nil {
			t.Fatalf("taken apart: %q", token)
		}
	})
}

// FuzzObject compares with encoding/json: what is accepted is valid and reads the same.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"a":2}`, `{"a":{"b":[1,{}]}}`, `{"a":1,}`, `{"a":[1,]}`, `{}{}`, `[]`, `{"a":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := object(raw)
		if err != nil {
			return
		}
		var want map[string]any
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("accepted, but %v: %q", err, raw)
		}
		a, errA := json.Marshal(got)
		b, errB := json.Marshal(want)
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Fatalf("read as %s, want %s", a, b)
		}
	})
}
