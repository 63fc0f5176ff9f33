package guard

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Handover keeps an admission between ext_authz and ext_proc (entry "both"), each for one use.
type Handover interface {
	// Put stores value under key for at most ttl.
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Take returns and removes the value; false when there is none, or no more.
	Take(ctx context.Context, key string) ([]byte, bool, error)
}

// A ticket is base64url(version 1 | nonce 16 | expiry 8, Unix ms | MAC 32): 76 characters, well below the 300 bytes that Envoy copies
// into every message. The MAC (HMAC-SHA256) covers version, nonce, expiry, method, authority and path, so that a ticket fits one
// request only; the nonce is taken out of the store at first use, so that it fits once. The key ID is its first MAC byte's secret:
// one key per deployment, rotated by restarting with both replicas on the new file.
const (
	ticketVersion = 1
	ticketBody    = 1 + 16 + 8
	ticketSize    = ticketBody + sha256.Size
)

// handed is what Redeem needs to go on where Suspend stopped. The request's headers stay behind: the second call brings its own, without
// those of Weir's, which ext_authz has stripped.
type handed struct {
	ID          string            `json:"id"`
	Started     time.Time         `json:"started"`
	Match       authz.Match       `json:"match"`
	Floors      authz.Floors      `json:"floors"`
	Mode        authz.Mode        `json:"mode"`
	Upgrades    bool              `json:"upgrades"`
	Vectors     []string          `json:"vectors,omitempty"`
	PrimaryKeys []string          `json:"primary_keys,omitempty"`
	Unseen      int64             `json:"unseen,omitempty"`
	Slashes     bool              `json:"slashes,omitempty"`
	Documents   int64             `json:"documents,omitempty"`
	Operation   authz.Operation   `json:"operation"`
	TraceID     string            `json:"trace_id"`
	ParentSpan  string            `json:"parent_span"`
	NeedsBody   bool              `json:"needs_body"`
	Identity    authz.Identity    `json:"identity"`
	Known       bool              `json:"known"`
	Decided     bool              `json:"decided"`
	Verdict     authz.Decision    `json:"verdict"`
	Label       string            `json:"label"`
	Reservation authz.Reservation `json:"reservation"`
	Reserved    bool              `json:"reserved"`
	Granted     authz.Volume      `json:"granted"`
	Raised      time.Time         `json:"raised"`
	Words       string            `json:"words,omitempty"`
	Attempted   bool              `json:"attempted,omitempty"`
	Having      bool              `json:"having,omitempty"`
}

// Suspend hands the exchange over to the stream that will follow: it stores the admission and returns the ticket for it. The Admission
// must not be used afterwards. An error refuses the exchange.
func (a *Admission) Suspend(ctx context.Context) (string, error) {
	if a.g.cfg.Handover == nil {
		return "", errors.New("guard: entry is not both: no hand-over store")
	}
	if err := a.Durable(ctx); err != nil {
		return "", err
	}
	t := a.match.Target
	value, err := json.Marshal(handed{
		ID: a.id, Started: a.req.Time, Match: a.match, Floors: t.Floors, Mode: t.Mode, Upgrades: t.Upgrades,
		Vectors: t.Vectors, PrimaryKeys: t.PrimaryKeys, Unseen: t.Unseen, Documents: t.Documents, Slashes: t.Slashes,
		Operation: a.op, TraceID: a.trace.id, ParentSpan: a.trace.parent, NeedsBody: a.needsBody, Identity: a.identity, Known: a.known,
		Decided: a.decided, Verdict: a.verdict, Label: a.label, Reservation: a.reservation, Reserved: a.reserved, Granted: a.granted, Raised: a.raised,
		Words: a.words, Attempted: a.attempted != nil, Having: a.having != nil,
	})
	if err != nil {
		return "", err
	}
	b := make([]byte, ticketBody, ticketSize)
	b[0] = ticketVersion
	if _, err := io.ReadFull(a.g.cfg.Rand, b[1:17]); err != nil {
		return "", err
	}
	expiry := a.g.cfg.Now().Add(a.g.cfg.TicketTTL)
	binary.BigEndian.PutUint64(b[17:], uint64(expiry.UnixMilli())) //nolint:gosec // a time after 1970
	b = append(b, a.g.ticketMAC(b, a.req)...)
	if err := a.g.cfg.Handover.Put(ctx, handoverKey(b), value, a.g.cfg.TicketTTL+keepAfter); err != nil {
		return "", err
	}
	a.g.suspended.add(handoverKey(b), expiry)
	a.finished = true
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// Redeem goes on with the exchange that ticket stands for; it is refused where the route names another target now. A ticket that is missing, forged, expired, used, or made for another request is
// an *authz.Error of KindUnavailable: there is never a second Admit.
func (g *Guard) Redeem(ctx context.Context, ticket string, req authz.Request) (*Admission, error) {
	bad := func(label string, cause error) error {
		return &authz.Error{Kind: authz.KindUnavailable, Label: label, Public: "this request did not pass Weir's first check (ext_authz)", Err: cause}
	}
	if g.cfg.Handover == nil {
		return nil, bad("ticket_unsupported", errors.New("entry is not both"))
	}
	if ticket == "" {
		return nil, bad("ticket_missing", errors.New("no ticket in metadata_context: is envoy.filters.http.ext_authz forwarded?"))
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(ticket)
	if err != nil || len(b) != ticketSize || b[0] != ticketVersion || !hmac.Equal(b[ticketBody:], g.ticketMAC(b[:ticketBody], req)) {
		return nil, bad("ticket_forged", errors.New("malformed, or its MAC does not fit this request"))
	}
	if expiry := time.UnixMilli(int64(binary.BigEndian.Uint64(b[17:]))); !g.cfg.Now().Before(expiry) { //nolint:gosec // covered by the MAC
		return nil, bad("ticket_expired", errors.New("expired"))
	}
	value, ok, err := g.cfg.Handover.Take(ctx, handoverKey(b))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, bad("ticket_used", errors.New("used before, or issued by a process whose memory store this one does not share"))
	}
	g.suspended.redeemed(handoverKey(b))
	h, err := readHanded(value)
	if err != nil {
		return nil, bad("ticket_unreadable", err)
	}
	a := g.resume(h, req)
	if req.Route != "" && req.Route != a.match.Target.Name { // the second filter's route says something else than the first one's
		a.match.Target.Mode = authz.ModeEnforce // a contradiction is refused where one filter asks, whatever the mode; so it is here
		a.fail(&authz.Error{
			Kind: authz.KindForbidden, Label: "target_conflict", Public: "the route and the address of this request belong to different things",
			Err: fmt.Errorf("the route names target %q to ext_proc, and ext_authz admitted it to %q", req.Route, a.match.Target.Name),
		})
	}
	return a, nil
}

// Refused opens an exchange that is refused for e from the start, so that it has its records like any other. It is refused in observe mode
// too: it is for what has no valid ticket, of which nobody knows who asks.
func (g *Guard) Refused(req authz.Request, e *authz.Error) *Admission {
	a := g.Begin(req)
	a.match.Target.Mode = authz.ModeEnforce
	a.fail(e)
	return a
}

func (g *Guard) resume(h handed, req authz.Request) *Admission {
	req.Time = h.Started
	t := &h.Match.Target
	t.Floors, t.Mode, t.Upgrades, t.Vectors, t.PrimaryKeys, t.Unseen, t.Documents, t.Slashes = h.Floors, h.Mode, h.Upgrades, h.Vectors, h.PrimaryKeys, h.Unseen, h.Documents, h.Slashes
	a := &Admission{
		g: g, id: h.ID, req: req, match: h.Match, op: h.Operation, needsBody: h.NeedsBody, identity: h.Identity, known: h.Known,
		trace:   trace{id: h.TraceID, parent: h.ParentSpan, span: joinTrace("", h.ID).span},
		decided: h.Decided, verdict: h.Verdict, enforced: h.Verdict.Effect, label: h.Label,
		reservation: h.Reservation, reserved: h.Reserved, granted: h.Granted, raised: h.Raised, words: h.Words, marked: h.Verdict.Flags,
	}
	if a.Observed() {
		a.enforced = authz.Allow
	}
	if a.tried = a.op.Attempts != nil; h.Attempted {
		r := a.attemptClaim(attempted, a.attempter())
		a.attempted = &r
	}
	if h.Having {
		r := a.attemptClaim(having, a.letHave())
		a.having = &r
	}
	if a.decided {
		a.receipt = durable{} // Suspend waited for it
	}
	return a
}

// durable is the receipt of a record that is on disk already.
type durable struct{}

func (durable) Wait(context.Context) error { return nil }

func (g *Guard) ticketMAC(body []byte, req authz.Request) []byte {
	m := hmac.New(sha256.New, g.cfg.TicketKey)
	m.Write(body)
	for _, s := range []string{req.Method, strings.ToLower(req.Host), req.Path} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		m.Write(n[:])
		m.Write([]byte(s))
	}
	return m.Sum(nil)
}

func handoverKey(ticket []byte) string { return base64.RawURLEncoding.EncodeToString(ticket[1:17]) }
