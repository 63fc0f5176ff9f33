package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/weirgate/weir/pkg/authz"
)

// decoder fills a struct from YAML nodes, and goes on after a problem: a night is too short for one error at a time.
type decoder struct {
	*report
}

// document reads the file's one document.
func (d *decoder) document(b []byte, into reflect.Value) {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return
	case err != nil:
		d.syntax(err)
		return
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		d.at(max(more.Line, 1), "", "one document only: what follows --- would be ignored")
		return
	}
	d.value(doc.Content[0], into, "", "")
}

// syntax reports an error of the YAML reader, whose text begins "yaml: line N: ".
func (d *decoder) syntax(err error) {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if number, after, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(number); err == nil {
				line, text = n, after
			}
		}
	}
	if strings.Contains(text, "cannot start any token") {
		text += "; YAML is indented with spaces, never tabs"
	}
	d.at(line, "", "not YAML: %s", text)
}

// value decodes one node. tag is the struct tag of the field that it belongs to.
func (d *decoder) value(n *yaml.Node, v reflect.Value, key string, tag reflect.StructTag) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.at(n.Line, key, "anchors and aliases are not taken: write it out")
		return
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		d.duration(n, v, key)
	case v.Type() == reflect.TypeFor[authz.Window]():
		d.window(n, v, key)
	case v.Type() == reflect.TypeFor[Size]():
		d.size(n, v, key)
	case v.Kind() == reflect.Struct:
		d.structure(n, v, key)
	case v.Kind() == reflect.Slice:
		d.list(n, v, key, tag)
	case v.Kind() == reflect.Map:
		d.labels(n, v, key)
	case v.Kind() == reflect.String:
		d.text(n, v, key, tag)
	case v.Kind() == reflect.Bool:
		if d.scalar(n, key, "!!bool", "want true or false") {
			v.SetBool(strings.EqualFold(n.Value, "true"))
		}
	case v.Kind() == reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if d.scalar(n, key, "!!int", "want a whole number") {
			if err != nil {
				d.at(n.Line, key, "want a whole number")
			}
			v.SetInt(int64(i))
		}
	default:
		panic("config: no decoder for " + v.Type().String())
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.MappingNode {
		d.at(n.Line, key, "want keys and values")
		return
	}
	fields := fieldsOf(v.Type())
	var names []string
	for _, f := range fields {
		names = append(names, f.Tag.Get("yaml"))
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		path := join(key, k.Value)
		if first, twice := seen[k.Value]; twice {
			d.at(k.Line, path, "is there twice, first on line %d", first)
			continue
		}
		seen[k.Value] = k.Line
		f, ok := fields[k.Value]
		if !ok {
			d.unknown(k, path, names)
			continue
		}
		d.lines[path] = k.Line
		d.value(n.Content[i+1], v.FieldByIndex(f.Index), path, f.Tag)
	}
}

func (d *decoder) unknown(k *yaml.Node, path string, names []string) {
	if near := Nearest(k.Value, names); near != "" {
		d.at(k.Line, path, "unknown key; did you mean %s?", near)
		return
	}
	d.at(k.Line, path, "unknown key; known here: %s", strings.Join(sorted(names), ", "))
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, key string, tag reflect.StructTag) {
	if n.Kind != yaml.SequenceNode {
		d.at(n.Line, key, "want a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, e := range n.Content {
		path := fmt.Sprintf("%s[%d]", key, i)
		d.lines[path] = e.Line
		if e.Kind == yaml.ScalarNode && e.ShortTag() == "!!null" {
			d.at(e.Line, path, "is empty")
			continue
		}
		d.value(e, v.Index(i), path, tag)
	}
}

func (d *decoder) labels(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.MappingNode {
		d.at(n.Line, key, "want keys and values")
		return
	}
	out := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, path := n.Content[i], join(key, n.Content[i].Value)
		d.lines[path] = k.Line
		if _, twice := out[k.Value]; twice {
			d.at(k.Line, path, "is there twice")
		}
		var text string
		d.value(n.Content[i+1], reflect.ValueOf(&text).Elem(), path, "")
		out[k.Value] = text
	}
	v.Set(reflect.ValueOf(out))
}

func (d *decoder) text(n *yaml.Node, v reflect.Value, key string, tag reflect.StructTag) {
	want := "want text: put it in quotes"
	if n.Kind != yaml.ScalarNode {
		want = "want text"
	}
	if !d.scalar(n, key, "!!str", want) {
		return
	}
	if choices := strings.Fields(tag.Get("oneof")); len(choices) > 0 && !contains(choices, n.Value) {
		text := fmt.Sprintf("%q is not known: want %s", n.Value, or(choices))
		if near := Nearest(n.Value, choices); near != "" {
			text += fmt.Sprintf("; did you mean %s?", near)
		}
		d.at(n.Line, key, "%s", text)
		return
	}
	v.SetString(n.Value)
}

// scalar reports whether a node is a scalar of a type, and blames the key otherwise.
func (d *decoder) scalar(n *yaml.Node, key, tag, want string) bool {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != tag {
		d.at(n.Line, key, "%s", want)
		return false
	}
	return true
}

func (d *decoder) duration(n *yaml.Node, v reflect.Value, key string) {
	p, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || p < 0 || n.ShortTag() == "!!int" {
		d.at(n.Line, key, "want a duration with its unit, such as 300ms, 5s or 1h30m")
		return
	}
	v.SetInt(int64(p))
}

func (d *decoder) window(n *yaml.Node, v reflect.Value, key string) {
	w, err := authz.ParseWindow(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		d.at(n.Line, key, "want a number and m, h or d, such as 1m, 24h or 30d")
		return
	}
	v.SetInt(int64(w))
}

func (d *decoder) size(n *yaml.Node, v reflect.Value, key string) {
	s, err := parseSize(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		d.at(n.Line, key, "%v", errSize)
		return
	}
	v.SetInt(int64(s))
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
