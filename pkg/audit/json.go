package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// encoder appends JSON to a buffer, byte for byte what encoding/json writes with SetEscapeHTML(false). It is reused; one goroutine at a
// time. The first value that has no JSON form is kept in err.
type encoder struct {
	b    []byte
	keys []string // stack of map keys being sorted
	err  error
}

const hexDigits = "0123456789abcdef"

// quoted appends a string. Bytes that are not UTF-8 become U+FFFD.
func (e *encoder) quoted(s string) {
	b := append(e.b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = appendEscaped(append(b, s[start:i]...), c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(append(b, s[start:i]...), `\ufffd`...)
			i++
			start = i
			continue
		}
		if r == '\u2028' || r == '\u2029' {
			b = append(append(b, s[start:i]...), `\u202`...)
			b = append(b, hexDigits[r&0xf])
			i += size
			start = i
			continue
		}
		i += size
	}
	e.b = append(append(b, s[start:]...), '"')
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

func (e *encoder) integer(n int64) { e.b = strconv.AppendInt(e.b, n, 10) }
func (e *encoder) flag(v bool)     { e.b = strconv.AppendBool(e.b, v) }

// lastTime is the last moment that RFC 3339 can write.
var lastTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// moment appends a time in RFC 3339. A time beyond the year 9999, which a token's exp can be, is written as the last moment of it.
func (e *encoder) moment(t time.Time) {
	if y := t.Year(); y > 9999 || y < 0 {
		t = lastTime
	}
	e.b = append(t.AppendFormat(append(e.b, '"'), time.RFC3339Nano), '"')
}

// float appends a number in the form of encoding/json (ES6 number to string).
func (e *encoder) float(f float64) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		e.fail(fmt.Errorf("number %v has no JSON form", f))
		return
	}
	format, abs := byte('f'), math.Abs(f)
	if abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	e.b = strconv.AppendFloat(e.b, f, format, -1, 64)
	if n := len(e.b); format == 'e' && n >= 4 && e.b[n-4] == 'e' && (e.b[n-3] == '-' || e.b[n-3] == '+') && e.b[n-2] == '0' {
		e.b[n-2] = e.b[n-1] // e-09 to e-9
		e.b = e.b[:n-1]
	}
}

func (e *encoder) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

func (e *encoder) strings(v []string) {
	e.b = append(e.b, '[')
	for i, s := range v {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.quoted(s)
	}
	e.b = append(e.b, ']')
}

// object appends a map in the order of its keys.
func object[K ~string, V any](e *encoder, m map[K]V, value func(*encoder, V)) {
	start := len(e.keys)
	for k := range m {
		e.keys = append(e.keys, string(k))
	}
	slices.Sort(e.keys[start:])
	e.b = append(e.b, '{')
	for i := start; i < start+len(m); i++ {
		if i > start {
			e.b = append(e.b, ',')
		}
		e.quoted(e.keys[i])
		e.b = append(e.b, ':')
		value(e, m[K(e.keys[i])])
	}
	e.b = append(e.b, '}')
	clear(e.keys[start:])
	e.keys = e.keys[:start]
}

// any appends a value as a JSON decoder makes it; anything else goes through encoding/json.
func (e *encoder) any(v any) {
	switch v := v.(type) {
	case nil:
		e.b = append(e.b, "null"...)
	case bool:
		e.flag(v)
	case string:
		e.quoted(v)
	case float64:
		e.float(v)
	case int64:
		e.integer(v)
	case int:
		e.integer(int64(v))
	case []string:
		if v == nil {
			e.b = append(e.b, "null"...)
			return
		}
		e.strings(v)
	case []any:
		e.list(v)
	case map[string]any:
		if v == nil {
			e.b = append(e.b, "null"...)
			return
		}
		object(e, v, (*encoder).any)
	default:
		e.other(v)
	}
}

func (e *encoder) list(v []any) {
	if v == nil {
		e.b = append(e.b, "null"...)
		return
	}
	e.b = append(e.b, '[')
	for i, item := range v {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		e.any(item)
	}
	e.b = append(e.b, ']')
}

// other appends what is rare through encoding/json.
func (e *encoder) other(v any) {
	w := bytes.NewBuffer(e.b)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		e.fail(err)
		return
	}
	e.b = bytes.TrimSuffix(w.Bytes(), []byte("\n"))
}
