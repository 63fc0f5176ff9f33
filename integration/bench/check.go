package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/weirgate/weir/integration/harness"
)

// The arms of BenchmarkCheck: one server each, asked the same by the same client.
const (
	checkNoop = "noop" // an empty ext_authz server
	checkWarm = "warm" // Weir; the same tokens come again and again
	checkCold = "cold" // Weir; no token comes twice
)

const (
	inFlight    = 64   // Checks that wait on the one connection, as on that of a busy Envoy worker
	checkRounds = 15   // of each arm in turn
	checkCalls  = 2000 // in a round
	people      = 64   // who ask, with one token each where tokens come again
)

// checks is the comparison of ext_authz servers.
type checks struct{ arms []*checkArm }

// checkArm is one server and the connection to it.
type checkArm struct {
	name   string
	server server
	conn   *grpc.ClientConn
	asked  int                    // requests made so far
	again  []*authv3.CheckRequest // that come again; empty where none does
	issuer *harness.Issuer
}

// startChecks starts the servers.
func startChecks(ctx context.Context, issuer *harness.Issuer, dir string) (*checks, error) {
	c := &checks{}
	for _, name := range []string{checkNoop, checkWarm, checkCold} {
		a, err := startCheckArm(ctx, issuer, name, filepath.Join(dir, "check-"+name))
		if a != nil {
			c.arms = append(c.arms, a)
		}
		if err != nil {
			c.close()
			return nil, fmt.Errorf("start %s: %w", name, err)
		}
	}
	return c, nil
}

func startCheckArm(ctx context.Context, issuer *harness.Issuer, name, dir string) (_ *checkArm, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	a := &checkArm{name: name, issuer: issuer}
	if name == checkNoop {
		a.server, err = startNoop(ctx, harness.Headers, dir)
	} else {
		a.server, err = startWeir(ctx, issuer, "ext_authz", dir)
	}
	if err != nil {
		return nil, err
	}
	if a.conn, err = grpc.NewClient(fmt.Sprintf("127.0.0.1:%d", a.server.port), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		return a, err
	}
	if name != checkCold {
		if a.again, err = a.fresh(people); err != nil {
			return a, err
		}
	}
	first, err := a.requests(people)
	if err != nil {
		return a, err
	}
	return a, a.ask(ctx, slices.Values(first)) // whatever is made at first use is made
}

func (c *checks) close() {
	for _, a := range c.arms {
		if a.conn != nil {
			_ = a.conn.Close()
		}
		a.server.process.Kill()
	}
}

// requests returns the arm's next n requests.
func (a *checkArm) requests(n int) ([]*authv3.CheckRequest, error) {
	if len(a.again) == 0 {
		return a.fresh(n)
	}
	out := make([]*authv3.CheckRequest, n)
	for i := range out {
		out[i] = a.again[i%len(a.again)]
	}
	return out, nil
}

// fresh returns n requests with tokens that nobody has seen.
func (a *checkArm) fresh(n int) ([]*authv3.CheckRequest, error) {
	out := make([]*authv3.CheckRequest, n)
	for i := range out {
		who := a.asked % people
		token, err := a.issuer.Mint(claims(who))
		if err != nil {
			return nil, fmt.Errorf("mint: %w", err)
		}
		out[i] = checkRequest(token, who)
		a.asked++
	}
	return out, nil
}

// ask calls Check for each request, inFlight at a time, and returns when all are answered. Any answer but an allow is an error.
func (a *checkArm) ask(ctx context.Context, requests iter.Seq[*authv3.CheckRequest]) error {
	client := authv3.NewAuthorizationClient(a.conn)
	callers, ctx := errgroup.WithContext(ctx)
	queue := make(chan *authv3.CheckRequest)
	for range inFlight {
		callers.Go(func() error {
			for r := range queue {
				answer, err := client.Check(ctx, r)
				if err != nil {
					return fmt.Errorf("%s: %w", a.name, err)
				}
				if code := codes.Code(answer.GetStatus().GetCode()); code != codes.OK { //nolint:gosec // a gRPC code
					return fmt.Errorf("%s: %v: %s", a.name, code, answer.GetDeniedResponse().GetBody())
				}
			}
			return nil
		})
	}
	for r := range requests {
		select {
		case queue <- r:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	return callers.Wait()
}

// measure returns the CPU time that the server takes for one of the requests, in seconds.
func (a *checkArm) measure(ctx context.Context, requests []*authv3.CheckRequest) (float64, error) {
	before, err := cpuTime(a.server.process.PID())
	if err != nil {
		return 0, err
	}
	if err := a.ask(ctx, slices.Values(requests)); err != nil {
		return 0, err
	}
	after, err := cpuTime(a.server.process.PID())
	return (after - before).Seconds() / float64(len(requests)), err
}

// compare measures all arms.
func (c *checks) compare(ctx context.Context, out io.Writer) ([]goal, error) {
	arms, names := map[string]*checkArm{}, []string(nil)
	for _, a := range c.arms {
		arms[a.name], names = a, append(names, a.name)
	}
	s, err := takeTurns(checkRounds, names, func(name string) (float64, error) {
		requests, err := arms[name].requests(checkCalls)
		if err != nil {
			return 0, err
		}
		return arms[name].measure(ctx, requests)
	})
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		fmt.Fprintf(out, "Check      %-30s %8.1f µs of the server's CPU\n", name, s.median(name)*1e6)
	}
	return []goal{
		{name: "check-warm/noop", measured: s.ratio(checkWarm, checkNoop), want: 2.5},
		{name: "check-cold/noop", measured: s.ratio(checkCold, checkNoop), want: 7},
	}, nil
}

// claims are those of a person's token, as an identity provider fills them.
func claims(who int) map[string]any {
	return map[string]any{
		"sub": fmt.Sprintf("00u%017d", who), "name": fmt.Sprintf("Person No. %d", who), "email": fmt.Sprintf("person.%d@example.com", who),
		"email_verified": true, "azp": "training-jobs", "scope": "openid profile email groups", "sid": fmt.Sprintf("session-%d", who),
		"groups": []string{"all-employees", "engineering", "research", "research-emea", "gpu-users"},
	}
}

// checkRequest is what Envoy 1.40 sends with envoy/ext_authz.yaml for the download of a shard of a corpus.
func checkRequest(token string, who int) *authv3.CheckRequest {
	path, host := fmt.Sprintf("/corpus/wiki-2026/train/shard-%05d.parquet", who), "corpus.example.com"
	headers := [][2]string{
		{":authority", host},
		{":path", path},
		{":method", http.MethodGet},
		{":scheme", "https"},
		{"user-agent", "python-requests/2.32.3"},
		{"accept-encoding", "gzip, deflate, br, zstd"},
		{"accept", "*/*"},
		{"authorization", "Bearer " + token},
		{"x-forwarded-for", "192.0.2.17"},
		{"x-forwarded-proto", "https"},
		{"x-envoy-external-address", "192.0.2.17"},
		{"x-request-id", fmt.Sprintf("0dffeaf0-110c-4194-88cc-%012d", who)},
		{"traceparent", fmt.Sprintf("00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033%02x-01", who)},
	}
	fields := make([]*corev3.HeaderValue, len(headers))
	for i, h := range headers {
		fields[i] = &corev3.HeaderValue{Key: h[0], RawValue: []byte(h[1])}
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source:      &authv3.AttributeContext_Peer{Address: address("192.0.2.17", 41804)},
		Destination: &authv3.AttributeContext_Peer{Address: address("192.0.2.80", 443)},
		Request: &authv3.AttributeContext_Request{
			Time: timestamppb.Now(),
			Http: &authv3.AttributeContext_HttpRequest{
				Id: "11431873789887947931", Method: http.MethodGet, Scheme: "https", Host: host, Path: path, Protocol: "HTTP/2",
				HeaderMap: &corev3.HeaderMap{Headers: fields},
			},
		},
		MetadataContext: &corev3.Metadata{}, RouteMetadataContext: &corev3.Metadata{},
		TlsSession: &authv3.AttributeContext_TLSSession{Sni: host},
	}}
}

func address(ip string, port uint32) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: ip, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}
