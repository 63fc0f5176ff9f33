package audit_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
)

const firstSegment = "00000000000000000001.weir"

// small is a short record, so that trying every byte is quick.
func small(id string) *authz.Record { return &authz.Record{Event: authz.EventDecision, Decision: id} }

// journalOf writes n small records and returns the directory, the segment's bytes without the preallocated rest, and where each frame
// begins; the last offset is the end.
func journalOf(t testing.TB, n int) (dir string, segment []byte, frames []int) {
	t.Helper()
	dir = t.TempDir()
	j, stop := open(t, audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: quiet})
	for i := range n {
		write(t, j, small(id(i)))
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadFile(filepath.Join(dir, firstSegment))
	if err != nil {
		t.Fatal(err)
	}
	at := 64
	for range n {
		frames = append(frames, at)
		at += 40 + int(binary.LittleEndian.Uint32(all[at+4:]))
	}
	return dir, all[:at], append(frames, at)
}

// withSegment makes a journal directory of one segment.
func withSegment(t testing.TB, dir string, segment []byte) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, firstSegment), segment, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTornTail cuts the file at every byte of the last frames, with nothing, zeros or rubbish behind: Open keeps every earlier record, and the
// journal goes on.
func TestTornTail(t *testing.T) {
	_, segment, frames := journalOf(t, 6)
	dir := filepath.Join(t.TempDir(), "torn")
	for cut := frames[5] - 8; cut <= len(segment); cut++ { // every byte of the last record, and the end of the one before
		whole := 0
		for whole+1 < len(frames) && frames[whole+1] <= cut {
			whole++
		}
		for name, tail := range map[string][]byte{"end of file": nil, "zeros": make([]byte, 300), "rubbish": bytes.Repeat([]byte{0xa5}, 300)} {
			withSegment(t, dir, append(bytes.Clone(segment[:cut]), tail...))
			j, stop := open(t, audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: quiet})
			repair := j.Repaired()
			if torn := cut != frames[whole] || name == "rubbish"; torn != (repair != nil) {
				t.Fatalf("cut at %d, then %s: repair %+v", cut, name, repair)
			}
			if repair != nil {
				checkSetAside(t, dir, repair, segment[frames[whole]:cut])
			}
			write(t, j, small("next"))
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			var want []string
			for i := range whole {
				want = append(want, id(i))
			}
			if diff := cmp.Diff(append(want, "next"), decisions(t, dir)); diff != "" {
				t.Fatalf("cut at %d, then %s: %s", cut, name, diff)
			}
			if _, err := audit.Verify(dir); err != nil {
				t.Fatalf("cut at %d, then %s: %v", cut, name, err)
			}
		}
	}
}

func checkSetAside(t *testing.T, dir string, repair *audit.Repair, torn []byte) {
	t.Helper()
	saved, err := os.ReadFile(filepath.Join(dir, repair.Saved))
	// A frame may end in zeros, which look like the rest of the file.
	if err != nil || int64(len(saved)) != repair.Bytes || !bytes.HasPrefix(saved, bytes.TrimRight(torn, "\x00")) {
		t.Fatalf("%+v set aside %d bytes, want at least %d: %v", repair, len(saved), len(torn), err)
	}
}

// TestKilledBetween: the process dies while a batch of several records is on its way, with any prefix of the batch on disk.
func TestKilledBetween(t *testing.T) {
	for part := 0; part <= 10; part++ {
		dir, d := t.TempDir(), &disk{}
		j, err := audit.Open(audit.Config{Dir: dir, Wrap: d.wrap, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		var receipts []audit.Receipt
		for i := range 5 {
			r, err := j.Append(small(id(i)))
			if err != nil {
				t.Fatal(err)
			}
			receipts = append(receipts, r)
		}
		d.set(func(p []byte) (int, error) { return len(p) * part / 10, io.ErrClosedPipe }, nil)
		stop := run(t, j)
		for _, r := range receipts {
			if err := r.Wait(t.Context()); err == nil {
				t.Fatal("a record of a failed batch was acknowledged")
			}
		}
		_ = stop()
		j, stop = open(t, audit.Config{Dir: dir, Log: quiet})
		write(t, j, small("next"))
		_ = stop()
		got := decisions(t, dir)
		if want := 5*part/10 + 1; len(got) < want-1 || len(got) > want+1 || got[len(got)-1] != "next" {
			t.Errorf("%d/10 of the batch on disk: %v", part, got)
		}
		if _, err := audit.Verify(dir); err != nil {
			t.Error(err)
		}
	}
}

// TestTornBirth: a crash while a segment was being created.
func TestTornBirth(t *testing.T) {
	for name, second := range map[string][]byte{"empty": nil, "short": []byte("weir"), "zeros": make([]byte, 4096), "half a header": append([]byte("weirjrn1"), make([]byte, 200)...)} {
		dir, _, _ := journalOf(t, 3)
		path := filepath.Join(dir, "00000000000000000004.weir")
		if err := os.WriteFile(path, second, 0o600); err != nil {
			t.Fatal(err)
		}
		j, stop := open(t, audit.Config{Dir: dir, Log: quiet})
		if r := j.Repaired(); r == nil || r.Segment != "00000000000000000004.weir" {
			t.Errorf("%s: repair %+v", name, r)
		}
		write(t, j, small("next"))
		_ = stop()
		if diff := cmp.Diff([]string{id(0), id(1), id(2), "next"}, decisions(t, dir)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if err := os.WriteFile(path, append(make([]byte, 64), "records"...), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := audit.Open(audit.Config{Dir: dir, Log: quiet}); err == nil {
			t.Errorf("%s: a segment with records and no header was taken for a torn one", name)
		}
	}
}

// TestDamageIsNotATornTail: what cannot be a torn tail is not cut off.
func TestDamageIsNotATornTail(t *testing.T) {
	_, segment, frames := journalOf(t, 3)
	far := append(bytes.Clone(segment), make([]byte, 10<<20)...)
	far[frames[1]+50] ^= 1
	far[len(far)-1] = 1
	dir := filepath.Join(t.TempDir(), "journal")
	withSegment(t, dir, far)
	if _, err := audit.Open(audit.Config{Dir: dir, Log: quiet}); err == nil || !strings.Contains(err.Error(), "byte") {
		t.Errorf("damage far before the end: %v", err)
	}
	near := bytes.Clone(segment)
	near[frames[1]+50] ^= 1
	withSegment(t, dir, near)
	if err := os.WriteFile(filepath.Join(dir, "cursor-otlp.json"), []byte(`{"seq":2,"hash":""}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Open(audit.Config{Dir: dir, Log: quiet}); err == nil || !strings.Contains(err.Error(), "shipped") {
		t.Errorf("damage to a shipped record: %v", err)
	}
}

// TestVerifyFindsEveryFlippedBit flips each bit of a journal's header and frames.
func TestVerifyFindsEveryFlippedBit(t *testing.T) {
	_, segment, frames := journalOf(t, 3)
	dir := filepath.Join(t.TempDir(), "journal")
	for i := range segment {
		flipped := bytes.Clone(segment)
		flipped[i] ^= 1 << (i % 8)
		withSegment(t, dir, flipped)
		_, err := audit.Verify(dir)
		var damage *audit.Damage
		if !errors.As(err, &damage) {
			t.Fatalf("byte %d: %v", i, err)
		}
		want := 0
		for _, at := range frames {
			if i >= at {
				want = at
			}
		}
		if damage.Segment != firstSegment || damage.Offset != int64(want) {
			t.Fatalf("byte %d: reported %v, want offset %d", i, damage, want)
		}
	}
	withSegment(t, dir, append(bytes.Clone(segment), 0, 0, 7))
	if _, err := audit.Verify(dir); err == nil {
		t.Error("a byte behind the last record was not seen")
	}
}

// TestVerifyFindsWhatIsMissing removes, swaps and cuts.
func TestVerifyFindsWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	j, stop := open(t, audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: quiet})
	large := decision("x")
	large.Path = string(make([]byte, 100<<10))
	for range 14 {
		write(t, j, large)
	}
	_ = stop()
	report, err := audit.Verify(dir)
	if err != nil || report.Segments < 4 || report.Records != 14 {
		t.Fatalf("%+v, %v", report, err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*.weir"))
	whole := map[string][]byte{}
	for _, n := range names {
		if whole[n], err = os.ReadFile(n); err != nil {
			t.Fatal(err)
		}
	}
	restore := func() {
		for n, b := range whole {
			if err := os.WriteFile(n, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	spoil := map[string]func() error{
		"a segment in the middle is gone": func() error { return os.Remove(names[1]) },
		"the last frame of a sealed segment is gone": func() error {
			return os.Truncate(names[1], int64(len(whole[names[1]])-200))
		},
		"a sealed segment ends early, in zeros": func() error {
			return os.WriteFile(names[1], append(bytes.Clone(whole[names[1]][:64]), make([]byte, 4096)...), 0o600)
		},
		"the journal ends before what was shipped": func() error {
			return os.WriteFile(filepath.Join(dir, "cursor-otlp.json"), []byte(`{"seq":99,"hash":""}`), 0o600)
		},
	}
	for name, do := range spoil {
		restore()
		_ = os.Remove(filepath.Join(dir, "cursor-otlp.json"))
		if err := do(); err != nil {
			t.Fatal(err)
		}
		var damage *audit.Damage
		if _, err := audit.Verify(dir); !errors.As(err, &damage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	restore()
	_ = os.Remove(filepath.Join(dir, "cursor-otlp.json"))
	if err := os.Remove(names[0]); err != nil { // retention does that
		t.Fatal(err)
	}
	if report, err := audit.Verify(dir); err != nil || report.First == 1 {
		t.Errorf("without the oldest segment: %+v, %v", report, err)
	}
}

// TestReadPassesOverDamage: what can be read is read.
func TestReadPassesOverDamage(t *testing.T) {
	dir := t.TempDir()
	j, stop := open(t, audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: quiet})
	large := decision("x")
	large.Path = string(make([]byte, 100<<10))
	for range 14 {
		write(t, j, large)
	}
	_ = stop()
	names, _ := filepath.Glob(filepath.Join(dir, "*.weir"))
	for _, spoil := range []int64{100, 3} { // a frame, the header
		b, err := os.ReadFile(names[1])
		if err != nil {
			t.Fatal(err)
		}
		b[spoil] ^= 1
		if err := os.WriteFile(names[1], b, 0o600); err != nil {
			t.Fatal(err)
		}
		var read, broken int
		var last uint64
		for e, err := range audit.Read(dir, 0) {
			if err != nil {
				broken++
				continue
			}
			read, last = read+1, e.Seq
		}
		if last != 14 || broken == 0 || read >= 14 || read < 6 {
			t.Errorf("byte %d: %d records up to %d, %d errors", spoil, read, last, broken)
		}
	}
}

func FuzzReader(f *testing.F) {
	_, segment, frames := journalOf(f, 3)
	f.Add(segment)
	f.Add(segment[:frames[2]+10])
	f.Add(segment[:64])
	f.Add([]byte{})
	dir := filepath.Join(f.TempDir(), "journal")
	f.Fuzz(func(t *testing.T, b []byte) {
		withSegment(t, dir, b)
		whole := 0
		for _, err := range audit.Read(dir, 0) {
			if err == nil {
				whole++
			}
		}
		report, _ := audit.Verify(dir)
		if int(report.Records) > whole {
			t.Errorf("Verify found %d whole records, Read %d", report.Records, whole)
		}
		j, err := audit.Open(audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: quiet})
		if err != nil {
			return
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		if _, err := audit.Verify(dir); err != nil {
			t.Errorf("after a repair: %v", err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, decision("weir-0-aaaa")))
	f.Add(encode(f, completion("weir-0-aaaa")))
	f.Add([]byte(`{"weir.schema":1,"event.name":"","time":"","weir.decision.id":""}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := audit.Decode(raw)
		if err != nil {
			return
		}
		if _, err := e.Fields(); err == nil && e.Event == authz.EventDecision {
			_, _ = audit.Lost(e, start)
		}
	})
}
