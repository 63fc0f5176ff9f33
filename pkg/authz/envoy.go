package authz

import "encoding/json"

// EnvoyRequest is what a policy of policy.compat is asked about: a request in the words of Envoy's ext_authz, and its body. It may hold a token;
// what is recorded of it is in Recorded or Hash, which the policy engine fills in.
type EnvoyRequest struct {
	Attributes map[string]any // envoy.service.auth.v3.AttributeContext in its JSON form, without a body
	Body       []byte         // where the policy reads it
	Truncated  bool           // Body is not all of it, or nothing of it

	Recorded json.RawMessage // what the policy reads of it, where none of that may be a token or a body; nil: nobody can ask again
	Hash     string          // where Recorded is nil: HMAC-SHA256 of the input under a key of this process
}

// Edits are what a policy of policy.compat does to an exchange besides deciding about it. They may hold secrets, and are not recorded.
// Names of headers are in lower case.
type Edits struct {
	RequestSet    [][2]string    // headers of the request to the upstream
	RequestRemove []string       // headers that it does not get
	QuerySet      [][2]string    // parameters of the query, which replace those of the same name
	QueryRemove   []string       // parameters that are taken out first
	ResponseAdd   [][2]string    // headers of the answer to a request that was allowed
	Metadata      map[string]any // dynamic metadata, under the name of Envoy's ext_authz filter

	// Of a refusal: instead of Weir's own.
	Status  int // HTTP; 0: 403
	Headers [][2]string
	Body    string
	Told    bool // Status, Headers or Body was said
}
