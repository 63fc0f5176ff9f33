package telemetry

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weirgate/weir/pkg/authz"
)

// Config configures Metrics. The zero value is usable.
type Config struct {
	Version string // of the program, for weir_build_info
}

// Metrics counts what happens. Its methods are the observers of guard, extproc and extauthz; they do not block or allocate once a
// combination of labels was seen. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	decisions *children[decisionKey]
	flags     *children[flagKey]
	observed  *children[flagKey]
	undecided *children[string]
	auth      *children[string]
	refused   *children[string]
	phases    map[string]prometheus.Observer
	released  [authz.NumUnits]prometheus.Counter
	overshoot [authz.NumUnits]prometheus.Counter

	unattested, ignored, observability, panics, policyFailures prometheus.Counter
	streams                                                    prometheus.Gauge

	policyInfo   *prometheus.GaugeVec
	policyLoaded prometheus.Gauge
}

// decisionKey is one combination of the labels of weir_decisions_total.
type decisionKey struct {
	target            string
	kind              authz.TargetKind
	entry             string
	verdict, enforced authz.Effect
}

// flagKey is one combination of the labels of weir_flags_total, and of weir_observed_total.
type flagKey struct{ flag, target string }

// New returns Metrics that have counted nothing.
func New(cfg Config) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), phases: map[string]prometheus.Observer{}}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.decisions = newChildren(m.counters(MetricDecisions, "Exchanges by target, verdict, what was enforced and entry.", LabelTarget, LabelKind, LabelVerdict, LabelEnforced, LabelEntry),
		func(k decisionKey) []string {
			return []string{labelValue(k.target), labelValue(string(k.kind)), k.verdict.String(), k.enforced.String(), labelValue(k.entry)}
		}, func(k decisionKey) decisionKey {
			return decisionKey{target: tooMany, kind: tooMany, entry: tooMany, verdict: k.verdict, enforced: k.enforced}
		})
	m.flags = newChildren(m.counters(MetricFlags, "Exchanges that rules have marked, by flag and target.", LabelFlag, LabelTarget),
		func(k flagKey) []string { return []string{labelValue(k.flag), labelValue(k.target)} }, func(flagKey) flagKey { return flagKey{tooMany, tooMany} })
	m.observed = newChildren(m.counters(MetricObserved, "Exchanges of which something was only observed, by what would have been done, and target.", LabelWould, LabelTarget),
		func(k flagKey) []string { return []string{labelValue(k.flag), labelValue(k.target)} }, func(flagKey) flagKey { return flagKey{tooMany, tooMany} })
	m.undecided = m.byCause(MetricUndecided, "Exchanges that Weir could not decide and refused, by cause.")
	m.auth = m.byCause(MetricAuthFailures, "Tokens missing or refused, by cause.")
	m.refused = m.byCause(MetricRefusedAnswers, "Upstream answers held back, by cause.")
	m.unattested = m.counter(MetricUnattested, "Exchanges on a connection that was not (yet) seen to honour a mode override.")
	m.ignored = m.counter(MetricOverrideIgnored, "Streams that ended right after a mode override: see allow_mode_override and failure_mode_allow.")
	m.observability = m.counter(MetricObservability, "Exchanges over a filter in observability_mode, which enforces nothing.")
	m.panics = m.counter(MetricPanics, "Panics in handlers. Each refused its exchange.")
	m.policyFailures = m.counter(MetricPolicyFailures, "Policies that could not be loaded; the last good one stayed in force.")
	m.streams = prometheus.NewGauge(prometheus.GaugeOpts{Name: MetricStreams, Help: "ext_proc streams open now."})
	m.policyInfo = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: MetricPolicyInfo, Help: "The policy in force, by revision."}, []string{LabelRevision})
	m.policyLoaded = prometheus.NewGauge(prometheus.GaugeOpts{Name: MetricPolicyLoaded, Help: "When the policy in force was loaded, in Unix seconds."})
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: MetricBuildInfo, Help: "The version that runs."}, []string{LabelVersion})
	build.WithLabelValues(labelValue(cfg.Version)).Set(1)
	m.registry.MustRegister(m.streams, m.policyInfo, m.policyLoaded, build)

	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: MetricPhase, Help: "Time taken by each phase of an exchange, in seconds.",
		Buckets: []float64{1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, .1, .25, .5, 1, 2.5, 5},
	}, []string{LabelPhase})
	m.registry.MustRegister(durations)
	for _, p := range phases {
		m.phases[p] = durations.WithLabelValues(p)
	}
	released := m.counters(MetricReleased, "What left, by unit.", LabelUnit)
	overshoot := m.counters(MetricOvershoot, "What left beyond what was granted, by unit.", LabelUnit)
	for i, u := range authz.Units() {
		m.released[i], m.overshoot[i] = released.WithLabelValues(string(u)), overshoot.WithLabelValues(string(u))
	}
	return m
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.registry.MustRegister(v)
	return v
}

func (m *Metrics) byCause(name, help string) *children[string] {
	return newChildren(m.counters(name, help, LabelCause), func(cause string) []string { return []string{labelValue(cause)} }, func(string) string { return tooMany })
}

// labelValue is s as a label may hold it: Prometheus panics over a value that is no UTF-8.
func labelValue(s string) string {
	if s == "" {
		return nothing
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// children finds the counter of a combination of labels without allocating. Beyond maxChildren everything new is counted under what rest
// makes of it, which has few values, so that no input can grow the page without bound.
type children[K comparable] struct {
	vec    *prometheus.CounterVec
	labels func(K) []string
	rest   func(K) K
	known  atomic.Pointer[map[K]prometheus.Counter] // replaced, never changed
	grow   sync.Mutex
}

func newChildren[K comparable](vec *prometheus.CounterVec, labels func(K) []string, rest func(K) K) *children[K] {
	c := &children[K]{vec: vec, labels: labels, rest: rest}
	c.known.Store(&map[K]prometheus.Counter{})
	return c
}

func (c *children[K]) inc(k K) {
	counter, ok := (*c.known.Load())[k]
	if !ok {
		counter = c.add(k)
	}
	counter.Inc()
}

func (c *children[K]) add(k K) prometheus.Counter {
	c.grow.Lock()
	defer c.grow.Unlock()
	known := *c.known.Load()
	counter, ok := known[k] // another goroutine may have been first
	if !ok && len(known) >= maxChildren {
		k = c.rest(k)
		counter, ok = known[k]
	}
	if ok {
		return counter
	}
	counter = c.vec.WithLabelValues(c.labels(k)...)
	grown := maps.Clone(known)
	grown[k] = counter
	c.known.Store(&grown)
	return counter
}

// Handler returns the metrics page.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Decided counts an exchange that is over; the zero Target stands for a request that matched none.
func (m *Metrics) Decided(t authz.Target, entry string, verdict, enforced authz.Effect) {
	m.decisions.inc(decisionKey{target: t.Name, kind: t.Kind, entry: entry, verdict: verdict, enforced: enforced})
}

// Flagged counts an exchange that a rule has marked.
func (m *Metrics) Flagged(t authz.Target, flag string) { m.flags.inc(flagKey{flag, t.Name}) }

// Observed counts an exchange of which something was only observed: what would have been done.
func (m *Metrics) Observed(t authz.Target, would string) { m.observed.inc(flagKey{would, t.Name}) }

// Undecided counts an exchange that Weir could not decide; label is the stable cause.
func (m *Metrics) Undecided(label string) { m.undecided.inc(label) }

// AuthFailed counts a token that was missing or refused; label is the stable cause.
func (m *Metrics) AuthFailed(label string) { m.auth.inc(label) }

// AnswerRefused counts an upstream answer that was held back; label is the stable cause.
func (m *Metrics) AnswerRefused(label string) { m.refused.inc(label) }

// Phase notes how long a phase took. An unknown name counts as "other".
func (m *Metrics) Phase(name string, d time.Duration) {
	o, ok := m.phases[name]
	if !ok {
		o = m.phases[tooMany]
	}
	o.Observe(d.Seconds())
}

// Left counts what left; what is no unit, and no positive number, is not counted.
func (m *Metrics) Left(unit authz.Unit, n int64) { add(&m.released, unit, n) }

// Overshoot counts what left beyond what was granted.
func (m *Metrics) Overshoot(unit authz.Unit, n int64) { add(&m.overshoot, unit, n) }

func add(counters *[authz.NumUnits]prometheus.Counter, unit authz.Unit, n int64) {
	if i := unit.Index(); i >= 0 && n > 0 {
		counters[i].Add(float64(n))
	}
}

// StreamStarted counts an ext_proc stream in.
func (m *Metrics) StreamStarted() { m.streams.Inc() }

// StreamEnded counts it out.
func (m *Metrics) StreamEnded() { m.streams.Dec() }

// Panicked counts a panic in a handler.
func (m *Metrics) Panicked() { m.panics.Inc() }

// Unattested counts an exchange on a connection that was not seen to honour an override.
func (m *Metrics) Unattested() { m.unattested.Inc() }

// OverrideIgnored counts a stream that ended right after a standalone override.
func (m *Metrics) OverrideIgnored() { m.ignored.Inc() }

// Observability counts an exchange over a filter in observability_mode.
func (m *Metrics) Observability() { m.observability.Inc() }

// PolicyLoaded notes the policy that is in force now.
func (m *Metrics) PolicyLoaded(revision string, at time.Time) {
	m.policyInfo.Reset()
	m.policyInfo.WithLabelValues(labelValue(revision)).Set(1)
	m.policyLoaded.Set(float64(at.UnixNano()) / 1e9)
}

// PolicyReloadFailed counts a policy that could not be loaded.
func (m *Metrics) PolicyReloadFailed() { m.policyFailures.Inc() }
