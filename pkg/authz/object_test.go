package authz_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

// TestStricterArtifact: a name and a content say what an object is, and what guards it more counts, in either order.
func TestStricterArtifact(t *testing.T) {
	for _, tt := range [][3]string{
		{"", "", ""},
		{"", "corpus", "corpus"},
		{"corpus", "opaque", "opaque"},
		{"opaque", "checkpoint", "checkpoint"},
		{"corpus", "checkpoint", "checkpoint"},
		{"checkpoint", "", "checkpoint"},
	} {
		for _, pair := range [][2]string{{tt[0], tt[1]}, {tt[1], tt[0]}} {
			if got := authz.StricterArtifact(pair[0], pair[1]); got != tt[2] {
				t.Errorf("StricterArtifact(%q, %q) = %q, want %q", pair[0], pair[1], got, tt[2])
			}
		}
	}
}
