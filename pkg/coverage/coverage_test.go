package coverage_test

import (
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/coverage"
	"github.com/weirgate/weir/pkg/coverage/coveragetest"
)

func open(t testing.TB, cfg coverage.Config) *coverage.Memory {
	t.Helper()
	m, err := coverage.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestMemory(t *testing.T) {
	for name, file := range map[string]string{"kept": "/coverage", "not kept": ""} {
		t.Run(name, func(t *testing.T) {
			coveragetest.Run(t, func(t *testing.T, now func() time.Time) coveragetest.Store {
				cfg := coverage.Config{Now: now}
				if file != "" {
					cfg.File = t.TempDir() + file
				}
				return open(t, cfg)
			})
		})
	}
}
