package registry

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Outcome is what became of a change.
type Outcome string

// The outcomes.
const (
	Applied   Outcome = "applied"   // it holds
	Proposed  Outcome = "proposed"  // it waits for people to agree
	Unchanged Outcome = "unchanged" // it was so already
)

// Result is what became of a change, and the version as it is now.
type Result struct {
	Outcome Outcome `json:"outcome"`
	Version Version `json:"version"`
}

// edit makes a version of a document: what is to be in place of the one of its name, or nothing where all is as it should be. model is the name, as
// far as it is known before.
type edit struct {
	model string
	make  func(d *document, now time.Time) (*Version, Outcome, error)
}

// tries is how often a change is made anew because another came between.
const tries = 5

// Ask makes a change as far as one may make it alone, and a proposal of the rest. A version that is not there is registered if it comes with
// names. What is refused is a *Refused; any other error says that it is not known whether the change was made.
func (r *Registry) Ask(ctx context.Context, a Ask, by Who) (Result, error) {
	if err := a.check(r.classes); err != nil {
		return Result{}, err
	}
	made := asking(a, by)
	return r.change(ctx, edit{a.Model, func(d *document, now time.Time) (*Version, Outcome, error) {
		if d.find(a.Model) == nil && len(a.Names) == 0 { // a name that is misspelt would be retired, and nothing else
			return nil, "", refuse("unknown_model", "there is no version %s: to register it, say what its objects are known by", clip(a.Model))
		}
		return made.make(d, now)
	}}, "", time.Time{})
}

// Confirm agrees to a proposal. Once two different people do, it holds.
func (r *Registry) Confirm(ctx context.Context, proposal string, by Who) (Result, error) {
	return r.change(ctx, confirming(proposal, by), "", time.Time{})
}

// Decline drops a proposal, whoever made it.
func (r *Registry) Decline(ctx context.Context, proposal string) (Result, error) {
	return r.change(ctx, edit{make: func(d *document, now time.Time) (*Version, Outcome, error) {
		v, err := d.proposed(proposal, now)
		if err != nil {
			return nil, "", err
		}
		v.Proposal = nil
		return v, Applied, nil
	}}, "", time.Time{})
}

// Deliver makes a change that a signed delivery asks for, once: one that was made before is a *Refused labelled delivered. until is when the
// delivery is too old to be taken anyway. A version that is not there is registered, with names or without: those may come in the next delivery. An
// ask without a model changes nothing.
func (r *Registry) Deliver(ctx context.Context, a Ask, by Who, delivery string, until time.Time) (Result, error) {
	made := edit{make: func(*document, time.Time) (*Version, Outcome, error) { return nil, Unchanged, nil }}
	if a.Model != "" {
		if err := a.check(r.classes); err != nil {
			return Result{}, err
		}
		made = asking(a, by)
	}
	return r.change(ctx, made, delivery, until)
}

// change makes a change of the document that is there now.
func (r *Registry) change(ctx context.Context, made edit, delivery string, until time.Time) (Result, error) {
	for range tries {
		kept, file, err := r.current(ctx)
		if err != nil {
			return Result{}, err
		}
		now := r.now().UTC().Truncate(time.Second)
		if _, ok := kept.delivered[delivery]; ok && delivery != "" {
			return Result{}, refuse("delivered", "this delivery was taken before")
		}
		before := kept
		if filed := file.find(made.model); filed != nil && kept.find(made.model) == nil { // it begins as the file has it
			v := *filed
			v.Source = ""
			before = kept.with(&v, now)
		}
		v, outcome, err := made.make(before, now)
		if err != nil {
			return Result{}, err
		}
		result := Result{Outcome: outcome}
		if v != nil {
			result.Version = *v
		}
		if outcome == Unchanged && delivery == "" {
			return result, nil
		}
		if outcome == Unchanged {
			v = nil
		}
		next := kept.with(v, now)
		if delivery != "" {
			if next.delivered == nil {
				next.delivered = map[string]time.Time{}
			}
			next.delivered[delivery] = until
		}
		if err := next.seal(kept.revision); err != nil {
			return Result{}, err
		}
		ok, err := r.store.Write(ctx, kept.revision, next.revision, next.text)
		if err != nil {
			return Result{}, err
		}
		if ok {
			r.keep(next)
			return result, nil
		}
	}
	return Result{}, errBusy()
}

// asking is the edit of an ask.
func asking(a Ask, by Who) edit {
	return edit{a.Model, func(d *document, now time.Time) (*Version, Outcome, error) {
		was, v := d.find(a.Model), Version{Model: a.Model, Sensitivity: d.highest(), State: authz.ModelActive}
		if was != nil {
			v = *was
		}
		if v.Proposal != nil && !now.Before(v.Proposal.Expires) {
			v.Proposal = nil
		}
		if a.Promoted != "" {
			v.Promoted = Mark{by.Ref, now, a.Promoted}
		}
		mark := Mark{by.Ref, now, a.Reason}
		if was == nil {
			v.Changed = mark
		}
		promoted := v
		alone := d.alone(v, a, mark)
		full := alone
		full.take(a.Names, a.Sensitivity, a.State, mark)
		if len(full.Names) > MaxNames {
			return nil, "", refuse("full", "%s would have more than %d names", clip(a.Model), MaxNames)
		}
		changed := was == nil || !alone.equal(&promoted)
		if changed { // people agreed to lower what it was before
			alone.Proposal = nil
		}
		switch p := alone.Proposal; {
		case full.equal(&alone) && (changed || a.Promoted != ""):
			return &alone, Applied, nil
		case full.equal(&alone):
			return &alone, Unchanged, nil
		case p != nil && p.says(&a, by):
			return &alone, Proposed, nil
		}
		alone.Proposal = &Proposal{
			ID: strings.ToLower(rand.Text()[:16]), By: by, At: now, Expires: now.Add(ProposalLife), Names: added(alone.Names, a.Names),
			Sensitivity: a.Sensitivity, State: a.State, Reason: a.Reason,
		}
		if by.Person {
			alone.Proposal.Agreed = []Who{by}
		}
		return &alone, Proposed, nil
	}}
}

// alone is a version with as much of an ask as makes nothing less strict. A name that no version has stands for the highest class: it is given
// to a version of that class only. One that some version has stays at least as strict as it is.
func (d *document) alone(v Version, a Ask, mark Mark) Version {
	if d.rank(a.Sensitivity) < d.rank(v.Sensitivity) {
		a.Sensitivity = ""
	}
	if a.State == authz.ModelActive {
		a.State = ""
	}
	v.take(nil, a.Sensitivity, a.State, mark)
	unknown := func(n string) bool { return len(d.named[n]) == 0 }
	if v.Sensitivity == d.highest() || !slices.ContainsFunc(a.Names, unknown) {
		v.take(a.Names, "", "", mark)
	}
	return v
}

// take changes a version.
func (v *Version) take(names []string, sensitivity string, state authz.ModelState, mark Mark) {
	was := *v
	v.Names = union(v.Names, names)
	if sensitivity != "" {
		v.Sensitivity = sensitivity
	}
	if state != "" {
		v.State = state
	}
	if !v.equal(&was) {
		v.Changed = mark
	}
}

// equal reports whether two versions say the same of objects.
func (v *Version) equal(o *Version) bool {
	return v.Sensitivity == o.Sensitivity && v.State == o.State && slices.Equal(v.Names, o.Names)
}

// says reports whether a proposal is by by, and asks for the same.
func (p *Proposal) says(a *Ask, by Who) bool {
	return p.By == by && p.Sensitivity == a.Sensitivity && p.State == a.State && p.Reason == a.Reason &&
		!slices.ContainsFunc(p.Names, func(n string) bool { return !slices.Contains(a.Names, n) })
}

func added(to, names []string) []string { return union(to, names)[len(to):] }

// union appends what is not there yet. It does not change to.
func union(to, names []string) []string {
	out := slices.Clip(to)
	for _, n := range names {
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// proposed returns a copy of the version that has a proposal.
func (d *document) proposed(id string, now time.Time) (*Version, error) {
	for i := range d.versions {
		if p := d.versions[i].Proposal; p != nil && p.ID == id && id != "" && now.Before(p.Expires) {
			v := d.versions[i]
			return &v, nil
		}
	}
	return nil, refuse("no_proposal", "there is no proposal %q, or not any more: it was confirmed, declined or replaced, the version was made stricter, or it was too old", clip(id))
}

// confirming is the edit of a confirmation.
func confirming(id string, by Who) edit {
	return edit{make: func(d *document, now time.Time) (*Version, Outcome, error) {
		v, err := d.proposed(id, now)
		if err != nil {
			return nil, "", err
		}
		p := *v.Proposal
		switch {
		case !by.Person:
			return nil, "", refuse("not_a_person", "only a person may confirm: what makes a model version less strict takes two people")
		case slices.ContainsFunc(p.Agreed, by.same):
			return nil, "", refuse("same_person", "you agreed to this already: what makes a model version less strict takes two different people")
		}
		p.Agreed = append(slices.Clip(p.Agreed), by)
		if p.Missing() > 0 {
			v.Proposal = &p
			return v, Proposed, nil
		}
		var refs []string
		for _, w := range p.Agreed {
			refs = append(refs, w.Ref)
		}
		v.take(p.Names, p.Sensitivity, p.State, Mark{strings.Join(refs, " and "), now, p.Reason})
		v.Proposal = nil
		if len(v.Names) > MaxNames {
			return nil, "", refuse("full", "%s would have more than %d names", clip(v.Model), MaxNames)
		}
		return v, Applied, nil
	}}
}

// AsRefused returns err as a *Refused; nil where it is another error, or none.
func AsRefused(err error) *Refused {
	var r *Refused
	if errors.As(err, &r) {
		return r
	}
	return nil
}
