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
		"vectors.*.values": "", "*": "", "*.*[*]": "", "**": "", "**.embedding": "", "a[*].**": "", "hits.hits[*]._source.**.embedding": "", "[*].*": "", "1.6.101.1": "",
		".": "empty key", "a..b": "empty key", "a.": "empty key", "a[0]": "want . or [*]", "[*]a": "want . or [*]", "a[*]b": "want . or [*]", "a[": "want . or [*]", ".a": "empty key",
		"**.a.b": "** is the last step", "a.**.b[*]": "** is the last step", "a.**.*": "** is the last step", "**.**": "** is the last step", "**[*]": "** is the last step",
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

// follow returns where a place stands: "" is an element, anything else a member.
func follow(ps *scan.Paths, place ...string) scan.Set {
	s := ps.Root()
	for d, p := range place {
		if p == "" {
			s = ps.Element(s, d)
		} else {
			s = ps.Member(s, d, []byte(p))
		}
	}
	return s
}

// TestPathsFollow walks documents' places and says which path means each.
func TestPathsFollow(t *testing.T) {
	fields := []scan.Field{
		{Path: "data[*].embedding"},
		{Path: "[*]"},
		{Path: "embeddings[*][*]"},
		{Path: "data[*].task"},
		{Path: "vectors.*.values"},
		{Path: "named[*].*"},
		{Path: "hits[*]._source.**.embedding"},
		{Path: "tree.**"},
		{Path: "tree.leaf.one"},
	}
	paths, err := scan.CompilePaths(fields)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		place []string
		want  string // paths that mean it
	}{
		{[]string{"data", "", "embedding"}, "data[*].embedding"},
		{[]string{"Data", "", "EMBEDDING"}, "data[*].embedding"},
		{[]string{"data", "", "ta\u017fk"}, "data[*].task"},
		{[]string{"data", "", "tas\u212a"}, "data[*].task"},
		{[]string{""}, "[*]"},
		{[]string{"embeddings", "", ""}, "embeddings[*][*]"},
		{[]string{"embeddings", ""}, ""},
		{[]string{"data", "embedding"}, ""},
		{[]string{"data", ""}, ""},
		{[]string{"data", "", "embedding", ""}, ""},
		{[]string{"data", "", "embeddin"}, ""},
		{[]string{"embeddings"}, ""},
		{nil, ""},
		{[]string{"vectors", "any thing", "Values"}, "vectors.*.values"},
		{[]string{"vectors", "values"}, ""},
		{[]string{"vectors", "", "values"}, ""},
		{[]string{"vectors", "a", "b", "values"}, ""},
		{[]string{"named", "", "x"}, "named[*].*"},
		{[]string{"named", "", ""}, ""},
		{[]string{"named", "", "x", "y"}, ""},
		{[]string{"hits", "", "_source", "embedding"}, "hits[*]._source.**.embedding"},
		{[]string{"hits", "", "_source", "a", "", "b", "Embedding"}, "hits[*]._source.**.embedding"},
		{[]string{"hits", "", "_source", "embedding", "", "embedding"}, "hits[*]._source.**.embedding"},
		{[]string{"hits", "", "_source"}, ""},
		{[]string{"hits", "", "embedding"}, ""},
		{[]string{"hits", "", "_source", "embedding", ""}, ""},
		{[]string{"hits", "", "_source", "a", "", "b", "c", "d", "", "", "", "embedding"}, "hits[*]._source.**.embedding"},
		{[]string{"tree"}, "tree.**"},
		{[]string{"tree", "a"}, "tree.**"},
		{[]string{"tree", "", "", "x", "y", "z"}, "tree.**"},
		{[]string{"tree", "leaf", "one"}, "tree.** tree.leaf.one"},
	} {
		var got []string
		s := follow(&paths, tc.place...)
		for i, f := range fields {
			if s.Here>>i&1 == 1 {
				got = append(got, f.Path)
			}
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%q: %q, want %q", tc.place, got, tc.want)
		}
		if first := s.First(); (first < 0) != (tc.want == "") || first >= 0 && fields[first].Path != got[0] {
			t.Errorf("%q: the first is %d of %q", tc.place, first, got)
		}
	}
}

// TestPathsEverything: ** alone means every place of a document, the document itself included.
func TestPathsEverything(t *testing.T) {
	paths, err := scan.CompilePaths([]scan.Field{{Path: "**"}, {Path: "**.values"}})
	if err != nil {
		t.Fatal(err)
	}
	for want, places := range map[uint64][][]string{1: {nil, {"a"}, {"", ""}, {"values", "x"}}, 3: {{"values"}, {"", "x", "values"}}} {
		for _, place := range places {
			if s := follow(&paths, place...); s.Here != want || s.On != 3 {
				t.Errorf("%q: %b go on, %b end; want 11 and %b", place, s.On, s.Here, want)
			}
		}
	}
	var none scan.Paths
	if s := follow(&none, "a", ""); s != (scan.Set{}) {
		t.Errorf("no path at all: %+v", s)
	}
}

func TestPathsNames(t *testing.T) {
	paths, err := scan.CompilePaths([]scan.Field{{Path: "data[*].embedding"}, {Path: "a[*].vectors.*.values"}, {Path: "*.*"}, {Path: "*.**"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{-1, 3, 1, 0}, []int{paths.Star(0), paths.Star(1), paths.Star(2), paths.Star(3)}); diff != "" {
		t.Error(diff)
	}
	got := []bool{paths.Named(follow(&paths, "a", ""), 2), paths.Named(follow(&paths, "a", "", "vectors"), 3), paths.Named(paths.Root(), 0), paths.Named(follow(&paths, "data", ""), 2)}
	if diff := cmp.Diff([]bool{false, true, true, false}, got); diff != "" {
		t.Error(diff)
	}
}

func TestPathsNoAllocation(t *testing.T) {
	paths, err := scan.CompilePaths([]scan.Field{{Path: "data[*].embedding"}, {Path: "data[*].*.values"}, {Path: "data[*].**.other"}})
	if err != nil {
		t.Fatal(err)
	}
	key := []byte("Embedding")
	if n := testing.AllocsPerRun(100, func() {
		s := paths.Member(paths.Element(paths.Member(paths.Root(), 0, []byte("data")), 1), 2, key)
		if s.First() != 0 {
			t.Fatal("lost the way")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAppendFold(t *testing.T) {
	for key, want := range map[string]string{"": "", "Embedding": "embedding", "VECTOR\u017f": "vectors", "\u212aey": "key", "É\u017e\xc5": "É\u017e\xc5", "a.B[0]": "a.b[0]"} {
		if got := string(scan.AppendFold(nil, []byte(key))); got != want {
			t.Errorf("%q: %q, want %q", key, got, want)
		}
	}
}
