package window

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"

	"github.com/weirgate/weir/pkg/authz"
)

// open reads snapshot and journal, and begins a file of the journal.
func (m *Memory) open() error {
	m.journal = &journal{base: m.cfg.Snapshot}
	if err := m.read(); err != nil {
		return err
	}
	_, err := m.journal.turn()
	return err
}

// read reads snapshot and journal.
func (m *Memory) read() error {
	first, err := m.load()
	if err != nil {
		return err
	}
	numbers, err := m.journal.list()
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if m.journal.number = n; n < first {
			continue
		}
		if err := m.replay(m.journal.path(n)); err != nil {
			return err
		}
	}
	return nil
}

// replay makes the changes of one file of the journal. It ends at a record that is not whole: the crash cut it off.
func (m *Memory) replay(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	d := decoder{m: m}
	for rest := b; len(rest) > 0; {
		body, after, err := nextRecord(rest)
		if err == nil {
			err = d.record(body)
		}
		if err != nil {
			m.cfg.Log.Warn("the counters' journal ends in a record that is not whole: what it held is forgotten", "file", name, "bytes", len(rest), "cause", err)
			return nil
		}
		rest = after
	}
	return nil
}

// nextRecord splits the first record off.
func nextRecord(b []byte) (body, rest []byte, err error) {
	if len(b) < 8 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || n > maxRecord || int(n) > len(b)-8 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	body = b[8 : 8+n]
	if crc32.Checksum(body, castagnoli()) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, nil, errors.New("its checksum is wrong")
	}
	return body, b[8+n:], nil
}

// decoder makes the changes of one file again.
type decoder struct {
	m       *Memory
	tenants []*tenant
	keys    []authz.MeterKey
	b       []byte // of the record, what is not read yet
	bad     bool   // it is not what it should be
}

var errRecord = errors.New("it is no record of this version")

func (d *decoder) record(body []byte) error {
	d.b = body[1:]
	switch body[0] {
	case recordTenant:
		name := d.text()
		t := d.m.tenants[name]
		if t == nil {
			t = newTenant(name)
			d.m.tenants[name] = t
		}
		d.tenants = append(d.tenants, t)
	case recordKey:
		meter := authz.Meter(d.text())
		d.keys = append(d.keys, authz.MeterKey{Meter: meter, Key: d.text()})
	case recordChange:
		d.change()
	default:
		return errRecord
	}
	if d.bad || len(d.b) > 0 {
		return errRecord
	}
	return nil
}

func (d *decoder) change() {
	name, seq, now, flags := d.count(), d.count(), d.count(), d.count()
	c := change{id: d.text(), closes: flags&flagCloses != 0, resets: flags&flagResets != 0}
	for range min(d.count(), maxRecord) {
		n := d.count()
		if d.bad = d.bad || n >= uint64(len(d.keys)); d.bad {
			return
		}
		c.keys = append(c.keys, d.keys[n])
	}
	for _, v := range []*authz.Volume{&c.more, &c.less} {
		for u := range v {
			n := d.count()
			d.bad = d.bad || n > maxCount
			v[u] = int64(n) //nolint:gosec // see above
		}
	}
	if d.bad = d.bad || name >= uint64(len(d.tenants)); d.bad {
		return
	}
	t := d.tenants[name]
	if seq <= t.seq { // the snapshot, which was taken while this file was written, holds it
		return
	}
	t.seq = seq
	d.m.setClock(t, int64(now)) //nolint:gosec // as it was written
	t.apply(t.open[c.id], &c, d.m.meters(t, c.keys, nil))
}

func (d *decoder) count() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) text() string {
	n := d.count()
	if n > uint64(len(d.b)) {
		d.bad = true
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}
