package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// The ports that the configurations are written with, beside those that the harness knows.
const (
	portAdmin = 9002
	portRedis = 6379
)

// stand is what one failure is shown on.
type stand struct {
	dir      string
	admin    string // URL
	last     string // the ID of the latest decision
	issuer   *harness.Issuer
	upstream *harness.Upstream
	redis    *harness.Redis
	weir     *harness.Weir
	envoy    *harness.Envoy
	token    string
}

// newStand starts everything with one of the configurations, on ports that are free.
func newStand(ctx context.Context, config string) (_ *stand, err error) {
	s := &stand{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	root, err := harness.Root()
	if err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "weir-redis-"); err != nil {
		return nil, err
	}
	if s.issuer, err = harness.StartIssuer("127.0.0.1:0", ""); err != nil {
		return nil, err
	}
	if s.token, err = s.issuer.Mint(map[string]any{"sub": "alice", "groups": []string{"research"}, "aud": "weir"}); err != nil {
		return nil, err
	}
	if s.upstream, err = harness.StartUpstream(harness.UpstreamConfig{}); err != nil {
		return nil, err
	}
	ports := map[int]int{harness.PortUpstream: s.upstream.Port}
	replace := []string{"https://login.example.com", s.issuer.URL}
	for _, port := range []int{harness.PortWeir, portAdmin, portRedis} {
		if ports[port], err = harness.FreePort(); err != nil {
			return nil, err
		}
		replace = append(replace, "127.0.0.1:"+strconv.Itoa(port), "127.0.0.1:"+strconv.Itoa(ports[port]))
	}
	s.admin = fmt.Sprintf("http://127.0.0.1:%d", ports[portAdmin])
	if err := s.write(config, strings.NewReplacer(replace...)); err != nil {
		return nil, err
	}
	if s.redis, err = harness.StartRedis(ctx, s.dir, ports[portRedis]); err != nil {
		return nil, err
	}
	if s.weir, err = harness.StartWeir(ctx, s.dir, nil, "serve", "--config", "weir.yaml"); err != nil {
		return nil, err
	}
	s.envoy, err = harness.StartEnvoy(ctx, harness.EnvoyConfig{Config: filepath.Join(root, "envoy", "ext_proc.yaml"), Ports: ports, Dir: s.dir})
	return s, err
}

// write puts a configuration into the directory, with nothing changed but its ports and its issuer.
func (s *stand) write(config string, changes *strings.Replacer) error {
	for from, to := range map[string]string{config + ".yaml": "weir.yaml", "settings.yaml": "settings.yaml"} {
		text, err := files.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(s.dir, to), []byte(changes.Replace(string(text))), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *stand) close() {
	if s.envoy != nil {
		s.envoy.Kill()
	}
	if s.weir != nil {
		s.weir.Kill()
	}
	if s.redis != nil {
		s.redis.Kill()
	}
	if s.upstream != nil {
		_ = s.upstream.Close()
	}
	if s.issuer != nil {
		_ = s.issuer.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

// want asks for n vectors, and wants that status; of a 503, that it names the rule.
func (s *stand) want(when string, n int, rule string, status int) error {
	body, err := json.Marshal(map[string]any{"model": "sentinel", "input": make([]string, n)})
	if err != nil {
		return err
	}
	a := harness.Exchange{
		Method: http.MethodPost, URL: s.envoy.URL + "/v1/embeddings", Body: body,
		Header: http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + s.token}},
	}.Do()
	if a.Err != nil {
		return a.Err
	}
	named := status != http.StatusServiceUnavailable || bytes.Contains(a.Body, []byte(`"rule":"weir.`+rule+`"`))
	if a.Status != status || !named {
		return fmt.Errorf("%s, %d vectors: HTTP %d, want %d: %.300s", when, n, a.Status, status, a.Body)
	}
	s.last = a.Header.Get("Weir-Decision")
	switch status {
	case http.StatusServiceUnavailable:
		fmt.Printf("  ok: %s, %d vectors: HTTP %d, weir.%s\n", when, n, status, rule)
	case http.StatusTooManyRequests:
		fmt.Printf("  ok: %s, %d vectors: HTTP %d, Retry-After %s\n", when, n, status, a.Header.Get("Retry-After"))
	default:
		fmt.Printf("  ok: %s, %d vectors: HTTP %d\n", when, n, status)
	}
	return nil
}

// says reports whether that is on /readyz.
func (s *stand) says(text string) bool {
	a := harness.Exchange{Method: http.MethodGet, URL: s.admin + "/readyz", Timeout: 5 * time.Second}.Do()
	return a.Err == nil && bytes.Contains(a.Body, []byte(text))
}

// recorded wants what passed without a limit to be told from the rest in the audit trail.
func (s *stand) recorded(ctx context.Context, m mode) error {
	out, err := s.command(ctx, "audit", "show", "--config", "weir.yaml", "--full", s.last)
	if err != nil {
		return err
	}
	const label = "store_away_allow"
	if said := strings.Contains(out, label); said != (m.name == "allow") {
		return fmt.Errorf("the records say %s: %v\n%s", label, said, out)
	}
	if m.name == "allow" {
		fmt.Println("  ok: its records say", label)
	}
	return nil
}

// back waits until what passed meanwhile is counted in Redis: from then on limits are judged by that.
func (s *stand) back(ctx context.Context, m mode) error {
	if m.passed == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.weir.WaitLog(ctx, "what was counted while the shared counters were away")
}

// used is what is counted of alice's vectors in an hour, below 0 where it cannot be said.
func (s *stand) used(ctx context.Context) int {
	out, err := s.command(ctx, "limits", "show", "--config", "weir.yaml", "--json", s.issuer.URL+"|alice")
	if err != nil {
		return -1
	}
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var counts []struct {
			Meter, Unit, Window string
			Used                int
		}
		if err := d.Decode(&counts); errors.Is(err, io.EOF) {
			return 0
		} else if err != nil {
			return -1
		}
		for _, c := range counts {
			if c.Meter == "subject_target" && c.Unit == "vectors" && c.Window == "1h" {
				return c.Used
			}
		}
	}
}

// command runs another of Weir's commands to its end.
func (s *stand) command(ctx context.Context, args ...string) (string, error) {
	weir, err := harness.WeirBinary()
	if err != nil {
		return "", err
	}
	c := exec.CommandContext(ctx, weir, args...)
	c.Dir = s.dir
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("weir %s: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}

// patience bounds every wait for something to come about.
const patience = 20 * time.Second

// until waits for something to come about.
func (s *stand) until(what string, is func() bool) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			return fmt.Errorf("it did not come about that %s", what)
		}
	}
	return nil
}
