package policy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrUnchanged is the error of Remote.Next where the bundle is the one that was taken last.
var ErrUnchanged = errors.New("the bundle has not changed")

// RemoteConfig says where a bundle is fetched.
type RemoteConfig struct {
	URL    string // required
	Header string // "Name: value", sent along to that host alone; empty: none
	Keep   string // file in which the last one that was taken is kept; empty: nowhere
	Bundle BundleConfig
	Client *http.Client // default: one that gives up after 30 s
}

// Remote fetches a bundle, and again when there is another one. It is for one goroutine.
type Remote struct {
	cfg    RemoteConfig
	client *http.Client
	header [2]string

	etag  string            // of the one that was taken last
	taken [sha256.Size]byte // its bytes
	next  struct {
		bundle *Bundle // that Next returned last
		etag   string
		body   []byte
	}
}

// NewRemote returns a Remote that has fetched nothing yet.
func NewRemote(cfg RemoteConfig) (*Remote, error) {
	r := &Remote{cfg: cfg, client: cfg.Client}
	if cfg.Bundle.MaxBytes <= 0 {
		r.cfg.Bundle.MaxBytes = defaultMaxBundle
	}
	if cfg.Header != "" {
		name, value, ok := strings.Cut(cfg.Header, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, errors.New("the header to fetch the bundle with: want a name, a colon and a value")
		}
		r.header = [2]string{strings.TrimSpace(name), strings.TrimSpace(value)}
	}
	if r.client == nil {
		r.client = &http.Client{Timeout: 30 * time.Second}
	}
	c := *r.client
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if first := via[0].URL; len(via) > 5 || req.URL.Scheme != first.Scheme || req.URL.Host != first.Host && r.header[0] != "" {
			return fmt.Errorf("redirected to %s: not followed", req.URL.Redacted())
		}
		return nil
	}
	r.client = &c
	return r, nil
}

// Next fetches the bundle, reads and verifies it. ErrUnchanged says that it is the one that Taken was called about last. Any other error leaves
// things as they are: the next call fetches it again.
func (r *Remote) Next(ctx context.Context) (*Bundle, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.cfg.URL, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("fetch the bundle: %w", err)
	}
	if r.header[0] != "" {
		req.Header.Set(r.header[0], r.header[1])
	}
	if r.etag != "" {
		req.Header.Set("If-None-Match", r.etag)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch the bundle: %w", err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && r.etag != "":
		return nil, ErrUnchanged
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("fetch the bundle: the server answers %s", resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, r.cfg.Bundle.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("fetch the bundle: %w", err)
	}
	if sha256.Sum256(b) == r.taken {
		r.etag = resp.Header.Get("ETag")
		return nil, ErrUnchanged
	}
	out, err := ReadBundle(b, r.cfg.Bundle)
	if err != nil {
		return nil, err
	}
	r.next.bundle, r.next.etag, r.next.body = out, resp.Header.Get("ETag"), b
	return out, nil
}

// Taken says that bundle is in force. One that Next returned last is kept, where that is wanted; the error says that it is not.
func (r *Remote) Taken(bundle *Bundle) error {
	b := r.next.body
	if bundle == nil || bundle != r.next.bundle {
		return nil
	}
	r.etag, r.taken = r.next.etag, sha256.Sum256(b)
	r.next.bundle, r.next.body = nil, nil
	if r.cfg.Keep == "" {
		return nil
	}
	if err := replaceFile(r.cfg.Keep, b); err != nil {
		return fmt.Errorf("keep the bundle: %w", err)
	}
	return nil
}

// Kept reads the bundle that was kept, and verifies it again: whoever can write that file is no more trusted than the server is.
func (r *Remote) Kept() (*Bundle, error) {
	if r.cfg.Keep == "" {
		return nil, errors.New("no bundle is kept")
	}
	b, err := readAtMost(r.cfg.Keep, r.cfg.Bundle.MaxBytes)
	if err != nil {
		return nil, err
	}
	return ReadBundle(b, r.cfg.Bundle)
}

// ReadBundleFile reads a bundle that lies in a file.
func ReadBundleFile(name string, cfg BundleConfig) (*Bundle, error) {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = defaultMaxBundle
	}
	b, err := readAtMost(name, cfg.MaxBytes)
	if err != nil {
		return nil, err
	}
	return ReadBundle(b, cfg)
}

func readAtMost(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	return b, nil
}

// replaceFile writes a file aside and puts it in place whole.
func replaceFile(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it is gone already where all went well
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
