package authz_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
)

// TestMaskOrder: the list says the order, and joining keeps the later of two, whichever comes first.
func TestMaskOrder(t *testing.T) {
	all := authz.MaskModes()
	for i, a := range all {
		if !a.Valid() {
			t.Errorf("%s is not valid", a)
		}
		for j, b := range all {
			if got, want := a.Stricter(b), all[max(i, j)]; got != want {
				t.Errorf("%s and %s: %s, want %s", a, b, got, want)
			}
		}
	}
	for _, strange := range []authz.MaskMode{"", "blur", "None", "obfuscate", "obfuscate:shuffle"} {
		if strange.Valid() {
			t.Errorf("%q is valid", strange)
		}
	}
}

// TestUnsaidRedacts: silence never releases a vector, and never relaxes what was said.
func TestUnsaidRedacts(t *testing.T) {
	for _, m := range authz.MaskModes() {
		want := authz.MaskRedact
		if m == authz.MaskRefuse {
			want = m
		}
		if got := authz.MaskUnset.Stricter(m); got != want {
			t.Errorf("unset and %s: %s, want %s", m, got, want)
		}
	}
	if got := authz.MaskNone.Stricter("blur"); got == authz.MaskNone {
		t.Error("a mask that is not known lets vectors out")
	}
}

func TestMaskProperties(t *testing.T) {
	type properties struct {
		Protects, Obfuscates, Keyed bool
		Unit                        authz.Unit
	}
	raw, masked := authz.UnitVectors, authz.UnitVectorsMasked
	want := map[authz.MaskMode]properties{
		authz.MaskNone: {Unit: raw}, authz.MaskSeal: {Protects: true, Keyed: true, Unit: raw}, authz.MaskToken: {Protects: true, Keyed: true, Unit: masked},
		authz.MaskZero: {Protects: true, Unit: masked}, authz.MaskUnit: {Protects: true, Unit: masked}, authz.MaskRedact: {Protects: true, Unit: masked},
		authz.MaskRefuse: {Protects: true, Unit: masked},
	}
	for _, m := range []authz.MaskMode{authz.MaskRotate, authz.MaskNoise, authz.MaskRotateNoise, authz.MaskTruncate, authz.MaskQuantize} {
		want[m] = properties{Obfuscates: true, Keyed: true, Unit: raw}
	}
	got := map[authz.MaskMode]properties{}
	for _, m := range authz.MaskModes() {
		got[m] = properties{m.Protects(), m.Obfuscates(), m.Keyed(), m.Unit()}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestMaskTightens: each part of a joined mask is the stricter one.
func TestMaskTightens(t *testing.T) {
	a := authz.Mask{Vectors: authz.MaskSeal, Scores: "round:2", Fields: []string{"a", "b"}}
	b := authz.Mask{Vectors: authz.MaskNone, Scores: "rank", Fields: []string{"b", "c"}, Strict: true}
	want := authz.Mask{Vectors: authz.MaskSeal, Scores: "rank", Fields: []string{"a", "b", "c"}, Strict: true}
	if diff := cmp.Diff(want, a.Tighten(b)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a", "b"}, a.Fields); diff != "" {
		t.Errorf("joining changed what was joined: %s", diff)
	}
}
