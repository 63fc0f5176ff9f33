package integration_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weirgate/weir/integration/harness"
	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
)

// golden is an exchange of a table for "drive": five lines, or four where nothing comes back.
//
//	NAME
//	METHOD HOST PATH [HEADER:VALUE…]      CALL for one of gRPC
//	REQUEST                               - for none; of gRPC a message, in hexadecimal or as golden answers are written
//	STATUS[/STATUS] VECTORS DIMS SHAPE…   or 403, for an operation that the dialect does not know
//	ANSWER
//
// The second status is what comes where the mask cannot be applied to the answer. VECTORS and DIMS may be two numbers, too: the second is what
// is counted where no vector is masked, and so nobody looks for what no dialect declares. SHAPE is the rest of a harness.Shape, the answer's type
// first; "-" for gRPC. In the ANSWER $NAME is a vector (see writings), "message {…}" is one of protobuf, and "client FILE NAME" is what a
// client's own classes made.
type golden struct {
	name, method, host, path string
	header                   http.Header
	request                  []byte
	status, unmet            int
	vectors, dims            [2]int64
	shape, answer            string
}

// readGolden reads a table. Lines that begin with # are none of it, and an empty line ends a row.
func readGolden(text string) ([]golden, error) {
	var rows []golden
	var lines []string
	for line := range strings.Lines(text + "\n\n") {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "#"):
		case line != "":
			lines = append(lines, line)
		case len(lines) > 0:
			row, err := goldenRow(lines)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", lines[0], err)
			}
			rows, lines = append(rows, row), nil
		}
	}
	return rows, nil
}

func goldenRow(lines []string) (g golden, err error) {
	if len(lines) < 4 {
		return g, fmt.Errorf("want five lines, or four")
	}
	ask, says := strings.Fields(lines[1]), strings.Fields(lines[3])
	if len(ask) < 3 || len(says) != 1 && (len(says) < 4 || len(lines) != 5) {
		return g, fmt.Errorf("want METHOD HOST PATH, then STATUS VECTORS DIMS SHAPE")
	}
	g = golden{name: lines[0], method: ask[0], host: ask[1] + ".test", path: ask[2], header: http.Header{}}
	for _, h := range ask[3:] {
		name, value, _ := strings.Cut(h, ":")
		g.header.Add(name, value)
	}
	switch {
	case lines[2] == "-":
	case g.method == "CALL" && !strings.HasPrefix(lines[2], "message "):
		g.request, err = hex.DecodeString(lines[2])
	default:
		g.request, err = goldenBody(lines[2], authz.MaskNone)
	}
	if err != nil {
		return g, err
	}
	codes, err := twoNumbers(says[0])
	if g.status = int(codes[0]); codes[1] != codes[0] {
		g.unmet = int(codes[1])
	}
	if err != nil || len(says) == 1 {
		return g, err
	}
	if g.vectors, err = twoNumbers(says[1]); err != nil {
		return g, err
	}
	g.dims, err = twoNumbers(says[2])
	g.shape, g.answer = strings.Join(says[3:], " "), lines[4]
	return g, err
}

// twoNumbers reads "N" or "N/M"; of one alone both are that.
func twoNumbers(text string) (n [2]int64, err error) {
	first, second, two := strings.Cut(text, "/")
	if n[0], err = strconv.ParseInt(first, 10, 64); err != nil || !two {
		return [2]int64{n[0], n[0]}, err
	}
	n[1], err = strconv.ParseInt(second, 10, 64)
	return n, err
}

// rowHeader tells the upstream which row a request is of.
const rowHeader = "X-Golden-Row"

// driven is what came back.
type driven struct {
	status   int // of gRPC's, 200 or 403 for OK and PermissionDenied, 500 for any other
	body     []byte
	decision string
	err      error
}

// send sends the row's request by somebody; the upstream answers it with body.
func (g golden) send(ts *testscript.TestScript, token string, body []byte) driven {
	if g.method == "CALL" {
		c := harness.Call{
			URL: ts.Getenv("ENVOY_URL"), Method: g.path, Messages: [][]byte{g.request}, Token: ts.Getenv(token), Timeout: 30 * time.Second,
			Shape: "answer=" + hex.EncodeToString(body),
		}
		done := c.Do()
		d := driven{status: 500, body: bytes.Join(done.Answers, nil), err: done.Err}
		switch status.Code(done.Err) {
		case codes.OK:
			d.status = 200
		case codes.PermissionDenied:
			d.status, d.err = 403, nil
		}
		d.decision = strings.Join(append(done.Header["weir-decision"], done.Trailer["weir-decision"]...), "")
		return d
	}
	x := harness.Exchange{Method: g.method, URL: ts.Getenv("ENVOY_URL") + g.path, Host: g.host, Header: g.header.Clone(), Body: g.request}
	x.Header.Set("Authorization", "Bearer "+ts.Getenv(token))
	x.Header.Set(rowHeader, g.name)
	if len(g.request) > 0 && x.Header.Get("Content-Type") == "" {
		x.Header.Set("Content-Type", "application/json")
	}
	if g.shape != "" {
		x.Shape = "status=200 hex=" + hex.EncodeToString(body) + " type=" + g.shape
	}
	a := x.Do()
	return driven{a.Status, a.Body, a.Header.Get("Weir-Decision"), a.Err}
}

// bodies returns what the upstream answers, what is to leave of it under the mask, nil where that is not known, and what must not.
func (g golden) bodies(root string, mask authz.MaskMode) (raw, masked []byte, parts []string, err error) {
	if f := strings.SplitN(g.answer, " ", 3); f[0] == "client" && len(f) == 3 {
		raw, parts, err = clientBody(root, f[1], f[2])
		return raw, nil, parts, err
	}
	if raw, err = goldenBody(g.answer, authz.MaskNone); err == nil {
		masked, err = goldenBody(g.answer, mask)
	}
	return raw, masked, partsIn(g.answer), err
}

// drive sends the row's request by both, and says what is wrong with what came.
func (g golden) drive(ts *testscript.TestScript, mask authz.MaskMode, masked, raw string, books map[string]booking) string {
	answer, want, parts, err := g.bodies(the(ts).root, mask)
	if err != nil {
		return err.Error()
	}
	d := g.send(ts, masked, answer)
	for _, p := range parts {
		if bytes.Contains(d.body, []byte(p)) {
			return fmt.Sprintf("%q is left of a vector: %.400q", p, d.body)
		}
	}
	status := g.status
	if g.unmet > 0 && mask == authz.MaskRedact {
		status, want = g.unmet, nil
	}
	switch {
	case d.err != nil || d.status != status:
		return fmt.Sprintf("masked: HTTP %d, %v, want %d: %.400q", d.status, d.err, status, d.body)
	case g.answer == "":
		return g.refused(ts, d)
	case want != nil && !bytes.Equal(d.body, want):
		return fmt.Sprintf("masked as %.600q\nwant %.600q", d.body, want)
	case status == 200:
		books[d.decision] = booking{g, true}
	}
	d = g.send(ts, raw, answer)
	if d.err != nil || d.status != g.status || !bytes.Equal(d.body, answer) {
		return fmt.Sprintf("raw: HTTP %d, %v: %.400q\nwant %.400q", d.status, d.err, d.body, answer)
	}
	books[d.decision] = booking{g, false}
	return ""
}

// refused checks a refusal: by the rule about what nobody knows, and before the upstream saw anything.
func (g golden) refused(ts *testscript.TestScript, d driven) string {
	if g.method != "CALL" && !bytes.Contains(d.body, []byte("weir.rules.unknown")) {
		return fmt.Sprintf("refused for another reason: %.400q", d.body)
	}
	for _, seen := range the(ts).upstream.Seen() {
		if seen.Header.Get(rowHeader) == g.name || g.method == "CALL" && seen.Path == g.path {
			return "the upstream saw it"
		}
	}
	return ""
}

// booking is an exchange that must be in the journal.
type booking struct {
	golden
	masked bool
}

// booked compares the records of the exchanges with what the tables say, and returns what is wrong.
func booked(ts *testscript.TestScript, dir string, books map[string]booking) (wrong []string) {
	seen := 0
	for e, err := range audit.Read(dir, 1) {
		ts.Check(err)
		g, ours := books[e.Decision] // each has one
		if !ours || e.Event != authz.EventCompletion {
			continue
		}
		seen++
		f, err := e.Fields()
		ts.Check(err)
		raw, masked, dims := g.vectors[1], int64(0), g.dims[1]
		if g.masked {
			raw, masked, dims = 0, g.vectors[0], g.dims[0]
		}
		if *f.VolumeVectors != raw || *f.VolumeVectorsMasked != masked || *f.VolumeDims != dims {
			wrong = append(wrong, fmt.Sprintf("%s: booked %d vectors and %d masked ones of %d dims, want %d and %d of %d",
				g.name, *f.VolumeVectors, *f.VolumeVectorsMasked, *f.VolumeDims, raw, masked, dims))
		}
	}
	if seen != len(books) {
		wrong = append(wrong, fmt.Sprintf("%d completion records of %d exchanges", seen, len(books)))
	}
	return wrong
}

// cmdDrive drives tables of golden exchanges: as somebody whose vectors are masked, and as somebody who may have them.
func cmdDrive(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "drive", neg)
	if len(args) < 4 {
		ts.Fatalf("usage: drive MASK MASKED RAW TABLE…")
	}
	books, rows, wrong := map[string]booking{}, 0, 0
	for _, table := range args[3:] {
		text, err := os.ReadFile(ts.MkAbs(table))
		ts.Check(err)
		all, err := readGolden(string(text))
		ts.Check(err)
		for _, g := range all {
			rows++
			if problem := g.drive(ts, authz.MaskMode(args[0]), args[1], args[2], books); problem != "" {
				wrong++
				fmt.Fprintf(ts.Stderr(), "%s: %s\n", g.name, problem)
			}
		}
	}
	for _, problem := range booked(ts, ts.MkAbs("audit"), books) {
		wrong++
		fmt.Fprintln(ts.Stderr(), problem)
	}
	if wrong > 0 {
		ts.Fatalf("%d things went wrong in %d rows", wrong, rows)
	}
	fmt.Fprintf(ts.Stdout(), "%d rows\n", rows)
}
