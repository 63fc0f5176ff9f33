package audit

import "github.com/weirgate/weir/pkg/authz"

// stored writes what is known of a stored object: the part of it that the answer hands out, what it is, and how much of it has left.
func (e *encoder) stored(r *authz.Record) {
	version := r.Operation.Version
	if p := r.Object; p != nil && p.Version != "" {
		version = p.Version
	}
	e.text("weir.object.version", version)
	if p := r.Object; p != nil {
		e.count("weir.object.size", p.Size)
		e.count("weir.object.offset", p.Offset)
		e.count("weir.object.length", p.Length)
	}
	e.text("weir.object.format", r.Artifact.Format)
	e.text("weir.object.wrapped", r.Artifact.Wrapped)
	e.text("weir.object.recognised", r.Artifact.Class)
	e.count("weir.object.tensors", r.Artifact.Tensors)
	e.count("weir.object.parameters", r.Artifact.Parameters)
	e.text("weir.redirect.capability", r.Carried)
	if l := r.Leave; l != nil {
		e.text("weir.capability.target", l.Target)
		e.text("weir.capability.object", l.Object)
		e.text("weir.capability.version", l.Version)
	}
	if c := r.Operation.Coverage; c != nil {
		e.share("weir.coverage.subject.before", c.Subject.Before)
		e.share("weir.coverage.subject.after", c.Subject.After)
		e.share("weir.coverage.group.before", c.Group.Before)
		e.share("weir.coverage.group.after", c.Group.After)
	}
	if c := r.Operation.Corpus; c != nil {
		e.count("weir.corpus.documents", c.Documents)
		e.count("weir.corpus.read.before", c.Read.Before)
		e.count("weir.corpus.read.after", c.Read.After)
	}
	if n := r.Operation.Attempts; n != nil {
		e.count("weir.attempts.hour", n.Hour)
		e.count("weir.attempts.day", n.Day)
	}
	if m := r.Operation.Registered; m != nil {
		e.text("weir.object.sensitivity", m.Sensitivity)
		e.text("weir.object.state", string(m.State))
		e.text("weir.object.model", m.Model)
		e.text("weir.object.promoted_by", m.PromotedBy)
	}
}

func (e *encoder) share(name string, f float64) {
	if f != 0 {
		e.key(name)
		e.float(f)
	}
}

// stored gives r what f states of a stored object.
func (f *Fields) stored(r *authz.Record) {
	if f.Size != 0 || f.Offset != 0 || f.Length != 0 {
		r.Object = &authz.Piece{Object: f.Object, Version: f.Version, Size: f.Size, Offset: f.Offset, Length: f.Length}
	} else {
		r.Operation.Version = f.Version
	}
	r.Artifact = authz.Artifact{Class: f.Recognised, Format: f.Format, Wrapped: f.Wrapped, Tensors: f.Tensors, Parameters: f.Parameters}
	r.Carried = f.Carried
	if f.LeaveTarget != "" {
		r.Leave = &authz.Leave{Target: f.LeaveTarget, Object: f.LeaveObject, Version: f.LeaveVersion}
	}
	if c := (authz.Coverage{
		Subject: authz.Covered{Before: f.SubjectBefore, After: f.SubjectAfter}, Group: authz.Covered{Before: f.GroupBefore, After: f.GroupAfter},
	}); c != (authz.Coverage{}) {
		r.Operation.Coverage = &c
	}
	if f.CorpusAfter != 0 {
		r.Operation.Corpus = authz.NewCorpus(f.CorpusDocuments, authz.Read{Before: f.CorpusBefore, After: f.CorpusAfter})
	}
	if n := (authz.Attempts{Hour: f.AttemptsHour, Day: f.AttemptsDay}); n != (authz.Attempts{}) {
		r.Operation.Attempts = &n
	}
	if f.ModelState != "" {
		r.Operation.Registered = &authz.Registered{
			Known: f.ModelState != authz.ModelUnknown, Sensitivity: f.ObjectSensitivity, State: f.ModelState, Model: f.ModelVersion, PromotedBy: f.PromotedBy,
		}
	}
}
