package harness

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// Exchange is one request of a client, sent on a connection of its own.
type Exchange struct {
	Method, URL string
	Host        string // default: the URL's
	Shape       string // of the upstream's answer; see Shape
	Header      http.Header
	Body        []byte
	HTTP2       bool          // else HTTP/1.1
	TLS         *tls.Config   // nil: cleartext
	From        string        // the address that it comes from; default: the system's choice
	Follow      bool          // redirects, as net/http does it: Authorization goes to no other host. All hosts are where URL's is
	Timeout     time.Duration // for all of it; default 30 s
}

// Answer is what came of an Exchange. Err is set when no answer came (Status is 0 then), or one that was cut short.
type Answer struct {
	Status  int
	Header  http.Header
	Trailer http.Header
	Body    []byte
	Err     error
}

// Do sends the request and reads the answer to its end. Redirects are not followed, unless Follow is set, and nothing is decompressed.
func (x Exchange) Do() Answer {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(x.Timeout, 30*time.Second))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, x.Method, x.URL, bytes.NewReader(x.Body))
	if err != nil {
		return Answer{Err: err}
	}
	if x.Header != nil {
		req.Header = x.Header.Clone()
	}
	req.Host = cmp.Or(x.Host, req.Host)
	if x.Shape != "" {
		req.Header.Set(ShapeHeader, x.Shape)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!x.HTTP2)
	protocols.SetUnencryptedHTTP2(x.HTTP2 && x.TLS == nil)
	protocols.SetHTTP2(x.HTTP2 && x.TLS != nil)
	transport := &http.Transport{Protocols: protocols, DisableCompression: true, TLSClientConfig: x.TLS}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var dialer net.Dialer
	if x.From != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(x.From)}
	}
	to := req.URL.Host
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, to)
	}
	if x.Follow {
		req.URL.Host = cmp.Or(x.Host, to) // by which net/http tells what another host is
		client.CheckRedirect = func(next *http.Request, before []*http.Request) error {
			next.Header.Del(ShapeHeader) // it was the redirect's
			if len(before) > 3 {
				return errors.New("it goes round and round")
			}
			return nil
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		return Answer{Err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, resp.Trailer, body, err}
}
