package extproc

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/peer"
)

// conn is what is known of one connection from Envoy. Safe for concurrent use.
type conn struct {
	attested atomic.Int64 // Unix ns of the last body message after an override; 0 never
}

// attest notes that this Envoy honours overrides.
func (c *conn) attest(now time.Time) { c.attested.Store(now.UnixNano()) }

// revoke forgets it: a stream ended right after an override.
func (c *conn) revoke() { c.attested.Store(0) }

// isAttested reports whether this Envoy honoured an override within ttl.
func (c *conn) isAttested(now time.Time, ttl time.Duration) bool {
	at := c.attested.Load()
	return at != 0 && now.Sub(time.Unix(0, at)) < ttl
}

// Track wraps a listener so that every stream can find the connection it came on: attestation is kept per connection, because one Envoy
// worker with one configuration is behind it.
func Track(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tracked{Conn: c, addr: addr{Addr: c.RemoteAddr(), conn: &conn{}}}, nil
}

// tracked is a connection whose remote address carries its state: gRPC hands that address to every stream (peer.Peer.Addr).
type tracked struct {
	net.Conn
	addr addr
}

func (t *tracked) RemoteAddr() net.Addr { return t.addr }

type addr struct {
	net.Addr
	conn *conn
}

// connOf returns the stream's connection; one that was not tracked is never attested.
func connOf(ctx context.Context) *conn {
	if p, ok := peer.FromContext(ctx); ok {
		if a, ok := p.Addr.(addr); ok {
			return a.conn
		}
	}
	return &conn{}
}
