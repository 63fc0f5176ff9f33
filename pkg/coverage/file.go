package coverage

import (
	"encoding/binary"
	"fmt"

	"github.com/weirgate/weir/pkg/recordfile"
)

// The file holds what has left: a record for each commit and holder, the last one of a key holds. A record is 156 bytes, all numbers
// little-endian: the key (16), the time of the commit in ns since 1970 (8), the whole bitmap after it (128), and the checksum (4).

// form is how the file is written.
func form() recordfile.Form {
	return recordfile.Form{Magic: "weircov1", Length: len(Key{}) + 8 + BitmapLen + 4, What: "coverage"}
}

// appendRecord appends an object as the file has it.
func appendRecord(b []byte, o *object) []byte {
	at := len(b)
	b = append(b, o.key[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(o.last)) //nolint:gosec // read back as it was
	return form().Seal(o.left.Append(b), at)
}

// readRecord reads what a record says.
func readRecord(body []byte) object {
	o := object{key: Key(body), last: int64(binary.LittleEndian.Uint64(body[16:]))} //nolint:gosec // as it was written
	o.left = ReadBitmap(body[24:])
	return o
}

// begin reads the file, if there is one, and keeps it from then on.
func (m *Memory) begin() (err error) {
	m.disk, err = recordfile.Open(recordfile.Config{
		Form: form(), Name: m.cfg.File, Lock: &m.mu, Whole: m.written,
		Each: func(body []byte) bool { m.put(readRecord(body)); return true },
	})
	if err != nil {
		return fmt.Errorf("coverage in %s: %w", m.cfg.File, err)
	}
	return nil
}

// written appends all that counts. The caller holds mu.
func (m *Memory) written(b []byte) []byte {
	now := m.cfg.Now()
	for e := m.recent.Back(); e != nil; e = e.Prev() {
		if o := e.Value.(*object); !m.expired(o, now) { //nolint:errcheck,forcetypeassert // there is nothing else in it
			b = appendRecord(b, o)
		}
	}
	return b
}
