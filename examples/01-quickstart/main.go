// Command 01-quickstart is Weir's demo: it starts a development issuer, an upstream, Weir and Envoy on this machine, then walks through what
// Weir does, printing each request, answer and verdict in plain words. "make demo" runs it.
//
//	01-quickstart                          the walk; with KEEP=1 in the environment everything stays up afterwards
//	01-quickstart upstream -listen ADDR    only the upstream: an embeddings endpoint, a vector store over the corpus, model files
//	01-quickstart issuer -listen ADDR -url URL   only the issuer; GET /token?sub=alice&groups=research mints a token for anybody who asks
//
// Everything it starts is for this demo: the issuer gives tokens to everybody.
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/weirgate/weir/integration/harness"
)

//go:embed corpus.txt
var corpusText string

// corpus returns the shipped texts, one a line.
func corpus() []string { return strings.Split(strings.TrimSpace(corpusText), "\n") }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return demo(ctx, os.Stdout, os.Getenv("KEEP") != "")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "address to listen on")
	url := flags.String("url", "", "the issuer's name in its tokens; default http:// and the address")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "upstream":
		upstream, err := harness.StartUpstream(harness.UpstreamConfig{Listen: *listen, Corpus: corpus()})
		if err != nil {
			return err
		}
		fmt.Println("upstream on", *listen)
		return upstream.Wait(ctx)
	case "issuer":
		issuer, err := harness.StartIssuer(*listen, *url)
		if err != nil {
			return err
		}
		fmt.Println("issuer", issuer.URL, "on", *listen)
		<-ctx.Done()
		return issuer.Close()
	}
	return fmt.Errorf("unknown command %q: want upstream, issuer, or nothing for the demo", args[0])
}
