package server

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/server/internal/config"
)

// newAuthenticator wires who is believed. Proofs that may be used once are remembered by the store, where that is shared.
func newAuthenticator(ctx context.Context, c *config.Config, s store, log *slog.Logger) (*authn.Authenticator, error) {
	cfg := authn.Config{
		Carriers: c.Token.Carriers, Leeway: c.Token.Leeway,
		MaxLifetime: c.Token.MaxLifetime, MaxLifetimeWorkload: c.Token.MaxLifetimeWorkload, MaxLifetimeAgent: c.Token.MaxLifetimeAgent,
		Revocations: c.Token.Revocations, CertificateAuthorities: c.Token.CertificateAuthorities, ProofWindow: c.Token.DPoP.Window, PublicScheme: c.Token.DPoP.Scheme,
		ForwardedCertificate: c.Token.ForwardedCertificate, CacheTTL: c.Token.CacheTTL, CacheSize: c.Token.CacheSize, Log: log,
	}
	if shared, ok := s.(authn.Replays); ok {
		cfg.Replays = shared
	}
	for i := range c.Issuers {
		is := &c.Issuers[i]
		in, err := introspection(&is.Introspection)
		if err != nil {
			return nil, fmt.Errorf("issuer %s: introspection: %w", is.Issuer, err)
		}
		cfg.Issuers = append(cfg.Issuers, authn.Issuer{
			Introspection: in,
			URL:           is.Issuer, JWKSURL: is.JWKSURL, JWKSFile: is.JWKSFile, Audiences: is.Audiences, Algorithms: is.Algorithms, Types: is.Types,
			Bound: is.Bound, Nonce: is.DPoPNonce, Refresh: is.Refresh, KeepKeys: is.KeepKeys,
			TrustDomain: is.TrustDomain, Kind: is.Kind, Claims: claimPaths(&is.Claims),
		})
	}
	for _, cert := range c.Certificates {
		cfg.Certificates = append(cfg.Certificates, authn.CertificateRule{Match: cert.Match, Kind: cert.Kind, Groups: cert.Groups})
	}
	cfg.Targets = map[string]authn.Target{}
	for i := range c.Targets {
		t := &c.Targets[i]
		if len(t.Identity.Carriers) == 0 {
			t.Identity.Carriers = nil // as for all
		}
		cfg.Targets[t.Name] = authn.Target{Carriers: t.Identity.Carriers, Realm: t.Identity.Realm, Service: t.Identity.Service, Nonce: t.Identity.DPoPNonce}
	}
	var err error
	if cfg.Nonces, err = nonces(&c.Token.DPoP); err != nil {
		return nil, fmt.Errorf("token.dpop: %w", err)
	}
	if cfg.Capabilities, err = Capabilities(ctx, c); err != nil {
		return nil, err
	}
	return authn.New(cfg)
}

// introspection returns where an issuer is asked about its tokens; nil where it is not.
func introspection(c *config.Introspection) (*authn.Introspection, error) {
	if c.URL == "" {
		return nil, nil
	}
	out := &authn.Introspection{URL: c.URL, ClientID: c.ClientID, TTL: c.TTL, Opaque: c.Opaque}
	if c.ClientSecretFile != "" {
		secret, err := os.ReadFile(c.ClientSecretFile)
		if err != nil {
			return nil, err
		}
		out.ClientSecret = strings.TrimSpace(string(secret))
	}
	return out, nil
}

// Capabilities returns what signs and knows capabilities; nil where none are configured.
func Capabilities(ctx context.Context, c *config.Config) (*authn.Capabilities, error) {
	p := &c.Capabilities
	keys, err := loadMasters(ctx, "capabilities", p.Current, p.Previous)
	if err != nil || keys == nil {
		return nil, err
	}
	out, err := authn.NewCapabilities(p.MaxLifetime, keys[0], keys[1:]...)
	if err != nil {
		return nil, fmt.Errorf("capabilities: %w", err)
	}
	return out, nil
}

// nonces returns what makes nonces for proofs; nil where there is no key.
func nonces(c *config.DPoP) (*authn.Nonces, error) {
	if c.NonceKeyFile == "" {
		return nil, nil
	}
	keys, err := keyFiles(c.NonceKeyFile, c.NoncePrevious)
	if err != nil {
		return nil, err
	}
	return authn.NewNonces(c.NonceTTL, keys[0], keys[1:]...)
}

// keyFiles reads a key and those that were it before.
func keyFiles(current string, previous []string) ([][]byte, error) {
	var keys [][]byte
	for _, file := range append([]string{current}, previous...) {
		key, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// claimPaths returns the claims as pkg/authn takes them.
func claimPaths(c *config.Claims) authn.ClaimPaths {
	out := authn.ClaimPaths{
		ID: c.ID, Groups: c.Groups, GroupPrefix: c.GroupPrefix, Name: c.Name, Email: c.Email, Owner: c.Owner, Kind: c.Kind, Justification: c.Justification,
	}
	for _, k := range c.Kinds {
		out.Kinds = append(out.Kinds, authn.KindRule{Claim: k.Claim, Value: k.Value, Same: k.Same, Kind: k.Kind})
	}
	return out
}
