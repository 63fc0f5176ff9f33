package redisstore

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
)

// Coverage keeps which parts of stored objects have left, and to whom: the twin of pkg/coverage.Memory. It forgets nothing for want of room:
// a Redis that is full refuses. What an operator accepts as lost is lost: weir limits rebuild does not restore it. A Redis that takes over is told
// of the last commits, as of what was counted (doc.go); claims that were open then, and that it had not heard of, nobody else sees.
type Coverage struct{ s *Store }

// Coverage returns the coverage that is kept in the same Redis. Config.Coverage says for how long.
func (s *Store) Coverage() *Coverage { return &Coverage{s} }

// errNoCoverage is the error of a Store that was not told how long to keep coverage: it would not know a Redis that lost it.
var errNoCoverage = errors.New("this Store keeps no coverage")

// Claim opens a claim and returns, for each holder in order, how much has left, and would have with this piece and all that others'
// open claims may take (coverage.Claimed).
func (c *Coverage) Claim(ctx context.Context, claim authz.CoverClaim) ([]authz.Covered, error) {
	marks, err := coverage.Read(claim)
	if err != nil {
		return nil, err
	}
	answer, err := c.run(ctx, c.s.scripts.coverClaim, claim.Tenant, marks)
	if err != nil {
		return nil, err
	}
	shares, ok := covered(answer, marks)
	if !ok {
		return nil, unavailable(errAnswer)
	}
	return shares, nil
}

// covered reads what there was before a claim, of each holder: a bitmap, the number of claims that are open, and their slots.
func covered(answer string, marks coverage.Marks) ([]authz.Covered, bool) {
	rest := []byte(answer)
	out := make([]authz.Covered, len(marks.Holders))
	for i := range out {
		if len(rest) < coverage.BitmapLen+2 {
			return nil, false
		}
		left, others := coverage.ReadBitmap(rest), coverage.Bitmap{}
		n := int(binary.LittleEndian.Uint16(rest[coverage.BitmapLen:]))
		rest = rest[coverage.BitmapLen+2:]
		if len(rest) < 4*n {
			return nil, false
		}
		for range n {
			first, end := int(binary.LittleEndian.Uint16(rest)), int(binary.LittleEndian.Uint16(rest[2:]))
			if end > coverage.Slots {
				return nil, false
			}
			others.Mark(first, end)
			rest = rest[4:]
		}
		out[i] = coverage.Claimed(left, others, marks.First, marks.End)
	}
	return out, len(rest) == 0
}

// Commit makes the claim's piece one that has left, for every holder, whether the claim is open or not.
func (c *Coverage) Commit(ctx context.Context, claim authz.CoverClaim) error {
	marks, err := coverage.Read(claim)
	if err != nil {
		return err
	}
	var piece coverage.Bitmap
	piece.Mark(marks.First, marks.End)
	packed := piece.Append(nil)
	if _, err = c.run(ctx, c.s.scripts.coverCommit, claim.Tenant, marks, packed); err == nil {
		c.s.departed.note(departure{c.s.clock(), func(ctx context.Context) error {
			_, err := c.once(ctx, c.s.scripts.coverCommit, claim.Tenant, marks, packed)
			return err
		}})
	}
	return err
}

// Drop closes the claim: nothing of its piece has left by it.
func (c *Coverage) Drop(ctx context.Context, claim authz.CoverClaim) error {
	marks, err := coverage.Read(claim)
	if err != nil {
		return err
	}
	_, err = c.run(ctx, c.s.scripts.coverDrop, claim.Tenant, marks)
	return err
}

// run runs one step of a claim.
func (c *Coverage) run(ctx context.Context, script *redis.Script, tenant string, marks coverage.Marks, more ...any) (string, error) {
	if c.s.cfg.Coverage <= 0 {
		return "", unavailable(errNoCoverage)
	}
	return c.s.surely(ctx, func() (string, error) { return c.once(ctx, script, tenant, marks, more...) })
}

// surely runs a step, and once more where another Redis answered, after that was looked at.
func (s *Store) surely(ctx context.Context, step func() (string, error)) (string, error) {
	if err := s.sure(ctx); err != nil {
		return "", err
	}
	answer, err := step()
	if errors.Is(err, errHistory) { // nothing was sent
		if err := s.sure(ctx); err != nil {
			return "", err
		}
		answer, err = step()
	}
	return answer, err
}

func (c *Coverage) once(ctx context.Context, script *redis.Script, tenant string, marks coverage.Marks, more ...any) (string, error) {
	s := c.s
	if err := s.refuses(ctx); err != nil {
		return "", err
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	tag := tag(tenant)
	n := len(marks.Holders)
	keys := make([]string, 1+2*n)
	keys[0] = tenantKey(tag)
	for i, k := range marks.Holders {
		h := base64.RawURLEncoding.EncodeToString(k[:])
		keys[1+i], keys[1+n+i] = coverKey(tag, h), coveringKey(tag, h)
	}
	epoch, fresh := s.tenantEpoch(tenant), noEpoch
	if epoch == noEpoch {
		fresh = newEpoch()
	}
	frame := append(append(make([]byte, 0, 7*8), epoch...), fresh...)
	frame = appendCounts(frame, s.given(), int64(s.cfg.Coverage/time.Microsecond), int64(marks.First), int64(marks.End), int64(s.epochLife()/time.Second))
	args := append([]any{frame, marks.ID[:]}, more...)
	answer, err := s.pipe.send(ctx, &call{script: script, keys: keys, args: args})
	if redis.HasErrorPrefix(err, "WEIRBUSY") {
		return "", coverage.ErrBusy()
	}
	return s.judged(parent, tenant, answer, err)
}
