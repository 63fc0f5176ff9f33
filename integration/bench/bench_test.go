package main

import (
	"iter"
	"os"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/weirgate/weir/integration/harness"
)

// TestMain lets the test binary be the do-nothing server too, as the command is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == noopCommand {
		main()
		return
	}
	os.Exit(m.Run())
}

// BenchmarkCheck is the CPU time that a server takes for one Check of ext_authz, with its audit on disk: an empty server, Weir for tokens
// that come again, and Weir for tokens that nobody has seen. What counts is server-cpu-ns/op; time and allocations are this client's.
func BenchmarkCheck(b *testing.B) {
	issuer, err := harness.StartIssuer("127.0.0.1:0", "")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = issuer.Close() })
	c, err := startChecks(b.Context(), issuer, b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.close)
	for _, a := range c.arms {
		b.Run(a.name, func(b *testing.B) {
			before, err := cpuTime(a.server.process.PID())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			if err := a.ask(b.Context(), loop(b, a)); err != nil {
				b.Fatal(err)
			}
			after, err := cpuTime(a.server.process.PID())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(after-before)/float64(b.N), "server-cpu-ns/op")
		})
	}
}

// loop yields a request for each turn of b.Loop. They are made while the clock stands still.
func loop(b *testing.B, a *checkArm) iter.Seq[*authv3.CheckRequest] {
	return func(yield func(*authv3.CheckRequest) bool) {
		var made []*authv3.CheckRequest
		for b.Loop() {
			if len(made) == 0 {
				b.StopTimer()
				var err error
				if made, err = a.requests(checkCalls); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			if !yield(made[0]) {
				return
			}
			made = made[1:]
		}
	}
}
