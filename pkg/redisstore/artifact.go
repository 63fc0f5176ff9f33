package redisstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // Redis' own function, to see whether a value is the one that was read
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/authz"
)

// Artifacts remember what objects are, and what was seen of those that nobody knows yet: the twin of pkg/artifact.Memory. What was seen is sealed
// under a key made of the object's names, version and size, of which Redis holds none: who reads Redis reads no content. Whatever goes wrong is
// an error, which refuses: a Redis that is away, or was emptied, is none in which nothing was ever recognised.
//
// What this process has recognised, or heard of, it remembers by itself, too: a Redis whose loss an operator has accepted is told of it again.
type Artifacts struct {
	s     *Store
	heard *artifact.Memory
}

// Artifacts returns what is remembered in the same Redis. Ask once: what a process remembers by itself is in what is returned.
func (s *Store) Artifacts() (*Artifacts, error) {
	heard, err := artifact.New(artifact.Config{Now: s.cfg.Now})
	return &Artifacts{s, heard}, err
}

const (
	// maxSight is how many bytes of what was seen are kept of an object: a prefix, a tail, and what they are sealed in.
	maxSight = 160 << 10
	// maxSeals is how many pieces are kept apart before they are joined.
	maxSeals = 32
)

// Known returns what an object was recognised as; false where it was not, or its judgement is forgotten.
func (a *Artifacts) Known(ctx context.Context, k artifact.Key) (authz.Artifact, bool, error) {
	if err := ctx.Err(); err != nil {
		return authz.Artifact{}, false, fmt.Errorf("artifact: known: %w", err)
	}
	if k.Version == "" {
		return authz.Artifact{}, false, nil
	}
	heard, ok, err := a.heard.Known(ctx, k)
	if err != nil {
		return authz.Artifact{}, false, err
	}
	answer, err := a.run(ctx, a.s.scripts.artifactKnown, k)
	switch {
	case err != nil:
		return authz.Artifact{}, false, err
	case answer != "":
		is, err := a.read(k, answer)
		return is, err == nil, err
	case ok: // Redis has lost it
		is, err := a.judge(ctx, k, heard)
		return is, err == nil, err
	}
	return authz.Artifact{}, false, nil
}

// read reads what an object is, and remembers it.
func (a *Artifacts) read(k artifact.Key, value string) (authz.Artifact, error) {
	is, err := readArtifact(value)
	if err == nil {
		a.heard.Remember(k, is)
	}
	return is, err
}

// Note takes up a piece of an object and judges the object by all that was seen of it. Harmless is judged by this piece alone: a prefix that
// was seen before says nothing about what is read now.
func (a *Artifacts) Note(ctx context.Context, k artifact.Key, offset int64, b []byte) (authz.Artifact, artifact.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return authz.Artifact{}, artifact.Unknown, fmt.Errorf("artifact: note: %w", err)
	}
	var alone artifact.Evidence
	alone.Add(offset, b)
	is, verdict := alone.Judge(k.Size)
	if k.Version == "" {
		return is, verdict, nil
	}
	saw, err := a.see(ctx, k, worth(k.Size, offset, b, verdict == artifact.Harmless))
	switch {
	case err != nil:
		return authz.Artifact{}, artifact.Unknown, err
	case named(saw.known):
		return saw.known, artifact.Guarded, nil
	}
	all := saw.all
	all.Add(offset, b)
	if late, stricter := all.Judge(k.Size); stricter == artifact.Guarded {
		is, verdict = late, artifact.Guarded
	}
	switch {
	case verdict == artifact.Guarded:
		is, err = a.judge(ctx, k, is)
	case saw.known.Class != "":
		is, verdict = saw.known, artifact.Guarded
	case verdict == artifact.Harmless && saw.all.Forget(): // a prefix that was found harmless
		_ = all.Forget()
		err = a.swap(ctx, k, saw, &all)
	case saw.crowded:
		err = a.swap(ctx, k, saw, &all)
	}
	if err != nil {
		return authz.Artifact{}, artifact.Unknown, err
	}
	return is, verdict, nil
}

// named reports whether it is known what an object is, and not only that nobody can know.
func named(a authz.Artifact) bool { return a.Class != "" && a.Class != authz.ArtifactOpaque }

// sight is what was seen of an object.
type sight struct {
	known   authz.Artifact // what it is; the zero value where that is not known
	all     artifact.Evidence
	value   string // all as Redis has it
	crowded bool   // it is time to join its pieces
}

// see keeps pieces of an object, and returns what was seen of it, or what it is where that is known.
func (a *Artifacts) see(ctx context.Context, k artifact.Key, pieces []artifact.Piece) (saw sight, err error) {
	seal, err := newSeal(k)
	if err != nil {
		return saw, unavailable(err)
	}
	record := seal.append(nil, pieces)
	answer, err := a.run(ctx, a.s.scripts.artifactNote, k, record, maxSight)
	if err != nil {
		return saw, err
	}
	is, value, ok := cut(answer)
	if !ok {
		return saw, unavailable(errAnswer)
	}
	if is != "" {
		if saw.known, err = a.read(k, is); err != nil || named(saw.known) {
			return saw, err
		}
	}
	n, err := seal.read([]byte(value), &saw.all)
	if err != nil {
		return saw, unavailable(err)
	}
	saw.value, saw.crowded = value, n > maxSeals || len(value)+len(record) > maxSight
	return saw, nil
}

// worth is artifact.Worth, without the first bytes where they are harmless.
func worth(size, offset int64, b []byte, harmless bool) (out []artifact.Piece) {
	for _, p := range artifact.Worth(size, offset, b) {
		if cut := artifact.PrefixLen - p.Offset; harmless && cut > 0 {
			if cut >= int64(len(p.Bytes)) {
				continue
			}
			p = artifact.Piece{Offset: artifact.PrefixLen, Bytes: p.Bytes[cut:]}
		}
		out = append(out, p)
	}
	return out
}

// kept is what is worth keeping of all that was seen.
func kept(size int64, all *artifact.Evidence) (out []artifact.Piece) {
	for _, p := range all.Pieces() {
		out = append(out, artifact.Worth(size, p.Offset, p.Bytes)...)
	}
	return out
}

// judge notes what an object is, and returns the strictest that it is known to be.
func (a *Artifacts) judge(ctx context.Context, k artifact.Key, is authz.Artifact) (authz.Artifact, error) {
	b, err := json.Marshal(is)
	if err != nil {
		return authz.Artifact{}, unavailable(err)
	}
	mark := "o"
	if named(is) {
		mark = "n"
	}
	answer, err := a.run(ctx, a.s.scripts.artifactJudge, k, mark+string(b))
	if err != nil {
		return authz.Artifact{}, err
	}
	return a.read(k, answer)
}

// swap puts all that is worth keeping in place of what was read.
func (a *Artifacts) swap(ctx context.Context, k artifact.Key, saw sight, all *artifact.Evidence) error {
	seal, err := newSeal(k)
	if err != nil {
		return unavailable(err)
	}
	sum := sha1.Sum([]byte(saw.value)) //nolint:gosec // see above
	_, err = a.run(ctx, a.s.scripts.artifactSwap, k, hex.EncodeToString(sum[:]), seal.append(nil, kept(k.Size, all)))
	return err
}

// readArtifact reads what an object is.
func readArtifact(value string) (is authz.Artifact, err error) {
	if err := json.Unmarshal([]byte(value[min(1, len(value)):]), &is); err != nil || is.Class == "" {
		return authz.Artifact{}, unavailable(errAnswer)
	}
	return is, nil
}

// cut parts the answer of artifact_note: what the object is, and what was seen of it.
func cut(answer string) (is, sight string, ok bool) {
	if len(answer) < 4 {
		return "", "", false
	}
	n := int(binary.LittleEndian.Uint32([]byte(answer)))
	if answer = answer[4:]; n > len(answer) {
		return "", "", false
	}
	return answer[:n], answer[n:], true
}

// run runs one step.
func (a *Artifacts) run(ctx context.Context, script *redis.Script, k artifact.Key, more ...any) (string, error) {
	return a.s.surely(ctx, func() (string, error) { return a.once(ctx, script, k, more...) })
}

func (a *Artifacts) once(ctx context.Context, script *redis.Script, k artifact.Key, more ...any) (string, error) {
	s := a.s
	if err := s.refuses(ctx); err != nil {
		return "", err
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	tag := tag(k.Tenant)
	h := hashed(k.Target, k.Object, k.Version, strconv.FormatInt(k.Size, 10))
	args := append([]any{s.frame(k.Tenant, artifact.DefaultTTL), h}, more...)
	keys := []string{tenantKey(tag), artifactKey(tag, h), sightKey(tag, h), sightsKey(tag)}
	answer, err := s.pipe.send(ctx, &call{script: script, keys: keys, args: args})
	return s.judged(parent, k.Tenant, answer, err)
}

// frame is ARGV[1] of lua/tenant.lua.
func (s *Store) frame(tenant string, keep time.Duration) []byte {
	epoch, fresh := s.tenantEpoch(tenant), noEpoch
	if epoch == noEpoch {
		fresh = newEpoch()
	}
	frame := append(append(make([]byte, 0, 5*8), epoch...), fresh...)
	return appendCounts(frame, s.given(), int64(keep/time.Second), int64(s.epochLife()/time.Second))
}

// seal seals what was seen of one object.
type seal struct{ aead cipher.AEAD }

// newSeal makes the key of what nobody who reads Redis knows: the object's names, version and size.
func newSeal(k artifact.Key) (seal, error) {
	h := sha256.New()
	fmt.Fprintf(h, "weir: what was seen of an object %q %q %q %q %d", k.Tenant, k.Target, k.Object, k.Version, k.Size)
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		return seal{}, err
	}
	aead, err := cipher.NewGCM(block)
	return seal{aead}, err
}

// errSight is the error of something seen that was not sealed here.
var errSight = errors.New("what was seen of an object cannot be read")

// append appends pieces as one: a length (4 bytes), a nonce, and the pieces, sealed. Of none it appends nothing.
func (s seal) append(to []byte, pieces []artifact.Piece) []byte {
	if len(pieces) == 0 {
		return to
	}
	plain := artifact.AppendPieces(nil, pieces)
	n := s.aead.NonceSize()
	to = binary.LittleEndian.AppendUint32(to, uint32(n+len(plain)+s.aead.Overhead())) //nolint:gosec // at most maxSight
	nonce := make([]byte, n)
	_, _ = rand.Read(nonce) // never fails
	return s.aead.Seal(append(to, nonce...), nonce, plain, nil)
}

// read adds what was sealed to what is seen, and returns how many times that was done.
func (s seal) read(from []byte, all *artifact.Evidence) (n int, err error) {
	for ; len(from) > 0; n++ {
		if len(from) < 4 {
			return n, errSight
		}
		size := int(binary.LittleEndian.Uint32(from))
		if from = from[4:]; size > len(from) || size < s.aead.NonceSize() {
			return n, errSight
		}
		nonce, sealed := from[:s.aead.NonceSize()], from[s.aead.NonceSize():size]
		plain, err := s.aead.Open(nil, nonce, sealed, nil)
		if err != nil {
			return n, errSight
		}
		if err := all.AddPacked(plain); err != nil {
			return n, err
		}
		from = from[size:]
	}
	return n, nil
}
