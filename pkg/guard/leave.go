package guard

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Pins keep names at the value that was given them first, for all replicas (pkg/redisstore; MemoryPins for one process). Any error refuses.
type Pins interface {
	// Pin gives key its value, unless it has one, and returns the one it has. It is forgotten after ttl, or later.
	Pin(ctx context.Context, key, value string, ttl time.Duration) (held string, err error)
}

// redirects reports whether an answer sends the client elsewhere (RFC 9110 §15.4).
func redirects(resp *authz.Response) bool { return resp.Status >= 300 && resp.Status < 400 }

// takeLeave has an exchange whose subject came by a redirect of ours be about what that was about: the object, what it is, and the words.
func (a *Admission) takeLeave() {
	l := a.identity.Leave
	if l == nil {
		return
	}
	a.op.Artifact = authz.StricterArtifact(a.op.Artifact, l.Artifact)
	if a.words == "" {
		a.words = l.Justification
	}
}

// errLeave is the refusal of what a capability is not for.
func errLeave(cause string) *authz.Error {
	return &authz.Error{
		Kind: authz.KindForbidden, Label: "capability_wrong_object", Public: "the capability in the URL is for another object, or another version of it",
		Err: errors.New(cause),
	}
}

// heldTo holds an answer to the capability by which it was asked for: it is of the object, and of the version that the first answer of this host
// was of. Where the redirect did not say how large the object is, the answer has made its budget.
func (a *Admission) heldTo(ctx context.Context, resp *authz.Response) error {
	l, p := a.identity.Leave, resp.Object
	if l == nil || a.Observed() || redirects(resp) || a.req.Method == "HEAD" { // nothing of it leaves
		return nil
	}
	if !l.Fits(*p) {
		return errLeave("the object has another size than the redirect stated, or nobody says which")
	}
	key := a.tenant() + "|" + a.match.Target.Name + "|" + a.identity.Subject.Credential
	held, err := a.g.cfg.Pins.Pin(ctx, key, p.Version, time.Duration(authz.CapabilityWindow))
	if err != nil {
		return err
	}
	if held != p.Version {
		return errLeave("the object has another version than it had for the first request")
	}
	if l.Size != authz.UnknownLength {
		return nil
	}
	sized := *l
	sized.Size = p.Size
	a.identity.Leave = &sized
	return a.bound(sized.Limits())
}

// bound adds limits, which are of meters that the exchange is charged to, to those that hold for what leaves from now on.
func (a *Admission) bound(limits []authz.Limit) error {
	for _, l := range limits {
		if slices.Contains(a.verdict.Limits, l) {
			continue
		}
		with, err := a.bind([]authz.Limit{l})
		if err != nil {
			return err
		}
		a.verdict.Limits = append(slices.Clip(a.verdict.Limits), l)
		a.reservation.Limits = append(slices.Clip(a.reservation.Limits), with...)
	}
	return nil
}

// strayed reports whether an answer to somebody who came by a redirect of ours hands out what nobody can tell is the object.
func (a *Admission) strayed(resp *authz.Response) bool {
	return a.identity.Leave != nil && resp.Object == nil && a.req.Method != "HEAD" && resp.Status >= 200 && resp.Status < 300
}

// maxPins bounds what MemoryPins remembers: about 200 MiB.
const maxPins = 1 << 20

// MemoryPins are the Pins of one process. Safe for concurrent use.
type MemoryPins struct {
	now func() time.Time

	mu     sync.Mutex // guards what follows
	held   [2]map[string]string
	turned time.Time // when held[0] was begun
	ttl    time.Duration
}

// NewMemoryPins returns pins of one process; now is time.Now in production.
func NewMemoryPins(now func() time.Time) *MemoryPins {
	return &MemoryPins{now: now, held: [2]map[string]string{{}, {}}}
}

// Pin implements Pins. Where it remembers too much already it is an *authz.Error of KindBusy.
func (m *MemoryPins) Pin(_ context.Context, key, value string, ttl time.Duration) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if m.ttl = max(m.ttl, ttl); now.Sub(m.turned) >= m.ttl {
		m.held[1] = m.held[0]
		if now.Sub(m.turned) >= 2*m.ttl {
			m.held[1] = map[string]string{}
		}
		m.held[0], m.turned = map[string]string{}, now
	}
	for _, held := range m.held {
		if v, ok := held[key]; ok {
			return v, nil
		}
	}
	if len(m.held[0])+len(m.held[1]) >= maxPins {
		return "", &authz.Error{Kind: authz.KindBusy, Label: "pins_full", Public: "too many redirects were followed lately"}
	}
	m.held[0][key] = value
	return value, nil
}
