package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authn"
	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server"
	"github.com/weirgate/weir/server/internal/config"
)

const aboutSign = `Prints a URL that carries leave to make its request, until it ends: for clients that have no place for a token. A path that ends in / is for
everything below it. The target must take capabilities (identity.carriers: [url:NAME]), and what is asked is decided by policy as usual.
Whoever has the URL has the leave.

  weir sign --config weir.yaml --target corpus --as 'https://login.example.com|alice' --groups research --for 10m https://data.example.com/corpus/a.parquet`

// sign makes a capability.
func sign(ctx context.Context, args []string, out io.Writer) error {
	fs := flags("sign", "--config FILE --target NAME --as ISSUER|SUB --for DURATION [flags] URL", aboutSign)
	file := fs.String("config", "", configUsage)
	target := fs.String("target", "", "the `name` of the target it is for")
	as := fs.String("as", "", "in whose name: `issuer|sub`")
	kind := fs.String("kind", string(authz.Workload), "what the subject is: human, workload or agent")
	groups := fs.String("groups", "", "the subject's groups, with commas between")
	owner := fs.String("owner", "", "whom an agent acts for: `issuer|sub`")
	methods := fs.String("method", "GET,HEAD", "the methods it is for, with commas between")
	anyQuery := fs.Bool("any-query", false, "whatever the query; default: the URL's own and no other")
	life := fs.Duration("for", 10*time.Minute, "how long it is good for")
	if err := parse(fs, args); err != nil {
		return err
	}
	issuer, sub, named := strings.Cut(*as, "|")
	if fs.NArg() != 1 || *file == "" || *target == "" || !named {
		fs.Usage()
		return errUsage
	}
	cfg, err := config.Load(*file)
	if err != nil {
		return configError(err)
	}
	parameter, err := parameterOf(cfg, *target)
	if err != nil {
		return err
	}
	u, err := url.Parse(fs.Arg(0))
	if err != nil || u.Fragment != "" {
		return errors.New("want a URL, or a path, without a fragment")
	}
	now := time.Now()
	c := authn.Capability{
		Subject: authz.Subject{Issuer: issuer, ID: sub, Kind: authz.SubjectKind(*kind), Groups: words(*groups), Owner: *owner},
		Target:  *target, Methods: words(*methods), Path: u.EscapedPath(), Query: u.RawQuery, Issued: now, Expires: now.Add(*life),
	}
	if *anyQuery {
		c.Query = "*"
	}
	capabilities, err := server.Capabilities(ctx, cfg)
	if err != nil {
		return err
	}
	text, err := capabilities.Sign(c)
	if err != nil {
		return err
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += parameter + "=" + text
	_, err = fmt.Fprintln(out, u)
	return err
}

// parameterOf returns the query parameter in which a target takes capabilities.
func parameterOf(cfg *config.Config, target string) (string, error) {
	i := slices.IndexFunc(cfg.Targets, func(t config.Target) bool { return t.Name == target })
	if i < 0 {
		return "", fmt.Errorf("there is no target %q", target)
	}
	list := cfg.Targets[i].Identity.Carriers
	if list == nil {
		list = cfg.Token.Carriers
	}
	for _, carrier := range list {
		if name, ok := strings.CutPrefix(carrier, "url:"); ok {
			return name, nil
		}
	}
	return "", fmt.Errorf("target %q takes no capabilities: it needs identity.carriers with url:weir-capability", target)
}

// words are what stands between commas.
func words(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(w string) bool { return w == "" })
}
