package authz

import "time"

// Meter names what a sliding-window count is kept for.
type Meter string

// The meters. The key of each is derived by the guard; a limit on MeterGroup names its group in Key.
const (
	MeterSubject       Meter = "subject"        // one subject over all targets
	MeterSubjectTarget Meter = "subject_target" // one subject on one target
	MeterTarget        Meter = "target"         // everyone on one target
	MeterGroup         Meter = "group"          // all members of one group
	MeterCredential    Meter = "credential"     // one credential (token), whoever holds it
)

// Valid reports whether m is a known meter.
func (m Meter) Valid() bool {
	switch m {
	case MeterSubject, MeterSubjectTarget, MeterTarget, MeterGroup, MeterCredential:
		return true
	}
	return false
}

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
}

// Exceeded tells which limit stood in the way.
type Exceeded struct {
	Limit      Limit         `json:"limit"`
	Used       int64         `json:"used"` // counted in the window before this claim
	RetryAfter time.Duration `json:"-"`    // until the oldest counted slot leaves the window; never 0, at most Window + Window/8
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
