package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Watched is a master and a replica that three Sentinels watch.
type Watched struct {
	Master, Replica *Server
	sentinels       []*Server
}

// masterName is what the Sentinels call the master.
const masterName = "weir"

// StartSentinel starts a master, a replica and three Sentinels, and waits until they know each other. They end with the test.
func StartSentinel(t testing.TB) *Watched {
	t.Helper()
	w := &Watched{Master: StartTCP(t, "--repl-diskless-sync-delay", "0", "--repl-backlog-size", "4mb")}
	w.Replica = StartTCP(t, "--replicaof", fmt.Sprintf("127.0.0.1 %d", w.Master.port), "--repl-diskless-sync-delay", "0")
	w.Replica.until("INFO replication", "master_link_status:up")
	for range 3 {
		conf := filepath.Join(t.TempDir(), "sentinel.conf") // Sentinel writes it
		text := fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 2\nsentinel down-after-milliseconds %[1]s 300\nsentinel failover-timeout %[1]s 2000\n", masterName, w.Master.port)
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w.sentinels = append(w.sentinels, startSentinel(t, conf))
	}
	for _, s := range w.sentinels {
		s.until("SENTINEL CKQUORUM "+masterName, "OK 3 usable")
		s.until("INFO sentinel", "slaves=1,sentinels=3")
	}
	return w
}

// startSentinel starts one Sentinel.
func startSentinel(t testing.TB, conf string) *Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "sentinel")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	log, err := os.Create(filepath.Join(dir, "log")) //nolint:gosec // a name of ours
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	port := freePort(t)
	s := &Server{t: t, socket: filepath.Join(dir, "s"), port: port, log: log, args: []string{
		conf, "--sentinel", "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--unixsocket", filepath.Join(dir, "s"), "--dir", dir,
	}}
	t.Cleanup(s.Stop)
	s.Restart()
	return s
}

// URL returns the Sentinels' address in the form that redisstore.Config takes.
func (w *Watched) URL() string {
	url := "redis://" + w.sentinels[0].Addr() + "?master_name=" + masterName
	for _, s := range w.sentinels[1:] {
		url += "&addr=" + s.Addr()
	}
	return url
}

// Promoted waits until the Sentinels have made the replica the master.
func (w *Watched) Promoted(t testing.TB) {
	t.Helper()
	w.Replica.until("INFO replication", "role:master")
	want := fmt.Sprintf("address=127.0.0.1:%d", w.Replica.port)
	for _, s := range w.sentinels {
		for deadline := time.Now().Add(2 * patience); !strings.Contains(s.Do(t, "INFO sentinel"), want); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("a Sentinel does not know of the new master: %s", s.Do(t, "INFO sentinel"))
			}
		}
	}
}
