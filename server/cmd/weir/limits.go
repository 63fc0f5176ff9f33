package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/server"
	"github.com/weirgate/weir/server/internal/config"
)

const limitsUsage = `usage: weir limits show    --config FILE [--tenant NAME] [--json] (SUBJECT | --meter NAME --key KEY)
       weir limits reset   --config FILE [--tenant NAME] --reason TEXT (SUBJECT | --meter NAME --key KEY)
       weir limits rebuild --config FILE [--journal DIR]... [--dry-run] [--json]
weir limits show -h, and so on, explains each.
`

const limitsShowAbout = `Prints what is counted now for a subject: over all targets, on each target, and in the meters of the configuration that are kept for nothing
but the subject, its issuer, the target and the tenant. SUBJECT is "issuer|sub", as weir audit tail prints it. Any other meter by its name
and key: --meter group --key research. Counters in memory are read from counters.snapshot and its journal.

  weir limits show --config weir.yaml 'https://login.example.com|alice'
  weir limits show --config weir.yaml --meter target --key docs`

const limitsResetAbout = `Makes what limits show prints count nothing from now on. Two records in the journal say so first and last: who, why and of whom. The process
that serves with this configuration does it; run this as its user, on its host. Where none runs, this command does.

  weir limits reset --config weir.yaml --reason 'INC-7: a loop of ours' 'https://login.example.com|alice'`

const limitsRebuildAbout = `Makes the counters count no less than the journals say: for a Redis that was emptied or replaced, while the replicas refuse (store_amnesiac).
Name the journals of all replicas: what is in none of them is not counted. Replicas then believe in what Redis holds. It never makes
anything count less, and may be repeated. What has left of stored objects (coverage) is restored, too. What was released with record off is in no journal. Counters in memory are rebuilt while
nobody serves.

  weir limits rebuild --config weir.yaml --journal /mnt/a/audit --journal /mnt/b/audit`

// limitsCommand is what operators do with counters.
func limitsCommand(ctx context.Context, args []string, out io.Writer) error {
	redisstore.SetLogger(slog.New(slog.DiscardHandler)) // the command's own error says it
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, limitsUsage)
		return errUsage
	}
	switch {
	case asksForHelp(args[0]):
		fmt.Fprint(out, limitsUsage)
		return nil
	case args[0] == "show":
		return limitsShow(ctx, args[1:], out)
	case args[0] == "reset":
		return limitsReset(ctx, args[1:], out)
	case args[0] == "rebuild":
		return limitsRebuild(ctx, args[1:], out)
	}
	fmt.Fprintf(os.Stderr, "weir limits: unknown command %q\n%s", args[0], limitsUsage)
	return errUsage
}

// whose is what a command is about.
type whose struct {
	tenant, meter, key *string
	subject            string
}

// named adds the flags that say what a command is about.
func named(fs *flag.FlagSet) *whose {
	return &whose{
		tenant: fs.String("tenant", "", "only this `tenant`; default: all that targets name"),
		meter:  fs.String("meter", "", "a meter by its `name`, in place of a subject"),
		key:    fs.String("key", "", "what that meter is kept for"),
	}
}

// ok reports whether the arguments name one thing.
func (w *whose) ok(fs *flag.FlagSet) bool {
	if *w.meter != "" || *w.key != "" {
		return fs.NArg() == 0 && *w.meter != "" && *w.key != ""
	}
	w.subject = fs.Arg(0)
	return fs.NArg() == 1
}

// absent says above the usage what is wrong where the arguments do not name one thing.
func (w *whose) absent(fs *flag.FlagSet) {
	if !w.ok(fs) {
		fmt.Fprintf(fs.Output(), "%s: want one SUBJECT, or --meter and --key\n", fs.Name())
	}
}

func (w *whose) String() string {
	if w.subject != "" {
		return w.subject
	}
	return *w.meter + " " + *w.key
}

// metered is one meter of what a command is about.
type metered struct {
	authz.MeterKey
	target string // whose it is, too; "" where it is not kept for one
}

// meters lists them by tenant.
func (w *whose) meters(c *config.Config) (map[string][]metered, error) {
	out := map[string][]metered{}
	if *w.tenant != "" {
		out[*w.tenant] = nil
	}
	var targets []authz.Target
	for i := range c.Targets {
		t := c.Targets[i].Rule().Target
		if name := t.MeterTenant(); *w.tenant == "" || name == *w.tenant {
			targets, out[name] = append(targets, t), nil
		}
	}
	if w.subject == "" {
		always := []authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterTarget, authz.MeterGroup, authz.MeterCredential, authz.MeterUnseen, authz.MeterAttempts, authz.MeterCapability}
		if all := slices.Concat(always, c.Counters.Names()); !slices.Contains(all, authz.Meter(*w.meter)) {
			return nil, fmt.Errorf("there is no meter %q; there are %s", *w.meter, joined(all))
		}
		for tenant := range out {
			out[tenant] = []metered{{authz.MeterKey{Meter: authz.Meter(*w.meter), Key: *w.key}, ""}}
		}
		return out, nil
	}
	issuer, id, ok := strings.Cut(w.subject, "|")
	if !ok || id == "" {
		issuers, _ := issuersOf(c)
		return nil, fmt.Errorf(`want a subject as "issuer|sub", as weir audit tail prints it; issuers: %s`, strings.Join(issuers, ", "))
	}
	who, specs := authz.Subject{Issuer: issuer, ID: id}, authz.Meters(c.Counters.Specs())
	for _, t := range targets {
		of := out[t.MeterTenant()]
		for _, m := range slices.Concat([]authz.Meter{authz.MeterSubject, authz.MeterSubjectTarget}, c.Counters.Names()) {
			if spec := specs.Spec(m); spec != nil && !slices.ContainsFunc(spec.Keys, func(k string) bool { return k == "subject" || k == "owner" || k == "actor" }) {
				continue // it counts for others, too
			}
			key, ok := specs.Key(m, who, t, "")
			k := metered{authz.MeterKey{Meter: m, Key: key}, ""}
			if spec := specs.Spec(m); m == authz.MeterSubjectTarget || spec != nil && slices.Contains(spec.Keys, "target") {
				k.target = t.Name
			}
			if ok && !slices.Contains(of, k) {
				of = append(of, k)
			}
		}
		out[t.MeterTenant()] = of
	}
	return out, nil
}

// joined writes names of meters one after the other.
func joined(meters []authz.Meter) string {
	names := make([]string, len(meters))
	for i, m := range meters {
		names[i] = string(m)
	}
	return strings.Join(names, ", ")
}

// used is one count.
type used struct {
	Tenant string       `json:"tenant"`
	Meter  authz.Meter  `json:"meter"`
	Key    string       `json:"key"`
	Target string       `json:"target,omitempty"`
	Unit   authz.Unit   `json:"unit"`
	Window authz.Window `json:"window"`
	Used   int64        `json:"used"`
}

func limitsShow(ctx context.Context, args []string, out io.Writer) error {
	fs := flags("limits show", "--config FILE [flags] (SUBJECT | --meter NAME --key KEY)", limitsShowAbout)
	file, w := fs.String("config", "", configUsage), named(fs)
	asJSON := fs.Bool("json", false, "print JSON: a list of counts")
	if err := parse(fs, args); err != nil {
		return err
	}
	if !w.ok(fs) || *file == "" {
		absent(fs, "config")
		w.absent(fs)
		fs.Usage()
		return errUsage
	}
	cfg, err := config.Load(*file)
	if err != nil {
		return configError(err)
	}
	counts, err := usedBy(ctx, cfg, w)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(out).Encode(counts)
	}
	if len(counts) == 0 {
		fmt.Fprintf(out, "nothing is counted for %s\n%s\n", strings.Map(visible, w.String()), w.hint(cfg))
		return nil
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TENANT\tMETER\tTARGET\tWINDOW\tUNIT\tUSED")
	for _, c := range counts {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%d\n", c.Tenant, c.Meter, or(c.Target, "-"), c.Window, c.Unit, c.Used)
	}
	return t.Flush()
}

// usedBy asks for all counts.
func usedBy(ctx context.Context, cfg *config.Config, w *whose) ([]used, error) {
	meters, err := w.meters(cfg)
	if err != nil {
		return nil, err
	}
	counts := []used{}
	for tenant, of := range meters {
		keys := make([]authz.MeterKey, len(of))
		for i, m := range of {
			keys[i] = m.MeterKey
		}
		usage, err := server.Usage(ctx, cfg, tenant, keys)
		if err != nil {
			return nil, err
		}
		for _, u := range usage {
			at := slices.IndexFunc(of, func(m metered) bool { return m.MeterKey == u.Key })
			counts = append(counts, used{tenant, u.Key.Meter, u.Key.Key, of[at].target, u.Unit, u.Window, u.Count})
		}
	}
	slices.SortStableFunc(counts, func(a, b used) int { return strings.Compare(a.Tenant, b.Tenant) })
	return counts, nil
}

func limitsReset(ctx context.Context, args []string, out io.Writer) error {
	fs := flags("limits reset", "--config FILE [flags] --reason TEXT (SUBJECT | --meter NAME --key KEY)", limitsResetAbout)
	file, w := fs.String("config", "", configUsage), named(fs)
	reason := fs.String("reason", "", "why: it stands in the journal")
	if err := parse(fs, args); err != nil {
		return err
	}
	if !w.ok(fs) || *file == "" || strings.TrimSpace(*reason) == "" {
		absent(fs, "config", "reason")
		w.absent(fs)
		fs.Usage()
		return errUsage
	}
	cfg, err := config.Load(*file)
	if err != nil {
		return configError(err)
	}
	meters, err := w.meters(cfg)
	if err != nil {
		return err
	}
	if said := w.strangers(cfg); said != "" {
		return fmt.Errorf("nothing is reset: %s", said)
	}
	before, unread := usedBy(ctx, cfg, w)
	for tenant, of := range meters {
		r := server.Reset{Tenant: tenant, Of: w.String(), Operator: operator(), Reason: *reason}
		for _, m := range of {
			r.Keys = append(r.Keys, m.MeterKey)
		}
		if len(r.Keys) == 0 {
			continue
		}
		id, err := server.ResetLimits(ctx, cfg, r, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "reset: %d meters of %s, tenant %s; record %s\n", len(r.Keys), strings.Map(visible, w.String()), tenant, id)
	}
	if unread == nil && len(before) == 0 {
		fmt.Fprintf(out, "nothing was counted there: %s\n", w.hint(cfg))
	}
	return nil
}

// operator names who runs this command, as the system knows them.
func operator() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// dirs are the values of a flag that may be repeated.
type dirs []string

// String implements flag.Value.
func (d *dirs) String() string { return strings.Join(*d, ", ") }

// Set implements flag.Value.
func (d *dirs) Set(s string) error {
	*d = append(*d, s)
	return nil
}

func limitsRebuild(ctx context.Context, args []string, out io.Writer) error {
	fs := flags("limits rebuild", "--config FILE [--journal DIR]... [--dry-run] [--json]", limitsRebuildAbout)
	file := fs.String("config", "", configUsage)
	var journals dirs
	fs.Var(&journals, "journal", "a journal's `directory`; may be repeated; default: that of the configuration")
	dry := fs.Bool("dry-run", false, "read the journals, and change nothing")
	asJSON := fs.Bool("json", false, "print one JSON object")
	if err := parse(fs, args); err != nil {
		return err
	}
	if err := only(fs, *file != ""); err != nil {
		return err
	}
	cfg, err := config.Load(*file)
	if err != nil {
		return configError(err)
	}
	if len(journals) == 0 {
		journals = dirs{cfg.Audit.Dir}
	}
	for _, dir := range journals {
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("no journal: %w", err)
		}
		if files, err := os.ReadDir(dir); err != nil || !slices.ContainsFunc(files, func(f os.DirEntry) bool { return strings.HasSuffix(f.Name(), ".weir") }) {
			return fmt.Errorf("no journal in %s: a wrong directory would make the replicas believe in counters that lack what it holds", dir)
		}
	}
	found, err := server.Rebuild(ctx, cfg, journals, *dry)
	if err != nil {
		return err
	}
	if *asJSON {
		if err := json.NewEncoder(out).Encode(found); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(out, "%d exchanges since %s, %d of them not ended; %d meters, %d pieces of stored objects and %d readings of corpora%s\n", found.Exchanges, found.Since.Format(time.RFC3339), found.Open, found.Meters, found.Pieces, found.Readings,
			map[bool]string{true: " would be restored", false: " restored"}[*dry])
	}
	for _, d := range found.Damaged {
		fmt.Fprintln(os.Stderr, "weir limits: not counted:", d)
	}
	if found.Unreadable > 0 {
		fmt.Fprintf(os.Stderr, "weir limits: not counted in all meters: %d exchanges whose records hold no input, which has the claims and labels\n", found.Unreadable)
	}
	if len(found.Damaged) > 0 || found.Unreadable > 0 {
		return errReported
	}
	return nil
}
