package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	File string // as given to Load or Parse; empty for a Config made in code
	Line int    // from 1; 0 when no line is to blame
	Key  string // such as targets[2].kind; empty when no key is to blame
	Text string // what is wrong and what would be right; never a secret
}

// String returns "file:line: key: text", without what is not known.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	return b.String() + p.Text
}

// Problems is everything that is wrong with a configuration, in the order of the file. As an error it is one line each.
type Problems []Problem

// Error implements error.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Blame makes a problem of an error that begins with a key of the policy's, such as policy.bundle, which was found by what serves it; of any
// other one without a place.
func (c *Config) Blame(err error) Problem {
	key, text, ok := strings.Cut(err.Error(), ": ")
	if line := c.report().line(key); ok && strings.HasPrefix(key, "policy.") && line > 0 {
		return Problem{File: c.file, Line: line, Key: key, Text: text}
	}
	return Problem{Text: err.Error()}
}

// report collects problems. A key is blamed once: what else is wrong with it follows from the first.
type report struct {
	file  string
	lines map[string]int
	found Problems
}

// add blames a key; its line is that of the key itself, or of the nearest key around it that is in the file.
func (r *report) add(key, format string, args ...any) {
	r.at(r.line(key), key, format, args...)
}

func (r *report) at(line int, key, format string, args ...any) {
	if key != "" && r.blamed(key) {
		return
	}
	r.found = append(r.found, Problem{File: r.file, Line: line, Key: key, Text: fmt.Sprintf(format, args...)})
}

// blamed reports whether the key, or one that it lies in, was blamed already.
func (r *report) blamed(key string) bool {
	return slices.ContainsFunc(r.found, func(p Problem) bool {
		return p.Key != "" && (p.Key == key || strings.HasPrefix(key, p.Key+".") || strings.HasPrefix(key, p.Key+"["))
	})
}

func (r *report) line(key string) int {
	for key != "" {
		if n := r.lines[key]; n > 0 {
			return n
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return 0
}

// err returns the problems in the order of the file, or nil.
func (r *report) err() error {
	if len(r.found) == 0 {
		return nil
	}
	slices.SortStableFunc(r.found, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return r.found
}

// Nearest returns the known word that is most like the one that was written, or "" when none is alike.
func Nearest(word string, known []string) string {
	best, distance := "", max(2, len(word)/3)+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(word), k); d < distance {
			best, distance = k, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, replacements and swaps of neighbours that turn a into b (optimal string alignment).
func editDistance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
