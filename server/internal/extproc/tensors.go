package extproc

import (
	"strconv"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

// documentHeader says how long the JSON document of an inference answer is, where tensors follow it (KServe v2, binary tensor extension).
const documentHeader = "inference-header-content-length"

// documentLength adds to the scanner's options what the answer's head says of its document.
func documentLength(f scan.Format, h authz.Header, o *vector.Options) *authz.Error {
	values := h[documentHeader]
	if f != scan.FormatKServe || len(values) == 0 {
		return nil
	}
	n, err := strconv.ParseInt(values[0], 10, 64)
	if len(values) > 1 || err != nil || n <= 0 {
		return &authz.Error{Kind: authz.KindBadAnswer, Label: "answer_malformed", Public: "the upstream's answer is not what its API answers"}
	}
	o.Document = n
	return nil
}

// tellDocument has the answer's head say how long its document is as it leaves.
func (st *stream) tellDocument() {
	r := &st.response
	if r.judge == nil || len(r.head.Headers[documentHeader]) == 0 || st.adm.Observed() {
		return
	}
	if n := r.judge.vectors.DocumentLength(); n >= 0 {
		r.mutation.Set = append(r.mutation.Set, [2]string{documentHeader, strconv.FormatInt(n, 10)})
	}
}
