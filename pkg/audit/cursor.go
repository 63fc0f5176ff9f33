package audit

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// cursor is how far a shipper has got. It is durable only after its records were taken by the sink.
type cursor struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"` // of record Seq, to notice another journal under the same path
}

func cursorPath(dir, name string) string { return filepath.Join(dir, "cursor-"+name+".json") }

// loadCursor returns the zero cursor where there is none.
func loadCursor(path string) (cursor, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return cursor{}, nil
	}
	if err != nil {
		return cursor{}, err
	}
	var c cursor
	if err := json.Unmarshal(b, &c); err != nil {
		return cursor{}, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return c, nil
}

func (c cursor) save(path string) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return writeFile(path, append(b, '\n'))
}

func cursorAt(e Entry) cursor { return cursor{Seq: e.Seq, Hash: hex.EncodeToString(e.Hash[:])} }

// furthestCursor returns the file name and the record of dir's most advanced cursor; 0 when there is none that can be read.
func furthestCursor(dir string) (name string, seq uint64) {
	paths, _ := filepath.Glob(filepath.Join(dir, "cursor-*.json")) // the pattern is well formed
	for _, p := range paths {
		if c, err := loadCursor(p); err == nil && c.Seq > seq {
			name, seq = filepath.Base(p), c.Seq
		}
	}
	return name, seq
}

// validName reports whether s can name a cursor file.
func validName(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
