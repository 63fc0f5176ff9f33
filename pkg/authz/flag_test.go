package authz_test

import (
	"slices"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

// TestFlagsStay: whatever a later decision says, what was marked stays so, each mark once.
func TestFlagsStay(t *testing.T) {
	a, b := authz.Flag{Name: "a", Rule: "r", Reason: "first"}, authz.Flag{Name: "b", Rule: "r", Reason: "second"}
	first := authz.Decision{Effect: authz.Allow, Flags: []authz.Flag{a}}
	for name, later := range map[string]authz.Decision{
		"refused": {Effect: authz.Deny, Flags: []authz.Flag{{Name: "a", Rule: "r", Reason: "told otherwise"}, b}},
		"allowed": {Effect: authz.Allow, Flags: []authz.Flag{b, b}},
	} {
		if got := first.Tighten(later); !slices.Equal(got.Flags, []authz.Flag{a, b}) || got.Effect != later.Effect {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := first.Tighten(authz.Decision{}); !slices.Equal(got.Flags, first.Flags) {
		t.Errorf("by a fault: %+v", got.Flags)
	}
	if !slices.Equal(first.Flags, []authz.Flag{a}) {
		t.Error("the first decision, which others share, was changed")
	}
}

func TestWellformedFlag(t *testing.T) {
	for s, want := range map[string]bool{"repeated_attempts": true, "a2": true, "": false, "A": false, "2a": false, "a b": false, "a\n": false} {
		if got := authz.WellformedFlag(s); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}
