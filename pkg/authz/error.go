package authz

import (
	"errors"
	"fmt"
)

// Kind says why an exchange is refused, and so how the refusal is answered. Kinds are a documented, append-only list; the table in
// server/internal/wire maps each to its HTTP status and gRPC code.
type Kind uint8

// The kinds of refusal. The zero value is KindForbidden: a refusal nobody classified is policy's.
const (
	KindForbidden       Kind = iota // policy said no: 403
	KindUnauthenticated             // no token, or a bad one: 401 with WWW-Authenticate
	KindApproval                    // a person must agree first: 403 with an approval
	KindQuota                       // a limit is reached: 429 with Retry-After
	KindTooLarge                    // a body or message is over its cap: 413
	KindBadRequest                  // the request cannot be read, or cannot be changed as it must be: 400
	KindBadAnswer                   // the upstream's answer cannot be judged: 502
	KindUnavailable                 // Weir could not decide: 503
	KindBusy                        // Weir is out of room for now: 503 with Retry-After
	KindInternal                    // a fault of ours: 503, and an alarm
)

// String returns the kind's stable label for metrics and records.
func (k Kind) String() string {
	names := [...]string{"forbidden", "unauthenticated", "approval", "quota", "too_large", "bad_request", "bad_answer", "unavailable", "busy", "internal"}
	if int(k) < len(names) {
		return names[k]
	}
	return "internal"
}

// MarshalText implements encoding.TextMarshaler.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText accepts the labels that String returns and nothing else.
func (k *Kind) UnmarshalText(b []byte) error {
	for i := KindForbidden; i <= KindInternal; i++ {
		if i.String() == string(b) {
			*k = i
			return nil
		}
	}
	return fmt.Errorf("kind %q is not known", b)
}

// Error is "could not decide", or a refusal found below the policy. It always refuses. Public may be shown to the client; the wrapped
// cause goes to the log only. Neither ever holds a secret, a token, a vector or raw text.
type Error struct {
	Kind   Kind
	Label  string // stable, low-cardinality cause for metrics, such as "token_expired" or "store_unavailable"
	Public string // plain words for the client
	Err    error  // the cause, for the log; may be nil
	Fault  string // the rule of the policy in which it went wrong, for log and audit; may be empty
	// Challenge is the WWW-Authenticate value of a refusal of KindUnauthenticated; empty for the usual one.
	Challenge string
	// Nonce is what goes with it as DPoP-Nonce (RFC 9449 §9); empty for none.
	Nonce string
}

// Error returns the label and the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Label + ": " + e.Public
	}
	return e.Label + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns err as an *Error. An error of any other type becomes KindUnavailable with a public text that says nothing of the
// cause; nil stays nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: KindUnavailable, Label: "undecided", Public: "Weir could not decide about this request", Err: err}
}
