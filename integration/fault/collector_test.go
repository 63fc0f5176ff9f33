package fault

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// TestCollector: spans are made of the journal, so nobody who asks for vectors waits for a collector. What it did not take comes later.
func TestCollector(t *testing.T) {
	tests := []struct {
		name  string
		fault harness.Fault
	}{
		{"refused", harness.Fault{Refuse: true}},
		{"too slow", harness.Fault{Delay: time.Minute}},
		{"reset in an answer", harness.Fault{Cut: 5}},
		{"an error", harness.Fault{Say: page("503 Service Unavailable", "text/plain", "no")}},
		{"no collector", harness.Fault{Say: page("404 Not Found", "text/html", "<html>")}},
		{"no HTTP", harness.Fault{Say: "220 mail.example ESMTP\r\n"}},
	}
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		for _, tc := range tests {
			t.Run(protocol+" "+tc.name, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				collector, err := harness.StartCollector()
				must(t, err)
				t.Cleanup(collector.Close)
				address := collector.HTTP
				if protocol == "grpc" {
					address = collector.GRPC
				}
				link, err := harness.StartLink(strings.TrimPrefix(address, "http://"))
				must(t, err)
				t.Cleanup(func() { _ = link.Close() })
				must(t, link.Set(tc.fault))
				r.serve("", fmt.Sprintf("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:%d", link.Port), "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol)
				end := r.underWay(embed, "pause=600:200ms")
				start := time.Now()
				r.well("meanwhile")
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("four exchanges took %v", took)
				}
				r.whole(end())
				if status, body := r.page("/readyz"); status != http.StatusOK {
					t.Errorf("readyz: %d %s", status, body)
				}
				if n := len(collector.Spans()); n > 0 && tc.fault.Cut == 0 { // cut in its answer, it had them
					t.Errorf("%d spans came", n)
				}
				must(t, link.Set(harness.Fault{}))
				r.until("all ten spans have come", func() bool {
					ids := map[string]bool{}
					for _, s := range collector.Spans() {
						ids[s.ID] = true
					}
					return len(ids) == 10
				})
			})
		}
	}
}
