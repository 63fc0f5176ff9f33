package harness

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// rawCodec passes messages as the bytes they are: *[]byte.
type rawCodec struct{}

// Name says what is on the wire.
func (rawCodec) Name() string { return "proto" }

// Marshal returns the bytes.
func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

// Unmarshal keeps a copy of the bytes.
func (rawCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}

// newCalls returns the upstream's gRPC server.
func (u *Upstream) newCalls() *grpc.Server {
	return grpc.NewServer(grpc.ForceServerCodec(rawCodec{}), grpc.MaxRecvMsgSize(64<<20), grpc.UnknownServiceHandler(u.call))
}

// isCall reports whether a request is one of gRPC.
func isCall(r *http.Request) bool {
	return r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// call serves a method: TEI's Embed, EmbedStream and EmbedAll, and Qdrant's Search. Each message is answered when it has come.
func (u *Upstream) call(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	for {
		var msg []byte
		if err := stream.RecvMsg(&msg); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var answers [][]byte
		var err error
		exact, ok := given(stream)
		switch {
		case ok:
			answers = [][]byte{exact}
		case method == "/tei.v1.Embed/Embed", method == "/tei.v1.Embed/EmbedStream":
			answers, err = embedCall(msg)
		case method == "/qdrant.Points/Search":
			answers, err = u.searchCall(msg)
		default:
			err = status.Errorf(codes.Unimplemented, "no method %s here", method)
		}
		for _, a := range answers {
			if err := stream.SendMsg(&a); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// fields calls f for every field of a message whose value is bytes or a varint.
func fields(msg []byte, f func(number protowire.Number, value []byte, n uint64)) error {
	for len(msg) > 0 {
		number, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return protowire.ParseError(n)
		}
		msg = msg[n:]
		if n = protowire.ConsumeFieldValue(number, typ, msg); n < 0 {
			return protowire.ParseError(n)
		}
		switch typ {
		case protowire.BytesType:
			value, _ := protowire.ConsumeBytes(msg)
			f(number, value, 0)
		case protowire.VarintType:
			value, _ := protowire.ConsumeVarint(msg)
			f(number, nil, value)
		case protowire.Fixed32Type, protowire.Fixed64Type, protowire.StartGroupType, protowire.EndGroupType:
		}
		msg = msg[n:]
	}
	return nil
}

func appendBytes(b []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func appendVarint(b []byte, number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), value)
}

// given returns the answer that a shape asks for byte by byte: "answer=" and hexadecimal.
func given(stream grpc.ServerStream) (msg []byte, ok bool) {
	md, _ := metadata.FromIncomingContext(stream.Context())
	for _, shape := range md.Get(ShapeHeader) {
		if digits, found := strings.CutPrefix(shape, "answer="); found {
			msg, err := hex.DecodeString(digits)
			return msg, err == nil
		}
	}
	return nil, false
}

// embedCall answers an EmbedRequest whose text is a list of words: "error=CODE", "dims=N" and "times=N" change the answer, "sentinel" makes
// it recognisable.
func embedCall(msg []byte) ([][]byte, error) {
	text := ""
	err := fields(msg, func(number protowire.Number, value []byte, _ uint64) {
		if number == 1 {
			text = string(value)
		}
	})
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	dims, times, code := DefaultDims, 1, 0
	for word := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(word, "=")
		n, _ := strconv.Atoi(value)
		switch name {
		case "dims":
			dims = n
		case "times":
			times = n
		case "error":
			code = n
		}
	}
	var answers [][]byte
	for range times {
		answers = append(answers, appendBytes(nil, 1, Bytes(vectorFor(text, text, dims)))) // EmbedResponse.embeddings
	}
	if code != 0 {
		return nil, status.Error(codes.Code(code), "as it was asked to") //nolint:gosec // a small number
	}
	return answers, nil
}

// searchCall answers SearchPoints: collection_name=1, vector=2, limit=4, with_vectors=11 → enable=1.
func (u *Upstream) searchCall(msg []byte) ([][]byte, error) {
	collection, limit, with := "", 0, false
	var query []float32
	err := fields(msg, func(number protowire.Number, value []byte, n uint64) {
		switch number {
		case 1:
			collection = string(value)
		case 2:
			query = Floats(value)
		case 4:
			limit = int(n) //nolint:gosec // a small number
		case 11:
			_ = fields(value, func(_ protowire.Number, _ []byte, n uint64) { with = n == 1 })
		}
	})
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	rows, distances := u.nearest(query, limit)
	var answer []byte
	for i, row := range rows { // ScoredPoint: id=1, payload=2, score=3, vectors=6
		hit := appendBytes(nil, 1, appendVarint(nil, 1, uint64(row))) //nolint:gosec // an index
		hit = appendBytes(hit, 2, appendBytes(appendBytes(nil, 1, []byte("text")), 2, appendBytes(nil, 4, []byte(u.corpus[row]))))
		hit = protowire.AppendFixed32(protowire.AppendTag(hit, 3, protowire.Fixed32Type), math.Float32bits(float32(1-distances[i])))
		if with {
			v := Bytes(vectorFor(collection, u.corpus[row], DefaultDims))
			hit = appendBytes(hit, 6, appendBytes(nil, 1, appendBytes(nil, 101, appendBytes(nil, 1, v)))) // vector → dense → data
		}
		answer = appendBytes(answer, 1, hit)
	}
	return [][]byte{answer}, nil
}

// serveCompressed answers any call with a message that is said to be compressed, whatever was asked for.
func serveCompressed(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/grpc")
	h.Set("Trailer", "Grpc-Status")
	w.WriteHeader(http.StatusOK)
	msg := appendBytes(nil, 1, Bytes(Sentinel(DefaultDims)))
	_, _ = w.Write(append([]byte{1, 0, 0, 0, byte(len(msg))}, msg...))
	h.Set("Grpc-Status", "0")
}

// Floats reads little-endian float32.
func Floats(raw []byte) []float32 {
	v := make([]float32, 0, len(raw)/4)
	for ; len(raw) >= 4; raw = raw[4:] {
		bits, _ := protowire.ConsumeFixed32(raw)
		v = append(v, math.Float32frombits(bits))
	}
	return v
}

// SearchPoints makes a message for Qdrant's Search.
func SearchPoints(collection string, query []float32, limit int, vectors bool) []byte {
	msg := appendBytes(nil, 1, []byte(collection))
	msg = appendVarint(appendBytes(msg, 2, Bytes(query)), 4, uint64(limit)) //nolint:gosec // a small number
	if vectors {
		msg = appendBytes(msg, 11, appendVarint(nil, 1, 1))
	}
	return msg
}

// EmbedRequest makes a message for TEI's Embed.
func EmbedRequest(text string) []byte { return appendBytes(nil, 1, []byte(text)) }

// DescribeAnswer says what an answer of the two holds, a line for each hit or vector.
func DescribeAnswer(method string, msg []byte) string {
	var b strings.Builder
	vector := func(raw []byte) {
		v := Floats(raw)
		zeros := 0
		for _, f := range v {
			if f == 0 {
				zeros++
			}
		}
		fmt.Fprintf(&b, " vector of %d, %d zeros", len(v), zeros)
		if len(v) > 0 {
			fmt.Fprintf(&b, ", first %.4f", v[0])
		}
	}
	if !strings.HasPrefix(method, "/qdrant.") {
		_ = fields(msg, func(number protowire.Number, value []byte, _ uint64) {
			if number == 1 {
				vector(value)
			}
		})
		return strings.TrimSpace(b.String())
	}
	_ = fields(msg, func(_ protowire.Number, hit []byte, _ uint64) {
		b.WriteString("hit")
		_ = fields(hit, func(number protowire.Number, value []byte, _ uint64) {
			switch number {
			case 1:
				_ = fields(value, func(_ protowire.Number, _ []byte, n uint64) { fmt.Fprintf(&b, " %d", n) })
			case 6:
				vector(inside(value, 1, 101, 1))
			}
		})
		b.WriteString("\n")
	})
	return strings.TrimSpace(b.String())
}

// inside follows a path of messages to its bytes, by the first of each.
func inside(msg []byte, path ...protowire.Number) []byte {
	for _, want := range path {
		var next []byte
		_ = fields(msg, func(number protowire.Number, value []byte, _ uint64) {
			if number == want && next == nil {
				next = value
			}
		})
		msg = next
	}
	return msg
}

// FirstVector returns the first vector of an answer; nil for none.
func FirstVector(method string, msg []byte) []float32 {
	if strings.HasPrefix(method, "/qdrant.") {
		msg = inside(msg, 1, 6, 1, 101)
	}
	return Floats(inside(msg, 1))
}
