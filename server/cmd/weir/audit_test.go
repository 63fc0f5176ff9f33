package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
)

// journalWith returns the directory of a journal that holds one record.
func journalWith(t *testing.T, rec *authz.Record) string {
	t.Helper()
	dir := t.TempDir()
	j, err := audit.Open(audit.Config{Dir: dir, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	receipt, err := j.Append(rec)
	if err == nil {
		err = receipt.Wait(t.Context())
	}
	cancel()
	if runErr := <-ended; err != nil || runErr != nil {
		t.Fatal(err, runErr)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestNobodyForgesALine: a name that a person has chosen can neither begin a line of its own nor command the terminal.
func TestNobodyForgesALine(t *testing.T) {
	const name = "eve\n2026-01-01T00:00:00.000Z  forged  complete  allow\r\x1b[2K\u009b2K\u2028\u202e"
	dir := journalWith(t, &authz.Record{
		Event: authz.EventDecision, Decision: "r1-a", Time: time.Unix(1_700_000_000, 0), Method: "GET", Path: "/x",
		Subject: authz.Subject{Issuer: "https://i", ID: "eve", Name: name, Kind: authz.Human},
	})
	for _, args := range [][]string{{"tail", "--dir", dir}, {"show", "--dir", dir, "r1-a"}} {
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
