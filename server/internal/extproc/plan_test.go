package extproc

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/wire"
)

// TestChooseNeverLeavesAnAnswerUnread goes through all facts: what must be judged comes here, unless the target observes.
func TestChooseNeverLeavesAnAnswerUnread(t *testing.T) {
	for bits := range 1 << 7 {
		on := func(i int) bool { return bits>>i&1 == 1 }
		f := facts{needsBody: on(0), judge: on(1), observe: on(2), static: on(3), attested: on(4), counted: on(5), head: on(6)}
		p := choose(f)
		if f.observe && (p.hold || p.standalone) {
			t.Errorf("%+v: something is withheld in observe mode: %+v", f, p)
		}
		if f.judge && !f.head && !f.observe && !p.duplex {
			t.Errorf("%+v: an answer that must be judged does not come: %+v", f, p)
		}
		if p.standalone && (!f.attested || f.static) {
			t.Errorf("%+v: a standalone override on a connection that is not attested: %+v", f, p)
		}
		if f.static && p.override != nil {
			t.Errorf("%+v: an override on a static route: %+v", f, p)
		}
		if f.needsBody && !f.observe && !p.hold && (p.override == nil || !p.override.Request) {
			t.Errorf("%+v: the body that policy needs does not come: %+v", f, p)
		}
	}
}

func TestChoose(t *testing.T) {
	both := &wire.Override{Request: true, Response: true}
	tests := map[string]struct {
		f    facts
		want plan
	}{
		"headers":                  {facts{attested: true}, plan{}},
		"inspect, attested":        {facts{needsBody: true, judge: true, attested: true}, plan{standalone: true, hold: true, duplex: true}},
		"inspect, not attested":    {facts{needsBody: true, judge: true}, plan{override: both, duplex: true}},
		"rewrite without a body":   {facts{judge: true, attested: true}, plan{override: &wire.Override{Response: true}, duplex: true}},
		"HEAD asks for no body":    {facts{judge: true, head: true}, plan{}},
		"length known to be unset": {facts{counted: true}, plan{override: &wire.Override{Response: true}, duplex: true}},
	}
	for name, tc := range tests {
		if diff := cmp.Diff(tc.want, choose(tc.f), cmp.AllowUnexported(plan{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestLocalReplies(t *testing.T) {
	tests := map[string]struct {
		r    authz.Response
		want bool
	}{
		"no route":                {authz.Response{Status: 404, CodeDetails: "route_not_found"}, true},
		"connection refused":      {authz.Response{Status: 503, CodeDetails: "upstream_reset_before_response_started{connection_failure}", ContentLength: 91}, true},
		"upstream":                {authz.Response{Status: 404, CodeDetails: "via_upstream"}, false},
		"cache behind us":         {authz.Response{Status: 200, CodeDetails: "cache.response_from_cache_filter"}, false},
		"cache with an error":     {authz.Response{Status: 404, CodeDetails: "cache.response_from_cache_filter"}, false},
		"no details":              {authz.Response{Status: 503}, false},
		"a success is never ours": {authz.Response{Status: 200, CodeDetails: "direct_response"}, false},
		"too large":               {authz.Response{Status: 503, CodeDetails: "route_not_found", ContentLength: maxLocal + 1}, false},
	}
	for name, tc := range tests {
		if got := isLocal(tc.r); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestBudget(t *testing.T) {
	b := budget{each: 10, perSubject: 15, total: 20, subjects: map[string]int64{}}
	steps := []struct {
		subject string
		held, n int64
		want    string
	}{
		{"ada", 0, 11, "request_body_too_large"},
		{"ada", 0, 10, ""},
		{"ada", 0, 6, "body_memory_full"},
		{"ada", 0, 5, ""},
		{"bob", 0, 6, "body_memory_full"},
		{"bob", 0, 5, ""},
		{"cyd", 0, 1, "body_memory_full"},
	}
	for i, s := range steps {
		err := b.take(s.subject, s.held, s.n)
		if got := ""; err != nil {
			if got = authz.AsError(err).Label; got != s.want {
				t.Errorf("step %d: %s, want %q", i, got, s.want)
			}
		} else if s.want != "" {
			t.Errorf("step %d: granted, want %s", i, s.want)
		}
	}
	b.give("ada", 15)
	b.give("bob", 5)
	if b.inUse() != 0 || len(b.subjects) != 0 {
		t.Errorf("%d bytes and %d subjects left", b.inUse(), len(b.subjects))
	}
}
