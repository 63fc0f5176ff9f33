package audit

import "github.com/weirgate/weir/pkg/authz"

// The JSON form of authz.Input, by hand because it is on the path of every request: member for member what the struct tags say. A test
// fills every field there is and compares with encoding/json, so that a new field of Input cannot be forgotten here.

// key appends a member's name, with the comma before it where it is not the first.
func (e *encoder) key(name string) {
	if e.b[len(e.b)-1] != '{' {
		e.b = append(e.b, ',')
	}
	e.b = append(append(append(e.b, '"'), name...), '"', ':')
}

// text appends a string member, unless it is empty.
func (e *encoder) text(name, v string) {
	if v != "" {
		e.always(name, v)
	}
}

func (e *encoder) always(name, v string) {
	e.key(name)
	e.quoted(v)
}

func (e *encoder) number(name string, n int64) {
	e.key(name)
	e.integer(n)
}

func (e *encoder) open(name string) {
	e.key(name)
	e.b = append(e.b, '{')
}

func (e *encoder) shut() { e.b = append(e.b, '}') }

func (e *encoder) input(in *authz.Input) {
	e.b = append(e.b, '{')
	e.always("phase", in.Phase)
	e.key("final")
	e.flag(in.Final)
	e.key("subject")
	e.subject(&in.Subject)
	e.key("target")
	e.target(&in.Target)
	e.key("operation")
	e.operation(&in.Operation)
	if in.Usage != nil {
		e.key("usage")
		e.usage(in.Usage)
	}
	if in.Risk != nil {
		e.open("risk")
		e.key("score")
		e.float(in.Risk.Score)
		if len(in.Risk.Signals) > 0 {
			e.key("signals")
			e.strings(in.Risk.Signals)
		}
		e.shut()
	}
	if in.Grant != nil {
		e.key("grant")
		e.grant(in.Grant)
	}
	e.text("justification", in.Justification)
	if in.Response != nil {
		e.key("response")
		e.response(in.Response)
	}
	e.open("time")
	e.number("unix_ns", in.Time.UnixNS)
	e.always("rfc3339", in.Time.RFC3339)
	e.shut()
	e.open("request")
	e.always("method", in.Request.Method)
	e.always("host", in.Request.Host)
	e.always("path", in.Request.Path)
	e.shut()
	e.shut()
}

func (e *encoder) subject(s *authz.Subject) {
	e.b = append(e.b, '{')
	e.always("issuer", s.Issuer)
	e.always("id", s.ID)
	e.text("name", s.Name)
	e.text("email", s.Email)
	if len(s.Groups) > 0 {
		e.key("groups")
		e.strings(s.Groups)
	}
	e.always("kind", string(s.Kind))
	if len(s.Actors) > 0 {
		e.key("actors")
		e.b = append(e.b, '[')
		for i := range s.Actors {
			if i > 0 {
				e.b = append(e.b, ',')
			}
			e.b = append(e.b, '{')
			e.text("issuer", s.Actors[i].Issuer)
			e.always("id", s.Actors[i].ID)
			e.shut()
		}
		e.b = append(e.b, ']')
	}
	e.text("owner", s.Owner)
	e.text("credential", s.Credential)
	if !s.Expires.IsZero() {
		e.key("expires")
		e.moment(s.Expires)
	}
	if len(s.Claims) > 0 {
		e.key("claims")
		object(e, s.Claims, (*encoder).any)
	}
	e.shut()
}

func (e *encoder) target(t *authz.Target) {
	e.b = append(e.b, '{')
	e.always("name", t.Name)
	e.always("kind", string(t.Kind))
	e.text("tenant", t.Tenant)
	e.text("sensitivity", t.Sensitivity)
	e.text("dialect", t.Dialect)
	if len(t.Labels) > 0 {
		e.key("labels")
		object(e, t.Labels, (*encoder).quoted)
	}
	e.shut()
}

func (e *encoder) operation(o *authz.Operation) {
	e.b = append(e.b, '{')
	e.always("class", string(o.Class))
	e.key("complete")
	e.flag(o.Complete)
	e.text("model", o.Model)
	e.text("collection", o.Collection)
	e.text("vector", o.Vector)
	e.text("encoding", o.Encoding)
	e.text("object", o.Object)
	e.text("into", o.Into)
	e.text("version", o.Version)
	e.text("artifact", o.Artifact)
	e.text("range", o.Range)
	e.count("part", o.Part)
	e.number("vectors", o.Vectors)
	e.number("dims", o.Dims)
	e.number("documents", o.Documents)
	e.number("bytes", o.Bytes)
	if o.Sealed {
		e.key("sealed")
		e.flag(true)
	}
	if o.Forged {
		e.key("forged")
		e.flag(true)
	}
	if c := o.Coverage; c != nil {
		e.key("coverage")
		e.b = append(e.b, '{')
		e.covered("subject", c.Subject)
		e.covered("group", c.Group)
		e.shut()
	}
	if c := o.Corpus; c != nil {
		e.corpus(c)
	}
	if n := o.Attempts; n != nil {
		e.open("attempts")
		e.number("hour", n.Hour)
		e.number("day", n.Day)
		e.shut()
	}
	if r := o.Registered; r != nil {
		e.open("registered")
		e.key("known")
		e.flag(r.Known)
		e.always("sensitivity", r.Sensitivity)
		e.always("state", string(r.State))
		e.text("model", r.Model)
		e.text("promoted_by", r.PromotedBy)
		e.shut()
	}
	e.shut()
}

func (e *encoder) corpus(c *authz.Corpus) {
	e.open("corpus")
	e.count("documents", c.Documents)
	e.open("read")
	e.number("before", c.Read.Before)
	e.number("after", c.Read.After)
	e.shut()
	if c.Share != nil {
		e.covered("share", *c.Share)
	}
	e.shut()
}

func (e *encoder) usage(u *authz.UsageInput) {
	e.b = append(e.b, '{')
	e.counts("subject", u.Subject)
	e.counts("subject_target", u.SubjectTarget)
	e.counts("target", u.Target)
	e.counts("credential", u.Credential)
	if len(u.Group) > 0 {
		e.key("group")
		object(e, u.Group, (*encoder).perUnit)
	}
	e.shut()
}

func (e *encoder) counts(name string, m map[authz.Unit]map[string]int64) {
	if len(m) > 0 {
		e.key(name)
		e.perUnit(m)
	}
}

func (e *encoder) perUnit(m map[authz.Unit]map[string]int64) {
	if m == nil {
		e.b = append(e.b, "null"...)
		return
	}
	object(e, m, (*encoder).perWindow)
}

func (e *encoder) perWindow(m map[string]int64) {
	if m == nil {
		e.b = append(e.b, "null"...)
		return
	}
	object(e, m, (*encoder).integer)
}

func (e *encoder) grant(g *authz.Grant) {
	e.b = append(e.b, '{')
	e.always("id", g.ID)
	if len(g.Budget) > 0 {
		e.key("budget")
		object(e, g.Budget, (*encoder).integer)
	}
	e.key("expires")
	e.moment(g.Expires)
	e.text("justification", g.Justification)
	e.shut()
}

func (e *encoder) response(r *authz.Response) {
	e.b = append(e.b, '{')
	e.number("status", int64(r.Status))
	e.text("content_type", r.ContentType)
	e.number("content_length", r.ContentLength)
	if a := r.Artifact; a != (authz.Artifact{}) {
		e.key("artifact")
		e.artifact(&a)
	}
	if p := r.Object; p != nil {
		e.key("object")
		e.piece(p)
	}
	e.shut()
}

func (e *encoder) artifact(a *authz.Artifact) {
	e.b = append(e.b, '{')
	e.text("class", a.Class)
	e.text("format", a.Format)
	e.text("wrapped", a.Wrapped)
	e.count("tensors", a.Tensors)
	e.count("parameters", a.Parameters)
	e.shut()
}

func (e *encoder) piece(p *authz.Piece) {
	e.b = append(e.b, '{')
	e.always("object", p.Object)
	e.text("version", p.Version)
	e.number("size", p.Size)
	e.number("offset", p.Offset)
	e.number("length", p.Length)
	e.shut()
}

func (e *encoder) covered(name string, c authz.Covered) {
	e.key(name)
	e.b = append(e.b, '{')
	e.key("before")
	e.float(c.Before)
	e.key("after")
	e.float(c.After)
	e.shut()
}
