package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/weirgate/weir/pkg/audit"
)

// Environment is what the OTEL_* variables say about traces, as far as Weir itself has to know
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). Endpoint, headers, certificates, compression and
// timeout are read by the exporter.
type Environment struct {
	Export   bool   // there is somewhere to send traces
	Protocol string // "grpc" or "http/protobuf"
}

// ReadEnvironment reads the variables by getenv (os.Getenv). Traces are sent where an endpoint is set, or OTEL_TRACES_EXPORTER is otlp, and
// neither OTEL_SDK_DISABLED nor OTEL_TRACES_EXPORTER=none forbids it. What it does not know is an error: an audit trail must not go
// missing over a typing error.
func ReadEnvironment(getenv func(string) string) (Environment, error) {
	exporter := strings.TrimSpace(getenv("OTEL_TRACES_EXPORTER"))
	switch exporter {
	case "", "otlp", "none":
	default:
		return Environment{}, fmt.Errorf("OTEL_TRACES_EXPORTER is %q: Weir knows otlp and none", exporter)
	}
	name, endpoint := "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	if endpoint == "" {
		name, endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT", getenv("OTEL_EXPORTER_OTLP_ENDPOINT")
	}
	if exporter == "none" || strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || endpoint == "" && exporter == "" {
		return Environment{}, nil
	}
	if u, err := url.Parse(endpoint); endpoint != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return Environment{}, fmt.Errorf("%s is no URL of the form http://host:4317 or https://host:4317", name)
	}
	protocol := getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	switch protocol {
	case "":
		protocol = "http/protobuf"
	case "grpc", "http/protobuf":
	default:
		return Environment{}, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: Weir knows grpc and http/protobuf", protocol)
	}
	return Environment{Export: true, Protocol: protocol}, nil
}

// TracesConfig configures Traces.
type TracesConfig struct {
	Protocol string       // Environment.Protocol
	Version  string       // of the program
	Replica  string       // service.instance.id
	Log      *slog.Logger // default slog.Default()
}

// Traces sends spans made of audit records to an OTLP collector. It is an audit.Sink: a record that comes again makes the same spans with
// the same IDs. For one goroutine at a time.
type Traces struct {
	cfg      TracesConfig
	client   otlptrace.Client
	resource *resourcepb.Resource
	scope    *commonpb.InstrumentationScope
}

// NewTraces returns a sink that sends where the OTEL_* variables say. It does not connect yet: a collector that is away is no error.
func NewTraces(ctx context.Context, cfg TracesConfig) (*Traces, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	t := &Traces{cfg: cfg, scope: &commonpb.InstrumentationScope{Name: ScopeName, Version: cfg.Version}}
	switch cfg.Protocol {
	case "grpc":
		// The shipper waits and tries again; the client must not, but it must find a collector that is back.
		quick := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: .2, MaxDelay: 5 * time.Second}, MinConnectTimeout: 5 * time.Second}
		t.client = otlptracegrpc.NewClient(otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}), otlptracegrpc.WithDialOption(grpc.WithConnectParams(quick)))
	case "http/protobuf":
		t.client = otlptracehttp.NewClient(otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
	default:
		return nil, fmt.Errorf("telemetry: protocol %q", cfg.Protocol)
	}
	var err error
	if t.resource, err = newResource(ctx, cfg); err != nil {
		return nil, err
	}
	if err := t.client.Start(ctx); err != nil {
		return nil, fmt.Errorf("start OTLP client: %w", err)
	}
	return t, nil
}

// newResource says who sends: what we know, then what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say.
func newResource(ctx context.Context, cfg TracesConfig) (*resourcepb.Resource, error) {
	known := []attribute.KeyValue{attribute.String(attrServiceName, defaultServiceName)}
	if cfg.Version != "" {
		known = append(known, attribute.String(attrServiceVersion, cfg.Version))
	}
	if cfg.Replica != "" {
		known = append(known, attribute.String(attrServiceInstance, cfg.Replica))
	}
	r, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(known...), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	pb := &resourcepb.Resource{}
	for _, kv := range r.Attributes() {
		pb.Attributes = append(pb.Attributes, &commonpb.KeyValue{Key: string(kv.Key), Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: kv.Value.String()}}})
	}
	return pb, nil
}

// Export implements audit.Sink. It returns nil only when the collector has taken every span. A record that is none of ours is passed
// over with a log line: it stays in the journal, and everything behind it would wait otherwise.
func (t *Traces) Export(ctx context.Context, entries []audit.Entry) error {
	spans := make([]*tracepb.Span, 0, len(entries))
	for _, e := range entries {
		span, err := newSpan(e)
		if err != nil {
			t.cfg.Log.Error("an audit record makes no span", "record", e.Seq, "decision", e.Decision, "cause", err)
			continue
		}
		spans = append(spans, span)
	}
	if len(spans) == 0 {
		return nil
	}
	err := t.client.UploadTraces(ctx, []*tracepb.ResourceSpans{{Resource: t.resource, ScopeSpans: []*tracepb.ScopeSpans{{Scope: t.scope, Spans: spans}}}})
	if warning(err) {
		t.cfg.Log.Warn("the collector took the spans and had something to say", "cause", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("export spans: %w", err)
	}
	return nil
}

// warning reports whether err is a partial success that rejected nothing: the OTLP way of sending a warning, which must not be tried
// again (https://opentelemetry.io/docs/specs/otlp/#partial-success-1). The exporters' type for it is internal; its text is not.
func warning(err error) bool {
	if err == nil {
		return false
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, e := range joined.Unwrap() {
			if !warning(e) {
				return false
			}
		}
		return true
	}
	text := err.Error()
	return strings.HasPrefix(text, "OTLP partial success: ") && strings.HasSuffix(text, "(0 spans rejected)")
}

// Close ends the connection to the collector.
func (t *Traces) Close(ctx context.Context) error { return t.client.Stop(ctx) }
