package integration_test

import (
	"flag"
	"fmt"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdSaid waits until a child has written what matches, and prints the lines that do. "! said" wants that it has not, so far.
func cmdSaid(ts *testscript.TestScript, neg bool, args []string) {
	flags := flag.NewFlagSet("said", flag.ContinueOnError)
	count := flags.Int("n", 1, "")
	ts.Check(flags.Parse(args))
	if flags.NArg() != 2 {
		ts.Fatalf("usage: said [-n COUNT] weir|envoy|redis REGEXP")
	}
	p := the(ts).process(ts, flags.Arg(0))
	want, err := regexp.Compile("(?m)^.*" + flags.Arg(1) + ".*$")
	ts.Check(err)
	var found []string
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		found = want.FindAllString(p.Log.String(), -1)
		if len(found) >= *count || neg || time.Now().After(deadline) {
			break
		}
	}
	for _, line := range found {
		fmt.Fprintln(ts.Stdout(), line)
	}
	if enough := len(found) >= *count; enough == neg {
		ts.Fatalf("%s has said %q %d times; want %d or more: %v", flags.Arg(0), flags.Arg(1), len(found), *count, !neg)
	}
}

// cmdRemember sets a variable of the script to what the last output holds at the regexp's first group.
func cmdRemember(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "remember", neg)
	if len(args) != 2 {
		ts.Fatalf("usage: remember NAME REGEXP")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found := pattern.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) < 2 {
		ts.Fatalf("the last output does not hold %q", args[1])
	}
	ts.Setenv(args[0], found[1])
}
