package registry

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/weirgate/weir/pkg/authz"
)

// Version is one version of a model.
type Version struct {
	Model       string           `json:"model"`           // NAME/VERSION, such as "churn/7"
	Names       []string         `json:"names,omitempty"` // what its objects are known by
	Sensitivity string           `json:"sensitivity"`
	State       authz.ModelState `json:"state"` // active or retired
	Promoted    Mark             `json:"promoted,omitzero"`
	Changed     Mark             `json:"changed,omitzero"` // class, state or names, the last time
	Proposal    *Proposal        `json:"proposal,omitempty"`
	Source      string           `json:"source,omitempty"` // "file" for one of the operator's file
}

// Mark says who did something, when and why.
type Mark struct {
	By     string    `json:"by,omitempty"` // "issuer|sub" of one, or of two joined by " and "; "webhook" or "file"
	At     time.Time `json:"at,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

// Who asks for a change.
type Who struct {
	Ref    string `json:"ref"` // "issuer|sub", or the source that is no person
	Email  string `json:"email,omitempty"`
	Person bool   `json:"person,omitempty"` // not a program
}

// Subject returns who a verified subject is here. Whoever acts for somebody else is no person.
func Subject(s authz.Subject) Who {
	return Who{Ref: s.Ref(), Email: s.Email, Person: s.Kind == authz.Human && len(s.Actors) == 0}
}

func (w Who) same(other Who) bool {
	return w.Ref == other.Ref || w.Email != "" && strings.EqualFold(w.Email, other.Email)
}

// Proposal is what would make a version less strict, and who agrees.
type Proposal struct {
	ID          string           `json:"id"`
	By          Who              `json:"by"`
	Agreed      []Who            `json:"agreed,omitempty"` // people; the proposer first, if it is one
	At          time.Time        `json:"at"`
	Expires     time.Time        `json:"expires"`
	Names       []string         `json:"names,omitempty"`       // to be added
	Sensitivity string           `json:"sensitivity,omitempty"` // empty: as it is
	State       authz.ModelState `json:"state,omitempty"`       // empty: as it is
	Reason      string           `json:"reason,omitempty"`
}

// people is how many must agree to what makes a version less strict.
const people = 2

// Missing is how many people must agree yet.
func (p *Proposal) Missing() int { return max(0, people-len(p.Agreed)) }

// Ask is a change of one version. What is empty stays as it is. A version that is not there is registered.
type Ask struct {
	Model       string           `json:"model"`
	Names       []string         `json:"names,omitempty"` // to be added
	Sensitivity string           `json:"sensitivity,omitempty"`
	State       authz.ModelState `json:"state,omitempty"`
	Promoted    string           `json:"promoted,omitempty"` // the alias or stage that it was promoted to: a note, which changes nothing else
	Reason      string           `json:"reason,omitempty"`
}

// The bounds of what a registry keeps.
const (
	MaxVersions = 10_000
	MaxNames    = 1000 // of one version
	MaxText     = 512  // bytes of a reason, and of a model's name
	maxName     = 1536 // bytes of a name of an object
	// MaxDocument is the size of all of it, in bytes.
	MaxDocument = 4 << 20
)

// check says what is wrong with an ask, as text for who asked.
func (a *Ask) check(classes []string) error {
	if err := checkModel(a.Model); err != nil {
		return err
	}
	for _, n := range a.Names {
		if err := CheckName(n); err != nil {
			return err
		}
	}
	switch {
	case len(a.Names) > MaxNames:
		return refuse("invalid", "at most %d names", MaxNames)
	case a.Sensitivity != "" && !slices.Contains(classes, a.Sensitivity):
		return refuse("invalid", "sensitivity %q is not known: want one of %s", a.Sensitivity, strings.Join(classes, ", "))
	case a.State != "" && a.State != authz.ModelActive && a.State != authz.ModelRetired:
		return refuse("invalid", "state %q is not known: want active or retired", a.State)
	case !isText(a.Reason), !isText(a.Promoted):
		return refuse("invalid", "a reason, an alias and a stage have at most %d bytes, and no control characters", MaxText)
	case len(a.Names) == 0 && a.Sensitivity == "" && a.State == "" && a.Promoted == "":
		return refuse("invalid", "nothing is asked for: want names, a sensitivity or a state")
	}
	return nil
}

// checkModel says what is wrong with the name of a version.
func checkModel(model string) error {
	at := strings.LastIndexByte(model, '/')
	if at <= 0 || at == len(model)-1 || len(model) > MaxText || strings.ContainsFunc(model, isStrange) {
		return refuse("invalid", "model %q: want NAME/VERSION, such as churn/7", clip(model))
	}
	return nil
}

// CheckName says what is wrong with a name of an object.
func CheckName(name string) error {
	hex, sha256 := strings.CutPrefix(name, "sha256:")
	n := 64
	sha512 := false
	if !sha256 {
		if hex, sha512 = strings.CutPrefix(name, "sha512:"); sha512 {
			n = 128
		}
	}
	digest := (sha256 || sha512) && len(hex) == n && strings.Trim(hex, "0123456789abcdef") == ""
	at := strings.IndexByte(name, '@')
	object := !sha256 && !sha512 && strings.IndexByte(name, '/') > 0 && at > 0 && at < len(name)-1
	if !digest && !object || len(name) > maxName || strings.ContainsFunc(name, isStrange) {
		return refuse("invalid", "name %q: want sha256:… or sha512:… in lower-case hexadecimal digits, or TARGET/OBJECT@VERSION", clip(name))
	}
	return nil
}

func isStrange(c rune) bool { return unicode.IsSpace(c) || !unicode.IsPrint(c) }

func isText(s string) bool {
	return len(s) <= MaxText && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}

func isWord(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// clip is a text as an error repeats it.
func clip(s string) string {
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return s
}

func compareModels(a, b string) int { return strings.Compare(a, b) }

// Refused is a change that is not made, for a reason that who asked may know.
type Refused struct {
	Label string // stable: invalid, unknown_model, no_proposal, same_person, not_a_person, full
	Text  string
}

// Error returns the text.
func (r *Refused) Error() string { return r.Text }

func refuse(label, format string, args ...any) *Refused {
	return &Refused{label, fmt.Sprintf(format, args...)}
}
