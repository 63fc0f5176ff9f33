package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

const (
	defaultMemory = 512 << 20
	// watchAfter is how long an evaluation runs before its memory is looked at: most have ended by then. watchEvery is how often it is then.
	watchAfter, watchEvery = 5 * time.Millisecond, 2 * time.Millisecond
	// maxPercent is how much garbage, in percent of what is live, is put down to a collector that is set to let it gather (GOGC).
	maxPercent = 1000
)

// lookFor is for how long an evaluation that was ended is looked at: Envoy waits.
const lookFor = 250 * time.Millisecond

// errMemory is the cause of an evaluation that was ended because of what it allocates.
var errMemory = errors.New("the evaluation allocates more than policy.memory")

// memoryWatch ends an evaluation during which the process grows by more than most bytes. There is no count of what one goroutine has, so
// that others may be to blame; most is far above what they do meanwhile.
type memoryWatch struct {
	most   uint64
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer // nil once stopped
	base  heap
	seen  bool
}

// heap is what the process has allocated: live at the last collection, and since then and before it what may be garbage, of which it lets
// gather so many percent of what is live.
type heap struct{ live, all, percent uint64 }

func readHeap() heap {
	s := [...]metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/gogc:percent"}}
	metrics.Read(s[:])
	return heap{s[0].Value.Uint64(), s[1].Value.Uint64(), min(s[2].Value.Uint64(), maxPercent)} // off, it is nearly 2^64
}

// over reports whether the process has grown by more than most bytes since base, garbage apart.
func (h heap) over(base heap, most uint64) bool {
	return h.live > base.live+most || h.all > base.all+most+most*h.percent/100
}

func watchMemory(most int64, cancel context.CancelCauseFunc) *memoryWatch {
	w := &memoryWatch{most: uint64(most), cancel: cancel} //nolint:gosec // positive
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(watchAfter, w.look)
	return w
}

func (w *memoryWatch) look() {
	now := readHeap()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil {
		return
	}
	if !w.seen {
		w.base, w.seen = now, true
	}
	if now.over(w.base, w.most) {
		w.cancel(errMemory)
		return
	}
	w.timer.Reset(watchEvery)
}

func (w *memoryWatch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
	w.timer = nil
}

// run evaluates a query within its bounds. label names the cause of an error.
func (l *loaded) run(ctx context.Context, query rego.PreparedEvalQuery, timeout time.Duration, opts []rego.EvalOption) (rs rego.ResultSet, label string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	watch := watchMemory(l.memory, cancel)
	defer watch.stop()
	rs, err = query.Eval(ctx, opts...)
	switch {
	case err == nil:
		return rs, "", nil
	case errors.Is(context.Cause(ctx), errMemory):
		return nil, "policy_memory", errMemory
	case ctx.Err() != nil, topdown.IsCancel(err):
		return nil, "policy_timeout", err
	}
	return nil, "policy_error", err
}

// fault names the rule in which an evaluation failed; empty where it is not known. One that was ended says nothing of where it was: it is
// evaluated once more with eyes open, one at a time, so that nobody can have all of them done twice.
func (l *loaded) fault(ctx context.Context, label string, err error, opts []rego.EvalOption) string {
	var e *topdown.Error
	if label == "policy_error" {
		if !errors.As(err, &e) {
			return ""
		}
		if e.Location != nil && slices.ContainsFunc(l.entry, func(r *ast.Rule) bool { return r.Location.File == e.Location.File }) {
			return cmp.Or(l.blamed(ctx, opts), l.rules.at(e.Location)) // what composes the rules fails by what one of them says
		}
		return l.rules.at(e.Location)
	}
	if !l.looking.CompareAndSwap(false, true) {
		return ""
	}
	defer l.looking.Store(false)
	seen := &lastSeen{}
	_, again, _ := l.run(context.WithoutCancel(ctx), l.query, min(l.timeout, lookFor), append(opts, rego.EvalQueryTracer(seen)))
	if again == "" {
		return "" // a busy machine, then
	}
	return l.rules.at(seen.location.Load())
}

// sayer names the rule that says what no decision may hold: the entrypoint's, where that is one and composes no others. Empty where it is not
// known.
func (l *loaded) sayer(ctx context.Context, opts []rego.EvalOption) string {
	if said := l.blamed(ctx, opts); said != "" || len(l.entry) != 1 {
		return said
	}
	return l.rules.at(l.entry[0].Location)
}

// blamed names the rule of weir.rules that says what no decision may hold. Each is asked once more, one request at a time, as for fault.
func (l *loaded) blamed(ctx context.Context, opts []rego.EvalOption) string {
	if l.sayings == nil || !l.looking.CompareAndSwap(false, true) {
		return ""
	}
	defer l.looking.Store(false)
	s, err := l.sayings()
	if err != nil {
		return ""
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), lookFor)
	defer stop()
	for _, one := range s.strange(ctx, l, opts) {
		if !one.failed {
			return l.rules.at(one.at)
		}
	}
	return ""
}

// lastSeen is a tracer that knows where an evaluation is.
type lastSeen struct{ location atomic.Pointer[ast.Location] }

// Enabled implements topdown.QueryTracer.
func (*lastSeen) Enabled() bool { return true }

// Config implements topdown.QueryTracer.
func (*lastSeen) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

// TraceEvent implements topdown.QueryTracer. Where an evaluation fails or leaves is not looked at: one that is ended leaves everything.
func (s *lastSeen) TraceEvent(e topdown.Event) {
	if e.Op == topdown.EvalOp && e.Location != nil && e.Location.File != "" {
		s.location.Store(e.Location)
	}
}

// ruleIndex tells which rule is at a place in the policy's files.
type ruleIndex []span

type span struct {
	file        string
	first, last int
	name        string
}

func indexRules(c *ast.Compiler) ruleIndex {
	var out ruleIndex
	for file, m := range c.Modules {
		for _, r := range m.Rules {
			at := r.Location
			if at == nil {
				continue
			}
			out = append(out, span{file, at.Row, at.Row + strings.Count(string(at.Text), "\n"), short(m.Package.Path) + "." + r.Head.Ref().String()})
		}
	}
	return out
}

// at returns the rule's name and place, or as much as is known.
func (x ruleIndex) at(where *ast.Location) string {
	if where == nil || where.File == "" {
		return ""
	}
	place := fmt.Sprintf("%s:%d", where.File, where.Row)
	for _, s := range x {
		if s.file == where.File && s.first <= where.Row && where.Row <= s.last {
			return s.name + " (" + place + ")"
		}
	}
	return place
}
