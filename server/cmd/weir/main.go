// Command weir is the policy service for Envoy, and the tools around it.
//
//	weir serve --config weir.yaml           answer Envoy
//	weir check --config weir.yaml           validate configuration and policy
//	weir policy eval --decision ID          evaluate a recorded decision's input again; --trace shows how
//	weir policy new NAME                    write a rule with its test
//	weir policy test | bench DIR            run a policy's tests; measure what it costs
//	weir policy build DIR --out FILE        make an OPA bundle of it
//	weir limits show | reset | rebuild      see to what is counted
//	weir models list | show | propose | confirm | decline | retire   see to model versions
//	weir audit tail | show ID | verify      read the journal
//	weir sign --config weir.yaml … URL      make a URL that carries leave to make its request
//	weir revoke --config weir.yaml … ID     take back leave that a redirect carried
//	weir version
//
// Exit codes: 0 done, 1 failed or found something wrong, 2 the command line is off.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"
)

// errUsage makes a command exit with 2; the message has been printed.
var errUsage = errors.New("usage")

// errReported makes a command exit with 1; what was found has been printed.
var errReported = errors.New("reported")

// command is one subcommand. run gets the arguments after its name.
type command struct {
	name, what string
	run        func(ctx context.Context, args []string, out io.Writer) error
}

func commands() []command {
	return []command{
		{"serve", "answer Envoy: ext_proc, ext_authz, health, metrics", serve},
		{"check", "validate the configuration and the policy, with line numbers", check},
		{"policy", "eval, new, test, bench, build, schema: write rules, try them, and ask what they decide", policyCommand},
		{"limits", "show, reset, rebuild: see to what is counted", limitsCommand},
		{"models", "list, show, propose, confirm, decline, retire: see to model versions", modelsCommand},
		{"audit", "tail, show, verify: read the journal", auditCommand},
		{"sign", "make a URL that carries leave to make its request", sign},
		{"revoke", "take back leave that a redirect carried", revoke},
		{"version", "print the version", func(_ context.Context, _ []string, out io.Writer) error {
			_, err := fmt.Fprintln(out, "weir", version())
			return err
		}},
	}
}

// buildVersion is set by the linker (make build); without it the module's own version is printed.
var buildVersion string

func version() string {
	if buildVersion != "" {
		return buildVersion
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout))
}

func run(ctx context.Context, args []string, out io.Writer) int {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name != args[0] {
				continue
			}
			err := c.run(ctx, args[1:], out)
			switch {
			case err == nil, errors.Is(err, flag.ErrHelp):
				return 0
			case errors.Is(err, errUsage):
				return 2
			case errors.Is(err, errReported):
				return 1
			}
			fmt.Fprintln(os.Stderr, "weir "+c.name+":", err)
			return 1
		}
	}
	if len(args) > 1 && asksForHelp(args[0]) && slices.ContainsFunc(commands(), func(c command) bool { return c.name == args[1] && c.name != "version" }) {
		return run(ctx, append(slices.Clone(args[1:]), "-h"), out) // its own page
	}
	usage := os.Stderr
	code := 2
	if len(args) == 1 && (args[0] == "-version" || args[0] == "--version") {
		return run(ctx, []string{"version"}, out)
	}
	if len(args) > 0 && asksForHelp(args[0]) {
		usage, code = os.Stdout, 0
	}
	if len(args) > 0 && code != 0 {
		fmt.Fprintf(usage, "weir: unknown command %q\n", args[0])
	}
	fmt.Fprintln(usage, "Weir decides for Envoy who may take vectors, model checkpoints and training data, and how much.\n\nusage: weir COMMAND [flags]")
	for _, c := range commands() {
		fmt.Fprintf(usage, "  %-8s %s\n", c.name, c.what)
	}
	return code
}

// asksForHelp reports whether an argument in a command's place asks what there is.
func asksForHelp(arg string) bool {
	return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help"
}

// flags returns a flag set whose errors are errUsage. about explains the arguments, and shows an example; it may be empty.
func flags(name, args, about string) *flag.FlagSet {
	fs := flag.NewFlagSet("weir "+name, flag.ContinueOnError)
	fs.Usage = func() {
		fmt.Fprintf(fs.Output(), "usage: weir %s %s\n", name, args)
		if about != "" {
			fmt.Fprintf(fs.Output(), "\n%s\n\n", about)
		}
		fs.PrintDefaults()
	}
	return fs
}

// parse parses args and turns a mistake into errUsage. Flags may stand behind what is none, up to a "--". Help that was asked for goes to
// standard output.
func parse(fs *flag.FlagSet, args []string) error {
	if slices.ContainsFunc(args, func(arg string) bool { return arg != "help" && asksForHelp(arg) }) {
		fs.SetOutput(os.Stdout)
	}
	var plain []string
	for {
		if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
			return err
		} else if err != nil {
			return errUsage
		}
		rest := fs.Args()
		if ended := len(args) > len(rest) && args[len(args)-len(rest)-1] == "--"; ended || len(rest) == 0 {
			plain = append(plain, rest...)
			break
		}
		plain, args = append(plain, rest[0]), rest[1:]
	}
	return fs.Parse(append([]string{"--"}, plain...)) // for fs.Args
}
