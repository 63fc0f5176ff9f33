package extproc

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/peer"
)

// conn is what is known of one connection from Envoy. Safe for concurrent use.
type conn struct {
	mu      sync.Mutex // guards what follows
	filters map[string]*filter
}

// maxFilters bounds what is kept of one connection.
const maxFilters = 256

// filter returns what is known of the filter of that name (see wire.Inbound.Filter): an Envoy has one connection to Weir for all its
// filters, and one that honours overrides says nothing of another that does not.
func (c *conn) filter(name string) *filter {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.filters[name]
	if f == nil {
		if c.filters == nil || len(c.filters) == maxFilters {
			c.filters = map[string]*filter{}
		}
		f = &filter{}
		c.filters[name] = f
	}
	return f
}

// filter is one ext_proc filter of an Envoy. Safe for concurrent use.
type filter struct {
	attested atomic.Int64 // Unix ns of the last body message after an override; 0 never
}

// attest notes that it honours overrides.
func (f *filter) attest(now time.Time) { f.attested.Store(now.UnixNano()) }

// revoke forgets it: a stream ended right after an override.
func (f *filter) revoke() { f.attested.Store(0) }

// isAttested reports whether it honoured an override within ttl.
func (f *filter) isAttested(now time.Time, ttl time.Duration) bool {
	at := f.attested.Load()
	return at != 0 && now.Sub(time.Unix(0, at)) < ttl
}

// Track wraps a listener so that every stream can find the connection it came on: attestation is kept per connection and filter, because
// one Envoy worker with one configuration is behind it.
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
