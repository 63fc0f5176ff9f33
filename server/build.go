package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
	"github.com/weirgate/weir/pkg/policy"
	"github.com/weirgate/weir/pkg/registry"
	"github.com/weirgate/weir/pkg/target"
	"github.com/weirgate/weir/pkg/vector"
	"github.com/weirgate/weir/server/internal/config"
	"github.com/weirgate/weir/server/internal/telemetry"
)

// openJournal opens the journal, and returns the decisions that an earlier process left without a completion.
func openJournal(c *config.Config, ships bool, log *slog.Logger) (*audit.Journal, []audit.Entry, error) {
	j, err := audit.Open(audit.Config{
		Dir: c.Audit.Dir, SegmentBytes: int64(c.Audit.SegmentBytes), MaxBytes: int64(c.Audit.MaxBytes), Queue: c.Audit.Queue,
		DropUnshipped: !ships, Keep: c.Audit.Keep, Log: log,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("audit.dir: %w", err)
	}
	if r := j.Repaired(); r != nil {
		log.Warn("the journal ended in a record half written by a crash; it was cut off", "segment", r.Segment, "offset", r.Offset, "bytes", r.Bytes, "saved", r.Saved)
	}
	open, err := audit.Unfinished(j.Dir(), time.Now().Add(-longestExchange))
	if err != nil {
		_ = j.Close()
		return nil, nil, fmt.Errorf("audit.dir: read the journal's end: %w", err)
	}
	return j, open, nil
}

// longestExchange bounds how far back a start looks for decisions without a completion.
const longestExchange = 48 * time.Hour

// completeLost writes the completions of decisions that an earlier process left open. The journal must be running.
func completeLost(ctx context.Context, j *audit.Journal, open []audit.Entry, log *slog.Logger) error {
	for _, e := range open {
		rec, err := audit.Lost(e, time.Now())
		if err != nil {
			return fmt.Errorf("complete decision %s: %w", e.Decision, err)
		}
		if err := appendWhenRoom(ctx, j, rec); err != nil && ctx.Err() == nil {
			return fmt.Errorf("complete decision %s: %w", e.Decision, err)
		}
	}
	if len(open) > 0 {
		log.Warn("exchanges were cut off when Weir ended last; their completions now say so", "exchanges", len(open), "error_type", audit.LostLabel)
	}
	return nil
}

// appendWhenRoom writes one record and waits until it is durable, and before that until the journal has room for it: a Weir that ended over a
// full journal could not ship what fills it.
func appendWhenRoom(ctx context.Context, j *audit.Journal, rec *authz.Record) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		r, err := j.Append(rec)
		if err == nil {
			err = r.Wait(ctx)
		}
		if err == nil || authz.AsError(err).Kind != authz.KindBusy {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// openTraces returns the shipper of spans, and nil where the OTEL_* variables name no collector.
func openTraces(ctx context.Context, j *audit.Journal, env telemetry.Environment, c *config.Config, o Options) (*audit.Shipper, *telemetry.Traces, error) {
	if !env.Export {
		return nil, nil, nil
	}
	t, err := telemetry.NewTraces(ctx, telemetry.TracesConfig{Protocol: env.Protocol, Version: o.Version, Replica: c.Replica, Log: o.Log})
	if err != nil {
		return nil, nil, err
	}
	s, err := audit.NewShipper(audit.ShipperConfig{Journal: j, Sink: t, Name: "otlp", Log: o.Log})
	if err != nil {
		return nil, nil, err
	}
	return s, t, nil
}

// newGuard wires the decision pipeline.
func newGuard(c *config.Config, keyed bool, a *authn.Authenticator, table *target.Table, p *policy.Engine, s store, left departed, known *registry.Registry, h guard.Handover, j *audit.Journal, m *telemetry.Metrics, log *slog.Logger) (*guard.Guard, error) {
	cfg := guard.Config{
		Authenticator: authenticator(c, a), Targets: table, Describer: describer{targets: table, opens: keyed && c.Entry != entryExtAuthz}, MaskKeys: keyed, Policy: p, Store: s, Coverage: left.coverage, Corpus: left.corpus, Journal: journal{j}, Observer: m,
		Meters: c.Counters.Specs(), Entry: c.Entry, Replica: c.Replica, Timeout: c.Limits.DecisionTimeout, Log: log,
	}
	if shared, ok := s.(guard.Pins); ok {
		cfg.Pins = shared
	}
	if known != nil {
		cfg.Registry = newStanding(c, known)
	}
	if c.Entry == entryBoth {
		cfg.Handover, cfg.TicketTTL = h, c.Handover.TTL
		var err error
		if cfg.TicketKey, err = ticketKey(c.Handover.KeyFile); err != nil {
			return nil, err
		}
	}
	return guard.New(cfg)
}

// The values of Config.Entry.
const (
	entryBoth     = "both"
	entryExtAuthz = "ext_authz"
)

// ticketKey reads the key that tickets are sealed with; without a file it is made up and dies with the process.
func ticketKey(path string) ([]byte, error) {
	if path == "" {
		key := make([]byte, 32)
		_, err := rand.Read(key)
		return key, err
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("handover.key_file: %w", err)
	}
	if len(key) < 32 {
		return nil, errors.New("handover.key_file: want at least 32 random bytes")
	}
	return key, nil
}

// loadKeys reads the mask keys; nil where none are configured.
func loadKeys(ctx context.Context, k *config.MaskKeys) (*vector.Keyring, error) {
	keys, err := loadMasters(ctx, "mask_keys", k.Current, k.Previous)
	if err != nil || keys == nil {
		return nil, err
	}
	ring, err := vector.NewKeyring(keys[0], keys[1:]...)
	if err != nil {
		return nil, fmt.Errorf("mask_keys: %w", err)
	}
	return ring, nil
}

// loadMasters reads a key and those that were it before, from where the configuration says under that name; nil where it says nothing.
func loadMasters(ctx context.Context, name, current string, previous []string) ([][]byte, error) {
	if current == "" {
		return nil, nil
	}
	key, err := vector.LoadMaster(ctx, current)
	if err != nil {
		return nil, fmt.Errorf("%s.current: %w", name, err)
	}
	keys := [][]byte{key}
	for i, spec := range previous {
		if key, err = vector.LoadMaster(ctx, spec); err != nil {
			return nil, fmt.Errorf("%s.previous[%d]: %w", name, i, err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// journal is audit.Journal as guard wants it: the receipt as an interface.
type journal struct{ *audit.Journal }

// Append implements guard.Journal.
func (j journal) Append(rec *authz.Record) (guard.Receipt, error) { return j.Journal.Append(rec) }
