package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
)

// journalOf returns the directory of a journal that holds these records.
func journalOf(t *testing.T, records ...*authz.Record) string {
	t.Helper()
	dir := t.TempDir()
	j, err := audit.Open(audit.Config{Dir: dir, SegmentBytes: 2 << 20, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	for _, rec := range records {
		receipt, err := j.Append(rec)
		if err == nil {
			err = receipt.Wait(t.Context())
		}
		if err != nil {
			t.Error(err)
		}
	}
	cancel()
	if err := errors.Join(<-ended, j.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestNobodyForgesALine: a name that a person has chosen can neither begin a line of its own nor command the terminal.
func TestNobodyForgesALine(t *testing.T) {
	const name = "eve\n2026-01-01T00:00:00.000Z  forged  complete  allow\r\x1b[2K\u009b2K\u2028\u202e"
	dir := journalOf(t, &authz.Record{
		Event: authz.EventDecision, Decision: "r1-a", Time: time.Unix(1_700_000_000, 0), Method: "GET", Path: "/x",
		Subject: authz.Subject{Issuer: "https://i", ID: "eve", Name: name, Kind: authz.Human, Groups: []string{name}},
	})
	for _, args := range [][]string{{"tail", "--dir", dir}, {"show", "--dir", dir, "r1-a"}, {"show", "r1-a", "--full", "--dir", dir}} {
		var out bytes.Buffer
		if err := auditCommand(t.Context(), args, &out); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if strings.Contains(text, "\n2026-01-01") || strings.ContainsAny(text, "\r\x1b\u009b\u2028\u202e") {
			t.Errorf("%s: %q", args[0], text)
		}
		if !strings.Contains(text, "eve") || args[0] == "tail" && strings.Count(text, "\n") != 1 {
			t.Errorf("%s: %q; want one line, of eve", args[0], text)
		}
	}
}

// TestSummary: what show says first of an exchange that was judged twice.
func TestSummary(t *testing.T) {
	rec := authz.Record{
		Event: authz.EventDecision, Decision: "r1-a", Time: time.Unix(1_700_000_000, 0).UTC(), Started: time.Unix(1_700_000_000, 0).UTC(),
		Method: "POST", Host: "api.example", Path: "/v1/embeddings",
		Subject:   authz.Subject{Issuer: "https://i", ID: "ada", Name: "Ada", Kind: authz.Agent, Groups: []string{"research", "x"}, Actors: []authz.Actor{{Issuer: "https://i", ID: "bot"}}},
		Target:    authz.Target{Name: "embeddings", Kind: authz.KindInference},
		Operation: authz.Operation{Class: "embed", Complete: true, Model: "m", Vectors: 3, Documents: -1},
		Verdict:   authz.Decision{Effect: authz.Allow, Rule: "weir.authz", Revision: "abc", Mask: authz.Mask{Vectors: authz.MaskZero, Scores: authz.ScoreRank}},
		Enforced:  authz.Allow,
	}
	done := rec
	done.Event, done.Time, done.Outcome, done.Status = authz.EventCompletion, rec.Time.Add(1234*time.Millisecond), authz.OutcomeComplete, 200
	done.Volume = authz.Volume{}.With(authz.UnitVectorsMasked, 3).With(authz.UnitBytes, 99)
	refused := done
	refused.Decision, refused.Outcome, refused.Status, refused.Volume, refused.Label = "r1-b", authz.OutcomeRefused, 502, authz.Volume{}, "answer_malformed"
	refused.Verdict = authz.Decision{Effect: authz.Deny, Rule: "weir.answer_malformed", Reason: "no", Alternatives: []string{"less", "else"}, Exceeded: []authz.Exceeded{
		{Limit: authz.Limit{Meter: authz.MeterSubject, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 5}, Used: 4},
	}}
	refused.Enforced = authz.Deny
	first := rec
	first.Decision = "r1-b"
	dir := journalOf(t, &rec, &done, &first, &refused)
	const who = "when      2023-11-14T22:13:20.000Z, took 1.234s\n" +
		"who       https://i|ada (Ada), agent, groups research, x, through https://i|bot\n" +
		"what      POST api.example/v1/embeddings: embed, 3 vectors, any number of documents, model m; target embeddings (inference)\n"
	for id, want := range map[string]string{
		"r1-a": "decision  r1-a\n" + who + "verdict   allow\nrule      weir.authz (policy abc)\n" +
			"mask      zero: vectors leave as zeros; scores: rank\nleft      complete, status 200: 3 masked vectors, 99 bytes\nrecords   1, 2 (--full prints them)\n",
		"r1-b": "decision  r1-b\n" + who + "verdict   deny, at first allow\nrule      weir.answer_malformed\nreason    no\ncause     answer_malformed\n" +
			"over      5 vectors in 1h (subject); 4 used before\ninstead   less; else\nleft      refused, status 502: nothing\nrecords   3, 4 (--full prints them)\n",
	} {
		var out bytes.Buffer
		if err := auditCommand(t.Context(), []string{"show", id, "--dir", dir}, &out); err != nil || out.String() != want {
			t.Errorf("%v; got:\n%swant:\n%s", err, &out, want)
		}
	}
}

// TestDamagedRecord: what can be read is printed, what cannot is named, and the exit code tells.
func TestDamagedRecord(t *testing.T) {
	var records []*authz.Record
	for i := range 3 {
		records = append(records, &authz.Record{Event: authz.EventDecision, Decision: "r1-" + string(rune('a'+i)), Time: time.Unix(1_700_000_000, 0)})
	}
	dir := journalOf(t, records...)
	segment := filepath.Join(dir, "00000000000000000001.weir")
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.Index(b, []byte("r1-b"))] ^= 1
	if err := os.WriteFile(segment, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		run  func(*auditor) error
		want []string
	}{
		"tail":             {func(a *auditor) error { return a.tail(t.Context(), 10, false) }, []string{"r1-a", "r1-c"}},
		"show":             {func(a *auditor) error { return a.show("r1-c") }, []string{"r1-c"}},
		"show, full":       {func(a *auditor) error { a.full = true; return a.show("r1-a") }, []string{"r1-a"}},
		"tail, as JSON":    {func(a *auditor) error { a.json = true; return a.tail(t.Context(), 10, false) }, []string{"r1-a", "r1-c"}},
		"show, as JSON":    {func(a *auditor) error { a.json = true; return a.show("r1-a") }, []string{"r1-a"}},
		"show the damaged": {func(a *auditor) error { return a.show("r1-b") }, nil},
	} {
		var out, errs bytes.Buffer
		err := tc.run(&auditor{dir: dir, out: &out, errs: &errs})
		if err == nil || tc.want != nil && !errors.Is(err, errReported) {
			t.Errorf("%s: %v", name, err)
		}
		if got := errs.String(); !strings.Contains(got, "left out: 00000000000000000001.weir at byte ") || !strings.Contains(got, "(record 2): the checksum does not fit\n") {
			t.Errorf("%s: said %q", name, got)
		}
		for _, id := range []string{"r1-a", "r1-b", "r1-c"} {
			if got, want := strings.Contains(out.String(), id), slices.Contains(tc.want, id); got != want {
				t.Errorf("%s: %s is printed: %v, want %v\n%s", name, id, got, want, &out)
			}
		}
	}
}

// TestFlagsAnywhere: flags may stand behind arguments, until "--".
func TestFlagsAnywhere(t *testing.T) {
	for line, want := range map[string]string{
		"a": "false [a]", "-x a": "true [a]", "a -x": "true [a]", "a -x b": "true [a b]", "-x -- a": "true [a]", "a -- -x": "false [a -x]", "": "false []",
		"-- -x": "false [-x]",
	} {
		fs := flags("test", "", "")
		x := fs.Bool("x", false, "")
		if err := parse(fs, strings.Fields(line)); err != nil {
			t.Error(line, err)
		}
		if got := fmt.Sprint(*x, fs.Args()); got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
	fs := flags("test", "", "")
	fs.SetOutput(io.Discard)
	if err := parse(fs, []string{"a", "-y"}); !errors.Is(err, errUsage) {
		t.Error(err)
	}
}
