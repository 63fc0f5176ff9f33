package scan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/scan"
)

func TestCompilePath(t *testing.T) {
	for path, bad := range map[string]string{
		"": "", "[*]": "", "[*][*]": "", "data[*].embedding": "", "a.b.c": "", "Embeddings[*][*]": "", "matches[*].sparse_values.values": "",
		".": "empty key", "a..b": "empty key", "a.": "empty key", "a[0]": "want . or [*]", "[*]a": "want . or [*]", "a[*]b": "want . or [*]", "a[": "want . or [*]", ".a": "empty key",
	} {
		_, err := scan.CompilePath(path)
		if bad == "" && err != nil || bad != "" && (err == nil || !strings.Contains(err.Error(), bad)) {
			t.Errorf("%q: %v, want %q", path, err, bad)
		}
	}
	if _, err := scan.CompilePaths(make([]scan.Field, 65)); err == nil {
		t.Error("65 paths are taken")
	}
}

// TestPathsFollow walks documents' places and says which paths end there.
func TestPathsFollow(t *testing.T) {
	paths, err := scan.CompilePaths([]scan.Field{{Path: "data[*].embedding"}, {Path: "[*]"}, {Path: "embeddings[*][*]"}, {Path: "data[*].task"}})
	if err != nil {
		t.Fatal(err)
	}
	ends := func(place ...string) bool { // a key, or "" for an element
		s := paths.All()
		for d, p := range place {
			if p == "" {
				s = paths.Element(s, d)
			} else {
				s = paths.Key(s, d, []byte(p))
			}
		}
		return paths.Ends(s, len(place))
	}
	got := map[string]bool{
		"data[0].embedding": ends("data", "", "embedding"), "any case": ends("Data", "", "EMBEDDING"), "long s": ends("data", "", "ta\u017fk"), "Kelvin": ends("data", "", "tas\u212a"),
		"[0]": ends(""), "embeddings[0][0]": ends("embeddings", "", ""), "embeddings[0]": ends("embeddings", ""), "data.embedding": ends("data", "embedding"),
		"data[0]": ends("data", ""), "data[0].embedding[0]": ends("data", "", "embedding", ""), "embeddin": ends("data", "", "embeddin"), "embeddings": ends("data", "", "embeddings"),
		"document": ends(),
	}
	want := map[string]bool{
		"data[0].embedding": true, "any case": true, "long s": true, "Kelvin": true, "[0]": true, "embeddings[0][0]": true, "embeddings[0]": false, "data.embedding": false,
		"data[0]": false, "data[0].embedding[0]": false, "embeddin": false, "embeddings": false, "document": false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
