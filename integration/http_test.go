package integration_test

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirgate/weir/integration/harness"
)

// printedBody is how much of an answer's body the http command prints; -o keeps all of it.
const printedBody = 4096

// volatile headers differ from run to run, or say nothing.
var volatile = []string{"Date", "Server", "X-Envoy-Upstream-Service-Time", "X-Request-Id", "X-Envoy-Expected-Rq-Timeout-Ms"}

// exchange is one request of the http command.
type exchange struct {
	method, url, host, shape string
	header                   http.Header
	body                     []byte
	h2, any                  bool
	timeout                  time.Duration
}

// answer is what came of it. err is set when no answer came, or one that was cut short.
type answer struct {
	status  int
	header  http.Header
	trailer http.Header
	body    []byte
	err     error
}

func (x exchange) do() answer {
	ctx, cancel := context.WithTimeout(context.Background(), x.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, x.method, x.url, bytes.NewReader(x.body))
	if err != nil {
		return answer{err: err}
	}
	req.Header = x.header.Clone()
	req.Host = cmp.Or(x.host, req.Host)
	if x.shape != "" {
		req.Header.Set(harness.ShapeHeader, x.shape)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!x.h2)
	protocols.SetUnencryptedHTTP2(x.h2)
	transport := &http.Transport{Protocols: protocols, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, resp.Trailer, body, err}
}

func cmdHTTP(ts *testscript.TestScript, neg bool, args []string) {
	x := exchange{header: http.Header{}}
	flags := flag.NewFlagSet("http", flag.ContinueOnError)
	flags.BoolVar(&x.h2, "h2", false, "")
	flags.BoolVar(&x.any, "any", false, "")
	flags.StringVar(&x.host, "host", "", "")
	flags.StringVar(&x.shape, "shape", "", "")
	flags.DurationVar(&x.timeout, "timeout", 30*time.Second, "")
	token := flags.String("token", "", "")
	tokenBytes := flags.Int("token-bytes", 0, "")
	data := flags.String("d", "", "")
	file := flags.String("f", "", "")
	out := flags.String("o", "", "")
	count := flags.Int("n", 1, "")
	background := flags.Bool("background", false, "")
	flags.Func("H", "", func(field string) error {
		name, value, ok := strings.Cut(field, ":")
		if !ok {
			return fmt.Errorf("header %q: want name: value", field)
		}
		x.header.Add(name, strings.TrimSpace(value))
		return nil
	})
	ts.Check(flags.Parse(args))
	if flags.NArg() != 2 {
		ts.Fatalf("usage: http [FLAG…] METHOD URL")
	}
	x.method, x.url, x.body = flags.Arg(0), flags.Arg(1), []byte(*data)
	if strings.HasPrefix(x.url, "/") {
		x.url = ts.Getenv("ENVOY_URL") + x.url
	}
	if *token != "" {
		x.header.Set("Authorization", "Bearer "+ts.Getenv(*token))
	}
	if *tokenBytes > 0 {
		x.header.Set("Authorization", "Bearer "+strings.Repeat("a", *tokenBytes))
	}
	if *file != "" {
		body, err := os.ReadFile(ts.MkAbs(*file))
		ts.Check(err)
		x.body = body
	}
	if len(x.body) > 0 && x.header.Get("Content-Type") == "" {
		x.header.Set("Content-Type", "application/json")
	}
	if *count > 1 {
		many(ts, x, *count)
		return
	}
	if *background {
		pending := make(chan answer, 1)
		the(ts).pending = pending
		go func() { pending <- x.do() }()
		return
	}
	a := x.do()
	the(ts).last = a.body
	if *out != "" {
		ts.Check(os.WriteFile(ts.MkAbs(*out), a.body, 0o600))
	}
	a.print(ts)
	if (a.err != nil) != neg && !x.any {
		ts.Fatalf("http %s %s: error %v; want one: %v", x.method, x.url, a.err, neg)
	}
}

// cmdAnswer waits for the answer to "http -background".
func cmdAnswer(ts *testscript.TestScript, neg bool, args []string) {
	w := the(ts)
	if w.pending == nil {
		ts.Fatalf("answer: no http -background before it")
	}
	a := <-w.pending // ends by the request's own timeout
	w.pending, w.last = nil, a.body
	a.print(ts)
	if (a.err != nil) != neg && (len(args) != 1 || args[0] != "-any") {
		ts.Fatalf("answer: error %v; want one: %v", a.err, neg)
	}
}

// many sends n of the same request at once and prints how many came back with each status, and whether all whole ones were alike.
func many(ts *testscript.TestScript, x exchange, n int) {
	answers := make([]answer, n)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = x.do() })
	}
	wg.Wait()
	counts := map[string]int{}
	var bodies bytes.Buffer
	for _, a := range answers {
		outcome := fmt.Sprintf("HTTP %d, %d bytes", a.status, len(a.body))
		if a.err != nil {
			outcome = fmt.Sprintf("HTTP %d, cut", a.status)
		}
		counts[outcome]++
		bodies.Write(a.body)
		bodies.WriteByte('\n')
	}
	the(ts).last = bodies.Bytes()
	for _, outcome := range sortedKeys(counts) {
		fmt.Fprintf(ts.Stdout(), "%d × %s\n", counts[outcome], outcome)
	}
}

// print writes the answer so that two runs print the same: volatile headers are left out, the decision's ID is <ID>.
func (a answer) print(ts *testscript.TestScript) {
	if a.status == 0 {
		fmt.Fprintf(ts.Stdout(), "no answer: %v\n", a.err)
		return
	}
	id := a.header.Get("Weir-Decision")
	if id != "" {
		ts.Setenv("DECISION", id)
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "HTTP %d\n", a.status)
	printHeaders(&text, a.header, "")
	text.WriteByte('\n')
	text.Write(a.body[:min(len(a.body), printedBody)])
	if len(a.body) > printedBody {
		fmt.Fprintf(&text, "… %d bytes in all", len(a.body))
	}
	if n := text.Len(); n > 0 && text.Bytes()[n-1] != '\n' {
		text.WriteByte('\n')
	}
	printHeaders(&text, a.trailer, "trailer ")
	if a.err != nil {
		text.WriteString("cut short\n")
	}
	out := text.String()
	if id != "" {
		out = strings.ReplaceAll(out, id, "<ID>")
	}
	fmt.Fprint(ts.Stdout(), out)
}

func printHeaders(w io.Writer, h http.Header, prefix string) {
	for _, name := range sortedKeys(h) {
		if slices.Contains(volatile, name) {
			continue
		}
		for _, value := range h[name] {
			fmt.Fprintf(w, "%s%s: %s\n", prefix, strings.ToLower(name), value)
		}
	}
}

func cmdRaw(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 0 {
		ts.Fatalf("usage: raw")
	}
	n := harness.Leaks(the(ts).last)
	if neg && n > 0 {
		ts.Fatalf("the answer holds %d raw vector components", n)
	}
	if !neg && n == 0 {
		ts.Fatalf("the answer holds no raw vector")
	}
}

func cmdPoll(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "poll", neg)
	if len(args) != 2 {
		ts.Fatalf("usage: poll URL REGEXP")
	}
	want, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	x := exchange{method: http.MethodGet, url: args[0], header: http.Header{}, timeout: 5 * time.Second}
	if strings.HasPrefix(x.url, "/") {
		x.url = ts.Getenv("ADMIN") + x.url
	}
	var a answer
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if a = x.do(); a.err == nil && want.Match(fmt.Appendf(nil, "HTTP %d\n%s", a.status, a.body)) {
			return
		}
	}
	ts.Fatalf("%s does not answer %q within 10 s; last: %d %v\n%s", x.url, args[1], a.status, a.err, a.body)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
