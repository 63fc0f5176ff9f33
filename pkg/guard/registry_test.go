package guard_test

import (
	"context"
	"errors"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/guard"
)

// shelf is a registry that knows what the request names, what the answer states, or nothing.
type shelf struct {
	byRequest, byAnswer *authz.Registered
	sure                bool
	err                 error
}

func (s *shelf) Standing(_ context.Context, _ authz.Target, _ authz.Operation, p *authz.Piece, _ *authz.Leave) (authz.Registered, bool, error) {
	switch {
	case s.err != nil:
		return authz.Registered{}, false, s.err
	case p != nil && s.byAnswer != nil:
		return *s.byAnswer, s.sure, nil
	case s.byRequest != nil:
		return *s.byRequest, s.sure, nil
	}
	return authz.Registered{Sensitivity: "restricted", State: authz.ModelUnknown}, s.sure, nil
}

// TestRegistry: policy is told what a model version is as soon as that can be known, and at the latest before any of it leaves.
func TestRegistry(t *testing.T) {
	unknown := &authz.Registered{Sensitivity: "restricted", State: authz.ModelUnknown}
	public := &authz.Registered{Known: true, Sensitivity: "public", State: authz.ModelActive}
	retired := &authz.Registered{Known: true, Sensitivity: "public", State: authz.ModelRetired}
	piece := &authz.Piece{Object: "o", Version: "v", Size: 9, Length: 9}
	file := authz.Operation{Class: authz.ClassRead, Complete: true, Object: "o"}
	tests := map[string]struct {
		shelf             shelf
		op                authz.Operation
		entry             string
		resp              authz.Response
		atRequest, atHead *authz.Registered
		inputs            int
	}{
		"the answer tells":       {shelf{byAnswer: public}, file, "", authz.Response{Status: 200, Object: piece}, nil, public, 2},
		"nobody tells":           {shelf{}, file, "", authz.Response{Status: 200, Object: piece}, nil, unknown, 2},
		"the request tells":      {shelf{byRequest: retired}, file, "", authz.Response{Status: 200, Object: piece}, retired, retired, 2},
		"the answer tells more":  {shelf{byRequest: public, byAnswer: retired}, file, "", authz.Response{Status: 200, Object: piece}, public, retired, 2},
		"an unknown digest":      {shelf{sure: true}, file, "", authz.Response{Status: 404}, unknown, nil, 1},
		"no answer is seen":      {shelf{}, file, "ext_authz", authz.Response{}, unknown, nil, 1},
		"nor a retired one":      {shelf{byAnswer: retired}, file, "ext_authz", authz.Response{}, retired, nil, 1},
		"elsewhere":              {shelf{}, file, "", authz.Response{Status: 302, Object: &authz.Piece{Object: "o", Size: -1, Length: -1}}, nil, unknown, 2},
		"not modified":           {shelf{}, file, "", authz.Response{Status: 304}, nil, nil, 1},
		"an error":               {shelf{}, file, "", authz.Response{Status: 500}, nil, nil, 1},
		"a list":                 {shelf{sure: true}, authz.Operation{Class: authz.ClassList, Complete: true, Object: "o"}, "", authz.Response{Status: 302, Object: piece}, nil, nil, 2},
		"an upload":              {shelf{sure: true}, authz.Operation{Class: authz.ClassWrite, Complete: true, Object: "o"}, "", authz.Response{Status: 200}, nil, nil, 1},
		"an export of an object": {shelf{}, authz.Operation{Class: authz.ClassExport, Complete: true, Object: "o"}, "", authz.Response{Status: 200, Object: piece}, nil, unknown, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.op, w.reads.Object = test.op, true
			w.rebuild(func(c *guard.Config) {
				if c.Registry = &test.shelf; test.entry != "" {
					c.Entry, c.Handover = test.entry, nil
				}
			})
			a := w.guard.Begin(authz.Request{Method: "GET"})
			a.Admit(t.Context())
			is := func(got, want *authz.Registered) {
				t.Helper()
				if (got == nil) != (want == nil) || got != nil && *got != *want {
					t.Errorf("policy is told %+v, want %+v", got, want)
				}
			}
			is(w.inputs[0].Operation.Registered, test.atRequest)
			a.Respond(t.Context(), test.resp)
			if len(w.inputs) != test.inputs {
				t.Fatalf("policy was asked %d times, want %d", len(w.inputs), test.inputs)
			}
			if test.inputs == 2 {
				is(w.inputs[1].Operation.Registered, test.atHead)
				is(a.Operation().Registered, test.atHead)
			}
		})
	}
}

// TestRegistryAway: what cannot be looked up is refused, at the request and at the answer.
func TestRegistryAway(t *testing.T) {
	w, s := newWorld(t), &shelf{}
	w.op, w.reads.Object = authz.Operation{Class: authz.ClassRead, Complete: true, Object: "o"}, true
	w.rebuild(func(c *guard.Config) { c.Registry = s })
	a := w.guard.Begin(authz.Request{Method: "GET"})
	if a.Admit(t.Context()); !a.Allowed() {
		t.Fatal(a.Decision())
	}
	s.err = errors.New("away")
	for _, resp := range []authz.Response{{Status: 302, Object: &authz.Piece{Object: "o"}}, {Status: 200, Object: &authz.Piece{Object: "o"}}} {
		if a.Respond(t.Context(), resp); a.Allowed() || a.Decision().Kind != authz.KindUnavailable {
			t.Errorf("%+v: %+v", resp, a.Decision())
		}
	}
	b := w.guard.Begin(authz.Request{Method: "GET"})
	if b.Admit(t.Context()); b.Allowed() || b.Decision().Kind != authz.KindUnavailable {
		t.Errorf("at the request: %+v", b.Decision())
	}
}
