package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// fieldsOf returns the fields of a configuration struct by key.
func fieldsOf(t reflect.Type) map[string]reflect.StructField {
	out := map[string]reflect.StructField{}
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("yaml") != "" {
			out[f.Tag.Get("yaml")] = f
		}
	}
	return out
}

// walk calls visit for every field in v, those of list elements included, outer fields first.
func walk(v reflect.Value, key string, visit func(key string, v reflect.Value, tag reflect.StructTag)) {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			name := f.Tag.Get("yaml")
			if name == "" {
				continue
			}
			visit(join(key, name), v.Field(i), f.Tag)
			walk(v.Field(i), join(key, name), visit)
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", key, i), visit)
		}
	}
}

// ranges checks the min and max tags of the numbers that are set, or in the file.
func ranges(c *Config, r *report) {
	walk(reflect.ValueOf(c).Elem(), "", func(key string, v reflect.Value, tag reflect.StructTag) {
		lowest, highest := tag.Get("min"), tag.Get("max")
		if lowest == "" || v.Int() == 0 && r.lines[key] == 0 {
			return
		}
		switch {
		case v.Int() < parse(v.Type(), lowest):
			r.add(key, "want at least %s", lowest)
		case highest != "" && v.Int() > parse(v.Type(), highest):
			r.add(key, "want at most %s", highest)
		}
	})
}

// setDefaults fills in the default tags of what is not set.
func setDefaults(c *Config) {
	walk(reflect.ValueOf(c).Elem(), "", func(_ string, v reflect.Value, tag reflect.StructTag) {
		text, ok := tag.Lookup("default")
		if !ok || !v.IsZero() && !(v.Kind() == reflect.Slice && v.Len() == 0) {
			return
		}
		if v.Kind() != reflect.Slice {
			set(v, text)
			return
		}
		words := strings.Fields(text)
		v.Set(reflect.MakeSlice(v.Type(), len(words), len(words)))
		for i, w := range words {
			set(v.Index(i), w)
		}
	})
}

// set sets a scalar from a tag.
func set(v reflect.Value, text string) {
	if v.Kind() == reflect.String {
		v.SetString(text)
		return
	}
	v.SetInt(parse(v.Type(), text))
}

// parse reads a number of a tag. Tags are code: a wrong one is a fault that the first test finds.
func parse(t reflect.Type, text string) int64 {
	var n int64
	var err error
	switch t {
	case reflect.TypeFor[time.Duration]():
		var d time.Duration
		d, err = time.ParseDuration(text)
		n = int64(d)
	case reflect.TypeFor[authz.Window]():
		var w authz.Window
		w, err = authz.ParseWindow(text)
		n = int64(w)
	case reflect.TypeFor[Size]():
		var s Size
		s, err = parseSize(text)
		n = int64(s)
	default:
		n, err = strconv.ParseInt(text, 10, 64)
	}
	if err != nil {
		panic("config: tag " + strconv.Quote(text) + ": " + err.Error())
	}
	return n
}

func contains(words []string, word string) bool { return slices.Contains(words, word) }

func sorted(words []string) []string {
	words = slices.Clone(words)
	slices.Sort(words)
	return words
}

// or joins words for a sentence: a, b or c.
func or(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
