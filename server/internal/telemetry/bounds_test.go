package telemetry_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/telemetry"
)

// ofMetric returns the series of one metric, and what they add up to.
func ofMetric(values map[string]float64, name string) (series map[string]float64, sum float64) {
	series = map[string]float64{}
	for s, v := range values {
		if strings.HasPrefix(s, name+"{") {
			series[s] = v
			sum += v
		}
	}
	return series, sum
}

func TestLabelsAreBounded(t *testing.T) {
	const extra = 300
	m := telemetry.New(telemetry.Config{})
	for i := range telemetry.MaxChildren + extra {
		many := fmt.Sprintf("many-%d", i)
		m.Decided(authz.Target{Name: many, Kind: authz.KindInference}, "ext_proc", authz.Effect(i%3), authz.Allow)
		m.Undecided(many)
	}
	m.Undecided("many-0") // known before: still counted by its name
	_, values := page(t, m)

	decisions, sum := ofMetric(values, telemetry.MetricDecisions)
	if sum != telemetry.MaxChildren+extra || len(decisions) > telemetry.MaxChildren+9 { // 9: a verdict and what was enforced
		t.Errorf("%d series of %v decisions", len(decisions), sum)
	}
	other := map[string]float64{}
	for s, v := range decisions {
		if strings.Contains(s, `target="other"`) {
			other[s] = v
		}
	}
	const rest = `weir_decisions_total{enforced="allow",entry="other",kind="other",target="other",verdict=%q}`
	want := map[string]float64{fmt.Sprintf(rest, "deny"): extra / 3, fmt.Sprintf(rest, "hold"): extra / 3, fmt.Sprintf(rest, "allow"): extra / 3}
	if diff := cmp.Diff(want, other); diff != "" {
		t.Error(diff)
	}

	causes, sum := ofMetric(values, telemetry.MetricUndecided)
	if sum != telemetry.MaxChildren+extra+1 || len(causes) != telemetry.MaxChildren+1 {
		t.Errorf("%d series of %v causes", len(causes), sum)
	}
	if got := causes[`weir_undecided_total{cause="other"}`]; got != extra {
		t.Errorf("%v causes beyond the bound, want %d", got, extra)
	}
	if got := causes[`weir_undecided_total{cause="many-0"}`]; got != 2 {
		t.Errorf("a known cause has %v, want 2", got)
	}
	if n := testing.AllocsPerRun(100, func() { m.Undecided("one more") }); n != 0 {
		t.Errorf("%v allocations beyond the bound", n)
	}
}

// TestConcurrentUse has every observer and the page run at once; the race detector judges, and nothing may be lost.
func TestConcurrentUse(t *testing.T) {
	const workers, rounds = 8, 200
	m := telemetry.New(telemetry.Config{})
	if err := m.Watch(telemetry.Sources{BodyMemory: func() int64 { return 1 }}); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range rounds {
				name := fmt.Sprintf("t%d", i%17)
				m.Decided(authz.Target{Name: name, Kind: authz.KindVectorDB}, "both", authz.Allow, authz.Allow)
				m.Undecided(name)
				m.AuthFailed(name)
				m.AnswerRefused(name)
				m.Phase("journal", time.Duration(i))
				m.Left(authz.UnitBytes, 2)
				m.Overshoot(authz.UnitBytes, 1)
				m.StreamStarted()
				m.StreamEnded()
				m.PolicyLoaded("r1", time.Unix(int64(i), 0))
				m.PolicyReloadFailed()
				m.Panicked()
				m.Unattested()
				m.OverrideIgnored()
				m.Observability()
				if w == 0 && i%50 == 0 {
					page(t, m)
				}
			}
		})
	}
	all.Wait()
	_, values := page(t, m)
	got := map[string]float64{}
	for _, name := range []string{telemetry.MetricDecisions, telemetry.MetricUndecided, telemetry.MetricAuthFailures, telemetry.MetricRefusedAnswers, telemetry.MetricReleased, telemetry.MetricOvershoot, telemetry.MetricPolicyInfo} {
		_, got[name] = ofMetric(values, name)
	}
	for _, name := range []string{telemetry.MetricStreams, telemetry.MetricPanics, telemetry.MetricPolicyFailures, telemetry.MetricUnattested, telemetry.MetricOverrideIgnored, telemetry.MetricObservability} {
		got[name] = values[name]
	}
	const n = workers * rounds
	want := map[string]float64{
		telemetry.MetricDecisions: n, telemetry.MetricUndecided: n, telemetry.MetricAuthFailures: n, telemetry.MetricRefusedAnswers: n,
		telemetry.MetricReleased: 2 * n, telemetry.MetricOvershoot: n, telemetry.MetricPolicyInfo: 1,
		telemetry.MetricStreams: 0, telemetry.MetricPanics: n, telemetry.MetricPolicyFailures: n, telemetry.MetricUnattested: n, telemetry.MetricOverrideIgnored: n, telemetry.MetricObservability: n,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
