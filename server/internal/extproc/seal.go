package extproc

import (
	"errors"
	"fmt"
	"math"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
	"github.com/weirgate/weir/server/internal/wire"
)

// maskers holds what makes the keyed masks, one for each mode. Nil without keys.
type maskers map[authz.MaskMode]vector.Masker

func newMaskers(keys *vector.Keyring) (maskers, error) {
	if keys == nil {
		return nil, nil
	}
	all := maskers{}
	for _, mode := range authz.MaskModes() {
		if !mode.Keyed() {
			continue
		}
		m, err := vector.NewMasker(keys, mode)
		if err != nil {
			return nil, fmt.Errorf("extproc: %w", err)
		}
		all[mode] = m
	}
	return all, nil
}

// maskOptions is the verdict's mask as the scanner takes it.
func (st *stream) maskOptions() vector.Options {
	answer := st.dialect.Answer(st.adm.Operation(), st.response.head)
	if st.adm.Observed() {
		return vector.Options{Mask: authz.MaskNone, Dims: answer.Dims}
	}
	mode, mask := st.adm.Mask(), st.adm.Decision().Mask
	o := vector.Options{
		Dims: answer.Dims, Described: answer.Described, Mask: mode, Masker: st.s.maskers[mode], Place: placeOf(st.adm.Target(), st.adm.Operation()),
		Scores: mask.Scores, Fields: mask.Fields, Strict: mask.Strict,
	}
	if mode == authz.MaskUnit {
		o.Mask, o.Unit = authz.MaskZero, true
	}
	return o
}

// placeOf names what the vectors of an operation belong to.
func placeOf(t authz.Target, op authz.Operation) vector.Place {
	space := op.Collection
	if space == "" {
		space = op.Model
	}
	return vector.Place{Tenant: t.Tenant, Target: t.Name, Space: space}
}

// undischarged returns what the verdict's mask asks of an answer that cannot be done to it; nil when it can.
func (st *stream) undischarged(answer dialect.Answer) *authz.Error {
	mask := st.adm.Decision().Mask
	lacking := len(mask.Fields) > 0 && !answer.Judge
	if mask.Scores != authz.ScoreKeep {
		lacking = lacking || answer.MoreScores || st.adm.Operation().Class == authz.ClassSearch && (!answer.Judge || !hasScores(answer.Fields))
	}
	if !lacking || st.adm.Observed() {
		return nil
	}
	return errUnmet(nil)
}

func hasScores(fields []scan.Field) bool {
	for _, f := range fields {
		if f.Role == scan.RoleScore {
			return true
		}
	}
	return false
}

// errUnmet is the refusal of an answer that cannot be changed as the policy asks.
func errUnmet(cause error) *authz.Error {
	return &authz.Error{Kind: authz.KindUnavailable, Label: "obligation_unmet", Public: "the policy asks for a mask that cannot be applied to this answer", Err: cause}
}

// carries reports whether vectors of the request's body may be opened on the way in.
func (st *stream) carries() bool {
	if st.s.maskers == nil || st.adm.Observed() || st.req.EndOfStream {
		return false
	}
	_, fields := st.dialect.Carries(st.adm.Operation())
	return len(fields) > 0
}

// unseal opens what the request's body holds of vectors that were sealed for this place, and tells what it found. The opened body goes on
// only if the answer is protected too: see unprotected. What is sealed and stands where nothing is opened must not be stored, or searched by,
// as if it were a vector: such a request is refused.
func (st *stream) unseal(op authz.Operation) (authz.Operation, error) {
	if st.s.maskers == nil || st.adm.Observed() || len(st.request.body) == 0 {
		return op, nil
	}
	forged := int64(0)
	if format, fields := st.dialect.Carries(op); st.carries() && len(fields) > 0 {
		r, err := st.openBody(format, fields, op)
		if err != nil {
			return op, err
		}
		op.Sealed, op.Forged, forged = r.Sealed > 0, r.Forged > 0, r.Forged
	}
	if vector.Unopened(st.request.body) > forged || op.Sealed && wire.SignedBy(st.req, []string{"host"}) != nil { // a signature covers that always
		return op, &authz.Error{
			Kind: authz.KindBadRequest, Label: "sealed_unopened",
			Public: "the request holds a sealed vector where Weir cannot open it: sealed vectors cannot be used there, send your own",
		}
	}
	return op, nil
}

// openBody replaces the body by the opened one, if there is something to open.
func (st *stream) openBody(f scan.Format, fields []scan.Field, op authz.Operation) (vector.Reading, error) {
	sealer, ok := st.s.maskers[authz.MaskSeal].(vector.Opener)
	if !ok {
		return vector.Reading{}, nil
	}
	o, err := vector.NewOpener(f, fields, sealer, placeOf(st.adm.Target(), op))
	if err != nil {
		return vector.Reading{}, errUnmet(err)
	}
	body, _, err := o.Write(make([]byte, 0, len(st.request.body)), st.request.body, math.MaxInt64)
	if err == nil {
		body, err = o.Close(body)
	}
	if err != nil {
		public := "the vectors in the request body cannot be read"
		if errors.Is(err, vector.ErrUnmaskable) {
			public = "the vectors in the request body are compressed, and could be sealed ones: send them as they are"
		}
		return vector.Reading{}, &authz.Error{Kind: authz.KindBadRequest, Label: "request_body_malformed", Public: public, Err: err}
	}
	r := o.Reading()
	if r.Sealed > 0 {
		st.request.body, st.request.opened = body, true
	}
	return r, nil
}

// unprotected refuses a request whose sealed vectors were opened where the answer may show vectors as they are: an upstream that repeats what
// it was sent, in an error or as its answer, would open them for the client.
func (st *stream) unprotected() *authz.Error {
	if !st.request.opened || st.adm.Mask().Protects() && st.reading() {
		return nil
	}
	return &authz.Error{
		Kind: authz.KindForbidden, Label: "sealed_unprotected",
		Public: "the request holds sealed vectors, which are opened only where the vectors of the answer are masked: send your own",
	}
}
