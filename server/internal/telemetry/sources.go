package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirgate/weir/pkg/audit"
)

// Sources are asked for their state whenever the metrics page is. They must be safe for concurrent use and must not block. What is nil is
// not shown.
type Sources struct {
	Journal    func() audit.Stats
	Shippers   map[string]func() audit.ShipperStats // by the name of their sink
	BodyMemory func() int64                         // bytes of request bodies held
	Store      func() error                         // the last known state of the counters; nil is well
}

// Watch adds the sources to the page. Call it once.
func (m *Metrics) Watch(s Sources) error { return m.registry.Register(&watcher{s}) }

// watcher reads each source once per page.
type watcher struct{ sources Sources }

// reading is one value of a page.
type reading struct {
	name, help string
	kind       prometheus.ValueType
	value      float64
	sink       string // label; empty for none
}

func (r reading) metric() prometheus.Metric {
	if r.sink == "" {
		return prometheus.MustNewConstMetric(prometheus.NewDesc(r.name, r.help, nil, nil), r.kind, r.value)
	}
	return prometheus.MustNewConstMetric(prometheus.NewDesc(r.name, r.help, []string{LabelSink}, nil), r.kind, r.value, r.sink)
}

// Describe implements prometheus.Collector.
func (w *watcher) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(w, ch) }

// Collect implements prometheus.Collector.
func (w *watcher) Collect(ch chan<- prometheus.Metric) {
	if w.sources.Journal != nil {
		w.journal(ch, w.sources.Journal())
	}
	for sink, stats := range w.sources.Shippers {
		w.shipper(ch, sink, stats())
	}
	if w.sources.BodyMemory != nil {
		ch <- reading{name: MetricBodyMemory, help: "Request bodies held now, in bytes.", kind: prometheus.GaugeValue, value: float64(w.sources.BodyMemory())}.metric()
	}
	if w.sources.Store != nil {
		ch <- reading{name: MetricStoreUp, help: "1 when the counters can be reached.", kind: prometheus.GaugeValue, value: one(w.sources.Store() == nil)}.metric()
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (w *watcher) journal(ch chan<- prometheus.Metric, s audit.Stats) {
	gauge := prometheus.GaugeValue
	for _, r := range []reading{
		{name: MetricJournalRecords, help: "Number of the last durable audit record.", kind: gauge, value: float64(s.Last)},
		{name: MetricJournalQueue, help: "Audit records that wait for the disk.", kind: gauge, value: float64(s.Queued)},
		{name: MetricJournalSegments, help: "Files of the audit journal.", kind: gauge, value: float64(s.Segments)},
		{name: MetricJournalBytes, help: "Size of the audit journal, in bytes.", kind: gauge, value: float64(s.Bytes)},
		{name: MetricJournalFailed, help: "1 when the audit journal takes no more records; then nothing is released.", kind: gauge, value: one(s.Failed)},
	} {
		ch <- r.metric()
	}
	if s.FreeBytes >= 0 {
		ch <- reading{name: MetricJournalFree, help: "Free space on the audit journal's disk, in bytes.", kind: gauge, value: float64(s.FreeBytes)}.metric()
	}
}

func (w *watcher) shipper(ch chan<- prometheus.Metric, sink string, s audit.ShipperStats) {
	for _, r := range []reading{
		{name: MetricShipLag, help: "Durable audit records that were not shipped yet.", kind: prometheus.GaugeValue, value: float64(s.Lag)},
		{name: MetricShipOldest, help: "Age of the oldest audit record that was not shipped, in seconds.", kind: prometheus.GaugeValue, value: s.OldestUnshipped.Seconds()},
		{name: MetricShipFailures, help: "Attempts to ship that failed; the records wait.", kind: prometheus.CounterValue, value: float64(s.Failures)},
		{name: MetricShipSkipped, help: "Audit records that could not be read and so were not shipped.", kind: prometheus.CounterValue, value: float64(s.Skipped)},
	} {
		r.sink = sink
		ch <- r.metric()
	}
}
