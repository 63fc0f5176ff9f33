package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/registry"
	"github.com/weirgate/weir/server/internal/config"
)

const modelsUsage = `usage: weir models list    --config FILE [--json]
       weir models show    --config FILE [--json] MODEL|NAME
       weir models propose --config FILE [--sensitivity WORD] [--state active|retired] [--promoted ALIAS] [--reason TEXT] MODEL [NAME]...
       weir models retire  --config FILE [--reason TEXT] MODEL
       weir models confirm --config FILE PROPOSAL
       weir models decline --config FILE PROPOSAL
weir models list -h, and so on, explains each.
`

const modelsAbout = `A model version is MODEL ("churn/7"), and the NAMEs that its objects are known by: "sha256:…" of the content, or TARGET/OBJECT@VERSION with
the ETag or version that a store states, or TARGET/REPOSITORY@COMMIT on the Hub. What no version has as a name is of the highest class.

The process that serves is asked, at listen.admin of the configuration or at --admin, as the person whose token it is: in the file --token-file, or
in the variable WEIR_TOKEN. They must be in one of the groups registry.reviewers.`

func modelsCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "list":
			return modelsList(ctx, args[1:], out)
		case "show":
			return modelsShow(ctx, args[1:], out)
		case "propose":
			return modelsPropose(ctx, args[1:], out)
		case "retire":
			return modelsRetire(ctx, args[1:], out)
		case "confirm", "decline":
			return modelsAnswer(ctx, args[0], args[1:], out)
		}
		if asksForHelp(args[0]) {
			fmt.Fprint(out, modelsUsage)
			return flag.ErrHelp
		}
		fmt.Fprintf(os.Stderr, "weir models: unknown command %q\n", args[0])
	}
	fmt.Fprint(os.Stderr, modelsUsage)
	return errUsage
}

// office is where the process that serves takes what reviewers ask.
type office struct {
	fs                   *flag.FlagSet
	file, url, tokenFile *string
	json                 *bool
}

func newOffice(name, args, about string) *office {
	fs := flags("models "+name, "--config FILE [flags] "+args, about+"\n\n"+modelsAbout)
	return &office{
		fs: fs, file: fs.String("config", "", configUsage), url: fs.String("admin", "", "the `URL` of the admin listener; default: that of the configuration"),
		tokenFile: fs.String("token-file", "", "the `file` with your token; default: the variable WEIR_TOKEN"), json: fs.Bool("json", false, "print JSON"),
	}
}

// parse parses the command line, which has from least to most arguments that are no flags.
func (o *office) parse(args []string, least, most int) error {
	if err := parse(o.fs, args); err != nil {
		return err
	}
	if n := o.fs.NArg(); n < least || n > most || *o.file == "" && *o.url == "" {
		if n > most {
			fmt.Fprintf(o.fs.Output(), "unexpected argument %q\n", o.fs.Arg(most))
		} else if n < least {
			fmt.Fprintf(o.fs.Output(), "%s: an argument is missing\n", o.fs.Name())
		}
		if *o.url == "" {
			absent(o.fs, "config")
		}
		o.fs.Usage()
		return errUsage
	}
	return nil
}

// answered is what comes back, of a change or a list.
type answered struct {
	Outcome registry.Outcome   `json:"outcome,omitempty"`
	Record  string             `json:"record,omitempty"`
	Version *registry.Version  `json:"version,omitempty"`
	Models  []registry.Version `json:"models,omitempty"`
}

// modelsTimeout bounds one call.
const modelsTimeout = 15 * time.Second

// maxModels bounds an answer, in bytes: a registry and its JSON form with indentation.
const maxModels = 8 * registry.MaxDocument

// ask makes one call; body is nil for one that only reads.
func (o *office) ask(ctx context.Context, path string, body any) (a answered, err error) {
	url := strings.TrimSuffix(*o.url, "/")
	if url == "" {
		cfg, err := config.Load(*o.file)
		if err != nil {
			return a, configError(err)
		}
		if !cfg.Registry.Enabled() {
			return a, errors.New("the configuration has no registry of model versions: registry.reviewers are missing")
		}
		url = "http://" + cfg.Listen.Admin
	}
	token, err := o.token()
	if err != nil {
		return a, err
	}
	ctx, cancel := context.WithTimeout(ctx, modelsTimeout)
	defer cancel()
	method, sent := http.MethodGet, []byte(nil)
	if body != nil {
		method = http.MethodPost
		if sent, err = json.Marshal(body); err != nil {
			return a, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, url+path, bytes.NewReader(sent))
	if err != nil {
		return a, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, fmt.Errorf("weir serve is not reached (listen.admin): %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxModels))
	if err != nil {
		return a, err
	}
	if resp.StatusCode != http.StatusOK {
		return a, problemText(resp.StatusCode, b)
	}
	return a, json.Unmarshal(b, &a)
}

// problemText is the error of an answer that is none.
func problemText(status int, body []byte) error {
	var p struct{ Detail, Rule string }
	if json.Unmarshal(body, &p) != nil || p.Rule == "" {
		if status == http.StatusNotFound {
			return errors.New("this weir has no registry of model versions: registry in its configuration")
		}
		return fmt.Errorf("answered %d", status)
	}
	return fmt.Errorf("%s (%s)", strings.Map(visible, p.Detail), p.Rule)
}

// token reads the reviewer's token.
func (o *office) token() (string, error) {
	if *o.tokenFile == "" {
		if t := strings.TrimSpace(os.Getenv("WEIR_TOKEN")); t != "" {
			return t, nil
		}
		return "", errors.New("your token is missing: --token-file, or the variable WEIR_TOKEN")
	}
	b, err := os.ReadFile(*o.tokenFile)
	return strings.TrimSpace(string(b)), err
}

func modelsList(ctx context.Context, args []string, out io.Writer) error {
	o := newOffice("list", "", "List all model versions, and what waits for people to agree.")
	if err := o.parse(args, 0, 0); err != nil {
		return err
	}
	a, err := o.ask(ctx, "/models", nil)
	if err != nil {
		return err
	}
	if *o.json {
		return json.NewEncoder(out).Encode(append([]registry.Version{}, a.Models...))
	}
	if len(a.Models) == 0 {
		fmt.Fprintln(out, "no model version is registered: all have the highest class")
		return nil
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "MODEL\tSENSITIVITY\tSTATE\tNAMES\tPROMOTED BY\tPROPOSAL\tSOURCE")
	for i := range a.Models {
		v := &a.Models[i]
		proposal := "-"
		if v.Proposal != nil {
			proposal = v.Proposal.ID
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", clean(v.Model), v.Sensitivity, v.State, len(v.Names), clean(cmp.Or(v.Promoted.By, "-")), proposal, cmp.Or(v.Source, "-"))
	}
	return t.Flush()
}

func clean(s string) string { return strings.Map(visible, s) }

func modelsShow(ctx context.Context, args []string, out io.Writer) error {
	o := newOffice("show", "MODEL|NAME", "Show what is known of one model version, or of all that have a name.")
	if err := o.parse(args, 1, 1); err != nil {
		return err
	}
	a, err := o.ask(ctx, "/models", nil)
	if err != nil {
		return err
	}
	of := o.fs.Arg(0)
	found := slices.DeleteFunc(a.Models, func(v registry.Version) bool { return v.Model != of && !slices.Contains(v.Names, of) })
	if *o.json {
		return json.NewEncoder(out).Encode(append([]registry.Version{}, found...))
	}
	if len(found) == 0 {
		fmt.Fprintf(out, "%s is not registered: it has the highest class\n", clean(of))
		return nil
	}
	for i := range found {
		fmt.Fprint(out, versionText(&found[i]))
	}
	return nil
}

// versionText is one version for a terminal.
func versionText(v *registry.Version) string {
	var t table
	t.row("model", v.Model)
	t.row("class", v.Sensitivity)
	t.row("state", string(v.State))
	t.row("promoted", markText(v.Promoted))
	t.row("changed", markText(v.Changed))
	t.row("source", v.Source)
	for _, n := range v.Names {
		t.row("name", n)
	}
	if p := v.Proposal; p != nil {
		said := []string{p.ID + " by " + p.By.Ref}
		if p.Sensitivity != "" {
			said = append(said, "class "+p.Sensitivity)
		}
		if p.State != "" {
			said = append(said, "state "+string(p.State))
		}
		if len(p.Names) > 0 {
			said = append(said, fmt.Sprintf("%d more names", len(p.Names)))
		}
		said = append(said, fmt.Sprintf("%d must agree until %s", p.Missing(), p.Expires.Format(time.RFC3339)))
		if p.Reason != "" {
			said = append(said, p.Reason)
		}
		t.row("proposal", strings.Join(said, "; "))
	}
	return t.String()
}

func markText(m registry.Mark) string {
	if m == (registry.Mark{}) {
		return ""
	}
	said := "by " + m.By
	if !m.At.IsZero() {
		said += " at " + m.At.Format(time.RFC3339)
	}
	if m.Reason != "" {
		said += ": " + m.Reason
	}
	return said
}

func modelsPropose(ctx context.Context, args []string, out io.Writer) error {
	o := newOffice("propose", "MODEL [NAME]...", "Register a model version, or change one. What makes it stricter holds at once; the rest waits until somebody else confirms it.")
	var a registry.Ask
	o.fs.StringVar(&a.Sensitivity, "sensitivity", "", "one of registry.classes")
	state := o.fs.String("state", "", "active or retired")
	o.fs.StringVar(&a.Promoted, "promoted", "", "the `alias` or stage that it was promoted to: a note")
	o.fs.StringVar(&a.Reason, "reason", "", "why")
	if err := o.parse(args, 1, 1+registry.MaxNames); err != nil {
		return err
	}
	a.Model, a.Names, a.State = o.fs.Arg(0), o.fs.Args()[1:], authz.ModelState(*state)
	return o.change(ctx, "/models/ask", a, out)
}

func modelsRetire(ctx context.Context, args []string, out io.Writer) error {
	o := newOffice("retire", "MODEL", "Retire a model version, at once: it is refused to all but break-glass (settings model_versions).")
	reason := o.fs.String("reason", "", "why")
	if err := o.parse(args, 1, 1); err != nil {
		return err
	}
	return o.change(ctx, "/models/ask", registry.Ask{Model: o.fs.Arg(0), State: authz.ModelRetired, Reason: *reason}, out)
}

func modelsAnswer(ctx context.Context, name string, args []string, out io.Writer) error {
	about := map[string]string{"confirm": "Agree to what somebody else proposes.", "decline": "Drop a proposal."}[name]
	o := newOffice(name, "PROPOSAL", about)
	if err := o.parse(args, 1, 1); err != nil {
		return err
	}
	return o.change(ctx, "/models/"+name, map[string]string{"proposal": o.fs.Arg(0)}, out)
}

// change makes a change and says what became of it.
func (o *office) change(ctx context.Context, path string, body any, out io.Writer) error {
	a, err := o.ask(ctx, path, body)
	if err != nil {
		return err
	}
	if *o.json {
		return json.NewEncoder(out).Encode(a)
	}
	v := a.Version
	if v == nil {
		v = &registry.Version{}
	}
	fmt.Fprintf(out, "%s: %s is %s and %s; record %s\n", a.Outcome, clean(v.Model), v.Sensitivity, v.State, a.Record)
	if p := v.Proposal; p != nil && a.Outcome == registry.Proposed {
		fmt.Fprintf(out, "not all of it holds yet: %d more must agree, other than who did, by: weir models confirm %s\n", p.Missing(), p.ID)
	}
	return nil
}
