package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/weirgate/weir/integration/harness"
)

// What BenchmarkCheck measures is what it says: every Check is allowed, and Weir has both records of each on disk when it answers.
func TestChecksAreRecorded(t *testing.T) {
	needProc(t)
	issuer, err := harness.StartIssuer("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	c, err := startChecks(t.Context(), issuer, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, a := range c.arms {
		requests, err := a.requests(100)
		if err != nil {
			t.Fatal(err)
		}
		cpu, err := a.measure(t.Context(), requests)
		if err != nil || cpu <= 0 {
			t.Errorf("%s: %v s of CPU, %v", a.name, cpu, err)
		}
		tokens := map[string]bool{}
		for _, r := range requests {
			for _, h := range r.GetAttributes().GetRequest().GetHttp().GetHeaderMap().GetHeaders() {
				if h.GetKey() == "authorization" {
					tokens[string(h.GetRawValue())] = true
				}
			}
		}
		if want := map[string]int{checkNoop: people, checkWarm: people, checkCold: 100}[a.name]; len(tokens) != want {
			t.Errorf("%s: %d tokens in 100 requests, want %d", a.name, len(tokens), want)
		}
		if a.name == checkNoop {
			continue
		}
		const asked = people + 100 // the first ones at the start
		page := metrics(t, a.server)
		for _, want := range []string{
			fmt.Sprintf("weir_journal_records %d\n", 2*asked),
			fmt.Sprintf(`weir_decisions_total{enforced="allow",entry="ext_authz",kind="corpus",target="corpus",verdict="allow"} %d`+"\n", asked),
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %q on the metrics page", a.name, want)
			}
		}
	}
}

func metrics(t *testing.T, s server) string {
	t.Helper()
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", s.admin))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestGoalLines(t *testing.T) {
	for want, g := range map[string]goal{
		"goal a measured 4.00 want <=4.00 ok":         {name: "a", measured: 4, want: 4},
		"goal a measured 4.01 want <=4.00 MISSED":     {name: "a", measured: 4.01, want: 4},
		"goal b measured 0.85 want >=0.85 ok":         {name: "b", measured: 0.85, want: 0.85, atLeast: true},
		"goal b measured 0.84 want >=0.85 MISSED":     {name: "b", measured: 0.84, want: 0.85, atLeast: true},
		"goal c measured 0.0149 want >=0.0150 MISSED": {name: "c", measured: 0.0149, want: 0.015, atLeast: true},
		"goal d measured 0.00 want <=0.00 ok":         {name: "d"},
	} {
		if got := g.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestMetricsOfABenchmark(t *testing.T) {
	got := metricsOf("goos: linux\nBenchmarkA-2   \t  5000\t  312753 ns/op\t 38736 floor-ns/op\t 7.07 x-floor\n2026/11/25 INFO Benchmark\nPASS\n")
	if want := map[string]float64{"ns/op": 312753, "floor-ns/op": 38736, "x-floor": 7.07}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func needProc(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED, not tested here: the CPU time of a process is read from Linux's /proc")
	}
}

func TestSeries(t *testing.T) {
	turns, busy := "", 1.0
	s, err := takeTurns(3, []string{"a", "b"}, func(name string) (float64, error) {
		if turns += name; len(turns) == 5 {
			busy = 10 // the machine, from the second round on
		}
		return busy * map[string]float64{"a": 2, "b": 8}[name], nil
	})
	if err != nil || turns != "abbaabba" {
		t.Errorf("turns %q, %v", turns, err)
	}
	if got := s.ratio("b", "a"); got != 4 {
		t.Errorf("ratio %v, want 4", got)
	}
	if got := s.median("a"); got != 20 || len(s["a"]) != 3 {
		t.Errorf("median %v of %v", got, s["a"])
	}
	broken := errors.New("broken")
	if _, err := takeTurns(1, []string{"a"}, func(string) (float64, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("%v, want the error", err)
	}
}

func TestCPUTime(t *testing.T) {
	needProc(t)
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for range 50 { // some work
		slices.Sort(slices.Repeat([]int{3, 1, 2}, 10_000))
	}
	after, err := cpuTime(os.Getpid())
	if err != nil || after <= before {
		t.Errorf("%v, then %v, %v", before, after, err)
	}
	if _, err := cpuTime(-1); err == nil {
		t.Error("no error for a process that is not there")
	}
}
