package distinct_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/distinct"
	"github.com/weirgate/weir/pkg/distinct/distincttest"
)

// record is the length of a record of the file, and header that of what stands before them.
const header, record = 8, 122

func open(t *testing.T, cfg distinct.Config) *distinct.Memory {
	t.Helper()
	m, err := distinct.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestMemory(t *testing.T) {
	distincttest.Run(t, func(t *testing.T, now func() time.Time) distincttest.Store {
		return open(t, distinct.Config{Now: now})
	})
}

// TestOnDisk: with a file it is the same store.
func TestOnDisk(t *testing.T) {
	distincttest.Run(t, func(t *testing.T, now func() time.Time) distincttest.Store {
		return open(t, distinct.Config{Now: now, File: filepath.Join(t.TempDir(), "documents")})
	})
}

// document is ada's claim on a document.
func document(corpus, object string) authz.DocumentClaim {
	return authz.DocumentClaim{ID: object, Tenant: "t", Target: corpus, Subject: "https://i|ada", Object: object, Version: "v"}
}

func read(t *testing.T, m *distinct.Memory, corpus string) int64 {
	t.Helper()
	got, err := m.Claim(t.Context(), document(corpus, "look"))
	if err == nil {
		err = m.Drop(t.Context(), document(corpus, "look"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return got.Before
}

func commit(t *testing.T, m *distinct.Memory, corpus string, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := m.Commit(t.Context(), document(corpus, fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStartsAgain: what was committed is known to the next process, by sketches of few documents and of many, and no more stands in the file than counts.
func TestStartsAgain(t *testing.T) {
	clock := distincttest.NewClock()
	cfg := distinct.Config{Now: clock.Now, File: filepath.Join(t.TempDir(), "documents")}
	m := open(t, cfg)
	commit(t, m, "gone", 0, 10)
	clock.Advance(20 * 24 * time.Hour)
	commit(t, m, "lake", 0, 6000)
	clock.Advance(24 * time.Hour)
	commit(t, m, "lake", 5000, 7000)
	commit(t, m, "pond", 0, 3)
	lake := read(t, m, "lake")
	if err := os.Truncate(cfg.File, size(t, cfg.File)-5); err != nil { // what a crash left half written
		t.Fatal(err)
	}
	clock.Advance(10 * 24 * time.Hour)
	again := open(t, cfg) // the first one was killed: nothing has closed it
	if got := read(t, again, "lake"); got != lake {
		t.Errorf("of lake %d have left, %d before", got, lake)
	}
	if got := read(t, again, "pond"); got != 2 { // the last commit is lost with the record that was cut
		t.Errorf("of pond %d have left, want 2", got)
	}
	if got := read(t, again, "gone"); got != 0 {
		t.Errorf("of gone %d have left", got)
	}
	if most := int64(header + record*(6000+2000)/20); size(t, cfg.File) > most {
		t.Errorf("the file has %d bytes, want at most %d", size(t, cfg.File), most)
	}
	commit(t, again, "pond", 2, 4)
	if got := read(t, open(t, cfg), "pond"); got != 4 {
		t.Errorf("of pond %d have left, want 4", got)
	}
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	i, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return i.Size()
}

// TestDamage: a file that does not say what it said is an error, not counts that start again at zero.
func TestDamage(t *testing.T) {
	cfg := distinct.Config{File: filepath.Join(t.TempDir(), "documents")}
	m := open(t, cfg)
	commit(t, m, "lake", 0, 5)
	whole, err := os.ReadFile(cfg.File)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"another file":         []byte("weircov1"),
		"nothing":              {},
		"a flipped bit":        flipped(whole, header+record+3),
		"a flipped bit behind": flipped(whole, header+record+30),
	} {
		if err := os.WriteFile(cfg.File, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := distinct.New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := os.WriteFile(cfg.File, flipped(whole, len(whole)-9), 0o600); err != nil { // torn, and at its end
		t.Fatal(err)
	}
	if got := read(t, open(t, cfg), "lake"); got != 4 {
		t.Errorf("%d have left, want 4", got)
	}
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 4
	return b
}

// TestUnwritable: what cannot be written down is not counted, and an error, which refuses.
func TestUnwritable(t *testing.T) {
	m := open(t, distinct.Config{File: filepath.Join(t.TempDir(), "documents")})
	commit(t, m, "lake", 0, 1)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.Commit(t.Context(), document("lake", "9")); authz.AsError(err).Label != "store_unavailable" {
		t.Errorf("%v", err)
	}
	if got := read(t, m, "lake"); got != 1 {
		t.Errorf("%d have left, want 1", got)
	}
}

// TestBound: past its bound the corpus that was asked for least recently is forgotten, and no other.
func TestBound(t *testing.T) {
	m := open(t, distinct.Config{Max: 6}) // two sketches each
	for _, corpus := range []string{"a", "b", "c"} {
		commit(t, m, corpus, 0, 3)
	}
	if read(t, m, "a") != 3 {
		t.Error("a is forgotten within the bound")
	}
	commit(t, m, "d", 0, 3)
	for corpus, want := range map[string]int64{"d": 3, "a": 3, "c": 3} {
		if got := read(t, m, corpus); got != want {
			t.Errorf("of %s %d have left, want %d", corpus, got, want)
		}
	}
	if got := read(t, m, "b"); got != 0 {
		t.Errorf("of b %d have left", got)
	}
}
