package policy

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"

	"github.com/open-policy-agent/opa/v1/bundle"
)

// BuildConfig says how a bundle is made.
type BuildConfig struct {
	FS        fs.FS  // the policy, its tests and its settings; nil: the shipped one
	Compat    string // as in Config
	Revision  string // what it calls itself
	Serial    int64  // a number that goes up from bundle to bundle (Serials); 0: it has none
	Key       string // to sign it with: PEM, or the secret of HS256; empty: it is not signed
	Algorithm string // of the signature; default RS256
}

// Build makes an OPA bundle (.tar.gz) of a policy that loads and passes its tests. Its settings files, which bundles do not carry, become
// data.weir.settings.
func Build(ctx context.Context, cfg BuildConfig) ([]byte, error) {
	if cfg.FS == nil {
		var err error
		if cfg.FS, err = shippedDir(); err != nil {
			return nil, err
		}
	}
	if _, err := compile(ctx, Config{FS: cfg.FS, Compat: cfg.Compat, MaskKeys: true, RunTests: true}); err != nil {
		return nil, err
	}
	files, tests, err := read(cfg.FS)
	if err != nil {
		return nil, err
	}
	data, _, err := readDocuments(cfg.FS)
	if err != nil {
		return nil, err
	}
	settings, err := mergeSettings(Config{FS: cfg.FS, Name: settingsFile})
	if err != nil {
		return nil, err
	}
	if len(settings) > 0 {
		data["weir"] = map[string]any{"settings": settings}
	}
	b := bundle.Bundle{Manifest: bundle.Manifest{Revision: cfg.Revision}, Data: data}
	if cfg.Serial > 0 {
		b.Manifest.Metadata = map[string]any{serialKey: cfg.Serial}
	}
	b.Manifest.Init()
	maps.Copy(files, tests)
	for _, name := range sorted(files) {
		b.Modules = append(b.Modules, bundle.ModuleFile{URL: "/" + name, Path: "/" + name, Raw: []byte(files[name])})
	}
	if cfg.Key != "" {
		signing := bundle.NewSigningConfig(cfg.Key, cfg.Algorithm, "")
		if err := b.GenerateSignature(signing, keyName, true); err != nil {
			return nil, fmt.Errorf("sign the bundle: %w", err)
		}
	}
	var out bytes.Buffer
	if err := bundle.NewWriter(&out).DisableFormat(true).Write(b); err != nil {
		return nil, fmt.Errorf("write the bundle: %w", err)
	}
	return out.Bytes(), nil
}
