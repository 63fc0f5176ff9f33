package wire_test

import (
	"encoding/base64"
	"maps"
	"slices"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/server/internal/wire"
)

func TestIsGRPC(t *testing.T) {
	for value, want := range map[string]bool{
		"application/grpc": true, "application/grpc+proto": true, "Application/gRPC": true, "application/grpc; charset=utf-8": true, "application/grpc+json": true,
		"application/grpc-web": false, "application/grpc-web+proto": false, "application/grpc-web-text": false, "application/connect+proto": false, "application/proto": false, "": false,
	} {
		if got := wire.IsGRPC(authz.Header{"content-type": {value}}); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
	if wire.IsGRPC(authz.Header{"content-type": {"application/grpc", "application/grpc"}}) || wire.IsGRPC(nil) {
		t.Error("two content types, or none, are gRPC")
	}
}

// TestRefusalOfACall: a gRPC client gets a status with all that problem+json would tell.
func TestRefusalOfACall(t *testing.T) {
	d := authz.Decision{
		Kind: authz.KindQuota, Rule: "weir.limit.subject.vectors", Reason: "over the limit of 5 vectors", Alternatives: []string{"fewer vectors"},
		Exceeded: []authz.Exceeded{{Limit: authz.Limit{Meter: authz.MeterSubject, Unit: authz.UnitVectors, Window: authz.Window(time.Hour), Max: 5}, Used: 4, RetryAfter: 90 * time.Second}},
	}
	r := wire.RefusalFor(d, "D1", authz.Header{"content-type": {"application/grpc"}}, wire.FormProblem)
	if !r.GRPC || r.Code != uint32(codes.ResourceExhausted) || string(r.Body) != d.Reason {
		t.Fatalf("%+v", r)
	}
	i := slices.IndexFunc(r.Headers, func(h [2]string) bool { return h[0] == "grpc-status-details-bin" })
	if i < 0 || slices.ContainsFunc(r.Headers, func(h [2]string) bool { return h[0] == "content-type" }) {
		t.Fatalf("headers %v", r.Headers)
	}
	raw, err := base64.RawStdEncoding.DecodeString(r.Headers[i][1])
	if err != nil {
		t.Fatal(err)
	}
	var s spb.Status
	if err := proto.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	got := status.FromProto(&s)
	details := got.Details()
	if got.Code() != codes.ResourceExhausted || got.Message() != d.Reason || len(details) != 2 {
		t.Fatalf("%v", got)
	}
	info, retry := details[0].(*errdetails.ErrorInfo), details[1].(*errdetails.RetryInfo)
	want := map[string]string{
		"decision": "D1", "rule": d.Rule, "alternatives": "fewer vectors",
		"limit.meter": "subject", "limit.unit": "vectors", "limit.window": authz.Window(time.Hour).String(), "limit.max": "5", "limit.used": "4",
	}
	if info.GetReason() != d.Kind.String() || info.GetDomain() != "weir" || !maps.Equal(info.GetMetadata(), want) || retry.GetRetryDelay().AsDuration() != 90*time.Second {
		t.Errorf("details %v", details)
	}
	web := wire.RefusalFor(d, "D1", authz.Header{"content-type": {"application/grpc-web"}}, wire.FormProblem)
	if web.GRPC || web.Status != 429 || len(web.Body) == 0 || web.Body[0] != '{' {
		t.Errorf("gRPC-Web: %+v", web)
	}
}
