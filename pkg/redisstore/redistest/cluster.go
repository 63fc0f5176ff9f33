package redistest

import (
	"fmt"
	"strings"
	"testing"
)

// Cluster is a Redis Cluster of masters.
type Cluster struct {
	Masters []*Server
}

// slots is how many hash slots a Redis Cluster has.
const slots = 16384

// StartCluster starts a Redis Cluster of three masters and waits until it serves all slots. It ends with the test.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	const n = 3
	c := &Cluster{}
	for i := range n {
		s := StartTCP(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		c.Masters = append(c.Masters, s)
		for from := i * slots / n; from < (i+1)*slots/n; from += 512 { // an inline command is at most 64 KiB
			var b strings.Builder
			for slot := from; slot < min(from+512, (i+1)*slots/n); slot++ {
				fmt.Fprintf(&b, " %d", slot)
			}
			s.ok("CLUSTER ADDSLOTS" + b.String())
		}
		s.ok(fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1))
		if i > 0 {
			s.ok(fmt.Sprintf("CLUSTER MEET 127.0.0.1 %d", c.Masters[0].port))
		}
	}
	for _, s := range c.Masters {
		s.until("CLUSTER INFO", "cluster_state:ok")
	}
	return c
}

// URL returns the cluster's address in the form that redisstore.Config takes.
func (c *Cluster) URL() string {
	url := "redis://" + c.Masters[0].Addr()
	for i, s := range c.Masters[1:] {
		url += []string{"?", "&"}[min(i, 1)] + "addr=" + s.Addr()
	}
	return url
}

// Flush empties all masters.
func (c *Cluster) Flush(t testing.TB) {
	t.Helper()
	for _, s := range c.Masters {
		s.Flush(t)
	}
}

// ok makes a command that is answered by OK.
func (s *Server) ok(command string) {
	s.t.Helper()
	if reply := s.Do(s.t, command); reply != "OK" {
		s.t.Fatalf("%.40s: %s", command, reply)
	}
}
