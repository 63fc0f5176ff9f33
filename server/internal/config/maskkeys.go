package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/vector"
)

// MaskKeys are the keys that vectors are sealed, tokenised and obfuscated with, and opened again when they come back in requests. Each is
// named by where it is, never written here: file:PATH, env:NAME, or command:PROGRAM ARG… (no shell). It is 32 bytes or more of any kind; make
// one with: openssl rand -base64 48 > mask.key. All replicas need the same ones. They are read at start.
type MaskKeys struct {
	// Current is the key that masks. Default: none, and a policy that asks for such a mask is refused with 503.
	Current string `yaml:"current"`
	// Previous are keys that were current, and still open what they sealed. At most 7. Default: none.
	Previous []string `yaml:"previous"`
}

// maxPrevious is how many earlier keys may be kept.
const maxPrevious = 7

// NoProtection is what to know of obfuscation, with the figures of pkg/vector/STRENGTH.md.
const NoProtection = "obfuscation is no protection: 2 known texts find the texts of all rotated vectors, 12 those of noisy ones, 1,500 vectors without " +
	"any known text 95 in 100 or more; no limit makes it safe"

func (k *MaskKeys) ring() keyring { return keyring{"mask_keys", &k.Current, k.Previous} }

func (c *Config) checkMaskKeys(r *report) {
	k := &c.MaskKeys
	if k.Current == "" && len(k.Previous) > 0 {
		r.add("mask_keys.current", "is missing: previous keys only open, they do not mask")
	}
	k.ring().check(r)
	for i := range c.Targets {
		m := c.Targets[i].Floors.Mask
		if !m.Keyed() || k.Current != "" {
			continue
		}
		text := fmt.Sprintf("%s needs mask_keys.current", m)
		if m.Obfuscates() { // before a key is made for it
			text = fmt.Sprintf("%s; if that is meant: %s", NoProtection, text)
		}
		r.add(fmt.Sprintf("targets[%d].floors.mask", i), "%s", text)
	}
}

// keyring is a key and those that were it before, each named by where it is: file:PATH, env:NAME, or command:PROGRAM ARG….
type keyring struct {
	key      string // in the configuration
	current  *string
	previous []string
}

// specs returns the keys with their places in the configuration.
func (k keyring) specs() []named {
	all := []named{{key: k.key + ".current", at: k.current}}
	for i := range k.previous {
		all = append(all, named{key: fmt.Sprintf("%s.previous[%d]", k.key, i), at: &k.previous[i]})
	}
	return all
}

func (k keyring) check(r *report) {
	if len(k.previous) > maxPrevious {
		r.add(k.key+".previous", "%d keys: at most %d", len(k.previous), maxPrevious)
	}
	for i, n := range k.specs() {
		if *n.at == "" && i == 0 {
			continue
		}
		kind, where, _ := strings.Cut(*n.at, ":")
		if where == "" || !slices.Contains([]string{"file", "env", "command"}, kind) { // what was written is not repeated: it may be the key
			r.add(n.key, "want file:PATH, env:NAME or command:PROGRAM, not the key itself")
		}
	}
}

// files checks the keys that are files.
func (k keyring) files(r *report) {
	for _, n := range k.specs() {
		path, ok := strings.CutPrefix(*n.at, "file:")
		if !ok || path == "" {
			continue
		}
		if err := readable(path, false); err != nil {
			r.add(n.key, "%v", err)
			continue
		}
		if info, err := os.Stat(path); err == nil && (info.Size() < vector.MinMaster || info.Size() > vector.MaxMaster) {
			r.add(n.key, "%s has %d bytes: want %d to %d random ones", path, info.Size(), vector.MinMaster, vector.MaxMaster)
		}
	}
}

// resolve takes relative key files from the directory of the configuration.
func (k keyring) resolve(dir string) {
	for _, n := range k.specs() {
		if path, ok := strings.CutPrefix(*n.at, "file:"); ok && path != "" && !filepath.IsAbs(path) {
			*n.at = "file:" + filepath.Join(dir, path)
		}
	}
}
