package wire

import (
	"encoding/json"
	"encoding/xml"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// Form is how an API tells of errors, so that its clients show the reason and not a bare "403 Forbidden". The zero value is RFC 9457.
type Form string

// The forms. Those in JSON have all members of RFC 9457, too, and a content type that their clients read.
const (
	FormProblem Form = ""
	FormS3      Form = "s3"     // XML: "Error responses" of Amazon S3's reference, and "HTTP status and error codes for XML" of Cloud Storage's
	FormAzure   Form = "azure"  // XML and x-ms-error-code: "Status and error codes" of Azure Storage's reference
	FormGoogle  Form = "google" // JSON, error.message: "HTTP status and error codes for JSON" of Cloud Storage's
	FormHub     Form = "hub"    // JSON, error, with x-error-code and x-error-message: hf_raise_for_status of huggingface_hub 2.4.0
	FormOCI     Form = "oci"    // JSON, errors[]: distribution specification 1.1, "Error Codes"
	FormLFS     Form = "lfs"    // JSON, message, of a media type of its own: docs/api/batch.md of git-lfs, "Response Errors"
	FormMLflow  Form = "mlflow" // JSON, error_code and message: RestException of mlflow 3.17.2
)

// FormOf returns the form of a target's API at that path.
func FormOf(t authz.Target, path string) Form {
	switch t.Dialect {
	case "s3", "s3-virtual":
		return FormS3
	case "azureblob":
		return FormAzure
	case "hub":
		return FormHub
	case "oci":
		return FormOCI
	case "git-lfs":
		return FormLFS
	case "mlflow":
		return FormMLflow
	case "gcs":
		for _, prefix := range [...]string{"/storage/", "/download/", "/upload/", "/resumable/", "/batch/"} {
			if strings.HasPrefix(path, prefix) {
				return FormGoogle
			}
		}
		return FormS3
	}
	return FormProblem
}

// words are what the APIs call a kind of refusal. None is a word that makes a client look for something else: a missing object, other
// credentials, another region.
type words struct{ s3, azure, google, oci, mlflow string }

func wordsFor(k authz.Kind) words {
	switch k {
	case authz.KindForbidden, authz.KindApproval:
		return words{"AccessDenied", "AuthorizationFailure", "forbidden", "DENIED", "PERMISSION_DENIED"}
	case authz.KindUnauthenticated:
		return words{"AccessDenied", "NoAuthenticationInformation", "required", "UNAUTHORIZED", "UNAUTHENTICATED"}
	case authz.KindQuota:
		return words{"SlowDown", "ServerBusy", "rateLimitExceeded", "TOOMANYREQUESTS", "REQUEST_LIMIT_EXCEEDED"}
	case authz.KindTooLarge:
		return words{"EntityTooLarge", "RequestBodyTooLarge", "uploadTooLarge", "SIZE_INVALID", "BAD_REQUEST"}
	case authz.KindBadRequest:
		return words{"InvalidRequest", "InvalidInput", "invalid", "UNSUPPORTED", "BAD_REQUEST"}
	case authz.KindBadAnswer:
		return words{"InternalError", "InternalError", "backendError", "UNKNOWN", "INTERNAL_ERROR"}
	case authz.KindBusy, authz.KindUnavailable, authz.KindInternal:
	}
	return words{"ServiceUnavailable", "ServerBusy", "backendError", "UNAVAILABLE", "TEMPORARILY_UNAVAILABLE"}
}

// members are what single APIs want in a body, beside those of RFC 9457.
type members struct {
	Errors    []ociError `json:"errors,omitempty"`
	Error     any        `json:"error,omitempty"` // a sentence to the Hub's clients, an object to Google's
	ErrorCode string     `json:"error_code,omitempty"`
	RequestID string     `json:"request_id,omitempty"`
}

type ociError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type googleError struct {
	Code    int           `json:"code"`
	Message string        `json:"message"`
	Errors  []googleCause `json:"errors"`
}

type googleCause struct {
	Domain  string `json:"domain"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// xmlError is an error in XML. What is no character of XML is replaced; clients show the members that they do not know, or ignore them.
type xmlError struct {
	XMLName  xml.Name `xml:"Error"`
	Code     string
	Message  string
	Rule     string `xml:",omitempty"`
	Decision string `xml:",omitempty"`
}

// write returns p in that form, and the headers that belong to it, the content type first. p.Message is set.
func (f Form) write(p problem, k authz.Kind) (body []byte, headers [][2]string) {
	w := wordsFor(k)
	kind := "application/json"
	switch f {
	case FormS3:
		return p.xml(w.s3), [][2]string{{"content-type", "application/xml"}}
	case FormAzure:
		return p.xml(w.azure), [][2]string{{"content-type", "application/xml"}, {"x-ms-error-code", w.azure}}
	case FormGoogle:
		p.Error = googleError{p.Status, p.Message, []googleCause{{"global", w.google, p.Message}}}
	case FormHub:
		p.Error, headers = p.Message, [][2]string{{"x-error-code", k.String()}}
	case FormOCI:
		p.Errors = []ociError{{w.oci, p.Message}}
	case FormLFS:
		kind, p.RequestID = "application/vnd.git-lfs+json", p.Decision
	case FormMLflow:
		p.ErrorCode = w.mlflow
	default:
		kind = "application/problem+json"
	}
	body, err := json.Marshal(p)
	if err != nil { // cannot happen: plain strings and numbers
		body = []byte(`{"title":"refused"}`)
	}
	return append(body, '\n'), append([][2]string{{"content-type", kind}}, headers...)
}

// xml is the refusal in XML, under that word.
func (p *problem) xml(code string) []byte {
	body, err := xml.Marshal(xmlError{Code: code, Message: p.Message, Rule: p.Rule, Decision: p.Decision})
	if err != nil { // cannot happen: plain strings
		body = []byte("<Error><Code>" + code + "</Code></Error>")
	}
	return append([]byte(xml.Header), append(body, '\n')...)
}
