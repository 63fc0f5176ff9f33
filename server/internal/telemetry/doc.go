// Package telemetry is what Weir shows of itself: metrics for Prometheus, and traces made from the audit journal.
//
// It owns every metric and attribute name, with its unit (names.go), the metrics themselves, and the sink that turns audit records into
// OTLP spans. It trusts the journal to be complete: no span is made on the path of a request, so none can be lost there, and no
// caller can turn its own off with an unsampled traceparent. It refuses OTEL_* settings it does not know rather than guess. Nothing masked
// reaches it: it counts, and it repeats what records hold.
package telemetry
