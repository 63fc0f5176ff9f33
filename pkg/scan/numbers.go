package scan

import (
	"fmt"
	"strconv"
	"strings"
)

// Place is a place in protobuf messages that Numbers knows. The zero value is the message itself.
type Place int32

// NoPlace is a field that no path goes through.
const NoPlace Place = -1

const (
	// maxFieldNumber is the highest field number (protobuf's "Encoding" page).
	maxFieldNumber = 1<<29 - 1
	// MaxWireDepth is how deep a path may go into a message.
	MaxWireDepth = 32
)

// Numbers is a set of protobuf field paths ("1.6.101.1"), that a Wire follows through messages. The zero value knows the message itself only.
// It is not written after the last Add, and then safe for concurrent use.
type Numbers struct {
	places []numbered
}

// numbered is a place and the fields below it.
type numbered struct {
	up    Place
	depth int
	below []child
}

type child struct {
	number uint32
	place  Place
}

// Add returns the place of a path, and knows it from then on. Every field on the way to another one holds messages.
func (ns *Numbers) Add(path string) (Place, error) {
	if len(ns.places) == 0 {
		ns.places = append(ns.places, numbered{up: NoPlace})
	}
	at, depth := Place(0), 0
	for key := range strings.SplitSeq(path, ".") {
		n, err := strconv.ParseUint(key, 10, 32)
		if err != nil || n == 0 || n > maxFieldNumber || key[0] == '0' || key[0] == '+' {
			return NoPlace, fmt.Errorf("field path %q: %q is no field number", path, key)
		}
		if depth++; depth > MaxWireDepth {
			return NoPlace, fmt.Errorf("field path %q: more than %d numbers", path, MaxWireDepth)
		}
		next := ns.child(at, uint32(n))
		if next == NoPlace {
			next = Place(len(ns.places)) //nolint:gosec // bounded by the paths
			ns.places = append(ns.places, numbered{up: at, depth: depth})
			ns.places[at].below = append(ns.places[at].below, child{uint32(n), next})
		}
		at = next
	}
	return at, nil
}

// Len returns how many places are known, that of the message itself included.
func (ns *Numbers) Len() int { return max(1, len(ns.places)) }

// Up returns the place whose message holds p; NoPlace for the message itself.
func (ns *Numbers) Up(p Place) Place { return ns.places[p].up }

// Depth returns how many messages p lies in, the outermost included; 0 for that one.
func (ns *Numbers) Depth(p Place) int { return ns.places[p].depth }

// Leaf reports whether no path goes on below p.
func (ns *Numbers) Leaf(p Place) bool { return len(ns.places[p].below) == 0 }

// Within reports whether p lies in a message that stands at above, or below it.
func (ns *Numbers) Within(p, above Place) bool {
	for p > above {
		p = ns.places[p].up
	}
	return p == above
}

// child returns the place of a field of the messages at p.
func (ns *Numbers) child(p Place, number uint32) Place {
	if len(ns.places) == 0 {
		return NoPlace
	}
	for _, c := range ns.places[p].below {
		if c.number == number {
			return c.place
		}
	}
	return NoPlace
}
