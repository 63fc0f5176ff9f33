// Package coveragetest is the suite that every store of coverage must pass.
package coveragetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
)

// Store is what is tested: guard.Coverage.
type Store interface {
	Claim(ctx context.Context, c authz.CoverClaim) ([]authz.Covered, error)
	Commit(ctx context.Context, c authz.CoverClaim) error
	Drop(ctx context.Context, c authz.CoverClaim) error
}

// Clock is a clock that tests set. Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at some time, in whole microseconds.
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

// bench is a store under test.
type bench struct {
	*testing.T
	store Store
	clock *Clock
}

// Run tests stores. open returns one that is empty, tells the time by now, and keeps what has left for coverage.TTL.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) Store) {
	tests := map[string]func(*bench){
		"shares": shares, "two at once": twoAtOnce, "idempotence": idempotence, "lapse": lapse, "clock back": clockBack, "expiry": expiry,
		"told apart": toldApart, "copies": copies, "no version": noVersion, "bounds": bounds, "a limit holds": limitHolds,
	}
	for seed := range uint64(6) {
		tests[fmt.Sprint("random ", seed)] = func(b *bench) { random(b, seed) }
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			clock := NewClock()
			test(&bench{t, open(t, clock.Now), clock})
		})
	}
}

// of is a claim by ada, who is in group team, on a piece of an object of 1 MiB, where offset and length are in KiB: a slot each.
func of(id string, offset, length int64) authz.CoverClaim {
	return authz.CoverClaim{
		ID: id, Tenant: "t", Target: "models", Holders: []string{"subject|ada", "group|team"},
		Piece: authz.Piece{Object: "weights", Version: "v1", Size: 1 << 20, Offset: offset << 10, Length: length << 10},
	}
}

// by is the claim of another holder of the same group.
func by(c authz.CoverClaim, holder string) authz.CoverClaim {
	c.Holders = []string{holder, "group|team"}
	return c
}

// claim claims and compares the shares, in slots: before and after, for each holder.
func (b *bench) claim(c authz.CoverClaim, want ...float64) {
	b.Helper()
	got, err := b.store.Claim(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	var slots []float64
	for _, g := range got {
		slots = append(slots, g.Before*coverage.Slots, g.After*coverage.Slots)
	}
	if diff := cmp.Diff(want, slots); diff != "" {
		b.Errorf("claim %s: -want +got, in slots:\n%s", c.ID, diff)
	}
}

func (b *bench) commit(c authz.CoverClaim) {
	b.Helper()
	if err := b.store.Commit(b.Context(), c); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) drop(c authz.CoverClaim) {
	b.Helper()
	if err := b.store.Drop(b.Context(), c); err != nil {
		b.Fatal(err)
	}
}

// left compares what a holder has had, in slots, and leaves nothing open.
func (b *bench) left(c authz.CoverClaim, want ...float64) {
	b.Helper()
	c.ID, c.Piece.Offset, c.Piece.Length = "look", 1, 0
	var twice []float64
	for _, w := range want {
		twice = append(twice, w, w)
	}
	b.claim(c, twice...)
	b.drop(c)
}

// asked compares what a holder has had or others may take now, in slots, and leaves nothing open. Nothing else has the last slot.
func (b *bench) asked(c authz.CoverClaim, want ...float64) {
	b.Helper()
	c.ID, c.Piece.Offset, c.Piece.Length = "look", c.Piece.Size-1, 1
	got, err := b.store.Claim(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	var slots []float64
	for _, g := range got {
		slots = append(slots, g.After*coverage.Slots-1)
	}
	if diff := cmp.Diff(want, slots); diff != "" {
		b.Errorf("asked for: -want +got, in slots:\n%s", diff)
	}
	b.drop(c)
}

func shares(b *bench) {
	first := of("1", 0, 100)
	b.claim(first, 0, 100, 0, 100)
	b.commit(first)
	b.claim(of("2", 50, 100), 100, 150, 100, 150)
	b.commit(of("2", 50, 100))
	other := by(of("3", 1000, 24), "subject|bob")
	b.claim(other, 0, 24, 150, 174)
	b.commit(other)
	odd := of("4", 0, 0)
	odd.Piece.Offset, odd.Piece.Length = 300<<10-1, 2 // the end of one slot and the beginning of the next
	b.claim(odd, 150, 152, 174, 176)
	b.drop(odd)
	whole := of("5", 0, 0)
	whole.Piece.Length = authz.UnknownLength
	b.claim(whole, 150, 1024, 174, 1024)
	b.drop(whole)
	b.left(of("", 0, 0), 150, 174)
	unknown := of("6", 0, 1)
	unknown.Piece.Size = authz.UnknownLength
	b.claim(unknown, 0, 1024, 0, 1024)
}

// twoAtOnce: claims that are open see each other.
func twoAtOnce(b *bench) {
	ada, bob := of("1", 0, 100), by(of("2", 50, 100), "subject|bob")
	b.claim(ada, 0, 100, 0, 100)
	b.claim(bob, 0, 100, 0, 150)
	b.drop(bob)
	b.asked(ada, 100, 100)
	b.claim(bob, 0, 100, 0, 150)
	b.drop(ada)
	b.asked(ada, 0, 100)
	b.left(ada, 0, 0)
	b.commit(bob)
	b.left(ada, 0, 100)
	b.left(bob, 100, 100)
}

func idempotence(b *bench) {
	c := of("1", 0, 100)
	for range 3 {
		b.claim(c, 0, 100, 0, 100)
	}
	for range 2 {
		b.commit(c)
		b.left(c, 100, 100)
	}
	b.drop(c) // takes away nothing that has left
	b.drop(c)
	b.left(c, 100, 100)
	b.claim(c, 100, 100, 100, 100) // a step that arrives late
	b.left(c, 100, 100)

	again := of("2", 50, 100)
	b.claim(again, 100, 150, 100, 150)
	b.drop(again)
	b.drop(again)
	b.left(c, 100, 100)
	b.commit(again) // something of it has left after all
	b.left(c, 150, 150)

	same := of("3", 200, 10)
	b.claim(same, 150, 160, 150, 160)
	twin := same
	twin.ID = "4"
	b.claim(twin, 150, 160, 150, 160)  // what is asked for twice at once is new to both
	b.claim(again, 150, 150, 150, 150) // and what has left already is new to nobody, whatever others ask for
	b.drop(again)
	b.commit(twin)
	b.drop(same)
	b.left(c, 160, 160)
	double := of("5", 300, 10)
	double.Holders = []string{"subject|ada", "subject|ada"}
	b.claim(double, 160, 170, 160, 170)
	b.drop(double)
	b.left(c, 160, 160)
}

// lapse: a claim that nobody ends is open for 30 s, however often it is claimed, and its commit counts even then.
func lapse(b *bench) {
	c := of("1", 0, 100)
	b.claim(c, 0, 100, 0, 100)
	b.clock.Advance(20 * time.Second)
	b.claim(c, 0, 100, 0, 100)
	b.clock.Advance(coverage.OpenFor - 20*time.Second - time.Microsecond)
	b.asked(c, 100, 100)
	b.clock.Advance(time.Microsecond)
	b.asked(c, 0, 0)
	b.commit(c)
	b.left(c, 100, 100)
}

// clockBack: where the clock is set back, nothing is open for longer than it would have been from then on, and nothing that left is forgotten.
func clockBack(b *bench) {
	c, other := of("1", 0, 100), of("2", 200, 10)
	b.commit(other)
	b.claim(c, 10, 110, 10, 110)
	b.clock.Advance(-time.Hour)
	b.asked(c, 110, 110)
	b.clock.Advance(coverage.OpenFor)
	b.asked(c, 10, 10)
	b.commit(other)
	b.clock.Advance(coverage.TTL)
	b.left(c, 10, 10) // an hour less than TTL after the commit before
	b.clock.Advance(time.Hour)
	b.left(c, 0, 0)
}

func expiry(b *bench) {
	c := of("1", 0, 100)
	b.commit(c)
	b.clock.Advance(coverage.TTL - time.Second)
	b.left(c, 100, 100)
	b.commit(of("2", 50, 100))
	b.clock.Advance(coverage.TTL - time.Microsecond)
	b.left(c, 150, 150)
	b.clock.Advance(time.Microsecond)
	b.left(c, 0, 0)
	b.commit(of("3", 10, 1))
	b.left(c, 1, 1)
}

// toldApart: what has left of one thing is not counted for another.
func toldApart(b *bench) {
	c := of("1", 0, 100)
	b.commit(c)
	for name, change := range map[string]func(*authz.CoverClaim){
		"tenant":  func(c *authz.CoverClaim) { c.Tenant = "u" },
		"target":  func(c *authz.CoverClaim) { c.Target = "other" },
		"object":  func(c *authz.CoverClaim) { c.Piece.Object = "other" },
		"version": func(c *authz.CoverClaim) { c.Piece.Version = "v2" },
		"none":    func(c *authz.CoverClaim) { c.Piece.Version = "" },
		"size":    func(c *authz.CoverClaim) { c.Piece.Size++ },
		"holders": func(c *authz.CoverClaim) { c.Holders = []string{"group|ada", "subject|team"} },
		"borders": func(c *authz.CoverClaim) { c.Target, c.Piece.Object = "modelsw", "eights" },
	} {
		other := of("look", 0, 100)
		change(&other)
		b.Logf("another %s", name)
		b.claim(other, 0, 100, 0, 100)
		b.drop(other)
	}
	// The same ID of another tenant is another claim.
	mine, theirs := of("2", 500, 10), of("2", 500, 10)
	theirs.Tenant = "u"
	b.claim(mine, 100, 110, 100, 110)
	b.claim(theirs, 0, 10, 0, 10)
	b.drop(theirs)
	b.asked(c, 110, 110)
}

// copies: what has left of one object has left of its copies, wherever they lie and however the digest of their content is spelled.
func copies(b *bench) {
	const md5, sha = "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for i, names := range [][]string{
		{md5, strings.ToUpper(md5), "ASNFZ4mrze8BI0VniavN7w=="}, {md5 + "-7", md5 + "-7"}, {sha, "sha256:" + sha}, {sha[:40], sha[:40]}, {sha + sha, "sha512:" + sha + sha},
	} {
		c := of(fmt.Sprint("first ", i), 0, 100)
		c.Piece.Version = names[0]
		b.commit(c)
		for j, version := range names {
			other := of(fmt.Sprint("look ", i, " ", j), 50, 100)
			other.Target, other.Piece.Object, other.Piece.Version = "elsewhere", "renamed", version
			b.claim(other, 100, 150, 100, 150)
			b.drop(other)
		}
	}
	for i, version := range []string{md5 + "-8", md5 + "-x", "g" + md5[1:], md5 + "-gzip", md5[:30], "!SNFZ4mrze8BI0VniavN7w==", sha[:63] + "-", md5 + "-" + md5[:7]} {
		other := of(fmt.Sprint("other ", i), 50, 100)
		other.Piece.Version = version
		b.claim(other, 0, 100, 0, 100)
		b.drop(other)
	}
	smaller := of("smaller", 50, 100)
	smaller.Piece.Version, smaller.Piece.Size = md5, 1<<19
	b.claim(smaller, 0, 200, 0, 200)
	b.drop(smaller)
}

// noVersion: where there is no version, no change of the size gives anything back.
func noVersion(b *bench) {
	c := of("1", 0, 512)
	c.Piece.Version = ""
	b.commit(c)
	c.Piece.Size *= 4
	b.left(c, 512, 512)
	c.ID = "2"
	b.claim(c, 512, 512, 512, 512) // an eighth of what it says to be
	c.Piece.Size = authz.UnknownLength
	b.claim(c, 512, 1024, 512, 1024)
}

// bounds: a claim that nobody is counted for is refused, and so is one too many.
func bounds(b *bench) {
	nobody := of("1", 0, 1)
	nobody.Holders = nil
	crowd := of("1", 0, 1)
	crowd.Holders = make([]string, coverage.MaxHolders+1)
	for _, c := range []authz.CoverClaim{nobody, crowd} {
		_, err := b.store.Claim(b.Context(), c)
		for step, err := range map[string]error{"claim": err, "commit": b.store.Commit(b.Context(), c), "drop": b.store.Drop(b.Context(), c)} {
			if kind(err) != authz.KindInternal {
				b.Errorf("%s for %d holders: %v", step, len(c.Holders), err)
			}
		}
	}
	for i := range coverage.MaxOpen + 1 { // those that have ended are not in the way
		c := of(fmt.Sprint("ended", i), 0, 1)
		c.Piece.Object = "other"
		if _, err := b.store.Claim(b.Context(), c); err != nil {
			b.Fatalf("claim %d: %v", i, err)
		}
		b.commit(c)
	}
	for i := range coverage.MaxOpen {
		c := of(fmt.Sprint(i), int64(i), 1)
		c.Holders = c.Holders[1:]
		b.claim(c, 0, float64(i+1))
	}
	if _, err := b.store.Claim(b.Context(), of("more", 0, 1)); kind(err) != authz.KindBusy {
		b.Errorf("a claim too many: %v", err)
	}
	ada := of("look", 0, 0)
	ada.Holders = ada.Holders[:1]
	b.asked(ada, 0) // of a claim that is refused nothing remains
	again := of("7", 7, 1)
	again.Holders = again.Holders[1:]
	b.claim(again, 0, 1024)
	b.drop(again)
	b.claim(of("more", 7, 1), 0, 1, 0, 1024)
}

// kind is the kind of an error; that of none is one that nobody wants.
func kind(err error) authz.Kind {
	var e *authz.Error
	if !errors.As(err, &e) || e.Public == "" {
		return authz.KindForbidden
	}
	return e.Kind
}

// limitHolds: many who ask at once do not get past a limit together that they would not get past one after the other.
func limitHolds(b *bench) {
	const limit, askers, pieces = 0.2, 8, 32
	var wait sync.WaitGroup
	for asker := range askers {
		wait.Go(func() {
			for i := range pieces {
				c := by(of(fmt.Sprint(asker, "-", i), int64(4*(i*askers+asker)), 4), fmt.Sprint("subject|", asker))
				got, err := b.store.Claim(b.Context(), c)
				switch {
				case err != nil:
				case got[1].After > limit:
					err = b.store.Drop(b.Context(), c)
				default:
					err = b.store.Commit(b.Context(), c)
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	wait.Wait()
	got, err := b.store.Claim(b.Context(), of("look", 0, 0))
	if err != nil {
		b.Fatal(err)
	}
	if got[1].Before > limit || got[1].Before < limit-5.0/coverage.Slots { // the next piece has four slots
		b.Errorf("%v has left under a limit of %v", got[1].Before, limit)
	}
}
