package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/weirgate/weir/pkg/authz"
)

// The benchmarks compare in one run, input by input in turns, so that what else the machine does meets both sides; the ratio is a metric of
// theirs. All ask about requests of 1,000 subjects in 20 groups on 50 targets.

// floorPolicy says true and nothing else.
func floorPolicy() Config {
	return Config{FS: fstest.MapFS{"p.rego": {Data: []byte("package weir.authz\n\ndecision := true\n")}}, Timeout: time.Minute}
}

func requests(b *testing.B, n int) []*authz.Input {
	b.Helper()
	l, err := compile(b.Context(), Config{})
	if err != nil {
		b.Fatal(err)
	}
	return sample(n, slices.Clone(l.groups))
}

// turns runs each side on the same inputs in turns and returns what each took in all.
func turns(b *testing.B, inputs []*authz.Input, sides ...func(*authz.Input) error) []time.Duration {
	b.Helper()
	took := make([]time.Duration, len(sides))
	i := 0
	for b.Loop() {
		in := inputs[i%len(inputs)]
		for s, side := range sides {
			start := time.Now()
			if err := side(in); err != nil {
				b.Fatal(err)
			}
			took[s] += time.Since(start)
		}
		i++
	}
	return took
}

func (l *loaded) uncached(ctx context.Context) func(*authz.Input) error {
	return func(in *authz.Input) error {
		_, err := l.eval(ctx, l.keys.input(in), time.Unix(0, in.Time.UnixNS))
		return err
	}
}

// BenchmarkShippedPolicy: an evaluation of the shipped policy, nothing kept, against one of "decision := true". Metric x-floor.
func BenchmarkShippedPolicy(b *testing.B) {
	shipped, floor := load(b, Config{Timeout: time.Minute}), load(b, floorPolicy())
	took := turns(b, requests(b, 200), floor.uncached(b.Context()), shipped.uncached(b.Context()))
	n := float64(b.N)
	b.ReportMetric(float64(took[0])/n, "floor-ns/op")
	b.ReportMetric(float64(took[1])/n, "shipped-ns/op")
	b.ReportMetric(float64(took[1])/float64(took[0]), "x-floor")
}

// plainEmbedding is OPA as a Go program embeds it that does as opa-envoy-plugin: the same policy over the default store, a map for an input,
// a transaction and metrics for each decision.
func plainEmbedding(b *testing.B) func(*authz.Input) error {
	b.Helper()
	dir, err := shippedDir()
	if err != nil {
		b.Fatal(err)
	}
	files, _, err := read(dir)
	if err != nil {
		b.Fatal(err)
	}
	c, _, err := compileFiles(files)
	if err != nil {
		b.Fatal(err)
	}
	settings, err := mergeSettings(Config{FS: dir, Name: settingsFile})
	if err != nil {
		b.Fatal(err)
	}
	store := inmem.NewFromObject(map[string]any{"weir": fixedData(settings, c.Modules, false)})
	q, err := rego.New(rego.Query("data.weir.authz.decision"), rego.Compiler(c), rego.Store(store), rego.StrictBuiltinErrors(true)).PrepareForEval(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return func(in *authz.Input) error {
		ctx := b.Context()
		txn, err := store.NewTransaction(ctx, storage.TransactionParams{})
		if err != nil {
			return err
		}
		defer store.Abort(ctx, txn)
		rs, err := q.Eval(ctx, rego.EvalInput(asMap(in)), rego.EvalTransaction(txn), rego.EvalMetrics(metrics.New()), rego.EvalTime(time.Unix(0, in.Time.UnixNS)))
		if err != nil {
			return err
		}
		_, err = decode(rs[0].Expressions[0].Value)
		return err
	}
}

// asMap is an input as a program writes it that has no types of OPA's.
func asMap(in *authz.Input) map[string]any {
	list := func(v []string) []any {
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out
	}
	s, t, o := &in.Subject, &in.Target, &in.Operation
	return map[string]any{
		"phase": in.Phase, "final": in.Final, "justification": in.Justification,
		"subject": map[string]any{
			"issuer": s.Issuer, "id": s.ID, "name": s.Name, "email": s.Email, "groups": list(s.Groups), "kind": string(s.Kind), "credential": s.Credential,
			"expires": s.Expires.Format(time.RFC3339Nano),
		},
		"target": map[string]any{"name": t.Name, "kind": string(t.Kind), "tenant": t.Tenant, "sensitivity": t.Sensitivity, "dialect": t.Dialect},
		"operation": map[string]any{
			"class": string(o.Class), "complete": o.Complete, "model": o.Model, "collection": o.Collection, "object": o.Object, "vectors": o.Vectors,
			"dims": o.Dims, "documents": o.Documents, "bytes": o.Bytes,
		},
		"time":    map[string]any{"unix_ns": in.Time.UnixNS, "rfc3339": in.Time.RFC3339},
		"request": map[string]any{"method": in.Request.Method, "host": in.Request.Host, "path": in.Request.Path},
	}
}

// TestPlainEmbeddingDecidesTheSame: what is compared is the same.
func TestPlainEmbeddingDecidesTheSame(t *testing.T) {
	for _, in := range sample(20, []string{"research"}) {
		in.Usage, in.Risk = nil, nil
		a, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(asMap(in))
		if err != nil {
			t.Fatal(err)
		}
		var x, y any
		if err := json.Unmarshal(a, &x); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &y); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(x, y); diff != "" {
			t.Fatal(diff)
		}
	}
}

// BenchmarkSideBySide: decisions as Weir makes them, kept ones repeated, against a plain embedding of OPA that is asked the same. Metrics:
// x-plain, with the hit-rate of the decision cache from empty, and uncached-x-plain, where nothing is kept.
func BenchmarkSideBySide(b *testing.B) {
	e, err := New(b.Context(), Config{Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	l := e.loaded.Load()
	hits, asked := 0, 0
	weir := func(in *authz.Input) error {
		_, err := e.Eval(b.Context(), in)
		return err
	}
	count := func(in *authz.Input) error {
		var room [256]byte
		asked++
		if _, ok := l.cache.get(l.cache.key(room[:0], in)); ok {
			hits++
		}
		return nil
	}
	took := turns(b, teams(requests(b, 20_000)), plainEmbedding(b), count, weir, l.uncached(b.Context()))
	n := float64(b.N)
	b.ReportMetric(float64(took[0])/n, "plain-ns/op")
	b.ReportMetric(float64(took[2])/n, "weir-ns/op")
	b.ReportMetric(float64(took[2])/float64(took[0]), "x-plain")
	b.ReportMetric(float64(took[3])/float64(took[0]), "uncached-x-plain")
	b.ReportMetric(float64(hits)/float64(max(asked, 1)), "hit-rate")
}

// teams makes of random requests those of people who work together: a person is in one of 20 groups, which uses four of the 50 targets, each
// for one thing; and clients ask for as much at a time as they are set up for.
func teams(in []*authz.Input) []*authz.Input {
	kinds := []authz.TargetKind{authz.KindInference, authz.KindVectorDB, authz.KindCorpus}
	classes := []authz.Class{authz.ClassEmbed, authz.ClassSearch, authz.ClassRead}
	sizes := []int64{1, 8, 10, 32, 64, 100}
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // repeatable
	for _, one := range in {
		team := r.IntN(20)
		what := (team*7 + r.IntN(4)*11) % 50
		one.Subject.Groups = []string{fmt.Sprintf("group-%02d", team), "research"}[:1+team%2]
		one.Target.Name, one.Target.Kind = fmt.Sprintf("target-%02d", what), kinds[what%3]
		one.Operation.Class = classes[what%3]
		one.Operation.Documents = sizes[r.IntN(len(sizes))]
		one.Operation.Vectors = one.Operation.Documents * int64(what%2)
	}
	return in
}
