package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/weirgate/weir/pkg/policy"
)

const policyBuildUsage = "[DIR] --out FILE [--revision TEXT] [--serial N] [--sign-key FILE [--algorithm ALG]] [--compat opa-envoy]"

const policyBuildAbout = `Makes an OPA bundle of the policy in DIR, the shipped one without DIR, for policy.bundle of weir.yaml: its rules, tests, data and settings. It must
load and pass its tests. --sign-key is a private key in PEM, or the secret of HS256.`

// policyBuild is "weir policy build".
func policyBuild(ctx context.Context, args []string, out io.Writer) error {
	fs := flags("policy build", policyBuildUsage, policyBuildAbout)
	file := fs.String("out", "", "the bundle's `file`, .tar.gz")
	revision := fs.String("revision", "", "what the policy calls itself: stands in every record and decision")
	serial := fs.Int64("serial", 0, "a `number` that goes up from bundle to bundle, such as date +%s: once Weir has taken one, it takes none with a smaller one")
	key := fs.String("sign-key", "", "sign it with the key in this `file`")
	algorithm := fs.String("algorithm", "RS256", "of the signature: RS256, ES256, HS256, …")
	compat := fs.String("compat", "", "what the policy was written for: opa-envoy; default: Weir")
	if err := parse(fs, args); err != nil {
		return err
	}
	absent(fs, "out")
	if err := exactly(fs, min(fs.NArg(), 1), *file != "" && *serial >= 0); err != nil {
		return err
	}
	cfg := policy.BuildConfig{Compat: *compat, Revision: *revision, Serial: *serial, Algorithm: *algorithm}
	if fs.NArg() == 1 {
		var err error
		if cfg.FS, err = directory(fs.Arg(0)); err != nil {
			return err
		}
	}
	if *key != "" {
		b, err := os.ReadFile(*key)
		if err != nil {
			return err
		}
		cfg.Key = string(b)
	}
	b, err := policy.Build(ctx, cfg)
	if err != nil {
		return err
	}
	if err := os.WriteFile(*file, b, 0o644); err != nil { //nolint:gosec // a policy is no secret
		return err
	}
	signed := "not signed"
	if *key != "" {
		signed = "signed by " + *algorithm
	}
	_, err = fmt.Fprintf(out, "%s: %d bytes, %s\n", *file, len(b), signed)
	return err
}
