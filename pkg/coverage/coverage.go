// Package coverage keeps which parts of which version of a stored object have left, and to whom: Memory, in this process. pkg/redisstore has
// its sibling for several replicas; coveragetest is the suite that both must pass.
//
// # What is kept
//
// A bitmap of 1,024 slots (Slots) for each holder and object, whatever the object's size: slot i is the bytes from i/1024 to (i+1)/1024 of it.
// A slot counts as soon as anything of it has left, so that shares are never less than the truth, and at most two slots more for each piece.
// An object whose version is a digest of its content is one under all names that it has, in all targets of a tenant: a copy is not another one.
//
// What states no size or no length is all of the object. Of an object that states no version there is one bitmap, whatever size it states:
// a piece of it lies where the size says that was stated with it, and no other size gives anything back.
//
// What has left and what may leave are kept apart. A claim is open from Claim until Commit or Drop, for OpenFor at most, and is in
// the After of everybody else's: of two that ask at the same moment for what one of them may have, only one finds room. Commit alone adds to what has left, also
// where the claim has lapsed, and nothing takes away from that but time: Config.TTL after the last commit all of it is forgotten.
//
// # What is trusted
//
// The caller's words: tenant, target, holders, and the piece as an answer states it. Names are kept as hashes only. There are bounds:
//
//   - Config.Max bitmaps are kept in memory. Past that, the one that was asked for least recently is forgotten, and so what it counted: who may
//     commit pieces of that many other objects, can have his coverage of one forgotten. What is refused forgets nothing.
//     After a restart it is the one that was committed least recently.
//   - MaxOpen claims may be open for one holder and object, and Config.Max for all; one more is an *authz.Error of KindBusy, which refuses.
//   - A clock that is set forward lets claims lapse and coverage expire early. One that is set back does neither.
//
// # What is on disk
//
// With Config.File a commit is handed to the operating system before it counts, so that a killed process has forgotten nothing, and Run brings
// it to the disk each second, so that a machine without power has forgotten no more than that. Claims that were open are not kept: nothing
// had left. See file.go for the format.
package coverage

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

const (
	// Slots is how many parts an object has.
	Slots = 1024
	// OpenFor is how long a claim is open at most.
	OpenFor = 30 * time.Second
	// MaxOpen is how many claims may be open for one holder and object.
	MaxOpen = 1024
	// MaxHolders is how many a claim may have.
	MaxHolders = 255
	// TTL is how long what has left is kept after the last commit, unless a configuration says otherwise.
	TTL = 90 * 24 * time.Hour
)

// Key is the hash of a name, long enough that nobody finds two names with one.
type Key [16]byte

// Marks is a claim as stores keep it.
type Marks struct {
	ID         Key
	Holders    []Key // one for each holder's bitmap of the object, in the claim's order
	First, End int   // the slots of the piece: from First to before End
}

// Read returns what a claim marks. One that counts for nobody, or for too many, is an error.
func Read(c authz.CoverClaim) (Marks, error) {
	if len(c.Holders) == 0 || len(c.Holders) > MaxHolders {
		err := errors.New("a claim counts for " + strconv.Itoa(len(c.Holders)) + " holders: want 1 to " + strconv.Itoa(MaxHolders))
		return Marks{}, &authz.Error{Kind: authz.KindInternal, Label: "coverage_unreadable", Public: "Weir could not tell whose download this is", Err: err}
	}
	object, size := hashed(c.Target, c.Piece.Object), strconv.FormatInt(c.Piece.Size, 10)
	if digest := digestOf(c.Piece.Version); digest != "" {
		object = hashed("content", digest, size)
	} else if c.Piece.Version != "" {
		object = hashed(c.Target, c.Piece.Object, c.Piece.Version, size)
	}
	m := Marks{ID: hashed(c.Tenant, c.ID), Holders: make([]Key, len(c.Holders))}
	for i, h := range c.Holders {
		m.Holders[i] = hashed(c.Tenant, h, string(object[:]))
	}
	m.First, m.End = span(c.Piece)
	return m, nil
}

// digestOf returns a version that is a digest of the content, in one spelling; "" for any other. Stores state MD5 (S3 of an object in parts: with their
// number, GCS in base64), SHA-1, SHA-256 and SHA-512.
func digestOf(version string) string {
	digits := strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(version), "sha256:"), "sha512:")
	md5, parts, _ := strings.Cut(digits, "-")
	switch {
	case len(version) == 24 && strings.HasSuffix(version, "=="):
		if sum, err := base64.StdEncoding.DecodeString(version); err == nil {
			return hex.EncodeToString(sum)
		}
	case len(md5) == 32 && len(parts) <= 5 && strings.Trim(parts, "0123456789") == "", len(digits) == 40, len(digits) == 64, len(digits) == 128:
		if strings.Trim(md5, "0123456789abcdef") == "" {
			return digits
		}
	}
	return ""
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

// span returns the slots that a piece touches. A piece that cannot lie in its object is all of it.
func span(p authz.Piece) (first, end int) {
	switch {
	case p.Whole() || p.Size <= 0 || p.Offset < 0 || p.Length < 0:
		return 0, Slots
	case p.Length == 0:
		return 0, 0
	case p.Offset >= p.Size:
		return 0, Slots
	}
	last := p.Offset + min(p.Length, p.Size-p.Offset) // before which it ends
	first, _ = place(p.Offset, p.Size)
	end, rest := place(last, p.Size)
	if rest {
		end++
	}
	return first, end
}

// place returns the slot that an offset of at most size lies in, and whether it lies behind the slot's beginning.
func place(offset, size int64) (slot int, within bool) {
	hi, lo := bits.Mul64(uint64(offset), Slots) //nolint:gosec // not negative
	q, r := bits.Div64(hi, lo, uint64(size))    //nolint:gosec // above 0; hi < size, for offset ≤ size
	return int(q), r > 0                        //nolint:gosec // at most Slots
}

// Bitmap says of each slot whether something of it has left. The zero value: nothing has.
type Bitmap [Slots / 64]uint64

// BitmapLen is the length of a packed Bitmap.
const BitmapLen = Slots / 8

// Mark adds the slots from first to before end.
func (b *Bitmap) Mark(first, end int) {
	for first < end {
		n := min(end-first, 64-first%64)
		b[first/64] |= ^uint64(0) >> (64 - n) << (first % 64)
		first += n
	}
}

// Share returns how much of all slots is marked.
func (b *Bitmap) Share() float64 {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return float64(n) / Slots
}

// Claimed returns the shares of a claim on the slots from first to before end: what has left before it, and what would have with it and all
// that others may take. Where all of the piece has left already it makes nothing leave, whatever others ask for. What others only ask for is
// never in Before: two that ask for the same at once would both find that nothing is new.
func Claimed(left, others Bitmap, first, end int) authz.Covered {
	c := authz.Covered{Before: left.Share()}
	with := left
	if with.Mark(first, end); with == left {
		c.After = c.Before
		return c
	}
	for i := range with {
		with[i] |= others[i]
	}
	c.After = with.Share()
	return c
}

// Append packs the bitmap: slot 0 is the lowest bit of the first byte.
func (b *Bitmap) Append(to []byte) []byte {
	for _, w := range b {
		to = binary.LittleEndian.AppendUint64(to, w)
	}
	return to
}

// ReadBitmap unpacks a bitmap from the first BitmapLen bytes.
func ReadBitmap(from []byte) (b Bitmap) {
	for i := range b {
		b[i] = binary.LittleEndian.Uint64(from[8*i:])
	}
	return b
}

// ErrBusy is the error of a claim where too many are open.
func ErrBusy() error {
	return &authz.Error{Kind: authz.KindBusy, Label: "coverage_busy", Public: "too many requests for this object are being decided right now"}
}
