package wire

import (
	"net/url"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// SignedBy returns a refusal where the request's AWS SigV4 signature covers one of the headers that are to be removed, and nil elsewhere:
// the upstream would answer that the signature is wrong, and nobody would know why.
func SignedBy(req authz.Request, remove []string) *authz.Error {
	signed := signedHeaders(req)
	for _, name := range remove {
		if slices.Contains(signed, name) {
			return &authz.Error{
				Kind: authz.KindBadRequest, Label: "signed_header",
				Public: "the request's signature covers " + name + ", which Weir must change: sign without it, and add weir-token after signing",
			}
		}
	}
	return nil
}

// signedHeaders returns the lower-case names of the headers that a SigV4 signature covers: SignedHeaders in Authorization, or
// X-Amz-SignedHeaders in a presigned URL.
func signedHeaders(req authz.Request) []string {
	list := ""
	for _, v := range req.Headers["authorization"] {
		if strings.HasPrefix(strings.TrimLeft(v, " \t"), "AWS4-") {
			_, after, _ := strings.Cut(v, "SignedHeaders=")
			list, _, _ = strings.Cut(after, ",")
		}
	}
	_, query, _ := strings.Cut(req.Path, "?")
	for pair := range strings.SplitSeq(query, "&") { // not url.ParseQuery, which drops a pair with a plain semicolon
		name, value, _ := strings.Cut(pair, "=")
		if name != "X-Amz-SignedHeaders" || list != "" {
			continue
		}
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		list = value
	}
	if list == "" {
		return nil
	}
	return strings.Split(strings.ToLower(strings.TrimSpace(list)), ";")
}
