package harness

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
)

// Call is one gRPC call of a client, sent on a connection of its own.
type Call struct {
	URL, Method string
	Messages    [][]byte
	Token       string
	Shape       string        // of the upstream's answer: "compressed", or "answer=" and a message in hexadecimal
	PingPong    bool          // the next message waits for the answer to the last
	Gzip        bool          // messages are compressed
	Timeout     time.Duration // for all of it; default 30 s
}

// Called is what came of a Call. Err has the status; nil is OK.
type Called struct {
	Answers         [][]byte
	Header, Trailer metadata.MD
	Err             error
}

// Do makes the call and reads all its answers.
func (c Call) Do() Called {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(c.Timeout, 30*time.Second))
	defer cancel()
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(c.URL, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return Called{Err: err}
	}
	defer conn.Close() //nolint:errcheck // nothing is left to do
	if c.Token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.Token)
	}
	if c.Shape != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, ShapeHeader, c.Shape)
	}
	opts := []grpc.CallOption{grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(64 << 20)}
	if c.Gzip {
		opts = append(opts, grpc.UseCompressor(gzip.Name))
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, c.Method, opts...)
	if err != nil {
		return Called{Err: err}
	}
	return c.converse(stream)
}

// converse sends the messages and receives what is answered.
func (c Call) converse(stream grpc.ClientStream) (done Called) {
	receive := func() bool {
		var msg []byte
		if done.Err = stream.RecvMsg(&msg); done.Err != nil {
			return false
		}
		done.Answers = append(done.Answers, msg)
		return true
	}
	alive := true
	for _, msg := range c.Messages {
		if stream.SendMsg(&msg) != nil { // why, RecvMsg tells
			break
		}
		if c.PingPong {
			if alive = receive(); !alive {
				break
			}
		}
	}
	_ = stream.CloseSend()
	for alive {
		alive = receive()
	}
	if errors.Is(done.Err, io.EOF) {
		done.Err = nil
	}
	done.Header, _ = stream.Header()
	done.Trailer = stream.Trailer()
	return done
}
