package policy

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
)

// BundleConfig says which bundles are taken. The zero value takes none.
type BundleConfig struct {
	Key       string   // the key that it must be signed with: PEM, or the secret of HS256
	Algorithm string   // of the signature (RFC 7518): RS256, ES256, HS256, …
	Scope     string   // of the signature; empty: it has none
	Unsigned  bool     // take it without looking at a signature
	MaxBytes  int64    // as it comes, and unpacked; default 64 MiB
	Compat    string   // as in Config: files may be in version 0 of Rego
	Serials   *Serials // take none older than what it knows of; nil: take any
}

const defaultMaxBundle = 64 << 20

// Bundle is an OPA bundle that has been read and, unless that is not wanted, verified.
type Bundle struct {
	FS       fs.FS  // its Rego files, and its data as data.json
	Revision string // of its manifest; may be empty
	Serial   int64  // of its manifest's metadata (weir_serial), from 1 up; 0: it has none
	digest   string // of what was read, in hexadecimal
}

// keyName is what the one key is called, whatever the signature calls it.
const keyName = "weir"

// ReadBundle reads a bundle (.tar.gz). It fails where the signature does not hold for every file of it.
func ReadBundle(b []byte, cfg BundleConfig) (*Bundle, error) {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = defaultMaxBundle
	}
	if err := fits(b, cfg.MaxBytes); err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	read, err := readBundle(b, cfg, ast.RegoV1)
	if err != nil && cfg.Compat != "" {
		if old, olderr := readBundle(b, cfg, ast.RegoV0); olderr == nil {
			read, err = old, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	if read.Patch.Data != nil {
		return nil, errors.New("read the bundle: it is a delta, and want a whole one")
	}
	out, err := unpacked(&read)
	if err != nil {
		return nil, err
	}
	out.digest = digestOf(b)
	if cfg.Serials != nil {
		if out.Serial, err = serialOf(read.Manifest); err == nil {
			err = cfg.Serials.check(out)
		}
		if err != nil {
			return nil, fmt.Errorf("read the bundle: %w", err)
		}
	}
	return out, nil
}

func readBundle(b []byte, cfg BundleConfig, version ast.RegoVersion) (bundle.Bundle, error) {
	r := bundle.NewReader(bytes.NewReader(b)).WithSizeLimitBytes(cfg.MaxBytes).WithRegoVersion(version)
	switch {
	case cfg.Unsigned:
		r = r.WithSkipBundleVerification(true)
	case cfg.Key == "":
		return bundle.Bundle{}, errors.New("no key to verify it with")
	default:
		key := &bundle.KeyConfig{Key: cfg.Key, Algorithm: cfg.Algorithm, Scope: cfg.Scope}
		r = r.WithBundleVerificationConfig(bundle.NewVerificationConfig(map[string]*bundle.KeyConfig{keyName: key}, keyName, cfg.Scope, nil))
	}
	return r.Read()
}

// fits unpacks to nowhere, so that a small file cannot become a large one in memory.
func fits(b []byte, most int64) error {
	if int64(len(b)) > most {
		return fmt.Errorf("larger than %d bytes", most)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, io.LimitReader(z, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("unpacked it is larger than %d bytes", most)
	}
	return err
}

func unpacked(b *bundle.Bundle) (*Bundle, error) {
	files := fstest.MapFS{}
	for _, m := range b.Modules {
		files[strings.TrimPrefix(m.Path, "/")] = &fstest.MapFile{Data: m.Raw}
	}
	if len(b.Data) > 0 {
		data, err := json.Marshal(b.Data)
		if err != nil {
			return nil, fmt.Errorf("read the bundle: %w", err)
		}
		files["data.json"] = &fstest.MapFile{Data: data}
	}
	return &Bundle{FS: files, Revision: b.Manifest.Revision}, nil
}
