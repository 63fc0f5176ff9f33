package extproc_test

import (
	"context"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/artifact"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/extproc"
)

// lost is a store of what objects are that cannot be asked, or noted in.
type lost struct{ known, note error }

func (l lost) Known(context.Context, artifact.Key) (authz.Artifact, bool, error) {
	return authz.Artifact{}, false, l.known
}

func (l lost) Note(context.Context, artifact.Key, int64, []byte) (authz.Artifact, artifact.Verdict, error) {
	return authz.Artifact{}, artifact.Harmless, l.note // whatever comes with an error is not to be believed
}

// TestArtifactsThatCannotBeTold: an object of which nobody can say whether it was recognised does not leave, harmless as it may look.
func TestArtifactsThatCannotBeTold(t *testing.T) {
	away := &authz.Error{Kind: authz.KindUnavailable, Label: "store_unavailable", Public: "x"}
	for name, tt := range map[string]struct {
		store lost
		left  bool
	}{"asked": {lost{known: away}, false}, "noted": {lost{note: away}, false}, "neither fails": {lost{}, true}} {
		t.Run(name, func(t *testing.T) {
			p := newParts()
			conn, _ := serve(t, p, func(c *extproc.Config) { c.Artifacts = tt.store })
			attest(t, conn)
			p.target = authz.Target{Name: "lake", Kind: authz.KindCorpus, Dialect: "files"}
			e := open(t, conn)
			e.send(requestHeaders(true, ":method", "GET", ":path", "/notes.txt", ":authority", "h", "authorization", "Bearer x"))
			e.want("request head {NONE,FULL_DUPLEX_STREAMED}")
			e.send(responseHeaders(false, "via_upstream", ":status", "200", "content-type", "text/plain", "etag", `"1"`, "content-length", "5"))
			_ = e.stream.Send(responseBody(true, "words")) // it may have ended before
			got := e.next()
			if tt.left {
				if got != "response head" {
					t.Fatal(got)
				}
				e.want(`response body "words" eos=true`)
				return
			}
			if got != "refused 503" {
				t.Error(got)
			}
			_ = e.stream.CloseSend()
			for !strings.HasPrefix(got, "end") {
				got = e.next()
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if r := p.records[len(p.records)-1]; r.Event != authz.EventCompletion || r.Label != "store_unavailable" || r.Volume.Of(authz.UnitBytes) != 0 || !strings.HasPrefix(r.Verdict.Rule, "weir.store") {
				t.Errorf("the record says %q, %v", r.Label, r.Volume)
			}
		})
	}
}
