package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Sink is where a Shipper sends records: a collector, a webhook. Export is called by one goroutine, with records in the journal's order; it
// must not keep them. nil means that the sink has taken every one of them for good. After an error they come again, maybe cut into other
// batches: a sink must be able to take the same record twice.
type Sink interface {
	Export(ctx context.Context, entries []Entry) error
}

// ShipperConfig configures a Shipper. Journal, Sink and Name are required; other zero values mean the stated default.
type ShipperConfig struct {
	Journal    *Journal
	Sink       Sink
	Name       string        // of the cursor file: lower-case letters, digits, '-' and '_', at most 64
	Batch      int           // records given to the sink at once; default 512
	BatchBytes int           // size of these, except where one record is larger; default 1 MiB
	Interval   time.Duration // pause after a batch that was not full, so that records gather; default 500 ms
	Timeout    time.Duration // for one Export; default 10 s
	MaxBackoff time.Duration // longest pause between attempts; the first is 100 ms; default 30 s
	Now        func() time.Time
	Log        *slog.Logger
}

// Shipper reads a journal and gives each durable record to a sink, at least once and in order. How far it has got is in a cursor file that
// moves only after the sink has taken the records. While the sink is away the records wait in the journal, as long as that has room.
type Shipper struct {
	cfg   ShipperConfig
	watch *watch
	path  string // of the cursor file

	running sync.Mutex // held by Run and Drain: one of them at a time
	at      cursor
	reader  *reader
	batch   []Entry // read, not yet shipped

	mu    sync.Mutex // guards stats and oldest
	stats ShipperStats
	since time.Time // time of the oldest record that was read and not shipped
}

// ShipperStats is a shipper's state at one moment.
type ShipperStats struct {
	Shipped         uint64        // number of the last record that the sink has taken
	Lag             uint64        // durable records that it has not
	OldestUnshipped time.Duration // age of the oldest of these; 0 when there is none
	Failures        uint64        // attempts that failed, since the start
	Skipped         uint64        // records that could not be read or were gone, since the start
	LastError       string        // of the last attempt; empty after a success
}

// NewShipper returns a shipper that goes on where the last one of the same name has stopped; one that is new begins with the oldest
// record there is. From now on the journal keeps what it has not shipped (see Config.MaxBytes).
func NewShipper(cfg ShipperConfig) (*Shipper, error) {
	if cfg.Journal == nil || cfg.Sink == nil || !validName(cfg.Name) {
		return nil, errors.New("audit: ShipperConfig.Journal, Sink and Name are required; Name takes a-z, 0-9, '-' and '_'")
	}
	if cfg.Batch <= 0 {
		cfg.Batch = 512
	}
	if cfg.BatchBytes <= 0 {
		cfg.BatchBytes = 1 << 20
	}
	for p, v := range map[*time.Duration]time.Duration{&cfg.Interval: 500 * time.Millisecond, &cfg.Timeout: 10 * time.Second, &cfg.MaxBackoff: 30 * time.Second} {
		if *p <= 0 {
			*p = v
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Shipper{cfg: cfg, path: cursorPath(cfg.Journal.Dir(), cfg.Name)}
	at, err := loadCursor(s.path)
	if err != nil {
		return nil, fmt.Errorf("shipper %s: %w", cfg.Name, err)
	}
	if at, err = s.check(at); err != nil {
		return nil, fmt.Errorf("shipper %s: %w", cfg.Name, err)
	}
	s.at = at
	s.stats.Shipped = at.Seq
	if s.watch, err = cfg.Journal.register(cfg.Name, at.Seq); err != nil {
		return nil, err
	}
	return s, nil
}

// check returns where to go on: the cursor, or the beginning where the cursor belongs to another journal.
func (s *Shipper) check(at cursor) (cursor, error) {
	if at.Seq == 0 {
		return at, nil
	}
	if at.Seq <= s.cfg.Journal.last() {
		for e, err := range Read(s.cfg.Journal.Dir(), at.Seq) {
			if err != nil {
				return cursor{}, err
			}
			if e.Seq > at.Seq || cursorAt(e) == at { // gone by retention, or there as it was
				return at, nil
			}
			break
		}
	}
	s.cfg.Log.Error("the cursor belongs to another journal: shipping begins at the oldest record", "shipper", s.cfg.Name, "cursor", at.Seq)
	return cursor{}, nil
}

// register makes the journal keep what the shipper has not shipped.
func (j *Journal) register(name string, shipped uint64) (*watch, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.shippers[name] != nil {
		return nil, fmt.Errorf("audit: two shippers are named %s", name)
	}
	w := &watch{shipped: shipped, changed: make(chan struct{}, 1)}
	j.shippers[name] = w
	return w, nil
}

// last returns the number of the last durable record.
func (j *Journal) last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.durable
}

// Run ships until ctx ends, and returns nil then. What is durable but not shipped by then waits for Drain or the next start.
func (s *Shipper) Run(ctx context.Context) error {
	s.running.Lock()
	defer s.running.Unlock()
	defer s.forget()
	backoff := 100 * time.Millisecond
	for ctx.Err() == nil {
		full, err := s.step(ctx)
		switch {
		case err == nil && full:
			backoff = 100 * time.Millisecond
		case err == nil:
			backoff = 100 * time.Millisecond
			select {
			case <-s.watch.changed:
				_ = pause(ctx, s.cfg.Interval) // the loop looks at ctx
			case <-ctx.Done():
			}
		case ctx.Err() == nil:
			s.cfg.Log.Warn("audit records could not be shipped; they wait in the journal", "shipper", s.cfg.Name, "cause", err, "again_in", backoff)
			_ = pause(ctx, backoff/2+rand.N(backoff/2+1))
			backoff = min(2*backoff, s.cfg.MaxBackoff)
		}
	}
	return nil
}

// Drain ships what is durable now, after Run has returned; it gives up at the first error or when ctx ends. What is left waits for the
// next start.
func (s *Shipper) Drain(ctx context.Context) error {
	s.running.Lock()
	defer s.running.Unlock()
	defer s.forget()
	for end := s.cfg.Journal.last(); s.at.Seq < end; {
		before := s.at.Seq
		if _, err := s.step(ctx); err != nil {
			return err
		}
		if s.at.Seq == before {
			return fmt.Errorf("audit: records %d to %d cannot be read", s.at.Seq+1, end)
		}
	}
	return nil
}

func (s *Shipper) forget() {
	if s.reader != nil {
		s.reader.close()
		s.reader = nil
	}
	s.batch = nil
}

// step ships one batch; full says that there is more. A batch that the sink did not take stays as it is.
func (s *Shipper) step(ctx context.Context) (full bool, err error) {
	defer func() { s.note(err) }()
	if len(s.batch) == 0 {
		if err := s.collect(ctx); err != nil || len(s.batch) == 0 {
			return false, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := s.export(ctx); err != nil {
		return false, err
	}
	at := cursorAt(s.batch[len(s.batch)-1])
	if err := at.save(s.path); err != nil {
		return false, fmt.Errorf("save cursor: %w", err)
	}
	s.at, s.batch = at, nil
	s.cfg.Journal.shipped(s.watch, at.Seq)
	return at.Seq < s.cfg.Journal.last(), nil
}

// export calls the sink; a panic in it is an error, because this runs beside the decisions.
func (s *Shipper) export(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("audit: panic in sink %s: %v", s.cfg.Name, p)
		}
	}()
	return s.cfg.Sink.Export(ctx, s.batch)
}

func (j *Journal) shipped(w *watch, seq uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	w.shipped = seq
}

// collect reads the next batch, up to the last durable record: what is not yet on disk for good is not shipped.
func (s *Shipper) collect(ctx context.Context) error {
	end := s.cfg.Journal.last()
	if s.at.Seq >= end {
		return nil
	}
	if s.reader == nil {
		s.reader = &reader{dir: s.cfg.Journal.Dir(), from: s.at.Seq + 1}
	}
	next, size := s.at.Seq+1, 0
	for next <= end && len(s.batch) < s.cfg.Batch && size < s.cfg.BatchBytes && ctx.Err() == nil {
		e, err := s.reader.next()
		var damage *Damage
		switch {
		case errors.Is(err, io.EOF):
			return s.lost(end)
		case errors.As(err, &damage) && damage.Segment != s.reader.lastName():
			s.cfg.Log.Error("the journal is damaged; what cannot be read is not shipped", "shipper", s.cfg.Name, "cause", damage)
			continue // with the next segment
		case err != nil:
			s.forget()
			return err
		}
		s.take(e, next)
		next, size = e.Seq+1, size+len(e.Raw)
	}
	return nil
}

// take adds a record to the batch; expected is the number that should have come.
func (s *Shipper) take(e Entry, expected uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if expected > 1 { // a new shipper begins with what there is
		s.stats.Skipped += e.Seq - expected
	}
	if len(s.batch) == 0 {
		s.since = e.Time
	}
	s.batch = append(s.batch, e)
}

// lost is called when the journal's files end before the last durable record: somebody took them away. What was read is shipped.
func (s *Shipper) lost(end uint64) error {
	if len(s.batch) > 0 {
		return nil
	}
	return fmt.Errorf("audit: the journal's files end before record %d", end)
}

// note keeps the result of an attempt for Stats.
func (s *Shipper) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Shipped, s.stats.LastError = s.at.Seq, ""
	if len(s.batch) == 0 {
		s.since = time.Time{}
	}
	if err != nil {
		s.stats.Failures++
		s.stats.LastError = err.Error()
	}
}

// Stats returns the shipper's state. OldestUnshipped is known once the record was read, which is at most one Interval after it was written.
func (s *Shipper) Stats() ShipperStats {
	last := s.cfg.Journal.last()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	if last > st.Shipped {
		st.Lag = last - st.Shipped
		if !s.since.IsZero() {
			st.OldestUnshipped = max(0, s.cfg.Now().Sub(s.since))
		}
	}
	return st
}
