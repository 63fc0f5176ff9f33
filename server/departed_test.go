package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
	"github.com/weirgate/weir/server/internal/config"
)

// TestCoverageIsKeptWithTheCounters: in Redis, or in memory and beside the snapshot, so that the next process knows what has left.
func TestCoverageIsKeptWithTheCounters(t *testing.T) {
	dir := t.TempDir()
	var inMemory, onDisk, inRedis config.Config
	onDisk.Counters.Snapshot = filepath.Join(dir, "counters")
	inRedis.Counters.URL = config.Secret(redistest.Start(t).URL())
	inRedis.Counters.Timeout = 5 * time.Second
	inRedis.Counters.Remember = filepath.Join(dir, "seen.json")
	c := authz.CoverClaim{
		ID: "1", Tenant: "t", Target: "models", Holders: []string{"subject|ada"},
		Piece: authz.Piece{Object: "weights", Version: "v", Size: 1 << 20, Length: 1 << 19},
	}
	for name, test := range map[string]struct {
		cfg  *config.Config
		want float64 // that is known to the second process
	}{"memory": {&inMemory, 0}, "disk": {&onDisk, 0.5}, "redis": {&inRedis, 0.5}} {
		t.Run(name, func(t *testing.T) {
			for _, want := range []float64{0, test.want} {
				store, _, err := openStore(test.cfg, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				s := &Server{store: store}
				if s.coverage, err = openCoverage(test.cfg, store); err != nil {
					t.Fatal(err)
				}
				got, err := s.coverage.Claim(t.Context(), c)
				if err == nil {
					err = s.coverage.Commit(t.Context(), c)
				}
				if err != nil || got[0] != (authz.Covered{Before: want, After: 0.5}) {
					t.Errorf("%v, %v; want %v before", got, err, want)
				}
				s.close()
			}
		})
	}
	if _, err := os.Stat(onDisk.Counters.Snapshot + ".coverage"); err != nil {
		t.Error(err)
	}
}
