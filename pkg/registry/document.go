package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// document is all of a registry, immutable.
type document struct {
	revision string
	text     []byte
	classes  []string // the lowest first

	versions  []Version
	delivered map[string]time.Time // IDs of deliveries, until they are too old to be taken anyway

	named  map[string][]*Version
	any    map[string][]*Version // by names without their version: TARGET/OBJECT@
	models map[string]*Version
}

// written is the JSON form of a document.
type written struct {
	Versions  []Version            `json:"versions"`
	Delivered map[string]time.Time `json:"delivered,omitempty"`
}

func newDocument(classes []string, versions []Version) *document {
	d := &document{classes: classes, versions: versions, named: map[string][]*Version{}, any: map[string][]*Version{}, models: map[string]*Version{}}
	for i := range d.versions {
		d.models[versions[i].Model] = &versions[i]
		for _, n := range d.versions[i].Names {
			d.named[n] = append(d.named[n], &d.versions[i])
			for at := range len(n) { // an object's name may hold an @, and so may its version
				if n[at] == '@' {
					d.any[n[:at+1]] = append(d.any[n[:at+1]], &d.versions[i])
				}
			}
		}
	}
	return d
}

// readDocument reads what this or another replica wrote. What cannot be read, or has a class that this replica does not know, refuses.
func readDocument(classes []string, text []byte, revision string) (*document, error) {
	var w written
	if err := Strictly(text, &w); err != nil {
		return nil, unreadable(err)
	}
	for i := range w.Versions {
		v := &w.Versions[i]
		if !slices.Contains(classes, v.Sensitivity) || v.State != authz.ModelActive && v.State != authz.ModelRetired {
			return nil, unreadable(fmt.Errorf("%s has class %q and state %q: registry.classes must be the same for all replicas, and keep its words", v.Model, v.Sensitivity, v.State))
		}
	}
	d := newDocument(classes, w.Versions)
	d.revision, d.text, d.delivered = revision, text, w.Delivered
	return d, nil
}

// Strictly reads one JSON value: a member that is not known is an error, and so is what follows it.
func Strictly(text []byte, to any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("one value only: what follows would be ignored")
	}
	return nil
}

func unreadable(err error) error {
	return &authz.Error{Kind: authz.KindUnavailable, Label: "registry_unreadable", Public: "Weir could not tell what is known of model versions", Err: err}
}

func (d *document) highest() string { return d.classes[len(d.classes)-1] }

// find returns a version by its name; nil where there is none.
func (d *document) find(model string) *Version { return d.models[model] }

// with returns a document that has v in place of the version of that name. Deliveries that are forgotten are left out.
func (d *document) with(v *Version, now time.Time) *document {
	versions := slices.Clone(d.versions)
	if v != nil {
		if at := slices.IndexFunc(versions, func(o Version) bool { return o.Model == v.Model }); at >= 0 {
			versions[at] = *v
		} else {
			versions = append(versions, *v)
		}
	}
	next := newDocument(d.classes, versions)
	next.delivered = maps.Clone(d.delivered)
	maps.DeleteFunc(next.delivered, func(_ string, until time.Time) bool { return !now.Before(until) })
	return next
}

// seal writes the document down and gives it the revision that follows the one before.
func (d *document) seal(before string) error {
	text, err := json.Marshal(written{d.versions, d.delivered})
	if err != nil {
		return err
	}
	if len(text) > MaxDocument || len(d.versions) > MaxVersions {
		return refuse("full", "the registry is full: it holds at most %d versions, in %d bytes", MaxVersions, MaxDocument)
	}
	d.text, d.revision = text, revisionOf(counter(before)+1, text)
	return nil
}

// revisionOf names a document: a counter, and a hash of what it says.
func revisionOf(n uint64, text []byte) string {
	sum := sha256.Sum256(text)
	return strconv.FormatUint(n, 10) + "." + hex.EncodeToString(sum[:8])
}

// counter is how many documents came before; 0 for an empty store.
func counter(revision string) uint64 {
	n, _, _ := strings.Cut(revision, ".")
	c, _ := strconv.ParseUint(n, 10, 64)
	return c
}

func older(a, b string) bool { return counter(a) < counter(b) }

// CheckRevision reports whether a document is the one of a revision, as stores may want to know of what they read from a disk.
func CheckRevision(revision string, text []byte) error {
	if revisionOf(counter(revision), text) != revision {
		return errors.New("the document is not the one of its revision")
	}
	return nil
}

// stricter returns the stricter of two versions, a where they are as strict; nil is none. Retired is stricter than any class.
func (d *document) stricter(a, b *Version) *Version {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	if (a.State == authz.ModelRetired) != (b.State == authz.ModelRetired) {
		if b.State == authz.ModelRetired {
			a, b = b, a
		}
		if d.rank(b.Sensitivity) > d.rank(a.Sensitivity) { // retired, and of the higher class
			joined := *a
			joined.Sensitivity = b.Sensitivity
			return &joined
		}
		return a
	}
	if d.rank(b.Sensitivity) > d.rank(a.Sensitivity) {
		return b
	}
	return a
}

// rank is the place of a class; one that is not known is above all.
func (d *document) rank(class string) int {
	if i := slices.Index(d.classes, class); i >= 0 {
		return i
	}
	return len(d.classes)
}
