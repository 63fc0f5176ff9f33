package target

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// pattern is a compiled path rule.
type pattern struct {
	text     string
	exact    bool     // "=": the path itself and nothing below it
	slash    bool     // exact only: the path ends in a slash
	segments []string // each may hold stars
	literals []int    // bytes of each segment that are not stars; -1 where there is no star
}

// CheckPath tells what is wrong with a rule's path. "/v1/corpus", and "/v1/corpus/**" just the same, covers /v1/corpus and everything
// below it by whole segments, never /v1/corpus2; "=/v1/corpus" covers that path alone; a star stands for any run of bytes inside one
// segment, and a segment that is a star for any one segment. "/" covers everything.
func CheckPath(text string) error {
	_, err := parsePattern(text)
	return err
}

func parsePattern(text string) (pattern, error) {
	p := pattern{text: text}
	path, exact := strings.CutPrefix(text, "=")
	p.exact = exact
	if above, all := strings.CutSuffix(path, "/**"); all && !exact {
		path = above + "/"
	}
	if strings.Contains(path, "**") {
		return p, fmt.Errorf("path %q: ** can only be the last segment", text)
	}
	if strings.Contains(path, "?") {
		return p, fmt.Errorf("path %q: queries are not compared", text)
	}
	canonical, err := CanonicalPath(path)
	if err != nil {
		return p, fmt.Errorf("path %q: %w", text, err)
	}
	if canonical != path {
		return p, fmt.Errorf("path %q: write %q", text, strings.Replace(text, path, canonical, 1))
	}
	p.slash = exact && path != "/" && strings.HasSuffix(path, "/")
	for seg := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if seg == "" {
			break
		}
		literals := -1
		if stars := strings.Count(seg, "*"); stars > 0 {
			literals = len(seg) - stars
		}
		p.segments, p.literals = append(p.segments, seg), append(p.literals, literals)
	}
	return p, nil
}

// matches reports whether a canonical path is covered.
func (p *pattern) matches(path string) bool {
	rest := path[1:]
	for i, want := range p.segments {
		seg, after, more := strings.Cut(rest, "/")
		if seg == "" || !p.segmentMatches(i, want, seg) {
			return false
		}
		if !more && i < len(p.segments)-1 {
			return false
		}
		if rest = after; p.exact && i == len(p.segments)-1 {
			return rest == "" && more == p.slash
		}
	}
	return !p.exact || rest == ""
}

func (p *pattern) segmentMatches(i int, want, seg string) bool {
	if p.literals[i] < 0 {
		return want == seg
	}
	return p.literals[i] == 0 || glob(want, seg)
}

// glob reports whether s matches a segment with stars: the first star that can take a byte takes it, and only
// the last star is ever reconsidered, so the work is at most len(want) × len(s).
func glob(want, s string) bool {
	w, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case w < len(want) && want[w] == '*':
			star, mark = w, i
			w++
		case w < len(want) && want[w] == s[i]:
			w++
			i++
		case star >= 0:
			mark++
			w, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(want[w:], "*") == ""
}

// compare orders patterns, the more specific first: more segments, then exact before prefix, then from left to right a segment without
// star before one with, and more literal bytes before fewer. Zero means that neither is more specific.
func (p *pattern) compare(o *pattern) int {
	if c := cmp.Compare(len(o.segments), len(p.segments)); c != 0 {
		return c
	}
	if p.exact != o.exact {
		if p.exact {
			return -1
		}
		return 1
	}
	for i := range p.segments {
		a, b := p.literals[i], o.literals[i]
		switch {
		case a == b:
		case a < 0:
			return -1
		case b < 0:
			return 1
		default:
			return cmp.Compare(b, a)
		}
	}
	return 0
}

// overlaps reports whether two patterns that compare as equal cover a common path.
func (p *pattern) overlaps(o *pattern) bool {
	if p.exact && p.slash != o.slash {
		return false
	}
	for i := range p.segments {
		if !intersect(p.segments[i], o.segments[i]) {
			return false
		}
	}
	return true
}

// maxIntersect bounds the work of intersect; patterns beyond it count as overlapping.
const maxIntersect = 1 << 16

// intersect reports whether some segment matches both a and b.
func intersect(a, b string) bool {
	if len(a)*len(b) > maxIntersect {
		return true
	}
	// reach[j]: a[:i] and b[:j] have a common match.
	reach := make([]bool, len(b)+1)
	next := make([]bool, len(b)+1)
	for i := 0; i <= len(a); i++ {
		for j := 0; j <= len(b); j++ {
			ok := i == 0 && j == 0
			if i > 0 && a[i-1] == '*' { // the star takes nothing, or what b's last byte stands for
				ok = ok || reach[j] || j > 0 && next[j-1]
			}
			if j > 0 && b[j-1] == '*' {
				ok = ok || next[j-1] || i > 0 && reach[j]
			}
			if i > 0 && j > 0 && a[i-1] == b[j-1] {
				ok = ok || reach[j-1]
			}
			next[j] = ok
		}
		reach, next = next, reach
	}
	return reach[len(b)]
}

var errNoName = errors.New("a target needs a name")
