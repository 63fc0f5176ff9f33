package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/bundle"

	"github.com/weirgate/weir/pkg/policy"
)

// TestSerials: what was taken is the oldest that is taken again, after a restart too; each step is a process of its own.
func TestSerials(t *testing.T) {
	ours := newSigner(t)
	made := func(serial any, rule string) []byte {
		m := bundle.Manifest{}
		if serial != nil {
			m.Metadata = map[string]any{"weir_serial": serial}
		}
		return ours.numbered(t, m, fmt.Sprintf(says, rule), nil)
	}
	seven := made(7, "seven")
	type step struct {
		b    []byte
		want string // of the error; "" for one that is taken
	}
	for name, tc := range map[string]struct {
		required bool
		steps    []step
	}{
		"up":            {false, []step{{made(1, "a"), ""}, {made(2, "b"), ""}, {made(1_700_000_000, "c"), ""}}},
		"back":          {false, []step{{made(6, "old"), ""}, {seven, ""}, {made(6, "old"), "its serial is 6, and one with serial 7 was taken before"}, {seven, ""}}},
		"the same":      {false, []step{{seven, ""}, {made(7, "another"), "it is another one with serial 7"}, {seven, ""}}},
		"without":       {false, []step{{made(nil, "a"), ""}, {seven, ""}, {made(nil, "a"), "it has no serial, and one with serial 7 was taken before"}}},
		"never any":     {false, []step{{made(nil, "a"), ""}, {made(nil, "b"), ""}}},
		"required":      {true, []step{{made(nil, "a"), "it has no serial (metadata.weir_serial of its manifest)"}, {seven, ""}}},
		"zero":          {false, []step{{made(0, "a"), "want a whole number from 1 up"}}},
		"below":         {false, []step{{made(-7, "a"), "metadata.weir_serial of the manifest: "}}},
		"no number":     {false, []step{{made("7", "a"), "metadata.weir_serial of the manifest: want a number, got string"}}},
		"raised by us":  {false, []step{{seven, ""}, {altered(t, made(6, "old"), ".manifest", "6", "9"), ".manifest"}}},
		"taken by us":   {false, []step{{seven, ""}, {altered(t, made(6, "old"), ".manifest", "", ""), ".manifest"}}},
		"a broken file": {false, []step{{[]byte("no bundle"), "read the bundle"}}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "state", "policy-serial.json")
			for i, s := range tc.steps {
				serials, err := policy.NewSerials(file, tc.required)
				if err != nil {
					t.Fatal(err)
				}
				b, err := policy.ReadBundle(s.b, policy.BundleConfig{Key: ours.public, Algorithm: "ES256", Serials: serials})
				if err == nil {
					err = serials.Taken(b)
				}
				if (err == nil) != (s.want == "") || err != nil && !strings.Contains(err.Error(), s.want) {
					t.Errorf("step %d: %v; want %q", i+1, err, s.want)
				}
			}
		})
	}
}

// TestSerialsThatAreNotRead: a file that cannot be believed is not passed over, which would forget what was taken.
func TestSerialsThatAreNotRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy-serial.json")
	for _, text := range []string{"", "7", `{"serial":0}`, `{"serial":-1}`, `{"serial":"7"}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := policy.NewSerials(file, false); err == nil || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	s, err := policy.NewSerials(filepath.Join(file, "x"), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Taken(&policy.Bundle{}); err != nil {
		t.Errorf("nothing is to be remembered: %v", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Taken(&policy.Bundle{Serial: 7}); err == nil {
		t.Error("nobody says that a restart will not know")
	}
	if _, err := policy.NewSerials(filepath.Join(file, "x"), false); err == nil {
		t.Error("a place that cannot be read says nothing")
	}
}
