package artifact_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/authz"
)

func newMemory(t *testing.T, cfg artifact.Config) *artifact.Memory {
	t.Helper()
	m, err := artifact.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func note(t *testing.T, m *artifact.Memory, k artifact.Key, offset int64, b []byte, want authz.Artifact, verdict artifact.Verdict) {
	t.Helper()
	if a, v, err := m.Note(t.Context(), k, offset, b); a != want || v != verdict || err != nil {
		t.Fatalf("%+v at %d: %+v, %v, %v; want %+v, %v", k, offset, a, v, err, want, verdict)
	}
}

func known(t *testing.T, m *artifact.Memory, k artifact.Key, want authz.Artifact) {
	t.Helper()
	if a, ok, err := m.Known(t.Context(), k); a != want || ok != (want.Class != "") || err != nil {
		t.Fatalf("%+v is known as %+v, %v, %v; want %+v", k, a, ok, err, want)
	}
}

var object = artifact.Key{Tenant: "t", Target: "store", Object: "/b/o", Version: `"1"`, Size: large}

// TestMemoryAccumulates: pieces of several answers together tell what neither tells, to whoever asks next.
func TestMemoryAccumulates(t *testing.T) {
	m := newMemory(t, artifact.Config{})
	b := read(t, "model.gguf")
	note(t, m, object, 2, b[2:40], authz.Artifact{}, artifact.Unknown)
	note(t, m, object, 1<<20, random(100), authz.Artifact{}, artifact.Unknown)
	known(t, m, object, authz.Artifact{})
	note(t, m, object, 0, b[:2], counted(checkpoint("gguf", ""), 2, 0), artifact.Guarded)
	note(t, m, object, 1<<21, random(100), counted(checkpoint("gguf", ""), 2, 0), artifact.Guarded)
	known(t, m, object, counted(checkpoint("gguf", ""), 2, 0))
	for _, other := range []artifact.Key{
		{Tenant: "u", Target: "store", Object: "/b/o", Version: `"1"`, Size: large},
		{Tenant: "t", Target: "s", Object: "/b/o", Version: `"1"`, Size: large},
		{Tenant: "t", Target: "store", Object: "/b/p", Version: `"1"`, Size: large},
		{Tenant: "t", Target: "store", Object: "/b/o", Version: `"2"`, Size: large},
		{Tenant: "t", Target: "store", Object: "/b/o", Version: `"1"`, Size: large - 1},
	} {
		known(t, m, other, authz.Artifact{})
	}
}

// TestMemoryBounds: the least recent is forgotten when there are too many or too much, and everything after its time.
func TestMemoryBounds(t *testing.T) {
	now := time.Unix(1000, 0)
	nth := func(i int) artifact.Key {
		k := object
		k.Object = fmt.Sprint("/", i)
		return k
	}
	m := newMemory(t, artifact.Config{Max: 3, TTL: time.Minute, Now: func() time.Time { return now }})
	gguf := checkpoint("gguf", "")
	for i := range 3 {
		note(t, m, nth(i), 0, []byte("GGUF"), gguf, artifact.Guarded)
	}
	known(t, m, nth(0), gguf)
	note(t, m, nth(3), 0, []byte("GGUF"), gguf, artifact.Guarded)
	known(t, m, nth(1), authz.Artifact{})
	known(t, m, nth(0), gguf)
	now = now.Add(30 * time.Second)
	known(t, m, nth(0), gguf)
	now = now.Add(30 * time.Second)
	known(t, m, nth(0), gguf)
	known(t, m, nth(2), authz.Artifact{})

	m = newMemory(t, artifact.Config{Bytes: 3 * artifact.PrefixLen})
	note(t, m, nth(0), 0, []byte("GGUF"), gguf, artifact.Guarded)
	for i := range 4 {
		note(t, m, nth(i+1), 1, random(artifact.PrefixLen-1), authz.Artifact{}, artifact.Unknown)
	}
	known(t, m, nth(0), authz.Artifact{})

	m = newMemory(t, artifact.Config{Bytes: 3 * artifact.PrefixLen})
	note(t, m, nth(0), 0, []byte("GGUF"), gguf, artifact.Guarded)
	for i := range 9 { // what is harmless takes no room
		note(t, m, nth(i+1), 0, bytes.Repeat([]byte("words\n"), artifact.PrefixLen/6+1)[:artifact.PrefixLen], authz.Artifact{}, artifact.Harmless)
	}
	known(t, m, nth(0), gguf)
	if _, err := artifact.New(artifact.Config{Max: -1}); err == nil {
		t.Error("a negative bound is taken")
	}
}
