package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weirgate/weir/pkg/audit"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/config"
)

const auditUsage = `usage: weir audit tail   (--config FILE | --dir DIR) [-n N] [-f] [--json]
       weir audit show   (--config FILE | --dir DIR) [--full | --json] DECISION
       weir audit verify (--config FILE | --dir DIR) [--json]
weir audit tail -h, and so on, explains each.
`

const tailAbout = `Prints the last records of the journal, one a line: when, the decision's ID, decided or how it ended, the verdict and what stood in the way
or the mask, flags, who, what was asked for, the status and what left. A record that cannot be read is named on standard error, and the exit code
is 1.

  weir audit tail --config weir.yaml -n 50
  weir audit tail --config weir.yaml -f`

const showAbout = `Prints what became of one exchange: who asked for what, the verdict, its rule and reason, what left and when. DECISION is its ID: the header
weir-decision of every answer, "decision" in a refusal's body, the second column of weir audit tail.

  weir audit show --config weir.yaml weir-0-aib3y5n7wzdqx2rmcfk4tgsevu
  weir audit show --config weir.yaml weir-0-aib3y5n7wzdqx2rmcfk4tgsevu --full`

const verifyAbout = `Reads every record and checks that none was changed, removed or put in since it was written. The first that was is named, and the exit code
is 1. head is the hash of the last record and stands for all before it: keep a copy elsewhere, and compare.

  weir audit verify --config weir.yaml
  weir audit verify --dir /backup/audit --json`

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
	a := &auditor{out: out, errs: os.Stderr}
	var fs *flag.FlagSet
	var run func() error
	want, n, follow := 0, 20, false
	switch args[0] {
	case "tail":
		fs = flags("audit tail", "(--config FILE | --dir DIR) [-n N] [-f] [--json]", tailAbout)
		fs.IntVar(&n, "n", n, "print the last `N` records")
		fs.BoolVar(&follow, "f", false, "go on with those that come")
		run = func() error { return a.tail(ctx, n, follow) }
	case "show":
		fs = flags("audit show", "(--config FILE | --dir DIR) [--full | --json] DECISION", showAbout)
		fs.BoolVar(&a.full, "full", false, "print all that is in the records, too")
		want, run = 1, func() error { return a.show(fs.Arg(0)) }
	case "verify":
		fs, run = flags("audit verify", "(--config FILE | --dir DIR) [--json]", verifyAbout), a.verify
	default:
		fmt.Fprintf(os.Stderr, "weir audit: unknown command %q\n%s", args[0], auditUsage)
		return errUsage
	}
	file := fs.String("config", "", configUsage)
	fs.StringVar(&a.dir, "dir", "", "the journal's `directory`, in place of --config")
	fs.BoolVar(&a.json, "json", false, "print JSON, and nothing but JSON: each record on one line")
	if err := parse(fs, args[1:]); err != nil {
		return err
	}
	if fs.NArg() != want || (*file == "") == (a.dir == "") || n < 0 || a.full && a.json {
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
	dir        string
	json, full bool
	out, errs  io.Writer
	damaged    bool // something could not be read, and was named on errs
}

// leftOut names what could not be read; err may be many (errors.Join).
func (a *auditor) leftOut(err error) {
	all := []error{err}
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		all = many.Unwrap()
	}
	for _, err := range all {
		if err != nil {
			a.damaged = true
			fmt.Fprintln(a.errs, "weir audit: left out:", err)
		}
	}
}

// whole is the command's result once all that can be read was printed.
func (a *auditor) whole() error {
	if a.damaged {
		return errReported
	}
	return nil
}

// tail prints the last n records, and those that come.
func (a *auditor) tail(ctx context.Context, n int, follow bool) error {
	entries, damage := audit.Tail(a.dir, max(n, 1)) // the last one says where to go on
	next := uint64(1)
	for i, e := range entries {
		next = e.Seq + 1
		if i < len(entries)-n {
			continue
		}
		if err := a.line(e); err != nil {
			return err
		}
	}
	a.leftOut(damage)
	if !follow {
		if len(entries) == 0 && !a.damaged {
			fmt.Fprintln(a.errs, "the journal is empty")
		}
		return a.whole()
	}
	for e, err := range audit.Follow(ctx, a.dir, next) {
		if err != nil {
			a.leftOut(err)
			continue // with what comes behind it, if anything does
		}
		if err := a.line(e); err != nil {
			return err
		}
	}
	return a.whole()
}

// line prints a record on one line: when, which decision, how it was decided and ended, who, and what.
func (a *auditor) line(e audit.Entry) error {
	if a.json {
		return a.raw(e)
	}
	f, err := e.Fields()
	if err != nil {
		a.leftOut(err)
		return nil
	}
	text := fmt.Sprintf("%s  %s  %-8s  %s  %s %s %s  %s", stamp(f.Time), f.Decision,
		or(string(f.Outcome), "decided"), verdictOf(&f), subjectOf(&f), or(f.Method, "-"), placeOf(&f), volumeOf(&f))
	_, err = fmt.Fprintln(a.out, strings.Map(visible, text))
	return err
}

// raw prints a record as it stands in the journal.
func (a *auditor) raw(e audit.Entry) error {
	if !json.Valid(e.Raw) {
		a.leftOut(fmt.Errorf("record %d: it is no JSON", e.Seq))
		return nil
	}
	_, err := fmt.Fprintf(a.out, "%s\n", e.Raw)
	return err
}

// stamp is a moment as people read it.
func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z07:00") }

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

// effectOf says what was decided, and what was done where that differs.
func effectOf(f *audit.Fields) string {
	if f.Enforced == f.Verdict {
		return f.Verdict.String()
	}
	return f.Verdict.String() + " (" + f.Mode + ": " + f.Enforced.String() + ")"
}

// verdictOf is effectOf, what stood in the way, or the mask, and what rules have marked.
func verdictOf(f *audit.Fields) string {
	s := stoodInTheWay(f)
	if f.Observed != "" && f.Mode != string(authz.ModeObserve) { // a rule that is only observed; of a mode the effect tells
		s += " (" + f.Observed + ")"
	}
	if len(f.Flags) > 0 {
		s += " flags=" + strings.Join(f.Flags, ",")
	}
	return s
}

func stoodInTheWay(f *audit.Fields) string {
	s := effectOf(f)
	if f.Verdict != authz.Allow {
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

// placeOf says where something was asked for: its path, or what an operator or a reviewer did.
func placeOf(f *audit.Fields) string {
	if f.Method == "" && f.Target != "" {
		return f.Target + " " + f.Collection
	}
	return or(f.Path, "-")
}

// volumeOf says what left: vectors and bytes.
func volumeOf(f *audit.Fields) string {
	counts := counted([]count{{f.VolumeVectors, "vectors"}, {f.VolumeVectorsMasked, "masked vectors"}, {f.VolumeBytes, "bytes"}})
	if f.Status != 0 {
		counts = append([]string{strconv.Itoa(f.Status)}, counts...)
	}
	return strings.Join(counts, " ")
}

// count is a number of a record that may not be there, and what it counts.
type count struct {
	n    *int64
	what string
}

// counted says the counts that are more than nothing.
func counted(all []count) (out []string) {
	for _, c := range all {
		if c.n != nil && *c.n > 0 {
			out = append(out, strconv.FormatInt(*c.n, 10)+" "+c.what)
		}
	}
	return out
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
func (a *auditor) verify() error {
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
