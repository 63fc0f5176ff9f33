package main

import (
	"slices"
	"strings"

	"github.com/weirgate/weir/server/internal/config"
)

// warnCarriers tells of carriers that may be misspelt, as any word is a header's name, and of certificates that nobody looks at.
func warnCarriers(c *config.Config, warn func(string, ...any)) {
	warnMisspelt("token.carriers", c.Token.Carriers, warn)
	taken := slices.Contains(c.Token.Carriers, "certificate") && slices.ContainsFunc(c.Targets, func(t config.Target) bool { return len(t.Identity.Carriers) == 0 })
	for i := range c.Targets {
		t := &c.Targets[i]
		warnMisspelt("target "+t.Name+": identity.carriers", t.Identity.Carriers, warn)
		taken = taken || slices.Contains(t.Identity.Carriers, "certificate")
	}
	if len(c.Certificates) > 0 && !taken {
		warn("certificates: no target takes one: that needs certificate in token.carriers, or in a target's identity.carriers")
	}
}

func warnMisspelt(key string, carriers []string, warn func(string, ...any)) {
	for _, text := range carriers {
		name := strings.TrimPrefix(text, "base64:")
		if meant := carrierMeant(name); meant != "" && !strings.HasPrefix(text, "url:") {
			warn("%s: %s is taken for the name of a header of its own; if %s is meant, write that", key, name, meant)
		}
	}
}

// carrierMeant is the carrier that a name is a slip or a habit away from; "" for one that is not like any.
func carrierMeant(name string) string {
	known := []string{"authorization", "certificate", "weir-token"}
	switch {
	case slices.Contains(known, name):
		return ""
	case name == "bearer", name == "auth":
		return "authorization"
	case len(name) >= 4 && strings.HasPrefix("certificate", name), name == "mtls", name == "x509":
		return "certificate"
	}
	return config.Nearest(name, known)
}
