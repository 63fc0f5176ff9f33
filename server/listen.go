package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/weirgate/weir/server/internal/config"
	"github.com/weirgate/weir/server/internal/extproc"
	"github.com/weirgate/weir/server/internal/wire"
)

const (
	// maxMessage is the largest gRPC message taken. Envoy sends up to 17.7 MB at once on HTTP/2 with its default window.
	maxMessage = 32 << 20
	// Windows and buffers large enough that a body is not held up by flow control; static, because grpc-go's own probing costs round trips.
	streamWindow = 4 << 20
	connWindow   = 16 << 20
	ioBuffer     = 128 << 10
	// workers are goroutines that are kept for handlers, because a new one grows its stack in every request: measured, an eighth of a
	// Check's time. Streams beyond them get a goroutine of their own.
	workers = 64
)

// newGRPC returns a gRPC server fit for Envoy: without the keepalive policy, Envoy's 30 s pings would earn it a GOAWAY.
func newGRPC(tlsConfig *tls.Config) *grpc.Server {
	opts := []grpc.ServerOption{
		grpc.ForceServerCodecV2(wire.NewCodec()),
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.InitialWindowSize(streamWindow), grpc.InitialConnWindowSize(connWindow),
		grpc.ReadBufferSize(ioBuffer), grpc.WriteBufferSize(ioBuffer),
		grpc.WaitForHandlers(true), grpc.NumStreamWorkers(workers),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	}
	if tlsConfig != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(tlsConfig)))
	}
	return grpc.NewServer(opts...)
}

// listen opens both listeners.
func (s *Server) listen(ctx context.Context) (err error) {
	if s.listener, err = listenGRPC(ctx, s.cfg.Listen.GRPC); err != nil {
		return err
	}
	var lc net.ListenConfig
	if s.pages, err = lc.Listen(ctx, "tcp", s.cfg.Listen.Admin); err != nil {
		return fmt.Errorf("listen.admin %s: %w", s.cfg.Listen.Admin, err)
	}
	return nil
}

// listenGRPC opens the listener that Envoy connects to. The configuration's checks have refused an address that anybody could reach.
func listenGRPC(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	path, unix := strings.CutPrefix(address, "unix://")
	if !unix {
		l, err := lc.Listen(ctx, "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("listen.grpc %s: %w", address, err)
		}
		return extproc.Track(l), nil
	}
	if err := removeSocket(path); err != nil {
		return nil, fmt.Errorf("listen.grpc: %w", err)
	}
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen.grpc %s: %w", address, err)
	}
	if err := os.Chmod(path, 0o660); err != nil { // Envoy's group may connect, nobody else
		return nil, fmt.Errorf("listen.grpc: %w", err)
	}
	return extproc.Track(l), nil
}

// removeSocket removes the socket that a killed Weir left behind: nothing else, and not one that somebody listens on.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return fmt.Errorf("%s is there already and is no socket", path)
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return fmt.Errorf("%s: another process listens on this socket", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove the old socket: %w", err)
	}
	return nil
}

// tlsFor returns mutual TLS: a client certificate of the configured CA whose SPIFFE ID or DNS name is on the list. nil without TLS.
func tlsFor(c config.TLS, log *slog.Logger) (*tls.Config, error) {
	if c.Cert == "" {
		return nil, nil //nolint:nilnil // no TLS is a configuration, not a failure
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("listen.tls: %w", err)
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}}
	if c.ClientCA == "" {
		return out, nil
	}
	pem, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("listen.tls.client_ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("listen.tls.client_ca %s: no certificate in it", c.ClientCA)
	}
	out.ClientCAs, out.ClientAuth = pool, tls.RequireAndVerifyClientCert
	peers := slices.Clone(c.Peers)
	out.VerifyConnection = func(cs tls.ConnectionState) error { // runs for resumed sessions too
		if len(cs.PeerCertificates) > 0 && peerAllowed(cs.PeerCertificates[0], peers) {
			return nil
		}
		if len(cs.PeerCertificates) > 0 { // of our authority: somebody else's cannot fill the log
			log.Warn("a client was refused: its certificate is not on listen.tls.peers", "uris", cs.PeerCertificates[0].URIs, "dns", cs.PeerCertificates[0].DNSNames)
		}
		return errors.New("the client certificate's SPIFFE ID or DNS name is not on listen.tls.peers")
	}
	return out, nil
}

// peerAllowed reports whether one of the certificate's URI or DNS names is on the list, byte for byte.
func peerAllowed(cert *x509.Certificate, peers []string) bool {
	for _, u := range cert.URIs {
		if slices.Contains(peers, u.String()) {
			return true
		}
	}
	for _, d := range cert.DNSNames {
		if slices.Contains(peers, d) {
			return true
		}
	}
	return false
}
