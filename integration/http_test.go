package integration_test

import (
	"bytes"
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

func cmdHTTP(ts *testscript.TestScript, neg bool, args []string) {
	x, whatever := harness.Exchange{Header: http.Header{}}, false
	flags := flag.NewFlagSet("http", flag.ContinueOnError)
	flags.BoolVar(&x.HTTP2, "h2", false, "")
	flags.BoolVar(&whatever, "any", false, "")
	flags.BoolVar(&x.Follow, "follow", false, "")
	flags.StringVar(&x.From, "from", "", "")
	flags.StringVar(&x.Host, "host", "", "")
	flags.StringVar(&x.Shape, "shape", "", "")
	flags.DurationVar(&x.Timeout, "timeout", 30*time.Second, "")
	token := flags.String("token", "", "")
	cert := flags.String("cert", "", "")
	tokenBytes := flags.Int("token-bytes", 0, "")
	data := flags.String("d", "", "")
	file := flags.String("f", "", "")
	out := flags.String("o", "", "")
	count := flags.Int("n", 1, "")
	background := flags.Bool("background", false, "")
	until := flags.String("until", "", "")
	flags.Func("H", "", func(field string) error {
		name, value, ok := strings.Cut(field, ":")
		if !ok {
			return fmt.Errorf("header %q: want name: value", field)
		}
		x.Header.Add(name, strings.TrimSpace(value))
		return nil
	})
	ts.Check(flags.Parse(args))
	if flags.NArg() != 2 {
		ts.Fatalf("usage: http [FLAG…] METHOD URL")
	}
	x.Method, x.URL, x.Body = flags.Arg(0), flags.Arg(1), []byte(*data)
	if strings.HasPrefix(x.URL, "/") {
		x.URL = ts.Getenv("ENVOY_URL") + x.URL
	}
	if *cert != "" {
		x.URL, x.TLS = "https"+strings.TrimPrefix(x.URL, "http"), clientTLS(ts, *cert)
	}
	if *token != "" {
		x.Header.Set("Authorization", "Bearer "+ts.Getenv(*token))
	}
	if *tokenBytes > 0 {
		x.Header.Set("Authorization", "Bearer "+strings.Repeat("a", *tokenBytes))
	}
	if *file != "" {
		body, err := os.ReadFile(ts.MkAbs(*file))
		ts.Check(err)
		x.Body = body
	}
	if len(x.Body) > 0 && x.Header.Get("Content-Type") == "" {
		x.Header.Set("Content-Type", "application/json")
	}
	if *count > 1 {
		many(ts, x, *count)
		return
	}
	if *background {
		pending := make(chan harness.Answer, 1)
		the(ts).pending = pending
		go func() { pending <- x.Do() }()
		return
	}
	a := doUntil(ts, x, *until)
	the(ts).last = a.Body
	if *out != "" {
		ts.Check(os.WriteFile(ts.MkAbs(*out), a.Body, 0o600))
	}
	printAnswer(ts, a)
	if (a.Err != nil) != neg && !whatever {
		ts.Fatalf("http %s %s: error %v; want one: %v", x.Method, x.URL, a.Err, neg)
	}
}

// doUntil sends the request until its answer's body matches, for ten seconds at most; once where text is empty.
func doUntil(ts *testscript.TestScript, x harness.Exchange, text string) harness.Answer {
	want, err := regexp.Compile(text)
	ts.Check(err)
	deadline := time.Now().Add(10 * time.Second)
	for {
		a := x.Do()
		if want.Match(a.Body) {
			return a
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s %s does not answer %q within 10 s; last: %d %v\n%s", x.Method, x.URL, text, a.Status, a.Err, a.Body)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// cmdAnswer waits for the answer to "http -background".
func cmdAnswer(ts *testscript.TestScript, neg bool, args []string) {
	w := the(ts)
	if w.pending == nil {
		ts.Fatalf("answer: no http -background before it")
	}
	a := <-w.pending // ends by the request's own timeout
	w.pending, w.last = nil, a.Body
	printAnswer(ts, a)
	if (a.Err != nil) != neg && (len(args) != 1 || args[0] != "-any") {
		ts.Fatalf("answer: error %v; want one: %v", a.Err, neg)
	}
}

// many sends n of the same request at once and prints how many came back with each status, and whether all whole ones were alike.
func many(ts *testscript.TestScript, x harness.Exchange, n int) {
	answers := make([]harness.Answer, n)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = x.Do() })
	}
	wg.Wait()
	counts := map[string]int{}
	var bodies bytes.Buffer
	for _, a := range answers {
		outcome := fmt.Sprintf("HTTP %d, %d bytes", a.Status, len(a.Body))
		if a.Err != nil {
			outcome = fmt.Sprintf("HTTP %d, cut", a.Status)
		}
		counts[outcome]++
		bodies.Write(a.Body)
		bodies.WriteByte('\n')
	}
	the(ts).last = bodies.Bytes()
	for _, outcome := range sortedKeys(counts) {
		fmt.Fprintf(ts.Stdout(), "%d × %s\n", counts[outcome], outcome)
	}
}

// printAnswer writes the answer so that two runs print the same: volatile headers are left out, the decision's ID is <ID>.
func printAnswer(ts *testscript.TestScript, a harness.Answer) {
	if a.Status == 0 {
		fmt.Fprintf(ts.Stdout(), "no answer: %v\n", a.Err)
		return
	}
	id := a.Header.Get("Weir-Decision")
	if id != "" {
		ts.Setenv("DECISION", id)
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "HTTP %d\n", a.Status)
	printHeaders(&text, a.Header, "")
	text.WriteByte('\n')
	text.Write(a.Body[:min(len(a.Body), printedBody)])
	if len(a.Body) > printedBody {
		fmt.Fprintf(&text, "… %d bytes in all", len(a.Body))
	}
	if n := text.Len(); n > 0 && text.Bytes()[n-1] != '\n' {
		text.WriteByte('\n')
	}
	printHeaders(&text, a.Trailer, "trailer ")
	if a.Err != nil {
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
	flags := flag.NewFlagSet("poll", flag.ContinueOnError)
	token := flags.String("token", "", "")
	ts.Check(flags.Parse(args))
	if args = flags.Args(); len(args) != 2 {
		ts.Fatalf("usage: poll [-token NAME] URL REGEXP")
	}
	want, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	x := harness.Exchange{Method: http.MethodGet, URL: args[0], Timeout: 5 * time.Second}
	if strings.HasPrefix(x.URL, "/") {
		x.URL = ts.Getenv("ADMIN") + x.URL
	}
	if *token != "" {
		x.Header = http.Header{"Authorization": {"Bearer " + ts.Getenv(*token)}}
	}
	var a harness.Answer
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if a = x.Do(); a.Err == nil && want.Match(fmt.Appendf(nil, "HTTP %d\n%s", a.Status, a.Body)) {
			return
		}
	}
	ts.Fatalf("%s does not answer %q within 10 s; last: %d %v\n%s", x.URL, args[1], a.Status, a.Err, a.Body)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
