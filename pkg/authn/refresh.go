package authn

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// freshness returns how long an answer may be kept (RFC 9111 §4.2): 1 ns or more where it says so, 0 where it says nothing that can be read.
func freshness(h http.Header) time.Duration {
	for directive := range strings.SplitSeq(strings.ToLower(strings.Join(h.Values("Cache-Control"), ",")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-cache", "no-store":
			return 1
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				return 1 // RFC 9111 §4.2.1: what cannot be read is stale
			}
			age, err := strconv.ParseUint(h.Get("Age"), 10, 31)
			if err != nil {
				age = 0
			}
			return max(1, time.Duration(seconds)*time.Second-time.Duration(age)*time.Second) //nolint:gosec // 31 bits
		}
	}
	if h.Get("Expires") == "" {
		return 0
	}
	expires, err := http.ParseTime(h.Get("Expires"))
	date, errDate := http.ParseTime(h.Get("Date"))
	if err != nil || errDate != nil {
		return 1
	}
	return max(1, expires.Sub(date))
}

// every returns how long to wait after a good fetch.
func (s *source) every() time.Duration {
	fresh := time.Duration(s.fresh.Load())
	switch {
	case s.issuer.Refresh != 0:
		return s.issuer.Refresh
	case fresh == 0:
		return 10 * time.Minute
	}
	return min(max(fresh, minRefresh), maxRefresh)
}

// Run keeps every issuer's keys fresh until ctx ends, and returns nil then. An issuer that cannot be reached is tried again after 1 s, 2 s,
// 4 s and so on, at last every 30 s; what is known of it is believed for Issuer.KeepKeys.
func (a *Authenticator) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, s := range a.ordered {
		all.Go(func() { s.run(ctx) })
	}
	all.Wait()
	a.cfg.Client.CloseIdleConnections()
	return nil
}

// Refresh reads the revocation list and the certificate authorities again, and has Run fetch every issuer's keys now, not when their time comes: for whoever knows that they
// have changed. It does not wait for keys.
func (a *Authenticator) Refresh() {
	if err := a.loadRevocations(); err != nil {
		a.cfg.Log.Error("the revocation list was not taken; the last good one stays in force", "cause", err)
	}
	if err := a.loadAuthorities(); err != nil {
		a.cfg.Log.Error("the certificate authorities were not taken; the last good ones stay in force", "cause", err)
	}
	for _, s := range a.ordered {
		select {
		case s.again <- struct{}{}:
		default: // asked for already
		}
	}
}

// run fetches at once, and then again and again. It leaves no fetch behind.
func (s *source) run(ctx context.Context) {
	for failed := 0; ; {
		s.mu.Lock()
		f := s.flight
		if f == nil && ctx.Err() == nil {
			f = s.start(ctx)
		}
		s.mu.Unlock()
		if f == nil {
			return
		}
		<-f.done // at most fetchTimeout
		wait := s.every()
		if f.err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("keys not fetched", "issuer", s.issuer.URL, "cause", f.err)
			wait = min(wait, refetchEvery, time.Second<<min(failed, 10)) // an issuer that starts with us is soon there
			failed++
		} else {
			failed = 0
		}
		wait += time.Duration((rand.Float64() - 0.5) / 5 * float64(wait)) // replicas must not ask all at once
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.again:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}
