package extproc

import (
	"sync"

	"google.golang.org/grpc/mem"

	"github.com/weirgate/weir/pkg/authz"
)

// budget bounds the request bodies held in memory: each, per subject and in all. Safe for concurrent use.
type budget struct {
	each, perSubject, total int64

	mu       sync.Mutex // guards what follows
	used     int64
	subjects map[string]int64
}

// take claims n more bytes for a body of which held are claimed already.
func (b *budget) take(subject string, held, n int64) error {
	if held+n > b.each {
		return &authz.Error{Kind: authz.KindTooLarge, Label: "request_body_too_large", Public: "the request body is larger than Weir reads here"}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.total || b.subjects[subject]+n > b.perSubject {
		return &authz.Error{Kind: authz.KindBusy, Label: "body_memory_full", Public: "too many request bodies are being read right now"}
	}
	b.used += n
	b.subjects[subject] += n
	return nil
}

// give returns n bytes.
func (b *budget) give(subject string, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.subjects[subject] -= n; b.subjects[subject] <= 0 {
		delete(b.subjects, subject)
	}
}

// inUse returns the bytes held now.
func (b *budget) inUse() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// maxOutput is the largest buffer that is kept, in bytes: Envoy's messages are not larger with the configurations under envoy/.
const maxOutput = 1<<20 + 4<<10

// outputs are buffers for what a mask makes of a message. Without them every masked answer is allocated, zeroed and collected once more.
// The zero value is ready, and safe for concurrent use. gRPC gives each buffer back when it has written it.
type outputs struct{ pool sync.Pool }

var _ mem.BufferPool = (*outputs)(nil)

// Get returns an empty buffer with room for n bytes. What is beyond its length is not zeroed.
func (o *outputs) Get(n int) *[]byte {
	if b, ok := o.pool.Get().(*[]byte); ok && cap(*b) >= n {
		*b = (*b)[:0]
		return b
	}
	b := make([]byte, 0, n)
	return &b
}

// Put keeps a buffer for later.
func (o *outputs) Put(b *[]byte) {
	if cap(*b) <= maxOutput {
		o.pool.Put(b)
	}
}
