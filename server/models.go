package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/registry"
	"github.com/weirgate/weir/server/internal/admin"
	"github.com/weirgate/weir/server/internal/config"
)

// openRegistry returns the registry of model versions, with the counters in Redis or else in a file beside the journal; nil where there is none.
func openRegistry(ctx context.Context, c *config.Config, s store) (*registry.Registry, error) {
	if !c.Registry.Enabled() {
		return nil, nil
	}
	cfg := registry.Config{Classes: c.Registry.Classes}
	if shared, ok := s.(sharedStore); ok {
		cfg.Store = shared.redis.Registry()
	} else {
		if err := os.MkdirAll(c.Audit.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("audit.dir: %w", err)
		}
		f, err := registry.OpenFile(filepath.Join(c.Audit.Dir, "models"))
		if err != nil {
			return nil, fmt.Errorf("registry: %w", err)
		}
		cfg.Store = f
	}
	r, err := registry.New(cfg)
	if err == nil && c.Counters.URL == "" { // a Redis may come later
		_, err = r.Versions(ctx)
	}
	if err == nil {
		err = useModelsFile(c, r)
	}
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	return r, nil
}

// useModelsFile reads the operator's file of model versions; without one there is nothing to do.
func useModelsFile(c *config.Config, r *registry.Registry) error {
	if c.Registry.File == "" {
		return nil
	}
	b, err := os.ReadFile(c.Registry.File)
	if err != nil {
		return err
	}
	versions, err := registry.ReadFile(c.Registry.File, b, c.Registry.Classes)
	if err == nil {
		r.UseFile(versions)
	}
	return err
}

// standing is the registry as the guard asks it.
type standing struct {
	*registry.Registry
	targets map[string]authz.Target
}

func newStanding(c *config.Config, r *registry.Registry) standing {
	s := standing{r, map[string]authz.Target{}}
	for _, rule := range c.TargetTable().Rules {
		s.targets[rule.Target.Name] = rule.Target
	}
	return s
}

// Standing implements guard.Registry.
func (s standing) Standing(ctx context.Context, t authz.Target, op authz.Operation, p *authz.Piece, l *authz.Leave) (authz.Registered, bool, error) {
	names, sure := dialect.ObjectNames(t, op, p)
	if p == nil && l == nil && len(names[0]) == 0 && len(names) == 1 { // the answer will tell
		return authz.Registered{}, false, nil
	}
	if l != nil { // where it is a digest, the name of the object is its version
		there, _ := dialect.ObjectNames(s.targets[l.Target], authz.Operation{Object: l.Object, Version: l.Object}, &authz.Piece{Object: l.Object, Version: l.Version})
		names[0] = append(names[0], there[0]...)
	}
	r, err := s.Registry.Standing(ctx, names)
	return r, sure, err
}

// models is the registry as people and the webhook change it: each change has a record before it is made, and one of what became of it.
type models struct {
	registry  *registry.Registry
	authn     *authn.Authenticator
	reviewers []string
	hook      *registry.Webhook // nil: no events are taken
	journal   *audit.Journal
	replica   string
	log       *slog.Logger
}

// modelsTarget names the registry in records, and to what verifies tokens.
const modelsTarget = "weir.models"

// openModels returns the pages' side of the registry; nil without one.
func (s *Server) openModels() (admin.Models, error) {
	if s.registry == nil {
		return nil, nil
	}
	m := &models{registry: s.registry, authn: s.authn, reviewers: s.cfg.Registry.Reviewers, journal: s.journal, replica: s.cfg.Replica, log: s.opts.Log}
	if w := &s.cfg.Registry.Webhook; w.SecretFile != "" {
		b, err := os.ReadFile(w.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("registry.webhook.secret_file: %w", err)
		}
		m.hook = &registry.Webhook{Window: w.Window}
		for line := range bytes.Lines(b) {
			secret := bytes.TrimSpace(line)
			if len(secret) > 0 {
				m.hook.Secrets = append(m.hook.Secrets, secret)
			}
			if n := len(secret); n > 0 && n < 32 {
				return nil, fmt.Errorf("registry.webhook.secret_file: a secret of %d characters: want at least 32", n)
			}
		}
	}
	return m, nil
}

// Reviewer implements admin.Models.
func (m *models) Reviewer(r *http.Request) (authz.Subject, error) {
	if m.authn == nil || len(m.reviewers) == 0 {
		return authz.Subject{}, notReviewer()
	}
	req := authz.Request{
		Method: r.Method, Scheme: "http", Host: r.Host, Path: r.URL.RequestURI(), Headers: authz.Header{}, Source: r.RemoteAddr, Time: time.Now(),
	}
	for name, values := range r.Header {
		req.Headers[string(bytes.ToLower([]byte(name)))] = values
	}
	id, err := m.authn.Authenticate(r.Context(), req, authz.Target{Name: modelsTarget, Kind: authz.KindRegistry})
	if err != nil {
		return authz.Subject{}, err
	}
	if !slices.ContainsFunc(id.Subject.Groups, func(g string) bool { return slices.Contains(m.reviewers, g) }) {
		rec := operatorRecord(m.replica, id.Subject, authz.Target{Name: modelsTarget, Kind: authz.KindRegistry})
		rec.Operation = authz.Operation{Class: authz.ClassAdmin, Complete: true, Object: r.URL.Path}
		rec.Verdict = authz.Decision{Effect: authz.Deny, Rule: modelsTarget + ".reviewer", Record: authz.RecordDurable}
		rec.Enforced, rec.Label = authz.Deny, "not_a_reviewer"
		err := m.write(r.Context(), rec)
		rec.Event, rec.Outcome = authz.EventCompletion, authz.OutcomeRefused
		return authz.Subject{}, cmp.Or(errors.Join(err, m.write(r.Context(), rec)), notReviewer())
	}
	return id.Subject, nil
}

func notReviewer() error {
	return &authz.Error{Kind: authz.KindForbidden, Label: "not_a_reviewer", Public: "you are in no group that may see and change model versions (registry.reviewers)"}
}

// Versions implements admin.Models.
func (m *models) Versions(ctx context.Context) ([]registry.Version, error) {
	return m.registry.Versions(ctx)
}

// Ask implements admin.Models.
func (m *models) Ask(ctx context.Context, by authz.Subject, a registry.Ask) (registry.Result, string, error) {
	return m.recorded(ctx, by, "ask", a, func() (registry.Result, error) { return m.registry.Ask(ctx, a, registry.Subject(by)) })
}

// Confirm implements admin.Models.
func (m *models) Confirm(ctx context.Context, by authz.Subject, proposal string) (registry.Result, string, error) {
	return m.recorded(ctx, by, "confirm", admin.ModelsConfirm{Proposal: proposal}, func() (registry.Result, error) {
		return m.registry.Confirm(ctx, proposal, registry.Subject(by))
	})
}

// Decline implements admin.Models.
func (m *models) Decline(ctx context.Context, by authz.Subject, proposal string) (registry.Result, string, error) {
	return m.recorded(ctx, by, "decline", admin.ModelsConfirm{Proposal: proposal}, func() (registry.Result, error) { return m.registry.Decline(ctx, proposal) })
}

// webhookName is the webhook in records, and as who changed something.
const webhookName = "webhook"

// Deliver implements admin.Models.
func (m *models) Deliver(ctx context.Context, h http.Header, body []byte) (registry.Result, string, error) {
	if m.hook == nil {
		return registry.Result{}, "", &registry.Refused{Label: "unsigned", Text: "no events are taken here (registry.webhook)"}
	}
	delivery, until, err := m.hook.Verify(h, body, time.Now())
	if err != nil { // nobody knows who it was: no record, which would let anybody fill the journal
		return registry.Result{}, "", &registry.Refused{Label: "unsigned", Text: err.Error()}
	}
	a, err := registry.ReadEvent(body)
	if err != nil {
		return registry.Result{}, "", err
	}
	by := authz.Subject{Issuer: operatorEntry, ID: webhookName, Kind: authz.Workload, Credential: delivery}
	return m.recorded(ctx, by, "deliver", a, func() (registry.Result, error) {
		return m.registry.Deliver(ctx, a, registry.Who{Ref: webhookName}, delivery, until)
	})
}

// became is what a record says of what became of a change.
type became struct {
	Outcome     registry.Outcome `json:"outcome"`
	Model       string           `json:"model,omitempty"`
	Names       int              `json:"names,omitempty"`
	Sensitivity string           `json:"sensitivity,omitempty"`
	State       authz.ModelState `json:"state,omitempty"`
	Proposal    string           `json:"proposal,omitempty"`
	Missing     int              `json:"missing,omitempty"` // people who must agree yet
}

// recorded makes a change, with a record before and one after. What cannot be written down is not made.
func (m *models) recorded(ctx context.Context, by authz.Subject, what string, asked any, change func() (registry.Result, error)) (registry.Result, string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), modelsPatience) // whoever asked may leave
	defer cancel()
	text, err := json.Marshal(asked)
	if err != nil {
		return registry.Result{}, "", err
	}
	rec := operatorRecord(m.replica, by, authz.Target{Name: modelsTarget, Kind: authz.KindRegistry})
	rec.Operation = authz.Operation{Class: authz.ClassAdmin, Complete: true, Collection: what, Object: string(text)}
	rec.Verdict, rec.Enforced = authz.Decision{Effect: authz.Allow, Rule: modelsTarget + "." + what, Record: authz.RecordDurable}, authz.Allow
	if err := m.write(ctx, rec); err != nil {
		return registry.Result{}, "", err
	}
	result, err := change()
	if err != nil {
		m.log.Warn("model version not changed", "what", what, "decision", rec.Decision, "cause", err)
	} else {
		m.log.Info("model version changed", "what", what, "outcome", result.Outcome, "model", result.Version.Model, "decision", rec.Decision)
	}
	rec.Event, rec.Time, rec.Outcome = authz.EventCompletion, time.Now(), authz.OutcomeComplete
	if refused := registry.AsRefused(err); refused != nil {
		rec.Verdict.Effect, rec.Verdict.Reason, rec.Enforced, rec.Outcome, rec.Label = authz.Deny, refused.Text, authz.Deny, authz.OutcomeRefused, refused.Label
	} else if err != nil {
		rec.Outcome, rec.Label = authz.OutcomeFailed, authz.AsError(err).Label
	} else if text, err := json.Marshal(becomes(result)); err == nil {
		rec.Operation.Object = string(text)
	}
	return result, rec.Decision, errors.Join(err, m.write(ctx, rec))
}

// modelsPatience bounds one change, its records among it.
const modelsPatience = 10 * time.Second

func becomes(r registry.Result) became {
	v := &r.Version
	b := became{r.Outcome, v.Model, len(v.Names), v.Sensitivity, v.State, "", 0}
	if v.Proposal != nil {
		b.Proposal, b.Missing = v.Proposal.ID, v.Proposal.Missing()
	}
	return b
}

func (m *models) write(ctx context.Context, rec *authz.Record) error {
	receipt, err := m.journal.Append(rec)
	if err == nil {
		err = receipt.Wait(ctx)
	}
	if err != nil {
		return &authz.Error{Kind: authz.KindUnavailable, Label: "journal_unavailable", Public: "Weir could not write its audit record", Err: err}
	}
	return nil
}

// reloadModels reads the operator's file of model versions again. One that is wrong leaves the last good one in force.
func (s *Server) reloadModels() {
	if s.registry == nil {
		return
	}
	if err := useModelsFile(s.cfg, s.registry); err != nil {
		now := time.Now()
		s.modelsOld.CompareAndSwap(nil, &now)
		s.opts.Log.Error("the file of model versions was not taken; the last good one stays in force", "cause", err)
		return
	}
	s.modelsOld.Store(nil)
}

// modelsCheck is the registry's line of /readyz. Without it, objects of stores are refused and nothing else is.
func (s *Server) modelsCheck(ctx context.Context) admin.Check {
	c := admin.Result("models", nil, "registry")
	if _, err := s.registry.Standing(ctx, nil); err != nil {
		c.Setting, c.Warning = "registry", "objects of stores are refused: "+err.Error()
	} else if since := s.modelsOld.Load(); since != nil {
		c.Setting = "registry.file"
		c.Warning = fmt.Sprintf("the file of model versions was not taken since %s: the last good one is in force, and weir check says why", since.UTC().Format(time.RFC3339))
	}
	return c
}
