package redisstore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

const (
	replicas   = 8
	replicaMax = 3000 // vectors an hour, of all replicas together
)

// exchange is what replica w does as its nth: replicas come in pairs that have the same ones, as streams that were sent twice. With leases a
// claim is one replica's.
func exchange(w, n int, leases bool) (r authz.Reservation, left int64) {
	r = claim(fmt.Sprintf("%d-%d", w/2, n))
	if leases {
		r = claim(fmt.Sprintf("%d-%d", w, n))
	}
	r.Limits[0].Max = replicaMax
	r.Volume = authz.Volume{}.With(authz.UnitVectors, int64(2+n%7))
	return r, int64(n*5) % (3 + int64(n%7)) // at most what is reserved
}

// TestReplicas: eight processes on one Redis, two of which are killed while they count, never admit one vector more than the limit; what
// several of them count of one claim counts once, and what a killed one reserved is not free before somebody settles it. The processes are
// this test, run again.
func TestReplicas(t *testing.T) {
	if url := os.Getenv("WEIR_TEST_REDIS"); url != "" {
		replica(t, url)
		return
	}
	for name, leases := range map[string]bool{"each claim": false, "leases": true} {
		t.Run(name, func(t *testing.T) { testReplicas(t, leases) })
	}
}

func testReplicas(t *testing.T, leases bool) {
	server := redistest.Start(t)
	s := newStore(t, redisstore.Config{URL: server.URL()})
	usage := func() int64 {
		u, err := s.Usage(t.Context(), "acme", claim("").Keys)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range u {
			if c.Unit == authz.UnitVectors && c.Window == authz.Window(time.Hour) {
				return c.Count
			}
		}
		return 0
	}
	var mu sync.Mutex
	closed := map[string]int64{}
	var wg sync.WaitGroup
	var all []*exec.Cmd
	for w := range replicas {
		cmd, out := startReplica(t, server.URL(), w, leases)
		all = append(all, cmd)
		wg.Go(func() {
			lines := 0
			for sc := bufio.NewScanner(out); sc.Scan(); lines++ {
				id, v, ok := strings.Cut(sc.Text(), " ")
				n, err := strconv.ParseInt(v, 10, 64)
				if !ok || err != nil || !strings.Contains(id, "-") {
					continue
				}
				mu.Lock()
				if was, ok := closed[id]; ok && was != n {
					t.Errorf("claim %s came to %d for one replica and to %d for another", id, was, n)
				}
				closed[id] = n
				mu.Unlock()
				if (w == 0 || w == 2) && lines == 20 {
					_ = cmd.Process.Kill()
				}
			}
			_ = cmd.Wait()
		})
	}
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	for running := true; running; {
		select {
		case <-ended:
			running = false
		default:
		}
		if n := usage(); n > replicaMax {
			t.Fatalf("%d vectors are counted, at most %d may be", n, replicaMax)
		}
	}
	killed := 0
	for w, cmd := range all {
		switch {
		case cmd.ProcessState.Success():
		case w == 0 || w == 2:
			killed++
		default:
			t.Errorf("replica %d: %v", w, cmd.ProcessState)
		}
	}
	if killed == 0 { // one of them may have ended before it was told to
		t.Error("no replica was killed")
	}
	sum := int64(0)
	for _, n := range closed {
		sum += n
	}
	got := usage()
	if !leases && (got != sum || sum < replicaMax-10) {
		t.Errorf("%d vectors are counted, and %d claims came to %d; the limit is %d", got, len(closed), sum, replicaMax)
	}
	// What killed replicas held in advance stays counted; nobody may have it.
	if leases && (got < sum || got > replicaMax || sum < replicaMax/2) {
		t.Errorf("%d vectors are counted, and %d claims came to %d; the limit is %d", got, len(closed), sum, replicaMax)
	}
}

func startReplica(t *testing.T, url string, w int, leases bool) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestReplicas$") //nolint:gosec // this test
	cmd.Env = append(os.Environ(), "WEIR_TEST_REDIS="+url, "WEIR_TEST_REPLICA="+strconv.Itoa(w), "WEIR_TEST_LEASES="+strconv.FormatBool(leases))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out
}

// replica goes through its exchanges, four at a time, and prints what each claim came to. It ends once nothing more is to be had.
func replica(t *testing.T, url string) {
	leases := os.Getenv("WEIR_TEST_LEASES") == "true"
	s := newStore(t, redisstore.Config{URL: url, Leases: leases, Replicas: replicas})
	w, err := strconv.Atoi(os.Getenv("WEIR_TEST_REPLICA"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for lane := range 4 {
		wg.Go(func() {
			refused := 0
			for n := lane; refused < 20; n += 4 {
				if n > 20_000 {
					t.Error("the limit never bites")
					return
				}
				admitted, err := exchangeOnce(t.Context(), s, w, n, leases)
				if err != nil {
					t.Error(err)
					return
				}
				if refused++; admitted {
					refused = 0
				}
			}
		})
	}
	wg.Wait()
}

// exchangeOnce is one exchange: reserved, raised where there is room, settled.
func exchangeOnce(ctx context.Context, s *redisstore.Store, w, n int, leases bool) (admitted bool, err error) {
	r, left := exchange(w, n, leases)
	q, err := s.Reserve(ctx, r)
	if err != nil || len(q.Over) > 0 {
		return false, err
	}
	if n%3 == 0 { // ask for more, which may be refused or granted in part, and is given back in the end
		r.Volume = r.Volume.With(authz.UnitVectors, r.Volume.Of(authz.UnitVectors)+3)
		if _, err = s.Raise(ctx, r); err != nil {
			return false, err
		}
	}
	r.Volume = authz.Volume{}.With(authz.UnitVectors, left)
	if err = s.Settle(ctx, r); err != nil {
		return false, err
	}
	fmt.Println(r.ID, left)
	return true, nil
}
