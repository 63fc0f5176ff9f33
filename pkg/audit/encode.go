package audit

import (
	"strconv"
	"sync"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// encoders are reused between records: encoding is on the path of every request.
var encoders = sync.Pool{New: func() any { return &encoder{b: make([]byte, 0, 4<<10)} }}

// maxPooled is the largest buffer that is kept for reuse, so that one large record does not stay in memory.
const maxPooled = 64 << 10

func recycle(e *encoder) {
	if cap(e.b) <= maxPooled {
		e.b, e.keys, e.err = e.b[:0], e.keys[:0], nil
		encoders.Put(e)
	}
}

// AppendRecord appends rec's JSON form (see Fields) to dst, without a line end. It returns an error, and dst unchanged, for a record that
// holds a number that JSON cannot write.
func AppendRecord(dst []byte, rec *authz.Record) ([]byte, error) {
	e := encoders.Get().(*encoder)
	defer recycle(e)
	if e.record(rec); e.err != nil {
		return dst, e.err
	}
	return append(dst, e.b...), nil
}

// record appends the record. The first four members come first because parseHead looks for them there, the input last because
// parseInput does.
func (e *encoder) record(r *authz.Record) {
	e.b = append(e.b, '{')
	e.number("weir.schema", Schema)
	e.always("event.name", string(r.Event))
	e.utc("time", r.Time)
	e.always("weir.decision.id", r.Decision)
	e.text("weir.replica", r.Replica)
	e.text("weir.entry", r.Entry)
	e.utc("weir.started", r.Started)
	e.text("trace_id", r.TraceID)
	e.text("span_id", r.SpanID)
	e.text("parent_span_id", r.ParentSpanID)
	e.text("weir.envoy.request_id", r.RequestID)
	e.text("http.request.method", r.Method)
	e.text("server.address", r.Host)
	e.text("url.path", r.Path)
	e.text("client.address", r.Source)
	e.text("weir.peer", r.Peer)
	e.text("weir.protocol", r.Protocol)
	e.who(&r.Subject)
	e.what(&r.Target, &r.Operation)
	e.stored(r)
	e.verdict(r)
	for i, u := range authz.Units() {
		if r.Reserved[i] != 0 {
			e.key2("weir.reserved.", string(u))
			e.integer(r.Reserved[i])
		}
	}
	if r.Event == authz.EventCompletion {
		e.completion(r)
	}
	e.asked(r.Input)
	e.shut()
}

// asked appends what policy was asked about, or that nobody can ask again.
func (e *encoder) asked(in *authz.Input) {
	switch {
	case in == nil:
	case in.Envoy == nil:
		e.key("weir.input")
		e.input(in)
	case in.Envoy.Recorded != nil:
		e.key("weir.input")
		e.b = append(e.b, in.Envoy.Recorded...)
	default:
		e.key("weir.replayable")
		e.flag(false)
		e.text("weir.input.hash", in.Envoy.Hash)
	}
}

func (e *encoder) utc(name string, t time.Time) {
	e.key(name)
	e.moment(t.UTC())
}

func (e *encoder) key2(prefix, name string) {
	e.b = append(append(append(append(e.b, ',', '"'), prefix...), name...), '"', ':')
}

func (e *encoder) count(name string, n int64) {
	if n != 0 {
		e.number(name, n)
	}
}

func (e *encoder) list2(name string, v []string) {
	if len(v) > 0 {
		e.key(name)
		e.strings(v)
	}
}

func (e *encoder) who(s *authz.Subject) {
	if s.ID != "" { // Subject.Ref, without making a string of it
		e.key("user.id")
		e.joined(s.Issuer, s.ID)
	}
	e.text("user.name", s.Name)
	e.text("user.email", s.Email)
	e.list2("user.roles", s.Groups)
	e.text("weir.actor.type", string(s.Kind))
	if len(s.Actors) > 0 {
		e.key("weir.actor.chain")
		e.b = append(e.b, '[')
		for i := range s.Actors {
			if i > 0 {
				e.b = append(e.b, ',')
			}
			e.joined(s.Actors[i].Issuer, s.Actors[i].ID)
		}
		e.b = append(e.b, ']')
	}
	e.text("weir.actor.owner", s.Owner)
	e.text("weir.credential.id", s.Credential)
	if s.Credential != "" {
		e.text("weir.credential.issuer", s.Issuer)
	}
	if !s.Expires.IsZero() {
		e.utc("weir.credential.expires", s.Expires)
	}
}

// joined appends "issuer|id" as one string.
func (e *encoder) joined(issuer, id string) {
	e.quoted(issuer)
	e.b = append(e.b[:len(e.b)-1], '|')
	mark := len(e.b)
	e.quoted(id)
	copy(e.b[mark:], e.b[mark+1:]) // the opening quote goes
	e.b = e.b[:len(e.b)-1]
}

func (e *encoder) what(t *authz.Target, o *authz.Operation) {
	e.text("weir.target", t.Name)
	e.text("weir.target.kind", string(t.Kind))
	e.text("weir.target.tenant", t.Tenant)
	e.text("weir.target.sensitivity", t.Sensitivity)
	e.text("weir.target.dialect", t.Dialect)
	e.text("weir.operation", string(o.Class))
	if o.Complete {
		e.key("weir.operation.complete")
		e.flag(true)
	}
	e.text("gen_ai.request.model", o.Model)
	e.text("weir.collection", o.Collection)
	e.text("weir.object", o.Object)
	e.text("weir.object.into", o.Into)
	e.text("weir.object.range", o.Range)
	e.text("weir.object.artifact", o.Artifact)
	e.count("weir.object.part", o.Part)
	e.count("weir.asked.vectors", o.Vectors)
	e.count("weir.asked.dims", o.Dims)
	e.count("weir.asked.documents", o.Documents)
	e.count("weir.asked.bytes", o.Bytes)
}

func (e *encoder) verdict(r *authz.Record) {
	d := &r.Verdict
	e.always("weir.verdict", d.Effect.String())
	e.always("weir.enforced", r.Enforced.String())
	mode := "enforce"
	if r.Mode == authz.ModeObserve {
		mode = "observe"
	}
	e.always("weir.mode", mode)
	e.text("weir.observed", r.Would())
	if w := d.Would; w.Differs(d) {
		e.text("weir.observed.rule", w.Rule)
		e.text("weir.observed.reason", w.Reason)
	}
	e.text("weir.rule.id", d.Rule)
	e.text("weir.reason", d.Reason)
	if d.Effect != authz.Allow {
		e.always("weir.refusal.kind", d.Kind.String())
	}
	e.text("error.type", r.Label)
	e.text("weir.policy.version", d.Revision)
	e.text("weir.refusal.detail", r.Detail)
	e.text("weir.policy.fault", r.Fault)
	if len(d.Limits) > 0 {
		e.key("weir.limits")
		e.b = append(e.b, '[')
		for i := range d.Limits {
			if i > 0 {
				e.b = append(e.b, ',')
			}
			e.limit(&d.Limits[i])
		}
		e.b = append(e.b, ']')
	}
	if len(d.Exceeded) > 0 {
		e.key("weir.exceeded")
		e.other(d.Exceeded)
	}
	e.text("weir.mask.vectors", string(d.Mask.Vectors))
	e.text("weir.mask.scores", string(d.Mask.Scores))
	e.list2("weir.mask.fields", d.Mask.Fields)
	if d.Mask.Strict {
		e.key("weir.mask.strict")
		e.flag(true)
	}
	if d.Approval != nil {
		e.key("weir.approval")
		e.other(d.Approval)
	}
	e.list2("weir.alternatives", d.Alternatives)
	e.flags(d.Flags)
	e.text("weir.record.mode", string(d.Record))
}

// flags appends what rules have marked as three lists of equal length, as spans have it, which know no lists of objects.
func (e *encoder) flags(flags []authz.Flag) {
	if len(flags) == 0 {
		return
	}
	list := func(name string, of func(*authz.Flag) string) {
		e.key(name)
		e.b = append(e.b, '[')
		for i := range flags {
			if i > 0 {
				e.b = append(e.b, ',')
			}
			e.quoted(of(&flags[i]))
		}
		e.b = append(e.b, ']')
	}
	list("weir.flags", func(f *authz.Flag) string { return f.Name })
	list("weir.flags.rules", func(f *authz.Flag) string { return f.Rule })
	list("weir.flags.reasons", func(f *authz.Flag) string { return f.Reason })
}

// limit appends a limit as encoding/json would.
func (e *encoder) limit(l *authz.Limit) {
	e.b = append(e.b, '{')
	e.always("meter", string(l.Meter))
	e.text("key", l.Key)
	e.always("unit", string(l.Unit))
	e.key("window")
	e.window(l.Window)
	e.number("max", l.Max)
	e.always("over", l.Over.String())
	e.text("away", string(l.Away))
	e.shut()
}

// window appends Window.String without making a string of it; a test compares the two.
func (e *encoder) window(w authz.Window) {
	d, unit, letter := time.Duration(w), time.Second, byte('s')
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		unit, letter = 24*time.Hour, 'd'
	case d >= time.Hour && d%time.Hour == 0:
		unit, letter = time.Hour, 'h'
	case d >= time.Minute && d%time.Minute == 0:
		unit, letter = time.Minute, 'm'
	}
	e.b = append(strconv.AppendInt(append(e.b, '"'), int64(d/unit), 10), letter, '"')
}

func (e *encoder) completion(r *authz.Record) {
	e.text("weir.outcome", string(r.Outcome))
	e.count("http.response.status_code", int64(r.Status))
	e.text("weir.measured", r.Measured)
	for i, u := range authz.Units() {
		e.key2("weir.volume.", string(u))
		e.integer(r.Volume[i])
	}
	e.number("weir.volume.dims", r.Dims)
	e.count("weir.vectors.undeclared", r.Undeclared)
	e.count("weir.fields.emptied", r.Emptied)
	e.count("weir.vectors.bytes.floats", r.Floats)
	e.count("weir.vectors.bytes.ints", r.Ints)
	e.count("weir.vectors.bytes.base64", r.Base64)
	e.count("weir.vectors.bytes.sparse", r.Sparse)
	e.count("weir.vectors.bytes.text", r.Text)
	e.count("weir.vectors.bytes.binary", r.Binary)
}
