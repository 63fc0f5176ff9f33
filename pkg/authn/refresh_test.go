package authn_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authn/authntest"
)

// inMemory answers with an issuer's key set without a network, which a synctest bubble cannot wait for. Fetches run in goroutines of
// their own, and a bubble's time.Sleep orders nothing between them and the test: what both touch is atomic.
type inMemory struct {
	issuer *authntest.Issuer
	header http.Header  // of every answer
	status atomic.Int64 // 0: 200
	asked  atomic.Int64
}

func (m *inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	m.asked.Add(1)
	w := httptest.NewRecorder()
	maps.Copy(w.Header(), m.header)
	w.WriteHeader(cmp.Or(int(m.status.Load()), http.StatusOK))
	_, _ = w.Write(m.issuer.JWKS())
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func TestRun(t *testing.T) {
	i := startIssuer(t)
	synctest.Test(t, func(t *testing.T) {
		served := &inMemory{issuer: i}
		a := start(t, i, func(c *authn.Config) {
			c.Issuers[0].JWKSURL = i.URL + "/jwks"
			c.Client = &http.Client{Transport: served}
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		synctest.Wait()
		if err := a.Ready(); err != nil {
			t.Fatalf("not ready: %v", err)
		}
		old := mint(t, i, "ES256", nil, nil)
		want(t, a, old, "")
		rotate(t, i)
		served.status.Store(http.StatusServiceUnavailable)
		time.Sleep(11 * time.Minute) // of the bubble: one refresh, which fails, and one or two more tries
		want(t, a, old, "")
		served.status.Store(http.StatusOK)
		time.Sleep(34 * time.Second)
		want(t, a, old, "token_unknown_key") // withdrawn without any other token
		asked := served.asked.Load()
		time.Sleep(time.Hour)
		if got := served.asked.Load() - asked; got < 5 || got > 7 {
			t.Errorf("%d fetches in an hour, want one in 10 min or so", got)
		}
		rotate(t, i)
		fresh := mint(t, i, "ES256", nil, nil)
		a.Refresh()
		a.Refresh() // once is enough
		synctest.Wait()
		asked = served.asked.Load()
		want(t, a, fresh, "")
		if got := served.asked.Load(); got != asked {
			t.Error("the keys had to be fetched for the token: Refresh did not")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// TestRefreshByHeaders: keys are fetched again when the issuer says that they may have changed, within bounds, and never by all replicas at
// once.
func TestRefreshByHeaders(t *testing.T) {
	i := startIssuer(t)
	date := "Mon, 02 Nov 2026 10:00:00 GMT"
	for name, tc := range map[string]struct {
		header  http.Header
		refresh time.Duration
		want    time.Duration
	}{
		"nothing said":        {nil, 0, 10 * time.Minute},
		"20 min":              {http.Header{"Cache-Control": {"public, max-age=1200"}}, 0, 20 * time.Minute},
		"20 min in quotes":    {http.Header{"Cache-Control": {"Max-Age=\"1200\", must-revalidate"}}, 0, 20 * time.Minute},
		"20 min left":         {http.Header{"Cache-Control": {"public", "max-age=3000"}, "Age": {"1800"}}, 0, 20 * time.Minute},
		"a day":               {http.Header{"Cache-Control": {"max-age=86400"}}, 0, time.Hour},
		"a second":            {http.Header{"Cache-Control": {"max-age=1"}}, 0, 5 * time.Minute},
		"not a moment":        {http.Header{"Cache-Control": {"no-store"}}, 0, 5 * time.Minute},
		"older than it may":   {http.Header{"Cache-Control": {"max-age=60"}, "Age": {"600"}}, 0, 5 * time.Minute},
		"no number":           {http.Header{"Cache-Control": {"max-age=soon"}}, 0, 5 * time.Minute},
		"expires in 20 min":   {http.Header{"Date": {date}, "Expires": {"Mon, 02 Nov 2026 10:20:00 GMT"}}, 0, 20 * time.Minute},
		"expires: 0":          {http.Header{"Date": {date}, "Expires": {"0"}}, 0, 5 * time.Minute},
		"max-age wins":        {http.Header{"Date": {date}, "Expires": {"0"}, "Cache-Control": {"max-age=1200"}}, 0, 20 * time.Minute},
		"the operator's word": {http.Header{"Cache-Control": {"max-age=1200"}}, 2 * time.Minute, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				served := &inMemory{issuer: i, header: tc.header}
				a := start(t, i, func(c *authn.Config) {
					c.Issuers[0].JWKSURL, c.Issuers[0].Refresh = i.URL+"/jwks", tc.refresh
					c.Client = &http.Client{Transport: served}
				})
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- a.Run(ctx) }()
				begun, waits := time.Now(), map[time.Duration]bool{}
				synctest.Wait()
				for n := int64(2); n <= 6; n++ { // the first fetch is done
					for served.asked.Load() < n && time.Since(begun) < 3*tc.want {
						time.Sleep(time.Second) // of the bubble
					}
					wait := time.Since(begun)
					if wait < tc.want*9/10-2*time.Second || wait > tc.want*11/10+2*time.Second {
						t.Errorf("fetch %d after %s, want %s give or take a tenth", n, wait, tc.want)
					}
					begun, waits[wait] = time.Now(), true
				}
				if len(waits) < 2 {
					t.Errorf("five waits of the same length: %v", waits)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("Run: %v", err)
				}
			})
		})
	}
}

// TestKeepKeys: keys that cannot be confirmed are believed for as long as the operator says.
func TestKeepKeys(t *testing.T) {
	i, now := startIssuer(t), newClock()
	a := start(t, i, func(c *authn.Config) {
		c.Now = now.Now
		c.Issuers[0].KeepKeys = time.Hour
		c.MaxLifetime = 48 * time.Hour
	})
	token := mint(t, i, "ES256", nil, claims{"exp": now.Now().Add(24 * time.Hour).Unix()})
	want(t, a, token, "")
	i.Fail(http.StatusBadGateway)
	now.Add(59 * time.Minute)
	want(t, a, token, "")
	now.Add(2 * time.Minute)
	want(t, a, token, "keys_unavailable")
	for _, d := range []time.Duration{time.Second, -time.Hour, 721 * time.Hour} {
		cfg := authn.Config{Issuers: []authn.Issuer{{URL: i.URL, Audiences: []string{"a"}, KeepKeys: d}}}
		if _, err := authn.New(cfg); err == nil {
			t.Errorf("keep keys for %s: accepted", fmt.Sprint(d))
		}
	}
}
