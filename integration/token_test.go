package integration_test

import (
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdToken mints a token with the claims given as name=value: groups are a list, exp is a duration from now, the rest are texts.
func cmdToken(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "token", neg)
	if len(args) == 0 {
		ts.Fatalf("usage: token NAME [CLAIM=VALUE…]")
	}
	claims := map[string]any{"sub": args[0]}
	for _, arg := range args[1:] {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("claim %q: want NAME=VALUE", arg)
		}
		switch name {
		case "groups":
			claims[name] = strings.Split(value, ",")
		case "exp", "nbf", "iat":
			life, err := time.ParseDuration(value)
			ts.Check(err)
			claims[name] = time.Now().Add(life).Unix()
		default:
			claims[name] = value
		}
	}
	token, err := the(ts).issuer.Mint(claims)
	ts.Check(err)
	ts.Setenv(args[0], token)
}
