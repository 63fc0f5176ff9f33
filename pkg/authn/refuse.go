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

// public returns what a client is told: the class of the problem and nothing of the token.
func public(label string) string {
	switch label {
	case labelMissing:
		return "a bearer token is required"
	case labelTooLarge:
		return "the token is too long"
	case labelExpired:
		return "the token has expired"
	case labelNotYetValid:
		return "the token is not valid yet"
	case labelIssuer:
		return "the token's issuer is not accepted here"
	case labelAudience:
		return "the token is meant for another audience"
	case labelAlgorithm:
		return "the token's signature algorithm is not accepted here"
	case labelSignature, labelUnknownKey:
		return "the token's signature could not be verified"
	case labelCrit:
		return "the token asks for an extension that is not supported"
	case labelEncrypted:
		return "encrypted tokens are not accepted here"
	case labelDuplicate:
		return "the token, or a part of it, was sent twice"
	case labelLifetime:
		return "the token's times are missing or too far apart"
	case labelTyp:
		return "this type of token is not accepted here"
	case labelClaim:
		return "a claim of the token is missing, or not what it should be"
	case labelGroups:
		return "the token leaves out its groups, because there are too many: have the issuer put in only those assigned to this application"
	case labelBinding:
		return "the token is bound to a certificate or key that did not come with it"
	case labelRevoked:
		return "the credential, or whoever it is of, has been revoked"
	case labelInactive:
		return "the issuer says that the token is not good any more"
	case labelIntrospection:
		return "the issuer cannot be asked about the token at the moment"
	case labelUnbound:
		return "the token must be bound to a certificate or key"
	case labelNoCertificate:
		return "a client certificate is required"
	case labelCertificate:
		return "the client certificate is nobody's who is known here"
	case labelForwarded:
		return "what was forwarded of the client certificate cannot be read"
	case labelCapability:
		return "the capability in the URL cannot be read"
	case labelCapabilityForged:
		return "the capability in the URL was not made here"
	case labelCapabilityExpired:
		return "the capability in the URL has expired"
	case labelCapabilityRequest:
		return "the capability in the URL is for another request"
	case labelCapabilityHolder:
		return "the capability in the URL was given to somebody else: at another address, or with another client certificate"
	case labelNoProof:
		return "the token is bound to a key of the client's: a proof of it (DPoP) is required, and the scheme DPoP"
	case labelProof:
		return "the DPoP proof cannot be read, or its signature verified"
	case labelProofKey:
		return "the DPoP proof is of another key than the token is bound to"
	case labelProofRequest:
		return "the DPoP proof is for another request"
	case labelProofToken:
		return "the DPoP proof is for another token"
	case labelProofTime:
		return "the DPoP proof was made too long ago, or in the future"
	case labelProofReplayed:
		return "the DPoP proof was used before"
	case labelNonce:
		return "the DPoP proof must hold a nonce of this server, of late: the one in the header dpop-nonce"
	case labelReplays:
		return "whether the DPoP proof was used before cannot be told at the moment"
	case labelUnavailable:
		return "the issuer's keys cannot be had at the moment"
	}
	return "the token cannot be read"
}

// refuse makes the error for a label. cause goes to the log and holds nothing of the token either.
func refuse(label string, cause error) *authz.Error {
	kind := authz.KindUnauthenticated
	if label == labelUnavailable || label == labelReplays || label == labelIntrospection {
		kind = authz.KindUnavailable
	}
	return &authz.Error{Kind: kind, Label: label, Public: public(label), Err: cause}
}
