package integration_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirgate/weir/integration/harness"
	"github.com/weirgate/weir/pkg/authn/authntest"
)

// maxToken is the longest token that Weir looks at, in bytes.
const maxToken = 16 << 10

// cmdAttack sends every forgery to a path: each gets 401 with the label of its own reason, and counts as that in the metrics. Of no token is
// there anything in the answer, in what Weir logs (which the script has it do from debug on), or in its journal.
func cmdAttack(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "attack", neg)
	if len(args) != 1 {
		ts.Fatalf("usage: attack PATH")
	}
	w := the(ts)
	stranger, err := harness.StartIssuer("127.0.0.1:0", "")
	ts.Check(err)
	defer func() { _ = stranger.Close() }()
	all, err := authntest.Forgeries(w.issuer, stranger, maxToken)
	ts.Check(err)
	counted := map[string]int{}
	for _, f := range all {
		header := http.Header{}
		for _, token := range f.Tokens {
			header.Add("Authorization", "Bearer "+token)
		}
		got := harness.Exchange{Method: http.MethodGet, URL: ts.Getenv("ENVOY_URL") + args[0], Header: header, Timeout: 10 * time.Second}.Do()
		if got.Status != http.StatusUnauthorized || !bytes.Contains(got.Body, []byte(`"rule":"weir.`+f.Label+`"`)) {
			ts.Fatalf("%s: HTTP %d, %v, want 401 with %s:\n%s", f.Name, got.Status, got.Err, f.Label, got.Body)
		}
		if got.Header.Get("Www-Authenticate") == "" {
			ts.Fatalf("%s: 401 without a challenge", f.Name)
		}
		said := fmt.Sprint(got.Header) + string(got.Body)
		for _, piece := range pieces(f.Tokens) {
			if strings.Contains(said, piece) {
				ts.Fatalf("%s: the answer holds a piece of the token:\n%s", f.Name, said)
			}
		}
		counted[f.Label]++
	}
	page := string(harness.Exchange{Method: http.MethodGet, URL: ts.Getenv("ADMIN") + "/metrics"}.Do().Body)
	for label, n := range counted {
		if line := fmt.Sprintf("weir_auth_failures_total{cause=%q} %d\n", label, n); !strings.Contains(page, line) {
			ts.Fatalf("no %q in the metrics:\n%s", line, strings.Join(regexp.MustCompile(`(?m)^weir_auth.*$`).FindAllString(page, -1), "\n"))
		}
	}
	nowhere(ts, w, all)
	fmt.Fprintf(ts.Stdout(), "%d forgeries, %d reasons\n", len(all), len(counted))
}

// nowhere looks for the tokens in Weir's log and in all files that it wrote.
func nowhere(ts *testscript.TestScript, w *world, all []authntest.Forgery) {
	written := map[string][]byte{"the log": []byte(w.weir.Log.String())}
	if n := bytes.Count(written["the log"], []byte("msg=refused")); n < len(all) {
		ts.Fatalf("Weir logged %d refusals, want %d or more: is its log level debug?", n, len(all))
	}
	ts.Check(filepath.WalkDir(ts.MkAbs("audit"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			written[path], err = os.ReadFile(path)
		}
		return err
	}))
	for place, text := range written {
		for _, f := range all {
			for _, piece := range pieces(f.Tokens) {
				if bytes.Contains(text, []byte(piece)) {
					ts.Fatalf("%s: %s holds a piece of the token", f.Name, place)
				}
			}
		}
	}
}

// pieces are what a token is recognised by: the end of each of its parts that is long enough to be its own.
func pieces(tokens []string) []string {
	var out []string
	for _, token := range tokens {
		for part := range strings.SplitSeq(token, ".") {
			if len(part) > 24 {
				out = append(out, part[len(part)-20:])
			}
		}
	}
	return out
}
