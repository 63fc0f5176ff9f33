package redisstore

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Registry keeps the document of model versions: the twin of pkg/registry.File.
type Registry struct{ s *Store }

// Registry returns the registry that is kept in the same Redis.
func (s *Store) Registry() *Registry { return &Registry{s} }

// registryTenant owns the registry's keys. No tenant of a configuration can have this name: it would share no more than an epoch.
const registryTenant = "weir registry"

// Read implements registry.Store.
func (r *Registry) Read(ctx context.Context, have string) (doc []byte, revision string, err error) {
	answer, err := r.run(ctx, have)
	if err != nil {
		return nil, "", err
	}
	if answer == "=" {
		return nil, have, nil
	}
	revision, text, ok := strings.Cut(strings.TrimPrefix(answer, "!"), "\n")
	if !ok || !strings.HasPrefix(answer, "!") {
		return nil, "", unavailable(errAnswer)
	}
	return []byte(text), revision, nil
}

// Write implements registry.Store.
func (r *Registry) Write(ctx context.Context, old, revision string, doc []byte) (bool, error) {
	answer, err := r.run(ctx, old, revision, doc)
	return answer == "=", err
}

// run runs the script, and once more where another Redis answered, after that was looked at.
func (r *Registry) run(ctx context.Context, args ...any) (string, error) {
	if err := r.s.sure(ctx); err != nil {
		return "", err
	}
	answer, err := r.once(ctx, args...)
	if errors.Is(err, errHistory) { // nothing was sent
		if err := r.s.sure(ctx); err != nil {
			return "", err
		}
		answer, err = r.once(ctx, args...)
	}
	return answer, err
}

func (r *Registry) once(ctx context.Context, args ...any) (string, error) {
	s := r.s
	if err := s.refuses(ctx); err != nil {
		return "", err
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	epoch, fresh := s.tenantEpoch(registryTenant), noEpoch
	if epoch == noEpoch {
		fresh = newEpoch()
	}
	frame := appendCounts(append(append(make([]byte, 0, 3*8), epoch...), fresh...), int64(s.epochLife()/time.Second))
	tag := tag(registryTenant)
	answer, err := s.pipe.send(ctx, &call{
		script: s.scripts.registry, keys: []string{tenantKey(tag), registryKey(tag)}, args: append([]any{frame}, args...),
	})
	if errors.Is(err, redis.Nil) {
		err = errAnswer
	}
	return s.judged(parent, registryTenant, answer, err)
}
