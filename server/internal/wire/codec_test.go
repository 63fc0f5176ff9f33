package wire_test

import (
	"bytes"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/weirgate/weir/server/internal/wire"
)

// split cuts b into buffers of n bytes, as gRPC cuts messages into frames.
func split(b []byte, n int) mem.BufferSlice {
	var out mem.BufferSlice
	for len(b) > n {
		out, b = append(out, mem.SliceBuffer(b[:n])), b[n:]
	}
	return append(out, mem.SliceBuffer(b))
}

func bodyMessage(response, eos bool, body []byte) *extprocv3.ProcessingRequest {
	h := &extprocv3.HttpBody{Body: body, EndOfStream: eos}
	m := &extprocv3.ProcessingRequest{
		Request:         &extprocv3.ProcessingRequest_RequestBody{RequestBody: h},
		MetadataContext: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"x": {Fields: map[string]*structpb.Value{"a": structpb.NewStringValue("b")}}}},
	}
	if response {
		m.Request = &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: h}
	}
	return m
}

func TestUnmarshalBodyInEveryCut(t *testing.T) {
	body := []byte("0123456789abcdefghijklmnopqrstuvwxyz")
	for _, response := range []bool{false, true} {
		raw, err := proto.Marshal(bodyMessage(response, true, body))
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= len(raw); n++ {
			var in wire.Inbound
			if err := wire.NewCodec().Unmarshal(split(raw, n), &in); err != nil {
				t.Fatalf("cut at %d: %v", n, err)
			}
			want := wire.RequestBody
			if response {
				want = wire.ResponseBody
			}
			if in.Phase != want || !in.EndOfStream || !bytes.Equal(in.Body.Materialize(), body) {
				t.Fatalf("cut at %d: phase %d, end %v, body %q", n, in.Phase, in.EndOfStream, in.Body.Materialize())
			}
		}
	}
}

func TestMarshalBodyIsWhatProtobufSays(t *testing.T) {
	for _, phase := range []wire.Phase{wire.RequestBody, wire.ResponseBody} {
		for _, size := range []int{0, 1, 127, 128, 70_000} {
			for _, eos := range []bool{false, true} {
				body := bytes.Repeat([]byte{'x'}, size)
				got, err := wire.NewCodec().Marshal(&wire.Outbound{Phase: phase, Body: split(body, 1000), EndOfStream: eos})
				if err != nil {
					t.Fatal(err)
				}
				var m extprocv3.ProcessingResponse
				if err := proto.Unmarshal(got.Materialize(), &m); err != nil {
					t.Fatalf("phase %d size %d: %v", phase, size, err)
				}
				br := m.GetResponseBody()
				if phase == wire.RequestBody {
					br = m.GetRequestBody()
				}
				sr := br.GetResponse().GetBodyMutation().GetStreamedResponse()
				if sr == nil || !bytes.Equal(sr.GetBody(), body) || sr.GetEndOfStream() != eos {
					t.Errorf("phase %d size %d eos %v: %v", phase, size, eos, &m)
				}
			}
		}
	}
}

func TestTwoBodiesAreRefused(t *testing.T) {
	plain := func(response bool) []byte { // fields in order, as Envoy writes them: the body first
		m := bodyMessage(response, false, []byte("a"))
		m.MetadataContext = nil
		raw, _ := proto.Marshal(m)
		return raw
	}
	a, b := plain(false), plain(true)
	var in wire.Inbound
	if err := wire.NewCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(append(a, b...))}, &in); err == nil {
		t.Error("a message with two bodies was accepted")
	}
}

// FuzzUnmarshal compares the hand decoder with the real one: what it accepts as a body, protobuf reads the same way, in every cut.
func FuzzUnmarshal(f *testing.F) {
	for _, response := range []bool{false, true} {
		raw, _ := proto.Marshal(bodyMessage(response, true, []byte("hello")))
		f.Add(raw, 3)
	}
	raw, _ := proto.Marshal(&extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: &extprocv3.HttpHeaders{EndOfStream: true}}})
	f.Add(raw, 1)
	f.Fuzz(func(t *testing.T, raw []byte, n int) {
		if n < 1 || n > 1<<16 {
			n = 1
		}
		var in wire.Inbound
		if err := wire.NewCodec().Unmarshal(split(raw, n), &in); err != nil || in.Phase != wire.RequestBody && in.Phase != wire.ResponseBody {
			return
		}
		var m extprocv3.ProcessingRequest
		if err := proto.Unmarshal(raw, &m); err != nil {
			return // a field of another kind is malformed further on: the body was read all the same
		}
		h := m.GetRequestBody()
		if in.Phase == wire.ResponseBody {
			h = m.GetResponseBody()
		}
		if diff := cmp.Diff(h.GetBody(), in.Body.Materialize()); h == nil || !bytes.Equal(h.GetBody(), in.Body.Materialize()) || h.GetEndOfStream() != in.EndOfStream {
			t.Errorf("protobuf and the codec disagree (-proto +codec):\n%s", diff)
		}
	})
}
