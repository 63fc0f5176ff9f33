package redisstore

import (
	"context"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Calls that come while others are under way are sent together, in one write: Redis then spends its time on scripts, not on sockets. A call
// that comes alone goes alone, at once.

const (
	maxFlying = 4  // writes under way at a time
	maxBatch  = 64 // calls in one
)

// call is one script on its way.
type call struct {
	script *redis.Script
	keys   []string
	args   []any
	done   chan struct{} // closed when text and err are there
	text   string
	err    error
}

// pipe sends calls. Safe for concurrent use.
type pipe struct {
	client  redis.UniversalClient
	timeout func(ctx context.Context) (context.Context, context.CancelFunc)

	mu      sync.Mutex
	flying  int
	waiting []*call
}

// send makes a call and returns its answer. One that is given up may still be made.
func (p *pipe) send(ctx context.Context, c *call) (string, error) {
	p.mu.Lock()
	if p.flying == maxFlying {
		c.done = make(chan struct{})
		p.waiting = append(p.waiting, c)
		p.mu.Unlock()
		select {
		case <-c.done:
			return c.text, c.err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	p.flying++
	p.mu.Unlock()
	p.fly(ctx, []*call{c})
	p.mu.Lock()
	next := p.next()
	p.mu.Unlock()
	if next != nil {
		go p.rest(ctx, next)
	}
	return c.text, c.err
}

// rest sends what waits until nothing does. ctx gives its values only.
func (p *pipe) rest(ctx context.Context, batch []*call) {
	for batch != nil {
		p.fly(ctx, batch)
		p.mu.Lock()
		batch = p.next()
		p.mu.Unlock()
	}
}

// next takes what is sent next; nil where nothing waits, and then one less is under way. The caller holds mu.
func (p *pipe) next() []*call {
	n := min(maxBatch, len(p.waiting))
	if n == 0 {
		p.flying--
		p.waiting = nil
		return nil
	}
	batch := p.waiting[:n:n]
	p.waiting = p.waiting[n:]
	return batch
}

// fly sends calls together and fills in their answers.
func (p *pipe) fly(ctx context.Context, batch []*call) {
	ctx, cancel := p.timeout(ctx)
	defer cancel()
	if len(batch) == 1 {
		c := batch[0]
		c.text, c.err = text(c.script.Run(ctx, p.client, c.keys, c.args...))
	} else {
		p.together(ctx, batch)
	}
	for _, c := range batch {
		if c.done != nil {
			close(c.done)
		}
	}
}

func (p *pipe) together(ctx context.Context, batch []*call) {
	pipeline := p.client.Pipeline()
	answers := make([]*redis.Cmd, len(batch))
	for i, c := range batch {
		answers[i] = pipeline.EvalSha(ctx, c.script.Hash(), c.keys, c.args...)
	}
	_, _ = pipeline.Exec(ctx) // each answer has its own error
	for i, c := range batch {
		if c.text, c.err = text(answers[i]); redis.HasErrorPrefix(c.err, "NOSCRIPT") {
			c.text, c.err = text(c.script.Eval(ctx, p.client, c.keys, c.args...))
		}
	}
}

// text is a script's answer: text, or a number as text.
func text(c *redis.Cmd) (string, error) {
	v, err := c.Result()
	if n, ok := v.(int64); ok && err == nil {
		return strconv.FormatInt(n, 10), nil
	}
	return c.Text()
}
