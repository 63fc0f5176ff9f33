package fault

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// sh runs a command as root for a test that needs a disk of its own. Where that cannot be done the test is skipped, and says so.
func sh(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Skipf("SKIPPED, not tested here: %s %s: %v (root on Linux can)\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// mounted mounts a file system on a new directory until the test ends.
func mounted(t *testing.T, dir string, args ...string) {
	t.Helper()
	must(t, os.Mkdir(dir, 0o700))
	sh(t, "mount", append(args, dir)...)
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
}

// disk makes a small disk of the test's own at dir. It is read-only after an error, as most are.
func disk(t *testing.T, dir string) {
	t.Helper()
	image := dir + ".image"
	must(t, os.WriteFile(image, nil, 0o600))
	must(t, os.Truncate(image, 32<<20))
	sh(t, "mkfs.ext4", "-q", "-F", image)
	mounted(t, dir, "-o", "loop,errors=remount-ro", image)
}

// ended waits until Weir has ended because its journal failed.
func (r *rig) ended() {
	r.Helper()
	select {
	case <-r.weir.Done():
	case <-time.After(patience):
		r.Fatal("Weir goes on without a journal")
	}
	if r.weir.ExitCode() != 1 || !strings.Contains(r.weir.Log.String(), "the journal failed") {
		r.Errorf("Weir ended with exit code %d", r.weir.ExitCode())
	}
}

// TestJournalFails: a journal that cannot be written ends Weir, and with it all answers.
func TestJournalFails(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, dir string) // before Weir starts
		befall  func(t *testing.T, dir string) error
	}{
		{
			name:   "the directory is removed",
			befall: func(_ *testing.T, dir string) error { return os.RemoveAll(dir) },
		},
		{
			name: "the segment is removed",
			befall: func(_ *testing.T, dir string) error {
				segments, err := filepath.Glob(filepath.Join(dir, "*.weir"))
				if err != nil || len(segments) != 1 {
					return errors.Join(err, fmt.Errorf("segments %v, want one", segments))
				}
				return os.Remove(segments[0])
			},
		},
		{
			name: "the disk is read-only after an error", prepare: disk,
			befall: func(t *testing.T, dir string) error {
				device := filepath.Base(sh(t, "findmnt", "-n", "-o", "SOURCE", dir))
				return os.WriteFile("/sys/fs/ext4/"+device+"/trigger_fs_error", []byte("test"), 0o200)
			},
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			dir := filepath.Join(r.dir, "disk")
			if tc.prepare != nil {
				tc.prepare(t, dir)
			}
			r.serve("audit: {dir: disk, segment_bytes: 4MiB}\n")
			r.well("before")
			end := r.underWay(embed, "pause=600:500ms")
			must(t, tc.befall(t, dir))
			r.cut(end())
			r.ended()
			r.refusedAtOnce("")
		})
	}
}

// TestJournalWaits: while a record cannot be written but may be later, everything is refused; and then nothing is any more.
func TestJournalWaits(t *testing.T) {
	t.Run("the disk is full", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		dir := filepath.Join(r.dir, "disk")
		mounted(t, dir, "-t", "tmpfs", "-o", "size=5m", "tmpfs")
		ballast := filepath.Join(dir, "ballast")
		must(t, os.WriteFile(ballast, make([]byte, 2<<20), 0o600))
		r.serve("audit: {dir: disk/audit, segment_bytes: 2MiB}\n")
		r.well("before")
		r.fill()
		r.refused("journal_unavailable") // a read does no harm: what waits for the record is its answer
		r.unready("journal")
		must(t, os.Remove(ballast))
		r.ready()
		r.well("with room")
	})
	t.Run("the journal has its size and nothing is shipped", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		collector, err := harness.StartCollector()
		must(t, err)
		t.Cleanup(collector.Close)
		collector.Close()
		serve := func() {
			r.serve("audit: {dir: audit, segment_bytes: 2MiB, max_bytes: 4MiB}\n", "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.HTTP)
		}
		serve()
		r.well("before")
		r.fill()
		r.refused("journal_unavailable")
		r.unready("journal")
		serve() // with decisions whose completions found no room: these wait too
		r.refused("journal_unavailable")
		r.unready("journal")
		must(t, collector.Open())
		r.ready()
		r.well("with all of it shipped")
		if _, metrics := r.page("/metrics"); !strings.Contains(metrics, "\nweir_journal_failed 0\n") {
			t.Error("weir_journal_failed is not 0")
		}
	})
	t.Run("the disk hangs", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		dir := filepath.Join(r.dir, "disk")
		disk(t, dir)
		r.serve("audit: {dir: disk, segment_bytes: 4MiB}\nlimits: {decision_timeout: 300ms}\n")
		r.well("before")
		end := r.underWay(embed, "pause=600:500ms")
		thaw := freeze(t, dir)
		var asking sync.WaitGroup
		for _, x := range []harness.Exchange{embed, read} {
			asking.Go(func() { r.impatient(r.as("research", x)) })
		}
		asking.Wait()
		a := end()
		thaw()
		r.cut(a)
		r.well("afterwards")
	})
}

// impatient wants a refusal, of Weir's or of an Envoy that did not wait for it.
func (r *rig) impatient(a harness.Answer) {
	r.Helper()
	if a.Err != nil || a.Status != http.StatusServiceUnavailable && a.Status != http.StatusGatewayTimeout || harness.Leaks(a.Body) > 0 {
		r.Errorf("%d, %v, %d raw components; want 503 or 504", a.Status, a.Err, harness.Leaks(a.Body))
	}
}

// fill asks until Weir refuses because its journal is full: with long paths, which make long records, and then with the exchanges of these
// tests until the last of them finds no room either.
func (r *rig) fill() {
	r.Helper()
	long := read
	long.URL = "/api/v2/tenants/t/databases/d/collections/" + strings.Repeat("x", 7<<10)
	for _, x := range []harness.Exchange{long, embed, read} {
		refused := 0
		for i := 0; refused < 3; i++ {
			if i == 500 {
				r.Fatal("the journal does not fill")
			}
			if saidRule(r.as("product", x)) == "journal_unavailable" {
				refused++
			} else {
				refused = 0
			}
		}
	}
}

// freeze has a disk neither write nor fail until the returned function is called, or this process ends.
func freeze(t *testing.T, dir string) (thaw func()) {
	t.Helper()
	c := exec.Command("sh", "-c", `fsfreeze -f "$0" && echo frozen && cat; fsfreeze -u "$0"`, dir)
	hold, err := c.StdinPipe()
	must(t, err)
	says, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	done := false
	thaw = func() {
		if done {
			return
		}
		done = true
		_ = hold.Close()
		if err := c.Wait(); err != nil {
			t.Errorf("fsfreeze -u: %v", err)
		}
	}
	t.Cleanup(thaw) // before Weir is killed: a process cannot end in the middle of a write
	b := make([]byte, len("frozen"))
	if _, err := io.ReadFull(says, b); err != nil {
		t.Skipf("SKIPPED, not tested here: fsfreeze: %v", err)
	}
	return thaw
}

// TestJournalAtStart: without a journal that can be written, Weir does not start.
func TestJournalAtStart(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, r *rig)
		want    string
	}{
		{name: "no directory", prepare: func(t *testing.T, r *rig) {
			must(t, os.WriteFile(filepath.Join(r.dir, "disk"), nil, 0o600))
		}, want: "disk is no directory"},
		{name: "read-only", prepare: func(t *testing.T, r *rig) {
			mounted(t, filepath.Join(r.dir, "disk"), "-t", "tmpfs", "-o", "size=5m,ro", "tmpfs")
		}, want: "read-only file system"},
		{name: "too small a disk", prepare: func(t *testing.T, r *rig) {
			mounted(t, filepath.Join(r.dir, "disk"), "-t", "tmpfs", "-o", "size=1m", "tmpfs")
		}, want: "no space left on device"},
		{name: "written by another", prepare: func(_ *testing.T, r *rig) {
			r.serve("audit: {dir: disk, segment_bytes: 4MiB}\n")
			r.well("before")
		}, want: "is being written by another process"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			tc.prepare(t, r)
			var err error
			if r.weir == nil {
				r.config("audit: {dir: disk, segment_bytes: 4MiB}\n")
			} else {
				r.admin, err = harness.FreePort()
				must(t, err)
				grpc := r.grpc
				r.grpc, err = harness.FreePort()
				must(t, err)
				r.config("audit: {dir: disk, segment_bytes: 4MiB}\n")
				r.grpc = grpc
			}
			_, err = harness.StartWeir(t.Context(), r.dir, nil, "serve", "--config", "weir.yaml")
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "audit.dir") {
				t.Fatalf("weir serve: %v; want it to fail, and to say %q of audit.dir", err, tc.want)
			}
			if r.weir == nil {
				r.refusedAtOnce("")
			} else {
				r.well("beside it")
			}
		})
	}
}
