package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing/fstest"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Cost is what it takes to ask a policy, measured here and now. Times are of one processor, and swing with whatever else the machine does;
// the ratio Times does so less.
type Cost struct {
	Revision string        `json:"revision"`
	Inputs   int           `json:"inputs"`   // how many different ones were asked about
	Floor    time.Duration `json:"floor_ns"` // of a policy that says true and nothing else
	Eval     time.Duration `json:"eval_ns"`  // the median input
	Worst    time.Duration `json:"worst_ns"` // the slowest input
	Times    float64       `json:"times"`    // Eval / Floor
	Allocs   uint64        `json:"allocs"`   // per evaluation
	Bytes    uint64        `json:"bytes"`    // allocated per evaluation
	// Volatile lists what the policy reads that is different every time, and Fresh the rules that are asked for it every time. Where there are
	// such things and no such rules, no decision can be kept. Kept is what repeating a decision takes, those rules included.
	Volatile  []string        `json:"volatile,omitempty"`
	Fresh     []string        `json:"fresh,omitempty"`
	Kept      time.Duration   `json:"kept_ns,omitempty"`
	WorstWith json.RawMessage `json:"worst_input"`
}

// benchRounds is how often each input is asked about: the least of them counts, which other work on the machine disturbs the least.
const benchRounds = 15

// Bench measures what a policy costs, on inputs given as JSON, or on made-up ones of 1,000 subjects in 20 groups and the groups that the
// policy's settings name, on 50 targets. Evaluation time is not bounded by cfg.Timeout.
func Bench(ctx context.Context, cfg Config, inputs ...[]byte) (Cost, error) {
	cfg.Timeout = time.Minute
	l, err := compile(ctx, cfg)
	if err != nil {
		return Cost{}, err
	}
	floor, err := compile(ctx, Config{FS: fstest.MapFS{"p.rego": {Data: []byte("package weir.authz\n\ndecision := true\n")}}, Timeout: time.Minute})
	if err != nil {
		return Cost{}, err
	}
	asked, err := benchInputs(l.groups, inputs)
	if err != nil {
		return Cost{}, err
	}
	b := &bench{policy: l, floor: floor, inputs: asked}
	if err := b.run(ctx); err != nil {
		return Cost{}, err
	}
	return b.cost(ctx)
}

// bench is a measurement: took and least are of each input and round.
type bench struct {
	policy, floor *loaded
	inputs        []*authz.Input
	took          [][]time.Duration
	least         [][]time.Duration // of the floor
	allocs, bytes uint64
}

// run asks about all inputs in turns with the floor, so that what else the machine does meets both.
func (b *bench) run(ctx context.Context) error {
	b.took, b.least = make([][]time.Duration, len(b.inputs)), make([][]time.Duration, len(b.inputs))
	one := func(l *loaded, in *authz.Input) (time.Duration, error) {
		start := time.Now()
		_, err := l.eval(ctx, l.keys.input(in), time.Unix(0, in.Time.UnixNS))
		return time.Since(start), err
	}
	for range benchRounds {
		var before, after runtime.MemStats
		for i, in := range b.inputs {
			d, err := one(b.floor, in)
			if err != nil {
				return err
			}
			b.least[i] = append(b.least[i], d)
			if d, err = one(b.policy, in); err != nil {
				return fmt.Errorf("input %d: %w", i, err)
			}
			b.took[i] = append(b.took[i], d)
		}
		runtime.ReadMemStats(&before)
		for _, in := range b.inputs {
			if _, err := one(b.policy, in); err != nil {
				return err
			}
		}
		runtime.ReadMemStats(&after)
		n := uint64(len(b.inputs))
		b.allocs, b.bytes = (after.Mallocs-before.Mallocs)/n, (after.TotalAlloc-before.TotalAlloc)/n
	}
	return nil
}

func (b *bench) cost(ctx context.Context) (Cost, error) {
	times := make([]time.Duration, len(b.took))
	worst := 0
	for i, rounds := range b.took {
		times[i] = slices.Min(rounds)
		if times[i] > times[worst] {
			worst = i
		}
	}
	least := make([]time.Duration, len(b.least))
	for i, rounds := range b.least {
		least[i] = slices.Min(rounds)
	}
	c := Cost{
		Revision: b.policy.revision, Inputs: len(b.inputs), Floor: median(least), Worst: times[worst], Volatile: b.policy.volatile,
		Fresh: b.policy.freshRules(), Allocs: b.allocs, Bytes: b.bytes,
	}
	var err error
	if c.WorstWith, err = json.Marshal(b.inputs[worst]); err != nil {
		return Cost{}, err
	}
	c.Eval = median(times)
	c.Times = float64(c.Eval) / float64(max(c.Floor, 1))
	if b.policy.cache != nil {
		c.Kept, err = b.kept(ctx)
	}
	return c, err
}

// kept measures decisions that are repeated: all but the first round's.
func (b *bench) kept(ctx context.Context) (time.Duration, error) {
	var took time.Duration
	for round := range benchRounds + 1 {
		start := time.Now()
		for _, in := range b.inputs {
			if _, err := b.policy.decide(ctx, in); err != nil {
				return 0, err
			}
		}
		if round > 0 {
			took += time.Since(start)
		}
	}
	return took / time.Duration(benchRounds*len(b.inputs)), nil
}

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}

func benchInputs(groups []string, given [][]byte) ([]*authz.Input, error) {
	if len(given) == 0 {
		return sample(200, slices.Clone(groups)), nil
	}
	out := make([]*authz.Input, len(given))
	for i, b := range given {
		out[i] = new(authz.Input)
		if err := json.Unmarshal(b, out[i]); err != nil {
			return nil, fmt.Errorf("input %d: %w", i, err)
		}
	}
	return out, nil
}

// groupsIn lists the words in lists of a policy's settings: most of them are names of groups.
func groupsIn(settings map[string]any) []string {
	found := map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				if s, ok := e.(string); ok && !strings.ContainsAny(s, "*[") {
					found[s] = true
				}
				walk(e)
			}
		}
	}
	walk(settings)
	return slices.Sorted(maps.Keys(found))
}

// sample makes inputs up, the same ones every time.
func sample(n int, groups []string) []*authz.Input {
	r := rand.New(rand.NewPCG(7, 11)) //nolint:gosec // repeatable
	for i := range 20 {
		groups = append(groups, fmt.Sprintf("group-%02d", i))
	}
	kinds := []authz.TargetKind{authz.KindInference, authz.KindVectorDB, authz.KindCorpus, authz.KindWeights, authz.KindRegistry}
	classes := []authz.Class{authz.ClassEmbed, authz.ClassSearch, authz.ClassRead, authz.ClassList, authz.ClassWrite, authz.ClassExport}
	out := make([]*authz.Input, n)
	for i := range out {
		who, what := r.IntN(1000), r.IntN(50)
		var in []string
		for range 1 + who%4 {
			in = append(in, groups[r.IntN(len(groups))])
		}
		out[i] = &authz.Input{
			Phase: authz.PhaseRequest, Final: true,
			Subject: authz.Subject{
				Issuer: "https://issuer.example", ID: fmt.Sprintf("user-%04d", who), Name: "A Name", Email: fmt.Sprintf("user-%04d@example.com", who),
				Groups: in, Kind: authz.Human, Credential: "c", Expires: time.Unix(1_800_000_000, 0).UTC(),
			},
			Target: authz.Target{Name: fmt.Sprintf("target-%02d", what), Kind: kinds[what%len(kinds)], Tenant: "t", Sensitivity: "high", Dialect: "openai"},
			Operation: authz.Operation{
				Class: classes[r.IntN(len(classes))], Complete: true, Model: "m", Collection: "papers", Object: "/models/m.safetensors",
				Vectors: r.Int64N(100), Documents: r.Int64N(100), Bytes: 2000,
			},
			Usage: &authz.UsageInput{SubjectTarget: map[authz.Unit]map[string]int64{authz.UnitRequests: {"1h": 3, "30d": 40}, authz.UnitVectors: {"1h": 100}}},
			Risk:  &authz.Risk{Score: 0.1}, Justification: "MODEL-42 evaluation",
			Time:    authz.InputTime{UnixNS: 1_700_000_000_000_000_000 + int64(i)*int64(time.Hour), RFC3339: "2023-11-14T22:13:20Z"},
			Request: authz.InputRequest{Method: "POST", Host: "h.example", Path: "/v1/embeddings"},
		}
	}
	return out
}
