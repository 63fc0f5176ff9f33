package artifact

import (
	"slices"

	"github.com/weirgate/weir/pkg/authz"
)

// maxSpans bounds the gaps that are kept in what is seen of a prefix, and of a tail.
const maxSpans = 64

// Evidence is what was seen of one object: of its first PrefixLen bytes and of the last PrefixLen, in pieces that come in any order. The zero
// value is nothing seen. It is not safe for concurrent use.
type Evidence struct {
	head []span // of the first PrefixLen bytes
	tail []span // of the last PrefixLen bytes that were seen, where the head does not hold them
}

// span is a piece of an object. Those of one list are in order, and do not touch.
type span struct {
	at int64
	b  []byte
}

func (s span) end() int64 { return s.at + int64(len(s.b)) }

// Add takes up a piece of the object, which begins at an offset. It copies what it keeps. Where two pieces disagree the later one counts.
func (e *Evidence) Add(offset int64, b []byte) {
	end := offset + int64(len(b))
	if offset < 0 || len(b) == 0 || end < offset {
		return
	}
	if offset < PrefixLen {
		n := min(int64(len(b)), PrefixLen-offset)
		e.head = insert(e.head, span{offset, b[:n]})
		if len(e.head) > maxSpans { // the farthest is the least use
			e.head = e.head[:maxSpans]
		}
	}
	if end <= PrefixLen {
		return
	}
	from := max(PrefixLen, max(end, e.end())-PrefixLen)
	if skip := max(0, from-offset); skip < int64(len(b)) {
		e.tail = insert(e.tail, span{offset + skip, b[skip:]})
	}
	e.trim(from)
}

// end is where the last byte ends that is kept of a tail.
func (e *Evidence) end() int64 {
	if len(e.tail) == 0 {
		return 0
	}
	return e.tail[len(e.tail)-1].end()
}

// trim drops what the tail does not reach back to.
func (e *Evidence) trim(from int64) {
	for len(e.tail) > 0 && (e.tail[0].end() <= from || len(e.tail) > maxSpans) {
		e.tail = slices.Delete(e.tail, 0, 1)
	}
	if len(e.tail) > 0 && e.tail[0].at < from {
		first := e.tail[0]
		e.tail[0] = span{from, slices.Clone(first.b[from-first.at:])} // not a slice of it: that would keep all of it
	}
}

// insert puts a piece into a list and joins it with those that it touches.
func insert(list []span, s span) []span {
	first := 0
	for first < len(list) && list[first].end() < s.at {
		first++
	}
	last := first
	for last < len(list) && list[last].at <= s.end() {
		last++
	}
	joined := span{at: s.at, b: make([]byte, 0, len(s.b))}
	if first < last && list[first].at < s.at {
		joined = span{list[first].at, slices.Clip(list[first].b[:s.at-list[first].at])}
	}
	joined.b = append(joined.b, s.b...)
	if first < last && list[last-1].end() > s.end() {
		joined.b = append(joined.b, list[last-1].b[s.end()-list[last-1].at:]...)
	}
	return slices.Replace(list, first, last, joined)
}

// Judge judges the object by all that was seen. size is that of the whole object in bytes, or authz.UnknownLength: without it nobody knows
// what is the tail, and the prefix decides alone. What can be named goes before what is opaque, and the stricter verdict before the other.
func (e *Evidence) Judge(size int64) (authz.Artifact, Verdict) {
	if size < 0 || size < e.end() || len(e.head) > 0 && size < e.head[len(e.head)-1].end() {
		size = authz.UnknownLength
	}
	var a authz.Artifact
	verdict := Unknown
	if size == 0 {
		verdict = Harmless
	}
	if len(e.head) > 0 && e.head[0].at == 0 {
		a, verdict = Recognise(e.head[0].b, size)
	}
	if verdict == Guarded && a.Class != authz.ArtifactOpaque {
		return a, verdict
	}
	if late, ok := judgeTail(e.last(size)); ok {
		return late, Guarded
	}
	return a, verdict
}

// last returns what is seen of the object's end without a gap; nil where its last byte is not seen.
func (e *Evidence) last(size int64) []byte {
	from := e.head
	if size > PrefixLen {
		from = e.tail
	}
	if size < 0 || len(from) == 0 || from[len(from)-1].end() != size {
		return nil
	}
	tail := from[len(from)-1]
	if tail.at != PrefixLen || len(e.head) == 0 || e.head[len(e.head)-1].end() != PrefixLen {
		return tail.b
	}
	head := e.head[len(e.head)-1].b
	missing := min(len(head), PrefixLen-len(tail.b))
	return slices.Concat(head[len(head)-missing:], tail.b)
}

// judgeTail recognises what ends so.
func judgeTail(tail []byte) (authz.Artifact, bool) {
	if format := footer(tail); format != "" {
		return corpus(format)
	}
	return directory(tail)
}

// clone returns evidence that later additions do not change. Pieces are never written to again: it shares them.
func (e *Evidence) clone() Evidence { return Evidence{slices.Clone(e.head), slices.Clone(e.tail)} }

// size is how many bytes are kept.
func (e *Evidence) size() (n int64) {
	for _, list := range [][]span{e.head, e.tail} {
		for _, s := range list {
			n += int64(cap(s.b)) + 32
		}
	}
	return n
}
