package handover_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/handover"
	"github.com/weirgate/weir/pkg/handover/handovertest"
)

func TestMemory(t *testing.T) {
	handovertest.Run(t, func(*testing.T) (handovertest.Store, func(time.Duration)) {
		now := time.Unix(1_700_000_000, 0)
		return handover.NewMemory(func() time.Time { return now }), func(d time.Duration) { now = now.Add(d) }
	})
}

// TestFull: a store that is full refuses, and takes again once what it holds expired.
func TestFull(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := handover.NewMemory(func() time.Time { return now })
	var err error
	n := 0
	for ; err == nil && n < 1_000_000; n++ {
		err = m.Put(t.Context(), fmt.Sprint(n), nil, time.Minute)
	}
	var e *authz.Error
	if !errors.As(err, &e) || e.Kind != authz.KindBusy || e.Label != "handover_full" {
		t.Fatalf("after %d: %v; want handover_full", n, err)
	}
	now = now.Add(time.Minute)
	if err := m.Put(t.Context(), "a", nil, time.Minute); err != nil {
		t.Errorf("once all expired: %v", err)
	}
}
