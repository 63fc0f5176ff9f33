package registry

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// Events come as MLflow sends them. Source: mlflow 3.17.2, mlflow/webhooks (constants.py, delivery.py, types.py) and mlflow/entities/webhook.py.

// The headers of a delivery.
const (
	HeaderSignature = "X-MLflow-Signature"   // "v1," and the base64 of the HMAC-SHA256 of "ID.TIMESTAMP.BODY"
	HeaderDelivery  = "X-MLflow-Delivery-Id" // a UUID
	HeaderTimestamp = "X-MLflow-Timestamp"   // seconds since 1970
)

// The tags of a model version that mean something here.
const (
	TagDigest      = "weir.digest"      // names, with spaces between them
	TagSensitivity = "weir.sensitivity" // a class
	TagState       = "weir.state"       // active or retired
)

// MaxEvent is the size of the largest event that is read, in bytes.
const MaxEvent = 1 << 20

// Webhook verifies deliveries. Safe for concurrent use.
type Webhook struct {
	Secrets [][]byte      // one is enough; more while they are rotated
	Window  time.Duration // how far the time of a delivery may be from now
}

// ErrSignature is the error of a delivery that is not to be believed. It says why in general, never how near it was.
var ErrSignature = errors.New("the delivery is not signed as it must be")

// Verify returns the ID of a delivery, and until when it could be taken again, of one that the holder of a secret has sent just now.
func (w *Webhook) Verify(h http.Header, body []byte, now time.Time) (delivery string, until time.Time, err error) {
	signature, ok1 := one(h, HeaderSignature)
	id, ok2 := one(h, HeaderDelivery)
	stamp, ok3 := one(h, HeaderTimestamp)
	if !ok1 || !ok2 || !ok3 || !isDelivery(id) {
		return "", time.Time{}, fmt.Errorf("%w: want each of %s, %s and %s once", ErrSignature, HeaderSignature, HeaderDelivery, HeaderTimestamp)
	}
	encoded, v1 := strings.CutPrefix(signature, "v1,")
	mac, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || !v1 || len(mac) != sha256.Size {
		return "", time.Time{}, fmt.Errorf("%w: %s is no v1 signature", ErrSignature, HeaderSignature)
	}
	good := false
	for _, secret := range w.Secrets {
		m := hmac.New(sha256.New, secret)
		m.Write([]byte(id + "." + stamp + "."))
		m.Write(body)
		good = hmac.Equal(m.Sum(nil), mac) || good
	}
	if !good {
		return "", time.Time{}, fmt.Errorf("%w: %s does not fit", ErrSignature, HeaderSignature)
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	at := time.Unix(seconds, 0)
	if err != nil || at.Before(now.Add(-w.Window)) || at.After(now.Add(w.Window)) {
		return "", time.Time{}, fmt.Errorf("%w: %s is more than %v from now", ErrSignature, HeaderTimestamp, w.Window)
	}
	return id, at.Add(w.Window + time.Second), nil
}

// one returns a header that stands once.
func one(h http.Header, name string) (string, bool) {
	v := h.Values(name)
	if len(v) != 1 {
		return "", false
	}
	return v[0], true
}

func isDelivery(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == ""
}

// event is the body of a delivery, as far as it is read.
type event struct {
	Entity    string `json:"entity"`
	Action    string `json:"action"`
	Workspace string `json:"workspace"`
	Data      struct {
		Name    string            `json:"name"`
		Version string            `json:"version"`
		Key     string            `json:"key"`
		Value   string            `json:"value"`
		Alias   string            `json:"alias"`
		Stage   string            `json:"to_stage"`
		Tags    map[string]string `json:"tags"`
	} `json:"data"`
}

// ReadEvent reads the body of a delivery. An event that means nothing here is an Ask without a model.
//
//	model_version created         registers it, with what its tags say
//	model_version_tag set         weir.digest, weir.sensitivity, weir.state
//	model_version_alias created   a promotion
//	model_version transitioned    to stage Archived: retired; to another: a promotion. MLflow itself does not send it; a relay may
func ReadEvent(body []byte) (Ask, error) {
	if len(body) > MaxEvent {
		return Ask{}, refuse("invalid", "the event is larger than %d bytes", MaxEvent)
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return Ask{}, refuse("invalid", "the event cannot be read as JSON with text for name, version, key, value and tags")
	}
	a := Ask{Reason: e.Entity + "." + e.Action}
	switch a.Reason {
	case "model_version.created":
		said := false
		for key, value := range e.Data.Tags {
			said = a.tag(key, value) || said
		}
		if !said {
			return Ask{}, nil
		}
	case "model_version_tag.set":
		if !a.tag(e.Data.Key, e.Data.Value) {
			return Ask{}, nil
		}
	case "model_version_alias.created":
		a.Promoted = e.Data.Alias
	case "model_version.transitioned":
		if a.Promoted = e.Data.Stage; strings.EqualFold(e.Data.Stage, "Archived") {
			a.Promoted, a.State = "", authz.ModelRetired
		}
	default:
		return Ask{}, nil
	}
	if e.Data.Name == "" || e.Data.Version == "" {
		return Ask{}, refuse("invalid", "the event names no version of a model")
	}
	a.Model = e.Data.Name + "/" + e.Data.Version
	if e.Workspace != "" && e.Workspace != "default" { // MLflow's names have no ":"
		a.Model = e.Workspace + ":" + a.Model
	}
	return a, nil
}

// tag takes up what a tag says; false for one that means nothing here.
func (a *Ask) tag(key, value string) bool {
	switch key {
	case TagDigest:
		a.Names = union(nil, strings.Fields(value))
	case TagSensitivity:
		a.Sensitivity = value
	case TagState:
		a.State = authz.ModelState(value)
	default:
		return false
	}
	return true
}
