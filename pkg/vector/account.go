package vector

import (
	"errors"
	"fmt"

	"github.com/weirgate/weir/pkg/authz"
)

// maxWhole is the longest vector that is held as a whole, in components: a longer one is redacted, or left as it is by an opener.
const maxWhole = 1 << 16

// treatment is what becomes of a vector.
type treatment uint8

const (
	refused  treatment = iota // the document ends there
	asIs                      // it leaves as it came
	zeroed                    // as many zeros leave
	emptied                   // none of it leaves
	replaced                  // what a Masker makes of it
	opened                    // what it holds, if it is sealed; otherwise as it came
)

// account is what the parts of a stream share: what is to be done, what may leave, and what was counted.
type account struct {
	treat   treatment
	unit    bool
	strict  bool
	changes bool // something else than vectors is changed: scores, fields
	masker  Masker
	opener  Opener
	place   Place
	scores  scoreMask

	out     []byte // output of the call that runs
	muted   bool   // nothing is put: an emptied value goes by
	granted int64
	read    Reading
	scratch []float32 // what the masker or opener returned last
}

func newAccount(o Options) (*account, error) {
	a := &account{unit: o.Unit, strict: o.Strict, masker: o.Masker, place: o.Place}
	switch o.Mask {
	case authz.MaskNone:
		a.treat = asIs
	case authz.MaskZero:
		a.treat = zeroed
	case authz.MaskRedact, authz.MaskUnset:
		a.treat = emptied
	case authz.MaskRefuse:
		a.treat = refused
	default:
		if o.Masker == nil {
			return nil, fmt.Errorf("mask %q cannot be applied", o.Mask)
		}
		a.treat = replaced
	}
	var err error
	a.scores, err = newScoreMask(o.Scores)
	return a, err
}

// raw reports whether everything leaves as it came.
func (a *account) raw() bool { return a.treat == asIs && !a.changes }

// puts reports whether what is put leaves.
func (a *account) puts() bool { return !a.muted && !a.raw() }

// masks reports whether vectors that nobody declared are looked for.
func (a *account) masks() bool { return a.treat != asIs && a.treat != opened }

// put lets b leave.
func (a *account) put(b []byte) {
	if a.puts() {
		a.out = append(a.out, b...)
	}
}

func (a *account) putByte(c byte) {
	if a.puts() {
		a.out = append(a.out, c)
	}
}

// begin opens a vector, and counts it: it is granted, or nothing of it leaves.
func (a *account) begin() error {
	if a.treat == refused {
		return ErrVectorRefused
	}
	if a.read.Vectors >= a.granted {
		return ErrGrant
	}
	a.read.Vectors++
	return nil
}

// undeclared counts a vector that the detector found, and refuses it where it must.
func (a *account) undeclared() error {
	if a.treat == refused {
		return ErrVectorRefused
	}
	if a.strict {
		return ErrUndeclared
	}
	a.read.Vectors++
	a.read.Undeclared++
	return nil
}

// verdict is what change decided.
type verdict uint8

const (
	withhold verdict = iota // none of the vector leaves
	keep                    // it leaves as it came
	swap                    // another one leaves in its place
)

var errLength = errors.New("the mask made a vector of another length")

// change asks the masker, or opener, what leaves of a whole vector. out is good until the next call.
func (a *account) change(v []float32, name string) (out []float32, is verdict, err error) {
	p := a.place
	if name != "" {
		p.Name = name
	}
	seal := NotSealed
	if a.treat == opened {
		out, seal, err = a.opener.Open(a.scratch, v, p)
	} else {
		out, err = a.masker.Mask(a.scratch, v, p)
	}
	if err != nil {
		return nil, withhold, fmt.Errorf("vector: %w", err)
	}
	a.scratch = out[:0]
	switch {
	case a.treat == opened && seal != Opened:
		if seal == Forged {
			a.read.Forged++
		}
		return nil, keep, nil
	case a.treat != opened && len(out) == 0:
		return nil, withhold, nil
	case len(out) != len(v):
		return nil, withhold, fmt.Errorf("vector: %w", errLength)
	}
	if a.treat == opened {
		a.read.Sealed++
	}
	return out, swap, nil
}
