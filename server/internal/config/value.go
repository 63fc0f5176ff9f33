package config

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// String returns the size in the largest unit that is exact.
func (s Size) String() string {
	for _, u := range units() {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

type unit struct {
	name  string
	bytes int64
}

func units() [4]unit {
	return [...]unit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
}

var errSize = errors.New("want a size such as 65536, 64KiB, 8MiB or 1GiB")

// parseSize reads a whole number of bytes, or of KiB, MiB, GiB or TiB.
func parseSize(s string) (Size, error) {
	factor := int64(1)
	for _, u := range units() {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			s, factor = number, u.bytes
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor || strings.HasPrefix(s, "+") {
		return 0, errSize
	}
	return Size(n * factor), nil
}

// Secret is text that may hold a password. It does not print.
type Secret string

const redacted = "[redacted]"

// Reveal returns the text.
func (s Secret) Reveal() string { return string(s) }

// String hides the text, for every verb of fmt.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString hides the text.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the text, in JSON too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML hides the text.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }
