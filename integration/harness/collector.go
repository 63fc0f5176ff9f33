package harness

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Span is one span that a Collector got. IDs are in hex, empty for none; times in nanoseconds since 1970.
type Span struct {
	Service    string         `json:"service"` // service.name of who sent it
	Instance   string         `json:"instance,omitempty"`
	Name       string         `json:"name"`
	Trace      string         `json:"trace"`
	ID         string         `json:"span"`
	Parent     string         `json:"parent,omitempty"`
	Flags      uint32         `json:"flags"`
	Start      uint64         `json:"start"`
	End        uint64         `json:"end"`
	Error      string         `json:"error,omitempty"` // message of a status that is an error
	Attributes map[string]any `json:"attributes"`      // string, int64 or []string; others are left out
}

// Collector is an OpenTelemetry collector for traces, by OTLP over gRPC and over HTTP (binary protobuf) at once
// (https://opentelemetry.io/docs/specs/otlp/). It keeps every span it gets, over Close and Open. Its methods are safe for concurrent use.
type Collector struct {
	collectorpb.UnimplementedTraceServiceServer
	GRPC string // "http://127.0.0.1:port", the same over Close and Open
	HTTP string // likewise

	addresses [2]string // gRPC, HTTP

	mu    sync.Mutex // guards what follows
	spans []Span
	delay time.Duration
	stop  func() // nil while closed
}

// maxExport bounds one export request, in bytes.
const maxExport = 16 << 20

// StartCollector starts a collector on free loopback ports; Close ends it.
func StartCollector() (*Collector, error) {
	c := &Collector{addresses: [2]string{"127.0.0.1:0", "127.0.0.1:0"}}
	if err := c.Open(); err != nil {
		return nil, err
	}
	c.GRPC, c.HTTP = "http://"+c.addresses[0], "http://"+c.addresses[1]
	return c, nil
}

// Open has a closed collector take spans again, at the same addresses.
func (c *Collector) Open() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		return errors.New("collector: it is open")
	}
	var listeners [2]net.Listener
	for i, address := range c.addresses {
		l, err := net.Listen("tcp", address)
		if err != nil {
			if i > 0 {
				_ = listeners[0].Close()
			}
			return fmt.Errorf("collector: %w", err)
		}
		listeners[i], c.addresses[i] = l, l.Addr().String()
	}
	calls := grpc.NewServer(grpc.MaxRecvMsgSize(maxExport))
	collectorpb.RegisterTraceServiceServer(calls, c)
	pages := &http.Server{Handler: http.HandlerFunc(c.serveHTTP), ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = calls.Serve(listeners[0]) })
	serving.Go(func() { _ = pages.Serve(listeners[1]) })
	c.stop = func() {
		calls.Stop()
		_ = pages.Close()
		serving.Wait()
	}
	return nil
}

// Close ends the collector, cutting what is under way. What it has got stays.
func (c *Collector) Close() {
	c.mu.Lock()
	stop := c.stop
	c.stop = nil
	c.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// Slow has each export wait for d before it is taken. One whose sender gives up before is not taken.
func (c *Collector) Slow(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delay = d
}

// Spans returns all that was taken so far, in order; a span that was sent twice is there twice.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...)
}

// Export implements the trace service.
func (c *Collector) Export(ctx context.Context, in *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	delay := c.delay
	c.mu.Unlock()
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	var got []Span
	for _, resource := range in.GetResourceSpans() {
		who := plain(resource.GetResource().GetAttributes())
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				got = append(got, newSpan(s, who))
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans = append(c.spans, got...)
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

func (c *Collector) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "want POST /v1/traces, application/x-protobuf", http.StatusBadRequest)
		return
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxExport))
	if err != nil {
		return
	}
	var in collectorpb.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out, err := c.Export(r.Context(), &in)
	if err != nil {
		return // the client is gone
	}
	raw, err = proto.Marshal(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(raw)
}

func newSpan(s *tracepb.Span, who map[string]any) Span {
	out := Span{
		Name: s.GetName(), Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
		Flags: s.GetFlags(), Start: s.GetStartTimeUnixNano(), End: s.GetEndTimeUnixNano(), Attributes: plain(s.GetAttributes()),
	}
	out.Service, _ = who["service.name"].(string)
	out.Instance, _ = who["service.instance.id"].(string)
	if s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR {
		out.Error = s.GetStatus().GetMessage()
	}
	return out
}

// plain returns attributes as Go has them.
func plain(list []*commonpb.KeyValue) map[string]any {
	out := map[string]any{}
	for _, kv := range list {
		switch v := kv.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			out[kv.GetKey()] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			out[kv.GetKey()] = v.IntValue
		case *commonpb.AnyValue_DoubleValue:
			out[kv.GetKey()] = v.DoubleValue
		case *commonpb.AnyValue_ArrayValue:
			texts := []string{}
			for _, e := range v.ArrayValue.GetValues() {
				texts = append(texts, e.GetStringValue())
			}
			out[kv.GetKey()] = texts
		}
	}
	return out
}
