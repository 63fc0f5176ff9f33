package extproc

import (
	"strings"

	"google.golang.org/grpc/mem"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/server/internal/wire"
)

// sniff withholds an answer until its first bytes tell what the object is.
type sniff struct {
	first []byte          // the first bytes of the piece
	held  mem.BufferSlice // what waits; nothing in observe mode
	taken int64           // bytes of the body that have come
}

// see keeps the first bytes of what passes.
func (s *sniff) see(body mem.BufferSlice) {
	for _, b := range body {
		src := b.ReadOnlyData()
		s.first = append(s.first, src[:min(len(src), artifact.PrefixLen-len(s.first))]...)
	}
}

// recognises reports whether the answer hands out an object whose content may tell more than its name.
func (st *stream) recognises() bool { return st.req.Method == "GET" && st.unnamed() }

// unnamed reports whether what is asked for is an object whose name does not say that it is what is guarded most.
func (st *stream) unnamed() bool {
	op := st.adm.Operation()
	_, storage := st.dialect.(dialect.Storage)
	return storage && st.s.cfg.Artifacts != nil && op.Artifact != authz.ArtifactCheckpoint && (op.Class == authz.ClassRead || op.Class == authz.ClassExport)
}

// sliced reports whether a store answers by a part of something: many servers take any method for a GET, its range too, and no receipt and no
// list of names is asked for in parts.
func (st *stream) sliced(resp authz.Response) bool {
	_, storage := st.dialect.(dialect.Storage)
	return storage && (resp.Status == 206 || resp.Status < 300 && len(resp.Headers["content-range"]) > 0)
}

// errSliced is the refusal of a part where none was asked for: part by part it would be all of an object.
func errSliced() *authz.Error {
	return &authz.Error{Kind: authz.KindBadAnswer, Label: "answer_partial", Public: "the upstream answers by a part of an object to a request that reads none"}
}

// handsOut completes the answer's head by what it hands out of a stored object.
func (st *stream) handsOut(resp *authz.Response) (storage bool) {
	d, ok := st.dialect.(dialect.Storage)
	if !ok {
		return false
	}
	p, ok := d.Piece(st.adm.Operation(), *resp)
	if !ok {
		p, ok = elsewhere(st.adm.Operation(), resp)
	}
	if !ok || st.leadsHome(resp) {
		return false
	}
	resp.Object, resp.Forwarded = &p, st.lead != nil
	resp.Artifact = dialect.ArtifactByType(resp.ContentType)
	return true
}

// objectHead decides what becomes of the head of an answer that hands out a stored object: by what is known of it, or after a look at
// its first bytes.
func (st *stream) objectHead(resp authz.Response) error {
	if resp.Status >= 300 && st.lead == nil && st.unnamed() { // what it leads to is never seen here
		resp.Artifact.Class = authz.StricterArtifact(resp.Artifact.Class, authz.ArtifactOpaque)
	}
	if !st.recognises() || resp.Artifact.Class == authz.ArtifactCheckpoint || resp.EndOfStream || resp.Status >= 300 {
		return st.respond(resp)
	}
	a, known, err := st.s.cfg.Artifacts.Known(st.ctx, st.artifactKey(resp.Object))
	if err != nil {
		if err := st.deny(authz.AsError(err)); err != nil || st.refused {
			return err
		}
	}
	if known {
		resp.Artifact = a
		return st.respond(resp)
	}
	if strings.HasPrefix(strings.ToLower(resp.ContentType), "multipart/byteranges") { // pieces in an envelope: they are not put together here
		resp.Artifact = authz.Artifact{Class: authz.ArtifactOpaque, Format: "byteranges"}
		return st.respond(resp)
	}
	st.response.head, st.response.sniff = resp, &sniff{}
	if st.adm.Observed() { // nothing is withheld there: it is looked at as it passes
		return st.respond(resp)
	}
	st.watchAttestation()
	return nil
}

func (st *stream) artifactKey(p *authz.Piece) artifact.Key {
	t := st.adm.Target()
	return artifact.Key{Tenant: t.MeterTenant(), Target: t.Name, Object: p.Object, Version: p.Version, Size: p.Size}
}

// stated is how long the answer says that its body is; authz.UnknownLength where it does not.
func (st *stream) stated() int64 {
	head := &st.response.head
	if head.ContentLength == authz.UnknownLength && head.Object != nil && st.response.status == 206 {
		return head.Object.Length
	}
	return head.ContentLength
}

// sniffBody takes a piece of the body of an object that is not recognised yet, and lets it wait.
func (st *stream) sniffBody(m *wire.Inbound) error {
	s := st.response.sniff
	s.see(m.Body)
	s.taken += int64(m.Body.Len())
	s.held, m.Body = append(s.held, m.Body...), nil
	if stated := st.stated(); stated >= 0 && s.taken > stated {
		return st.deny(errLonger())
	}
	if len(s.first) < artifact.PrefixLen && !m.EndOfStream && s.taken != st.response.head.ContentLength {
		return nil
	}
	return st.sniffed(end(m.EndOfStream))
}

// glimpse looks at a piece of an object that passes, in observe mode.
func (st *stream) glimpse(m *wire.Inbound) {
	s := st.response.sniff
	s.see(m.Body)
	if len(s.first) < artifact.PrefixLen && !m.EndOfStream {
		return
	}
	st.response.sniff = nil
	a, unseen, err := st.recognise(st.response.head.Object, s.first)
	if err != nil {
		st.adm.Refuse(authz.AsError(err)) // written down, not enforced
		return
	}
	st.response.head.Artifact, st.response.head.Unseen = a, unseen
	st.adm.Respond(st.ctx, st.response.head)
}

// chargeAhead reserves all of an object that is known to be guarded, or that somebody has leave for, before its head leaves, so that one that
// would pass the budget is refused by a real status. What does not leave in the end is given back.
func (st *stream) chargeAhead() error {
	n := st.response.head.ContentLength
	if n <= 0 || st.response.head.Object == nil || st.adm.Operation().Artifact == "" && st.adm.Identity().Leave == nil {
		return nil
	}
	want := authz.Volume{}.With(authz.UnitBytes, n)
	got, err := st.adm.Spend(st.ctx, want)
	if err != nil {
		return st.deny(authz.AsError(err))
	}
	if !got.Covers(want) {
		return st.refuse()
	}
	return nil
}

// sniffed judges by the bytes that have come, decides, and lets them go.
func (st *stream) sniffed(e ending) error {
	r := &st.response
	s := r.sniff
	r.sniff = nil
	a, unseen, err := st.recognise(r.head.Object, s.first)
	if err != nil {
		if err := st.deny(authz.AsError(err)); err != nil || st.refused {
			s.held.Free()
			return err
		}
	}
	r.head.Artifact, r.head.Unseen = a, unseen
	if err := st.respond(r.head); err != nil || st.refused {
		s.held.Free()
		return err
	}
	r.passed = s.taken
	return st.release(s.held, e)
}

// recognise judges an object by the first bytes of a piece of it, and what was seen of it before. unseen says that they do not tell: the
// piece is from its middle, or too short.
func (st *stream) recognise(p *authz.Piece, first []byte) (a authz.Artifact, unseen bool, err error) {
	var verdict artifact.Verdict
	if p.Version != "" {
		a, verdict, err = st.s.cfg.Artifacts.Note(st.ctx, st.artifactKey(p), p.Offset, first)
	} else {
		var e artifact.Evidence
		e.Add(p.Offset, first)
		a, verdict = e.Judge(p.Size)
	}
	whole := p.Offset == 0 && (len(first) >= artifact.PrefixLen || int64(len(first)) == p.Size)
	return a, verdict == artifact.Unknown && !whole, err
}

// dropSniffed frees what waits of an answer that is not taken up any more.
func (st *stream) dropSniffed() {
	if st.response.sniff != nil {
		st.response.sniff.held.Free()
		st.response.sniff = nil
	}
}
