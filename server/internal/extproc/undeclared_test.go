package extproc

import (
	"encoding/base64"
	"strings"
	"testing"
)

// TestVectorInField: in whatever form a field of a head or of trailers carries text.
func TestVectorInField(t *testing.T) {
	lines := strings.Repeat("0.7312\n", 40)
	details := base64.StdEncoding.EncodeToString([]byte("\x08\x03\x12" + lines))
	for value, name := range map[string]string{
		lines:                                     "x-error",
		strings.ReplaceAll(lines, "\n", "%0A"):    "grpc-message",
		strings.ReplaceAll(lines, ".", "%2e"):     "location",
		strings.TrimRight(details, "="):           "grpc-status-details-bin",
		"aGVsbG8=, " + details:                    "x-bin",
		"[" + strings.Repeat("0.7,%20", 40) + "%": "x-error",
		strings.Repeat("v%3D0.7312%20", 40):       "grpc-message",
	} {
		if !holdsVector(name, []string{"0", value}) {
			t.Errorf("%s: %s passes", name, value)
		}
	}
	for value, name := range map[string]string{
		strings.Repeat("caf%C3%A9 12.5%, ", 40):                                     "grpc-message",
		base64.StdEncoding.EncodeToString([]byte(strings.Repeat("no vector ", 40))): "grpc-status-details-bin",
		strings.Repeat("0.7312,", 31):                                               "x-few",
	} {
		if holdsVector(name, []string{value}) {
			t.Errorf("%s: %s is taken for one", name, value)
		}
	}
}
