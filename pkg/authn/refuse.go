package authn

import "github.com/weirgate/weir/pkg/authz"

// The labels of refusals. They are stable: metrics, records and tests name them.
const (
	labelMissing     = "token_missing"
	labelMalformed   = "token_malformed"
	labelTooLarge    = "token_too_large"
	labelExpired     = "token_expired"
	labelNotYetValid = "token_not_yet_valid"
	labelIssuer      = "token_wrong_issuer"
	labelAudience    = "token_wrong_audience"
	labelSignature   = "token_bad_signature"
	labelAlgorithm   = "token_alg_refused"
	labelUnknownKey  = "token_unknown_key"
	labelCrit        = "token_crit"
	labelEncrypted   = "token_encrypted"
	labelDuplicate   = "token_duplicate"
	labelLifetime    = "token_lifetime"
	labelTyp         = "token_typ"
	labelClaim       = "token_claim"
	labelGroups      = "token_groups_elsewhere"
	labelBinding     = "token_binding"
	labelUnbound     = "token_unbound"
	labelRevoked     = "token_revoked"
	labelInactive    = "token_inactive"
	labelUnavailable = "keys_unavailable"

	labelNoCertificate = "certificate_missing"
	labelCertificate   = "certificate_refused"
	labelForwarded     = "certificate_unreadable"

	labelCapability        = "capability_malformed"
	labelCapabilityForged  = "capability_forged"
	labelCapabilityExpired = "capability_expired"
	labelCapabilityRequest = "capability_wrong_request"
	labelCapabilityHolder  = "capability_wrong_holder"

	labelNoProof       = "dpop_missing"
	labelProof         = "dpop_malformed"
	labelProofKey      = "dpop_wrong_key"
	labelProofRequest  = "dpop_wrong_request"
	labelProofToken    = "dpop_wrong_token"
	labelProofTime     = "dpop_wrong_time"
	labelProofReplayed = "dpop_replayed"
	labelNonce         = "dpop_nonce"
	labelReplays       = "replays_unavailable"
	labelIntrospection = "introspection_unavailable"
)

// told is what a client is told by the label of its refusal: the class of the problem and nothing of the token.
var told = map[string]string{ //nolint:gochecknoglobals // a constant
	labelMissing:           "a bearer token is required",
	labelTooLarge:          "the token is too long",
	labelExpired:           "the token has expired",
	labelNotYetValid:       "the token is not valid yet",
	labelIssuer:            "the token's issuer is not accepted here",
	labelAudience:          "the token is meant for another audience",
	labelAlgorithm:         "the token's signature algorithm is not accepted here",
	labelSignature:         "the token's signature could not be verified",
	labelUnknownKey:        "the token's signature could not be verified",
	labelCrit:              "the token asks for an extension that is not supported",
	labelEncrypted:         "encrypted tokens are not accepted here",
	labelDuplicate:         "the token, or a part of it, was sent twice",
	labelLifetime:          "the token's times are missing or too far apart",
	labelTyp:               "this type of token is not accepted here",
	labelClaim:             "a claim of the token is missing, or not what it should be",
	labelGroups:            "the token leaves out its groups, because there are too many: have the issuer put in only those assigned to this application",
	labelBinding:           "the token is bound to a certificate or key that did not come with it",
	labelRevoked:           "the credential, or whoever it is of, has been revoked",
	labelInactive:          "the issuer says that the token is not good any more",
	labelIntrospection:     "the issuer cannot be asked about the token at the moment",
	labelUnbound:           "the token must be bound to a certificate or key",
	labelNoCertificate:     "a client certificate is required",
	labelCertificate:       "the client certificate is nobody's who is known here",
	labelForwarded:         "what was forwarded of the client certificate cannot be read",
	labelCapability:        "the capability in the URL cannot be read",
	labelCapabilityForged:  "the capability in the URL was not made here",
	labelCapabilityExpired: "the capability in the URL has expired",
	labelCapabilityRequest: "the capability in the URL is for another request",
	labelCapabilityHolder:  "the capability in the URL was given to somebody else: at another address, or with another client certificate",
	labelNoProof:           "the token is bound to a key of the client's: a proof of it (DPoP) is required, and the scheme DPoP",
	labelProof:             "the DPoP proof cannot be read, or its signature verified",
	labelProofKey:          "the DPoP proof is of another key than the token is bound to",
	labelProofRequest:      "the DPoP proof is for another request",
	labelProofToken:        "the DPoP proof is for another token",
	labelProofTime:         "the DPoP proof was made too long ago, or in the future",
	labelProofReplayed:     "the DPoP proof was used before",
	labelNonce:             "the DPoP proof must hold a nonce of this server, of late: the one in the header dpop-nonce",
	labelReplays:           "whether the DPoP proof was used before cannot be told at the moment",
	labelUnavailable:       "the issuer's keys cannot be had at the moment",
}

// public returns what a client is told of a refusal.
func public(label string) string {
	if text, ok := told[label]; ok {
		return text
	}
	return "the token cannot be read" // labelMalformed, and whatever has no sentence yet
}

// refuse makes the error for a label. cause goes to the log and holds nothing of the token either.
func refuse(label string, cause error) *authz.Error {
	kind := authz.KindUnauthenticated
	if label == labelUnavailable || label == labelReplays || label == labelIntrospection {
		kind = authz.KindUnavailable
	}
	return &authz.Error{Kind: kind, Label: label, Public: public(label), Err: cause}
}
