package guard_test

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

// TestNeverTakenUp: what was handed over and never redeemed is given back and recorded as aborted once its ticket has expired; what was
// redeemed is not.
func TestNeverTakenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		req := authz.Request{Method: "POST", Path: "/p"}
		var tickets []string
		for range 2 {
			a := w.guard.Begin(req)
			a.Admit(t.Context())
			ticket, err := a.Suspend(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tickets = append(tickets, ticket)
		}
		taken, err := w.guard.Redeem(t.Context(), tickets[0], req)
		if err != nil {
			t.Fatal(err)
		}
		later := func(d time.Duration) {
			w.now = w.now.Add(d)
			ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
			defer stop()
			if err := w.guard.Run(ctx); err != nil {
				t.Error(err)
			}
		}
		later(9 * time.Second)
		if w.cancels != 0 {
			t.Errorf("%d cancelled while their tickets were good", w.cancels)
		}
		later(3 * time.Second)
		last := w.records[len(w.records)-1]
		if w.cancels != 1 || last.Event != authz.EventCompletion || last.Outcome != authz.OutcomeAborted || last.Decision == taken.ID() {
			t.Errorf("%d cancelled, last record %+v; want one cancelled and its completion", w.cancels, last)
		}
		if _, err := w.guard.Redeem(t.Context(), tickets[1], req); err == nil {
			t.Error("redeemed after its books were closed")
		}
		if err := taken.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeComplete, Head: true}); err != nil {
			t.Error(err)
		}
	})
}

func TestTicket(t *testing.T) {
	req := authz.Request{Method: "POST", Host: "H:1", Path: "/p?q=1", Route: "embeddings"}
	admit := func(w *world) (string, string) {
		a := w.guard.Begin(req)
		a.Admit(t.Context())
		ticket, err := a.Suspend(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(ticket) > 300 {
			t.Fatalf("ticket of %d bytes", len(ticket))
		}
		return ticket, a.ID()
	}
	t.Run("resumes once", func(t *testing.T) {
		w := newWorld(t)
		ticket, id := admit(w)
		a, err := w.guard.Redeem(t.Context(), ticket, req)
		if err != nil || a.ID() != id || !a.Allowed() {
			t.Fatalf("Redeem = %v, %v", a, err)
		}
		if err := a.Finish(t.Context(), guard.Final{Head: true, Volume: authz.Volume{}.With(authz.UnitVectors, 1)}); err != nil {
			t.Fatal(err)
		}
		if w.settled[id].Of(authz.UnitVectors) != 1 || len(w.records) != 2 {
			t.Errorf("settled %v, %d records", w.settled, len(w.records))
		}
		if _, err := w.guard.Redeem(t.Context(), ticket, req); authz.AsError(err).Label != "ticket_used" {
			t.Errorf("second Redeem: %v", err)
		}
	})
	t.Run("for another target", func(t *testing.T) {
		for _, mode := range []authz.Mode{authz.ModeEnforce, authz.ModeObserve} {
			w := newWorld(t)
			w.target.Mode = mode
			ticket, id := admit(w)
			r := req
			r.Route = w.target.Name + "2"
			a, err := w.guard.Redeem(t.Context(), ticket, r)
			if err != nil || a.Allowed() || a.Decision().Rule != "weir.target_conflict" {
				t.Fatalf("Redeem = %v, allowed %v, %v", a.Decision(), a.Allowed(), err)
			}
			if err := a.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeRefused}); err != nil {
				t.Fatal(err)
			}
			if w.cancels != 1 || len(w.records) != 2 || w.records[1].Decision != id {
				t.Errorf("%d cancels, records %v", w.cancels, w.records)
			}
		}
	})
	t.Run("carries what policy is asked with", func(t *testing.T) { // ext_authz strips weir-* headers, so the second call does not bring it
		w := newWorld(t)
		w.body = true
		first := req
		first.Headers = authz.Header{"weir-justification": {"MODEL-42"}}
		a := w.guard.Begin(first)
		a.Admit(t.Context())
		ticket, err := a.Suspend(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if a, err = w.guard.Redeem(t.Context(), ticket, req); err != nil {
			t.Fatal(err)
		}
		a.Refine(t.Context(), authz.Operation{Class: authz.ClassEmbed, Complete: true})
		if len(w.inputs) != 1 || w.inputs[0].Justification != "MODEL-42" || w.inputs[0].Subject.Claims["number"] != json.Number("9007199254740993") {
			t.Errorf("policy was asked with %+v", w.inputs)
		}
	})
	t.Run("carries all of the target", func(t *testing.T) {
		w := newWorld(t)
		fill(t, reflect.ValueOf(&w.target).Elem())
		ticket, _ := admit(w)
		a, err := w.guard.Redeem(t.Context(), ticket, req)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Target(); !reflect.DeepEqual(got, w.target) {
			t.Errorf("the target is now\n%+v, and was\n%+v", got, w.target)
		}
	})
	bad := map[string]struct {
		change func(w *world, ticket *string, r *authz.Request)
		label  string
	}{
		"missing":       {func(_ *world, s *string, _ *authz.Request) { *s = "" }, "ticket_missing"},
		"forged":        {func(_ *world, s *string, _ *authz.Request) { *s = "Z" + (*s)[1:] }, "ticket_forged"},
		"other path":    {func(_ *world, _ *string, r *authz.Request) { r.Path = "/p?q=2" }, "ticket_forged"},
		"other method":  {func(_ *world, _ *string, r *authz.Request) { r.Method = "GET" }, "ticket_forged"},
		"other host":    {func(_ *world, _ *string, r *authz.Request) { r.Host = "evil" }, "ticket_forged"},
		"expired":       {func(w *world, _ *string, _ *authz.Request) { w.now = w.now.Add(time.Minute) }, "ticket_expired"},
		"another store": {func(w *world, _ *string, _ *authz.Request) { clear(w.taken) }, "ticket_used"},
	}
	for name, tc := range bad {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			ticket, _ := admit(w)
			r := req
			tc.change(w, &ticket, &r)
			a, err := w.guard.Redeem(t.Context(), ticket, r)
			if a != nil || authz.AsError(err).Label != tc.label {
				t.Errorf("Redeem = %v, %v; want %s", a, err, tc.label)
			}
			w.records, w.target.Mode = nil, authz.ModeObserve
			a = w.guard.Refused(r, authz.AsError(err))
			if a.Allowed() || a.Observed() || a.Decision().Rule != "weir."+tc.label {
				t.Errorf("Refused = %+v", a.Decision())
			}
			if err := a.Finish(t.Context(), guard.Final{Outcome: authz.OutcomeRefused, Status: 503}); err != nil {
				t.Fatal(err)
			}
			if len(w.records) != 2 || w.records[0].Enforced != authz.Deny || w.records[1].Label != tc.label {
				t.Errorf("records: %+v", w.records)
			}
		})
	}
	t.Run("every flipped bit", func(t *testing.T) {
		w := newWorld(t)
		ticket, _ := admit(w)
		for i := range len(ticket) {
			b := []byte(ticket)
			b[i] ^= 1
			if a, err := w.guard.Redeem(t.Context(), string(b), req); a != nil || err == nil {
				t.Fatalf("byte %d flipped: accepted", i)
			}
		}
	})
}

// fill puts something into every field that is empty, so that a field that is new, and is not carried, is seen.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		f := v.Field(i)
		if !f.IsZero() && f.Kind() != reflect.Struct {
			continue
		}
		switch f.Kind() {
		case reflect.Struct:
			fill(t, f)
		case reflect.String:
			f.SetString("some")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int64:
			f.SetInt(7)
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"some"}))
		case reflect.Map:
			f.Set(reflect.ValueOf(map[string]string{"some": "thing"}))
		default:
			t.Fatalf("field %s: a %s, which this test does not know to fill", v.Type().Field(i).Name, f.Kind())
		}
	}
}
