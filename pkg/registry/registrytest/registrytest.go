// Package registrytest is the suite that every registry.Store must pass, alone and under a registry.Registry.
package registrytest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/registry"
)

// Run runs the suite. open returns an empty store, which other registries of the same test may share.
func Run(t *testing.T, open func(t *testing.T) registry.Store) {
	for name, test := range map[string]func(*testing.T, registry.Store){
		"Documents": documents, "Shared": shared, "TwoPeople": twoPeople, "AtOnce": atOnce, "Random": random, "Deliveries": deliveries,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// Name returns the digest that stands for object i in tests.
func Name(i int) string { return "sha256:" + strings.Repeat("0", 60) + fmt.Sprintf("%04x", i) }

// Person returns somebody.
func Person(name string) registry.Who {
	return registry.Who{Ref: "https://issuer.example|" + name, Person: true}
}

func open(t *testing.T, s registry.Store) *registry.Registry {
	t.Helper()
	r, err := registry.New(registry.Config{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Ask makes a change that must have the outcome.
func Ask(t *testing.T, r *registry.Registry, a registry.Ask, by registry.Who, want registry.Outcome) registry.Version {
	t.Helper()
	got, err := r.Ask(t.Context(), a, by)
	if err != nil || got.Outcome != want {
		t.Fatalf("%s asks for %+v: %s, %v; want %s", by.Ref, a, got.Outcome, err, want)
	}
	return got.Version
}

// Stands checks what an object is.
func Stands(t *testing.T, r *registry.Registry, name, sensitivity string, state authz.ModelState) {
	t.Helper()
	got, err := r.Standing(t.Context(), [][]string{{name}})
	if err != nil || got.Sensitivity != sensitivity || got.State != state || got.Known != (state != authz.ModelUnknown) {
		t.Fatalf("%s is %+v, %v; want %s and %s", name, got, err, sensitivity, state)
	}
}

// Refused checks why a change was not made.
func Refused(t *testing.T, err error, label string) {
	t.Helper()
	if r := registry.AsRefused(err); r == nil || r.Label != label {
		t.Fatalf("got %v; want it refused as %s", err, label)
	}
}

// documents: what is written is read, and nobody writes over what he has not read.
func documents(t *testing.T, s registry.Store) {
	ctx := t.Context()
	read := func(have, wantDoc, wantRevision string) {
		t.Helper()
		doc, revision, err := s.Read(ctx, have)
		if err != nil || string(doc) != wantDoc || revision != wantRevision {
			t.Fatalf("Read(%q) = %.40q, %q, %v; want %.40q, %q", have, doc, revision, err, wantDoc, wantRevision)
		}
	}
	write := func(old, revision, doc string, want bool) {
		t.Helper()
		if ok, err := s.Write(ctx, old, revision, []byte(doc)); ok != want || err != nil {
			t.Fatalf("Write(%q, %q) = %v, %v; want %v", old, revision, ok, err, want)
		}
	}
	large := strings.Repeat("\x00\xff\n{}", registry.MaxDocument/5)
	read("", "", "")
	read("7.a", "", "")
	write("1.a", "2.b", "not yet", false)
	write("", "1.a", "=one\n!two", true)
	read("", "=one\n!two", "1.a")
	read("1.a", "", "1.a")
	write("", "1.c", "another", false)
	write("1.b", "2.b", "another", false)
	read("1.b", "=one\n!two", "1.a")
	write("1.a", "2.b", large, true)
	read("1.a", large, "2.b")
}

// shared: what one registry says holds for the next lookup of another.
func shared(t *testing.T, s registry.Store) {
	one, two := open(t, s), open(t, s)
	Stands(t, two, Name(1), "restricted", authz.ModelUnknown)
	Ask(t, one, registry.Ask{Model: "churn/1", Names: []string{Name(1)}}, Person("ada"), registry.Applied)
	Stands(t, two, Name(1), "restricted", authz.ModelActive)
	Ask(t, two, registry.Ask{Model: "churn/1", State: authz.ModelRetired}, Person("bob"), registry.Applied)
	Stands(t, one, Name(1), "restricted", authz.ModelRetired)
	all, err := one.Versions(t.Context())
	if err != nil || len(all) != 1 || all[0].Model != "churn/1" || all[0].Changed.By != Person("bob").Ref {
		t.Errorf("versions: %+v, %v", all, err)
	}
}

// twoPeople: what makes less strict takes two people, what makes stricter one.
func twoPeople(t *testing.T, s registry.Store) {
	r := open(t, s)
	v := Ask(t, r, registry.Ask{Model: "churn/1", Names: []string{Name(1)}, Sensitivity: "internal"}, Person("ada"), registry.Proposed)
	Stands(t, r, Name(1), "restricted", authz.ModelActive)
	_, err := r.Confirm(t.Context(), v.Proposal.ID, Person("ada"))
	Refused(t, err, "same_person")
	got, err := r.Confirm(t.Context(), v.Proposal.ID, Person("bob"))
	if err != nil || got.Outcome != registry.Applied || got.Version.Proposal != nil {
		t.Fatalf("confirmed: %+v, %v", got, err)
	}
	Stands(t, r, Name(1), "internal", authz.ModelActive)
	_, err = r.Confirm(t.Context(), v.Proposal.ID, Person("eve"))
	Refused(t, err, "no_proposal")
	Ask(t, r, registry.Ask{Model: "churn/1", Sensitivity: "confidential"}, Person("bob"), registry.Applied)
	Stands(t, r, Name(1), "confidential", authz.ModelActive)
	Ask(t, r, registry.Ask{Model: "churn/1", State: authz.ModelRetired}, Person("bob"), registry.Applied)
	Stands(t, r, Name(1), "confidential", authz.ModelRetired)
	v = Ask(t, r, registry.Ask{Model: "churn/1", State: authz.ModelActive}, Person("bob"), registry.Proposed)
	Stands(t, r, Name(1), "confidential", authz.ModelRetired)
	if _, err := r.Decline(t.Context(), v.Proposal.ID); err != nil {
		t.Fatal(err)
	}
	_, err = r.Confirm(t.Context(), v.Proposal.ID, Person("ada"))
	Refused(t, err, "no_proposal")
}

// deliveries: one is taken once, by whichever registry.
func deliveries(t *testing.T, s registry.Store) {
	one, two := open(t, s), open(t, s)
	hook := registry.Who{Ref: "webhook"}
	a := registry.Ask{Model: "churn/1", Names: []string{Name(1)}}
	if got, err := one.Deliver(t.Context(), a, hook, "d1", time.Now().Add(time.Hour)); err != nil || got.Outcome != registry.Applied {
		t.Fatalf("the first: %+v, %v", got, err)
	}
	for _, r := range []*registry.Registry{one, two} {
		_, err := r.Deliver(t.Context(), a, hook, "d1", time.Now().Add(time.Hour))
		Refused(t, err, "delivered")
	}
	if got, err := two.Deliver(t.Context(), a, hook, "d2", time.Now().Add(time.Hour)); err != nil || got.Outcome != registry.Unchanged {
		t.Fatalf("the same in another delivery: %+v, %v", got, err)
	}
	_, err := one.Deliver(t.Context(), a, hook, "d2", time.Now().Add(time.Hour))
	Refused(t, err, "delivered")
}

// atOnce: changes of several replicas at the same moment are all made.
func atOnce(t *testing.T, s registry.Store) {
	var all sync.WaitGroup
	for w := range 4 {
		r := open(t, s)
		all.Go(func() {
			for i := range 5 {
				a := registry.Ask{Model: fmt.Sprintf("m%d/%d", w, i), Names: []string{Name(100*w + i)}}
				for range 100 {
					_, err := r.Ask(context.WithoutCancel(t.Context()), a, Person("ada"))
					if err == nil {
						break
					}
					if authz.AsError(err).Kind != authz.KindBusy {
						t.Errorf("%s: %v", a.Model, err)
						break
					}
				}
			}
		})
	}
	all.Wait()
	if got, err := open(t, s).Versions(t.Context()); len(got) != 20 || err != nil {
		t.Errorf("%d versions of 20, %v", len(got), err)
	}
}

// random: whatever is asked by whom, nothing becomes less strict but by a confirmation of somebody who is not the only one to agree.
func random(t *testing.T, s registry.Store) {
	rnd := rand.New(rand.NewPCG(4, 2)) //nolint:gosec // the same every time
	replicas := []*registry.Registry{open(t, s), open(t, s)}
	classes := append(registry.Classes(), "")
	states := []authz.ModelState{"", authz.ModelActive, authz.ModelRetired}
	actors := []registry.Who{Person("ada"), Person("bob"), {Ref: "webhook"}}
	rank := func(r authz.Registered) int {
		n := 0
		for i, c := range registry.Classes() {
			if c == r.Sensitivity {
				n = i
			}
		}
		if r.State == authz.ModelRetired {
			n += 10
		}
		return n
	}
	stand := func() (out [6]int) {
		for i := range out {
			got, err := replicas[rnd.IntN(2)].Standing(t.Context(), [][]string{{Name(i)}})
			if err != nil {
				t.Fatal(err)
			}
			out[i] = rank(got)
		}
		return out
	}
	lowered, before := 0, stand()
	for step := range 600 {
		r, by := replicas[rnd.IntN(2)], actors[rnd.IntN(len(actors))]
		all, err := r.Versions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		agreed := map[string]bool{}
		if len(all) > 0 && rnd.IntN(2) == 0 {
			if v := all[rnd.IntN(len(all))]; v.Proposal != nil {
				for _, w := range v.Proposal.Agreed {
					agreed[w.Ref] = w.Person
				}
				agreed[by.Ref] = by.Person
				_, _ = r.Confirm(t.Context(), v.Proposal.ID, by) // refused or not
			}
		} else {
			a := registry.Ask{Model: fmt.Sprintf("m/%d", rnd.IntN(4)), Sensitivity: classes[rnd.IntN(len(classes))], State: states[rnd.IntN(len(states))]}
			for range rnd.IntN(3) {
				a.Names = append(a.Names, Name(rnd.IntN(6)))
			}
			_, _ = r.Ask(t.Context(), a, by)
		}
		after := stand()
		for i := range after {
			// More than 10 apart is retired: both ways are looked at.
			less := after[i]%10 < before[i]%10 || after[i] < 10 && before[i] >= 10
			if less && len(agreed) < 2 {
				t.Fatalf("step %d: %s made object %d less strict: %d, after %d; %v agreed", step, by.Ref, i, after[i], before[i], agreed)
			}
			if less {
				lowered++
			}
			for who, person := range agreed {
				if less && !person {
					t.Fatalf("step %d: %s is no person", step, who)
				}
			}
		}
		before = after
	}
	if lowered < 5 {
		t.Errorf("only %d were ever made less strict: the test tests nothing", lowered)
	}
}
