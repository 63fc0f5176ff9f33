package authn

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws"
)

// The bounds on key sets and on fetching them.
const (
	maxKeySet      = 256 << 10        // bytes of a key set or discovery document
	maxKeys        = 100              // keys in a set
	minRefresh     = 5 * time.Minute  // however short an issuer says that its keys may be kept
	maxRefresh     = time.Hour        // however long: a key that is withdrawn must die
	fetchTimeout   = 5 * time.Second  // one attempt, discovery included
	refetchEvery   = 30 * time.Second // how often unknown key ids may cause a fetch, after the first refetchBurst
	refetchBurst   = 2
	absentFor      = 30 * time.Second // how long a key id that a good set did not have is taken to be absent
	maxAbsent      = 1024
	minRSA, maxRSA = 2048, 4096 // bits; verifying with 4096 costs 12 times as much as with 2048
)

// key is one public key and the one algorithm it is used with.
type key struct {
	id       string
	alg      string
	public   crypto.PublicKey
	verifier jws.Verifier2
}

// verify reports whether the signature over signed is this key's.
func (k key) verify(signed string, signature []byte) bool {
	return k.verifier.Verify(k.public, []byte(signed), signature) == nil
}

// keySet is what an issuer's key set held at one time. It is immutable; its address is its generation.
type keySet struct {
	source *source
	keys   []key
	print  [sha256.Size]byte // of the keys
}

// live reports whether this is still the issuer's key set, and not too old.
func (s *keySet) live(now time.Time) bool {
	return s.source.set.Load() == s && now.UnixNano()-s.source.confirmed.Load() <= int64(s.source.issuer.KeepKeys)
}

// pick returns the keys that a token may have been signed with: those of its kid or, without one, the only key for the algorithm.
// other is true when there are keys of that kid, but for another algorithm.
func (s *keySet) pick(kid, alg string) (keys []key, other bool) {
	for _, k := range s.keys {
		if kid != "" && k.id != kid {
			continue
		}
		if k.alg == alg {
			keys = append(keys, k)
		} else if kid != "" {
			other = true
		}
	}
	if kid == "" && len(keys) > 1 {
		return nil, false // guessing would cost a verification for each key
	}
	return keys, other && len(keys) == 0
}

// source keeps one issuer's keys.
type source struct {
	issuer Issuer
	cfg    Config

	set       atomic.Pointer[keySet] // nil until the first good fetch
	confirmed atomic.Int64           // when a fetch last was good, Unix nanoseconds
	fresh     atomic.Int64           // how long that may be kept, by its own word, in nanoseconds; 0: it did not say
	fetches   atomic.Int64
	failed    atomic.Int64

	mu      sync.Mutex // guards what follows
	flight  *flight    // the fetch under way
	last    error      // how the last fetch ended
	absent  map[string]time.Time
	allowed float64 // fetches that unknown key ids may cause
	counted time.Time

	tag etag // of the last good fetch; only the flight touches it

	again chan struct{} // has run fetch before its time

	introspector *introspector // nil: the issuer is not asked about tokens
}

// flight is a fetch that all who need one wait for.
type flight struct {
	done chan struct{}
	err  error // set before done is closed
}

func newSource(issuer Issuer, cfg Config) *source {
	s := &source{issuer: issuer, cfg: cfg, absent: map[string]time.Time{}, allowed: refetchBurst, again: make(chan struct{}, 1)}
	if issuer.Introspection != nil {
		s.introspector = newIntrospector(*issuer.Introspection, cfg.Client)
	}
	return s
}

func (s *source) ready(now time.Time) error {
	set := s.set.Load()
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	switch {
	case set == nil && last == nil:
		return errors.New("its keys have not been fetched yet")
	case set == nil || !set.live(now):
		return fmt.Errorf("its keys cannot be had: %w", last)
	case len(set.keys) == 0:
		return errors.New("its key set holds no key that can be used")
	}
	return nil
}

// find returns the keys for a token. A key id that is not known causes one fetch, shared and limited in rate: whoever sends junk must not
// be able to make us flood the issuer.
func (s *source) find(ctx context.Context, kid, alg string, now time.Time) (*keySet, []key, error) {
	set := s.set.Load()
	known := set != nil && set.live(now)
	if known {
		keys, other := set.pick(kid, alg)
		if len(keys) > 0 {
			return set, keys, nil
		}
		if other {
			return nil, nil, refuse(labelAlgorithm, errors.New("the key is for another algorithm"))
		}
		if kid == "" {
			return nil, nil, refuse(labelUnknownKey, errors.New("no kid, and not exactly one key for the algorithm"))
		}
	}
	if err := s.refetch(ctx, kid, now, known); err != nil {
		return nil, nil, err
	}
	set = s.set.Load()
	if set == nil {
		return nil, nil, refuse(labelUnavailable, errors.New("no key set"))
	}
	keys, other := set.pick(kid, alg)
	if other {
		return nil, nil, refuse(labelAlgorithm, errors.New("the key is for another algorithm"))
	}
	if len(keys) == 0 {
		s.remember(kid, now)
		return nil, nil, refuse(labelUnknownKey, nil)
	}
	return set, keys, nil
}

// refetch waits for a fetch, starting one where that is allowed. known says that there are keys, only not this one.
func (s *source) refetch(ctx context.Context, kid string, now time.Time, known bool) error {
	s.mu.Lock()
	if until, ok := s.absent[kid]; ok && known && now.Before(until) {
		s.mu.Unlock()
		return refuse(labelUnknownKey, nil)
	}
	f := s.flight
	if f == nil {
		if !s.allow(now) {
			last := s.last
			s.mu.Unlock()
			if last != nil || !known {
				return refuse(labelUnavailable, last)
			}
			return refuse(labelUnknownKey, errors.New("no fetch is allowed yet"))
		}
		f = s.start(context.WithoutCancel(ctx)) // whoever asked first may leave; the others still wait
	}
	s.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		return refuse(labelUnavailable, ctx.Err())
	}
	if f.err != nil {
		return refuse(labelUnavailable, f.err)
	}
	return nil
}

// allow takes one from the bucket of fetches that key ids may cause. The caller holds mu.
func (s *source) allow(now time.Time) bool {
	if elapsed := now.Sub(s.counted); s.counted.IsZero() || elapsed < 0 {
		s.counted = now
	} else {
		s.allowed = min(refetchBurst, s.allowed+elapsed.Seconds()/refetchEvery.Seconds())
		s.counted = now
	}
	if s.allowed < 1 {
		return false
	}
	s.allowed--
	return true
}

// remember notes that a good key set does not have kid. A full memory forgets what has run out and else takes no more.
func (s *source) remember(kid string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.absent) >= maxAbsent {
		for k, until := range s.absent {
			if !now.Before(until) {
				delete(s.absent, k)
			}
		}
	}
	if kid != "" && len(s.absent) < maxAbsent {
		s.absent[kid] = now.Add(absentFor)
	}
}

// start begins a fetch. The caller holds mu, and there is no flight.
func (s *source) start(ctx context.Context) *flight {
	f := &flight{done: make(chan struct{})}
	s.flight = f
	go func() {
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		s.fetches.Add(1)
		f.err = s.load(ctx)
		if f.err != nil {
			s.failed.Add(1)
		}
		s.mu.Lock()
		s.flight, s.last = nil, f.err
		s.mu.Unlock()
		close(f.done)
	}()
	return f
}

// load fetches the key set and puts it to use. The old one stays while there is no good new one; a good one replaces it whole, so that a
// key that was withdrawn is of no use from now on.
func (s *source) load(ctx context.Context) error {
	p, err := s.fetch(ctx)
	if err != nil {
		return err
	}
	old := s.set.Load()
	if p.raw != nil || old == nil {
		set, skipped, err := parseKeys(p.raw, &s.issuer)
		if err != nil {
			return err
		}
		s.tag = p.tag // not earlier: "not modified" must mean "as the last good one"
		if old == nil || set.print != old.print {
			set.source = s
			s.confirmed.Store(s.cfg.Now().UnixNano()) // before set: live reads it after
			s.set.Store(set)
			s.mu.Lock()
			clear(s.absent)
			s.mu.Unlock()
			s.cfg.Log.Info("keys changed", "issuer", s.issuer.URL, "keys", len(set.keys))
			for _, why := range skipped {
				level := slog.LevelWarn
				if errors.Is(why, errForOthers) {
					level = slog.LevelInfo
				}
				s.cfg.Log.Log(ctx, level, "key not used", "issuer", s.issuer.URL, "cause", why)
			}
		}
	}
	s.confirmed.Store(s.cfg.Now().UnixNano())
	s.fresh.Store(int64(p.fresh))
	return nil
}
