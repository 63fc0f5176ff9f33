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

// TestWhatHasLeftIsKeptWithTheCounters: in Redis, or in memory and beside the snapshot, so that the next process knows what has left.
func TestWhatHasLeftIsKeptWithTheCounters(t *testing.T) {
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
	document := authz.DocumentClaim{ID: "1", Tenant: "t", Target: "lake", Subject: "https://i|ada", Object: "doc", Version: "v"}
	for name, test := range map[string]struct {
		cfg  *config.Config
		want float64 // share that is known to the second process
		read int64   // documents that are
	}{"memory": {&inMemory, 0, 0}, "disk": {&onDisk, 0.5, 1}, "redis": {&inRedis, 0.5, 1}} {
		t.Run(name, func(t *testing.T) {
			for i, want := range []float64{0, test.want} {
				store, _, err := openStore(test.cfg, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				s := &Server{store: store, opts: Options{Log: slog.New(slog.DiscardHandler)}}
				if s.departed, err = openDeparted(test.cfg, store); err != nil {
					t.Fatal(err)
				}
				got, err := s.departed.coverage.Claim(t.Context(), c)
				if err == nil {
					err = s.departed.coverage.Commit(t.Context(), c)
				}
				if err != nil || got[0] != (authz.Covered{Before: want, After: 0.5}) {
					t.Errorf("%v, %v; want %v before", got, err, want)
				}
				read, err := s.departed.corpus.Claim(t.Context(), document)
				if err == nil {
					err = s.departed.corpus.Commit(t.Context(), document)
				}
				if err != nil || read != (authz.Read{Before: int64(i) * test.read, After: 1}) {
					t.Errorf("%+v, %v; want %d documents before", read, err, int64(i)*test.read)
				}
				s.close()
			}
		})
	}
	for _, of := range []string{".coverage", ".documents"} {
		if _, err := os.Stat(onDisk.Counters.Snapshot + of); err != nil {
			t.Error(err)
		}
	}
}
