package authn_test

import (
	"context"
	"testing"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
)

func BenchmarkAuthenticate(b *testing.B) {
	i := startIssuer(b)
	warm := start(b, i, nil)
	cold := start(b, i, func(c *authn.Config) { c.CacheTTL = -1 })
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		req := bearer(mint(b, i, alg, nil, claims{"groups": []string{"a", "b", "c"}, "email": "alice@example.com", "azp": "client", "scope": "read write"}))
		for name, a := range map[string]*authn.Authenticator{"warm": warm, "cold": cold} {
			b.Run("alg="+alg+"/cache="+name, func(b *testing.B) {
				if _, err := a.Authenticate(context.Background(), req, authz.Target{}); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := a.Authenticate(context.Background(), req, authz.Target{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
