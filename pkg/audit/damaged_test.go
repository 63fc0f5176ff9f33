package audit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/audit"
)

// reseal gives a frame the hash and the checksum of what is in it, and so the frames behind it: as a writer would that does not write JSON.
func reseal(b []byte, frames []int) {
	prev := bytes.Clone(b[16:48]) // of the header
	for i, at := range frames[:len(frames)-1] {
		frame := b[at:frames[i+1]]
		sum := sha256.Sum256(append(bytes.Clone(prev), frame[40:]...))
		copy(frame[8:], sum[:])
		binary.LittleEndian.PutUint32(frame, crc32.Checksum(frame[4:], crc32.MakeTable(crc32.Castagnoli)))
		prev = sum[:]
	}
}

// TestOneBadRecord: whatever is wrong with a record, the others are shown, by their own numbers, and it is named; Verify stops at it.
func TestOneBadRecord(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(b []byte, frames []int)
		lost  []uint64 // of six
		says  string
	}{
		"a byte":            {func(b []byte, f []int) { b[f[2]+60] ^= 1 }, []uint64{3}, "(record 3): the checksum does not fit"},
		"its hash":          {func(b []byte, f []int) { b[f[2]+10] ^= 1 }, []uint64{3}, "(record 3): the checksum does not fit"},
		"no JSON":           {func(b []byte, f []int) { b[f[2]+40] = '?'; reseal(b, f) }, []uint64{3}, "(record 3): the record is no JSON"},
		"no JSON, the last": {func(b []byte, f []int) { b[f[5]+40] = '?'; reseal(b, f) }, []uint64{6}, "(record 6): the record is no JSON"},
		"the last":          {func(b []byte, f []int) { b[f[5]+60] ^= 1 }, []uint64{6}, "(record 6): the checksum does not fit"},
		"two in a row":      {func(b []byte, f []int) { b[f[1]+60] ^= 1; b[f[2]+60] ^= 1 }, []uint64{2, 3}, "(record 2): the checksum does not fit; the records up to 3 are not read"},
		"its length":        {func(b []byte, f []int) { b[f[4]+7] = 0x7f }, []uint64{5, 6}, "(record 5): the frame states a length"},
	} {
		for _, sealed := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", sealed"}[sealed], func(t *testing.T) {
				dir, b, frames := journalOf(t, 6)
				path := filepath.Join(dir, firstSegment)
				tc.spoil(b, frames)
				all := []uint64{1, 2, 3, 4, 5, 6}
				if sealed { // by a successor, which begins with record 7
					next := append(bytes.Clone(b[:64]), b[frames[0]:frames[1]]...)
					binary.LittleEndian.PutUint64(next[8:], 7)
					copy(next[16:48], b[frames[5]+8:])
					binary.LittleEndian.PutUint32(next[56:], crc32.Checksum(next[:56], crc32.MakeTable(crc32.Castagnoli)))
					if err := os.WriteFile(filepath.Join(dir, "00000000000000000007.weir"), next, 0o600); err != nil {
						t.Fatal(err)
					}
					all = append(all, 7)
				}
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				var want []uint64
				for _, seq := range all {
					if seq < tc.lost[0] || seq > tc.lost[len(tc.lost)-1] {
						want = append(want, seq)
					}
				}
				checkDamaged(t, dir, want, tc.says)
				report, err := audit.Verify(dir)
				if !strings.Contains(errText(err), strings.Split(tc.says, ";")[0]) || report.Last != tc.lost[0]-1 {
					t.Errorf("Verify: %+v, %v", report, err)
				}
			})
		}
	}
}

// checkDamaged reads a journal in every way there is, and wants the same records and the same complaint from each.
func checkDamaged(t *testing.T, dir string, want []uint64, says string) {
	t.Helper()
	check := func(how string, got []uint64, err error) {
		t.Helper()
		var damage *audit.Damage
		if diff := cmp.Diff(want, got); diff != "" || !errors.As(err, &damage) || !strings.Contains(err.Error(), says) || strings.Count(err.Error(), "(record ") != 1 {
			t.Errorf("%s: %v; %s", how, err, diff)
		}
	}
	seqs := func(entries []audit.Entry) (got []uint64) {
		for _, e := range entries {
			got = append(got, e.Seq)
		}
		return got
	}
	var all []audit.Entry
	var errs []error
	for e, err := range audit.Read(dir, 0) {
		if errs = append(errs, err); err == nil {
			all = append(all, e)
		}
	}
	check("Read", seqs(all), errors.Join(errs...))
	tail, err := audit.Tail(dir, 100)
	check("Tail", seqs(tail), err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var followed []audit.Entry
	errs = nil
	for e, err := range audit.Follow(ctx, dir, 0) {
		if errs = append(errs, err); err == nil {
			followed = append(followed, e)
		}
		if len(followed) == len(want) && errors.Join(errs...) != nil {
			break
		}
	}
	check("Follow", seqs(followed), errors.Join(errs...))
	found, err := audit.Find(dir, id(3)) // record 4
	if err == nil || !strings.Contains(err.Error(), says) || len(found) != 1 {
		t.Errorf("Find: %v, %v", seqs(found), err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestTailLooksNoFurther: what is damaged before the records that were asked for is no concern of theirs.
func TestTailLooksNoFurther(t *testing.T) {
	dir, b, frames := journalOf(t, 6)
	path := filepath.Join(dir, firstSegment)
	b[frames[1]+60] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for n, wantErr := range map[int]bool{4: false, 5: true} {
		if tail, err := audit.Tail(dir, n); len(tail) != n || (err != nil) != wantErr {
			t.Errorf("the last %d: %d, %v", n, len(tail), err)
		}
	}
}

// TestBadRecordOfALiveJournal: a writer that has the journal open does not make a bad record pass for one half written.
func TestBadRecordOfALiveJournal(t *testing.T) {
	dir, b, frames := journalOf(t, 6)
	path := filepath.Join(dir, firstSegment)
	j, _ := open(t, audit.Config{Dir: dir, Log: quiet})
	b[frames[2]+40] = '?'
	reseal(b, frames)
	if err := os.WriteFile(path, b, 0o600); err != nil { // the same file, which the journal goes on with
		t.Fatal(err)
	}
	write(t, j, decision("later"))
	checkDamaged(t, dir, []uint64{1, 2, 4, 5, 6, 7}, "(record 3): the record is no JSON")
	if report, err := audit.Verify(dir); err == nil || report.Last != 2 {
		t.Errorf("Verify: %+v, %v", report, err)
	}
}
