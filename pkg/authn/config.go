package authn

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Config configures an Authenticator. Issuers is required.
type Config struct {
	Issuers []Issuer
	// Certificates say who a client certificate is, where that is how a subject shows who it is; the first that fits.
	Certificates []CertificateRule
	// Revocations is the file of the revocation list, see parseRevocations; default: none. It is read at start and by Refresh; one that cannot
	// be read then leaves the last good one in force.
	Revocations string
	// ForwardedCertificate says that the client's certificate is what the header x-forwarded-client-cert tells, of one hop. Only where Envoy
	// sets that header itself, of certificates that it has verified, or a proxy before it does and nobody else reaches Envoy.
	ForwardedCertificate bool
	// CertificateAuthorities is a file of certificates in PEM, by which a client certificate is verified that Envoy hands over (ext_authz,
	// include_peer_certificate): there it does not say whether it has. Default: none; such a certificate's names are then worth nothing. It is
	// read at start and by Refresh; one that cannot be read then leaves the last good one in force.
	CertificateAuthorities string
	// Capabilities know the capabilities that come in URLs; nil: none is taken.
	Capabilities *Capabilities
	// ProofWindow is how old a DPoP proof may be; default 60 s, at most 10 min. Replays remembers those that were used, for that long; default
	// a MemoryReplays, which suits one process.
	ProofWindow time.Duration
	Replays     Replays
	// Nonces make the nonces that proofs must hold for the issuers and targets that say so (Nonce); nil: none may.
	Nonces *Nonces
	// PublicScheme is the scheme by which clients reach Envoy, http or https; default the one that Envoy tells. For an Envoy behind something
	// that ends TLS: clients put into their proofs the URL that they know.
	PublicScheme string
	// Carriers say where our token may come, see parseCarriers; default authorization and weir-token.
	Carriers []string
	// Targets says what is special to a target, by its name.
	Targets map[string]Target
	// Leeway is how far the issuer's clock may be from ours: 0 means the default of 30 s, at most 5 min; negative means none.
	Leeway time.Duration
	// MaxLifetime is the longest exp - iat accepted; default 24 h. MaxLifetimeWorkload and MaxLifetimeAgent bound it further by what the
	// subject is: default MaxLifetime, and 15 min. An agent does many things in little time, and nobody looks at its screen.
	MaxLifetime, MaxLifetimeWorkload, MaxLifetimeAgent time.Duration
	// CacheTTL is how long a verified token is believed without a look at it, never past its exp; default 60 s, negative for no cache.
	// It bounds how late a change of the clock or of a token's standing is noticed; a key that is withdrawn takes effect at once.
	CacheTTL time.Duration
	// CacheSize is how many verified tokens are kept; default 16384. An entry takes a few KiB, and never more than a few times MaxToken.
	CacheSize int
	// Client fetches discovery documents and key sets. Default: a client of its own. Its redirects are limited to the same origin, and its
	// timeout to 5 s, whichever client it is.
	Client *http.Client
	Now    func() time.Time // default time.Now
	Log    *slog.Logger     // default: nothing is logged
}

// Target is how subjects show who they are to one target. The zero value is as for all.
type Target struct {
	Carriers []string // as Config.Carriers, in their place; default those
	// Realm is what a 401 names as the realm of its challenge; default weir. OCI clients take it for the URL where they get a token, and ask it
	// for Service, and for the scope of what they wanted.
	Realm, Service string
	// Nonce says that proofs of a key (DPoP) for requests to it must hold a nonce: see Config.Nonces.
	Nonce bool
}

// fill sets the defaults and checks what is set.
func (c *Config) fill() error {
	if len(c.Issuers) == 0 && len(c.Certificates) == 0 {
		return errors.New("no issuer is configured, and no certificate")
	}
	if c.Carriers == nil {
		c.Carriers = []string{CarrierAuthorization, CarrierWeirToken}
	}
	if c.Leeway > 5*time.Minute {
		return fmt.Errorf("leeway %s: at most 5m", c.Leeway)
	}
	if c.CacheSize < 0 || c.MaxLifetime < 0 || c.MaxLifetimeWorkload < 0 || c.MaxLifetimeAgent < 0 {
		return errors.New("cache size and lifetime cannot be negative")
	}
	c.Leeway = max(0, orDefault(c.Leeway, 30*time.Second))
	c.MaxLifetime = orDefault(c.MaxLifetime, 24*time.Hour)
	c.MaxLifetimeWorkload = orDefault(c.MaxLifetimeWorkload, c.MaxLifetime)
	c.MaxLifetimeAgent = orDefault(c.MaxLifetimeAgent, 15*time.Minute)
	c.CacheTTL = orDefault(c.CacheTTL, time.Minute)
	c.CacheSize = orDefault(c.CacheSize, 16384)
	if c.ProofWindow = orDefault(c.ProofWindow, time.Minute); c.ProofWindow < time.Second || c.ProofWindow > 10*time.Minute {
		return fmt.Errorf("proof window %s: want 1s to 10m", c.ProofWindow)
	}
	if c.PublicScheme != "" && c.PublicScheme != "http" && c.PublicScheme != "https" {
		return fmt.Errorf("public scheme %q: want http or https", c.PublicScheme)
	}
	if c.Nonces == nil {
		for i := range c.Issuers {
			if c.Issuers[i].Nonce {
				return fmt.Errorf("issuer %q: wants nonces, and there is no key for them", c.Issuers[i].URL)
			}
		}
		for name, t := range c.Targets {
			if t.Nonce {
				return fmt.Errorf("target %q: wants nonces, and there is no key for them", name)
			}
		}
	}
	c.Client = fetchClient(c.Client)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Replays == nil {
		c.Replays = NewMemoryReplays(c.Now)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return nil
}

// lifetime is how long a subject's token may live.
func (c *Config) lifetime(k authz.SubjectKind) time.Duration {
	switch k {
	case authz.Human:
		return c.MaxLifetime
	case authz.Workload:
		return min(c.MaxLifetime, c.MaxLifetimeWorkload)
	}
	return min(c.MaxLifetime, c.MaxLifetimeAgent)
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
