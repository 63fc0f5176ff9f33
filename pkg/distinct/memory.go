package distinct

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/recordfile"
)

// Config configures a Memory. The zero value is one that forgets with the process.
type Config struct {
	File string           // where counts are kept over a restart and a crash; its directory is there. Default: nowhere
	Max  int              // how many sketches are kept: one a day for each corpus and subject, and one for all of theirs; default 16,384
	Now  func() time.Time // default time.Now
}

// defaultMax is Config.Max unless it is set: 256 MiB where all of them are of many documents.
const defaultMax = 1 << 14

// Memory counts in this process. Safe for concurrent use.
type Memory struct {
	cfg  Config
	disk *recordfile.File // nil without Config.File

	mu       sync.Mutex // guards what follows, and the end of disk
	holders  map[Key]*list.Element
	recent   *list.List // of *holder, the one asked for last in front
	sketches int        // in all holders
	buf      []byte     // of the record of a commit
}

// holder is what of a corpus has left to a subject.
type holder struct {
	key   Key
	today int64 // the last day that was seen
	days  [Days]day
	sum   sketch // of all days that count
	open  []claim
}

// day is what left on one day; the zero value is no day.
type day struct {
	at int64
	of *sketch
}

// claim is one that is open.
type claim struct {
	id, document Key
	lapses       time.Time
}

// New returns a store that is empty, or holds what its file does.
func New(cfg Config) (*Memory, error) {
	if cfg.Max <= 0 {
		cfg.Max = defaultMax
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &Memory{cfg: cfg, holders: map[Key]*list.Element{}, recent: list.New()}
	if cfg.File == "" {
		return m, nil
	}
	if err := m.begin(); err != nil {
		return nil, err
	}
	return m, nil
}

// Run brings what was committed to the disk each second until ctx ends, and returns nil. What goes wrong is told by the commits after it,
// which fail until it is mended.
func (m *Memory) Run(ctx context.Context) error {
	if m.disk == nil {
		<-ctx.Done()
		return nil
	}
	return m.disk.Run(ctx)
}

// Close brings what was committed to the disk. Run has ended by then, and nothing is committed after it.
func (m *Memory) Close() error {
	if m.disk == nil {
		return nil
	}
	return m.disk.Close()
}

// Claim opens a claim and returns how many documents have left, and would have with this one and all that others' open claims may take
// (Claimed). A claim that is open already has the document that it is claimed with last, and lapses when it would have.
func (m *Memory) Claim(_ context.Context, c authz.DocumentClaim) (authz.Read, error) {
	marks := Read(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.cfg.Now()
	h := m.find(marks.Holder, Day(now))
	h.lapse(now)
	mine, others := -1, map[Key]bool{}
	for i, o := range h.open {
		switch {
		case o.id == marks.ID:
			mine = i
		case o.document != marks.Document && !h.sum.has(cellOf(o.document)):
			others[o.document] = true
		}
	}
	switch {
	case mine >= 0:
		h.open[mine].document = marks.Document
	case len(h.open) >= MaxOpen:
		return authz.Read{}, ErrBusy()
	default:
		h.open = append(h.open, claim{marks.ID, marks.Document, now.Add(OpenFor)})
	}
	return Claimed(h.sum.count(), !h.sum.has(cellOf(marks.Document)), len(others)), nil
}

// Commit makes the claim's document one that has left, whether the claim is open or not. Where that cannot be written down it is an error,
// and nothing has changed.
func (m *Memory) Commit(_ context.Context, c authz.DocumentClaim) error {
	marks := Read(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.find(marks.Holder, Day(m.cfg.Now()))
	if err := m.mark(h, cellOf(marks.Document)); err != nil {
		return err
	}
	h.end(marks.ID)
	return nil
}

// mark counts a cell today.
func (m *Memory) mark(h *holder, c cell) error {
	if d := &h.days[h.today%Days]; d.of != nil && d.of.has(c) {
		return nil
	}
	if m.disk != nil {
		m.buf = appendRecord(m.buf[:0], h.key, h.today, c)
		if err := m.disk.Append(m.buf); err != nil {
			return err
		}
	}
	m.add(h, h.today, c)
	return nil
}

// add counts a cell on a day that counts.
func (m *Memory) add(h *holder, at int64, c cell) {
	d := &h.days[at%Days]
	if d.of == nil {
		*d = day{at, &sketch{}}
		m.sketches++
	}
	d.of.add(c)
	h.sum.add(c)
	m.bound()
}

// Drop closes the claim: its document did not leave by it.
func (m *Memory) Drop(_ context.Context, c authz.DocumentClaim) error {
	marks := Read(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.find(marks.Holder, Day(m.cfg.Now())).end(marks.ID)
	return nil
}

// find returns what has left to a holder, moved to today.
func (m *Memory) find(k Key, today int64) *holder {
	e := m.holders[k]
	if e == nil {
		e = m.recent.PushFront(&holder{key: k, today: today})
		m.holders[k] = e
		m.sketches++
		m.bound()
	}
	m.recent.MoveToFront(e)
	h := e.Value.(*holder) //nolint:errcheck,forcetypeassert // there is nothing else in it
	m.roll(h, today)
	return h
}

// roll forgets the days that count no more.
func (m *Memory) roll(h *holder, today int64) {
	if today <= h.today {
		return
	}
	h.today = today
	gone := false
	for i := range h.days {
		if d := &h.days[i]; d.of != nil && d.at <= today-Days {
			*d, gone = day{}, true
			m.sketches--
		}
	}
	if !gone {
		return
	}
	h.sum = sketch{}
	for i := range h.days {
		if of := h.days[i].of; of != nil {
			of.each(h.sum.add)
		}
	}
}

// bound forgets who was asked for least recently, where there are too many sketches. The last one asked for stays.
func (m *Memory) bound() {
	for m.sketches > m.cfg.Max && m.recent.Len() > 1 {
		h := m.recent.Remove(m.recent.Back()).(*holder) //nolint:errcheck,forcetypeassert // there is nothing else in it
		delete(m.holders, h.key)
		m.sketches--
		for i := range h.days {
			if h.days[i].of != nil {
				m.sketches--
			}
		}
	}
}

// end closes a claim.
func (h *holder) end(id Key) { h.keep(func(c *claim) bool { return c.id != id }) }

// lapse closes the claims whose time is over. A clock that was set back makes none last longer than OpenFor from now.
func (h *holder) lapse(now time.Time) {
	h.keep(func(c *claim) bool {
		if latest := now.Add(OpenFor); c.lapses.After(latest) {
			c.lapses = latest
		}
		return now.Before(c.lapses)
	})
}

func (h *holder) keep(those func(*claim) bool) {
	kept := h.open[:0]
	for i := range h.open {
		if those(&h.open[i]) {
			kept = append(kept, h.open[i])
		}
	}
	h.open = kept
}
