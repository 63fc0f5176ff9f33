package harness

import "github.com/weirgate/weir/pkg/authn/authntest"

// Audience is the audience of an Issuer's tokens.
const Audience = authntest.Audience

// Issuer is a development OIDC issuer: discovery, keys for RS256, ES256 and EdDSA, and GET /token?sub=alice&groups=a,b&for=1h, which gives
// a token to whoever asks. It is safe for concurrent use, and for nothing else.
type Issuer = authntest.Issuer

// StartIssuer starts an issuer on an address. url is the name it gives itself; by default "http://" and the address.
func StartIssuer(listen, url string) (*Issuer, error) { return authntest.StartAs(listen, url) }
