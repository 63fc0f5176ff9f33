package integration_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirgate/weir/integration/harness"
	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
)

// kept is an exchange with a store, of a table for "stored": four lines.
//
//	NAME
//	METHOD HOST PATH [HEADER:VALUE…]
//	REQUEST                          - for none
//	STATUS CLASS OBJECT VERSION      or 403, for an operation that the dialect does not know
//
// OBJECT and VERSION are what the journal has as weir.object and weir.object.version, "-" for none. An object that begins with "/" is the path.
type kept struct {
	name, method, host, path string
	header                   http.Header
	request                  string
	status                   int
	class                    authz.Class
	object, version          string
}

// readKept reads a table. Lines that begin with # are none of it, and an empty line ends a row.
func readKept(text string) (rows []kept, err error) {
	for block := range strings.SplitSeq(text, "\n\n") {
		var lines []string
		for line := range strings.Lines(block) {
			if line = strings.TrimSuffix(line, "\n"); line != "" && !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
		if len(lines) == 0 {
			continue
		}
		row, err := keptRow(lines)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", lines[0], err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func keptRow(lines []string) (k kept, err error) {
	if len(lines) != 4 {
		return k, fmt.Errorf("want four lines, not %d", len(lines))
	}
	ask, says := strings.Fields(lines[1]), strings.Fields(lines[3])
	if len(ask) < 3 || len(says) != 1 && len(says) != 4 {
		return k, fmt.Errorf("want METHOD HOST PATH, then STATUS CLASS OBJECT VERSION")
	}
	k = kept{name: lines[0], method: ask[0], host: ask[1] + ".test", path: ask[2], header: http.Header{}, class: authz.ClassUnknown}
	for _, h := range ask[3:] {
		name, value, _ := strings.Cut(h, ":")
		k.header.Add(name, value)
	}
	if lines[2] != "-" {
		k.request = lines[2]
	}
	if k.status, err = strconv.Atoi(says[0]); err != nil || len(says) == 1 {
		return k, err
	}
	k.class, k.object, k.version = authz.Class(says[1]), strings.TrimPrefix(says[2], "-"), strings.TrimPrefix(says[3], "-")
	return k, nil
}

// storedBody is what the upstream answers to every row.
const storedBody = "what the store has"

// send sends the row's request and says what is wrong with what came, and under which decision.
func (k kept) send(ts *testscript.TestScript, token, reason string) (decision, wrong string) {
	x := harness.Exchange{
		Method: k.method, URL: ts.Getenv("ENVOY_URL") + k.path, Host: k.host, Header: k.header.Clone(), Body: []byte(k.request),
		Shape: "status=200 type=application/octet-stream hex=" + fmt.Sprintf("%x", storedBody),
	}
	x.Header.Set("weir-token", token)
	x.Header.Set("weir-justification", reason)
	x.Header.Set(rowHeader, k.name)
	a := x.Do()
	decision = a.Header.Get("Weir-Decision")
	if a.Err != nil || a.Status != k.status {
		return decision, fmt.Sprintf("HTTP %d, %v, want %d: %.400q", a.Status, a.Err, k.status, a.Body)
	}
	if got := k.arrived(ts); k.class == authz.ClassUnknown {
		switch {
		case got != nil:
			return decision, "the upstream saw what was refused"
		case !bytes.Contains(a.Body, []byte("weir.rules.unknown")):
			return decision, fmt.Sprintf("refused for another reason: %.400q", a.Body)
		}
	} else {
		switch {
		case got == nil:
			return decision, "the upstream did not see it"
		case k.method != http.MethodHead && string(a.Body) != storedBody:
			return decision, fmt.Sprintf("came as %.400q", a.Body)
		case got.Header.Get("weir-token") != "" || got.Header.Get("weir-justification") != "":
			return decision, "the upstream saw what is Weir's"
		}
	}
	return decision, ""
}

// arrived returns the row's request as it reached the upstream, nil where it did not.
func (k kept) arrived(ts *testscript.TestScript) *harness.Seen {
	for _, seen := range the(ts).upstream.Seen() {
		if seen.Header.Get(rowHeader) == k.name {
			return &seen
		}
	}
	return nil
}

// filed compares the completion records of the exchanges with what the tables say, and returns what is wrong.
func filed(ts *testscript.TestScript, dir string, rows map[string]kept) (wrong []string) {
	seen := 0
	for e, err := range audit.Read(dir, 1) {
		ts.Check(err)
		k, ours := rows[e.Decision]
		if !ours || e.Event != authz.EventCompletion {
			continue
		}
		seen++
		f, err := e.Fields()
		ts.Check(err)
		if f.Class != k.class || k.class != authz.ClassUnknown && (f.Object != k.object || f.Version != k.version) {
			wrong = append(wrong, fmt.Sprintf("%s: filed as %s of %q, version %q; want %s of %q, version %q",
				k.name, f.Class, f.Object, f.Version, k.class, k.object, k.version))
		}
	}
	if seen != len(rows) {
		wrong = append(wrong, fmt.Sprintf("%d completion records of %d exchanges", seen, len(rows)))
	}
	return wrong
}

// cmdStored sends tables of exchanges with stores, by somebody who may do all that is known, and compares what the journal says of each.
func cmdStored(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "stored", neg)
	if len(args) < 3 {
		ts.Fatalf("usage: stored TOKEN JUSTIFICATION TABLE…")
	}
	all, wrong := map[string]kept{}, 0
	for _, table := range args[2:] {
		text, err := os.ReadFile(ts.MkAbs(table))
		ts.Check(err)
		rows, err := readKept(string(text))
		ts.Check(err)
		for _, k := range rows {
			decision, problem := k.send(ts, ts.Getenv(args[0]), args[1])
			if all[decision] = k; problem != "" {
				wrong++
				fmt.Fprintf(ts.Stderr(), "%s: %s\n", k.name, problem)
			}
		}
	}
	for _, problem := range filed(ts, ts.MkAbs("audit"), all) {
		wrong++
		fmt.Fprintln(ts.Stderr(), problem)
	}
	if wrong > 0 {
		ts.Fatalf("%d things went wrong in %d rows", wrong, len(all))
	}
	fmt.Fprintf(ts.Stdout(), "%d rows\n", len(all))
}
