// Command 04-identity-providers starts Weir and Envoy with each configuration beside it in turn, shows them tokens in the shape that the provider
// gives them, and compares who each one is in the audit trail with what was to come of it. run.sh runs it with what it needs.
//
// The tokens are signed by a development issuer, whose keys stand in a file for those that the provider would publish. All else is as configured.
package main

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path"
	"strings"
	"syscall"

	"github.com/weirgate/weir/integration/harness"
	"github.com/weirgate/weir/pkg/authn/authntest"
)

//go:embed *.yaml revoked.txt tokens
var files embed.FS

// example is one configuration and the tokens that are shown to it.
type example struct {
	name  string
	cases []tokenCase
}

// tokenCase is one token, and what is to come of it.
type tokenCase struct {
	Who     string         `json:"who"`
	Alg     string         `json:"alg"`
	Header  map[string]any `json:"header"`  // laid over the usual one; null takes a name away
	Claims  map[string]any `json:"claims"`  // the same; exp_in is a duration from now
	Carrier string         `json:"carrier"` // bearer (default), base64, or the name of a header
	DPoP    string         `json:"dpop"`    // whose proof comes along: client, thief, none; empty: the token is not bound
	Want    map[string]any `json:"want"`    // what the audit trail says of the subject
	Refused string         `json:"refused"` // or: the label of the refusal
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	passed, failed, err := run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "identity providers:", err)
	}
	fmt.Printf("\n%d passed, %d failed\n", passed, failed)
	if err != nil || failed > 0 {
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context) (passed, failed int, err error) {
	all, err := examples()
	if err != nil {
		return 0, 0, err
	}
	s, err := newStand(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer s.close()
	for _, e := range all {
		fmt.Printf("\n%s.yaml\n", e.name)
		if err := s.serve(ctx, e); err != nil {
			return passed, failed, fmt.Errorf("%s: %w", e.name, err)
		}
		for _, c := range e.cases {
			said, err := s.show(ctx, c)
			if err != nil {
				failed++
				fmt.Printf("  FAILED: %s: %v\n", c.Who, err)
				continue
			}
			passed++
			fmt.Printf("  ok: %s: %s\n", c.Who, said)
		}
	}
	return passed, failed, nil
}

// examples reads what is beside this file: every configuration with its tokens.
func examples() ([]example, error) {
	found, err := files.ReadDir("tokens")
	if err != nil {
		return nil, err
	}
	var out []example
	for _, f := range found {
		raw, err := files.ReadFile(path.Join("tokens", f.Name()))
		if err != nil {
			return nil, err
		}
		e := example{name: strings.TrimSuffix(f.Name(), ".json")}
		if err := json.Unmarshal(raw, &e.cases); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		out = append(out, e)
	}
	return out, nil
}

// stand is what all examples run on.
type stand struct {
	root, dir     string
	issuer        *harness.Issuer
	upstream      *harness.Upstream
	client, thief *authntest.Prover
	weir          *harness.Weir
	envoy         *harness.Envoy
}

func newStand(ctx context.Context) (*stand, error) {
	s := &stand{}
	var err error
	if s.root, err = harness.Root(); err != nil {
		return nil, err
	}
	if s.issuer, err = harness.StartIssuer("127.0.0.1:0", ""); err != nil {
		return nil, err
	}
	if s.upstream, err = harness.StartUpstream(harness.UpstreamConfig{}); err != nil {
		s.close()
		return nil, err
	}
	for _, p := range []**authntest.Prover{&s.client, &s.thief} {
		if *p, err = authntest.NewProver(); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, ctx.Err()
}

func (s *stand) close() {
	s.stop()
	if s.upstream != nil {
		_ = s.upstream.Close()
	}
	if s.issuer != nil {
		_ = s.issuer.Close()
	}
}

// stop ends what one example runs on.
func (s *stand) stop() {
	if s.envoy != nil {
		s.envoy.Kill()
	}
	if s.weir != nil {
		s.weir.Kill()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
	s.envoy, s.weir, s.dir = nil, nil, ""
}
