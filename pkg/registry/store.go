package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/weirgate/weir/pkg/authz"
)

// File is the Store of one process, in a file where it has one: its first line is the revision, the rest the document. A change is on disk
// before it holds. The process that uses it must be the only one.
type File struct {
	name string // empty: in memory only

	mu       sync.Mutex // guards what follows
	revision string
	doc      []byte
}

// OpenFile reads a file, if it is there. One that is damaged is an error: what it said of retired versions would be forgotten.
func OpenFile(name string) (*File, error) {
	f := &File{name: name}
	if name == "" {
		return f, nil
	}
	at, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	defer at.Close()
	b, err := io.ReadAll(io.LimitReader(at, 2*MaxDocument))
	if err != nil {
		return nil, err
	}
	revision, doc, ok := bytes.Cut(b, []byte("\n"))
	if err = CheckRevision(string(revision), doc); !ok || err != nil {
		return nil, fmt.Errorf("%s is no registry of model versions, or damaged: bring back a copy, or move it away to start with none: %w", name, err)
	}
	f.revision, f.doc = string(revision), doc
	return f, nil
}

// Read implements Store.
func (f *File) Read(_ context.Context, have string) ([]byte, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.revision == have {
		return nil, have, nil
	}
	return f.doc, f.revision, nil
}

// Write implements Store.
func (f *File) Write(_ context.Context, old, revision string, doc []byte) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.revision != old {
		return false, nil
	}
	if f.name != "" {
		if err := replace(f.name, append([]byte(revision+"\n"), doc...)); err != nil {
			return false, &authz.Error{Kind: authz.KindUnavailable, Label: "store_unavailable", Public: "Weir could not write its registry of model versions", Err: err}
		}
	}
	f.revision, f.doc = revision, bytes.Clone(doc)
	return true, nil
}

// replace puts a file in place of another when all of it is on disk.
func replace(name string, b []byte) error {
	part, err := os.CreateTemp(filepath.Dir(name), ".registry-*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name()) // gone already after the rename
	_, err = part.Write(b)
	if err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err == nil {
		err = os.Rename(part.Name(), name)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
