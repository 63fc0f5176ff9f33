package distinct

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The file holds what sketches have: eight bytes that say what it is, and records of 122 bytes, all numbers little-endian: the holder (16), the
// day (4), how many cells follow (2), room for 32 cells of register (2) and rank (1), and the CRC-32C of these (4). A commit is a record of one
// cell; whatever the order, and however often one is read, they make the same sketches. What a crash left half written at the end is no record; one
// that cannot be read before one that can is damage, and an error: what it said would be given back.

const (
	fileMagic = "weirdis1"
	maxCells  = 32
	recordLen = len(Key{}) + 4 + 2 + 3*maxCells + 4
)

// errNotOurs says that a file is another one.
var errNotOurs = errors.New("this is no file of documents, or one of another version: move it away to start with the counts at zero")

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

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
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli()))
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

// readRecord reads one record; false where it is none.
func readRecord(b []byte) (r record, ok bool) {
	body := b[:recordLen-4]
	n := int(binary.LittleEndian.Uint16(body[20:]))
	if crc32.Checksum(body, castagnoli()) != binary.LittleEndian.Uint32(b[len(body):]) || n > maxCells {
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

// readFile hands out the records of a file in order.
func readFile(from io.Reader, each func(record)) error {
	in := bufio.NewReaderSize(from, 1<<16)
	b := make([]byte, recordLen)
	if _, err := io.ReadFull(in, b[:len(fileMagic)]); err != nil || !bytes.Equal(b[:len(fileMagic)], []byte(fileMagic)) {
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		return errNotOurs
	}
	torn := 0
	for n := 1; ; n++ {
		_, err := io.ReadFull(in, b)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		r, ok := readRecord(b)
		switch {
		case !ok && torn == 0:
			torn = n
		case ok && torn > 0:
			return fmt.Errorf("record %d cannot be read and others follow: restore the file, or move it away to start with the counts at zero", torn)
		case ok:
			each(r)
		}
	}
}
