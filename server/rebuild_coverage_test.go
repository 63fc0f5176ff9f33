package server

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/config"
)

// TestLeftOf: what left by a redirect's leave is the object that was redirected from, and left where the redirect was followed only.
func TestLeftOf(t *testing.T) {
	c := &config.Config{Targets: []config.Target{{Name: "hub", Tenant: "hubs"}, {Name: "cdn", Tenant: "cdns"}}}
	direct := audit.Fields{
		Decision: "d", Target: "cdn", Tenant: "cdns", UserID: "i|ada", UserRoles: []string{"g"}, Object: "/a", Version: "e", Size: 9, Length: 9, SubjectAfter: 1, Enforced: authz.Allow,
	}
	followed := direct
	followed.LeaveTarget, followed.LeaveObject, followed.LeaveVersion = "hub", "org/llm", "sha"
	redirect, refused, uncovered, agent := direct, direct, direct, direct
	agent.Owner = "i|eve"
	redirect.Carried, refused.Enforced, uncovered.SubjectAfter = "capability:x", authz.Deny, 0
	holders := []string{"subject|i|ada", "group|g"}
	for name, tt := range map[string]struct {
		fields audit.Fields
		want   *authz.CoverClaim
	}{
		"a download":            {direct, &authz.CoverClaim{ID: "d", Tenant: "cdns", Target: "cdn", Holders: holders, Piece: authz.Piece{Object: "/a", Version: "e", Size: 9, Length: 9}}},
		"one by an agent":       {agent, &authz.CoverClaim{ID: "d", Tenant: "cdns", Target: "cdn", Holders: []string{"subject|i|eve", "group|g"}, Piece: authz.Piece{Object: "/a", Version: "e", Size: 9, Length: 9}}},
		"one after a redirect":  {followed, &authz.CoverClaim{ID: "d", Tenant: "hubs", Target: "hub", Holders: holders, Piece: authz.Piece{Object: "org/llm", Version: "sha", Size: 9, Length: 9}}},
		"the redirect":          {redirect, nil},
		"a refusal":             {refused, nil},
		"what is kept nowhere":  {uncovered, nil},
		"an operator's changes": {audit.Fields{Entry: operatorEntry, SubjectAfter: 1, Enforced: authz.Allow}, nil},
	} {
		got, left := leftOf(c, &tt.fields)
		if left != (tt.want != nil) || left && !cmp.Equal(got, *tt.want) {
			t.Errorf("%s: %v, %+v; want %+v", name, left, got, tt.want)
		}
	}
}
