package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/registry"
)

// Models is the registry of model versions as its pages need it: it knows who may, and writes down who did. Errors are *registry.Refused, or of
// package authz; both may be told.
type Models interface {
	// Reviewer returns who makes a request, by the token in it: an error for everybody but reviewers.
	Reviewer(r *http.Request) (authz.Subject, error)
	Versions(ctx context.Context) ([]registry.Version, error)
	// Ask, Confirm and Decline also return the ID of the record.
	Ask(ctx context.Context, by authz.Subject, a registry.Ask) (registry.Result, string, error)
	Confirm(ctx context.Context, by authz.Subject, proposal string) (registry.Result, string, error)
	Decline(ctx context.Context, by authz.Subject, proposal string) (registry.Result, string, error)
	// Deliver takes an event that came by the webhook.
	Deliver(ctx context.Context, h http.Header, body []byte) (registry.Result, string, error)
}

// ModelsAnswer is what the pages of the registry answer, whatever was asked. Its JSON form is what weir models --json prints.
type ModelsAnswer struct {
	Outcome registry.Outcome   `json:"outcome,omitempty"`
	Record  string             `json:"record,omitempty"` // the ID of the records of a change
	Version *registry.Version  `json:"version,omitempty"`
	Models  []registry.Version `json:"models,omitempty"`
}

// ModelsProblem is what they answer where something is not done (RFC 9457).
type ModelsProblem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Rule   string `json:"rule"` // why in one word
}

// ModelsConfirm is the body of /models/confirm and /models/decline.
type ModelsConfirm struct {
	Proposal string `json:"proposal"`
}

// modelPages adds the pages of the registry. All but the webhook's take a reviewer's token; the webhook's takes a signature.
func modelPages(mux *http.ServeMux, m Models) {
	page := func(do func(r *http.Request, by authz.Subject, body []byte) (ModelsAnswer, error)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			by, err := m.Reviewer(r)
			var body []byte
			if err == nil {
				body, err = whole(w, r)
			}
			var a ModelsAnswer
			if err == nil {
				a, err = do(r, by, body)
			}
			tell(w, a, err)
		})
	}
	mux.Handle("GET /models", page(func(r *http.Request, _ authz.Subject, _ []byte) (a ModelsAnswer, err error) {
		a.Models, err = m.Versions(r.Context())
		return a, err
	}))
	mux.Handle("POST /models/ask", page(func(r *http.Request, by authz.Subject, body []byte) (ModelsAnswer, error) {
		var a registry.Ask
		if err := strictly(body, &a); err != nil {
			return ModelsAnswer{}, err
		}
		return changed(m.Ask(r.Context(), by, a))
	}))
	for path, do := range map[string]func(context.Context, authz.Subject, string) (registry.Result, string, error){
		"POST /models/confirm": m.Confirm, "POST /models/decline": m.Decline,
	} {
		mux.Handle(path, page(func(r *http.Request, by authz.Subject, body []byte) (ModelsAnswer, error) {
			var c ModelsConfirm
			if err := strictly(body, &c); err != nil {
				return ModelsAnswer{}, err
			}
			return changed(do(r.Context(), by, c.Proposal))
		}))
	}
	mux.HandleFunc("POST /models/webhook", func(w http.ResponseWriter, r *http.Request) {
		var a ModelsAnswer
		body, err := whole(w, r)
		if err == nil {
			a, err = changed(m.Deliver(r.Context(), r.Header, body))
		}
		if a.Version != nil && a.Version.Model == "" { // it meant nothing here
			a.Version = nil
		}
		tell(w, a, err)
	})
}

// changed is the answer to a change.
func changed(result registry.Result, record string, err error) (ModelsAnswer, error) {
	if err != nil {
		return ModelsAnswer{}, err
	}
	return ModelsAnswer{Outcome: result.Outcome, Record: record, Version: &result.Version}, nil
}

// whole reads a body, which may not be large.
func whole(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, registry.MaxEvent))
	if err != nil {
		return nil, &registry.Refused{Label: "invalid", Text: "the body is too large, or did not come whole"}
	}
	return b, nil
}

// strictly reads a body of ours.
func strictly(body []byte, to any) error {
	if err := registry.Strictly(body, to); err != nil {
		return &registry.Refused{Label: "invalid", Text: "the body cannot be read: " + err.Error()}
	}
	return nil
}

// tell writes an answer, or what is wrong.
func tell(w http.ResponseWriter, a ModelsAnswer, err error) {
	if err == nil {
		answer(w, http.StatusOK, a)
		return
	}
	p := problemOf(err)
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // a client that left needs no answer
}

// problemOf says of an error what may be said.
func problemOf(err error) ModelsProblem {
	var refused *registry.Refused
	p := ModelsProblem{Type: "about:blank"}
	if errors.As(err, &refused) {
		p.Detail, p.Rule = refused.Text, "weir."+refused.Label
		switch refused.Label {
		case "invalid":
			p.Status = http.StatusBadRequest
		case "unsigned":
			p.Status = http.StatusUnauthorized
		case "no_proposal", "unknown_model":
			p.Status = http.StatusNotFound
		case "full", "delivered":
			p.Status = http.StatusConflict
		default:
			p.Status = http.StatusForbidden
		}
	} else {
		e := authz.AsError(err)
		p.Detail, p.Rule = e.Public, "weir."+e.Label
		switch e.Kind {
		case authz.KindUnauthenticated:
			p.Status = http.StatusUnauthorized
		case authz.KindForbidden:
			p.Status = http.StatusForbidden
		case authz.KindBadRequest:
			p.Status = http.StatusBadRequest
		default:
			p.Status = http.StatusServiceUnavailable
		}
	}
	p.Title = http.StatusText(p.Status)
	return p
}
