package redisstore_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
	"github.com/weirgate/weir/pkg/registry"
	"github.com/weirgate/weir/pkg/registry/registrytest"
)

func TestRegistry(t *testing.T) {
	for _, d := range deployments()[:2] {
		t.Run(d.name, func(t *testing.T) {
			url, flush := d.start(t)
			registrytest.Run(t, func(t *testing.T) registry.Store {
				flush(t)
				return newStore(t, redisstore.Config{URL: url, Coverage: coverage.TTL}).Registry()
			})
		})
	}
}

// models is a registry of another replica.
func models(t *testing.T, url string) (*registry.Registry, *redisstore.Store) {
	t.Helper()
	s := newStore(t, redisstore.Config{URL: url, Coverage: coverage.TTL})
	r, err := registry.New(registry.Config{Store: s.Registry()})
	if err != nil {
		t.Fatal(err)
	}
	return r, s
}

// TestRegistryFaults: a Redis that is away or has forgotten refuses, and one that an operator accepts is given back what a replica has.
func TestRegistryFaults(t *testing.T) {
	server := redistest.Start(t)
	one, s := models(t, server.URL())
	two, _ := models(t, server.URL())
	retired := registrytest.Name(1)
	registrytest.Ask(t, one, registry.Ask{Model: "churn/1", Names: []string{retired}, State: authz.ModelRetired}, registrytest.Person("ada"), registry.Applied)
	registrytest.Stands(t, two, retired, "restricted", authz.ModelRetired)

	server.Do(t, "FLUSHALL")
	for _, r := range []*registry.Registry{one, two} {
		if got, err := r.Standing(t.Context(), [][]string{{retired}}); authz.AsError(err) == nil || authz.AsError(err).Label != "store_amnesiac" {
			t.Errorf("an empty Redis is believed: %+v, %v", got, err)
		}
	}
	if err := s.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	registrytest.Stands(t, one, retired, "restricted", authz.ModelRetired)
	fresh, _ := models(t, server.URL())
	registrytest.Stands(t, fresh, retired, "restricted", authz.ModelRetired)

	server.Stop()
	if _, err := fresh.Standing(t.Context(), nil); authz.AsError(err) == nil || authz.AsError(err).Label != "store_unavailable" {
		t.Errorf("a Redis that is away: %v", err)
	}
}
