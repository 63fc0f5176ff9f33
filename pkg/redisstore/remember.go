package redisstore

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// A process that is started anew must not take a Redis that was emptied meanwhile for one that never counted anything: which epochs were seen
// is kept in a file (Config.Remember).

// remembered is that file.
type remembered struct {
	Version  int                        `json:"version"`
	Redis    *rememberedEpoch           `json:"redis,omitempty"`
	Accepted string                     `json:"accepted,omitempty"` // the word of acceptance seen last
	Tenants  map[string]rememberedEpoch `json:"tenants,omitempty"`
}

type rememberedEpoch struct {
	Epoch string    `json:"epoch"` // of a tenant: base64
	Seen  time.Time `json:"seen"`
}

const (
	rememberVersion = 1
	// rememberEvery is how often the file is written where nothing new was seen.
	rememberEvery = time.Hour
)

// memory is what a Store knows of its file.
type memory struct {
	changed atomic.Bool // there is something to write

	mu      sync.Mutex // one writes at a time; guards what follows
	written time.Time
	failed  string // why it could not be written; empty: it could
}

// recall reads what an earlier process has seen. A file that cannot be read is an error: to go on without it would be to believe any Redis.
func (s *Store) recall() error {
	if s.cfg.Remember == "" {
		return nil
	}
	b, err := os.ReadFile(s.cfg.Remember)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("read which Redis was counted in: %w", err)
	}
	var f remembered
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err == nil && f.Version != rememberVersion {
		err = fmt.Errorf("version %d, want %d", f.Version, rememberVersion)
	}
	if err == nil {
		err = s.believe(f)
	}
	if err != nil {
		return fmt.Errorf("%s says which Redis was counted in: %w: move it away to believe the one that is there, whatever it lost", s.cfg.Remember, err)
	}
	return nil
}

// believe takes over what a file says.
func (s *Store) believe(f remembered) error {
	was := func(e rememberedEpoch, epoch string) *known {
		k := &known{epoch: epoch}
		k.last.Store(-int64(max(0, time.Since(e.Seen)-rememberEvery))) // it may have been seen for so long after that
		return k
	}
	s.accepted = f.Accepted
	if f.Redis != nil {
		if f.Redis.Epoch == "" {
			return errors.New("its epoch is none")
		}
		s.epoch = was(*f.Redis, f.Redis.Epoch)
	}
	for tenant, e := range f.Tenants {
		epoch, err := base64.StdEncoding.DecodeString(e.Epoch)
		if err != nil || len(epoch) != epochLen || string(epoch) == noEpoch {
			return errors.New("the epoch of a tenant is none")
		}
		s.tenants[tenant] = was(e, string(epoch))
	}
	return nil
}

// remember writes what was seen, where that has changed or it is a while since, and says once that it cannot.
func (s *Store) remember(ctx context.Context) error {
	if s.cfg.Remember == "" || s.cfg.Guest {
		return nil
	}
	m := &s.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.changed.Swap(false) && time.Since(m.written) < rememberEvery {
		return nil
	}
	err := s.seen().write(s.cfg.Remember)
	if err == nil {
		m.written, m.failed = time.Now(), ""
		return nil
	}
	m.changed.Store(true)
	if m.failed != err.Error() {
		m.failed = err.Error()
		s.cfg.Log.LogAttrs(ctx, slog.LevelError, "which Redis counts cannot be written down: the next start may believe one that was emptied", slog.String("error", m.failed))
	}
	return err
}

// seen is what there is to remember.
func (s *Store) seen() remembered {
	f := remembered{Version: rememberVersion, Tenants: map[string]rememberedEpoch{}}
	at := func(k *known) time.Time { return s.start.Add(time.Duration(k.last.Load())).Round(0).UTC() }
	s.mu.RLock()
	defer s.mu.RUnlock()
	f.Accepted = s.accepted
	if s.epoch != nil {
		f.Redis = &rememberedEpoch{s.epoch.epoch, at(s.epoch)}
	}
	for tenant, k := range s.tenants {
		f.Tenants[tenant] = rememberedEpoch{base64.StdEncoding.EncodeToString([]byte(k.epoch)), at(k)}
	}
	return f
}

// write replaces the file, once it is whole and on disk.
func (f remembered) write(name string) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".seen-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already after the rename
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
