package coverage_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
)

// record is the length of a record of the file, and header that of what stands before them.
const header, record = 8, 156

// slot is a claim of ada's on one of the slots of an object.
func slot(object string, i int64) authz.CoverClaim {
	return authz.CoverClaim{
		ID: fmt.Sprint(object, i), Tenant: "t", Target: "models", Holders: []string{"subject|ada"},
		Piece: authz.Piece{Object: object, Version: "v", Size: 1 << 20, Offset: i << 10, Length: 1 << 10},
	}
}

// left is how many slots of an object have left to ada.
func left(t *testing.T, m *coverage.Memory, object string) int {
	t.Helper()
	c := slot(object, 0)
	c.ID = "look"
	got, err := m.Claim(t.Context(), c)
	if err == nil {
		err = m.Drop(t.Context(), c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return int(got[0].Before * coverage.Slots)
}

func commit(t *testing.T, m *coverage.Memory, object string, slots int64) {
	t.Helper()
	for i := range slots {
		if err := m.Commit(t.Context(), slot(object, i)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKilled: a process that is killed while it commits has forgotten nothing, and each start finds no more in the file than counts. The
// process is this test, run again, which says each time what has left.
func TestKilled(t *testing.T) {
	if file := os.Getenv("WEIR_TEST_COVERAGE"); file != "" {
		hammer(t, file)
		return
	}
	file := filepath.Join(t.TempDir(), "coverage")
	told := 0
	for life := range 4 {
		told = killOne(t, file, told+100)
		m := open(t, coverage.Config{File: file})
		if got := left(t, m, "weights"); got < told {
			t.Errorf("life %d: %d slots are known of %d that have left", life, got, told)
		}
		if info, err := os.Stat(file); err != nil || info.Size() != header+record {
			t.Errorf("life %d: the file has %v (%v)", life, info.Size(), err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// hammer commits slot after slot and says how many there are.
func hammer(t *testing.T, file string) {
	m := open(t, coverage.Config{File: file})
	go m.Run(t.Context()) //nolint:errcheck // it is killed
	for n := int64(left(t, m, "weights")); ; n++ {
		if err := m.Commit(t.Context(), slot("weights", n%coverage.Slots)); err != nil {
			t.Fatal(err)
		}
		fmt.Println(n + 1)
	}
}

// killOne runs the hammer, kills it once it has told of enough, and returns of how many.
func killOne(t *testing.T, file string, enough int) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$") //nolint:gosec // this test
	cmd.Env = append(os.Environ(), "WEIR_TEST_COVERAGE="+file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatalf("the process says %q", lines.Text())
		}
		if told = n; told == enough {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait() // it was killed
	if told < enough {
		t.Fatalf("the process ended after %d slots", told)
	}
	return min(told, coverage.Slots)
}

// TestDamaged: what a crash left half written at the end is no record, and costs nothing but that. Damage before the end is an error.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "coverage")
	m := open(t, coverage.Config{File: file})
	commit(t, m, "weights", 10)
	whole, err := os.ReadFile(file)
	if err != nil || len(whole) != header+10*record {
		t.Fatalf("%d bytes, %v", len(whole), err)
	}
	change := func(at int, to ...byte) []byte {
		return append(append(append([]byte{}, whole[:at]...), to...), whole[at+len(to):]...)
	}
	tests := map[string]struct {
		file []byte
		want int // -1: an error
	}{
		"whole":                 {whole, 10},
		"no record":             {whole[:header], 0},
		"half a record":         {whole[:header+4*record+20], 4},
		"a byte less":           {whole[:len(whole)-1], 9},
		"a byte more":           {append(whole[:len(whole):len(whole)], 7), 10},
		"zeros at the end":      {append(whole[:len(whole):len(whole)], make([]byte, 5*record+3)...), 10},
		"the last is damaged":   {change(len(whole)-30, whole[len(whole)-30]^1), 9},
		"the last are damaged":  {change(header+7*record, make([]byte, 3*record)...), 7},
		"one within is damaged": {change(header+3*record+50, whole[header+3*record+50]^1), -1},
		"a byte is missing":     {append(whole[:header+record:header+record], whole[header+record+1:]...), 1},
		"empty":                 {nil, -1},
		"half a header":         {whole[:3], -1},
		"another version":       {change(7, '2'), -1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "coverage")
			if err := os.WriteFile(file, test.file, 0o600); err != nil {
				t.Fatal(err)
			}
			m, err := coverage.New(coverage.Config{File: file})
			if err != nil {
				after, _ := os.ReadFile(file)
				if test.want >= 0 || !bytes.Equal(test.file, after) {
					t.Errorf("%v (file left as it was: %v)", err, bytes.Equal(test.file, after))
				}
				return
			}
			defer m.Close() //nolint:errcheck // nothing is left to lose
			if got := left(t, m, "weights"); got != test.want {
				t.Errorf("%d slots, want %d", got, test.want)
			}
			commit(t, m, "weights", 12) // what is written now follows what was read
			if got := left(t, open(t, coverage.Config{File: file}), "weights"); got != 12 {
				t.Errorf("%d slots after the next start, want 12", got)
			}
		})
	}
}

// TestUnwritable: what cannot be written down is not committed.
func TestUnwritable(t *testing.T) {
	if _, err := coverage.New(coverage.Config{File: filepath.Join(t.TempDir(), "none", "coverage")}); err == nil {
		t.Error("a file in a directory that is not there is taken")
	}
	m := open(t, coverage.Config{File: filepath.Join(t.TempDir(), "coverage")})
	commit(t, m, "weights", 3)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.Commit(t.Context(), slot("weights", 3)); err == nil {
		t.Error("a commit after the file was closed counts")
	}
	if got := left(t, m, "weights"); got != 3 {
		t.Errorf("%d slots, want 3", got)
	}
}

// TestRun ends with its context, and leaves everything on disk.
func TestRun(t *testing.T) {
	for _, file := range []string{"", filepath.Join(t.TempDir(), "coverage")} {
		m := open(t, coverage.Config{File: file})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		commit(t, m, "weights", 5)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		commit(t, m, "weights", 6)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestForgets: past Config.Max, the object that was asked for least recently is forgotten, and no claim that is refused forgets any.
func TestForgets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "coverage")
	m := open(t, coverage.Config{File: file, Max: 3})
	for _, object := range []string{"a", "b", "c"} {
		commit(t, m, object, 5)
	}
	for i := range 100 {
		left(t, m, fmt.Sprint("refused", i))
	}
	for _, object := range []string{"a", "b", "c", "a"} {
		if got := left(t, m, object); got != 5 {
			t.Errorf("%s: %d slots, want 5", object, got)
		}
	}
	commit(t, m, "d", 5)
	again := open(t, coverage.Config{File: file, Max: 3}) // a file tells of commits only: there a is the oldest
	for i, want := range []map[string]int{{"a": 5, "b": 0, "c": 5, "d": 5}, {"a": 0, "b": 5, "c": 5, "d": 5}} {
		for object, want := range want {
			if got := left(t, []*coverage.Memory{m, again}[i], object); got != want {
				t.Errorf("%d: %s: %d slots, want %d", i, object, got, want)
			}
		}
	}
}
