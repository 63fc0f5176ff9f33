package extproc_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
)

// TestLongerThanStated: nothing of an answer leaves beyond the length that its head states. The books are closed there.
func TestLongerThanStated(t *testing.T) {
	const line = `{"response":{"body":{"data":[{"embedding":[0.5,0.25]}]}}}` + "\n"
	for _, mask := range []authz.MaskMode{authz.MaskNone, authz.MaskRedact} {
		for name, pieces := range map[string][]string{
			"at once":                    {line + line + line},
			"in lines":                   {line, line, line},
			"a byte at a time":           strings.Split(line+line, ""),
			"the end in its own message": {line, line, ""},
		} {
			t.Run(string(mask)+"/"+name, func(t *testing.T) {
				p := newParts()
				conn, _ := serve(t, p)
				attest(t, conn)
				p.decision.Mask.Vectors = mask
				e := open(t, conn)
				e.send(requestHeaders(true, ":method", "GET", ":path", "/v1/files/f/content", ":authority", "h", "authorization", "Bearer x"))
				e.want("request head {NONE,FULL_DUPLEX_STREAMED}")
				e.send(responseHeaders(false, "via_upstream", ":status", "200", "content-type", "application/x-ndjson", "content-length", strconv.Itoa(len(line))))
				for i, piece := range pieces {
					_ = e.stream.Send(responseBody(i == len(pieces)-1, piece)) // it may have ended before
				}
				left, got := "", ""
				for !strings.HasPrefix(got, "end") && !strings.HasPrefix(got, "refused") {
					if got = e.next(); strings.HasSuffix(got, "eos=true") {
						t.Error("it came to its end")
						break
					}
					left += got
				}
				if n := strings.Count(left, "embedding"); n > 1 {
					t.Errorf("%d vectors have left, and %d are in the books", n, p.records[len(p.records)-1].Volume)
				}
			})
		}
	}
}
