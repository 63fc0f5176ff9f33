package artifact

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// What Config means where it says nothing.
const (
	DefaultMax   = 4096
	DefaultBytes = 64 << 20
	DefaultTTL   = 24 * time.Hour
)

// Config bounds a Memory. Zero fields mean the defaults.
type Config struct {
	Max   int              // objects
	Bytes int64            // of all evidence and keys together
	TTL   time.Duration    // after the last look at an object
	Now   func() time.Time // the clock; time.Now where nil
}

// Key names one version of one object. Without a Version nothing is remembered of it: its content may change behind its name.
type Key struct {
	Tenant, Target, Object, Version string
	Size                            int64 // in bytes, or authz.UnknownLength
}

// Memory remembers what objects are, and what was seen of those that nobody knows yet. It remembers stricter judgements only: that an object
// is harmless is found again whenever somebody reads its beginning, and is forgotten at once. When it is full it forgets what was looked at
// least recently. It is safe for concurrent use.
type Memory struct {
	cfg Config

	mu      sync.Mutex
	entries map[Key]*list.Element
	recent  *list.List // of *known, the most recent first
	bytes   int64
}

// known is what is remembered of one object.
type known struct {
	key      Key
	expires  time.Time
	artifact authz.Artifact // the zero value until it is Guarded
	evidence Evidence
	bytes    int64
}

// New makes an empty Memory.
func New(cfg Config) (*Memory, error) {
	if cfg.Max < 0 || cfg.Bytes < 0 || cfg.TTL < 0 {
		return nil, fmt.Errorf("artifact: negative bounds of memory: %d objects, %d bytes, %v", cfg.Max, cfg.Bytes, cfg.TTL)
	}
	if cfg.Max == 0 {
		cfg.Max = DefaultMax
	}
	if cfg.Bytes == 0 {
		cfg.Bytes = DefaultBytes
	}
	if cfg.TTL == 0 {
		cfg.TTL = DefaultTTL
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Memory{cfg: cfg, entries: map[Key]*list.Element{}, recent: list.New()}, nil
}

// Known returns what an object was recognised as; false where it was not, or its judgement is forgotten. The error is that of the context.
func (m *Memory) Known(ctx context.Context, k Key) (authz.Artifact, bool, error) {
	if err := ctx.Err(); err != nil {
		return authz.Artifact{}, false, fmt.Errorf("artifact: known: %w", err)
	}
	if k.Version == "" {
		return authz.Artifact{}, false, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(k)
	if e == nil || e.artifact.Class == "" {
		return authz.Artifact{}, false, nil
	}
	return e.artifact, true, nil
}

// Remember notes what an object is by a judgement that was made elsewhere, where it is stricter than what is known.
func (m *Memory) Remember(k Key, a authz.Artifact) {
	if k.Version != "" && a.Class != "" {
		m.settle(k, a, Guarded)
	}
}

// Note takes up a piece of an object and judges the object by all that was seen of it. Harmless is judged by this piece alone: a prefix that
// was seen before says nothing about what is read now. The error is that of the context.
func (m *Memory) Note(ctx context.Context, k Key, offset int64, b []byte) (authz.Artifact, Verdict, error) {
	if err := ctx.Err(); err != nil {
		return authz.Artifact{}, Unknown, fmt.Errorf("artifact: note: %w", err)
	}
	var alone Evidence
	alone.Add(offset, b)
	a, verdict := alone.Judge(k.Size)
	if k.Version == "" {
		return a, verdict, nil
	}
	all, done := m.add(k, offset, b)
	if done.Class != "" {
		return done, Guarded, nil
	}
	if late, stricter := all.Judge(k.Size); stricter == Guarded { // without the lock: to unwrap something takes its time
		a, verdict = late, Guarded
	}
	a, verdict = m.settle(k, a, verdict)
	return a, verdict, nil
}

// add takes up a piece and returns all that was seen of its object, or what the object is where that is known.
func (m *Memory) add(k Key, offset int64, b []byte) (Evidence, authz.Artifact) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(k)
	if e == nil {
		e = m.insert(k)
	}
	if e.named() {
		return Evidence{}, e.artifact
	}
	e.evidence.Add(offset, b)
	all := e.evidence.clone()
	m.account(e)
	return all, authz.Artifact{}
}

// settle remembers a judgement where it is stricter than what is known, and returns the strictest.
func (m *Memory) settle(k Key, a authz.Artifact, verdict Verdict) (authz.Artifact, Verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.find(k)
	if e == nil && verdict != Guarded { // forgotten meanwhile
		return a, verdict
	}
	if e == nil {
		e = m.insert(k)
	}
	if verdict == Guarded && !e.named() && (e.artifact.Class == "" || a.Class != authz.ArtifactOpaque) {
		e.artifact = a
	}
	switch {
	case e.named(): // nothing can make it stricter
		e.evidence = Evidence{}
	case verdict == Harmless:
		e.evidence.head = nil
	}
	known := e.artifact
	m.account(e)
	if known.Class != "" {
		return known, Guarded
	}
	return a, verdict
}

// named reports whether it is known what an object is, and not only that nobody can know.
func (e *known) named() bool {
	return e.artifact.Class != "" && e.artifact.Class != authz.ArtifactOpaque
}

// find returns an entry that has not expired, and makes it the most recent.
func (m *Memory) find(k Key) *known {
	element := m.entries[k]
	if element == nil {
		return nil
	}
	e := element.Value.(*known)
	now := m.cfg.Now()
	if !now.Before(e.expires) {
		m.forget(element)
		return nil
	}
	e.expires = now.Add(m.cfg.TTL)
	m.recent.MoveToFront(element)
	return e
}

// insert adds an entry.
func (m *Memory) insert(k Key) *known {
	e := &known{key: k, expires: m.cfg.Now().Add(m.cfg.TTL)}
	m.entries[k] = m.recent.PushFront(e)
	return e
}

// account counts what an entry takes, and makes room for it.
func (m *Memory) account(e *known) {
	const overhead = 512 // of the entry, the list and the map
	k := e.key
	n := int64(overhead+len(k.Tenant)+len(k.Target)+len(k.Object)+len(k.Version)) + e.evidence.size()
	m.bytes, e.bytes = m.bytes+n-e.bytes, n
	for m.bytes > m.cfg.Bytes || m.recent.Len() > m.cfg.Max {
		m.forget(m.recent.Back())
	}
}

// forget drops an entry.
func (m *Memory) forget(element *list.Element) {
	e := m.recent.Remove(element).(*known)
	m.bytes -= e.bytes
	delete(m.entries, e.key)
}
