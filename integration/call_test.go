package integration_test

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"github.com/weirgate/weir/integration/harness"
)

func cmdCall(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "call", neg)
	c := harness.Call{URL: ts.Getenv("ENVOY_URL")}
	flags := flag.NewFlagSet("call", flag.ContinueOnError)
	token := flags.String("token", "", "")
	flags.StringVar(&c.Shape, "shape", "", "")
	flags.BoolVar(&c.PingPong, "pingpong", false, "")
	flags.BoolVar(&c.Gzip, "gzip", false, "")
	flags.DurationVar(&c.Timeout, "timeout", 30*time.Second, "")
	repeat := flags.Int("n", 1, "")
	limit := flags.Int("limit", 3, "")
	vectors := flags.Bool("vectors", false, "")
	sealed := flags.Bool("last", false, "")
	bare := flags.Bool("x", false, "")
	ts.Check(flags.Parse(args))
	if flags.NArg() < 1 {
		ts.Fatalf("usage: call [FLAG…] METHOD TEXT…")
	}
	c.Method = flags.Arg(0)
	if *token != "" {
		c.Token = ts.Getenv(*token)
	}
	w := the(ts)
	for _, text := range flags.Args()[1:] {
		msg := harness.EmbedRequest(text)
		if collection, query, ok := strings.Cut(text, ":"); ok && strings.HasPrefix(c.Method, "/qdrant.") {
			v := harness.Embed(query, harness.DefaultDims)
			if *sealed {
				v = w.vector
			}
			msg = harness.SearchPoints(collection, v, *limit, *vectors)
		}
		for range *repeat {
			c.Messages = append(c.Messages, msg)
		}
	}
	done := c.Do()
	w.vector = nil
	var all bytes.Buffer
	for i, a := range done.Answers {
		all.Write(a)
		if *bare {
			fmt.Fprintf(ts.Stdout(), "%x\n", a)
		} else if i < maxAnswers {
			fmt.Fprintf(ts.Stdout(), "%s\n", harness.DescribeAnswer(c.Method, a))
		}
		if w.vector == nil {
			w.vector = harness.FirstVector(c.Method, a)
		}
	}
	w.last = []byte(base64.RawStdEncoding.EncodeToString(all.Bytes())) // where raw finds sentinels
	fmt.Fprintf(ts.Stdout(), "%d messages of %d bytes\n", len(done.Answers), all.Len())
	for _, md := range []map[string][]string{done.Header, done.Trailer} {
		if id := md["weir-decision"]; len(id) == 1 {
			ts.Setenv("DECISION", id[0])
		}
	}
	printStatus(ts, done.Err)
}

// maxAnswers is how many of a call's messages are printed.
const maxAnswers = 5

// printStatus prints how a call ended, and the details that Weir gives.
func printStatus(ts *testscript.TestScript, err error) {
	s := status.Convert(err)
	fmt.Fprintf(ts.Stdout(), "status %s: %s\n", s.Code(), s.Message())
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			fmt.Fprintf(ts.Stdout(), "error %s %s\n", d.GetDomain(), d.GetReason())
			for _, name := range sortedKeys(d.GetMetadata()) {
				fmt.Fprintf(ts.Stdout(), "  %s: %s\n", name, d.GetMetadata()[name])
			}
		case *errdetails.RetryInfo:
			fmt.Fprintf(ts.Stdout(), "retry after %s\n", d.GetRetryDelay().AsDuration())
		}
	}
}
