package server

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/weirgate/weir/server/internal/admin"
)

// reload reads policy, settings, the issuers' keys, model versions and certificates again. What does not load leaves what is in force; the log and
// weir_policy_reload_failures_total say so.
func (s *Server) reload(ctx context.Context) {
	if s.authn != nil {
		s.authn.Refresh()
	}
	s.refreshPolicy(ctx)
	s.reloadModels()
	c, err := tlsFor(s.cfg.Listen.TLS, s.opts.Log)
	if err != nil {
		s.opts.Log.Error("the certificates were not taken; the last good ones stay in force", "cause", err)
		return
	}
	s.certs.Store(c)
}

// policyCheck is the policy's line of /readyz: there is one that decides; and the page says when it is not the one in the files, or may not be
// the one that a bundle's server has.
func (s *Server) policyCheck() admin.Check {
	if s.policy.Missing() {
		return admin.Result("policy", errNoPolicy, "policy.bundle")
	}
	c := admin.Result("policy", nil, "")
	if since := s.unfetched.Load(); since != nil {
		c.Setting = "policy.bundle"
		c.Warning = fmt.Sprintf("policy %s is in force; no other bundle was taken since %s, and the log says why", s.policy.Revision(), since.UTC().Format(time.RFC3339))
	}
	if since := s.outdated.Load(); since != nil {
		c.Setting = "policy"
		c.Warning = fmt.Sprintf("policy %s is in force, which is older than its files: they were not taken since %s, and weir check says why",
			s.policy.Revision(), since.UTC().Format(time.RFC3339))
	}
	return c
}

// currentTLS returns a configuration that serves each connection by the certificates loaded last; nil without TLS.
func (s *Server) currentTLS(first *tls.Config) *tls.Config {
	if first == nil {
		return nil
	}
	c := first.Clone()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.certs.Load(), nil }
	return c
}

// watchEvery is how often files are looked at. Their contents are compared, not their times: that works for mounted ConfigMaps, whose
// links are swapped, and for network file systems, which send no events.
const watchEvery = 2 * time.Second

// watchFiles reloads on SIGHUP and when a file changes, until ctx ends.
func (s *Server) watchFiles(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	seen := fingerprint(s.cfg.Paths())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.opts.Reload:
			seen = fingerprint(s.cfg.Paths())
			if fingerprint([]string{s.cfg.File()}) != s.configured {
				s.opts.Log.Warn("the configuration file has changed; it is read at start only: restart to take it", "file", s.cfg.File())
			}
			if s.source.remote != nil {
				s.fetchBundle(ctx)
			}
			s.reload(ctx)
		case <-tick.C:
			if now := fingerprint(s.cfg.Paths()); now != seen {
				seen = now
				s.reload(ctx)
			}
		}
	}
}

// maxWatched bounds how much of a file is compared, in bytes.
const maxWatched = 16 << 20

// fingerprint hashes names and contents of the files, and of all files in the directories. What cannot be read counts as empty: the reload
// will say why.
func fingerprint(paths []string) [sha256.Size]byte {
	h := sha256.New()
	for _, root := range paths {
		if real, err := filepath.EvalSymlinks(root); err == nil {
			root = real
		}
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // see above
			}
			fmt.Fprintf(h, "%d %s ", len(path), path)
			if f, err := os.Open(path); err == nil {
				n, _ := io.Copy(h, io.LimitReader(f, maxWatched))
				fmt.Fprintf(h, " %d ", n)
				_ = f.Close()
			}
			return nil
		})
	}
	return [sha256.Size]byte(h.Sum(nil))
}
