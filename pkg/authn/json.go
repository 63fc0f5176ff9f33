package authn

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// maxDepth is how deep the JSON of a token may nest.
const maxDepth = 32

var errDuplicate = errors.New("a name occurs twice in one object")

// object reads one JSON object strictly: UTF-8, no name twice at any depth (readers differ in which one they take, RFC 8259 §4), nothing
// after it. Numbers stay json.Number, so that large integers keep their value.
func object(raw []byte) (map[string]any, error) {
	if !utf8.Valid(raw) {
		return nil, refuse(labelMalformed, errors.New("not UTF-8"))
	}
	if !json.Valid(raw) { // Decoder.Token is lenient about separators
		return nil, refuse(labelMalformed, errors.New("not JSON"))
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := value(d, 0)
	if errors.Is(err, errDuplicate) {
		return nil, refuse(labelDuplicate, err)
	}
	if err != nil {
		return nil, refuse(labelMalformed, errors.New("not JSON")) // the decoder's own text quotes the input
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, refuse(labelMalformed, errors.New("not a JSON object"))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse(labelMalformed, errors.New("something follows the JSON object"))
	}
	return o, nil
}

// value reads one value of any kind.
func value(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deep")
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		return members(d, depth)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := value(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	}
	return t, nil
}

// members reads an object's members up to and with its end.
func members(d *json.Decoder, depth int) (map[string]any, error) {
	o := map[string]any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok {
			return nil, errors.New("a name is not a string")
		}
		if _, twice := o[name]; twice {
			return nil, errDuplicate
		}
		if o[name], err = value(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return o, err
}

// texts returns a list of strings as one, and whether it is one.
func texts(v any) ([]string, bool) {
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	out := make([]string, len(list))
	for i, item := range list {
		if out[i], ok = item.(string); !ok {
			return nil, false
		}
	}
	return out, true
}
