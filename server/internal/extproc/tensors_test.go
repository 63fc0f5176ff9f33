package extproc_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

// TestTensors: the head of an answer with tensors behind its document says how long that is as it leaves.
func TestTensors(t *testing.T) {
	document := func(size int) string {
		return fmt.Sprintf(`{"outputs":[{"name":"o","datatype":"FP32","shape":[1,4],"parameters":{"binary_data_size":%d}}]}`, size)
	}
	const floats = "\x00\x00\x80\x3f\x00\x00\x80\x3f\x00\x00\x80\x3f\x00\x00\x80\x3f"
	for mask, want := range map[authz.MaskMode]string{
		authz.MaskNone: document(16) + floats, authz.MaskZero: document(16) + string(make([]byte, 16)), authz.MaskRedact: document(0),
	} {
		p := newParts()
		p.target = authz.Target{Name: "triton", Kind: authz.KindInference, Dialect: "kserve"}
		p.decision.Mask.Vectors = mask
		length := strconv.Itoa(len(document(16)))
		for header, refused := range map[string]bool{length: false, "x": true, "0": true, "17": true} {
			conn, _ := serve(t, p)
			e := open(t, conn)
			asked := `{"inputs":[{"name":"i","shape":[1],"datatype":"BYTES","data":["a"]}],"outputs":[{"name":"o"}]}`
			e.send(requestHeaders(false, ":method", "POST", ":path", "/v2/models/m/infer", ":authority", "h", "authorization", "Bearer x", "content-type", "application/json"))
			e.send(requestBody(true, asked))
			e.want("request head"+bothWays, fmt.Sprintf("request body %q eos=true", asked))
			body := document(16) + floats
			e.send(responseHeaders(false, "via_upstream", ":status", "200", "content-type", "application/octet-stream", "inference-header-content-length", header), responseBody(false, body[:30]))
			if refused && header != "17" {
				e.want("refused 502")
				continue
			}
			e.send(responseBody(true, body[30:]))
			if refused {
				e.want("refused 502")
				continue
			}
			m, err := e.stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			set := ""
			for _, h := range m.GetResponseHeaders().GetResponse().GetHeaderMutation().GetSetHeaders() {
				if h.GetHeader().GetKey() == "inference-header-content-length" {
					set = string(h.GetHeader().GetRawValue())
				}
			}
			wantLength := len(document(16))
			if mask == authz.MaskRedact {
				wantLength = len(document(0))
			}
			if set != strconv.Itoa(wantLength) {
				t.Errorf("%s: the document has %d bytes, the head says %q", mask, wantLength, set)
			}
			e.want(fmt.Sprintf("response body %q eos=true", want))
		}
	}
}
