package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/config"
)

const auditUsage = `usage: weir audit tail   (--config FILE | --dir DIR) [-n N] [-f] [--json]
       weir audit show   (--config FILE | --dir DIR) [--json] DECISION
       weir audit verify (--config FILE | --dir DIR) [--json]
`

// auditCommand reads the journal: live or not, and without changing it.
func auditCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, auditUsage)
		return errUsage
	}
	if asksForHelp(args[0]) {
		fmt.Fprint(out, auditUsage)
		return nil
	}
	a := auditor{out: out}
	fs := flags("audit "+args[0], "(--config FILE | --dir DIR) [--json]")
	file := fs.String("config", "", configUsage)
	fs.StringVar(&a.dir, "dir", "", "the journal's `directory`, in place of --config")
	fs.BoolVar(&a.json, "json", false, "print records as JSON, one a line")
	n, follow := 20, false
	run := map[string]func() error{
		"tail":   func() error { return a.tail(ctx, n, follow) },
		"show":   func() error { return a.show(fs.Arg(0)) },
		"verify": func() error { return a.verify() }, // a.verify would bind what a is now
	}[args[0]]
	switch args[0] {
	case "tail":
		fs.IntVar(&n, "n", n, "print the last `N` records")
		fs.BoolVar(&follow, "f", false, "go on with those that come")
	case "show", "verify":
	default:
		fmt.Fprintf(os.Stderr, "weir audit: unknown command %q\n%s", args[0], auditUsage)
		return errUsage
	}
	if err := parse(fs, args[1:]); err != nil {
		return err
	}
	want := 0
	if args[0] == "show" {
		want = 1
	}
	if fs.NArg() != want || (*file == "") == (a.dir == "") || n < 0 {
		fs.Usage()
		return errUsage
	}
	if a.dir == "" {
		cfg, err := config.Load(*file)
		if err != nil {
			return configError(err)
		}
		a.dir = cfg.Audit.Dir
	}
	if _, err := os.Stat(a.dir); err != nil {
		return fmt.Errorf("no journal yet: %w", err)
	}
	return run()
}

// auditor prints what is in a journal.
type auditor struct {
	dir  string
	json bool
	out  io.Writer
}

// tail prints the last n records, and those that come.
func (a auditor) tail(ctx context.Context, n int, follow bool) error {
	entries, err := audit.Tail(a.dir, n)
	if err != nil {
		return err
	}
	next := uint64(1)
	for _, e := range entries {
		if err := a.line(e); err != nil {
			return err
		}
		next = e.Seq + 1
	}
	if !follow {
		if len(entries) == 0 {
			fmt.Fprintln(os.Stderr, "the journal is empty")
		}
		return nil
	}
	return audit.Follow(ctx, a.dir, next, a.line)
}

// line prints a record on one line: when, which decision, how it was decided and ended, who, and what.
func (a auditor) line(e audit.Entry) error {
	if a.json {
		_, err := fmt.Fprintf(a.out, "%s\n", e.Raw)
		return err
	}
	f, err := e.Fields()
	if err != nil {
		return fmt.Errorf("record %d: %w", e.Seq, err)
	}
	text := fmt.Sprintf("%s  %s  %-8s  %s  %s %s %s  %s", f.Time.Format("2006-01-02T15:04:05.000Z07:00"), f.Decision,
		or(string(f.Outcome), "decided"), verdictOf(&f), subjectOf(&f), or(f.Method, "-"), or(f.Path, "-"), volumeOf(&f))
	_, err = fmt.Fprintln(a.out, strings.Map(visible, text))
	return err
}

// visible replaces what a terminal would obey, or what would begin another line: a person may choose the name that their token states.
func visible(r rune) rune {
	if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
		return utf8.RuneError
	}
	return r
}

// subjectOf says who asked: by the ID that the issuer vouches for, and the name that goes with it, which people may choose.
func subjectOf(f *audit.Fields) string {
	if f.UserName == "" || f.UserID == "" {
		return or(f.UserID, "nobody")
	}
	return f.UserID + " (" + f.UserName + ")"
}

// verdictOf says what was decided, and what was done where that differs.
func verdictOf(f *audit.Fields) string {
	s := f.Verdict.String()
	if f.Enforced != f.Verdict {
		s += " (" + f.Mode + ": " + f.Enforced.String() + ")"
	}
	if f.Verdict.String() != "allow" {
		return s + " " + or(f.Rule, "no rule")
	}
	if f.MaskVectors != "" {
		s += " mask=" + string(f.MaskVectors)
		if f.Mode == string(authz.ModeObserve) && f.MaskVectors != authz.MaskNone {
			s += " (observe: none)"
		}
	}
	return s
}

// volumeOf says what left.
func volumeOf(f *audit.Fields) string {
	s := ""
	if f.Status != 0 {
		s = fmt.Sprintf("%d ", f.Status)
	}
	for _, v := range []struct {
		n    *int64
		name string
	}{{f.VolumeVectors, "vectors"}, {f.VolumeVectorsMasked, "masked vectors"}, {f.VolumeBytes, "bytes"}} {
		if v.n != nil && *v.n > 0 {
			s += fmt.Sprintf("%d %s ", *v.n, v.name)
		}
	}
	return s
}

// show prints a decision's records in full.
func (a auditor) show(decision string) error {
	entries, err := audit.Find(a.dir, decision)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return fmt.Errorf("decision %s is not in %s", decision, a.dir)
	}
	for _, e := range entries {
		if a.json {
			if err := a.line(e); err != nil {
				return err
			}
			continue
		}
		if err := a.fields(e); err != nil {
			return err
		}
	}
	return nil
}

// fields prints a record with one field a line.
func (a auditor) fields(e audit.Entry) error {
	var pretty json.RawMessage = e.Raw
	indented, err := json.MarshalIndent(pretty, "", "  ")
	if err != nil {
		return fmt.Errorf("record %d: %w", e.Seq, err)
	}
	text := strings.Map(func(r rune) rune {
		if r == '\n' { // between fields: inside of one it is escaped
			return r
		}
		return visible(r)
	}, string(indented))
	_, err = fmt.Fprintf(a.out, "record %d, hash %s\n%s\n", e.Seq, hex.EncodeToString(e.Hash[:]), text)
	return err
}

// verified is what verify prints with --json.
type verified struct {
	Whole    bool          `json:"whole"`
	Segments int           `json:"segments"`
	Records  uint64        `json:"records"`
	First    uint64        `json:"first"`
	Last     uint64        `json:"last"`
	Head     string        `json:"head"` // hash of the last record: stands for all before it
	Damage   *audit.Damage `json:"damage,omitempty"`
}

// verify checks the whole chain.
func (a auditor) verify() error {
	report, err := audit.Verify(a.dir)
	v := verified{err == nil, report.Segments, report.Records, report.First, report.Last, hex.EncodeToString(report.Head[:]), nil}
	if err != nil && !errors.As(err, &v.Damage) {
		return err
	}
	if a.json {
		if err := json.NewEncoder(a.out).Encode(v); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.out, "%d records (%d to %d) in %d segments are whole\nhead %s\n", v.Records, v.First, v.Last, v.Segments, v.Head)
	}
	return err
}

// or returns s, or otherwise where it is empty.
func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
