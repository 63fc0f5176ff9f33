package vector

import (
	"fmt"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// Masker makes another vector of one: sealed, a token, or obfuscated. Implementations are safe for concurrent use.
type Masker interface {
	// Mask returns what a client may have of v: as many components, in dst where it is large enough, or none at all: then v is redacted. v is
	// not kept; dst and v may be the same slice. An error means that nothing could be decided, and refuses.
	Mask(dst, v []float32, p Place) ([]float32, error)
}

// Opener is the way back, on requests: it gives what a sealed vector holds. Implementations are safe for concurrent use.
type Opener interface {
	// Open says what v is and, where it is Opened, returns what it holds, in dst where that is large enough; otherwise out is empty. v is
	// not kept; dst and v may be the same slice. An error means that nothing could be decided, and refuses.
	Open(dst, v []float32, p Place) (out []float32, s Seal, err error)
}

// Place names what a vector belongs to. A sealed one opens nowhere else, and a token is another one elsewhere. Two places are the same when
// all four words are.
type Place struct {
	Tenant string // authz.Target.Tenant
	Target string // authz.Target.Name
	Space  string // the model or collection
	Name   string // of the vector, where an object has several; empty for the only one
}

// Seal is what an Opener makes of a vector. The zero value lets nothing be believed of it: it is as raw as any.
type Seal uint8

// The seals.
const (
	NotSealed Seal = iota // not of a sealed vector's form: the client's own numbers
	Opened                // sealed here, for this place; what it holds is authentic
	Forged                // of the form, but changed on the way, or of another key, place or length
)

// String returns the word for s.
func (s Seal) String() string {
	switch s {
	case NotSealed:
		return "raw"
	case Opened:
		return "sealed"
	default:
		return "forged"
	}
}

// NewMasker returns the Masker for a mask mode that needs one: "seal", "token", or "obfuscate:" and an Obfuscation.
func NewMasker(ring *Keyring, mode authz.MaskMode) (Masker, error) {
	switch how, obfuscates := strings.CutPrefix(string(mode), "obfuscate:"); {
	case obfuscates:
		o, err := NewObfuscator(ring, Obfuscation(how))
		if err != nil {
			return nil, err
		}
		return o, nil
	case mode == "seal":
		return NewSealer(ring), nil
	case mode == "token":
		return NewTokener(ring), nil
	}
	return nil, fmt.Errorf("mask %q is not made by a masker", mode)
}
