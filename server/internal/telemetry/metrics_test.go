package telemetry_test

import (
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/telemetry"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var target = authz.Target{Name: "embeddings", Kind: authz.KindInference}

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-update rewrites it):\n%s", path, diff)
	}
}

// page returns the lines of the metrics page that are Weir's own: comments, and values by series.
func page(t testing.TB, m *telemetry.Metrics) (comments []string, values map[string]float64) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	values = map[string]float64{}
	for line := range strings.Lines(w.Body.String()) {
		line = strings.TrimSuffix(line, "\n")
		name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE ")
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		if strings.HasPrefix(line, "#") {
			comments = append(comments, line)
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		values[line[:i]] = v
	}
	return comments, values
}

// everything returns Metrics with every series there is.
func everything(t testing.TB) *telemetry.Metrics {
	t.Helper()
	m := telemetry.New(telemetry.Config{Version: "v1"})
	m.Decided(target, "ext_proc", authz.Allow, authz.Allow)
	m.Undecided("store_unavailable")
	m.Flagged(authz.Target{Name: "embeddings"}, "odd")
	m.Observed(authz.Target{Name: "embeddings"}, "would_deny")
	m.AuthFailed("token_expired")
	m.AnswerRefused("malformed")
	m.PolicyLoaded("sha256:abc", time.Unix(1700000000, 5e8))
	err := m.Watch(telemetry.Sources{
		Journal: func() audit.Stats {
			return audit.Stats{Last: 7, Queued: 2, Segments: 3, Bytes: 4096, FreeBytes: 1 << 30, Failed: true}
		},
		Shippers: map[string]func() audit.ShipperStats{
			"otlp": func() audit.ShipperStats {
				return audit.ShipperStats{Shipped: 3, Lag: 4, OldestUnshipped: 1500 * time.Millisecond, Failures: 5, Skipped: 6}
			},
			"hook": func() audit.ShipperStats { return audit.ShipperStats{} },
		},
		BodyMemory: func() int64 { return 512 },
		Store:      func() error { return errors.New("away") },
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPage(t *testing.T) {
	comments, _ := page(t, everything(t))
	golden(t, "metrics.golden", strings.Join(comments, "\n")+"\n")
}

func TestSources(t *testing.T) {
	_, before := page(t, telemetry.New(telemetry.Config{Version: "v1"}))
	m := everything(t)
	_, got := page(t, m)
	for series := range before {
		delete(got, series)
	}
	want := map[string]float64{
		`weir_decisions_total{enforced="allow",entry="ext_proc",kind="inference",target="embeddings",verdict="allow"}`: 1,
		`weir_undecided_total{cause="store_unavailable"}`:                                                              1, `weir_auth_failures_total{cause="token_expired"}`: 1, `weir_refused_answers_total{cause="malformed"}`: 1,
		`weir_policy_info{revision="sha256:abc"}`: 1, `weir_flags_total{flag="odd",target="embeddings"}`: 1,
		`weir_observed_total{target="embeddings",would="would_deny"}`: 1,
		"weir_journal_records": 7, "weir_journal_queue": 2, "weir_journal_segments": 3, "weir_journal_bytes": 4096, "weir_journal_free_bytes": 1 << 30, "weir_journal_failed": 1,
		`weir_ship_lag_records{sink="otlp"}`: 4, `weir_ship_oldest_unshipped_seconds{sink="otlp"}`: 1.5, `weir_ship_failures_total{sink="otlp"}`: 5, `weir_ship_skipped_total{sink="otlp"}`: 6,
		`weir_ship_lag_records{sink="hook"}`: 0, `weir_ship_oldest_unshipped_seconds{sink="hook"}`: 0, `weir_ship_failures_total{sink="hook"}`: 0, `weir_ship_skipped_total{sink="hook"}`: 0,
		"weir_body_memory_bytes": 512, "weir_store_up": 0,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := m.Watch(telemetry.Sources{Store: func() error { return nil }}); err == nil {
		t.Error("sources were watched twice")
	}
}

func TestSourcesThatAreAbsent(t *testing.T) {
	m := telemetry.New(telemetry.Config{})
	_, before := page(t, m)
	free := int64(-1)
	if err := m.Watch(telemetry.Sources{Journal: func() audit.Stats { return audit.Stats{FreeBytes: free} }}); err != nil {
		t.Fatal(err)
	}
	_, after := page(t, m)
	want := map[string]float64{"weir_journal_records": 0, "weir_journal_queue": 0, "weir_journal_segments": 0, "weir_journal_bytes": 0, "weir_journal_failed": 0}
	if diff := cmp.Diff(want, changed(before, after)); diff != "" {
		t.Error(diff)
	}
	free = 9 // it can be told from now on
	_, after = page(t, m)
	want["weir_journal_free_bytes"] = 9
	if diff := cmp.Diff(want, changed(before, after)); diff != "" {
		t.Error(diff)
	}
}

// changed returns by how much each series of after differs; one that is gone has changed by minus its value.
func changed(before, after map[string]float64) map[string]float64 {
	diff := map[string]float64{}
	for series, v := range after {
		if old, ok := before[series]; !ok || old != v {
			diff[series] = v - old
		}
	}
	for series, v := range before {
		if _, ok := after[series]; !ok {
			diff[series] = -v
		}
	}
	return diff
}

func TestObservers(t *testing.T) {
	decided := func(target, kind, entry, verdict, enforced string) string {
		return fmt.Sprintf(`weir_decisions_total{enforced=%q,entry=%q,kind=%q,target=%q,verdict=%q}`, enforced, entry, kind, target, verdict)
	}
	phase := func(name string, seconds float64) map[string]float64 {
		label := fmt.Sprintf("{phase=%q", name)
		return map[string]float64{"weir_phase_seconds_bucket" + label + `,le="+Inf"}`: 1, "weir_phase_seconds_sum" + label + "}": seconds, "weir_phase_seconds_count" + label + "}": 1}
	}
	type series = map[string]float64
	tests := map[string]struct {
		do   func(*telemetry.Metrics)
		want series
	}{
		"decided":           {func(m *telemetry.Metrics) { m.Decided(target, "ext_proc", authz.Deny, authz.Allow) }, series{decided("embeddings", "inference", "ext_proc", "deny", "allow"): 1}},
		"decided no target": {func(m *telemetry.Metrics) { m.Decided(authz.Target{}, "", authz.Hold, authz.Deny) }, series{decided("none", "none", "none", "hold", "deny"): 1}},
		"undecided":         {func(m *telemetry.Metrics) { m.Undecided("undecided") }, series{`weir_undecided_total{cause="undecided"}`: 1}},
		"no cause":          {func(m *telemetry.Metrics) { m.Undecided("") }, series{`weir_undecided_total{cause="none"}`: 1}},
		"not UTF-8":         {func(m *telemetry.Metrics) { m.Undecided("bad \xff") }, series{"weir_undecided_total{cause=\"bad \uFFFD\"}": 1}},
		"observed":          {func(m *telemetry.Metrics) { m.Observed(authz.Target{Name: "lake"}, "would_mask") }, series{`weir_observed_total{target="lake",would="would_mask"}`: 1}},
		"flagged":           {func(m *telemetry.Metrics) { m.Flagged(authz.Target{Name: "lake"}, "odd") }, series{`weir_flags_total{flag="odd",target="lake"}`: 1}},
		"auth failed":       {func(m *telemetry.Metrics) { m.AuthFailed("token_missing") }, series{`weir_auth_failures_total{cause="token_missing"}`: 1}},
		"answer refused":    {func(m *telemetry.Metrics) { m.AnswerRefused("undeclared") }, series{`weir_refused_answers_total{cause="undeclared"}`: 1}},
		"phase":             {func(m *telemetry.Metrics) { m.Phase("policy", 6*time.Second) }, phase("policy", 6)},
		"phase unknown":     {func(m *telemetry.Metrics) { m.Phase("siesta", time.Hour) }, phase("other", 3600)},
		"left":              {func(m *telemetry.Metrics) { m.Left(authz.UnitVectors, 16) }, series{`weir_released_total{unit="vectors"}`: 16}},
		"left nothing":      {func(m *telemetry.Metrics) { m.Left(authz.UnitVectors, 0); m.Left(authz.UnitBytes, -1) }, series{}},
		"left no unit":      {func(m *telemetry.Metrics) { m.Left("tokens", 5) }, series{}},
		"overshoot":         {func(m *telemetry.Metrics) { m.Overshoot(authz.UnitVectorsMasked, 3) }, series{`weir_overshoot_total{unit="vectors_masked"}`: 3}},
		"stream":            {func(m *telemetry.Metrics) { m.StreamStarted(); m.StreamStarted(); m.StreamEnded() }, series{"weir_streams": 1}},
		"panicked":          {(*telemetry.Metrics).Panicked, series{"weir_panics_total": 1}},
		"unattested":        {(*telemetry.Metrics).Unattested, series{"weir_unattested_total": 1}},
		"override ignored":  {(*telemetry.Metrics).OverrideIgnored, series{"weir_override_ignored_total": 1}},
		"observability":     {(*telemetry.Metrics).Observability, series{"weir_observability_mode_total": 1}},
		"policy":            {func(m *telemetry.Metrics) { m.PolicyLoaded("r1", time.Unix(60, 5e8)) }, series{`weir_policy_info{revision="r1"}`: 1, "weir_policy_loaded_timestamp_seconds": 60.5}},
		"policy again": {
			func(m *telemetry.Metrics) { m.PolicyLoaded("r1", time.Unix(1, 0)); m.PolicyLoaded("", time.Unix(2, 0)) },
			series{`weir_policy_info{revision="none"}`: 1, "weir_policy_loaded_timestamp_seconds": 2},
		},
		"policy failed": {(*telemetry.Metrics).PolicyReloadFailed, series{"weir_policy_reload_failures_total": 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := telemetry.New(telemetry.Config{})
			_, before := page(t, m)
			tt.do(m)
			_, after := page(t, m)
			if diff := cmp.Diff(tt.want, changed(before, after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestObserversDoNotAllocate(t *testing.T) {
	m := everything(t)
	n := testing.AllocsPerRun(100, func() {
		m.Decided(target, "ext_proc", authz.Allow, authz.Allow)
		m.Undecided("store_unavailable")
		m.Phase("policy", time.Millisecond)
		m.Left(authz.UnitVectors, 1)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
