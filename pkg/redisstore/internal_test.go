package redisstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
)

func TestNew(t *testing.T) {
	hour := []authz.Window{authz.Window(time.Hour)}
	for name, test := range map[string]struct {
		cfg  Config
		want string // in the error; "" for none
	}{
		"unix":                {Config{URL: "unix://:hunter2@/run/redis.sock"}, ""},
		"tls":                 {Config{URL: "rediss://weir:hunter2@redis:6379/1", Windows: hour}, ""},
		"cluster":             {Config{URL: "redis://weir:hunter2@a:6379?addr=b:6379"}, ""},
		"nothing":             {Config{}, "counters.url"},
		"scheme":              {Config{URL: "ftp://weir:hunter2@redis"}, "counters.url"},
		"odd":                 {Config{URL: "redis://weir:hunter2@red is"}, "counters.url"},
		"port":                {Config{URL: "redis://redis:hunter2"}, "counters.url"},
		"option":              {Config{URL: "redis://redis?hunter2=1"}, "counters.url"},
		"option of a cluster": {Config{URL: "redis://redis?addr=a&hunter2=1"}, "counters.url"},
		"no window":           {Config{URL: "redis://redis", Windows: []authz.Window{0}}, "window 0s"},
		"uneven window":       {Config{URL: "redis://redis", Windows: []authz.Window{authz.Window(time.Hour + time.Second)}}, "microseconds"},
	} {
		s, err := New(test.cfg)
		if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s: %v; want %q and no password", name, err, test.want)
		}
		if err == nil {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestVolumeBeyondDoubles: what Lua cannot count exactly is refused before Redis is asked.
func TestVolumeBeyondDoubles(t *testing.T) {
	for n, want := range map[int64]string{-1: "volume_unreadable", maxCount + 1: "volume_unreadable", maxCount: "store_unavailable"} {
		s, err := New(Config{URL: "unix:///nowhere"}) // one that does not know yet that Redis is away
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Reserve(t.Context(), authz.Reservation{Volume: authz.Volume{n}})
		var e *authz.Error
		if !errors.As(err, &e) || e.Label != want {
			t.Errorf("%d: %v, want %s", n, err, want)
		}
	}
}

// TestEpochsAreForgotten once nothing counts that they stand for, and not before.
func TestEpochsAreForgotten(t *testing.T) {
	s, err := New(Config{URL: "unix:///nowhere", Windows: []authz.Window{authz.Window(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	const a, b = "aaaaaaaa", "bbbbbbbb"
	for _, step := range []struct {
		pass  time.Duration
		epoch string // what Redis says
		ok    bool
		known string // afterwards
	}{
		{0, a, true, a},
		{time.Hour, a, true, a},
		{time.Hour, b, false, a},
		{time.Hour / 4, b, true, b},
	} {
		s.start = s.start.Add(-step.pass)
		if ok := s.saw("t", step.epoch); ok != step.ok || s.tenantEpoch("t") != step.known {
			t.Errorf("%+v: %v, %q", step, ok, s.tenantEpoch("t"))
		}
	}
	s.sweep()
	if len(s.tenants) != 1 {
		t.Error("swept what is known")
	}
	s.start = s.start.Add(-2 * time.Hour)
	if s.tenantEpoch("t") != noEpoch {
		t.Error("an epoch is remembered for ever")
	}
	if s.sweep(); len(s.tenants) != 0 {
		t.Error("a tenant is remembered for ever")
	}
	if s.epochLife() <= s.life {
		t.Error("an epoch is remembered for longer than Redis keeps it")
	}
}

func TestKeysAreInjective(t *testing.T) {
	seen := map[string]authz.MeterKey{}
	for _, k := range []authz.MeterKey{{Meter: "a", Key: "b"}, {Meter: "ab"}, {Key: "ab"}, {Meter: "a\x00", Key: "b"}, {Meter: "a", Key: "\x00b"}} {
		key := hashed(string(k.Meter), k.Key)
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q are one key", k, other)
		}
		seen[key] = k
	}
}

// FuzzExceeded: whatever Redis answers, it is refused or it makes sense.
func FuzzExceeded(f *testing.F) {
	f.Add("")
	f.Add(string(appendCounts(nil, 1, 2, 3, 4, 5)))
	f.Add(string(appendCounts(nil, 1, 7, 1_000_000)))
	f.Add(string(appendCounts(nil, 2, 7, 1)))
	f.Add(string(appendCounts(nil, 0, 0, -1)))
	limits := make([]bound, 2)
	f.Fuzz(func(t *testing.T, answer string) {
		n, ok := counts(answer)
		if !ok {
			return
		}
		over, err := exceeded(n, limits)
		if err != nil && over != nil {
			t.Errorf("%v, and yet %v", err, over)
		}
		for _, o := range over {
			if o.Used < 0 || o.Used > 1<<62 || o.RetryAfter < 0 {
				t.Errorf("%+v", o)
			}
		}
	})
}

// FuzzCovered: whatever Redis answers, it is refused or is shares that grow.
func FuzzCovered(f *testing.F) {
	marks := coverage.Marks{Holders: make([]coverage.Key, 2), First: 100, End: 300}
	one := string(make([]byte, coverage.BitmapLen)) + "\x01\x00\x05\x00\x70\x00"
	f.Add("")
	f.Add(one)
	f.Add(one + one)
	f.Add(one + one + "x")
	f.Add(one + one[:coverage.BitmapLen] + "\x01\x00\x05\x00\x01\x04") // slot 1024 is none
	f.Fuzz(func(t *testing.T, answer string) {
		shares, ok := covered(answer, marks)
		if ok && len(shares) != len(marks.Holders) {
			t.Fatalf("%d shares", len(shares))
		}
		for _, s := range shares {
			if s.Before < 0 || s.Before > s.After || s.After > 1 || s.After < 200.0/coverage.Slots {
				t.Errorf("%+v", s)
			}
		}
	})
}
