package coverage

import (
	"container/list"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/recordfile"
)

// Config configures a Memory. The zero value is one that forgets with the process.
type Config struct {
	File string           // where what has left is kept over a restart and a crash; its directory is there. Default: nowhere
	TTL  time.Duration    // how long what has left is kept after the last commit; default TTL
	Max  int              // how many bitmaps are kept, and how many claims may be open; default 262,144
	Now  func() time.Time // default time.Now
}

// defaultMax is Config.Max unless it is set: a file of some 40 MB.
const defaultMax = 1 << 18

// Memory keeps coverage in this process. Safe for concurrent use.
type Memory struct {
	cfg  Config
	disk *recordfile.File // nil without Config.File

	mu      sync.Mutex // guards what follows, and the end of disk
	objects map[Key]*list.Element
	recent  *list.List // of *object, the one asked for last in front
	open    map[Key][]claim
	opened  int // claims in open
	swept   time.Time
	buf     []byte // of the records of a commit
}

// object is what has left of an object to a holder.
type object struct {
	key  Key
	left Bitmap
	last int64 // when something was committed last, ns since 1970
}

// claim is one that is open, of one holder.
type claim struct {
	id         Key
	first, end int
	lapses     time.Time
}

// New returns a store that is empty, or holds what its file does.
func New(cfg Config) (*Memory, error) {
	if cfg.TTL <= 0 {
		cfg.TTL = TTL
	}
	if cfg.Max <= 0 {
		cfg.Max = defaultMax
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &Memory{cfg: cfg, objects: map[Key]*list.Element{}, recent: list.New(), open: map[Key][]claim{}}
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

// Claim opens a claim and returns, for each holder in order, how much has left, and would have with this piece and all that others'
// open claims may take (Claimed). A claim that is open already has the piece that it is claimed with last, and lapses when it would have.
func (m *Memory) Claim(_ context.Context, c authz.CoverClaim) ([]authz.Covered, error) {
	marks, err := Read(c)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.cfg.Now()
	m.sweep(now)
	for _, k := range marks.Holders {
		m.lapse(k, now)
		known := slices.ContainsFunc(m.open[k], func(o claim) bool { return o.id == marks.ID })
		if !known && (len(m.open[k]) >= MaxOpen || m.opened+len(marks.Holders) > m.cfg.Max) {
			return nil, ErrBusy()
		}
	}
	out := make([]authz.Covered, len(marks.Holders))
	for i, k := range marks.Holders {
		out[i] = m.claim(k, marks, now)
	}
	return out, nil
}

// claim opens a claim for one holder.
func (m *Memory) claim(k Key, marks Marks, now time.Time) authz.Covered {
	var left, others Bitmap
	if o := m.find(k, now); o != nil {
		left = o.left
	}
	mine := -1
	for i, o := range m.open[k] {
		if o.id == marks.ID {
			mine = i
			continue
		}
		others.Mark(o.first, o.end)
	}
	if mine >= 0 {
		m.open[k][mine].first, m.open[k][mine].end = marks.First, marks.End
	} else {
		m.open[k] = append(m.open[k], claim{marks.ID, marks.First, marks.End, now.Add(OpenFor)})
		m.opened++
	}
	return Claimed(left, others, marks.First, marks.End)
}

// Commit makes the claim's piece one that has left, for every holder, whether the claim is open or not. Where that cannot be written down it
// is an error, and nothing has changed.
func (m *Memory) Commit(_ context.Context, c authz.CoverClaim) error {
	marks, err := Read(c)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.cfg.Now()
	next := make([]object, len(marks.Holders))
	for i, k := range marks.Holders {
		next[i] = object{key: k, last: now.UnixNano()}
		if o := m.find(k, now); o != nil {
			next[i].left, next[i].last = o.left, max(o.last, next[i].last)
		}
		next[i].left.Mark(marks.First, marks.End)
	}
	if m.disk != nil {
		m.buf = m.buf[:0]
		for i := range next {
			m.buf = appendRecord(m.buf, &next[i])
		}
		if err := m.disk.Append(m.buf); err != nil {
			return err
		}
	}
	for _, o := range next {
		m.put(o)
		m.end(o.key, marks.ID)
	}
	return nil
}

// Drop closes the claim: nothing of its piece has left by it.
func (m *Memory) Drop(_ context.Context, c authz.CoverClaim) error {
	marks, err := Read(c)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range marks.Holders {
		m.end(k, marks.ID)
	}
	return nil
}

// find returns what has left of an object, nil for nothing.
func (m *Memory) find(k Key, now time.Time) *object {
	e := m.objects[k]
	if e == nil {
		return nil
	}
	o := e.Value.(*object) //nolint:errcheck,forcetypeassert // there is nothing else in it
	if m.expired(o, now) {
		m.recent.Remove(e)
		delete(m.objects, k)
		return nil
	}
	m.recent.MoveToFront(e)
	return o
}

func (m *Memory) expired(o *object, now time.Time) bool {
	return now.UnixNano()-o.last >= int64(m.cfg.TTL)
}

// put takes what has left of an object, and forgets another one where there are too many.
func (m *Memory) put(o object) {
	if e := m.objects[o.key]; e != nil {
		*e.Value.(*object) = o //nolint:errcheck,forcetypeassert // there is nothing else in it
		m.recent.MoveToFront(e)
		return
	}
	m.objects[o.key] = m.recent.PushFront(&o)
	if m.recent.Len() > m.cfg.Max {
		oldest := m.recent.Remove(m.recent.Back()).(*object) //nolint:errcheck,forcetypeassert // there is nothing else in it
		delete(m.objects, oldest.key)
	}
}

// end closes a holder's claim.
func (m *Memory) end(k, id Key) {
	m.keep(k, func(o *claim) bool { return o.id != id })
}

// lapse closes the claims of a holder whose time is over. A clock that was set back makes none last longer than OpenFor from now.
func (m *Memory) lapse(k Key, now time.Time) {
	m.keep(k, func(o *claim) bool {
		if latest := now.Add(OpenFor); o.lapses.After(latest) {
			o.lapses = latest
		}
		return now.Before(o.lapses)
	})
}

// keep closes a holder's claims but those.
func (m *Memory) keep(k Key, those func(*claim) bool) {
	all := m.open[k]
	kept := all[:0]
	for i := range all {
		if those(&all[i]) {
			kept = append(kept, all[i])
		}
	}
	m.opened -= len(all) - len(kept)
	if len(kept) > 0 {
		m.open[k] = kept
	} else {
		delete(m.open, k)
	}
}

// sweepEvery is how often claims are looked for that have lapsed and that nobody asks about.
const sweepEvery = time.Second

// sweep closes all claims whose time is over, now and then.
func (m *Memory) sweep(now time.Time) {
	if since := now.Sub(m.swept); since >= 0 && since < sweepEvery {
		return
	}
	m.swept = now
	for k := range m.open {
		m.lapse(k, now)
	}
}
