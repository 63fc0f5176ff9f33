// Package distincttest is the suite that every store of distinct documents must pass.
package distincttest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/distinct"
)

// Store is what is tested: guard.Corpus.
type Store interface {
	Claim(ctx context.Context, c authz.DocumentClaim) (authz.Read, error)
	Commit(ctx context.Context, c authz.DocumentClaim) error
	Drop(ctx context.Context, c authz.DocumentClaim) error
}

// Clock is a clock that tests set. Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at some noon of UTC.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

// Now tells the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance sets the clock forward, or back.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const day = 24 * time.Hour

// bench is a store under test.
type bench struct {
	*testing.T
	store Store
	clock *Clock
}

// Run tests stores. open returns one that is empty and tells the time by now.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) Store) {
	tests := map[string]func(*bench){
		"once each": onceEach, "told apart": toldApart, "two at once": twoAtOnce, "idempotence": idempotence, "lapse": lapse, "clock back": clockBack,
		"thirty days": thirtyDays, "bounds": bounds, "a limit holds": limitHolds, "many": many,
	}
	for seed := range uint64(4) {
		tests[fmt.Sprint("random ", seed)] = func(b *bench) { random(b, seed) }
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			clock := NewClock()
			test(&bench{t, open(t, clock.Now), clock})
		})
	}
}

// of is ada's claim on a document of a corpus.
func of(id, object string) authz.DocumentClaim {
	return authz.DocumentClaim{ID: id, Tenant: "t", Target: "lake", Subject: "https://i|ada", Object: object, Version: "v1"}
}

func (b *bench) claim(c authz.DocumentClaim, before, after int64) {
	b.Helper()
	got, err := b.store.Claim(b.Context(), c)
	if want := (authz.Read{Before: before, After: after}); err != nil || got != want {
		b.Errorf("claim %s of %s: %+v, %v; want %+v", c.ID, c.Object, got, err, want)
	}
}

func (b *bench) commit(c authz.DocumentClaim) {
	b.Helper()
	if err := b.store.Commit(b.Context(), c); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) drop(c authz.DocumentClaim) {
	b.Helper()
	if err := b.store.Drop(b.Context(), c); err != nil {
		b.Fatal(err)
	}
}

// read compares how many documents have left, and leaves nothing open.
func (b *bench) read(c authz.DocumentClaim, want int64) {
	b.Helper()
	c.ID, c.Object = "look", "looked for"
	got, err := b.store.Claim(b.Context(), c)
	if err != nil || got.Before != want {
		b.Errorf("%d documents have left (%v), want %d", got.Before, err, want)
	}
	b.drop(c)
}

func onceEach(b *bench) {
	for i := range int64(5) {
		c := of(fmt.Sprint(i), fmt.Sprint("doc ", i))
		b.claim(c, i, i+1)
		b.commit(c)
		b.claim(c, i+1, i+1) // a further piece of it
		b.drop(c)
	}
	b.claim(of("again", "doc 2"), 5, 5)
	b.commit(of("again", "doc 2"))
	b.read(of("", ""), 5)
}

func toldApart(b *bench) {
	first := of("1", "doc")
	b.commit(first)
	for name, c := range map[string]authz.DocumentClaim{
		"a tenant": {ID: "2", Tenant: "u", Target: "lake", Subject: "https://i|ada", Object: "doc", Version: "v1"},
		"a corpus": {ID: "2", Tenant: "t", Target: "pond", Subject: "https://i|ada", Object: "doc", Version: "v1"},
		"somebody": {ID: "2", Tenant: "t", Target: "lake", Subject: "https://i|bob", Object: "doc", Version: "v1"},
	} {
		if got, err := b.store.Claim(b.Context(), c); err != nil || got != (authz.Read{After: 1}) {
			b.Errorf("%s else: %+v, %v", name, got, err)
		}
	}
	other := first
	other.Version = "v2"
	b.claim(other, 1, 2)
	b.commit(other)
	for i := range 2 { // without a version it is one document
		none := first
		none.Version = ""
		b.claim(none, 2+int64(i), 3)
		b.commit(none)
	}
	long := of("3", string(make([]byte, 4096))+"\xff")
	b.claim(long, 3, 4)
}

// twoAtOnce: claims that are open see each other, each document once.
func twoAtOnce(b *bench) {
	b.claim(of("1", "a"), 0, 1)
	b.claim(of("2", "b"), 0, 2)
	b.claim(of("3", "b"), 0, 2)
	b.claim(of("4", "c"), 0, 3)
	b.drop(of("1", "a"))
	b.drop(of("2", "b"))
	b.claim(of("4", "c"), 0, 2)
	b.commit(of("3", "b"))
	b.claim(of("4", "c"), 1, 2)
	b.claim(of("5", "b"), 1, 1) // what has left already is new to nobody, whatever others ask for
	b.claim(of("6", "d"), 1, 3)
}

func idempotence(b *bench) {
	c := of("1", "a")
	for range 3 {
		b.claim(c, 0, 1)
	}
	for range 2 {
		b.commit(c)
		b.read(c, 1)
	}
	b.drop(c) // takes away nothing that has left
	b.read(c, 1)
	late := of("2", "b")
	b.drop(late)
	b.commit(late) // it has left after all
	b.read(c, 2)
	moved := of("3", "c")
	b.claim(moved, 2, 3)
	moved.Object = "a"
	b.claim(moved, 2, 2) // the last word holds
	b.claim(of("4", "d"), 2, 3)
}

func lapse(b *bench) {
	b.claim(of("1", "a"), 0, 1)
	b.clock.Advance(distinct.OpenFor / 2)
	b.claim(of("1", "a"), 0, 1) // lasts no longer for it
	b.claim(of("2", "b"), 0, 2)
	b.clock.Advance(distinct.OpenFor / 2)
	b.claim(of("3", "c"), 0, 2)
	b.commit(of("1", "a")) // it has lapsed, and its document left
	b.read(of("", ""), 1)
}

// clockBack: a clock that was set back gives nothing back, and holds nobody's claim for ever.
func clockBack(b *bench) {
	b.commit(of("1", "a"))
	b.claim(of("2", "b"), 1, 2)
	b.clock.Advance(-40 * day)
	b.claim(of("3", "c"), 1, 3)
	b.clock.Advance(distinct.OpenFor)
	b.claim(of("4", "d"), 1, 2)
	b.commit(of("5", "e"))
	b.clock.Advance(40*day - distinct.OpenFor)
	b.read(of("", ""), 2)
	b.clock.Advance(30 * day)
	b.read(of("", ""), 2)
	b.clock.Advance(day)
	b.read(of("", ""), 0)
}

// thirtyDays: a document counts for 30 days at least from when it left last, and a day more at most.
func thirtyDays(b *bench) {
	b.clock.Advance(12*time.Hour - time.Second) // the last second of a day
	b.commit(of("1", "a"))
	b.commit(of("2", "b"))
	b.clock.Advance(time.Second)
	b.commit(of("3", "c"))
	b.clock.Advance(20 * day)
	b.commit(of("4", "b")) // again: it counts from now
	b.read(of("", ""), 3)
	b.clock.Advance(10*day - time.Second)
	b.read(of("", ""), 3)
	b.clock.Advance(time.Second)
	b.claim(of("5", "a"), 2, 3) // the day on which it left is over for 30
	b.drop(of("5", "a"))
	b.clock.Advance(day)
	b.read(of("", ""), 1)
	b.clock.Advance(20*day - time.Second)
	b.read(of("", ""), 1)
	b.clock.Advance(time.Second)
	b.read(of("", ""), 0)
	b.commit(of("6", "a"))
	b.clock.Advance(300 * day)
	b.read(of("", ""), 0)
}

func bounds(b *bench) {
	for i := range distinct.MaxOpen {
		if _, err := b.store.Claim(b.Context(), of(fmt.Sprint(i), fmt.Sprint(i))); err != nil {
			b.Fatal(err)
		}
	}
	var e *authz.Error
	if _, err := b.store.Claim(b.Context(), of("more", "more")); !errors.As(err, &e) || e.Kind != authz.KindBusy || e.Label != "corpus_busy" {
		b.Errorf("one claim too many: %v", err)
	}
	if _, err := b.store.Claim(b.Context(), of("7", "7")); err != nil {
		b.Errorf("one that is open: %v", err)
	}
	b.drop(of("7", "7"))
	if _, err := b.store.Claim(b.Context(), of("more", "more")); err != nil {
		b.Errorf("in place of another: %v", err)
	}
}

// limitHolds: of many who ask at once, no more have what they ask for than may.
func limitHolds(b *bench) {
	const most, asking = 10, 40
	var given atomic.Int64
	var all sync.WaitGroup
	for i := range asking {
		all.Go(func() {
			c := of(fmt.Sprint("r", i), fmt.Sprint("doc ", i))
			got, err := b.store.Claim(b.Context(), c)
			switch {
			case err != nil:
				b.Error(err)
			case got.After > most:
				b.drop(c)
			default:
				given.Add(1)
				b.commit(c)
			}
		})
	}
	all.Wait()
	if n := given.Load(); n > most {
		b.Errorf("%d documents left, of %d that might", n, most)
	}
	b.read(of("", ""), given.Load())
}

// many: counts of many documents are off by no more than 2.1 %, two and a half times the standard error of a sketch.
func many(b *bench) {
	next := 0
	for _, n := range []int{100, 1000, 4000} {
		for ; next < n; next++ {
			b.commit(of("same", fmt.Sprintf("shard-%05d.parquet", next)))
			if next%500 == 0 {
				b.clock.Advance(day)
			}
		}
		c := of("look", "looked for")
		got, err := b.store.Claim(b.Context(), c)
		if off := float64(got.Before)/float64(n) - 1; err != nil || off < -.021 || off > .021 {
			b.Errorf("%d documents are counted as %d, %v", n, got.Before, err)
		}
		b.drop(c)
	}
}

// random compares a store with exact sets, call by call.
func random(b *bench, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // a test
	left := map[string]int64{}          // the last day of each document
	today := func() int64 { return distinct.Day(b.clock.Now()) }
	count := func() (n int64) {
		for _, at := range left {
			if at > today()-distinct.Days {
				n++
			}
		}
		return n
	}
	for i := range 300 {
		object := fmt.Sprint("doc ", r.IntN(40))
		c := of(fmt.Sprint(i), object)
		at, known := left[object]
		fresh := int64(1)
		if known && at > today()-distinct.Days {
			fresh = 0
		}
		b.claim(c, count(), count()+fresh)
		if r.IntN(3) == 0 {
			b.drop(c)
		} else {
			b.commit(c)
			left[object] = today()
		}
		if r.IntN(4) == 0 {
			b.clock.Advance(time.Duration(r.Int64N(int64(4 * day))))
		}
	}
}
