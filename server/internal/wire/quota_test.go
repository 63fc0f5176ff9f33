package wire

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
)

// TestRateLimitFields: what a 429 says of limits, to the second: never too early, at most a second late.
func TestRateLimitFields(t *testing.T) {
	hour, day := authz.Window(time.Hour), authz.Window(24*time.Hour)
	over := func(m authz.Meter, u authz.Unit, w authz.Window, most, used int64, wait time.Duration) authz.Exceeded {
		return authz.Exceeded{Limit: authz.Limit{Meter: m, Unit: u, Window: w, Max: most}, Used: used, RetryAfter: wait}
	}
	for name, tc := range map[string]struct {
		over                 []authz.Exceeded
		policy, limit, retry string
		max                  bool // and used: in the body
	}{
		"own": {
			[]authz.Exceeded{over(authz.MeterSubject, authz.UnitVectors, hour, 100, 97, 90*time.Second)},
			`"subject.vectors.1h";q=100;w=3600;qu="vectors"`, `"subject.vectors.1h";r=3;t=90`, "90", true,
		},
		"a little more than a second": {
			[]authz.Exceeded{over(authz.MeterCredential, authz.UnitRequests, hour, 1, 1, time.Second+1)},
			`"credential.requests.1h";q=1;w=3600`, `"credential.requests.1h";r=0;t=2`, "2", true,
		},
		"hardly any time": {
			[]authz.Exceeded{over(authz.MeterSubjectTarget, authz.UnitBytes, day, 10, 12, time.Nanosecond)},
			`"subject_target.bytes.24h";q=10;w=86400;qu="content-bytes"`, `"subject_target.bytes.24h";r=0;t=1`, "1", true,
		},
		"two of its own, and another's": {
			[]authz.Exceeded{
				over(authz.MeterTarget, authz.UnitVectors, day, 1000, 1000, 3*time.Hour),
				over(authz.MeterSubject, authz.UnitVectors, hour, 100, 99, time.Hour),
				over(authz.MeterSubject, authz.UnitRequests, hour, 5, 5, time.Minute),
			},
			`"subject.vectors.1h";q=100;w=3600;qu="vectors", "subject.requests.1h";q=5;w=3600`, `"subject.vectors.1h";r=1;t=3600, "subject.requests.1h";r=0;t=60`, "10800", false,
		},
		"others'": {[]authz.Exceeded{over("team", authz.UnitVectors, hour, 10, 10, time.Minute)}, "", "", "60", false},
		"never": {
			[]authz.Exceeded{over(authz.MeterSubject, authz.UnitVectors, hour, 10, 0, 0)},
			`"subject.vectors.1h";q=10;w=3600;qu="vectors"`, `"subject.vectors.1h";r=10`, "", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := RefusalFor(authz.Decision{Effect: authz.Deny, Kind: authz.KindQuota, Exceeded: tc.over}, "d", nil, FormProblem)
			got := map[string]string{}
			for _, h := range r.Headers {
				got[h[0]] += h[1]
			}
			if diff := cmp.Diff([]string{tc.policy, tc.limit, tc.retry}, []string{got["ratelimit-policy"], got["ratelimit"], got["retry-after"]}); diff != "" || r.Status != 429 {
				t.Errorf("status %d (-want +got):\n%s", r.Status, diff)
			}
			var body struct {
				Limit struct {
					Max, Used *int64
				}
			}
			if err := json.Unmarshal(r.Body, &body); err != nil || (body.Limit.Max != nil) != tc.max || (body.Limit.Used != nil) != tc.max {
				t.Errorf("%s, %v; want max and used: %v", r.Body, err, tc.max)
			}
		})
	}
}
