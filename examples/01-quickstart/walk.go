package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// person is somebody who asks.
type person struct {
	name   string
	groups []string
}

// The people of the demo; settings.yaml says what their groups may do.
var (
	nobody = person{}
	alice  = person{"alice", []string{"research"}}
	bob    = person{"bob", []string{"product"}}
	carol  = person{"carol", []string{"research"}}
	dave   = person{"dave", []string{"ml-platform"}}
)

// ask is one request of the walk.
type ask struct {
	by            person
	method, path  string
	body          any    // sent as JSON; nil for none
	short         string // the body in words, for the printed line
	justification string // header weir-justification
}

// reply is what came back.
type reply struct {
	status   int
	header   http.Header
	body     []byte
	decision string // Weir's ID of the decision
}

// problem returns the reasons that a refusal gives (RFC 9457).
func (r reply) problem() string {
	var p struct{ Title, Detail string }
	if json.Unmarshal(r.body, &p) != nil {
		return fmt.Sprintf("%.200q", r.body)
	}
	return p.Title + ": " + p.Detail
}

// walk goes through the steps and keeps the score.
type walk struct {
	out            io.Writer
	stack          *stack
	passed, failed int
	step           int
	decisions      []decided
}

// decided is a decision that an answer named.
type decided struct {
	id     string
	status int
}

// demo runs the walk; keep leaves everything running afterwards until ctx ends.
func demo(ctx context.Context, out io.Writer, keep bool) error {
	fmt.Fprintln(out, "Weir demo: one exchange, end to end")
	s, err := startStack(ctx, func(format string, args ...any) { fmt.Fprintf(out, "  "+format+"\n", args...) })
	if err != nil {
		return err
	}
	defer s.close()
	w := &walk{out: out, stack: s}
	for _, step := range steps {
		if step(ctx, w); ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
	fmt.Fprintf(out, "\n%d passed, %d failed\n", w.passed, w.failed)
	if keep {
		fmt.Fprint(out, s.hints())
		<-ctx.Done()
	}
	if w.failed > 0 {
		return fmt.Errorf("%d steps failed; Weir said:\n%s", w.failed, s.weir.Log)
	}
	return nil
}

// title opens a step: what is asked, and why it matters.
func (w *walk) title(format string, args ...any) {
	w.step++
	fmt.Fprintf(w.out, "\n%d. %s\n", w.step, fmt.Sprintf(format, args...))
}

// verdict closes a step: in plain words what came of it, or what is wrong.
func (w *walk) verdict(problem error, format string, args ...any) {
	if problem != nil {
		w.failed++
		fmt.Fprintf(w.out, "   FAILED: %v\n", problem)
		return
	}
	w.passed++
	fmt.Fprintf(w.out, "   ok: %s\n", fmt.Sprintf(format, args...))
}

// send sends the request through Envoy, prints both sides and remembers the decision.
func (w *walk) send(ctx context.Context, a ask) (reply, error) {
	r, err := w.quiet(ctx, a)
	if err != nil {
		return r, err
	}
	who := "nobody (no token)"
	if a.by.name != "" {
		who = a.by.name + " (group " + strings.Join(a.by.groups, ", ") + ")"
	}
	fmt.Fprintf(w.out, "   → %s %s   by %s\n", a.method, a.path, who)
	if a.short != "" {
		fmt.Fprintf(w.out, "     asks for %s\n", a.short)
	}
	if a.justification != "" {
		fmt.Fprintf(w.out, "     weir-justification: %s\n", a.justification)
	}
	fmt.Fprintf(w.out, "   ← %d %s   decision %s\n", r.status, http.StatusText(r.status), r.decision)
	if r.status >= 400 {
		fmt.Fprintf(w.out, "     %s\n", r.problem())
	}
	return r, nil
}

// quiet is send without a word.
func (w *walk) quiet(ctx context.Context, a ask) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var body []byte
	if a.body != nil {
		var err error
		if body, err = json.Marshal(a.body); err != nil {
			return reply{}, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, a.method, w.stack.envoy.URL+a.path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if a.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if a.by.name != "" {
		token, err := w.stack.issuer.Mint(map[string]any{"sub": a.by.name, "groups": a.by.groups})
		if err != nil {
			return reply{}, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if a.justification != "" {
		req.Header.Set("weir-justification", a.justification)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, fmt.Errorf("the answer broke off after %d bytes: %w", len(answer), err)
	}
	r := reply{resp.StatusCode, resp.Header, answer, resp.Header.Get("Weir-Decision")}
	if r.decision == "" {
		return r, fmt.Errorf("status %d without a weir-decision header", r.status)
	}
	w.decisions = append(w.decisions, decided{r.decision, r.status})
	return r, nil
}

// hints are the lines to try by hand while the stack stays up.
func (s *stack) hints() string {
	return fmt.Sprintf(`
Everything stays up until you press Ctrl-C. Try:

  token() { curl -s "%[1]s/token?sub=$1&groups=$2"; }
  ask='{"model":"demo","input":["a weir keeps the river at its height"]}'
  curl -i %[2]s/v1/embeddings -H 'content-type: application/json' -d "$ask"
  curl -i %[2]s/v1/embeddings -H 'content-type: application/json' -d "$ask" -H "authorization: Bearer $(token alice research)"
  curl -i %[2]s/v1/embeddings -H 'content-type: application/json' -d "$ask" -H "authorization: Bearer $(token bob product)"
  curl -i %[2]s/models/tiny.safetensors -o /dev/null -H "authorization: Bearer $(token dave ml-platform)" -H 'weir-justification: MODEL-42 nightly evaluation'
  curl -s http://%[3]s/metrics | grep ^weir_
  (cd %[4]s && %[5]s audit tail --config weir.yaml)
`, s.issuer.URL, s.envoy.URL, s.address(portWeirAdmin), s.dir, weirPath())
}

// weirPath is where the weir binary is, for whoever is in another directory.
func weirPath() string {
	binary, err := harness.WeirBinary()
	if err == nil {
		binary, err = filepath.Abs(binary)
	}
	if err != nil {
		return "weir"
	}
	return binary
}
