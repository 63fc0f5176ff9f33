package wire

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/weirgate/weir/pkg/authz"
)

// Edit adds what a policy does to the request (policy.compat). A header that it sets is set, also where it showed us who asks and was
// stripped. path is the request's as it came.
func (m *Mutation) Edit(path string, e *authz.Edits) {
	if e == nil {
		return
	}
	m.Remove = append(m.Remove, e.RequestRemove...)
	if len(e.QuerySet)+len(e.QueryRemove) > 0 {
		if i := slices.IndexFunc(m.Set, func(kv [2]string) bool { return kv[0] == ":path" }); i >= 0 {
			path = m.Set[i][1]
			m.Set = slices.Delete(m.Set, i, i+1)
		}
		m.Set = append(m.Set, [2]string{":path", withQuery(path, e)})
	}
	m.Set = append(m.Set, e.RequestSet...)
}

// Touched lists what a policy changes of what a signature may cover: the headers, and host for the URL, which every signature covers.
func Touched(e *authz.Edits) []string {
	if e == nil {
		return nil
	}
	out := slices.Clone(e.RequestRemove)
	for _, kv := range e.RequestSet {
		out = append(out, kv[0])
	}
	if len(e.QuerySet)+len(e.QueryRemove) > 0 {
		out = append(out, "host")
	}
	return out
}

// withQuery changes the parameters of a path's query and leaves the others, and their order, as they are.
func withQuery(path string, e *authz.Edits) string {
	path, query, _ := strings.Cut(path, "?")
	gone := map[string]bool{}
	for _, name := range e.QueryRemove {
		gone[name] = true
	}
	for _, kv := range e.QuerySet {
		gone[kv[0]] = true
	}
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if pair != "" && !gone[name] {
			kept = append(kept, pair)
		}
	}
	for _, kv := range e.QuerySet {
		kept = append(kept, url.QueryEscape(kv[0])+"="+url.QueryEscape(kv[1]))
	}
	if len(kept) == 0 {
		return path
	}
	return path + "?" + strings.Join(kept, "&")
}

// EditOK has the answer of CheckOK do what a policy does to the exchange's messages.
func EditOK(out *authv3.CheckResponse, e *authz.Edits) {
	ok := out.GetOkResponse()
	if e == nil || ok == nil {
		return
	}
	ok.Headers = options(e.RequestSet)
	remove := append(ok.GetHeadersToRemove(), e.RequestRemove...)
	ok.HeadersToRemove = slices.DeleteFunc(remove, func(name string) bool { // Envoy removes last
		return slices.ContainsFunc(e.RequestSet, func(kv [2]string) bool { return kv[0] == name })
	})
	for _, kv := range e.ResponseAdd {
		ok.ResponseHeadersToAdd = append(ok.ResponseHeadersToAdd, added(kv))
	}
	for _, kv := range e.QuerySet {
		ok.QueryParametersToSet = append(ok.QueryParametersToSet, &corev3.QueryParameter{Key: kv[0], Value: kv[1]})
	}
	ok.QueryParametersToRemove = append(ok.QueryParametersToRemove, e.QueryRemove...)
	EditMetadata(out, e)
}

// EditMetadata adds a policy's dynamic metadata to an answer to a Check.
func EditMetadata(out *authv3.CheckResponse, e *authz.Edits) {
	md := metadataOf(e)
	if md == nil {
		return
	}
	out.DynamicMetadata = md
}

// metadataOf is a policy's dynamic metadata; nil without, and where it holds what has no such form, which JSON does not.
func metadataOf(e *authz.Edits) *structpb.Struct {
	if e == nil || len(e.Metadata) == 0 {
		return nil
	}
	b, err := json.Marshal(e.Metadata)
	if err != nil {
		return nil
	}
	md := new(structpb.Struct)
	if err := md.UnmarshalJSON(b); err != nil {
		return nil
	}
	return md
}

// fieldDynamicMetadata is the field of ProcessingResponse.
const fieldDynamicMetadata = 8

// Metadata adds a policy's dynamic metadata to a message of ext_proc, where Envoy takes it if the filter's
// metadata_options.receiving_namespaces.untyped has envoy.filters.http.ext_authz: so that logs and filters find it where ext_authz leaves it.
func (o *Outbound) Metadata(e *authz.Edits) *Outbound {
	md := metadataOf(e)
	if md == nil {
		return o
	}
	all := &structpb.Struct{Fields: map[string]*structpb.Value{authzNamespace: structpb.NewStructValue(md)}}
	if o.Message != nil {
		o.Message.DynamicMetadata = all
		return o
	}
	if b, err := proto.Marshal(all); err == nil {
		o.encoded = appendBytes(o.encoded, fieldDynamicMetadata, b)
	}
	return o
}

// told makes of a refusal the one that the policy has said itself; the decision's ID stays.
func (r *Refusal) told(e *authz.Edits, decision string) {
	r.Status = e.Status
	if r.Status == 0 {
		r.Status = http.StatusForbidden
	}
	if r.Status == http.StatusUnauthorized {
		r.Code = uint32(codes.Unauthenticated)
	}
	r.Body = []byte(e.Body)
	r.Headers = slices.Clone(e.Headers)
	if decision != "" {
		r.Headers = append(r.Headers, [2]string{"weir-decision", decision})
	}
}

// appendAdd encodes a header that is added to those of its name: HeaderValueOption{header, append: true}.
func appendAdd(b []byte, kv [2]string) []byte {
	header := appendBytes(appendBytes(nil, 1, kv[0]), 3, kv[1])
	option := appendBytes(nil, 1, header)
	option = appendBytes(option, 2, protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1)) // append: BoolValue{true}
	return appendBytes(b, 1, option)
}
