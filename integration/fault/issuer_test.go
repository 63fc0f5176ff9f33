package fault

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirgate/weir/integration/harness"
)

// page is an HTTP answer with that status line and body.
func page(status, kind, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, kind, len(body), body)
}

// TestIssuer: nobody is let in whose token cannot be verified, because the issuer's keys cannot be had; and who could be verified before still is.
func TestIssuer(t *testing.T) {
	const timeout = 600 * time.Millisecond
	tests := []struct {
		name  string
		fault harness.Fault
		fine  bool // it is no failure
	}{
		{name: "refused", fault: harness.Fault{Refuse: true}},
		{name: "too slow", fault: harness.Fault{Delay: time.Minute}},
		{name: "slow but in time", fault: harness.Fault{Delay: timeout / 6}, fine: true},
		{name: "reset in an answer", fault: harness.Fault{Cut: 40}},
		{name: "an error", fault: harness.Fault{Say: page("500 Internal Server Error", "application/json", `{"keys":[]}`)}},
		{name: "a login page", fault: harness.Fault{Say: page("200 OK", "text/html", "<html>log in</html>")}},
		{name: "no JSON", fault: harness.Fault{Say: page("200 OK", "application/json", "keys")}},
		{name: "another issuer's metadata", fault: harness.Fault{Say: page("200 OK", "application/json", `{"issuer":"https://issuer.example","jwks_uri":"https://issuer.example/jwks"}`)}},
		{name: "a redirect elsewhere", fault: harness.Fault{Say: "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"}},
		{name: "no HTTP", fault: harness.Fault{Say: "220 mail.example ESMTP\r\n"}},
		{name: "half an answer", fault: harness.Fault{Say: "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			port, err := harness.FreePort()
			must(t, err)
			link, err := harness.StartLink(fmt.Sprintf("127.0.0.1:%d", port))
			must(t, err)
			t.Cleanup(func() { _ = link.Close() })
			r.issuerURL = fmt.Sprintf("http://127.0.0.1:%d", link.Port)
			must(t, r.issuer.Close()) // in its place one that goes by the link's address
			r.issuer, err = harness.StartIssuer(fmt.Sprintf("127.0.0.1:%d", port), r.issuerURL)
			must(t, err)
			t.Cleanup(func() { _ = r.issuer.Close() })
			must(t, link.Set(tc.fault))
			r.serve(fmt.Sprintf("limits: {decision_timeout: %v}\n", timeout))
			if tc.fine {
				r.well("meanwhile")
				return
			}
			r.refusedAtOnce("keys_unavailable")
			r.unready("keys")

			// Once they are known, the same failure changes nothing: keys are believed for a day.
			must(t, link.Set(harness.Fault{}))
			r.serve("")
			r.ready()
			must(t, link.Set(tc.fault))
			r.well("with the keys known")
		})
	}
}
