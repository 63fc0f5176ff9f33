package distinct

import (
	"container/list"
	"encoding/binary"
	"fmt"

	"github.com/weirgate/weir/pkg/recordfile"
)

// The file holds what sketches have: records of 122 bytes, all numbers little-endian: the holder (16), the day (4), how many cells follow (2), room
// for 32 cells of register (2) and rank (1), and the checksum (4). A commit is a record of one cell; whatever the order, and however often one is
// read, they make the same sketches.

const maxCells = 32

// form is how the file is written.
func form() recordfile.Form {
	return recordfile.Form{Magic: "weirdis1", Length: len(Key{}) + 4 + 2 + 3*maxCells + 4, What: "documents"}
}

// appendRecord appends up to 32 cells as the file has them.
func appendRecord(b []byte, holder Key, day int64, cells ...cell) []byte {
	at := len(b)
	b = append(b, holder[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(day))        //nolint:gosec // a day since 1970
	b = binary.LittleEndian.AppendUint16(b, uint16(len(cells))) //nolint:gosec // at most 32
	for _, c := range cells {
		b = append(binary.LittleEndian.AppendUint16(b, c.register), c.rank)
	}
	b = append(b, make([]byte, 3*(maxCells-len(cells)))...)
	return form().Seal(b, at)
}

// appendSketch appends all cells of a day.
func appendSketch(b []byte, holder Key, d day) []byte {
	cells := make([]cell, 0, maxCells)
	d.of.each(func(c cell) {
		if cells = append(cells, c); len(cells) == maxCells {
			b, cells = appendRecord(b, holder, d.at, cells...), cells[:0]
		}
	})
	if len(cells) > 0 {
		b = appendRecord(b, holder, d.at, cells...)
	}
	return b
}

// record is one of the file.
type record struct {
	holder Key
	day    int64
	cells  []cell
}

// readRecord reads what a record says; false where it says what no sketch has.
func readRecord(body []byte) (r record, ok bool) {
	n := int(binary.LittleEndian.Uint16(body[20:]))
	if n > maxCells {
		return r, false
	}
	r = record{holder: Key(body), day: int64(binary.LittleEndian.Uint32(body[16:]))}
	for i := range n {
		c := cell{binary.LittleEndian.Uint16(body[22+3*i:]), body[24+3*i]}
		if c.register >= registers || c.rank > maxRank {
			return record{}, false
		}
		r.cells = append(r.cells, c)
	}
	return r, true
}

// begin reads the file, if there is one, and keeps it from then on.
func (m *Memory) begin() (err error) {
	m.disk, err = recordfile.Open(recordfile.Config{Form: form(), Name: m.cfg.File, Lock: &m.mu, Whole: m.written, Each: m.restore})
	if err != nil {
		return fmt.Errorf("documents in %s: %w", m.cfg.File, err)
	}
	return nil
}

// restore counts what a record says, as far as it counts still.
func (m *Memory) restore(body []byte) bool {
	r, ok := readRecord(body)
	if !ok {
		return false
	}
	h := m.find(r.holder, r.day)
	for _, c := range r.cells {
		if r.day > h.today-Days {
			m.add(h, r.day, c)
		}
	}
	return true
}

// written appends all that counts. Who has had nothing that does is forgotten. The caller holds mu.
func (m *Memory) written(b []byte) []byte {
	today := Day(m.cfg.Now())
	var before *list.Element
	for e := m.recent.Back(); e != nil; e = before {
		before = e.Prev()
		h := e.Value.(*holder) //nolint:errcheck,forcetypeassert // there is nothing else in it
		m.roll(h, today)
		kept := len(h.open)
		for i := range h.days {
			if h.days[i].of != nil {
				b = appendSketch(b, h.key, h.days[i])
				kept++
			}
		}
		if kept == 0 {
			m.recent.Remove(e)
			delete(m.holders, h.key)
			m.sketches--
		}
	}
	return b
}
