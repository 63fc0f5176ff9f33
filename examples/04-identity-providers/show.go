package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// portWeirAdmin is the port that the configurations are written with, beside those that the harness knows.
const portWeirAdmin = 9002

// serve starts Weir and Envoy with one configuration, on ports that are free.
func (s *stand) serve(ctx context.Context, e example) error {
	s.stop()
	var err error
	if s.dir, err = os.MkdirTemp("", "weir-identity-"); err != nil {
		return err
	}
	ports := map[int]int{harness.PortUpstream: s.upstream.Port}
	var replace []string
	for _, port := range []int{harness.PortWeir, portWeirAdmin} {
		if ports[port], err = harness.FreePort(); err != nil {
			return err
		}
		replace = append(replace, "127.0.0.1:"+strconv.Itoa(port), "127.0.0.1:"+strconv.Itoa(ports[port]))
	}
	if err := s.write(e.name, strings.NewReplacer(replace...)); err != nil {
		return err
	}
	if s.weir, err = harness.StartWeir(ctx, s.dir, nil, "serve", "--config", "weir.yaml"); err != nil {
		return err
	}
	s.envoy, err = harness.StartEnvoy(ctx, harness.EnvoyConfig{Config: filepath.Join(s.root, "envoy", "ext_proc.yaml"), Ports: ports, Dir: s.dir})
	return err
}

// write puts an example's configuration into the directory. Its issuers' keys are the development issuer's, in a file: the providers cannot be
// asked from here.
func (s *stand) write(name string, ports *strings.Replacer) error {
	config, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return err
	}
	var out strings.Builder
	for line := range strings.Lines(ports.Replace(string(config))) {
		out.WriteString(line)
		if strings.HasPrefix(line, "- issuer: ") && !strings.Contains(string(config), "jwks_file: ") {
			out.WriteString("  jwks_file: keys.json\n")
		}
	}
	all := map[string][]byte{"weir.yaml": []byte(out.String()), "keys.json": s.issuer.JWKS(), "bundle.json": s.issuer.JWKS()}
	for _, name := range []string{"settings.yaml", "revoked.txt"} {
		if all[name], err = files.ReadFile(name); err != nil {
			return err
		}
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(s.dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// show sends a request with the case's token, and says who it was.
func (s *stand) show(ctx context.Context, c tokenCase) (string, error) {
	token, err := s.mint(c)
	if err != nil {
		return "", err
	}
	x := harness.Exchange{
		Method: http.MethodPost, URL: s.envoy.URL + "/v1/embeddings", Header: http.Header{"Content-Type": {"application/json"}},
		Body: []byte(`{"model":"sentinel","input":"a river"}`),
	}
	if err := s.carry(&x, c, token); err != nil {
		return "", err
	}
	answer := x.Do()
	if answer.Err != nil {
		return "", answer.Err
	}
	if c.Refused != "" {
		if answer.Status != http.StatusUnauthorized || !strings.Contains(string(answer.Body), `"rule":"weir.`+c.Refused+`"`) {
			return "", fmt.Errorf("HTTP %d, want 401 with %s: %s", answer.Status, c.Refused, answer.Body)
		}
		return "401 " + c.Refused, nil
	}
	record, err := s.record(ctx, answer.Header.Get("Weir-Decision"))
	if err != nil {
		return "", fmt.Errorf("HTTP %d: %w", answer.Status, err)
	}
	for _, name := range []string{"user.id", "user.name", "user.email", "user.roles", "weir.actor.type", "weir.actor.chain", "weir.actor.owner"} {
		if !reflect.DeepEqual(record[name], c.Want[name]) {
			return "", fmt.Errorf("%s is %v, want %v", name, record[name], c.Want[name])
		}
	}
	groups := record["user.roles"]
	if groups == nil {
		groups = "none"
	}
	return fmt.Sprintf("%v %v, groups %v, HTTP %d", record["weir.actor.type"], record["user.id"], groups, answer.Status), nil
}

// mint signs the case's token.
func (s *stand) mint(c tokenCase) (string, error) {
	if text, ok := c.Claims["exp_in"].(string); ok {
		life, err := time.ParseDuration(text)
		if err != nil {
			return "", err
		}
		delete(c.Claims, "exp_in")
		c.Claims["exp"] = time.Now().Add(life).Unix()
	}
	if c.DPoP != "" {
		c.Claims["cnf"] = map[string]any{"jkt": s.client.Thumbprint("ES256")}
	}
	return s.issuer.MintWith(c.Alg, c.Header, c.Claims)
}

// carry puts the token where the case has it.
func (s *stand) carry(x *harness.Exchange, c tokenCase, token string) error {
	switch c.Carrier {
	case "":
		x.Header.Set("Authorization", "Bearer "+token)
	case "base64":
		x.Header.Set("Authorization", base64.StdEncoding.EncodeToString([]byte(token)))
	default:
		x.Header.Set(c.Carrier, token)
	}
	prover := s.client
	switch c.DPoP {
	case "":
		return nil
	case "none":
		x.Header.Set("Authorization", "DPoP "+token)
		return nil
	case "thief":
		prover = s.thief
	}
	proof, err := prover.Proof("ES256", x.Method, x.URL, token, nil, nil)
	if err != nil {
		return err
	}
	x.Header.Set("Authorization", "DPoP "+token)
	x.Header.Set("Dpop", proof)
	return nil
}

// record returns the decision record that the audit trail has.
func (s *stand) record(ctx context.Context, decision string) (map[string]any, error) {
	if decision == "" {
		return nil, errors.New("the answer names no decision")
	}
	weir, err := harness.WeirBinary()
	if err != nil {
		return nil, err
	}
	show := exec.CommandContext(ctx, weir, "audit", "show", "--config", "weir.yaml", "--json", decision)
	show.Dir = s.dir
	out, err := show.Output()
	if err != nil {
		return nil, fmt.Errorf("weir audit show: %w", err)
	}
	var record map[string]any
	return record, json.NewDecoder(strings.NewReader(string(out))).Decode(&record)
}
