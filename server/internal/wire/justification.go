package wire

import (
	"net/url"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// justificationParameter is the query parameter in which a requester says why: what can follow a link can send it.
const justificationParameter = "weir-justification"

// withoutJustification takes the parameter out of a request's path. What a signature covers stays: the upstream would find it to be another. In a
// presigned URL that is what stands before the signature, which signers put last; in a request that is signed by its headers, all of the query. cut
// is false where there is nothing to take out.
func withoutJustification(req authz.Request) (rest string, cut bool) {
	before, query, there := strings.Cut(req.Path, "?")
	if !there || len(signedHeaders(authz.Request{Headers: req.Headers})) > 0 {
		return req.Path, false
	}
	pairs := strings.Split(query, "&")
	signature := slices.IndexFunc(pairs, func(pair string) bool { // none: -1, and nothing is covered
		name, _, _ := strings.Cut(pair, "=")
		return name == "X-Amz-Signature" || name == "X-Goog-Signature"
	})
	kept := make([]string, 0, len(pairs))
	for i, pair := range pairs {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); i > signature && err == nil && plain == justificationParameter {
			cut = true
			continue
		}
		kept = append(kept, pair)
	}
	switch {
	case !cut:
		return req.Path, false
	case len(kept) == 0:
		return before, true
	}
	return before + "?" + strings.Join(kept, "&"), true
}
