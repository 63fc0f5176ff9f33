package coverage

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The file holds what has left: eight bytes that say what it is, and a record for each commit and holder. A record is 156 bytes, all numbers
// little-endian: the key (16), the time of the commit in ns since 1970 (8), the whole bitmap after it (128), and the CRC-32C of these (4).
// The last record of a key holds. What a crash left half written at the end is no record; a record that cannot be read before one that can
// is damage, and an error: what it said would be given back.

const (
	fileMagic = "weircov1"
	recordLen = len(Key{}) + 8 + BitmapLen + 4
)

// errNotOurs says that a file is another one.
var errNotOurs = errors.New("this is no file of coverage, or one of another version: move it away to start with coverage at zero")

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// appendRecord appends an object as the file has it.
func appendRecord(b []byte, o *object) []byte {
	at := len(b)
	b = append(b, o.key[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(o.last)) //nolint:gosec // read back as it was
	b = o.left.Append(b)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli()))
}

// readRecord reads one record; false where it is none.
func readRecord(b []byte) (object, bool) {
	body := b[:recordLen-4]
	if crc32.Checksum(body, castagnoli()) != binary.LittleEndian.Uint32(b[len(body):]) {
		return object{}, false
	}
	o := object{key: Key(body), last: int64(binary.LittleEndian.Uint64(body[16:]))} //nolint:gosec // as it was written
	o.left = ReadBitmap(body[24:])
	return o, true
}

// readFile hands out the records of a file in order.
func readFile(from io.Reader, each func(object)) error {
	r := bufio.NewReaderSize(from, 1<<16)
	b := make([]byte, recordLen)
	if _, err := io.ReadFull(r, b[:len(fileMagic)]); err != nil || !bytes.Equal(b[:len(fileMagic)], []byte(fileMagic)) {
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		return errNotOurs
	}
	torn := 0
	for n := 1; ; n++ {
		_, err := io.ReadFull(r, b)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		o, ok := readRecord(b)
		switch {
		case !ok && torn == 0:
			torn = n
		case ok && torn > 0:
			return fmt.Errorf("record %d cannot be read and others follow: restore the file, or move it away to start with coverage at zero", torn)
		case ok:
			each(o)
		}
	}
}
