package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/window"
)

// Config configures a Store. URL is required.
type Config struct {
	// URL says where Redis is: redis://, rediss:// (TLS) or unix://, in the form that go-redis' ParseURL reads. With ?addr=host:port, once
	// or more, it is a Redis Cluster (ParseClusterURL); with ?master_name= the master that the Sentinel there, and those that addr names,
	// know by that name (ParseFailoverURL: then username and password are Redis' own, and those before the @ the Sentinels'). It may hold a
	// password and is never printed.
	URL string
	// Windows are kept for every meter key; default window.Defaults(). The slots of each must be a whole number of microseconds long, as
	// they are for whole minutes. All replicas should be told the same.
	Windows []authz.Window
	// Meters names the meters that keep other windows than these.
	Meters map[authz.Meter][]authz.Window
	// Coverage is how long what has left of an object is kept after the last commit; what was seen of Redis is remembered for as long.
	// Default: Coverage refuses. All replicas should be told the same.
	Coverage time.Duration
	// Leases lets this process take some of busy meters' limits ahead (lease.go), so that few claims ask Redis. A claim then belongs to the
	// Store that reserved it: no other may raise or settle it.
	Leases bool
	// Replicas is how many Stores share the limits, at most: what one takes ahead is the smaller for it. Default 1.
	Replicas int
	// Remember is a file in which Run and Close keep which Redis was seen, so that one that was emptied while nobody ran is not taken for one
	// that never counted anything. It is this Store's alone, in a directory that is there. Default: none, and a new process takes what it finds.
	Remember string
	// Guest leaves that file as it is: it is another process's.
	Guest bool
	// Timeout bounds each call, retries included; default 500 ms.
	Timeout time.Duration
	// CheckEvery is how often Run looks after Redis; default 2 s.
	CheckEvery time.Duration
	// Now is for tests: it takes the place of Redis' own clock. Default nil: the server's time, so that the replicas' clocks do not matter.
	Now func() time.Time
	// Log is told when Redis is lost and found; default slog.Default().
	Log *slog.Logger
}

// Store keeps sliding windows and hand-overs in Redis. It is safe for concurrent use; several Stores, in one process or many, may share
// one Redis, and then count as one.
type Store struct {
	cfg     Config
	client  redis.UniversalClient
	scripts scripts
	windows []byte               // all that are kept, as the scripts take them
	sets    map[authz.Meter]byte // which of them a meter keeps: 0, or its own
	stamp   int64                // stands for all that
	tick    int64                // microseconds
	life    time.Duration        // the longest that anything counts: the longest window, a slot and a tick; or coverage
	start   time.Time            // what the times below are relative to

	pipe     pipe
	recent   recent
	departed departed
	overs    overs
	warm     warm
	memory   memory
	leases   *leases               // nil without Config.Leases
	state    atomic.Pointer[state] // what the last check found
	suspect  atomic.Bool           // a call failed since: there may be another Redis
	looking  chan struct{}         // holds a token while somebody looks

	mu        sync.RWMutex // guards what follows
	histories histories    // nil until they are seen
	epoch     *known       // the epoch of the whole Redis; nil until it is seen
	accepted  string       // the word of acceptance seen last
	tenants   map[string]*known
}

// New returns a Store. It does not connect: the first call does.
func New(cfg Config) (*Store, error) {
	if len(cfg.Windows) == 0 {
		cfg.Windows = window.Defaults()
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 500 * time.Millisecond
	}
	if cfg.CheckEvery <= 0 {
		cfg.CheckEvery = 2 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	s := &Store{cfg: cfg, start: time.Now(), sets: map[authz.Meter]byte{}, looking: make(chan struct{}, 1), tenants: map[string]*known{}}
	if err := s.keep(); err != nil {
		return nil, err
	}
	var err error
	if s.scripts, err = loadScripts(); err != nil {
		return nil, err
	}
	if cfg.Leases {
		s.leases = newLeases(s.time, time.Duration(s.tick)*time.Microsecond)
	}
	if s.client, err = connect(cfg, s.connected); err != nil {
		return nil, err
	}
	if err := s.recall(); err != nil {
		return nil, err
	}
	s.suspect.Store(true) // nobody has looked at Redis yet
	s.pipe = pipe{client: s.client, timeout: func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.WithoutCancel(ctx), cfg.Timeout)
	}}
	return s, nil
}

// keep makes what the scripts are told of windows.
func (s *Store) keep() error {
	sets := [][]authz.Window{s.cfg.Windows}
	for _, m := range slices.Sorted(maps.Keys(s.cfg.Meters)) {
		if len(sets) > maxMeters {
			return fmt.Errorf("meters: want at most %d", maxMeters)
		}
		s.sets[m] = byte(len(sets)) //nolint:gosec // see above
		sets = append(sets, s.cfg.Meters[m])
	}
	all := slices.Concat(sets...)
	for i, set := range sets {
		for _, w := range set {
			width := window.Width(w)
			if width < 1000 || width%1000 != 0 {
				return fmt.Errorf("window %v: its slots must be a whole number of microseconds long", w)
			}
			s.windows = appendCounts(s.windows, int64(i), width/1000, window.Slots(w))
			s.life = max(s.life, time.Duration((window.Slots(w)+1)*width+window.Tick(all)))
		}
	}
	s.life = max(s.life, s.cfg.Coverage)
	s.tick = window.Tick(all) / 1000
	sum := sha256.Sum256(s.windows)
	s.stamp = 1 + int64(binary.LittleEndian.Uint64(sum[:])>>12) //nolint:gosec // 52 bits
	return nil
}

// windowsOf returns the windows that a meter keeps.
func (s *Store) windowsOf(m authz.Meter) []authz.Window {
	if w, ok := s.cfg.Meters[m]; ok {
		return w
	}
	return s.cfg.Windows
}

// Close gives back what leases have left over, and closes the connections. Calls that are under way fail.
func (s *Store) Close() error {
	if s.leases != nil {
		ctx, cancel := context.WithTimeout(context.Background(), lastGiveBack)
		defer cancel()
		s.giveBack(ctx, true)
	}
	var err error
	if s.memory.changed.Load() {
		err = s.remember(context.Background())
	}
	return errors.Join(err, s.client.Close())
}

// time is the time by this process's clock, or the test's.
func (s *Store) time() time.Time {
	if s.cfg.Now != nil {
		return s.cfg.Now()
	}
	return time.Now()
}

// step is one call of a script, for one tenant.
type step struct {
	script  *redis.Script
	tenant  string
	claim   string           // its key
	meters  []authz.MeterKey // those that are charged first
	charged int
	volume  authz.Volume
	limits  []byte // packed
	more    []byte // ARGV[6] of the scripts that have one
}

// maxMeters is how many meters a step may have: scripts number them by a byte.
const maxMeters = 255

// run runs a step and returns what follows the epoch in its answer. It refuses before it asks Redis where the last check found that Redis
// cannot be trusted with counts.
func (s *Store) run(ctx context.Context, st step) (string, error) {
	if err := s.refuses(ctx); err != nil {
		return "", err
	}
	if len(st.meters) > maxMeters {
		// Not "store_…": a token of many groups must not have anybody's limits judged as if Redis were away.
		return "", failure("meters_too_many", fmt.Errorf("%d meters: want at most %d", len(st.meters), maxMeters))
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	keys := s.keys(st)
	answer, done, err := s.quick(ctx, st, keys)
	if err == nil && !done {
		if answer, err = s.pipe.send(ctx, &call{script: st.script, keys: keys, args: s.args(st)}); err == nil {
			s.warm.note(s.localTick(), keys[3:3+len(st.meters)])
		}
	}
	return s.judged(parent, st.tenant, answer, err)
}

// refuses returns why Redis is not even asked, where the last check found that it cannot be trusted.
func (s *Store) refuses(ctx context.Context) error {
	if last := s.state.Load(); last != nil && last.refuse && ctx.Value(lookKey{}) == nil {
		return last.err
	}
	return nil
}

// judged returns what follows the epoch in a script's answer, if that can be believed. ctx is the caller's.
func (s *Store) judged(ctx context.Context, tenant, answer string, err error) (string, error) {
	switch {
	case err == nil:
	case strings.Contains(err.Error(), "WEIRAMNESIA"):
		return "", errAmnesiac("what is kept of a tenant")
	case redis.HasErrorPrefix(err, "WEIRLIMIT"):
		return "", errUnreadable
	default:
		if ctx.Err() == nil {
			s.suspect.Store(true)
		}
		return "", unavailable(err)
	}
	if len(answer) < epochLen {
		return "", unavailable(errAnswer)
	}
	if !s.saw(tenant, answer[:epochLen]) {
		return "", errAmnesiac("what is kept of a tenant")
	}
	return answer[epochLen:], nil
}

// keys are the KEYS of lua/prelude.lua.
func (s *Store) keys(st step) []string {
	tag, n := tag(st.tenant), len(st.meters)
	keys := make([]string, 3+2*n)
	keys[0], keys[1], keys[2] = tenantKey(tag), tickKey(tag), st.claim
	for i, k := range st.meters {
		h := hashed(string(k.Meter), k.Key)
		keys[3+i], keys[3+n+i] = meterKey(tag, h), slotsKey(tag, h)
	}
	return keys
}

// args are the ARGV of lua/prelude.lua.
func (s *Store) args(st step) []any {
	epoch, fresh := s.tenantEpoch(st.tenant), noEpoch
	if epoch == noEpoch {
		fresh = newEpoch()
	}
	frame := append(append(make([]byte, 0, 12*8), epoch...), fresh...)
	frame = appendCounts(frame, s.given(), s.tick, s.stamp, int64(len(st.meters)), int64(st.charged))
	frame = appendCounts(frame, st.volume[:]...)
	sets := make([]byte, len(st.meters))
	for i, k := range st.meters {
		sets[i] = s.sets[k.Meter]
	}
	args := []any{frame, st.limits, s.windows, sets, int64(s.epochLife() / time.Second)}
	if st.more != nil {
		args = append(args, st.more)
	}
	return args
}

var (
	errAnswer     = errors.New("no script of Weir answers what Redis did")
	errUnreadable = errors.New("a limit cannot be read")
)

// failure is the error of a call that could not be answered; all of them deny.
func failure(label string, err error) *authz.Error {
	return &authz.Error{Kind: authz.KindUnavailable, Label: label, Public: "Weir could not read its counters", Err: err}
}

func unavailable(err error) *authz.Error { return failure("store_unavailable", err) }

// errAmnesiac says that Redis lost what it was trusted with, and what to do.
func errAmnesiac(what string) *authz.Error {
	return failure("store_amnesiac", fmt.Errorf("%s is not the one that was seen: Redis was emptied or replaced and its counts are gone. "+
		"Bring the right Redis back, restore its counts (weir limits rebuild), or accept the loss: SET %s <a new word> EX 86400", what, acceptKey))
}
