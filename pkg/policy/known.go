package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	shipped "github.com/weirgate/weir/rego"
)

// CheckInput reads an input that a person wrote, called name in errors: every key that a policy cannot know is one, with its line and the
// key that may have been meant, and so is one that is there twice, and a value of another type, or of none of the words that Weir would say
// there. A policy would not miss what is misspelt, only decide without it.
func CheckInput(name string, input []byte) error {
	s, err := readSchema()
	if err != nil {
		return err
	}
	c := &inputChecker{name: name, input: input, dec: json.NewDecoder(bytes.NewReader(input))}
	c.dec.UseNumber()
	if err := c.value(s, ""); err != nil {
		return fmt.Errorf("%s:%d: not JSON: %w", name, c.line(), err)
	}
	if _, err := c.dec.Token(); !errors.Is(err, io.EOF) {
		c.blame("", "one object only: what follows would be ignored")
	}
	return errors.Join(c.found...)
}

// Schema is the JSON schema (draft 7) of a policy's input, for editors and for "opa check --schema".
func Schema() ([]byte, error) { return shipped.FS.ReadFile("schemas/input.json") }

func readSchema() (*schema, error) {
	raw, err := Schema()
	if err != nil {
		return nil, err
	}
	s := new(schema)
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("schemas/input.json: %w", err)
	}
	return s, nil
}

// schema is as much of a JSON schema as is read here of schemas/input.json.
type schema struct {
	Type       string             `json:"type"`
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"` // what is always there
	Enum       []string           `json:"enum"`     // what it may say, where that is known
	Additional additional         `json:"additionalProperties"`
	Items      *schema            `json:"items"`
}

// additional is what a schema says of further keys: a boolean, or the schema of their values.
type additional struct{ *schema }

// UnmarshalJSON reads either; what a boolean says follows from whether there are properties.
func (a *additional) UnmarshalJSON(b []byte) error {
	if string(b) == "true" || string(b) == "false" {
		return nil
	}
	return json.Unmarshal(b, &a.schema)
}

// inputChecker walks an input beside its schema, and goes on after a mistake.
type inputChecker struct {
	name  string
	input []byte
	dec   *json.Decoder
	found []error
}

func (c *inputChecker) line() int {
	return 1 + bytes.Count(c.input[:c.dec.InputOffset()], []byte("\n"))
}

func (c *inputChecker) blame(path, format string, args ...any) {
	if path != "" {
		path += ": "
	}
	c.found = append(c.found, fmt.Errorf("%s:%d: %s%s", c.name, c.line(), path, fmt.Sprintf(format, args...)))
}

// value reads one value. s is nil where anything may stand.
func (c *inputChecker) value(s *schema, path string) error {
	t, err := c.dec.Token()
	if err != nil {
		return err
	}
	if s = c.typed(s, t, path); s != nil && len(s.Enum) > 0 {
		c.word(s.Enum, t, path)
	}
	switch t {
	case json.Delim('{'):
		return c.object(s, path)
	case json.Delim('['):
		for i := 0; c.dec.More(); i++ {
			var item *schema
			if s != nil {
				item = s.Items
			}
			if err := c.value(item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		_, err = c.dec.Token()
	}
	return err
}

// typed returns s where the token begins a value of its type; otherwise it blames it, and what is in it may be anything.
func (c *inputChecker) typed(s *schema, t json.Token, path string) *schema {
	if s == nil {
		return nil
	}
	is := "null"
	switch t := t.(type) {
	case string:
		is = "string"
	case bool:
		is = "boolean"
	case json.Number:
		is = "number"
		if f, err := t.Float64(); s.Type == "integer" && err == nil && f == math.Trunc(f) { // 1e6 is one too
			is = "integer"
		}
	case json.Delim:
		is = map[json.Delim]string{'{': "object", '[': "array"}[t]
	}
	if s.Type == "" || s.Type == is {
		return s
	}
	c.blame(path, "want %s, not %s", s.Type, is)
	return nil
}

// word blames a value that is none of the words known there. An empty one is what Weir says where it does not know.
func (c *inputChecker) word(known []string, t json.Token, path string) {
	w, ok := t.(string)
	if !ok || w == "" || slices.Contains(known, w) {
		return
	}
	text := fmt.Sprintf("%q is not known; it is one of %s", w, strings.Join(known, ", "))
	if near := meant(w, known); near != "" {
		text += "; did you mean " + near + "?"
	}
	c.blame(path, "%s", text)
}

func (c *inputChecker) object(s *schema, path string) error {
	seen := map[string]bool{}
	for c.dec.More() {
		t, err := c.dec.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // an object's key is nothing else
		at := strings.TrimPrefix(path+"."+key, ".")
		if seen[key] {
			c.blame(at, "is there twice")
		}
		seen[key] = true
		if err := c.value(c.known(s, key, at), at); err != nil {
			return err
		}
	}
	_, err := c.dec.Token()
	return err
}

// known returns the schema of a key's value, and blames a key that has none.
func (c *inputChecker) known(s *schema, key, at string) *schema {
	switch {
	case s == nil:
		return nil
	case s.Properties[key] != nil:
		return s.Properties[key]
	case s.Additional.schema != nil || len(s.Properties) == 0:
		return s.Additional.schema
	}
	names := slices.Sorted(maps.Keys(s.Properties))
	if near := meant(key, names); near != "" {
		c.blame(at, "unknown key; did you mean %s?", near)
	} else {
		c.blame(at, "unknown key; known here: %s", strings.Join(names, ", "))
	}
	return nil
}

// meant is the known word that another one is a few slips away from; "" where there is none.
func meant(word string, known []string) string {
	near := slices.MinFunc(known, func(a, b string) int { return distance(word, a) - distance(word, b) })
	if distance(word, near) > max(2, len(word)/3) {
		return ""
	}
	return near
}
