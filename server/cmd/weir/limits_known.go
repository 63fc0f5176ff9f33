package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirgate/weir/server/internal/config"
)

// issuersOf lists the issuers that subjects may have by this configuration. all is false where there may be more: one that a capability
// was signed for, or a certificate of any trust domain.
func issuersOf(c *config.Config) (known []string, all bool) {
	all = c.Capabilities.Current == ""
	for i := range c.Issuers {
		known = append(known, c.Issuers[i].Issuer)
	}
	for _, cert := range c.Certificates {
		name, domain := "x509", ""
		if rest, ok := strings.CutPrefix(cert.Match, "spiffe://"); ok {
			domain, _, _ = strings.Cut(rest, "/")
			name = "spiffe://" + domain
		}
		if strings.HasPrefix(cert.Match, "*") || strings.Contains(domain, "*") {
			all = false
		} else {
			known = append(known, name)
		}
	}
	slices.Sort(known)
	return slices.Compact(known), all
}

// strangers says which word of what a command is about is not in the configuration, and which one may have been meant; "" where all are, or
// where the configuration cannot tell.
func (w *whose) strangers(c *config.Config) string {
	tenants, names := []string{}, []string{}
	for i := range c.Targets {
		t := c.Targets[i].Rule().Target
		tenants, names = append(tenants, t.MeterTenant()), append(names, t.Name)
	}
	issuers, all := issuersOf(c)
	issuer, _, isSubject := strings.Cut(w.subject, "|")
	switch {
	case *w.tenant != "" && !slices.Contains(tenants, *w.tenant):
		return notThere("no target has the tenant", *w.tenant, tenants)
	case isSubject && all && !slices.Contains(issuers, issuer):
		return notThere("the configuration has no issuer", issuer, issuers)
	case *w.meter == "target" && !slices.Contains(names, *w.key):
		return notThere("the configuration has no target", *w.key, names)
	}
	return ""
}

func notThere(what, word string, known []string) string {
	slices.Sort(known)
	known = slices.Compact(known)
	text := fmt.Sprintf("%s %q; there is %s", what, strings.Map(visible, word), strings.Join(known, ", "))
	if near := config.Nearest(word, known); near != "" && len(known) > 1 {
		text += "; did you mean " + near + "?"
	}
	return text
}

// hint is what to look at where nothing is counted.
func (w *whose) hint(c *config.Config) string {
	switch said := w.strangers(c); {
	case said != "":
		return said
	case w.subject != "":
		return "whether there is such a subject its issuer knows: weir audit tail prints the subjects that came, as issuer|sub"
	}
	return "no exchange was counted there within its windows"
}
