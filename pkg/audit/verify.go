package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Report is what Verify found whole.
type Report struct {
	Segments int
	Records  uint64
	First    uint64   // number of the first record; 0 for an empty journal
	Last     uint64   // number of the last record before the first damage
	Head     [32]byte // hash of record Last: it stands for the whole journal up to there
}

// Verify reads every record of the journal in dir and checks lengths, checksums, the chain within and across segments, that nothing is
// missing between segments and nothing written behind the last record, and that the journal reaches at least as far as was shipped. The
// first break is returned as a *Damage, together with what was whole before it; the chain cannot show that a journal was cut off behind what
// was shipped, or that its oldest segments were removed (that is what retention does). It may run on a live journal.
func Verify(dir string) (Report, error) {
	r := &reader{dir: dir, verify: true}
	defer r.close()
	var report Report
	name, shipped := furthestCursor(dir) // before reading: a live journal moves on
	for {
		e, err := r.nextSettled(context.Background())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return report, err
		}
		if report.First == 0 {
			report.First = e.Seq
		}
		report.Records++
		report.Last, report.Head = e.Seq, e.Hash
	}
	firsts, err := listSegments(dir)
	if err != nil {
		return report, err
	}
	report.Segments = len(firsts)
	if r.cur == nil {
		return report, nil
	}
	if shipped > report.Last {
		return report, &Damage{Segment: r.cur.name, Offset: r.cur.off, Seq: r.cur.seq, Reason: fmt.Sprintf("the journal ends, but %s says that records up to %d were shipped", name, shipped)}
	}
	if locked(dir) {
		return report, nil // a live tail: what is behind the last record may be the next one
	}
	end, err := r.cur.lastByte(r.cur.off)
	if err == nil && end > r.cur.off {
		err = r.cur.damage("bytes behind the last record")
	}
	return report, err
}

// locked reports whether a writer has dir open.
func locked(dir string) bool {
	f, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	// Shared, so that two who look do not see each other; a writer that opens in this instant is told to come again.
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		return errors.Is(err, syscall.EWOULDBLOCK)
	}
	return false
}
