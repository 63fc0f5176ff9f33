package policy_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirgate/weir/pkg/authz"
)

var update = flag.Bool("update", false, "write rego/schemas/input.json anew (go generate ./rego)")

// TestSchemaIsTheInput: rego/schemas/input.json is what the Go types and their comments say, to the byte.
func TestSchemaIsTheInput(t *testing.T) {
	const file = "../../rego/schemas/input.json"
	g := schemaOf{words: words(), comments: comments(t, "../authz")}
	g.object(reflect.TypeFor[authz.Input](), "Weir policy input", "data.weir.authz.decision is evaluated over this and nothing else. Made by go generate ./rego from authz.Input.")
	var want bytes.Buffer
	if err := json.Indent(&want, g.out.Bytes(), "", "  "); err != nil {
		t.Fatalf("%v in %s", err, g.out.Bytes())
	}
	want.WriteByte('\n')
	if *update {
		if err := os.WriteFile(file, want.Bytes(), 0o644); err != nil { //nolint:gosec // a file of this repository
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("rego/schemas/input.json is not what the types are; go generate ./rego (-types +file):\n%s", diff)
	}
}

// words are what a member, or any member of a type, may say, where it is one of few words.
func words() map[string][]string {
	return map[string][]string{
		"Input.Phase": {authz.PhaseRequest, authz.PhaseResponse},
		"SubjectKind": {string(authz.Human), string(authz.Workload), string(authz.Agent)},
		"TargetKind": {
			string(authz.KindInference), string(authz.KindVectorDB), string(authz.KindCorpus),
			string(authz.KindWeights), string(authz.KindRegistry), string(authz.KindConfig),
		},
		"ModelState": {string(authz.ModelUnknown), string(authz.ModelActive), string(authz.ModelRetired)},
		"Class": {
			string(authz.ClassUnknown), string(authz.ClassEmbed), string(authz.ClassSearch), string(authz.ClassRead),
			string(authz.ClassExport), string(authz.ClassList), string(authz.ClassWrite), string(authz.ClassAdmin),
		},
	}
}

// schemaOf writes JSON schemas (draft 7) of Go types. Every object says what else may be in it: a misspelt path must not load.
type schemaOf struct {
	out      bytes.Buffer
	words    map[string][]string
	comments map[string]string // Type.Field → what its comment says
}

// value writes the schema of a type; member is the Type.Field that is of it, or empty.
func (g *schemaOf) value(typ reflect.Type, member string) {
	comment, said := g.comments[member], ""
	words := slices.Concat(g.words[typ.Name()], g.words[member])
	if len(words) > 0 && len(g.words[typ.Name()]) == 0 { // the comment names Go's constants
		comment = ""
	}
	if comment != "" {
		said = fmt.Sprintf(`"description":%s,`, quote(comment))
	}
	simple := func(name string) { fmt.Fprintf(&g.out, `{%s"type":%q}`, said, name) }
	switch {
	case typ.Kind() == reflect.Pointer:
		g.value(typ.Elem(), member)
	case len(words) > 0:
		fmt.Fprintf(&g.out, `{%s"type":"string","enum":%s}`, said, quote(words))
	case typ.Kind() == reflect.String, typ == reflect.TypeFor[time.Time]():
		simple("string")
	case typ.Kind() == reflect.Bool:
		simple("boolean")
	case typ.Kind() == reflect.Int, typ.Kind() == reflect.Int64:
		simple("integer")
	case typ.Kind() == reflect.Float64:
		simple("number")
	case typ.Kind() == reflect.Slice:
		fmt.Fprintf(&g.out, `{%s"type":"array","items":`, said)
		g.value(typ.Elem(), "")
		g.out.WriteByte('}')
	case typ.Kind() == reflect.Map:
		g.keyed(typ, said)
	case typ.Kind() == reflect.Struct:
		g.object(typ, "", comment)
	default:
		panic(typ.String() + " has no place in an input")
	}
}

// keyed is a map: by unit, whose names are known, or by any name.
func (g *schemaOf) keyed(typ reflect.Type, said string) {
	switch {
	case typ.Key() == reflect.TypeFor[authz.Unit]():
		fmt.Fprintf(&g.out, `{%s"type":"object","properties":{`, said)
		for i, u := range authz.Units() {
			if i > 0 {
				g.out.WriteByte(',')
			}
			fmt.Fprintf(&g.out, "%q:", u)
			g.value(typ.Elem(), "")
		}
		g.out.WriteString(`},"additionalProperties":false}`)
	case typ.Elem().Kind() == reflect.Interface:
		fmt.Fprintf(&g.out, `{%s"type":"object","additionalProperties":true}`, said)
	default:
		fmt.Fprintf(&g.out, `{%s"type":"object","additionalProperties":`, said)
		g.value(typ.Elem(), "")
		g.out.WriteByte('}')
	}
}

func (g *schemaOf) object(typ reflect.Type, title, comment string) {
	g.out.WriteByte('{')
	if title != "" {
		fmt.Fprintf(&g.out, `"$schema":"http://json-schema.org/draft-07/schema#","title":%s,`, quote(title))
	}
	if comment != "" {
		fmt.Fprintf(&g.out, `"description":%s,`, quote(comment))
	}
	g.out.WriteString(`"type":"object","properties":{`)
	required := []string{}
	first := true
	for f := range fields(typ) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if options == "" {
			required = append(required, name)
		}
		if !first {
			g.out.WriteByte(',')
		}
		first = false
		fmt.Fprintf(&g.out, "%q:", name)
		g.value(f.Type, typ.Name()+"."+f.Name)
	}
	fmt.Fprintf(&g.out, `},"required":%s,"additionalProperties":false}`, quote(required))
}

func fields(typ reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range typ.NumField() {
			if !yield(typ.Field(i)) {
				return
			}
		}
	}
}

func quote(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

// comments reads what a package says of the members of its structs.
func comments(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no source in %s: %v", dir, err)
	}
	out := map[string]string{}
	for _, name := range slices.Sorted(slices.Values(names)) {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range s.Fields.List {
					text := strings.Join(strings.Fields(field.Doc.Text()+" "+field.Comment.Text()), " ")
					for _, id := range field.Names {
						out[spec.Name.Name+"."+id.Name] = text
					}
				}
			}
			return false
		})
	}
	return out
}
