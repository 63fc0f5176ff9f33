package integration_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirgate/weir/integration/harness"
)

// evasion is a row of a table for "evade": an answer that tries to carry a vector past the mask.
//
//	NAME | MASKED | RAW | TO | SHAPE | BODY
//
// MASKED is what somebody gets whose vectors are masked: 200, or 502 and the cause it is counted by; "200 same" where the body must be
// there as it is. RAW is the same for somebody who may have them; with 200 the body must be there byte for byte. TO is openai, chroma or tei; SHAPE is the rest of a harness.Shape. In BODY
// \xNN is a byte, and a $ with a letter stands for a vector of recognisable components, written in some way: see vectorsIn.
type evasion struct {
	name, to, shape string
	masked, raw     string
	body            []byte
}

var (
	escapedByte = regexp.MustCompile(`\\x[0-9a-f]{2}`)
	repeated    = regexp.MustCompile(`\$\((\d+) ([^)]*)\)`)
)

// vectorsIn replaces what stands for vectors in a row's body. $(N TEXT) is TEXT N times.
func vectorsIn(body string) string {
	v := harness.Sentinel(harness.DefaultDims)
	numbers := make([]string, len(v))
	for i, x := range v {
		numbers[i] = strconv.FormatFloat(float64(x), 'g', -1, 32)
	}
	packed := harness.Bytes(v)
	keyed := make([]string, len(v))
	for i, n := range numbers {
		keyed[i] = fmt.Sprintf("%q:%s", strconv.Itoa(i), n)
	}
	return strings.NewReplacer(
		"$V", "["+strings.Join(numbers, ",")+"]",
		"$W", "["+strings.Join(numbers[:8], ",")+"]", // too short for the detector
		"$I", strings.Join(numbers, ","),
		"$P", strings.Join(numbers, " "),
		"$L", strings.Join(numbers, "\n"),
		"$O", "[["+strings.Join(numbers, "],[")+"]]",
		"$N", "["+strings.Join(numbers, ",null,")+"]",
		"$K", "{"+strings.Join(keyed, ",")+"}",
		"$S", `["`+strings.Join(numbers, `","`)+`"]`,
		"$B", base64.StdEncoding.EncodeToString(packed),
		"$U", base64.RawURLEncoding.EncodeToString(packed),
		"$H", hex.EncodeToString(packed),
	).Replace(repeated.ReplaceAllStringFunc(body, func(s string) string {
		m := repeated.FindStringSubmatch(s)
		n, _ := strconv.Atoi(m[1])
		return strings.Repeat(m[2], n)
	}))
}

// readEvasions reads a table; lines that begin with # and empty ones are none of it.
func readEvasions(text string) ([]evasion, error) {
	var rows []evasion
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.SplitN(line, "|", 6)
		if len(f) != 6 {
			return nil, fmt.Errorf("want six columns: %.80s", line)
		}
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		body := escapedByte.ReplaceAllStringFunc(vectorsIn(f[5]), func(s string) string {
			b, _ := hex.DecodeString(s[2:])
			return string(b)
		})
		if after, ok := strings.CutPrefix(body, "UTF16:"); ok {
			body = "\xff\xfe"
			for _, c := range []byte(after) {
				body += string([]byte{c, 0})
			}
		}
		rows = append(rows, evasion{name: f[0], masked: f[1], raw: f[2], to: f[3], shape: vectorsIn(f[4]), body: []byte(body)})
	}
	return rows, nil
}

// exchange is the row's request by somebody.
func (e evasion) exchange(ts *testscript.TestScript, token string, trickle bool) harness.Exchange {
	asks := map[string][2]string{
		"openai": {"/v1/embeddings", `{"model":"m","input":["a"]}`},
		"tei":    {"/embed", `{"inputs":["a"]}`},
		"chroma": {"/api/v2/tenants/t/databases/d/collections/c/get", `{"limit":1,"include":["embeddings"]}`},
		"query":  {"/api/v2/tenants/t/databases/d/collections/c/query", `{"query_embeddings":[[1]],"n_results":40,"include":["distances","metadatas"]}`},
	}
	ask, ok := asks[e.to]
	if !ok {
		ts.Fatalf("%s: no API %q", e.name, e.to)
	}
	shape := e.shape + " hex=" + hex.EncodeToString(e.body)
	if !strings.Contains(shape, "type=") {
		shape += " type=application/json"
	}
	if trickle {
		shape += " trickle"
	}
	return harness.Exchange{
		Method: http.MethodPost, URL: ts.Getenv("ENVOY_URL") + ask[0], Body: []byte(ask[1]), Shape: shape, Timeout: 30 * time.Second,
		Header: http.Header{"Authorization": {"Bearer " + ts.Getenv(token)}, "Content-Type": {"application/json"}},
	}
}

// leaks counts raw components in whatever a client can read of an answer: as Leaks does, in UTF-16 too, in hexadecimal, in heads and trailers.
func leaks(a harness.Answer) int {
	n := harness.Leaks(bytes.ReplaceAll(a.Body, []byte{0}, nil)) + bytes.Count(bytes.ToLower(a.Body), []byte("3b3f"))/2
	raw := 0
	for i := 0; i+8 <= len(a.Body); i++ { // float32 as they are
		if a.Body[i+2] == 0x3b && a.Body[i+3] == 0x3f && a.Body[i+6] == 0x3b && a.Body[i+7] == 0x3f {
			raw++
		}
	}
	for _, h := range []http.Header{a.Header, a.Trailer} {
		for _, values := range h {
			n += strings.Count(strings.Join(values, " "), "0.7312")
		}
	}
	return n + raw
}

var refusedTotal = regexp.MustCompile(`(?m)^weir_refused_answers_total\{cause="([a-z_]+)"\} (\d+)$`)

// refusedAnswers returns what weir_refused_answers_total says by cause.
func refusedAnswers(ts *testscript.TestScript) map[string]int {
	a := harness.Exchange{Method: http.MethodGet, URL: ts.Getenv("ADMIN") + "/metrics"}.Do()
	ts.Check(a.Err)
	counts := map[string]int{}
	for _, m := range refusedTotal.FindAllStringSubmatch(string(a.Body), -1) {
		counts[m[1]], _ = strconv.Atoi(m[2])
	}
	return counts
}

func cutShort(a harness.Answer) bool { return a.Err != nil }

// cmdEvade tries every row of some tables: as somebody whose vectors are masked, at once and a byte at a time, and as somebody who may have them.
func cmdEvade(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "evade", neg)
	if len(args) < 3 {
		ts.Fatalf("usage: evade MASKED RAW TABLE…")
	}
	var rows []evasion
	for _, table := range args[2:] {
		text, err := os.ReadFile(ts.MkAbs(table))
		ts.Check(err)
		more, err := readEvasions(string(text))
		ts.Check(err)
		rows = append(rows, more...)
	}
	failed := 0
	for _, row := range rows {
		for _, try := range []struct {
			who, want      string
			masked, cutToo bool
		}{{args[0], row.masked, true, false}, {args[0], row.masked, true, true}, {args[1], row.raw, false, false}} {
			if problem := row.try(ts, try.who, try.want, try.masked, try.cutToo); problem != "" {
				failed++
				fmt.Fprintf(ts.Stderr(), "%s, as %s, a byte at a time: %v: %s\n", row.name, try.who, try.cutToo, problem)
			}
		}
	}
	if failed > 0 {
		ts.Fatalf("%d tries of %d rows went wrong", failed, len(rows))
	}
	fmt.Fprintf(ts.Stdout(), "%d rows\n", len(rows))
}

// try sends the row's request and says what is wrong with what came. An answer that comes a byte at a time may be cut where it would have
// been refused: its head may have left.
func (e evasion) try(ts *testscript.TestScript, who, want string, masked, trickle bool) string {
	before := refusedAnswers(ts)
	a := e.exchange(ts, who, trickle).Do()
	code, cause, _ := strings.Cut(want, " ")
	status, _ := strconv.Atoi(code)
	got := fmt.Sprintf("HTTP %d, error %v, %.300q", a.Status, a.Err, a.Body)
	if masked {
		if n := leaks(a); n > 0 {
			return fmt.Sprintf("%d raw components: %s", n, got)
		}
	}
	refused := !cutShort(a) && a.Status == status && a.Header.Get("Content-Type") == "application/problem+json"
	switch {
	case cause == "" || cause == "same":
		if cutShort(a) || a.Status != status || (cause == "same" || !masked && status == 200) && !bytes.Equal(a.Body, e.body) {
			return "want " + want + ": " + got
		}
		return ""
	case !refused && !(trickle && cutShort(a)):
		return "want " + want + ": " + got
	}
	if n := refusedAnswers(ts)[cause] - before[cause]; n != 1 {
		return fmt.Sprintf("weir_refused_answers_total{cause=%q} rose by %d; it was %v, is %v: %s", cause, n, before, refusedAnswers(ts), got)
	}
	return ""
}
