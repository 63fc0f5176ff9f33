package redisstore_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/coverage"
	"github.com/weirgate/weir/pkg/redisstore"
	"github.com/weirgate/weir/pkg/redisstore/redistest"
)

// TestTwoStores: two replicas on one Redis, by its own clock, together admit exactly the limit.
func TestTwoStores(t *testing.T) {
	const workers, each, maximum = 8, 50, 150
	server := redistest.Start(t)
	stores := []*redisstore.Store{newStore(t, redisstore.Config{URL: server.URL()}), newStore(t, redisstore.Config{URL: server.URL()})}
	var wg sync.WaitGroup
	var admitted atomic.Int64
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				r := claim(fmt.Sprint(w, "-", i))
				r.Limits[0].Max = maximum
				q, err := stores[w%2].Reserve(t.Context(), r)
				if err != nil {
					t.Error(err)
					return
				}
				admitted.Add(q.Granted.Of(authz.UnitVectors))
			}
		})
	}
	wg.Wait()
	if got := admitted.Load(); got != maximum {
		t.Errorf("%d admitted, want exactly %d", got, maximum)
	}
	for i, s := range stores {
		u, err := s.Usage(t.Context(), "acme", claim("").Keys)
		if err != nil || len(u) != 4 || u[3].Count != maximum {
			t.Errorf("store %d: %+v, %v; want %d in each of 4 windows", i, u, err, maximum)
		}
	}
	// What one replica reserved another settles.
	if err := stores[1].Settle(t.Context(), claim("one more")); err != nil {
		t.Fatal(err)
	}
	if q, err := stores[0].Raise(t.Context(), claim("one more")); err != nil || q.Granted.Of(authz.UnitVectors) != 1 {
		t.Errorf("raise of what the other settled: %+v, %v", q, err)
	}
}

// TestOtherWindows: a replica that was told of other windows counts in those that its sibling keeps too.
func TestOtherWindows(t *testing.T) {
	server := redistest.Start(t)
	minute, hour, day := authz.Window(time.Minute), authz.Window(time.Hour), authz.Window(24*time.Hour)
	a := newStore(t, redisstore.Config{URL: server.URL(), Windows: []authz.Window{minute, hour}})
	b := newStore(t, redisstore.Config{URL: server.URL(), Windows: []authz.Window{day, hour}})
	for i, s := range []*redisstore.Store{a, b, a} {
		if q, err := s.Reserve(t.Context(), claim(strconv.Itoa(i))); err != nil || len(q.Over) > 0 {
			t.Fatalf("%d: %+v, %v", i, q, err)
		}
	}
	for name, s := range map[string]*redisstore.Store{"a": a, "b": b} { // b's day began with the tick in which b first counted
		u, err := s.Usage(t.Context(), "acme", claim("").Keys)
		if err != nil || len(u) != 2 || u[0].Count != 3 || u[1].Count != 3 {
			t.Errorf("%s: %+v, %v; want 3 in both windows", name, u, err)
		}
	}
	for _, s := range []*redisstore.Store{a, b} {
		if q, err := s.Reserve(t.Context(), claim("over")); err != nil || len(q.Over) != 1 {
			t.Errorf("a fourth of three an hour: %+v, %v", q, err)
		}
	}
}

// TestKeys: every key lives for a bounded time, names nobody, and shares its tenant's hash tag.
func TestKeys(t *testing.T) {
	server := redistest.Start(t)
	s := newStore(t, redisstore.Config{URL: server.URL()})
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{"acme", "}{\r\n\x00"} {
		r := claim("open")
		r.Tenant = tenant
		if _, err := s.Reserve(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		r.ID = "closed"
		if err := s.Settle(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(t.Context(), "ticket", []byte("x"), time.Minute); err != nil {
		t.Fatal(err)
	}
	const script = `local out={} for _,k in ipairs(redis.call('KEYS','*')) do out[k]=redis.call('TTL',k) end return cjson.encode(out)`
	o, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	defer c.Close() //nolint:errcheck // nothing is left to lose
	text, err := c.Eval(t.Context(), script, nil).Text()
	if err != nil {
		t.Fatal(err)
	}
	var ttls map[string]int
	if err := json.Unmarshal([]byte(text), &ttls); err != nil {
		t.Fatal(err)
	}
	const day = 24 * 3600
	wellFormed := regexp.MustCompile(`^weir:(epoch|probe|handover:[\w-]{22}|\{[\w-]{22}\}:(epoch|tick|(claim|meter|slots):[\w-]{22}))$`)
	tags := map[string]int{}
	longest := map[int]int{}
	for k, ttl := range ttls {
		if !wellFormed.MatchString(k) {
			t.Errorf("key %q", k)
		}
		if ttl < 0 || ttl > 32*day+60 {
			t.Errorf("key %q lives for %d s", k, ttl)
		}
		longest[(ttl+60)/day]++
		if tag, _, ok := strings.Cut(strings.TrimPrefix(k, "weir:"), "}"); ok {
			tags[tag]++
		}
	}
	if len(ttls) != 15 || len(tags) != 2 {
		t.Errorf("%d keys under %d tags, want 15 and 2: %v", len(ttls), len(tags), ttls)
	}
	// Closed claims, ticks, probe and hand-over go within the day, open claims after 2, meters after 31, epochs after 32.
	if longest[0] != 6 || longest[2] != 2 || longest[31] != 4 || longest[32] != 3 {
		t.Errorf("lifetimes in days: %v", longest)
	}
}

// acl makes the user that doc.go describes.
const acl = "ACL SETUSER weir on >hunter2 ~weir:* +eval +evalsha +mget +get +set +setex +setrange +del +time +getex +getdel +expire +pfadd +pfcount +pfmerge +zadd +zcard +zpopmin +zrem +hget +hset +info"

// TestLeastPrivilege: the permissions that doc.go names suffice.
func TestLeastPrivilege(t *testing.T) {
	server := redistest.Start(t)
	if got := server.Do(t, acl); got != "OK" {
		t.Fatal(got)
	}
	everyStep(t, newStore(t, redisstore.Config{URL: strings.Replace(server.URL(), "unix://", "unix://weir:hunter2@", 1), Coverage: coverage.TTL}))
}

// everyStep makes each call once.
func everyStep(t *testing.T, s *redisstore.Store) {
	t.Helper()
	r := claim("every step")
	r.Keys = append(r.Keys, authz.MeterKey{Meter: authz.MeterTarget, Key: "models"})
	_, err1 := s.Reserve(t.Context(), r)
	_, err2 := s.Raise(t.Context(), r)
	_, err3 := s.Usage(t.Context(), r.Tenant, r.Keys)
	_, ok, err4 := s.Take(t.Context(), "nothing")
	if ok {
		t.Error("took what nobody put")
	}
	_, err5 := s.Coverage().Claim(t.Context(), piece("1", 1))
	_, err6 := s.Documents().Claim(t.Context(), document("1", "a"))
	artifacts, err := s.Artifacts()
	if err != nil {
		t.Fatal(err)
	}
	_, _, err7 := artifacts.Note(t.Context(), stored("o"), 0, []byte("GG"))
	_, _, err8 := artifacts.Note(t.Context(), stored("o"), 2, []byte("UF"))
	for name, err := range map[string]error{
		"note": err7, "judge": err8,
		"claim": err5, "commit": s.Coverage().Commit(t.Context(), piece("1", 1)), "drop": s.Coverage().Drop(t.Context(), piece("2", 1)),
		"claim a document": err6, "commit a document": s.Documents().Commit(t.Context(), document("1", "a")),
		"drop a document": s.Documents().Drop(t.Context(), document("2", "b")),
		"ready":           s.Ready(t.Context()), "reserve": err1, "raise": err2, "usage": err3, "cancel": s.Cancel(t.Context(), r),
		"settle": s.Settle(t.Context(), claim("settle")), "put": s.Put(t.Context(), "ticket", nil, time.Minute), "take": err4,
		"put nothing": s.Put(t.Context(), "ticket", nil, 0),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCluster: in a Redis Cluster of three, where a script may touch one slot only, every step works, and the client finds the nodes, with no
// more permissions than doc.go names.
func TestCluster(t *testing.T) {
	c := redistest.StartCluster(t)
	for _, s := range c.Masters {
		if got := s.Do(t, acl+" +cluster +command"); got != "OK" {
			t.Fatal(got)
		}
	}
	s := newStore(t, redisstore.Config{URL: strings.Replace(c.URL(), "redis://", "redis://weir:hunter2@", 1), Coverage: coverage.TTL})
	everyStep(t, s)
	for i := range 12 { // tenants lie on different nodes
		r := claim("node")
		r.Tenant = strconv.Itoa(i)
		if q, err := s.Reserve(t.Context(), r); err != nil || len(q.Over) > 0 {
			t.Errorf("tenant %d: %+v, %v", i, q, err)
		}
	}
	for i, m := range c.Masters {
		if m.Do(t, "DBSIZE") == "0" {
			t.Errorf("master %d holds nothing", i)
		}
	}
}
