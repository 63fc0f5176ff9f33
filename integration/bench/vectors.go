package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
	"github.com/weirgate/weir/pkg/scan"
	"github.com/weirgate/weir/pkg/vector"
)

const (
	vectorsCommand = "vectors"
	simdCommand    = "simd"
	vectorsMade    = 256 // in an answer
)

// vectors measures pkg/vector and pkg/dialect without a server, on one core, and prints the goals after the figures. With simd it measures
// what vector instructions are there for, if this build and this CPU have them. only is a part of the names of what is measured.
func vectors(out io.Writer, simd bool, only string) error {
	runtime.GOMAXPROCS(1)
	p, err := newPasses()
	if err != nil {
		return err
	}
	var all []pace
	none := "vectors-allocations-per-piece"
	switch {
	case simd && !scan.SIMD():
		fmt.Fprintln(out, "vectors-simd: not measured, this CPU has no AVX-512 with VBMI, or this build was made without GOEXPERIMENT=simd")
	case simd:
		all, none = p.floats("vectors-simd", .35), "vectors-simd-allocations-per-piece"
	default:
		if all, err = p.all(); err != nil {
			return err
		}
	}
	all = slices.DeleteFunc(all, func(p pace) bool { return !strings.Contains(p.name, only) })
	goals, err := measurePaces(out, none, all)
	for _, g := range goals {
		fmt.Fprintln(out, g)
	}
	return err
}

// passes makes the jobs of a vector stream.
type passes struct {
	maskers map[authz.MaskMode]vector.Masker
	answers map[layout][]byte
}

func newPasses() (*passes, error) {
	ring, err := vector.NewKeyring(bytes.Repeat([]byte{1}, vector.MinMaster))
	if err != nil {
		return nil, err
	}
	p := &passes{
		maskers: map[authz.MaskMode]vector.Masker{authz.MaskSeal: vector.NewSealer(ring), authz.MaskToken: vector.NewTokener(ring)},
		answers: map[layout][]byte{},
	}
	for _, l := range []layout{indented, compact, packed} {
		p.answers[l] = openAI(vectorsMade, dims, l)
	}
	return p, nil
}

// maskName is the mask as goals are named.
func maskName(m authz.MaskMode) string {
	if m == authz.MaskNone {
		return "count"
	}
	return string(m)
}

// all are the paces of this build.
func (p *passes) all() ([]pace, error) {
	m, err := p.messages()
	if err != nil {
		return nil, err
	}
	return slices.Concat(p.floats("vectors", .08), p.others(), m, asks(), p.alternatives()), nil
}

// floats are the paces of masks that need no number's value.
func (p *passes) floats(name string, want float64) []pace {
	var all []pace
	for _, l := range []layout{indented, compact} {
		for _, m := range []authz.MaskMode{authz.MaskNone, authz.MaskRedact, authz.MaskZero} {
			all = append(all, p.answer(name, l, m, want))
		}
	}
	return all
}

// others are those of the other masks and encodings.
func (p *passes) others() []pace {
	return []pace{
		p.answer("vectors", indented, authz.MaskSeal, .02),
		p.answer("vectors", indented, authz.MaskToken, .02),
		p.answer("vectors", compact, authz.MaskSeal, .015),
		p.answer("vectors", compact, authz.MaskToken, .015),
		p.answer("vectors", packed, authz.MaskNone, .25),
		p.answer("vectors", packed, authz.MaskZero, .25),
		p.answer("vectors", packed, authz.MaskSeal, .02),
	}
}

// messages are those of gRPC's messages, whose answers hold nothing but vectors, or hits with an ID and a payload.
func (p *passes) messages() ([]pace, error) {
	floats, found := embedAll(vectorsMade, dims), hits(vectorsMade, dims)
	embed, search := calls(dialect.TEI{}, "/tei.v1.Embed/EmbedAll"), calls(dialect.Qdrant{}, "/qdrant.Points/Search")
	var all []pace
	for _, c := range []struct {
		name   string
		doc    []byte
		fields []scan.Field
		mask   authz.MaskMode
		want   float64
	}{
		{"grpc-floats", floats, embed, authz.MaskNone, 2},
		{"grpc-floats", floats, embed, authz.MaskZero, 1},
		{"grpc-hits", found, search, authz.MaskNone, 0},
		{"grpc-hits", found, search, authz.MaskZero, 0},
	} {
		s, err := vector.NewStream(scan.FormatGRPC, c.fields, vector.Options{Mask: c.mask})
		if err != nil {
			return nil, err
		}
		m := message(s, c.doc, c.mask)
		m.name, m.want = fmt.Sprintf("vectors-%s-%s/copy", c.name, maskName(c.mask)), c.want
		all = append(all, m)
	}
	return all, nil
}

// calls is where the answers to a gRPC method hold vectors.
func calls(d dialect.Dialect, method string) []scan.Field {
	op := d.Head("POST", method, "", authz.Header{"content-type": {"application/grpc"}})
	return d.Answer(op, authz.Response{Status: 200}).Fields
}

// answer is the pace at which one answer of OpenAI's passes: the stream is made, and closed, with it.
func (p *passes) answer(name string, l layout, m authz.MaskMode, want float64) pace {
	doc, out := p.answers[l], make([]byte, 0, 1<<20)
	fields := []scan.Field{{Path: "data[*].embedding"}}
	begin := func() (*vector.Stream, error) {
		return vector.NewStream(scan.FormatJSON, fields, vector.Options{Mask: m, Masker: p.maskers[m]})
	}
	c := pace{name: fmt.Sprintf("%s-%s-%s/copy", name, l, maskName(m)), want: want, size: len(doc), base: copying(doc)}
	c.job = func() error {
		s, err := begin()
		if err != nil {
			return err
		}
		if err := inPieces(doc, passPiece(s, m, out)); err != nil {
			return err
		}
		if _, err := s.Close(out); err != nil {
			return err
		}
		if got := s.Reading().Vectors; got != vectorsMade {
			return fmt.Errorf("%d vectors, want %d", got, vectorsMade)
		}
		return nil
	}
	if m != authz.MaskSeal { // what it allocates is the sealing library's
		c.allocs = func() (float64, error) {
			s, err := begin()
			if err != nil {
				return 0, err
			}
			return allocations(doc, passPiece(s, m, out))
		}
	}
	return c
}

// message is the pace at which one message after the other passes through a stream.
func message(s *vector.Stream, doc []byte, m authz.MaskMode) pace {
	out := make([]byte, 0, 2*piece)
	pass := passPiece(s, m, out)
	return pace{
		size: len(doc), base: copying(doc),
		job: func() error {
			before := s.Reading().Vectors
			if err := inPieces(doc, pass); err != nil {
				return err
			}
			if got := s.Reading().Vectors - before; got != vectorsMade {
				return fmt.Errorf("%d vectors, want %d", got, vectorsMade)
			}
			return nil
		},
		allocs: func() (float64, error) { return allocations(doc, pass) },
	}
}

// passPiece passes a piece of a document to the stream, as the server does.
func passPiece(s *vector.Stream, m authz.MaskMode, out []byte) func(p []byte) error {
	if m == authz.MaskNone {
		return func(p []byte) error {
			_, err := s.Scan(p, math.MaxInt64)
			return err
		}
	}
	return func(p []byte) error {
		_, _, err := s.Write(out, p, math.MaxInt64)
		return err
	}
}

// asks are the paces at which embedding requests are read for policy.
func asks() []pace {
	var all []pace
	for _, ask := range []struct {
		name string
		body []byte
	}{{"texts", textsBody()}, {"tokens", tokensBody()}} {
		body := ask.body
		all = append(all, pace{name: "features-" + ask.name + "/copy", want: .05, size: len(body), base: copying(body), job: func() error {
			op, err := dialect.OpenAI{}.Body(authz.Operation{Class: authz.ClassEmbed}, body)
			if err == nil && op.Vectors < 100 {
				err = fmt.Errorf("%d vectors are asked for", op.Vectors)
			}
			return err
		}})
	}
	return all
}

// alternatives are how many times as fast an answer is counted as by what one would write otherwise, to read every number and pass it on.
func (p *passes) alternatives() []pace {
	var all []pace
	for _, l := range []layout{indented, compact, packed} {
		for _, other := range []struct {
			name string
			want float64
			f    func(doc []byte) error
		}{{"encoding_json", 20, decodeAndEncode}, {"jsontext", 5, copyTokens}} {
			c := p.answer("vectors", l, authz.MaskNone, other.want)
			c.name = fmt.Sprintf("vectors-%s-count/%s", l, other.name)
			doc := p.answers[l]
			c.base = func() error { return other.f(doc) }
			all = append(all, c)
		}
	}
	return all
}

// decodeAndEncode reads the answer into values, counts its vectors, and writes it.
func decodeAndEncode(doc []byte) error {
	type item[T any] struct {
		Object    string `json:"object"`
		Index     int    `json:"index"`
		Embedding T      `json:"embedding"`
	}
	type list[T any] struct {
		Object string         `json:"object"`
		Data   []item[T]      `json:"data"`
		Model  string         `json:"model"`
		Usage  map[string]any `json:"usage"`
	}
	var err error
	var v any
	n := 0
	if bytes.Contains(doc[:200], []byte(`"embedding":"`)) {
		var l list[[]byte] // base64
		err = json.Unmarshal(doc, &l)
		v, n = l, len(l.Data)
	} else {
		var l list[[]float32]
		err = json.Unmarshal(doc, &l)
		v, n = l, len(l.Data)
	}
	if err == nil && n != vectorsMade {
		err = fmt.Errorf("%d vectors", n)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(io.Discard).Encode(v)
}

// copyTokens passes every token, as a rewriter would.
func copyTokens(doc []byte) error {
	d, e := jsontext.NewDecoder(bytes.NewReader(doc)), jsontext.NewEncoder(io.Discard)
	for {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = e.WriteToken(token)
		}
		if err != nil {
			return err
		}
	}
}
