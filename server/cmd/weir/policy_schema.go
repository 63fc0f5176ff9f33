package main

import (
	"context"
	"io"

	"github.com/weirgate/weir/pkg/policy"
)

// policySchema is "weir policy schema".
func policySchema(_ context.Context, args []string, out io.Writer) error {
	fs := flags("policy schema", "", `Prints the JSON schema of what a policy is asked about, input, for editors and for "opa check --strict --schema".`)
	if err := parse(fs, args); err != nil {
		return err
	}
	if err := only(fs, true); err != nil {
		return err
	}
	b, err := policy.Schema()
	if err != nil {
		return err
	}
	_, err = out.Write(b)
	return err
}
