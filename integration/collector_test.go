package integration_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirgate/weir/integration/harness"
	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
)

// cmdCollector starts a collector (OTLP_GRPC, OTLP_HTTP), or has the one that was ended take spans again.
func cmdCollector(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "collector", neg)
	if len(args) != 0 {
		ts.Fatalf("usage: collector")
	}
	w := the(ts)
	if w.collector != nil {
		ts.Check(w.collector.Open())
		return
	}
	var err error
	w.collector, err = harness.StartCollector()
	ts.Check(err)
	ts.Setenv("OTLP_GRPC", w.collector.GRPC)
	ts.Setenv("OTLP_HTTP", w.collector.HTTP)
	ts.Setenv("OTLP_GRPC_PORT", w.collector.GRPC[strings.LastIndex(w.collector.GRPC, ":")+1:])
}

// cmdSpans waits until so many spans that match have come, and prints them: one line of JSON each, in the order in which they came.
func cmdSpans(ts *testscript.TestScript, neg bool, args []string) {
	flags := flag.NewFlagSet("spans", flag.ContinueOnError)
	count := flags.Int("n", 1, "")
	ts.Check(flags.Parse(args))
	if flags.NArg() > 1 {
		ts.Fatalf("usage: spans [-n COUNT] [REGEXP]")
	}
	want, err := regexp.Compile(flags.Arg(0))
	ts.Check(err)
	var found []string
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		found = nil
		for _, s := range the(ts).collector.Spans() {
			line, err := json.Marshal(s)
			ts.Check(err)
			if want.Match(line) {
				found = append(found, string(line))
			}
		}
		if len(found) >= *count || neg || time.Now().After(deadline) {
			break
		}
	}
	for _, line := range found {
		fmt.Fprintln(ts.Stdout(), line)
	}
	if enough := len(found) >= *count; enough == neg {
		ts.Fatalf("%d spans match %q; want %d or more: %v", len(found), flags.Arg(0), *count, !neg)
	}
}

// cmdShipped waits until every record in a journal has come as a span, and compares each with its record.
func cmdShipped(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "shipped", neg)
	if len(args) != 1 {
		ts.Fatalf("usage: shipped DIR")
	}
	missing := ""
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		missing = compareSpans(ts, ts.MkAbs(args[0]), the(ts).collector.Spans())
		if missing == "" || time.Now().After(deadline) {
			break
		}
	}
	if missing != "" {
		ts.Fatalf("%s", missing)
	}
}

// compareSpans ends the script where a span is not what its record says, or has none; it returns what is missing yet. A span may have come
// more than once: the same each time.
func compareSpans(ts *testscript.TestScript, dir string, spans []harness.Span) (missing string) {
	got := map[string]harness.Span{}
	for _, s := range spans {
		if s.Service != "weir" {
			continue // Envoy's own
		}
		key := fmt.Sprint(s.Attributes["weir.decision.id"], s.Name == "weir decide")
		if before, ok := got[key]; ok {
			if diff := cmp.Diff(before, s); diff != "" {
				ts.Fatalf("a span came twice and differs (-first +second):\n%s", diff)
			}
		}
		got[key] = s
	}
	records := 0
	for e, err := range audit.Read(dir, 1) {
		ts.Check(err)
		records++
		s, ok := got[fmt.Sprint(e.Decision, e.Event == authz.EventDecision)]
		if !ok {
			missing = fmt.Sprintf("no span of record %d: %s", e.Seq, e.Raw)
			continue
		}
		want, err := spanOf(e)
		ts.Check(err)
		if e.Event == authz.EventDecision {
			want.ID = s.ID // made of the decision's ID; no record states it
			if len(s.ID) != 16 || s.ID == want.Parent {
				ts.Fatalf("record %d: span ID %q", e.Seq, s.ID)
			}
		}
		want.Error = s.Error
		if diff := cmp.Diff(want, s); diff != "" {
			ts.Fatalf("record %d is another span (-record +span):\n%s", e.Seq, diff)
		}
	}
	if missing == "" && len(got) != records {
		ts.Fatalf("%d spans of %d records", len(got), records)
	}
	return missing
}

// spanOf is the span that a record must have made, read off its JSON.
func spanOf(e audit.Entry) (harness.Span, error) {
	var record map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(e.Raw)))
	decoder.UseNumber()
	if err := decoder.Decode(&record); err != nil {
		return harness.Span{}, err
	}
	text := func(name string) string { s, _ := record[name].(string); return s }
	nanos := func(name string) uint64 {
		t, _ := time.Parse(time.RFC3339Nano, text(name))
		return uint64(t.UnixNano())
	}
	s := harness.Span{
		Service: "weir", Instance: text("weir.replica"), Trace: text("trace_id"), Start: nanos("weir.started"), End: nanos("time"), Flags: 0x101,
		Attributes: map[string]any{},
	}
	if e.Event == authz.EventDecision {
		s.Name, s.Parent = "weir decide", text("span_id")
	} else {
		s.Name, s.ID, s.Parent = "weir "+text("weir.operation")+" "+text("weir.target"), text("span_id"), text("parent_span_id")
		if s.Parent != "" {
			s.Flags |= 0x200 // of another process
		}
	}
	for name, value := range record {
		if shown(e.Event, name) {
			s.Attributes[name] = plain(name, value)
		}
	}
	if e.Event == authz.EventCompletion && text("weir.operation") == "embed" {
		s.Attributes["gen_ai.operation.name"] = "embeddings"
	}
	return s, nil
}

// shown reports whether a member of a record is an attribute of its span. What is not shown is the span's own, or for policy alone.
func shown(event authz.Event, name string) bool {
	if event == authz.EventDecision {
		return strings.HasPrefix(name, "weir.reserved.") || slices.Contains([]string{
			"weir.decision.id", "weir.verdict", "weir.enforced", "weir.mode", "weir.rule.id", "weir.reason", "weir.flags", "weir.flags.rules", "weir.flags.reasons", "weir.refusal.kind", "error.type",
			"weir.policy.version", "weir.mask.vectors", "weir.record.mode",
		}, name)
	}
	return !slices.Contains([]string{
		"weir.schema", "event.name", "time", "weir.started", "trace_id", "span_id", "parent_span_id", "weir.credential.issuer",
		"weir.credential.expires", "weir.operation.complete", "weir.limits", "weir.exceeded", "weir.mask.scores", "weir.mask.fields", "weir.approval",
		"weir.alternatives", "weir.input", "weir.coverage.subject.before", "weir.coverage.group.before", "weir.corpus.read.before",
	}, name)
}

// plain is a value of a record as harness.Span has attributes.
func plain(name string, value any) any {
	switch v := value.(type) {
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if err == nil && !strings.HasPrefix(name, "weir.coverage.") { // those are shares, 1 among them
			return n
		}
		share, err := v.Float64()
		if err != nil {
			return v
		}
		return share
	case []any:
		texts := []string{}
		for _, e := range v {
			texts = append(texts, fmt.Sprint(e))
		}
		return texts
	}
	return value
}
