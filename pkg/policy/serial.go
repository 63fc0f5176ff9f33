package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/open-policy-agent/opa/v1/bundle"
)

// serialKey is the member of a manifest's metadata that says how new a bundle is: a whole number from 1 up, which its maker counts up.
const serialKey = "weir_serial"

// serialOf reads a bundle's serial; 0 where it has none. The signature covers the manifest.
func serialOf(m bundle.Manifest) (int64, error) {
	v, ok := m.Metadata[serialKey]
	if !ok {
		return 0, nil
	}
	n, err := whole(v)
	if err == nil && n == 0 {
		err = errors.New("0 is none: want a whole number from 1 up")
	}
	if err != nil {
		return 0, fmt.Errorf("metadata.%s of the manifest: %w", serialKey, err)
	}
	return n, nil
}

// Serials knows the newest bundle that was taken, and refuses older ones: an old bundle has a good signature, too, and whoever can put it
// where bundles come from would bring back a policy that was mended since. It is for one goroutine.
type Serials struct {
	file     string
	required bool
	last     lastSerial
}

// lastSerial is the newest bundle that was taken, as it stands in the file.
type lastSerial struct {
	Serial int64  `json:"serial"` // 0: none had one yet
	SHA256 string `json:"sha256"` // of the bundle, in hexadecimal
}

// NewSerials reads from a file what was taken before, by this process or an earlier one; a file that is not there says nothing. required
// refuses bundles without a serial from the first one on; otherwise they are refused once there was one with.
func NewSerials(file string, required bool) (*Serials, error) {
	s := &Serials{file: file, required: required}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s.last)
	}
	if err == nil && s.last.Serial < 1 {
		err = errors.New("its serial is none")
	}
	if err != nil {
		return nil, fmt.Errorf("%s says which bundle was taken last: %w: move it away to take whichever is there, however old", file, err)
	}
	return s, nil
}

// check refuses a bundle that is older than one that was taken, and another one of the same serial: which of the two is newer nobody knows.
func (s *Serials) check(b *Bundle) error {
	last := s.last.Serial
	switch {
	case b.Serial == 0 && last > 0:
		return fmt.Errorf("it has no serial, and one with serial %d was taken before", last)
	case b.Serial == 0 && s.required:
		return fmt.Errorf("it has no serial (metadata.%s of its manifest)", serialKey)
	case b.Serial < last:
		return fmt.Errorf("its serial is %d, and one with serial %d was taken before: it is an older one", b.Serial, last)
	case b.Serial == last && b.Serial > 0 && b.digest != s.last.SHA256:
		return fmt.Errorf("it is another one with serial %d, which was taken before: a new one wants a greater serial", last)
	}
	return nil
}

// Raise refuses bundles older than b from now on.
func (s *Serials) Raise(b *Bundle) {
	if b.Serial > s.last.Serial {
		s.last = lastSerial{b.Serial, b.digest}
	}
}

// Taken says that a bundle is in force: from now on, and after a restart, none older than it is taken. The error says that a restart will
// not know.
func (s *Serials) Taken(b *Bundle) error {
	s.Raise(b)
	if s.last.Serial == 0 {
		return nil
	}
	text, err := json.Marshal(s.last)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(s.file), 0o700)
	}
	if err == nil {
		err = replaceFile(s.file, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("remember the bundle's serial: %w", err)
	}
	return nil
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
