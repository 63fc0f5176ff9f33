package config

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/weirgate/weir/pkg/authn"
)

// Keys looks into the keys that the configuration names, for "weir check": a file that is no key is a problem, and a variable that is not set
// a warning, as Weir may serve elsewhere. Weir itself starts, and is not ready until there is a key, or says so; commands are not run here.
func (c *Config) Keys() (Problems, []string) {
	r := c.report()
	for i := range c.Issuers {
		is := &c.Issuers[i]
		raw, err := os.ReadFile(is.JWKSFile)
		if err != nil {
			continue // there is none, or Load has said so
		}
		if err := authn.CheckKeys(raw, authn.Issuer{Algorithms: is.Algorithms, TrustDomain: is.TrustDomain}); err != nil {
			r.add(fmt.Sprintf("issuers[%d].jwks_file", i), "%s: %v", is.JWKSFile, err)
		}
	}
	b := &c.Policy.Bundle
	if raw, err := os.ReadFile(b.Key); err == nil && !strings.HasPrefix(b.Algorithm, "HS") {
		if err := verifies(raw); err != nil {
			r.add("policy.bundle.key", "%s: %v", b.Key, err)
		}
	}
	var warnings []string
	for _, k := range []keyring{c.MaskKeys.ring(), c.Capabilities.ring()} {
		for _, n := range k.specs() {
			if name, ok := strings.CutPrefix(*n.at, "env:"); ok && os.Getenv(name) == "" {
				warnings = append(warnings, fmt.Sprintf("%s: the environment variable %s is not set here: without it, weir serve does not start", n.key, name))
			}
		}
	}
	_ = r.err() // in the order of the file
	return r.found, warnings
}

// verifies reports what is wrong with a key that signatures are to be verified with.
func verifies(raw []byte) error {
	block, _ := pem.Decode(raw)
	switch {
	case block == nil:
		return errors.New("want a public key in PEM")
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return errors.New("it is a private key: whoever reads it here can sign bundles; want the public one (openssl pkey -pubout)")
	}
	if _, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
		return nil
	}
	if _, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
		return nil
	}
	if _, err := x509.ParseCertificate(block.Bytes); err == nil {
		return nil
	}
	return fmt.Errorf("want a public key in PEM, and a %s in it cannot be read as one", block.Type)
}
