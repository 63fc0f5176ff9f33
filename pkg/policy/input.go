package policy

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/weirgate/weir/pkg/authz"
)

// keys holds the terms of all member names of an input, made once: the input is built by hand on every request.
type keys struct{ terms map[string]*ast.Term }

func newKeys() *keys {
	k := &keys{terms: map[string]*ast.Term{}}
	for _, s := range []string{
		"phase", "final", "subject", "target", "operation", "usage", "risk", "grant", "justification", "response", "time", "request",
		"issuer", "id", "name", "email", "groups", "kind", "actors", "owner", "credential", "expires", "claims", "tenant", "sensitivity", "dialect", "labels",
		"class", "complete", "model", "collection", "vector", "encoding", "object", "artifact", "range", "vectors", "dims", "documents", "bytes", "sealed", "forged",
		"into", "version", "part", "coverage", "before", "after", "format", "wrapped", "tensors", "parameters", "size", "offset", "length",
		"registered", "known", "state", "promoted_by",
		"score", "signals", "budget", "status", "content_type", "content_length", "unix_ns", "rfc3339", "method", "host", "path",
		"subject_target", "credential", "group", "attempts", "hour", "day", "corpus", "read", "share",
	} {
		k.terms[s] = ast.StringTerm(s)
	}
	return k
}

// object builds an object out of members that are there.
type object struct {
	keys  *keys
	pairs [][2]*ast.Term
}

func (o *object) put(key string, v *ast.Term) {
	o.pairs = append(o.pairs, [2]*ast.Term{o.keys.terms[key], v})
}

// text puts a string, unless it is empty.
func (o *object) text(key, v string) {
	if v != "" {
		o.put(key, str(v))
	}
}

func (o *object) always(key, v string) { o.put(key, str(v)) }
func (o *object) number(key string, n int64) {
	o.put(key, ast.NewTerm(ast.Number(strconv.FormatInt(n, 10))))
}
func (o *object) flag(key string, v bool) { o.put(key, ast.BooleanTerm(v)) }
func (o *object) term() *ast.Term         { return ast.NewTerm(ast.NewObject(o.pairs...)) }

func (k *keys) object(size int) *object {
	return &object{keys: k, pairs: make([][2]*ast.Term, 0, size)}
}

// str is a string as JSON would carry it: every byte that is no UTF-8 becomes U+FFFD. A path may hold such bytes, and what is recorded must
// decide as it did.
func str(v string) *ast.Term {
	if !utf8.ValidString(v) {
		v = string([]rune(v))
	}
	return ast.StringTerm(v)
}

func stringList(v []string) *ast.Term {
	terms := make([]*ast.Term, len(v))
	for i, s := range v {
		terms[i] = str(s)
	}
	return ast.ArrayTerm(terms...)
}

// input builds the value that Rego sees; it equals the JSON form of in (a test holds them together).
func (k *keys) input(in *authz.Input) ast.Value {
	o := k.object(12)
	o.always("phase", in.Phase)
	o.flag("final", in.Final)
	o.put("subject", k.subject(&in.Subject))
	o.put("target", k.target(&in.Target))
	o.put("operation", k.operation(&in.Operation))
	if in.Usage != nil {
		o.put("usage", k.usage(in.Usage))
	}
	if in.Risk != nil {
		r := k.object(2)
		r.put("score", ast.FloatNumberTerm(in.Risk.Score))
		if len(in.Risk.Signals) > 0 {
			r.put("signals", stringList(in.Risk.Signals))
		}
		o.put("risk", r.term())
	}
	if in.Grant != nil {
		o.put("grant", k.grant(in.Grant))
	}
	o.text("justification", in.Justification)
	if in.Response != nil {
		o.put("response", k.response(in.Response))
	}
	t := k.object(2)
	t.number("unix_ns", in.Time.UnixNS)
	t.always("rfc3339", in.Time.RFC3339)
	o.put("time", t.term())
	r := k.object(3)
	r.always("method", in.Request.Method)
	r.always("host", in.Request.Host)
	r.always("path", in.Request.Path)
	o.put("request", r.term())
	return o.term().Value
}

func (k *keys) subject(s *authz.Subject) *ast.Term {
	o := k.object(10)
	o.always("issuer", s.Issuer)
	o.always("id", s.ID)
	o.text("name", s.Name)
	o.text("email", s.Email)
	if len(s.Groups) > 0 {
		o.put("groups", stringList(s.Groups))
	}
	o.always("kind", string(s.Kind))
	if len(s.Actors) > 0 {
		actors := make([]*ast.Term, len(s.Actors))
		for i, a := range s.Actors {
			p := k.object(2)
			p.text("issuer", a.Issuer)
			p.always("id", a.ID)
			actors[i] = p.term()
		}
		o.put("actors", ast.ArrayTerm(actors...))
	}
	o.text("owner", s.Owner)
	o.text("credential", s.Credential)
	if !s.Expires.IsZero() {
		o.always("expires", s.Expires.Format(time.RFC3339Nano))
	}
	if len(s.Claims) > 0 {
		if v, err := ast.InterfaceToValue(s.Claims); err == nil { // JSON types only: it does not fail
			o.put("claims", ast.NewTerm(v))
		}
	}
	return o.term()
}

func (k *keys) target(t *authz.Target) *ast.Term {
	o := k.object(6)
	o.always("name", t.Name)
	o.always("kind", string(t.Kind))
	o.text("tenant", t.Tenant)
	o.text("sensitivity", t.Sensitivity)
	o.text("dialect", t.Dialect)
	if len(t.Labels) > 0 {
		pairs := make([][2]*ast.Term, 0, len(t.Labels))
		for name, v := range t.Labels {
			pairs = append(pairs, [2]*ast.Term{str(name), str(v)})
		}
		o.put("labels", ast.ObjectTerm(pairs...))
	}
	return o.term()
}

func (k *keys) operation(p *authz.Operation) *ast.Term {
	o := k.object(16)
	o.always("class", string(p.Class))
	o.flag("complete", p.Complete)
	o.text("model", p.Model)
	o.text("collection", p.Collection)
	o.text("vector", p.Vector)
	o.text("encoding", p.Encoding)
	o.text("object", p.Object)
	o.text("into", p.Into)
	o.text("version", p.Version)
	o.text("artifact", p.Artifact)
	o.text("range", p.Range)
	if p.Part != 0 {
		o.number("part", p.Part)
	}
	o.number("vectors", p.Vectors)
	o.number("dims", p.Dims)
	o.number("documents", p.Documents)
	o.number("bytes", p.Bytes)
	if p.Sealed {
		o.flag("sealed", true)
	}
	if p.Forged {
		o.flag("forged", true)
	}
	if c := p.Coverage; c != nil {
		v := k.object(2)
		v.put("subject", k.covered(c.Subject))
		v.put("group", k.covered(c.Group))
		o.put("coverage", v.term())
	}
	if c := p.Corpus; c != nil {
		o.put("corpus", k.corpus(c))
	}
	if n := p.Attempts; n != nil {
		v := k.object(2)
		v.number("hour", n.Hour)
		v.number("day", n.Day)
		o.put("attempts", v.term())
	}
	if r := p.Registered; r != nil {
		v := k.object(5)
		v.flag("known", r.Known)
		v.always("sensitivity", r.Sensitivity)
		v.always("state", string(r.State))
		v.text("model", r.Model)
		v.text("promoted_by", r.PromotedBy)
		o.put("registered", v.term())
	}
	return o.term()
}

func (k *keys) covered(c authz.Covered) *ast.Term {
	o := k.object(2)
	o.put("before", ast.FloatNumberTerm(c.Before))
	o.put("after", ast.FloatNumberTerm(c.After))
	return o.term()
}

func (k *keys) corpus(c *authz.Corpus) *ast.Term {
	o := k.object(3)
	if c.Documents != 0 {
		o.number("documents", c.Documents)
	}
	r := k.object(2)
	r.number("before", c.Read.Before)
	r.number("after", c.Read.After)
	o.put("read", r.term())
	if c.Share != nil {
		o.put("share", k.covered(*c.Share))
	}
	return o.term()
}

func (k *keys) response(r *authz.Response) *ast.Term {
	o := k.object(5)
	o.number("status", int64(r.Status))
	o.text("content_type", r.ContentType)
	o.number("content_length", r.ContentLength)
	if a := r.Artifact; a != (authz.Artifact{}) {
		p := k.object(5)
		p.text("class", a.Class)
		p.text("format", a.Format)
		p.text("wrapped", a.Wrapped)
		if a.Tensors != 0 {
			p.number("tensors", a.Tensors)
		}
		if a.Parameters != 0 {
			p.number("parameters", a.Parameters)
		}
		o.put("artifact", p.term())
	}
	if b := r.Object; b != nil {
		p := k.object(5)
		p.always("object", b.Object)
		p.text("version", b.Version)
		p.number("size", b.Size)
		p.number("offset", b.Offset)
		p.number("length", b.Length)
		o.put("object", p.term())
	}
	return o.term()
}

func (k *keys) grant(g *authz.Grant) *ast.Term {
	o := k.object(4)
	o.always("id", g.ID)
	if len(g.Budget) > 0 {
		pairs := make([][2]*ast.Term, 0, len(g.Budget))
		for u, n := range g.Budget {
			pairs = append(pairs, [2]*ast.Term{str(string(u)), ast.NewTerm(ast.Number(strconv.FormatInt(n, 10)))})
		}
		o.put("budget", ast.ObjectTerm(pairs...))
	}
	o.always("expires", g.Expires.Format(time.RFC3339Nano))
	o.text("justification", g.Justification)
	return o.term()
}

func (k *keys) usage(u *authz.UsageInput) *ast.Term {
	o := k.object(5)
	for _, m := range []struct {
		name  string
		units map[authz.Unit]map[string]int64
	}{{"subject", u.Subject}, {"subject_target", u.SubjectTarget}, {"target", u.Target}, {"credential", u.Credential}} {
		if len(m.units) > 0 {
			o.put(m.name, unitsTerm(m.units))
		}
	}
	if len(u.Group) > 0 {
		pairs := make([][2]*ast.Term, 0, len(u.Group))
		for name, units := range u.Group {
			pairs = append(pairs, [2]*ast.Term{str(name), unitsTerm(units)})
		}
		o.put("group", ast.ObjectTerm(pairs...))
	}
	return o.term()
}

func unitsTerm(units map[authz.Unit]map[string]int64) *ast.Term {
	pairs := make([][2]*ast.Term, 0, len(units))
	for u, windows := range units {
		inner := make([][2]*ast.Term, 0, len(windows))
		for w, n := range windows {
			inner = append(inner, [2]*ast.Term{str(w), ast.NewTerm(ast.Number(strconv.FormatInt(n, 10)))})
		}
		pairs = append(pairs, [2]*ast.Term{str(string(u)), ast.ObjectTerm(inner...)})
	}
	return ast.ObjectTerm(pairs...)
}
