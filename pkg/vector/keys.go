package vector

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"sync"

	aead "github.com/tink-crypto/tink-go/v2/daead/subtle"
)

const (
	// MinMaster and MaxMaster bound a master key, in bytes: 256 bits at least, since all that is sealed hangs on it.
	MinMaster = 32
	MaxMaster = 4 << 10 // a key file that holds more is the wrong file
	// maxMasters bounds a keyring: a sealed vector whose key ID fits several masters is tried with each.
	maxMasters = 8
	// keySalt keeps what Weir derives apart from what others derive from the same master (RFC 5869 §3.1).
	keySalt = "weir vector masks"
)

// The purposes keys are derived for, as HKDF's info (RFC 5869 §3.2). One key never serves two purposes.
const (
	forKeyID     = "weir 1 key id"
	forSeal      = "weir 1 seal"
	forToken     = "weir 1 token"
	forObfuscate = "weir 1 obfuscate"
)

// ErrNoKeys says that a mask has no key to work with: nothing can be masked or opened, so nothing may leave.
var ErrNoKeys = errors.New("no mask keys")

// Keyring holds what Weir derives from its master keys. The current master seals and makes tokens and rotations; the current and the
// previous ones open. Tokens and obfuscated vectors therefore change with the current master, sealed ones live as long as their master is in
// the ring. The zero value has no key: every mask made of it fails with ErrNoKeys. Safe for concurrent use; never changes.
type Keyring struct {
	keys []*keys // the current one first
}

// keys is what one master gives.
type keys struct {
	id        byte // 7 bits: says which of a few masters sealed a vector, never that it did
	seal      *aead.AESSIV
	token     *prf
	obfuscate *prf
}

// NewKeyring derives the keys. Each master has MinMaster to MaxMaster bytes; none is kept. There may be up to seven previous ones.
func NewKeyring(current []byte, previous ...[]byte) (*Keyring, error) {
	if len(previous) >= maxMasters {
		return nil, fmt.Errorf("%d previous master keys: at most %d", len(previous), maxMasters-1)
	}
	ring := &Keyring{}
	for _, master := range append([][]byte{current}, previous...) {
		k, err := derive(master)
		if err != nil {
			return nil, err
		}
		ring.keys = append(ring.keys, k)
	}
	return ring, nil
}

// derive makes the keys of one master by HKDF-SHA256 (RFC 5869).
func derive(master []byte) (*keys, error) {
	if err := checkMaster(master); err != nil {
		return nil, err
	}
	prk, err := hkdf.Extract(sha256.New, master, []byte(keySalt))
	if err != nil {
		return nil, fmt.Errorf("derive mask keys: %w", err)
	}
	var failed error
	key := func(purpose string, n int) []byte {
		k, err := hkdf.Expand(sha256.New, prk, purpose, n)
		failed = errors.Join(failed, err)
		return k
	}
	id, sealing := key(forKeyID, 1), key(forSeal, aead.AESSIVKeySize)
	k := &keys{token: newPRF(key(forToken, sha256.Size)), obfuscate: newPRF(key(forObfuscate, sha256.Size))}
	if failed != nil {
		return nil, fmt.Errorf("derive mask keys: %w", failed)
	}
	k.id = id[0] &^ headerBF16
	if k.seal, err = aead.NewAESSIV(sealing); err != nil {
		return nil, fmt.Errorf("derive mask keys: %w", err)
	}
	return k, nil
}

// checkMaster refuses a master of no use, without a word about what it is.
func checkMaster(master []byte) error {
	switch n := len(master); {
	case n < MinMaster:
		return fmt.Errorf("a master key of %d bytes: want at least %d", n, MinMaster)
	case n > MaxMaster:
		return fmt.Errorf("a master key of more than %d bytes", MaxMaster)
	}
	return nil
}

// current returns the keys that mask.
func (r *Keyring) current() (*keys, error) {
	if r == nil || len(r.keys) == 0 {
		return nil, ErrNoKeys
	}
	return r.keys[0], nil
}

// String keeps keys out of whatever prints a keyring.
func (r *Keyring) String() string {
	if r == nil || len(r.keys) == 0 {
		return "keyring without keys"
	}
	return fmt.Sprintf("keyring of %d master keys", len(r.keys))
}

// GoString is String, for %#v.
func (r *Keyring) GoString() string { return r.String() }

// prf is a pseudo-random function of a place and data: HMAC-SHA256 under one key seeds ChaCha8 (math/rand/v2, C2SP chacha8rand). Safe for
// concurrent use.
type prf struct {
	idle sync.Pool // of *prfCall
}

// prfCall is one value of the function, to be read from gen, and what computing it works in.
type prfCall struct {
	gen  rand.ChaCha8
	mac  hash.Hash
	data []byte
	sum  [sha256.Size]byte
}

func newPRF(key []byte) *prf {
	return &prf{idle: sync.Pool{New: func() any { return &prfCall{mac: hmac.New(sha256.New, key)} }}}
}

// at returns the function's value at label, p, dims and what add appends. The caller gives it back with done.
func (f *prf) at(label string, p Place, dims int, add func([]byte) []byte) *prfCall {
	c := f.idle.Get().(*prfCall)
	c.data = append(append(c.data[:0], byte(len(label))), label...)
	c.data = add(appendPlace(c.data, p, dims))
	c.mac.Reset()
	c.mac.Write(c.data)
	c.mac.Sum(c.sum[:0])
	c.gen.Seed(c.sum)
	return c
}

func (f *prf) done(c *prfCall) { f.idle.Put(c) }

// appendPlace appends a vector's place and length so that no two of them look alike: each word is preceded by its length.
func appendPlace(b []byte, p Place, dims int) []byte {
	for _, word := range [...]string{p.Tenant, p.Target, p.Space, p.Name} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(word)))
		b = append(b, word...)
	}
	return binary.BigEndian.AppendUint64(b, uint64(dims))
}
