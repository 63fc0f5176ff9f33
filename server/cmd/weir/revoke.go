package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server"
	"github.com/weirgate/weir/server/internal/config"
)

const aboutRevoke = `Makes capabilities in redirects good for nothing more, at once and for all replicas that share counters. ID is what the records of the redirect have
as weir.redirect.capability, and those of whoever follows it as weir.credential.id. Two records in the journal say so first and last. What is under way
goes on, and with counters.leases a replica uses up what it took in advance. The process that serves with this configuration does it; run this as its user, on its host. Capabilities by weir sign are
revoked by a line "jti capability:ID" in token.revocations.

  weir revoke --config weir.yaml --reason 'INC-8: a URL in a chat' capability:7QK4X2S3E5T6U7V8W9Y2Z3A4B5`

// revoke has capabilities spent.
func revoke(ctx context.Context, args []string, out io.Writer) error {
	fs := flags("revoke", "--config FILE --reason TEXT ID...", aboutRevoke)
	file := fs.String("config", "", configUsage)
	reason := fs.String("reason", "", "why: it stands in the journal")
	if err := parse(fs, args); err != nil {
		return err
	}
	if fs.NArg() == 0 || *file == "" || strings.TrimSpace(*reason) == "" {
		absent(fs, "config", "reason")
		fs.Usage()
		return errUsage
	}
	r := server.Reset{Of: "capabilities", Operator: operator(), Reason: *reason, Spend: true}
	for _, id := range fs.Args() {
		id = strings.TrimPrefix(id, authz.CredentialCapability)
		if len(id) != len(rand.Text()) || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
			return fmt.Errorf("%.64q is no ID of a capability", id)
		}
		r.Keys = append(r.Keys, authz.MeterKey{Meter: authz.MeterCapability, Key: authz.CredentialCapability + id})
	}
	cfg, err := config.Load(*file)
	if err != nil {
		return configError(err)
	}
	for _, r.Tenant = range tenants(cfg) {
		id, err := server.ResetLimits(ctx, cfg, r, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "revoked: %d capabilities, tenant %s; record %s\n", len(r.Keys), r.Tenant, id)
	}
	return nil
}

// tenants are those that targets name.
func tenants(c *config.Config) []string {
	var out []string
	for i := range c.Targets {
		out = append(out, c.Targets[i].Rule().Target.MeterTenant())
	}
	slices.Sort(out)
	return slices.Compact(out)
}
