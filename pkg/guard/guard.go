package guard

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Authenticator verifies who asks. Errors are *authz.Error of KindUnauthenticated (bad token) or KindUnavailable (cannot tell).
type Authenticator interface {
	Authenticate(ctx context.Context, req authz.Request, t authz.Target) (authz.Identity, error)
}

// Targets finds what is asked for. Errors are *authz.Error; there is no match that means "let it pass".
type Targets interface {
	Resolve(req authz.Request) (authz.Match, error)
}

// Describer reads an operation out of a request head in the target's dialect. needsBody says that the request's body must be read
// before the operation is complete.
type Describer interface {
	Describe(m authz.Match, req authz.Request) (op authz.Operation, needsBody bool)
}

// Policy decides. Any error refuses.
type Policy interface {
	Eval(ctx context.Context, in *authz.Input) (authz.Decision, error)
	Reads() authz.Reads
	Revision() string
}

// Store keeps the sliding windows (pkg/window in memory, pkg/redisstore in Redis). Every call is idempotent by tenant and reservation
// ID; see authz.Reservation and authz.Quota for what is passed. Any error refuses.
type Store interface {
	Reserve(ctx context.Context, r authz.Reservation) (authz.Quota, error)
	Raise(ctx context.Context, r authz.Reservation) (authz.Quota, error)
	Settle(ctx context.Context, r authz.Reservation) error
	Cancel(ctx context.Context, r authz.Reservation) error
	Usage(ctx context.Context, tenant string, keys []authz.MeterKey) (authz.Usage, error)
}

// Receipt is a record on its way to the disk. Wait returns nil once it is durable, and an error if it never will be.
type Receipt interface {
	Wait(ctx context.Context) error
}

// Journal takes audit records. Append may return before the record is durable; it does not keep rec.
type Journal interface {
	Append(rec *authz.Record) (Receipt, error)
}

// Observer is told what happened, for metrics. Its methods must not block.
type Observer interface {
	Decided(t authz.Target, entry string, verdict, enforced authz.Effect)
	Flagged(t authz.Target, flag string)
	Observed(t authz.Target, would string) // see authz.Decision.Unenforced
	Undecided(label string)
	AuthFailed(label string)
	Phase(name string, d time.Duration)
	Overshoot(unit authz.Unit, n int64)
	Left(unit authz.Unit, n int64)
}

// Config holds a Guard's collaborators. All fields but those with a stated default are required.
type Config struct {
	Authenticator Authenticator
	Targets       Targets
	Describer     Describer
	Policy        Policy
	Store         Store
	Journal       Journal
	Observer      Observer
	Coverage      Coverage // nil: none is kept, and policy is told none
	Registry      Registry // nil: there is none, and policy is told nothing of model versions
	Pins          Pins     // where redirects lead to several replicas: one for all of them; default MemoryPins
	Corpus        Corpus   // nil: none is counted, and policy is told none
	Handover      Handover // required for entry "both" only

	TicketKey []byte        // MAC key of hand-over tickets, at least 32 bytes; required with Handover
	TicketTTL time.Duration // default 10 s

	Meters authz.Meters // beyond those that there are always

	MaskKeys bool // the installation has keys for the masks that need some (authz.MaskMode.Keyed); without, such a mask refuses

	Entry   string           // how exchanges reach Weir: ext_proc (default), ext_authz, both; written into records
	Replica string           // first part of every decision ID: lower-case letters, digits and '-', at most 24; default "weir"
	Timeout time.Duration    // deadline of one decision, its store and policy calls included; default 5 s
	Now     func() time.Time // default time.Now
	Rand    io.Reader        // default crypto/rand.Reader
	Log     *slog.Logger     // causes go here; default slog.Default()
}

// Guard decides about exchanges. It is safe for concurrent use; each Admission it returns belongs to one goroutine.
type Guard struct {
	cfg       Config
	suspended suspended // entry "both": handed over by this process
}

// New returns a Guard, or an error that names the first missing collaborator.
func New(cfg Config) (*Guard, error) {
	for name, missing := range map[string]bool{
		"Authenticator": cfg.Authenticator == nil, "Targets": cfg.Targets == nil, "Describer": cfg.Describer == nil,
		"Policy": cfg.Policy == nil, "Store": cfg.Store == nil, "Journal": cfg.Journal == nil, "Observer": cfg.Observer == nil,
	} {
		if missing {
			return nil, errors.New("guard: Config." + name + " is required")
		}
	}
	if cfg.Handover != nil && len(cfg.TicketKey) < 32 {
		return nil, errors.New("guard: Config.TicketKey must have at least 32 bytes")
	}
	if cfg.TicketTTL <= 0 {
		cfg.TicketTTL = 10 * time.Second
	}
	if cfg.Entry == "" {
		cfg.Entry = "ext_proc"
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Pins == nil {
		cfg.Pins = NewMemoryPins(cfg.Now)
	}
	cfg.Replica = replicaName(cfg.Replica)
	return &Guard{cfg: cfg}, nil
}

// replicaName makes a host name fit for the first part of a decision ID.
func replicaName(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		if b.Len() == 24 {
			break
		}
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			b.WriteRune(r)
		}
	}
	if b.Len() == 0 {
		return "weir"
	}
	return b.String()
}

// newID mints a decision ID: the replica, and 130 random bits. Never taken from anything the client controls.
func (g *Guard) newID() (string, error) {
	var b [17]byte
	if _, err := io.ReadFull(g.cfg.Rand, b[:]); err != nil {
		return "", &authz.Error{Kind: authz.KindInternal, Label: "random_unavailable", Public: "Weir could not decide about this request", Err: err}
	}
	return g.cfg.Replica + "-" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:])[:26]), nil
}
