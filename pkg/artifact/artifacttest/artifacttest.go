// Package artifacttest is the suite that every store of what objects are must pass.
package artifacttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/authz"
)

// Store is what is tested.
type Store interface {
	Known(ctx context.Context, k artifact.Key) (authz.Artifact, bool, error)
	Note(ctx context.Context, k artifact.Key, offset int64, b []byte) (authz.Artifact, artifact.Verdict, error)
}

// Clock is a clock that tests set. Safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now tells the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance sets the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a store under test: as two that share what they know.
type bench struct {
	*testing.T
	one, two Store
	clock    *Clock
}

// Run tests stores. open returns two that are empty, tell the time by now and share what they know, or one store twice. They remember for
// artifact.DefaultTTL.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) (one, two Store)) {
	tests := map[string]func(*bench){
		"accumulates": accumulates, "keeps the stricter": keepsTheStricter, "told apart": toldApart, "no version": noVersion, "tail": tail,
		"forgets": forgets, "context": overContext, "many pieces": manyPieces, "at once": atOnce,
	}
	for seed := range uint64(4) {
		tests[fmt.Sprint("random ", seed)] = func(b *bench) { random(b, seed) }
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			clock := &Clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
			one, two := open(t, clock.Now)
			test(&bench{t, one, two, clock})
		})
	}
}

const size = 4 << 20

func object(name string) artifact.Key {
	return artifact.Key{Tenant: "t", Target: "store", Object: name, Version: `"1"`, Size: size}
}

func is(class, format string) authz.Artifact { return authz.Artifact{Class: class, Format: format} }

func gguf() authz.Artifact { return is(authz.ArtifactCheckpoint, "gguf") }

// picture is harmless, and noise nobody can look into.
func picture() []byte { return []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR") }

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	b[0] = 0xa7
	return b
}

func (b *bench) note(s Store, k artifact.Key, offset int64, piece []byte, want authz.Artifact, verdict artifact.Verdict) {
	b.Helper()
	if a, v, err := s.Note(b.Context(), k, offset, piece); a != want || v != verdict || err != nil {
		b.Fatalf("%s at %d: %+v, %v, %v; want %+v, %v", k.Object, offset, a, v, err, want, verdict)
	}
}

func (b *bench) known(s Store, k artifact.Key, want authz.Artifact) {
	b.Helper()
	if a, ok, err := s.Known(b.Context(), k); a != want || ok != (want.Class != "") || err != nil {
		b.Fatalf("%+v is known as %+v, %v, %v; want %+v", k, a, ok, err, want)
	}
}

// accumulates: pieces of several answers together tell what neither tells, to whoever asks next, at either store.
func accumulates(b *bench) {
	k := object("o")
	b.note(b.one, k, 2, []byte("UF\x03\x00\x00\x00"), authz.Artifact{}, artifact.Unknown)
	b.note(b.two, k, 1<<20, noise(100), authz.Artifact{}, artifact.Unknown)
	b.known(b.two, k, authz.Artifact{})
	b.note(b.two, k, 0, []byte("GG"), gguf(), artifact.Guarded)
	b.known(b.one, k, gguf())
	b.note(b.one, k, 2<<20, noise(100), gguf(), artifact.Guarded)
}

// keepsTheStricter: harmless is never remembered, and guarded is never taken back; what is opaque may still be named.
func keepsTheStricter(b *bench) {
	k, opaque := object("o"), is(authz.ArtifactOpaque, "")
	b.note(b.one, k, 0, picture(), authz.Artifact{}, artifact.Harmless)
	b.note(b.two, k, 1<<20, noise(artifact.PrefixLen), authz.Artifact{}, artifact.Unknown) // of a middle nobody says that it is a picture
	b.known(b.two, k, authz.Artifact{})
	b.note(b.two, k, 0, noise(artifact.PrefixLen), opaque, artifact.Guarded)
	b.known(b.one, k, opaque)
	b.note(b.one, k, 0, picture(), opaque, artifact.Guarded)
	b.note(b.two, k, size-8, []byte("----PAR1"), is(authz.ArtifactCorpus, "parquet"), artifact.Guarded)
	b.note(b.one, k, 0, picture(), is(authz.ArtifactCorpus, "parquet"), artifact.Guarded)
	b.note(b.one, k, 0, noise(artifact.PrefixLen), is(authz.ArtifactCorpus, "parquet"), artifact.Guarded)
	b.known(b.two, k, is(authz.ArtifactCorpus, "parquet"))
}

func toldApart(b *bench) {
	b.note(b.one, object("o"), 0, []byte("GGUF"), gguf(), artifact.Guarded)
	for _, other := range []artifact.Key{
		{Tenant: "u", Target: "store", Object: "o", Version: `"1"`, Size: size},
		{Tenant: "t", Target: "s", Object: "o", Version: `"1"`, Size: size},
		{Tenant: "t", Target: "store", Object: "p", Version: `"1"`, Size: size},
		{Tenant: "t", Target: "store", Object: "o", Version: `"2"`, Size: size},
		{Tenant: "t", Target: "store", Object: "o", Version: `"1"`, Size: size - 1},
	} {
		b.known(b.two, other, authz.Artifact{})
	}
}

// noVersion: what has no version is judged by each piece alone.
func noVersion(b *bench) {
	k := object("o")
	k.Version = ""
	b.note(b.one, k, 0, []byte("GGUF"), gguf(), artifact.Guarded)
	b.note(b.two, k, 4, []byte("more"), authz.Artifact{}, artifact.Unknown)
	b.known(b.one, k, authz.Artifact{})
}

// tail: what tells is the end of an object, in pieces, and nothing where its size is not known.
func tail(b *bench) {
	k := object("o")
	b.note(b.one, k, size-2, []byte("R1"), authz.Artifact{}, artifact.Unknown)
	b.note(b.two, k, 0, picture(), authz.Artifact{}, artifact.Harmless)
	b.note(b.two, k, size-8, []byte("----PA"), is(authz.ArtifactCorpus, "parquet"), artifact.Guarded)
	k.Size = authz.UnknownLength
	b.note(b.two, k, 8, []byte("----PAR1"), authz.Artifact{}, artifact.Unknown)
	b.known(b.one, k, authz.Artifact{})
}

// forgets: what is not looked at for its time is forgotten, whether it is known or only seen.
func forgets(b *bench) {
	k, half := object("o"), object("half")
	b.note(b.one, k, 0, []byte("GGUF"), gguf(), artifact.Guarded)
	b.note(b.one, half, 0, []byte("GG"), authz.Artifact{}, artifact.Unknown)
	for range 3 {
		b.clock.Advance(artifact.DefaultTTL - time.Minute)
		b.known(b.two, k, gguf())
	}
	b.note(b.two, half, 2, []byte("UF"), authz.Artifact{}, artifact.Unknown)
	b.clock.Advance(artifact.DefaultTTL)
	b.known(b.two, k, authz.Artifact{})
	b.note(b.two, half, 0, []byte("GG"), authz.Artifact{}, artifact.Unknown)
}

// overContext: a request that is over learns nothing and teaches nothing.
func overContext(b *bench) {
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	if _, _, err := b.one.Note(ctx, object("o"), 0, []byte("GGUF")); !errors.Is(err, context.Canceled) {
		b.Errorf("note: %v", err)
	}
	if _, _, err := b.one.Known(ctx, object("o")); !errors.Is(err, context.Canceled) {
		b.Errorf("known: %v", err)
	}
	b.known(b.two, object("o"), authz.Artifact{})
}

// manyPieces: a beginning that comes in a thousand pieces, and in no order, is put together.
func manyPieces(b *bench) {
	k, header := object("o"), bytes.Repeat([]byte("tensor"), 1000)
	copy(header, "GGUF\x03\x00\x00\x00")
	r := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // a test
	for _, i := range r.Perm(999) {
		b.note(b.one, k, int64(6*(i+1)), header[6*(i+1):6*(i+2)], authz.Artifact{}, artifact.Unknown)
	}
	b.note(b.two, k, 0, header[:2], authz.Artifact{}, artifact.Unknown)
	if a, v, err := b.two.Note(b.Context(), k, 2, header[2:6]); v != artifact.Guarded || a.Format != "gguf" || err != nil {
		b.Errorf("%+v, %v, %v", a, v, err)
	}
}

// atOnce: many at a time, on few objects (with -race).
func atOnce(b *bench) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			store := b.one
			if i%2 == 0 {
				store = b.two
			}
			for j := range 40 {
				k := object(fmt.Sprint(j % 5))
				if _, _, err := store.Note(b.Context(), k, int64(i%4), []byte("GGUF")[i%4:]); err != nil {
					b.Error(err)
				}
				if a, ok, err := store.Known(b.Context(), k); err != nil || ok && a != gguf() {
					b.Errorf("%+v, %v", a, err)
				}
			}
		})
	}
	all.Wait()
	for j := range 5 {
		b.known(b.one, object(fmt.Sprint(j)), gguf())
	}
}

// random compares a store with artifact.Memory, call by call, over pieces of whole objects.
func random(b *bench, seed uint64) {
	model, err := artifact.New(artifact.Config{Now: b.clock.Now})
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // a test
	objects := map[string][]byte{
		"gguf": append([]byte("GGUF\x03\x00\x00\x00"), noise(300<<10)...), "parquet": append(noise(200<<10), "PAR1"...), "noise": noise(90 << 10),
		"picture": append(picture(), noise(100<<10)...), "log": bytes.Repeat([]byte("all work and no play\n"), 5000), "small": []byte("words, and no more of them"),
		"short parquet": append(bytes.Repeat([]byte{0}, 70<<10), "\x10\x00\x00\x00PAR1"...),
	}
	names := []string{"gguf", "parquet", "noise", "picture", "log", "small", "short parquet"}
	for i := range 300 {
		content := objects[names[r.IntN(len(names))]]
		k := object(fmt.Sprint(len(content)))
		if k.Size = int64(len(content)); r.IntN(8) == 0 {
			k.Size = authz.UnknownLength
		}
		from, to := r.IntN(len(content)), len(content)
		switch r.IntN(4) {
		case 0:
			from = r.IntN(min(len(content), 10))
		case 1:
			from = len(content) - 1 - r.IntN(min(len(content)-1, 12))
		}
		if r.IntN(2) == 0 {
			to = from + 1 + r.IntN(len(content)-from)
		}
		a, v, err := model.Note(b.Context(), k, int64(from), content[from:to])
		if err != nil {
			b.Fatal(err)
		}
		store := b.one
		if i%2 == 0 {
			store = b.two
		}
		b.note(store, k, int64(from), content[from:to], a, v)
		if a, _, err = model.Known(b.Context(), k); err != nil {
			b.Fatal(err)
		}
		b.known(store, k, a)
		if r.IntN(20) == 0 {
			b.clock.Advance(artifact.DefaultTTL)
		}
	}
}
