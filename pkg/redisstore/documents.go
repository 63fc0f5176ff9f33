package redisstore

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/distinct"
)

// Documents counts distinct documents that have left, for each corpus and subject: the twin of pkg/distinct.Memory, with Redis' own HyperLogLog,
// which is as exact. It forgets nothing for want of room: a Redis that is full refuses. What an operator accepts as lost is lost; weir limits
// rebuild counts it again from the journals.
type Documents struct{ s *Store }

// Documents returns the counts that are kept in the same Redis.
func (s *Store) Documents() *Documents { return &Documents{s} }

// documentsLife is how long a holder's keys live from the last call: as long as a day counts.
const documentsLife = (distinct.Days + 1) * 24 * time.Hour

// errNoDocuments is the error of a Store that would forget which Redis it has seen before the counts end.
var errNoDocuments = errors.New("this Store keeps no documents: nothing of it is remembered for 32 days")

// Claim opens a claim and returns how many documents have left, and would have with this one and all that others' open claims may take
// (distinct.Claimed).
func (d *Documents) Claim(ctx context.Context, c authz.DocumentClaim) (authz.Read, error) {
	answer, err := d.run(ctx, d.s.scripts.documentClaim, c.Tenant, distinct.Read(c))
	if err != nil {
		return authz.Read{}, err
	}
	if len(answer) != 3*8 {
		return authz.Read{}, unavailable(errAnswer)
	}
	number := func(i int) int64 {
		return int64(math.Float64frombits(binary.LittleEndian.Uint64([]byte(answer[8*i:]))))
	}
	return distinct.Claimed(number(0), number(1) != 0, int(number(2))), nil
}

// Commit makes the claim's document one that has left, whether the claim is open or not.
func (d *Documents) Commit(ctx context.Context, c authz.DocumentClaim) error {
	marks := distinct.Read(c)
	_, err := d.run(ctx, d.s.scripts.documentCommit, c.Tenant, marks)
	if err == nil {
		d.s.departed.note(departure{d.s.clock(), func(ctx context.Context) error {
			_, err := d.once(ctx, d.s.scripts.documentCommit, c.Tenant, marks)
			return err
		}})
	}
	return err
}

// Drop closes the claim: its document did not leave by it.
func (d *Documents) Drop(ctx context.Context, c authz.DocumentClaim) error {
	_, err := d.run(ctx, d.s.scripts.documentDrop, c.Tenant, distinct.Read(c))
	return err
}

// run runs one step of a claim.
func (d *Documents) run(ctx context.Context, script *redis.Script, tenant string, marks distinct.Marks) (string, error) {
	if d.s.life < documentsLife {
		return "", unavailable(errNoDocuments)
	}
	return d.s.surely(ctx, func() (string, error) { return d.once(ctx, script, tenant, marks) })
}

func (d *Documents) once(ctx context.Context, script *redis.Script, tenant string, marks distinct.Marks) (string, error) {
	s := d.s
	if err := s.refuses(ctx); err != nil {
		return "", err
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	tag := tag(tenant)
	answer, err := s.pipe.send(ctx, &call{script: script, keys: documentKeys(tag, marks.Holder), args: []any{s.frame(tenant, documentsLife), marks.ID[:], marks.Document[:]}})
	if redis.HasErrorPrefix(err, "WEIRBUSY") {
		return "", distinct.ErrBusy()
	}
	return s.judged(parent, tenant, answer, err)
}

// documentKeys are the keys of one holder: the tenant's, what is known, the sketch of all days, one for a moment, and one for each day.
func documentKeys(tag string, holder distinct.Key) []string {
	of := documentsKey(tag, base64.RawURLEncoding.EncodeToString(holder[:]))
	keys := make([]string, 0, 4+distinct.Days)
	keys = append(keys, tenantKey(tag), of, of+":all", of+":now")
	for i := range distinct.Days {
		keys = append(keys, of+":"+strconv.Itoa(i))
	}
	return keys
}
