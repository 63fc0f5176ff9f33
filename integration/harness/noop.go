package harness

import (
	"context"
	"fmt"
	"io"
	"net"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Treatment is what a do-nothing server asks Envoy to show it. The names are those of Weir's own treatments.
type Treatment string

// The treatments of a Noop.
const (
	Headers        Treatment = "headers"         // heads only
	Stream         Treatment = "stream"          // answers pass through, echoed chunk by chunk
	InspectRewrite Treatment = "inspect+rewrite" // request bodies held whole, answers' heads held to the first body message, then echoed
)

// Noop is the least that an ext_authz and ext_proc server can do: it allows everything and changes nothing. Weir's speed is stated as a
// ratio to it, in the same run and with the same treatment.
type Noop struct {
	authv3.UnimplementedAuthorizationServer
	procv3.UnimplementedExternalProcessorServer

	Port int

	treatment Treatment
	server    *grpc.Server
	ended     chan struct{}
}

// StartNoop starts a do-nothing server on a free loopback port; Close ends it.
func StartNoop(treatment Treatment) (*Noop, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("do-nothing server: %w", err)
	}
	n := &Noop{
		Port: listener.Addr().(*net.TCPAddr).Port, treatment: treatment, ended: make(chan struct{}),
		server: grpc.NewServer(grpc.MaxRecvMsgSize(32<<20), grpc.InitialWindowSize(4<<20), grpc.InitialConnWindowSize(16<<20)),
	}
	authv3.RegisterAuthorizationServer(n.server, n)
	procv3.RegisterExternalProcessorServer(n.server, n)
	go func() {
		defer close(n.ended)
		_ = n.server.Serve(listener)
	}()
	return n, nil
}

// Close ends the server and its streams.
func (n *Noop) Close() {
	n.server.Stop()
	<-n.ended
}

// Check allows everything.
func (n *Noop) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return &authv3.CheckResponse{
		Status:       &rpcstatus.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}},
	}, nil
}

// Process lets everything pass as the treatment has it.
func (n *Noop) Process(stream procv3.ExternalProcessor_ProcessServer) error {
	x := &noopExchange{stream: stream, treatment: n.treatment}
	for {
		message, err := stream.Recv()
		if err != nil {
			if err == io.EOF || status.Code(err) == codes.Canceled {
				return nil // Envoy is done with the exchange
			}
			return err
		}
		if err := x.handle(message); err != nil {
			return err
		}
	}
}

// noopExchange is one exchange's held parts.
type noopExchange struct {
	stream    procv3.ExternalProcessor_ProcessServer
	treatment Treatment

	held       []byte // request body so far
	askHeld    bool   // the request's head is not answered yet
	answerHeld bool   // the response's head is not answered yet
}

func (x *noopExchange) handle(m *procv3.ProcessingRequest) error {
	switch part := m.Request.(type) {
	case *procv3.ProcessingRequest_RequestHeaders:
		return x.requestHead(part.RequestHeaders.EndOfStream)
	case *procv3.ProcessingRequest_RequestBody:
		x.held = append(x.held, part.RequestBody.Body...)
		if !part.RequestBody.EndOfStream {
			return nil
		}
		return x.releaseRequest(true)
	case *procv3.ProcessingRequest_RequestTrailers:
		if err := x.releaseRequest(false); err != nil {
			return err
		}
		return x.stream.Send(&procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_RequestTrailers{RequestTrailers: &procv3.TrailersResponse{}}})
	case *procv3.ProcessingRequest_ResponseHeaders:
		if x.treatment != Headers && !part.ResponseHeaders.EndOfStream {
			x.answerHeld = true
			return nil
		}
		return x.answerHead()
	case *procv3.ProcessingRequest_ResponseBody:
		if err := x.releaseAnswer(); err != nil {
			return err
		}
		return x.stream.Send(&procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_ResponseBody{
			ResponseBody: echoed(part.ResponseBody.Body, part.ResponseBody.EndOfStream),
		}})
	case *procv3.ProcessingRequest_ResponseTrailers:
		if err := x.releaseAnswer(); err != nil {
			return err
		}
		return x.stream.Send(&procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_ResponseTrailers{ResponseTrailers: &procv3.TrailersResponse{}}})
	}
	return status.Errorf(codes.InvalidArgument, "unknown message %T", m.Request)
}

func (x *noopExchange) requestHead(ends bool) error {
	head := &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_RequestHeaders{RequestHeaders: &procv3.HeadersResponse{}}}
	switch {
	case x.treatment == Headers:
	case x.treatment == InspectRewrite || ends:
		// An override that leaves the request's body mode NONE is not taken as a message of its own, so both go up.
		if err := x.stream.Send(&procv3.ProcessingResponse{ModeOverride: modes(filterv3.ProcessingMode_FULL_DUPLEX_STREAMED)}); err != nil {
			return err
		}
		if !ends {
			x.askHeld = true
			return nil
		}
	default:
		head.ModeOverride = modes(filterv3.ProcessingMode_NONE)
	}
	return x.stream.Send(head)
}

func modes(request filterv3.ProcessingMode_BodySendMode) *filterv3.ProcessingMode {
	mode := &filterv3.ProcessingMode{
		RequestHeaderMode: filterv3.ProcessingMode_SEND, ResponseHeaderMode: filterv3.ProcessingMode_SEND,
		RequestBodyMode: request, ResponseBodyMode: filterv3.ProcessingMode_FULL_DUPLEX_STREAMED, ResponseTrailerMode: filterv3.ProcessingMode_SEND,
	}
	if request != filterv3.ProcessingMode_NONE {
		mode.RequestTrailerMode = filterv3.ProcessingMode_SEND
	}
	return mode
}

// releaseRequest answers the held head and hands the held body on.
func (x *noopExchange) releaseRequest(ends bool) error {
	if x.askHeld {
		x.askHeld = false
		head := &procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_RequestHeaders{RequestHeaders: &procv3.HeadersResponse{}}}
		if err := x.stream.Send(head); err != nil {
			return err
		}
	}
	body := x.held
	x.held = nil
	if len(body) == 0 && !ends {
		return nil
	}
	return x.stream.Send(&procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_RequestBody{RequestBody: echoed(body, ends)}})
}

func (x *noopExchange) releaseAnswer() error {
	if !x.answerHeld {
		return nil
	}
	x.answerHeld = false
	return x.answerHead()
}

func (x *noopExchange) answerHead() error {
	return x.stream.Send(&procv3.ProcessingResponse{Response: &procv3.ProcessingResponse_ResponseHeaders{ResponseHeaders: &procv3.HeadersResponse{
		// One changed header, as Weir adds its decision's ID.
		Response: &procv3.CommonResponse{HeaderMutation: &procv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{
			{Header: &corev3.HeaderValue{Key: "weir-decision", RawValue: []byte("noop")}},
		}}},
	}}})
}

func echoed(body []byte, ends bool) *procv3.BodyResponse {
	return &procv3.BodyResponse{Response: &procv3.CommonResponse{BodyMutation: &procv3.BodyMutation{
		Mutation: &procv3.BodyMutation_StreamedResponse{StreamedResponse: &procv3.StreamedBodyResponse{Body: body, EndOfStream: ends}},
	}}}
}
