package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
)

// maxFile is the largest configuration file in bytes.
const maxFile = 4 << 20

// Load reads a configuration file, checks it, and checks that the files it names can be read. The error is Problems, or says why the file
// itself cannot be read.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %w", path, err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("configuration %s: larger than %s", path, Size(maxFile))
	}
	c, err := Parse(b, path)
	if err != nil {
		return nil, err
	}
	r := c.report()
	c.files(r)
	return c, r.err()
}

// Parse reads and checks a configuration without touching any other file. name is its file name: errors begin with it, and relative file
// names in it are taken from its directory. The error is Problems. Defaults are filled in.
func Parse(b []byte, name string) (*Config, error) {
	c := &Config{file: name, lines: map[string]int{}}
	r := c.report()
	d := decoder{r}
	d.document(b, reflect.ValueOf(c).Elem())
	if len(r.found) == 0 || !syntaxFailed(r.found) {
		c.check(r)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	c.resolve(filepath.Dir(name))
	return c, nil
}

// syntaxFailed reports whether the file could not be read at all: what is missing then means nothing.
func syntaxFailed(ps Problems) bool { return len(ps) == 1 && ps[0].Key == "" }

// Validate fills defaults in and checks a configuration made in code. The error is Problems.
func (c *Config) Validate() error {
	r := c.report()
	c.check(r)
	return r.err()
}

func (c *Config) report() *report {
	if c.lines == nil {
		c.lines = map[string]int{}
	}
	return &report{file: c.file, lines: c.lines}
}

func (c *Config) check(r *report) {
	ranges(c, r)
	setDefaults(c)
	c.checkListen(r)
	c.checkReplica(r)
	c.checkIssuers(r)
	c.checkToken(r)
	c.checkTargets(r)
	c.checkCounters(r)
	c.checkSizes(r)
	c.checkMaskKeys(r)
	c.checkPolicy(r)
	c.checkRegistry(r)
	if c.Audit.Dir == "" {
		r.add("audit.dir", "is missing: the directory of the journal, without which nothing is released")
	}
	if c.Entry == "both" && c.Counters.URL != "" && c.Handover.KeyFile == "" {
		r.add("handover.key_file", "is missing: with entry both and counters in Redis, every replica must seal tickets with the same key; "+
			"make one with: head -c 32 /dev/urandom > handover.key")
	}
}

// named is a file name in the configuration.
type named struct {
	key string
	at  *string
	dir bool
}

// names returns the files that must be there, and are watched.
func (c *Config) names() []named {
	tls := &c.Listen.TLS
	all := []named{
		{"listen.tls.cert", &tls.Cert, false},
		{"listen.tls.key", &tls.Key, false},
		{"listen.tls.client_ca", &tls.ClientCA, false},
		{"policy.dir", &c.Policy.Dir, true},
		{"policy.settings", &c.Policy.Settings, false},
		{"policy.bundle.file", &c.Policy.Bundle.File, false},
		{"policy.bundle.key", &c.Policy.Bundle.Key, false},
		{"registry.file", &c.Registry.File, false},
	}
	for i := range c.Issuers {
		all = append(all, named{fmt.Sprintf("issuers[%d].jwks_file", i), &c.Issuers[i].JWKSFile, false})
	}
	all = append(all, named{"token.revocations", &c.Token.Revocations, false}, named{"token.certificate_authorities", &c.Token.CertificateAuthorities, false})
	return all
}

// File is the name that the configuration was loaded by; empty for one made in code.
func (c *Config) File() string { return c.file }

// Paths returns the files and directories that Weir reads again when they change: certificates, policy, settings, keys of issuers and model versions. The
// configuration file itself is read at start only.
func (c *Config) Paths() []string {
	var out []string
	for _, n := range c.names() {
		if *n.at != "" {
			out = append(out, *n.at)
		}
	}
	return out
}

// resolve takes relative file names from the directory of the configuration.
func (c *Config) resolve(dir string) {
	all := append(c.names(),
		named{at: &c.Audit.Dir}, named{at: &c.Policy.Bundle.Keep}, named{at: &c.Policy.Bundle.SerialFile}, named{at: &c.Counters.Snapshot}, named{at: &c.Counters.Remember}, named{at: &c.Handover.KeyFile})
	for _, n := range append(all, c.secretFiles()...) {
		if *n.at != "" && !filepath.IsAbs(*n.at) {
			*n.at = filepath.Join(dir, *n.at)
		}
	}
	c.MaskKeys.ring().resolve(dir)
	c.Capabilities.ring().resolve(dir)
}

// files checks that the files named can be read.
func (c *Config) files(r *report) {
	for _, n := range append(c.names(), append(c.secretFiles(), named{key: "handover.key_file", at: &c.Handover.KeyFile})...) {
		if *n.at == "" {
			continue
		}
		if err := readable(*n.at, n.dir); err != nil {
			r.add(n.key, "%v", err)
		}
	}
	c.MaskKeys.ring().files(r)
	c.Capabilities.ring().files(r)
	c.identityFiles(r)
	c.registryFile(r)
	if info, err := os.Stat(c.Audit.Dir); err == nil && !info.IsDir() {
		r.add("audit.dir", "%s is no directory", c.Audit.Dir)
	}
	if info, err := os.Stat(c.Handover.KeyFile); c.Handover.KeyFile != "" && err == nil && info.Size() < 32 {
		r.add("handover.key_file", "%s has %d bytes: want at least 32 random ones", c.Handover.KeyFile, info.Size())
	}
}

func readable(path string, dir bool) error {
	f, err := os.Open(path)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return fmt.Errorf("cannot read %s: %w", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return fmt.Errorf("cannot read %s: %w", path, err)
	case dir && !info.IsDir():
		return fmt.Errorf("%s is no directory", path)
	case !dir && info.IsDir():
		return fmt.Errorf("%s is a directory", path)
	}
	return nil
}
