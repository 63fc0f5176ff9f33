package integration_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/weirgate/weir/integration/harness"
)

// cmdDeliver sends an event as MLflow sends it (_send_webhook_request of mlflow/webhooks/delivery.py, 3.17.2), and prints the answer.
func cmdDeliver(ts *testscript.TestScript, neg bool, args []string) {
	refuseNeg(ts, "deliver", neg)
	flags := flag.NewFlagSet("deliver", flag.ContinueOnError)
	secret := flags.String("secret", "mlflow.secret", "")
	id := flags.String("id", "", "")
	age := flags.Duration("age", 0, "")
	ts.Check(flags.Parse(args))
	if flags.NArg() != 2 {
		ts.Fatalf("usage: deliver [-secret FILE] [-id ID] [-age D] FILE URL")
	}
	key, err := os.ReadFile(ts.MkAbs(*secret))
	ts.Check(err)
	body, err := os.ReadFile(ts.MkAbs(flags.Arg(0)))
	ts.Check(err)
	now := time.Now().Add(-*age)
	if *id == "" {
		*id = fmt.Sprintf("delivery-%d", now.UnixNano())
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, bytes.TrimSpace(key))
	fmt.Fprintf(mac, "%s.%s.%s", *id, stamp, body)
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("X-MLflow-Delivery-ID", *id)
	h.Set("X-MLflow-Timestamp", stamp)
	h.Set("X-MLflow-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	x := harness.Exchange{Method: http.MethodPost, URL: flags.Arg(1), Header: h, Body: body, Timeout: 30 * time.Second}
	a := x.Do()
	the(ts).last = a.Body
	printAnswer(ts, a)
	ts.Check(a.Err)
}
