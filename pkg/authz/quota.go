package authz

import (
	"cmp"
	"time"
)

// MeterKey is one counter: a meter and what it is kept for. Key is opaque to stores; it may hold any bytes and is at most 1 KiB.
type MeterKey struct {
	Meter Meter  `json:"meter"`
	Key   string `json:"key"`
}

// Limit is policy's bound on one meter: at most Max units in any window of length Window.
type Limit struct {
	Meter  Meter  `json:"meter"`
	Key    string `json:"key,omitempty"` // the group's name for MeterGroup; otherwise empty, the guard fills it in
	Unit   Unit   `json:"unit"`
	Window Window `json:"window"`
	Max    int64  `json:"max"`  // 0 admits nothing
	Over   Effect `json:"over"` // what passing it means: Deny (zero value) or Hold
	Away   Away   `json:"away,omitempty"`
}

// Away says what becomes of a limit while the store that replicas share cannot be asked. The zero value is not said: the configuration
// decides, and refuses unless told otherwise.
type Away string

// The modes, strictest first.
const (
	AwayUnset  Away = ""       // as the configuration says
	AwayRefuse Away = "refuse" // nothing passes
	AwayLocal  Away = "local"  // this replica's share of the limit, counted in its memory
	AwayAllow  Away = "allow"  // everything passes, and its records say so
)

// Valid reports whether a is a mode, AwayUnset included.
func (a Away) Valid() bool {
	switch a {
	case AwayUnset, AwayRefuse, AwayLocal, AwayAllow:
		return true
	}
	return false
}

// Reservation is one exchange's claim on its meters. Every meter key is charged the same Volume.
//
// Stores identify it by Tenant and ID alone: repeating a call with the same arguments changes nothing.
type Reservation struct {
	ID     string     // minted by Weir at random; at most 64 bytes
	Tenant string     // all keys of a reservation live under one tenant
	Keys   []MeterKey // each charged Volume; no duplicates
	Volume Volume     // Reserve: the first claim. Raise, Settle: the new total, not an addition
	Limits []Limit    // Key filled in; each names one of Keys
}

// Quota is a store's answer to Reserve or Raise.
type Quota struct {
	// Granted is the total volume now charged. After a refused Reserve it is zero; after a Raise it lies between what was charged
	// before and what was asked, per unit.
	Granted Volume
	// Over lists the limits that stood in the way, worst wait first; empty when all that was asked is granted.
	Over []Exceeded
	// Away says that the shared store could not be asked, and the laxest mode by which a limit was judged in its place; else AwayUnset.
	Away Away
}

// Exceeded tells which limit stood in the way.
type Exceeded struct {
	Limit Limit `json:"limit"`
	Used  int64 `json:"used"` // counted in the window before this claim
	// RetryAfter is until there is room for what was asked: at most Window and a slot, longer where the store's clock was set back. 0: there
	// never is, for more was asked at once than the limit permits.
	RetryAfter time.Duration `json:"-"`
}

// UsageCount is one count of Usage.
type UsageCount struct {
	Key    MeterKey
	Unit   Unit
	Window Window
	Count  int64
}

// Usage is what the asked meters have counted, for every unit and configured window, zero counts left out.
type Usage []UsageCount

// Worse compares limits in the way: negative where e takes longer to wait for than o. What never passes is the worst.
func (e Exceeded) Worse(o Exceeded) int {
	if e.RetryAfter == 0 || o.RetryAfter == 0 {
		return cmp.Compare(e.RetryAfter, o.RetryAfter)
	}
	return cmp.Compare(o.RetryAfter, e.RetryAfter)
}
