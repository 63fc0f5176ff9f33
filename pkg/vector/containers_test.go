package vector_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/weirgate/weir/pkg/authz"
	"github.com/weirgate/weir/pkg/vector"
)

// TestWrongContainers: on the way to a declared place there is what its path goes through, or nothing.
func TestWrongContainers(t *testing.T) {
	paths := []string{"data[*].embedding", "either[*].v", "either.v", "deep.**.v"}
	for _, doc := range []string{
		`{"data":{"embedding":[0.5]}}`, `{"data":[[{"embedding":[0.5]}]]}`, `[{"data":[]}]`, `[[0.5]]`, `{"data":{"x":1}}`, `{"either":[[0.5]]}`,
	} {
		for _, mask := range []authz.MaskMode{authz.MaskRedact, authz.MaskNone} {
			if out, _, err := feed([]byte(doc), mask, paths, whole); !errors.Is(err, vector.ErrMalformed) || mask != authz.MaskNone && strings.Contains(out, "0.5") {
				t.Errorf("%s: %s: %v, and %q left", mask, doc, err, out)
			}
		}
	}
	for _, doc := range []string{
		`{"data":{}}`, `{"data":null}`, `{"data":"none"}`, `{"data":[[],{}]}`, `[1,"a",null]`, `{"error":{"data":[[1]]}}`, `{"either":{"v":null}}`, `{"either":[{"v":null}]}`,
		`{"deep":[[{"x":[{"v":null}]}]]}`,
	} {
		through{fields: at(paths...), opts: vector.Options{Mask: authz.MaskRedact}}.everyCut(t, doc, doc, vector.Reading{})
	}
}
