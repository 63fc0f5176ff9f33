package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The ports that the configurations under envoy/ are written with. StartEnvoy replaces them.
const (
	PortListener = 10000
	PortAdmin    = 9901
	PortWeir     = 9001
	PortUpstream = 8080
)

// Envoy is one running Envoy.
type Envoy struct {
	*Process
	URL   string // of the first listener, "http://127.0.0.1:port"
	Admin string // of the admin interface, likewise
}

// EnvoyConfig says how to run Envoy.
type EnvoyConfig struct {
	Config   string      // a bootstrap file
	Ports    map[int]int // port_value in the file → port to use. PortListener and PortAdmin default to any free port
	Replace  []string    // old, new, old, new, …: replaced in the text before it is read
	Dir      string      // for the filled-in config and Envoy's notes; must exist
	Binary   string      // default FindEnvoy
	LogLevel string      // default "warning"
}

// FindEnvoy returns the path of the Envoy to test with: ENVOY, what envoy/fetch.sh left in .bin, or envoy on PATH.
func FindEnvoy() (string, error) {
	if path := os.Getenv("ENVOY"); path != "" {
		return path, nil
	}
	if root, err := Root(); err == nil {
		path := filepath.Join(root, ".bin", "envoy")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath("envoy")
	if err != nil {
		return "", errors.New("no Envoy: run envoy/fetch.sh, or set ENVOY=/path/to/envoy (1.40 or later)")
	}
	return path, nil
}

var portValue = regexp.MustCompile(`port_value: (\d+)`)

// Fill writes the config with its ports and texts replaced into c.Dir and returns the new file's path.
func (c EnvoyConfig) Fill() (string, error) {
	text, err := os.ReadFile(c.Config)
	if err != nil {
		return "", fmt.Errorf("read Envoy config: %w", err)
	}
	ports := map[int]int{PortListener: 0, PortAdmin: 0}
	for from, to := range c.Ports {
		ports[from] = to
	}
	filled := portValue.ReplaceAllStringFunc(strings.NewReplacer(c.Replace...).Replace(string(text)), func(s string) string {
		n, _ := strconv.Atoi(strings.TrimPrefix(s, "port_value: "))
		if to, ok := ports[n]; ok {
			n = to
		}
		return "port_value: " + strconv.Itoa(n)
	})
	path := filepath.Join(c.Dir, "envoy-"+filepath.Base(c.Config))
	if err := os.WriteFile(path, []byte(filled), 0o600); err != nil {
		return "", fmt.Errorf("write Envoy config: %w", err)
	}
	return path, nil
}

// ValidateEnvoy runs envoy --mode validate on the filled-in config and returns what Envoy has against it.
func ValidateEnvoy(ctx context.Context, c EnvoyConfig) error {
	path, err := c.Fill()
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, c.Binary, "--mode", "validate", "-c", path, "--log-level", "warning").CombinedOutput()
	if err != nil {
		return fmt.Errorf("envoy --mode validate %s: %w\n%s", filepath.Base(c.Config), err, out)
	}
	return nil
}

// StartEnvoy starts Envoy and returns once it takes requests.
func StartEnvoy(ctx context.Context, c EnvoyConfig) (*Envoy, error) {
	if c.Binary == "" {
		var err error
		if c.Binary, err = FindEnvoy(); err != nil {
			return nil, err
		}
	}
	if c.LogLevel == "" {
		c.LogLevel = "warning"
	}
	config, err := c.Fill()
	if err != nil {
		return nil, err
	}
	admin := config + ".admin"
	_ = os.Remove(admin)
	p, err := StartProcess(ProcessConfig{Name: "envoy", Path: c.Binary, Dir: c.Dir, Args: []string{
		"-c", config, "--admin-address-path", admin, "--disable-hot-restart", "--concurrency", "2", "--log-level", c.LogLevel, "--drain-time-s", "1",
	}})
	if err != nil {
		return nil, err
	}
	e := &Envoy{Process: p}
	if err := e.ready(ctx, admin); err != nil {
		p.Kill()
		return nil, fmt.Errorf("%w\n%s", err, p.Log)
	}
	return e, nil
}

// ready waits for the admin address, for /ready, and learns the listener's port.
func (e *Envoy) ready(ctx context.Context, adminFile string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if addr, err := os.ReadFile(adminFile); err == nil && len(addr) > 0 {
			e.Admin = "http://" + strings.TrimSpace(string(addr))
			if body, err := e.admin(ctx, "/ready"); err == nil && strings.Contains(body, "LIVE") {
				break
			}
		}
		select {
		case <-tick.C:
		case <-e.Done():
			return errors.New("envoy ended while starting")
		case <-ctx.Done():
			return fmt.Errorf("envoy is not ready: %w", ctx.Err())
		}
	}
	body, err := e.admin(ctx, "/listeners?format=json")
	if err != nil {
		return err
	}
	var listeners struct {
		Status []struct {
			Address struct {
				Socket struct {
					Address string `json:"address"`
					Port    int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal([]byte(body), &listeners); err != nil || len(listeners.Status) == 0 {
		return fmt.Errorf("envoy's listeners: %q: %w", body, err)
	}
	e.URL = fmt.Sprintf("http://127.0.0.1:%d", listeners.Status[0].Address.Socket.Port)
	return nil
}

func (e *Envoy) admin(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Admin+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask Envoy for %s: %w", path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("ask Envoy for %s: %s", path, resp.Status)
	}
	return string(body), err
}

// Stats returns Envoy's counters and gauges whose name matches the regular expression.
func (e *Envoy) Stats(ctx context.Context, filter string) (map[string]int64, error) {
	body, err := e.admin(ctx, "/stats?filter="+filter)
	if err != nil {
		return nil, err
	}
	stats := map[string]int64{}
	for line := range strings.Lines(body) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if n, err := strconv.ParseInt(value, 10, 64); ok && err == nil {
			stats[name] = n
		}
	}
	return stats, nil
}

// BadStats are the last parts of the ext_proc counters that stay at zero as long as Envoy and Weir understand each other.
func BadStats() []string {
	return []string{
		"spurious_msgs_received", "streams_failed", "rejected_header_mutations", "message_timeouts",
		"failure_mode_allowed", "invalid_status_code", "server_half_closed", "override_message_timeout_ignored",
	}
}

// Misunderstandings returns the BadStats that are not zero. It waits for nothing: ask once the exchanges are over.
func (e *Envoy) Misunderstandings(ctx context.Context) (map[string]int64, error) {
	stats, err := e.Stats(ctx, "ext_proc")
	if err != nil {
		return nil, err
	}
	bad := map[string]int64{}
	for name, n := range stats {
		for _, suffix := range BadStats() {
			if n != 0 && strings.HasSuffix(name, "."+suffix) {
				bad[name] = n
			}
		}
	}
	return bad, nil
}
