// Package recordfile keeps on disk what a process counts in memory: a file of records of one length, to which is appended before anything
// counts, and which is written anew where it has become long. pkg/coverage and pkg/distinct keep theirs so.
//
// It owns the file and its order: what is appended is with the operating system when Append returns, and on disk within a second (Run); a new
// file takes the old one's place only whole and on disk. It trusts its directory, and whoever may write there. It refuses a file of something
// else, and one with damage before its end: what a damaged record said would be given back. What a crash left half written at the end is no
// record, and costs nothing but that.
package recordfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// sumLen is how many bytes of a record are its CRC-32C, little-endian, at its end.
const sumLen = 4

// Form says how a file is written: Magic, and records of Length bytes, the last four of which are the CRC-32C of those before them.
type Form struct {
	Magic  string // what the file begins with; not empty
	Length int    // of a record in bytes, its checksum included
	What   string // what the file is of, for errors: "coverage"
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Seal appends the checksum of the record that begins at b[at].
func (Form) Seal(b []byte, at int) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli()))
}

// Read hands out the records of a file in order, without their checksums and only until each returns; each says whether one holds what it
// may. An error says that the file is another one, or damaged before its end, or what reading it failed with.
func (f Form) Read(from io.Reader, each func(body []byte) bool) error {
	r := bufio.NewReaderSize(from, 1<<16)
	head := make([]byte, len(f.Magic))
	if _, err := io.ReadFull(r, head); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if string(head) != f.Magic {
		return fmt.Errorf("this is no file of %s, or one of another version: move it away to start with %s at zero", f.What, f.What)
	}
	b, torn := make([]byte, f.Length), 0
	for n := 1; ; n++ {
		_, err := io.ReadFull(r, b)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		body := b[:f.Length-sumLen]
		whole := crc32.Checksum(body, castagnoli()) == binary.LittleEndian.Uint32(b[len(body):])
		switch {
		case whole && torn > 0:
			return fmt.Errorf("record %d cannot be read and others follow: restore the file, or move it away to start with %s at zero", torn, f.What)
		case (!whole || !each(body)) && torn == 0:
			torn = n
		}
	}
}
