package wire

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/weirgate/weir/pkg/authz"
)

// Refusal is a denial as a client gets it: RFC 9457 problem+json or what its API has in place of that (Form), or a gRPC status for callers that
// speak gRPC.
type Refusal struct {
	Status  int         // HTTP
	Code    uint32      // gRPC
	GRPC    bool        // the caller speaks gRPC
	Label   string      // for Envoy's response code details
	Headers [][2]string // name, value
	Body    []byte      // for callers that speak gRPC, the message of the status
}

// answer is how a kind of refusal is answered; the only such table.
type answer struct {
	status int
	code   codes.Code
	title  string
}

func answerFor(k authz.Kind) answer {
	switch k {
	case authz.KindForbidden:
		return answer{http.StatusForbidden, codes.PermissionDenied, "Refused by policy"}
	case authz.KindUnauthenticated:
		return answer{http.StatusUnauthorized, codes.Unauthenticated, "A valid token is needed"}
	case authz.KindApproval:
		return answer{http.StatusForbidden, codes.PermissionDenied, "A person must agree first"}
	case authz.KindQuota:
		return answer{http.StatusTooManyRequests, codes.ResourceExhausted, "Over a volume limit"}
	case authz.KindTooLarge:
		return answer{http.StatusRequestEntityTooLarge, codes.ResourceExhausted, "Too large"}
	case authz.KindBadRequest:
		return answer{http.StatusBadRequest, codes.InvalidArgument, "The request cannot be judged"}
	case authz.KindBadAnswer:
		return answer{http.StatusBadGateway, codes.Internal, "The upstream's answer cannot be judged"}
	case authz.KindBusy:
		return answer{http.StatusServiceUnavailable, codes.Unavailable, "Weir has no room for this now"}
	case authz.KindUnavailable, authz.KindInternal:
	}
	return answer{http.StatusServiceUnavailable, codes.Unavailable, "Weir could not decide"}
}

// problem is the body of a refusal, RFC 9457 §3 with Weir's own members.
type problem struct {
	Type         string        `json:"type"`
	Title        string        `json:"title"`
	Status       int           `json:"status"`
	Detail       string        `json:"detail,omitempty"`
	Decision     string        `json:"decision"`
	Rule         string        `json:"rule,omitempty"`
	RetryAfter   int64         `json:"retry_after,omitempty"` // seconds
	Limit        *problemLimit `json:"limit,omitempty"`
	Alternatives []string      `json:"alternatives,omitempty"`
	members
	// Message is all that openai-python and botocore print of an error. It is last, because qdrant-client prints the first 197 bytes. A
	// member "error" would do harm: openai-python then keeps nothing of what stands beside it.
	Message string `json:"message"`
}

// errorMessage is the header that huggingface_hub prints; without it a 403 is "Forbidden: None" there.
const errorMessage = "x-error-message"

// spoken is a refusal in one sentence, with what to ask the operator for.
func (p *problem) spoken() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if p.Decision != "" {
		text += " (decision " + p.Decision + ")"
	}
	return text
}

type problemLimit struct {
	Meter  authz.Meter  `json:"meter"`
	Unit   authz.Unit   `json:"unit"`
	Window authz.Window `json:"window"`
	Max    *int64       `json:"max,omitempty"`
	Used   *int64       `json:"used,omitempty"`
}

// busyRetry is the Retry-After of a refusal for want of room, in seconds.
const busyRetry = 1

// RefusalFor turns a verdict into what the client gets, in the form of the API that it asked. It shows what d says is public, and nothing else.
func RefusalFor(d authz.Decision, decision string, req authz.Header, form Form) Refusal {
	a := answerFor(d.Kind)
	p := problem{Type: "urn:weir:refusal:" + d.Kind.String(), Title: a.title, Status: a.status, Detail: d.Reason, Decision: decision, Rule: d.Rule, Alternatives: d.Alternatives}
	r := Refusal{Status: a.status, Code: uint32(a.code), Label: d.Kind.String(), GRPC: IsGRPC(req)}
	r.Headers = [][2]string{{"cache-control", "no-store"}}
	if decision != "" {
		r.Headers = append(r.Headers, [2]string{"weir-decision", decision})
	}
	switch d.Kind {
	case authz.KindUnauthenticated:
		r.Headers = append(r.Headers, [2]string{"www-authenticate", challenge(d)})
		if d.Nonce != "" {
			r.Headers = append(r.Headers, [2]string{"dpop-nonce", printable(d.Nonce)})
		}
	case authz.KindBusy:
		p.RetryAfter = busyRetry
	case authz.KindQuota:
		r.Headers = append(r.Headers, p.exceeded(d.Exceeded)...)
	}
	if p.RetryAfter > 0 {
		r.Headers = append(r.Headers, [2]string{"retry-after", strconv.FormatInt(p.RetryAfter, 10)})
	}
	if r.GRPC {
		r.Headers = append([][2]string{{"content-type", "application/problem+json"}}, r.Headers...)
		if d.Edits != nil && d.Edits.Told && d.Edits.Body != "" {
			p.Detail = d.Edits.Body
		}
		r.speakGRPC(a, p)
		return r
	}
	if d.Edits != nil && d.Edits.Told {
		r.told(d.Edits, decision)
		return r
	}
	p.Message = p.spoken()
	body, headers := form.write(p, d.Kind)
	r.Headers = append(append(headers, r.Headers...), [2]string{errorMessage, printable(p.Message)})
	r.Body = body
	return r
}

// exceeded tells of the worst limit in the way, and returns the RateLimit fields (draft-ietf-httpapi-ratelimit-headers), one member for each
// of the caller's own meters. max and used are shown for these only: others' use is none of its business. A limit that never lets so much
// pass at once has no time to wait for.
func (p *problem) exceeded(over []authz.Exceeded) [][2]string {
	if len(over) == 0 {
		return nil
	}
	worst := over[0]
	p.RetryAfter = wholeSeconds(worst.RetryAfter)
	p.Limit = &problemLimit{Meter: worst.Limit.Meter, Unit: worst.Limit.Unit, Window: worst.Limit.Window}
	if ownMeter(worst.Limit.Meter) {
		p.Limit.Max, p.Limit.Used = &worst.Limit.Max, &worst.Used
	}
	var policies, limits []string
	for _, e := range over {
		if !ownMeter(e.Limit.Meter) {
			continue
		}
		l := e.Limit
		name := `"` + string(l.Meter) + "." + string(l.Unit) + "." + l.Window.String() + `"`
		policy := name + ";q=" + strconv.FormatInt(l.Max, 10) + ";w=" + strconv.FormatInt(int64(l.Window)/1e9, 10)
		switch l.Unit {
		case authz.UnitRequests: // what is counted unless qu says otherwise
		case authz.UnitBytes:
			policy += `;qu="content-bytes"`
		default:
			policy += `;qu="` + string(l.Unit) + `"`
		}
		limit := name + ";r=" + strconv.FormatInt(max(0, l.Max-e.Used), 10)
		if t := wholeSeconds(e.RetryAfter); t > 0 {
			limit += ";t=" + strconv.FormatInt(t, 10)
		}
		policies, limits = append(policies, policy), append(limits, limit)
	}
	if len(policies) == 0 {
		return nil
	}
	return [][2]string{{"ratelimit-policy", strings.Join(policies, ", ")}, {"ratelimit", strings.Join(limits, ", ")}}
}

// ownMeter reports whether a meter counts for the caller alone.
func ownMeter(m authz.Meter) bool {
	switch m {
	case authz.MeterSubject, authz.MeterSubjectTarget, authz.MeterCredential:
		return true
	}
	return false
}

// wholeSeconds is the first second at which a time has passed; 0 for none.
func wholeSeconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

// challenge is the WWW-Authenticate value: the decision's own, else that of RFC 6750 §3, which without a token carries no error code.
func challenge(d authz.Decision) string {
	if d.Challenge != "" {
		return printable(d.Challenge)
	}
	if strings.HasSuffix(d.Rule, "token_missing") {
		return `Bearer realm="weir"`
	}
	text := strings.NewReplacer(`"`, "", `\`, "").Replace(printable(d.Reason))
	return `Bearer realm="weir", error="invalid_token", error_description="` + text + `"`
}

// printable is text as a header can carry it (RFC 9110 §5.5), without what it cannot.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
}
