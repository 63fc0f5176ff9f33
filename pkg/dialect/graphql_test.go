package dialect

import (
	"reflect"
	"strings"
	"testing"
)

// FuzzReadGraphQL: what has no meaning changes nothing in what is read, and reading ends.
func FuzzReadGraphQL(f *testing.F) {
	for _, seed := range []string{
		`{Get{Docs(limit:5 nearVector:{vector:[0.1,-2e3]}){title a:b _additional{id vectors{x}}}}}`,
		`query q($n:[Int!]!=[1]@d){a(x:$n y:"\"" z:"""b\"""""" w:{v:true}) @skip(if:false){... on X{b} ...@i{c}}} {d}`,
		"{a # comment\n}", "{a(x:[])}", "{...f}", "query", "{a", `{a(x:"`, "\ufeff{a}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src string) {
		fields, err := readGraphQL(src)
		again, err2 := readGraphQL("# a\r\n ,\t" + src + "\n,# b")
		if (err == nil) != (err2 == nil) || !reflect.DeepEqual(fields, again) {
			t.Fatalf("%q is read as %v, %v; with comments as %v, %v", src, fields, err, again, err2)
		}
		if err == nil && strings.Contains(src, "fragment") && !strings.Contains(src, `"`) && !strings.Contains(src, "#") && strings.Contains(src, "...fragment") {
			t.Fatalf("%q has a named fragment", src)
		}
	})
}
