package integration_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirgate/weir/integration/harness"
	"github.com/weirgate/weir/pkg/authn/authntest"
)

// cmdToken mints a token with the claims given as name=value: groups are a list, times are durations from now, what begins with { is an
// object, the rest are texts, and an empty value takes a claim away.
func cmdToken(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "token", neg)
	flags := flag.NewFlagSet("token", flag.ContinueOnError)
	alg := flags.String("alg", "ES256", "")
	forged := flags.Bool("forged", false, "")
	header, claims := map[string]any{}, map[string]any{}
	flags.Func("head", "", func(text string) error { return claim(header, text) })
	ts.Check(flags.Parse(args))
	if flags.NArg() == 0 {
		ts.Fatalf("usage: token [-alg ALG] [-head NAME=VALUE]… [-forged] NAME [CLAIM=VALUE…]")
	}
	w, name := the(ts), flags.Arg(0)
	claims["sub"] = name
	for _, arg := range flags.Args()[1:] {
		ts.Check(claim(claims, arg))
	}
	signer := w.issuer
	if *forged { // by somebody who knows all of the issuer but its private keys
		stranger, err := harness.StartIssuer("127.0.0.1:0", "")
		ts.Check(err)
		defer func() { _ = stranger.Close() }()
		claims["iss"], header["kid"] = w.issuer.URL, w.issuer.KeyID(*alg)
		signer = stranger
	}
	token, err := signer.MintWith(*alg, header, claims)
	ts.Check(err)
	ts.Setenv(name, token)
}

// claim puts name=value into claims.
func claim(claims map[string]any, text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("claim %q: want NAME=VALUE", text)
	}
	switch {
	case value == "":
		claims[name] = nil
	case name == "groups":
		claims[name] = strings.Split(value, ",")
	case name == "exp" || name == "nbf" || name == "iat":
		life, err := time.ParseDuration(value)
		if err != nil {
			return fmt.Errorf("claim %s: %w", name, err)
		}
		claims[name] = time.Now().Add(life).Unix()
	case strings.HasPrefix(value, "{"):
		var object map[string]any
		if err := json.Unmarshal([]byte(value), &object); err != nil {
			return fmt.Errorf("claim %s: %w", name, err)
		}
		claims[name] = object
	default:
		claims[name] = value
	}
	return nil
}

// cmdIssuer changes the issuer, or writes down what it publishes.
func cmdIssuer(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "issuer", neg)
	i := the(ts).issuer
	switch {
	case len(args) == 1 && args[0] == "rotate":
		ts.Check(i.Rotate())
	case len(args) == 1 && args[0] == "close":
		ts.Check(i.Close())
	case len(args) == 2 && args[0] == "status":
		status, err := strconv.Atoi(args[1])
		ts.Check(err)
		if status == http.StatusOK {
			status = 0
		}
		i.Fail(status)
	case len(args) == 2 && args[0] == "revoke":
		i.Revoke(ts.Getenv(args[1]))
	case len(args) == 2 && args[0] == "withdraw":
		i.Publish(without(ts, i.JWKS(), i.KeyID(args[1])))
	case len(args) == 2 && args[0] == "keys":
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), i.JWKS(), 0o600))
	default:
		ts.Fatalf("usage: issuer rotate|close|status CODE|withdraw ALG|revoke TOKEN|keys FILE")
	}
}

// without returns a key set without one key.
func without(ts *testscript.TestScript, raw []byte, kid string) []byte {
	var set, kept struct {
		Keys []map[string]any `json:"keys"`
	}
	ts.Check(json.Unmarshal(raw, &set))
	for _, k := range set.Keys {
		if k["kid"] != kid {
			kept.Keys = append(kept.Keys, k)
		}
	}
	if len(kept.Keys) == len(set.Keys) {
		ts.Fatalf("no key %q is published", kid)
	}
	raw, err := json.Marshal(kept)
	ts.Check(err)
	return raw
}

// cmdProver makes a client with a key of its own, and sets JKT to its thumbprint, for a token's cnf.
func cmdProver(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "prover", neg)
	if len(args) != 0 {
		ts.Fatalf("usage: prover")
	}
	var err error
	the(ts).prover, err = authntest.NewProver()
	ts.Check(err)
	ts.Setenv("JKT", the(ts).prover.Thumbprint("ES256"))
}

// cmdProof makes the client's proof (DPoP) for one request with a token, as the variable NAME.
func cmdProof(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "proof", neg)
	if len(args) < 4 || the(ts).prover == nil {
		ts.Fatalf("usage, after prover: proof NAME METHOD URL TOKEN [CLAIM=VALUE]…")
	}
	url, claims := args[2], map[string]any{}
	if strings.HasPrefix(url, "/") {
		url = ts.Getenv("ENVOY_URL") + url
	}
	for _, arg := range args[4:] {
		ts.Check(claim(claims, arg))
	}
	proof, err := the(ts).prover.Proof("ES256", args[1], url, ts.Getenv(args[3]), nil, claims)
	ts.Check(err)
	ts.Setenv(args[0], proof)
}
