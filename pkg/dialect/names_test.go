package dialect_test

import (
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/dialect"
)

// TestServes: what hands out objects is for what is stored, and nothing else is, but documents and what nothing is known of.
func TestServes(t *testing.T) {
	for _, name := range dialect.Names() {
		d, _ := dialect.ByName(name)
		if _, stores := d.(dialect.Storage); dialect.Serves(d, authz.KindWeights) != (stores || name == "http") {
			t.Errorf("%s: stores objects: %v, serves weights: %v", name, stores, !stores)
		}
		inference, vectors := dialect.Serves(d, authz.KindInference), dialect.Serves(d, authz.KindVectorDB)
		if inference && vectors != (name == "http") || dialect.Serves(d, authz.KindConfig) != dialect.Serves(d, authz.KindWeights) {
			t.Errorf("%s: inference %v, vectors %v", name, inference, vectors)
		}
	}
	for name, want := range map[string]bool{"elastic": true, "qdrant": true, "files": true, "http": true, "openai": false, "vertex": false} {
		if d, _ := dialect.ByName(name); dialect.Serves(d, authz.KindCorpus) != want {
			t.Errorf("%s serves a corpus: %v, want %v", name, !want, want)
		}
	}
}
