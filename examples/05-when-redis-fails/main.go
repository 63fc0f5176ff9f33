// Command 05-when-redis-fails starts Redis, Weir and Envoy with each configuration beside it in turn, lets Redis fail in three ways, and says
// what becomes of somebody who has used half of a limit: meanwhile, and once Redis is well again. run.sh runs it with what it needs.
package main

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

//go:embed *.yaml
var files embed.FS

// limit is how many vectors an hour anybody may have (settings.yaml), and half of it what is taken before Redis fails.
const limit, half, piece = 20, 10, 5

// mode is a configuration, and what becomes of three requests for a piece each while Redis is away.
type mode struct {
	name      string
	meanwhile [3]int // statuses
	passed    int    // vectors that were given out meanwhile
}

func modes() []mode {
	const ok, over, undecided = http.StatusOK, http.StatusTooManyRequests, http.StatusServiceUnavailable
	return []mode{
		{"refuse", [3]int{undecided, undecided, undecided}, 0},
		{"local", [3]int{ok, ok, over}, limit / 2},
		{"allow", [3]int{ok, ok, ok}, 3 * piece},
	}
}

// failure is a way for Redis to fail.
type failure struct {
	name  string
	label string // what Weir calls it
	begin func(*stand) error
	end   func(ctx context.Context, s *stand) error
}

func failures() []failure {
	return []failure{
		{
			"stopped", "store_unavailable",
			func(s *stand) error { return s.redis.Signal(syscall.SIGSTOP) },
			func(_ context.Context, s *stand) error { return s.redis.Signal(syscall.SIGCONT) },
		},
		{
			"emptied", "store_amnesiac",
			func(s *stand) error { return s.redis.Command("FLUSHALL") },
			func(ctx context.Context, s *stand) error {
				_, err := s.command(ctx, "limits", "rebuild", "--config", "weir.yaml")
				return err
			},
		},
		{
			"evicting", "store_evicts",
			func(s *stand) error { return s.redis.Command("CONFIG SET maxmemory-policy allkeys-lru") },
			func(_ context.Context, s *stand) error {
				return s.redis.Command("CONFIG SET maxmemory-policy noeviction")
			},
		},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	passed, failed := 0, 0
	for _, m := range modes() {
		for _, f := range failures() {
			fmt.Printf("\n%s.yaml, Redis %s\n", m.name, f.name)
			if err := play(ctx, m, f); err != nil {
				failed++
				fmt.Println("  FAILED:", err)
				continue
			}
			passed++
		}
	}
	fmt.Printf("\n%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		stop()
		os.Exit(1)
	}
}

// play shows one failure under one configuration.
func play(ctx context.Context, m mode, f failure) error {
	s, err := newStand(ctx, m.name)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.want("before", half, "", http.StatusOK); err != nil {
		return err
	}
	if err := f.begin(s); err != nil {
		return err
	}
	if err := s.until("/readyz says "+f.label, func() bool { return s.says(f.label) }); err != nil {
		return err
	}
	for _, status := range m.meanwhile {
		if err := s.want("meanwhile", piece, f.label, status); err != nil {
			return err
		}
	}
	if err := s.recorded(ctx, m); err != nil {
		return err
	}
	if err := f.end(ctx, s); err != nil {
		return err
	}
	if err := s.back(ctx, m); err != nil {
		return err
	}
	used := half + m.passed
	if err := s.until(fmt.Sprintf("%d vectors are counted", used), func() bool { return !s.says("store_") && s.used(ctx) == used }); err != nil {
		return err
	}
	fmt.Printf("  ok: afterwards %d of %d are counted: what left before, and meanwhile\n", used, limit)
	if used+half > limit {
		return s.want("afterwards", half, "", http.StatusTooManyRequests)
	}
	return s.want("afterwards", half, "", http.StatusOK)
}
