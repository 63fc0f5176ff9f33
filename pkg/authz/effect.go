package authz

import "fmt"

// Effect is what a decision says about an exchange. The zero value denies.
type Effect uint8

// The effects, weakest permission first: Tighten keeps the smaller of two.
const (
	Deny  Effect = iota // refused
	Hold                // a person must agree first
	Allow               // permitted, tied to the decision's obligations
)

// String returns the effect as policies, records and metrics write it.
func (e Effect) String() string {
	switch e {
	case Allow:
		return "allow"
	case Hold:
		return "hold"
	default:
		return "deny"
	}
}

// MarshalText implements encoding.TextMarshaler.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText accepts "deny", "hold" and "allow" and nothing else.
func (e *Effect) UnmarshalText(b []byte) error {
	switch string(b) {
	case "deny":
		*e = Deny
	case "hold":
		*e = Hold
	case "allow":
		*e = Allow
	default:
		return fmt.Errorf("effect %q: want deny, hold or allow", b)
	}
	return nil
}

// RecordMode says how an exchange is recorded. The zero value is durable.
type RecordMode string

// The record modes, strictest first.
const (
	RecordUnset      RecordMode = ""            // not said: durable
	RecordDurable    RecordMode = "durable"     // on disk before anything is released
	RecordBestEffort RecordMode = "best_effort" // written, not waited for
	RecordMetadata   RecordMode = "metadata"    // written without the policy input; such a decision cannot be replayed
	RecordOff        RecordMode = "off"         // counted in metrics only
)

func (m RecordMode) laxity() int {
	switch m {
	case RecordBestEffort:
		return 1
	case RecordMetadata:
		return 2
	case RecordOff:
		return 3
	default:
		return 0
	}
}

// Valid reports whether m is a record mode, RecordUnset included.
func (m RecordMode) Valid() bool {
	switch m {
	case RecordUnset, RecordDurable, RecordBestEffort, RecordMetadata, RecordOff:
		return true
	}
	return false
}

// Stricter returns the mode of the two that records more; RecordUnset counts as RecordDurable.
func (m RecordMode) Stricter(o RecordMode) RecordMode {
	if o.laxity() < m.laxity() {
		m = o
	}
	if m == RecordUnset {
		return RecordDurable
	}
	return m
}

// Mode says whether a verdict is carried out. The zero value enforces.
type Mode string

// The two modes: they differ in what is enforced, never in what is counted or recorded.
const (
	ModeEnforce Mode = ""        // verdicts are carried out
	ModeObserve Mode = "observe" // verdicts are recorded; nothing is masked, withheld or refused
)
