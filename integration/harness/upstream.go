package harness

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Upstream is the server behind Envoy, on HTTP/1.1 and cleartext HTTP/2:
//
//	POST /v1/embeddings                                        OpenAI: float and base64, "dimensions"
//	POST /embed                                                TEI
//	POST /api/v2/tenants/T/databases/D/collections/C/get       Chroma, over the corpus
//	POST /api/v2/tenants/T/databases/D/collections/C/query     Chroma, over the corpus
//	GET  /models/…                                             files, with ranges and etags; tiny.safetensors is always there
//	GET  /store/FORMAT/SIZE/NAME                               an object of that format (Object) and size; etag=weak|none, length=none
//	     /echo                                                 the request's method, path, headers and body as JSON
//	     /bytes/N                                              N bytes of text
//	     /tei.v1.Embed/Embed, /tei.v1.Embed/EmbedStream        TEI's gRPC; x-test-upstream: compressed, or answer=HEX
//	     /qdrant.Points/Search                                 Qdrant's gRPC, over the corpus
//
// A request's x-test-upstream header shapes the answer of any of these; see Shape. The embeddings of models whose name starts with
// "sentinel" are recognisable in any encoding; see Leaks. It is safe for concurrent use.
type Upstream struct {
	URL  string // "http://127.0.0.1:port"
	Port int

	corpus []string
	server *http.Server
	ended  chan struct{}

	mu   sync.Mutex
	seen []Seen
	kept []byte
}

// Seen is one request that reached the upstream.
type Seen struct {
	Method, Path string
	Header       http.Header
}

// UpstreamConfig says what the upstream serves. The zero value is usable.
type UpstreamConfig struct {
	Listen string   // default "127.0.0.1:0"
	Corpus []string // the documents of the Chroma collection; default three short ones
	Files  string   // the directory behind /models/; default none: tiny.safetensors is there all the same
}

// StartUpstream starts an upstream; Close ends it.
func StartUpstream(c UpstreamConfig) (*Upstream, error) {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if len(c.Corpus) == 0 {
		c.Corpus = []string{"water finds its level", "a weir keeps the river at its height", "fish pass by the ladder"}
	}
	u := &Upstream{corpus: c.Corpus, ended: make(chan struct{})}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	u.Port = listener.Addr().(*net.TCPAddr).Port
	u.URL = fmt.Sprintf("http://127.0.0.1:%d", u.Port)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	u.server = &http.Server{Handler: u.handler(c.Files), Protocols: protocols, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(u.ended)
		_ = u.server.Serve(listener)
	}()
	return u, nil
}

// Close ends the upstream, cutting what is under way.
func (u *Upstream) Close() error {
	err := u.server.Close()
	<-u.ended
	return err
}

// Wait returns once the upstream has ended or ctx has, ending it in that case.
func (u *Upstream) Wait(ctx context.Context) error {
	select {
	case <-u.ended:
		return nil
	case <-ctx.Done():
		return u.Close()
	}
}

// Seen returns the requests that arrived so far, oldest first.
func (u *Upstream) Seen() []Seen {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]Seen(nil), u.seen...)
}

// Kept returns the body of the last request that asked for that; see Shape.
func (u *Upstream) Kept() []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.kept
}

func (u *Upstream) handler(files string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/embeddings", serveOpenAI)
	mux.HandleFunc("POST /embed", serveTEI)
	mux.HandleFunc("POST /api/v2/tenants/{tenant}/databases/{database}/collections/{collection}/get", u.serveChromaGet)
	mux.HandleFunc("POST /api/v2/tenants/{tenant}/databases/{database}/collections/{collection}/query", u.serveChromaQuery)
	mux.HandleFunc("GET /models/tiny.safetensors", serveSafetensors)
	if files != "" {
		root, err := os.OpenRoot(files)
		if err == nil {
			mux.Handle("GET /models/", http.StripPrefix("/models/", http.FileServerFS(root.FS())))
		}
	}
	mux.HandleFunc("GET /store/{format}/{size}/{name}", serveObject)
	mux.HandleFunc("/echo", serveEcho)
	mux.HandleFunc("/bytes/{n}", serveBytes)
	calls := u.newCalls()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		u.seen = append(u.seen, Seen{Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone()})
		u.mu.Unlock()
		switch {
		case !isCall(r):
			u.shaped(mux, w, r)
		case r.Header.Get(ShapeHeader) == "compressed":
			serveCompressed(w, r)
		default:
			calls.ServeHTTP(w, r)
		}
	})
}
