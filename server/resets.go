package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A reset that is handed over is a file, NAME.json, in the directory limits beside the journal's segments. The process that serves answers it
// by NAME.done.

const (
	resetsDir     = "limits"
	resetAsked    = ".json"
	resetAnswered = ".done"
	// resetEvery is how often both sides look.
	resetEvery = 500 * time.Millisecond
	// resetPatience is how long an operator waits.
	resetPatience = 15 * time.Second
)

// resetAnswer is what became of a reset.
type resetAnswer struct {
	Decision string `json:"decision,omitempty"`
	Error    string `json:"error,omitempty"`
}

// hand gives the reset to the process that serves, and waits for its answer.
func (r Reset) hand(ctx context.Context, journal string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, resetPatience)
	defer cancel()
	b, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(journal, resetsDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	name := filepath.Join(dir, strings.ToLower(rand.Text()))
	if err := writeWhole(name+resetAsked, b); err != nil {
		return "", err
	}
	defer os.Remove(name + resetAsked) // not there any more once it is taken
	tick := time.NewTicker(resetEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the process that serves has not reset anything yet: %w", ctx.Err())
		case <-tick.C:
		}
		b, err := readWhole(name + resetAnswered)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		var a resetAnswer
		if err := errors.Join(json.Unmarshal(b, &a), os.Remove(name+resetAnswered)); err != nil {
			return "", err
		}
		if a.Error != "" {
			return a.Decision, errors.New(a.Error)
		}
		return a.Decision, nil
	}
}

// watchResets makes the resets that operators hand over, until ctx ends.
func (s *Server) watchResets(ctx context.Context) error {
	tick := time.NewTicker(resetEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		names, err := filepath.Glob(filepath.Join(s.journal.Dir(), resetsDir, "*"+resetAsked))
		if err != nil {
			return nil //nolint:nilerr // a directory's name with a pattern in it: then there is nothing to be handed over
		}
		for _, name := range names {
			s.resetAsked(ctx, name)
		}
	}
}

// resetAsked makes one reset. The file goes first: a reset is made once, or not at all.
func (s *Server) resetAsked(ctx context.Context, name string) {
	b, err := readWhole(name)
	if err2 := os.Remove(name); err == nil {
		err = err2
	}
	var r Reset
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	var a resetAnswer
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, resetPatience)
		defer cancel()
		a.Decision, err = r.do(ctx, s.journal, s.store, s.cfg.Replica)
	}
	if err != nil {
		a.Error = err.Error()
		s.opts.Log.Error("limits were not reset", "operator", r.Operator, "of", r.Of, "decision", a.Decision, "cause", err)
	} else {
		s.opts.Log.Warn("an operator reset limits", "operator", r.Operator, "of", r.Of, "decision", a.Decision)
	}
	if b, err = json.Marshal(a); err == nil {
		err = writeWhole(strings.TrimSuffix(name, resetAsked)+resetAnswered, b)
	}
	if err != nil {
		s.opts.Log.Error("the answer to a reset was not written", "decision", a.Decision, "cause", err)
	}
}

// writeWhole writes a file that nobody sees in part.
func writeWhole(name string, b []byte) error {
	if err := os.WriteFile(name+".part", b, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".part", name)
}

// readWhole reads a file that may not be large.
func readWhole(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxReset+1))
	if err == nil && len(b) > maxReset {
		err = fmt.Errorf("%s: larger than %d bytes", filepath.Base(name), maxReset)
	}
	return b, err
}
