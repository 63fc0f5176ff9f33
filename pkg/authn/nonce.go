package authn

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"
)

// Nonces are what proofs must hold that are made for us (RFC 9449 §9): so that a client's key cannot be used ahead of time, by whoever has it
// for a moment only. A nonce is the time and a MAC over it: every replica that has the key knows it, and nothing is remembered. It is safe for
// concurrent use.
type Nonces struct {
	keys [][]byte
	ttl  time.Duration
}

const (
	nonceTime = 8  // bytes: seconds since 1970
	nonceMAC  = 16 // bytes of the MAC
)

// NewNonces returns what makes nonces with current, and knows those of previous keys too. Each key is 32 random bytes or more, the same on all
// replicas. ttl is how long a nonce is good for, 10 s to 1 h; 0 is 5 min.
func NewNonces(ttl time.Duration, current []byte, previous ...[]byte) (*Nonces, error) {
	n := &Nonces{keys: append([][]byte{current}, previous...), ttl: orDefault(ttl, 5*time.Minute)}
	if n.ttl < 10*time.Second || n.ttl > time.Hour {
		return nil, fmt.Errorf("nonces good for %s: want 10s to 1h", n.ttl)
	}
	for _, k := range n.keys {
		if len(k) < minKey {
			return nil, fmt.Errorf("a key of %d bytes: want %d random ones or more", len(k), minKey)
		}
	}
	return n, nil
}

// next returns the nonce of now.
func (n *Nonces) next(now time.Time) string {
	at := binary.BigEndian.AppendUint64(make([]byte, 0, nonceTime+sha256.Size), uint64(max(0, now.Unix()))) //nolint:gosec // not negative
	return base64.RawURLEncoding.EncodeToString(append(at, nonceSum(n.keys[0], at)...))
}

// good reports whether a nonce was made here, and lately: no earlier than ttl ago, and by no clock that is further than leeway before ours.
func (n *Nonces) good(nonce string, now time.Time, leeway time.Duration) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(raw) != nonceTime+nonceMAC {
		return false
	}
	made := false
	for _, key := range n.keys {
		made = hmac.Equal(raw[nonceTime:], nonceSum(key, raw[:nonceTime])) || made
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(raw)), 0) //nolint:gosec // ours, where it counts
	return made && !at.Before(now.Add(-n.ttl)) && !at.After(now.Add(leeway))
}

func nonceSum(key, at []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("weir dpop nonce")) // the key may sign other things, too
	h.Write(at)
	return h.Sum(nil)[:nonceMAC]
}
