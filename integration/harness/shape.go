package harness

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// ShapeHeader is the request header that shapes the upstream's answer.
const ShapeHeader = "x-test-upstream"

// Shape is how the upstream is to misbehave. Its text form, the value of ShapeHeader, is a list such as "delay=200ms trickle abort=500":
//
//	status=N      that status, and no body for 204 and 304
//	type=T        that content-type
//	untyped       no content-type
//	text=T        that body instead (no spaces)
//	hex=DIGITS    those bytes instead
//	echo          instead, an error that repeats the request's body, as JSON and quoted
//	keep          keeps the request's body for Kept
//	empty         no body, content-length 0
//	chunked       no content-length
//	trickle       one byte a write, flushed
//	delay=D       before the response head
//	stall=D       between the head and the body
//	trailers      with the trailers x-trailer and grpc-status
//	trailer=K:V   with that trailer
//	gzip          compressed, whether the client takes it or not; short for coding=gzip
//	coding=C+D    compressed by C, then by D: gzip, deflate, br, zstd. header=content-encoding:… says something else
//	blanks=N      N spaces before the body
//	short=N       without the last N bytes of the body, and content-length as if there were no more
//	pause=N:D     after N bytes of the body nothing for D, then the rest
//	abort=N       the connection is cut after N bytes of the body
//	header=K:V    one more response header; may be there several times
type Shape struct {
	Status                    int
	Type, Text                string
	Empty, Chunked, Trickle   bool
	Trailers, Echo, Keep      bool
	Codings                   []string
	Blanks, Short             int
	Untyped                   bool
	Delay, Stall              time.Duration
	Abort                     int // -1: no
	PauseAt                   int // 0: no
	Pause                     time.Duration
	Bytes                     []byte // the body, where not nil
	Headers                   [][2]string
	TrailerName, TrailerValue string
}

// ParseShape reads the text form.
func ParseShape(text string) (Shape, error) {
	s := Shape{Abort: -1}
	for field := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(field, "=")
		var err error
		switch name {
		case "status":
			s.Status, err = strconv.Atoi(value)
		case "type":
			s.Type = value
		case "untyped":
			s.Untyped = true
		case "text":
			s.Text = value
		case "hex":
			if s.Bytes, err = hex.DecodeString(value); err != nil {
				return s, fmt.Errorf("%s: hex: %w", ShapeHeader, err)
			}
		case "trailer":
			s.TrailerName, s.TrailerValue, _ = strings.Cut(value, ":")
		case "empty":
			s.Empty = true
		case "echo":
			s.Echo = true
		case "keep":
			s.Keep = true
		case "chunked":
			s.Chunked = true
		case "trickle":
			s.Trickle = true
		case "trailers":
			s.Trailers = true
		case "gzip":
			s.Codings = []string{"gzip"}
		case "coding":
			s.Codings = strings.Split(value, "+")
		case "blanks":
			s.Blanks, err = strconv.Atoi(value)
		case "short":
			s.Short, err = strconv.Atoi(value)
		case "delay":
			s.Delay, err = time.ParseDuration(value)
		case "stall":
			s.Stall, err = time.ParseDuration(value)
		case "pause":
			at, length, _ := strings.Cut(value, ":")
			if s.PauseAt, err = strconv.Atoi(at); err == nil {
				s.Pause, err = time.ParseDuration(length)
			}
		case "abort":
			s.Abort, err = strconv.Atoi(value)
		case "header":
			name, content, _ := strings.Cut(value, ":")
			s.Headers = append(s.Headers, [2]string{name, content})
		default:
			err = fmt.Errorf("not known")
		}
		if err != nil {
			return s, fmt.Errorf("%s: %q: %w", ShapeHeader, field, err)
		}
	}
	return s, nil
}

// shaped serves the request with inner; where the request asks for a shape, the answer is collected first and then sent in that shape.
func (u *Upstream) shaped(inner http.Handler, w http.ResponseWriter, r *http.Request) {
	text := r.Header.Get(ShapeHeader)
	if text == "" {
		inner.ServeHTTP(w, r)
		return
	}
	shape, err := ParseShape(text)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if shape.Keep {
		body, _ := io.ReadAll(r.Body)
		u.mu.Lock()
		u.kept = body
		u.mu.Unlock()
	}
	kept := &answer{header: http.Header{}, status: http.StatusOK}
	if shape.Echo {
		echo(kept, r)
	} else {
		inner.ServeHTTP(kept, r)
	}
	shape.send(w, r, kept)
}

// echo answers as a server does that quotes what it does not like.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{"error": "cannot take " + string(body), "sent": nil}
	if json.Valid(body) {
		answer["sent"] = json.RawMessage(body)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// answer collects what a handler writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

func (s Shape) send(w http.ResponseWriter, r *http.Request, kept *answer) {
	body := s.apply(w.Header(), kept)
	pause(r, s.Delay)
	bodiless := kept.status == http.StatusNoContent || kept.status == http.StatusNotModified || r.Method == http.MethodHead
	switch {
	case kept.status == http.StatusNoContent || kept.status == http.StatusNotModified:
		w.Header().Del("Content-Length")
	case !s.Chunked && !s.Trailers && s.TrailerName == "":
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	default:
		w.Header().Del("Content-Length")
	}
	if s.Trailers {
		w.Header().Set("Trailer", "X-Trailer, Grpc-Status")
	}
	if s.TrailerName != "" {
		w.Header().Set("Trailer", s.TrailerName)
	}
	w.WriteHeader(kept.status)
	if bodiless {
		return
	}
	flush(w)
	pause(r, s.Stall)
	s.write(w, r, body)
	if s.Trailers {
		w.Header().Set("X-Trailer", "the end")
		w.Header().Set("Grpc-Status", "0")
	}
	if s.TrailerName != "" {
		w.Header().Set(s.TrailerName, s.TrailerValue)
	}
}

// apply copies the collected head into header as the shape has it and returns the body to send.
func (s Shape) apply(header http.Header, kept *answer) []byte {
	for name, values := range kept.header {
		header[name] = values
	}
	if s.Status != 0 {
		kept.status = s.Status
	}
	if s.Type != "" {
		header.Set("Content-Type", s.Type)
	}
	if s.Untyped {
		header["Content-Type"] = nil // not even what net/http makes of the body
	}
	body := kept.body.Bytes()
	if s.Text != "" {
		body = []byte(s.Text)
	}
	if s.Bytes != nil {
		body = s.Bytes
	}
	if s.Empty {
		body = nil
	}
	if s.Blanks > 0 {
		body = append(bytes.Repeat([]byte(" "), s.Blanks), body...)
	}
	for _, coding := range s.Codings {
		body = pack(coding, body)
		header.Add("Content-Encoding", coding)
	}
	for _, kv := range s.Headers {
		header.Set(kv[0], kv[1])
	}
	return body[:max(0, len(body)-s.Short)]
}

// pack compresses body; by a coding it does not know to nothing.
func pack(coding string, body []byte) []byte {
	var packed bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip":
		w = gzip.NewWriter(&packed)
	case "deflate":
		w = zlib.NewWriter(&packed)
	case "br":
		w = brotli.NewWriter(&packed)
	case "zstd":
		w, _ = zstd.NewWriter(&packed, zstd.WithEncoderConcurrency(1)) // fails for bad options only
	default:
		return nil
	}
	_, _ = w.Write(body)
	_ = w.Close()
	return packed.Bytes()
}

func (s Shape) write(w http.ResponseWriter, r *http.Request, body []byte) {
	cut := s.Abort >= 0 && s.Abort < len(body)
	if cut {
		body = body[:s.Abort]
	}
	step := 64 << 10
	if s.Trickle {
		step = 1
	}
	left := s.PauseAt
	for len(body) > 0 {
		n := min(step, len(body))
		if left > 0 {
			n = min(n, left)
		}
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		body = body[n:]
		if s.Trickle || cut {
			flush(w)
		}
		if left > 0 {
			if left -= n; left == 0 {
				flush(w)
				pause(r, s.Pause)
			}
		}
	}
	if cut {
		pause(r, 20*time.Millisecond) // lets the bytes leave before the cut
		panic(http.ErrAbortHandler)
	}
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// pause waits for d or until the client is gone.
func pause(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}
