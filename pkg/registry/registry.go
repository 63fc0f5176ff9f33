// Package registry keeps versions of models by the digest of their content: how sensitive each is, whether it is retired, and who promoted it.
//
// # What is kept
//
// Model versions ("churn/7"), each with the names that its objects are known by: "sha256:…" of the content, or TARGET/OBJECT@VERSION by a
// store's own validator (dialect.ObjectNames makes those of an exchange). A class is one of an ordered list of words. What has no entry has
// the highest class. Where several entries have a name, the strictest of them says what it is, whoever asks.
//
// # Who may change what
//
// To raise a class or to retire takes one reviewer, and holds at once. To lower a class, or to bring back what is retired, takes two different
// people: one proposes, another confirms. So does giving a version of a lower class one more name, since what has no entry has the highest
// class; a new version is registered with the highest, and what is asked beyond that is a proposal. A program (a webhook, a workload, an agent)
// is nobody's second person, nor a first one: what it proposes takes two people. A proposal is void once the version is raised or retired, and after
// ProposalLife. Two subjects are one person if their issuer and ID are the same, or their e-mail address; one person with two accounts
// that share neither cannot be told from two.
//
// # Sources
//
// The operator's file (ReadFile) is laid under all this: what it says is never lowered by anything but the file, in which whatever is below
// the highest class names two people. The webhook's events (ReadEvent) come signed (Webhook.Verify).
//
// # Where it is
//
// In one document in a Store: File here, for one process, or pkg/redisstore's for several. Every lookup asks the store whether the document is
// the one that this process has, so that a change holds for the next request of every replica. A store that has an older document than this
// process is given this process's: what was lost in a failover, or accepted as lost, is not forgotten while a replica runs that has it. An
// error of the store refuses.
package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Store keeps the document. Every call is safe for concurrent use. Any error refuses.
type Store interface {
	// Read returns the document and its revision; no document where it is the one of the revision have. Of an empty store both are empty.
	Read(ctx context.Context, have string) (doc []byte, revision string, err error)
	// Write puts doc in place of the document of the revision old; false where another one is there.
	Write(ctx context.Context, old, revision string, doc []byte) (bool, error)
}

// Config holds what a Registry is made of. Store is required.
type Config struct {
	Store   Store
	Classes []string         // the lowest first; default Classes()
	Now     func() time.Time // default time.Now
}

// Classes returns the classes where the configuration says none, the lowest first.
func Classes() []string { return []string{"public", "internal", "confidential", "restricted"} }

// ProposalLife is how long a proposal may wait for its confirmation.
const ProposalLife = 7 * 24 * time.Hour

// Registry knows versions of models. Safe for concurrent use.
type Registry struct {
	store   Store
	classes []string
	now     func() time.Time

	mu   sync.RWMutex // guards what follows; the documents themselves are not changed
	kept *document    // as it was read last
	file *document    // the operator's; nil without
}

// New returns a Registry, or what is wrong with its configuration.
func New(cfg Config) (*Registry, error) {
	if cfg.Store == nil {
		return nil, errors.New("registry: Config.Store is required")
	}
	if len(cfg.Classes) == 0 {
		cfg.Classes = Classes()
	}
	if err := CheckClasses(cfg.Classes); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	classes := slices.Clone(cfg.Classes)
	return &Registry{store: cfg.Store, classes: classes, now: cfg.Now, kept: newDocument(classes, nil), file: newDocument(classes, nil)}, nil
}

// CheckClasses says what is wrong with a list of classes.
func CheckClasses(classes []string) error {
	if len(classes) < 2 || len(classes) > 16 {
		return fmt.Errorf("%d classes: want 2 to 16, the lowest first", len(classes))
	}
	for i, c := range classes {
		if !isWord(c) {
			return fmt.Errorf("class %q: want 1 to 32 lower-case letters, digits, '_' and '-'", c)
		}
		if slices.Contains(classes[:i], c) {
			return fmt.Errorf("class %q is there twice", c)
		}
	}
	return nil
}

// Highest is the class of what is not known.
func (r *Registry) Highest() string { return r.classes[len(r.classes)-1] }

// UseFile lays the operator's versions under all others, in place of those before.
func (r *Registry) UseFile(versions []Version) {
	d := newDocument(r.classes, versions)
	r.mu.Lock()
	r.file = d
	r.mu.Unlock()
}

// Standing says what the objects are that an exchange asks for, by the names that each may be known by: of one object the strictest of what is
// known by its names, and of several objects the strictest. An object of which nothing is known has the highest class. None at all is one such.
func (r *Registry) Standing(ctx context.Context, objects [][]string) (authz.Registered, error) {
	kept, file, err := r.current(ctx)
	if err != nil {
		return authz.Registered{}, err
	}
	if len(objects) == 0 {
		objects = [][]string{nil}
	}
	var out *Version
	for _, names := range objects {
		v := r.strictest(names, kept, file)
		if v == nil {
			v = &Version{Sensitivity: r.Highest(), State: authz.ModelUnknown}
		}
		out = kept.stricter(out, v)
	}
	return authz.Registered{
		Known: out.State != authz.ModelUnknown, Sensitivity: out.Sensitivity, State: out.State, Model: out.Model, PromotedBy: out.Promoted.By,
	}, nil
}

// strictest is what some documents say of names, joined; nil for nothing. What one says of a version holds for all names that another gives it.
// Of an object that states no version, nothing is known but that it may be one that is retired.
func (r *Registry) strictest(names []string, from ...*document) (out *Version) {
	for _, d := range from {
		for _, n := range names {
			for _, v := range d.named[n] {
				for _, other := range from {
					out = d.stricter(out, other.find(v.Model))
				}
			}
			for _, v := range d.any[n] {
				for _, other := range from {
					if v := other.find(v.Model); v != nil && v.State == authz.ModelRetired {
						maybe := *v
						maybe.Sensitivity = r.Highest()
						out = d.stricter(out, &maybe)
					}
				}
			}
		}
	}
	return out
}

// current returns the document as it is now, and the operator's.
func (r *Registry) current(ctx context.Context) (kept, file *document, err error) {
	r.mu.RLock()
	kept, file = r.kept, r.file
	r.mu.RUnlock()
	for range 2 { // the second time after this process's own was written
		doc, revision, err := r.store.Read(ctx, kept.revision)
		if err != nil || revision == kept.revision {
			return kept, file, err
		}
		if older(revision, kept.revision) {
			if _, err = r.store.Write(ctx, revision, kept.revision, kept.text); err != nil {
				return nil, nil, err
			}
			continue
		}
		next, err := readDocument(r.classes, doc, revision)
		if err != nil {
			return nil, nil, err
		}
		r.keep(next)
		return next, file, nil
	}
	return nil, nil, errBusy()
}

// keep takes up a document that was read or written just now.
func (r *Registry) keep(d *document) {
	r.mu.Lock()
	r.kept = d
	r.mu.Unlock()
}

// Versions returns all versions, in order of their names: those of the store, and those that only the operator's file has. They are the
// caller's to read, and nobody's to change.
func (r *Registry) Versions(ctx context.Context) ([]Version, error) {
	kept, file, err := r.current(ctx)
	if err != nil {
		return nil, err
	}
	out := slices.Concat(kept.versions, file.versions)
	slices.SortStableFunc(out, func(a, b Version) int { return compareModels(a.Model, b.Model) })
	return out, nil
}

func errBusy() error {
	return &authz.Error{Kind: authz.KindBusy, Label: "registry_busy", Public: "the registry of model versions is being changed right now"}
}
