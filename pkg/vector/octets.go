package vector

import (
	"errors"
	"fmt"

	"github.com/weirgate/weir/pkg/scan"
)

// octets is the engine of bodies that are nothing but components, vectors end to end. Masks but redact leave as many bytes as came; of a
// redacted body nothing is left, and where something else says how long it was, it is refused.
type octets struct {
	cells     cellRun
	described bool // something else says how long the body is
}

// newOctets takes one field, whose encoding is that of the components. How long each vector is must be known: without it there is nothing to
// count, and such a body is refused.
func newOctets(fields []scan.Field, a *account, empty []string, opts Options) (*octets, error) {
	switch {
	case len(fields) != 1 || fields[0].Path != "" || fields[0].Role != scan.RoleVector && fields[0].Role != "":
		return nil, errors.New("octets are one field, of vectors")
	case cellsOf(fields[0].Encoding) == noCells:
		return nil, fmt.Errorf("encoding %q is not one of octets", fields[0].Encoding)
	case opts.Dims <= 0:
		return nil, errors.New("octets cannot be counted without the length of their vectors")
	case len(empty) > 0:
		return nil, errors.New("octets have no fields that could be emptied")
	}
	o := &octets{described: opts.Described}
	o.cells.account = a
	c := cellsOf(fields[0].Encoding)
	o.cells.start(c, c.bytes(opts.Dims), []string{fields[0].Name}, false)
	o.cells.dims = opts.Dims
	return o, nil
}

// advance implements engine.
func (o *octets) advance(src []byte) (n int, err error) {
	if o.described && o.cells.account.treat == emptied && len(src) > 0 {
		return 0, fmt.Errorf("%w: octets of a stated length", ErrUnmaskable)
	}
	for n < len(src) && err == nil {
		var k int
		k, err = o.cells.piece(src[n:])
		n += k
	}
	return n, err
}

// finish implements engine.
func (o *octets) finish() error {
	if o.cells.begun {
		return fmt.Errorf("%w: octets that are not whole vectors", ErrMalformed)
	}
	return nil
}
