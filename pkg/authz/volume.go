package authz

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Unit is what a meter counts.
type Unit string

// The units. A vector is charged as UnitVectors when it leaves raw, sealed or obfuscated, as UnitVectorsMasked otherwise (MaskMode.Unit).
const (
	UnitRequests      Unit = "requests"
	UnitDocuments     Unit = "documents"
	UnitBytes         Unit = "bytes"
	UnitVectors       Unit = "vectors"
	UnitVectorsMasked Unit = "vectors_masked"
)

// NumUnits is the number of units; a Volume holds one count of each.
const NumUnits = 5

// Units lists the units in the order in which a Volume holds them; stores may rely on the order.
func Units() [NumUnits]Unit {
	return [NumUnits]Unit{UnitRequests, UnitDocuments, UnitBytes, UnitVectors, UnitVectorsMasked}
}

// Index returns the unit's place in a Volume, or -1 for a name that is no unit.
func (u Unit) Index() int {
	switch u {
	case UnitRequests:
		return 0
	case UnitDocuments:
		return 1
	case UnitBytes:
		return 2
	case UnitVectors:
		return 3
	case UnitVectorsMasked:
		return 4
	}
	return -1
}

// Volume counts what an exchange takes, one number per unit in the order of Units. Negative counts are never valid.
type Volume [NumUnits]int64

// Of returns the count of one unit; 0 for a name that is no unit.
func (v Volume) Of(u Unit) int64 {
	if i := u.Index(); i >= 0 {
		return v[i]
	}
	return 0
}

// With returns v with one unit's count replaced; a name that is no unit changes nothing.
func (v Volume) With(u Unit, n int64) Volume {
	if i := u.Index(); i >= 0 {
		v[i] = n
	}
	return v
}

// Add returns the sum per unit. It stays at the largest number there is where it would pass it: a count that wrapped round would be room.
func (v Volume) Add(o Volume) Volume {
	for i := range v {
		if v[i] > math.MaxInt64-o[i] {
			v[i] = math.MaxInt64
			continue
		}
		v[i] += o[i]
	}
	return v
}

// Max returns the larger count per unit.
func (v Volume) Max(o Volume) Volume {
	for i := range v {
		v[i] = max(v[i], o[i])
	}
	return v
}

// Covers reports whether v is at least o in every unit.
func (v Volume) Covers(o Volume) bool {
	for i := range v {
		if v[i] < o[i] {
			return false
		}
	}
	return true
}

// Window is the length of a sliding window. Its text form is a whole number of minutes, hours or days: 1m, 24h, 30d.
type Window time.Duration

// String returns the shortest of 1m, 1h, 24h, 30d and their like: days from 48 hours up, so that a day is written 24h.
func (w Window) String() string {
	d := time.Duration(w)
	const day = 24 * time.Hour
	switch {
	case d >= 2*day && d%day == 0:
		return strconv.FormatInt(int64(d/day), 10) + "d"
	case d >= time.Hour && d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + "h"
	case d >= time.Minute && d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + "m"
	default:
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
}

// ParseWindow reads the text form of a Window: a positive whole number and s, m, h or d.
func ParseWindow(s string) (Window, error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	if len(s) < 2 {
		return 0, fmt.Errorf("window %q: want a number and s, m, h or d, such as 1h", s)
	}
	unit, ok := units[s[len(s)-1]]
	n, err := strconv.ParseInt(strings.TrimPrefix(s[:len(s)-1], "+"), 10, 32)
	if !ok || err != nil || n <= 0 || s[0] == '+' {
		return 0, fmt.Errorf("window %q: want a number and s, m, h or d, such as 1h", s)
	}
	return Window(time.Duration(n) * unit), nil
}

// MarshalText implements encoding.TextMarshaler.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler by ParseWindow.
func (w *Window) UnmarshalText(b []byte) error {
	p, err := ParseWindow(string(b))
	if err != nil {
		return err
	}
	*w = p
	return nil
}
