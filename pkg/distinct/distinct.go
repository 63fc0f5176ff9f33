// Package distinct counts distinct documents that have left, for each corpus and subject, over the last 30 days: Memory, in this process.
// pkg/redisstore has its sibling for several replicas; distincttest is the suite that both must pass.
//
// # What is counted
//
// A document is a version of an object. Whoever reads one in pieces, or again and again, has read one. A document counts for 30 days from the day
// on which it left last, days being those of UTC and the first counted in full: never less than the last 30 days, and up to a day more.
//
// # How well
//
// A HyperLogLog sketch a day, of 2^14 registers, 31 of which are merged; counts are read off it by Ertl's improved estimator (arXiv:1702.01284,
// algorithm 6, as in Redis). Few documents are counted exactly; many with a standard error of 0.8 %. A document whose register was
// set by others already looks like one that has left: never is one that has left taken for a new one.
//
// What has left and what may leave are kept apart. A claim is open from Claim until Commit or Drop, for OpenFor at most, and is in the After of
// everybody else's: of two that ask at the same moment for the last document that one of them may have, only one finds room. Commit alone
// counts, also where the claim has lapsed.
//
// # What is trusted
//
// The caller's words: tenant, target, subject, object and version. Names are kept as hashes only. There are bounds:
//
//   - Config.Max sketches are kept in memory, of some 16 KiB at most. Past that, the corpus and subject that were asked for least recently are
//     forgotten, and so what they counted.
//   - MaxOpen claims may be open for one corpus and subject; one more is an *authz.Error of KindBusy, which refuses.
//   - A clock that is set forward forgets early. One that is set back does not: the last day that was seen goes on.
//
// # What is on disk
//
// With Config.File a commit is handed to the operating system before it counts, and Run brings it to the disk each second. See file.go.
package distinct

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

const (
	// Days is how many days are counted together, today among them.
	Days = 31
	// OpenFor is how long a claim is open at most.
	OpenFor = 30 * time.Second
	// MaxOpen is how many claims may be open for one corpus and subject.
	MaxOpen = 256
)

// Key is the hash of a name, long enough that nobody finds two names with one.
type Key [16]byte

// Marks is a claim as stores keep it.
type Marks struct {
	ID       Key
	Holder   Key // of the tenant, corpus and subject
	Document Key
}

// Read returns what a claim marks.
func Read(c authz.DocumentClaim) Marks {
	return Marks{ID: hashed(c.Tenant, c.ID), Holder: hashed(c.Tenant, c.Target, c.Subject), Document: hashed(c.Object, c.Version)}
}

// hashed returns the key of a name in parts.
func hashed(parts ...string) Key {
	var room [256]byte
	b := room[:0]
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	return Key(sum[:len(Key{})])
}

// Day is the day of a time: days of UTC since 1970.
func Day(t time.Time) int64 { return t.Unix() / int64(24*time.Hour/time.Second) }

// Claimed returns the counts of a claim: before documents have left, fresh says that the claim's own has not, and others is how many more
// others may take. Where its own has left it makes nothing leave, whatever others ask for.
func Claimed(before int64, fresh bool, others int) authz.Read {
	if !fresh {
		return authz.Read{Before: before, After: before}
	}
	return authz.Read{Before: before, After: before + 1 + int64(others)}
}

// ErrBusy is the error of a claim where too many are open.
func ErrBusy() error {
	return &authz.Error{Kind: authz.KindBusy, Label: "corpus_busy", Public: "too many requests for this corpus are being decided right now"}
}

// cell is what a document sets in a sketch: a register, and the rank that it gets at least.
type cell struct {
	register uint16
	rank     uint8
}

// cellOf returns a document's cell: a register by the first bits of its hash, and how many bits are zero in a row behind them, and one.
func cellOf(document Key) cell {
	h := binary.LittleEndian.Uint64(document[:])
	return cell{uint16(h % registers), uint8(bits.TrailingZeros64(h>>precision|1<<(maxRank-1)) + 1)} //nolint:gosec // at most 2^14 and 51
}
