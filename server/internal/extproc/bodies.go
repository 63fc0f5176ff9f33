package extproc

import (
	"sync"

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
