package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/window"
	"github.com/weirgate/weir/server/internal/config"
)

// What operators ask of the counters (weir limits). Counters in memory, and the journal, belong to the process that serves: a reset is put
// where it looks for one, a directory that only whoever may write the journal can write to.

// counters is what operators ask.
type counters interface {
	Usage(ctx context.Context, tenant string, keys []authz.MeterKey) (authz.Usage, error)
	Reset(ctx context.Context, tenant string, keys []authz.MeterKey) error
	Restore(ctx context.Context, tenant string, past []window.PastMeter) error
	Raise(ctx context.Context, r authz.Reservation) (authz.Quota, error)
	Settle(ctx context.Context, r authz.Reservation) error
	Close() error
}

// openCounters opens the counters for changing them. Those in memory must not be another process's.
func openCounters(c *config.Config, log *slog.Logger) (counters, error) {
	if c.Counters.URL == "" {
		return window.NewMemory(memoryConfig(c, log))
	}
	return redisstore.New(redisConfig(c, log))
}

func memoryConfig(c *config.Config, log *slog.Logger) window.Config {
	return window.Config{Windows: c.Counters.Windows, Meters: c.Counters.WindowsOf(), Snapshot: c.Counters.Snapshot, Log: log}
}

func redisConfig(c *config.Config, log *slog.Logger) redisstore.Config {
	return redisstore.Config{
		URL: c.Counters.URL.Reveal(), Windows: c.Counters.Windows, Meters: c.Counters.WindowsOf(), Timeout: c.Counters.Timeout, Log: log,
		Coverage: coverage.TTL,
	}
}

// errNotKept says why there is nothing to read.
var errNotKept = errors.New("the counters are in the memory of the process that serves, and nowhere else: counters.snapshot would keep them on disk")

// Usage returns what the keys' windows count now, as all replicas count it, or the process that keeps them in memory.
func Usage(ctx context.Context, c *config.Config, tenant string, keys []authz.MeterKey) (authz.Usage, error) {
	var s counters
	var err error
	quiet := slog.New(slog.DiscardHandler)
	switch {
	case c.Counters.URL != "":
		cfg := redisConfig(c, quiet)
		cfg.Remember, cfg.Guest = rememberFile(c), true
		s, err = redisstore.New(cfg)
	case c.Counters.Snapshot == "":
		return nil, errNotKept
	default:
		s, err = window.ReadMemory(memoryConfig(c, quiet))
	}
	if err != nil {
		return nil, err
	}
	defer s.Close() //nolint:errcheck // nothing was written
	return s.Usage(ctx, tenant, keys)
}

// Reset is an operator's word that meters count nothing from now on, or as much as ever leaves.
type Reset struct {
	Tenant   string           `json:"tenant"`
	Of       string           `json:"of"` // whose limits, as the operator named them
	Keys     []authz.MeterKey `json:"keys"`
	Operator string           `json:"operator"`
	Reason   string           `json:"reason"`
	// Spend says the opposite: that they are used up, for as long as their windows go back. For capabilities that are revoked.
	Spend bool `json:"spend,omitempty"`
}

const (
	maxResetKeys = 1000
	maxReset     = 1 << 20 // bytes of a file
)

func (r Reset) check() error {
	switch {
	case r.Tenant == "" || r.Operator == "" || strings.TrimSpace(r.Reason) == "":
		return errors.New("a reset needs a tenant, an operator and a reason")
	case len(r.Keys) == 0 || len(r.Keys) > maxResetKeys:
		return fmt.Errorf("%d meters to reset: want 1 to %d", len(r.Keys), maxResetKeys)
	}
	return nil
}

// The rules that the records of a reset name; their object lists the meters.
const (
	resetRule  = "weir.limits.reset"
	revokeRule = "weir.capability.revoke"
)

// resetter are counters, as a reset changes them.
type resetter interface {
	Reset(ctx context.Context, tenant string, keys []authz.MeterKey) error
	Raise(ctx context.Context, r authz.Reservation) (authz.Quota, error)
	Settle(ctx context.Context, r authz.Reservation) error
}

// change makes the meters count what the operator says.
func (r Reset) change(ctx context.Context, s resetter) error {
	if !r.Spend {
		return s.Reset(ctx, r.Tenant, r.Keys)
	}
	for _, k := range r.Keys { // without a limit, a store that is away refuses, and does not count in the memory of this process alone
		spent := authz.Reservation{
			ID: "revoke." + strings.TrimPrefix(k.Key, authz.CredentialCapability), Tenant: r.Tenant, Keys: []authz.MeterKey{k}, Volume: authz.Spent(),
		}
		_, err := s.Raise(ctx, spent)
		if err == nil {
			err = s.Settle(ctx, spent)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// operatorEntry is the entry of records of what no Envoy asked for.
const operatorEntry = "operator"

// do resets, with a record before and one after. It returns the ID that both have.
func (r Reset) do(ctx context.Context, j *audit.Journal, s resetter, replica string) (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	rec, err := r.record(replica)
	if err != nil {
		return "", err
	}
	write := func() error {
		receipt, err := j.Append(rec)
		if err != nil {
			return err
		}
		return receipt.Wait(ctx)
	}
	if err := write(); err != nil {
		return "", err
	}
	err = r.change(ctx, s)
	rec.Event, rec.Time, rec.Outcome = authz.EventCompletion, time.Now(), authz.OutcomeComplete
	if err != nil {
		rec.Outcome, rec.Label = authz.OutcomeFailed, authz.AsError(err).Label
	}
	return rec.Decision, errors.Join(err, write())
}

// record is the decision record of a reset.
func (r Reset) record(replica string) (*authz.Record, error) {
	keys, err := json.Marshal(r.Keys)
	if err != nil {
		return nil, err
	}
	rule := resetRule
	if r.Spend {
		rule = revokeRule
	}
	rec := operatorRecord(replica, authz.Subject{Issuer: operatorEntry, ID: r.Operator, Kind: authz.Human}, authz.Target{Name: "weir.limits", Kind: authz.KindConfig, Tenant: r.Tenant})
	rec.Operation = authz.Operation{Class: authz.ClassAdmin, Complete: true, Collection: r.Of, Object: string(keys)}
	rec.Verdict, rec.Enforced = authz.Decision{Effect: authz.Allow, Rule: rule, Reason: r.Reason, Record: authz.RecordDurable}, authz.Allow
	return rec, nil
}

// operatorRecord is the beginning of a decision record of what no Envoy asked for.
func operatorRecord(replica string, by authz.Subject, t authz.Target) *authz.Record {
	trace, span := sha256.Sum256([]byte(rand.Text())), sha256.Sum256([]byte(rand.Text()))
	now := time.Now()
	by.Claims = nil
	return &authz.Record{
		Event: authz.EventDecision, Decision: replica + "-" + strings.ToLower(rand.Text()), Replica: replica, Time: now, Started: now, Entry: operatorEntry,
		TraceID: hex.EncodeToString(trace[:16]), SpanID: hex.EncodeToString(span[:8]), Subject: by, Target: t,
	}
}

// ResetLimits makes meters count nothing, by the process that serves with this configuration or, where none does, by itself. It returns the ID
// of the records that say so.
func ResetLimits(ctx context.Context, c *config.Config, r Reset, log *slog.Logger) (string, error) {
	if err := r.check(); err != nil {
		return "", err
	}
	j, _, err := openJournal(c, true, log)
	if errors.Is(err, audit.ErrLocked) {
		return r.hand(ctx, c.Audit.Dir)
	}
	if err != nil {
		return "", err
	}
	if c.Counters.URL == "" && c.Counters.Snapshot == "" {
		return "", errors.Join(errNotKept, j.Close())
	}
	ctx, cancel := context.WithTimeout(ctx, resetPatience)
	defer cancel()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	written := make(chan error, 1)
	go func() { written <- j.Run(running) }()
	var id string
	s, err := openCounters(c, log)
	if err == nil {
		id, err = r.do(ctx, j, s, c.Replica)
		err = errors.Join(err, s.Close())
	}
	stop()
	return id, errors.Join(err, <-written, j.Close())
}
