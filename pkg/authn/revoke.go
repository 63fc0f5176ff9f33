package authn

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/weirgate/weir/pkg/authz"
)

// The bounds of a revocation list.
const (
	maxRevocations    = 16 << 20 // bytes
	revokeCredential  = "jti"
	revokeSubject     = "sub"
	revokeBefore      = "before"
	commentRevocation = "#"
)

// revocations say what is not believed any more. They are immutable; their address is their generation.
type revocations struct {
	sum         [sha256.Size]byte // of the file
	credentials map[string]struct{}
	subjects    map[string]time.Time // by Ref: what was issued before then; the zero time: everything
}

// parseRevocations reads a revocation list. Each line is one of
//
//	jti ID                       the credential of that ID: a token's jti, or what the audit trail has as weir.credential.id
//	sub ISSUER|SUB               whatever a subject shows, and whatever an agent shows that acts for it, or through it
//	sub ISSUER|SUB before TIME   the same, of what was issued before then (RFC 3339)
//	# a comment
//
// An unknown line is an error: a misspelt one must not leave somebody in.
func parseRevocations(raw []byte) (*revocations, error) {
	out := &revocations{credentials: map[string]struct{}{}, subjects: map[string]time.Time{}}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, commentRevocation) {
			continue
		}
		kind, rest, _ := strings.Cut(line, " ")
		if err := out.add(kind, strings.TrimSpace(rest)); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return out, lines.Err()
}

// CheckRevocations says what is wrong with a revocation list, and where.
func CheckRevocations(raw []byte) error {
	_, err := parseRevocations(raw)
	return err
}

func (r *revocations) add(kind, rest string) error {
	switch {
	case rest == "":
		return errors.New("want jti and an ID, or sub and ISSUER|SUB")
	case kind == revokeCredential:
		r.credentials[rest] = struct{}{}
		return nil
	case kind != revokeSubject:
		return fmt.Errorf("%.32q: want jti or sub", kind)
	}
	ref, when, timed := strings.Cut(rest, " "+revokeBefore+" ")
	if !strings.Contains(ref, "|") {
		return errors.New("want sub ISSUER|SUB, as the audit trail has it in user.id")
	}
	var before time.Time
	if timed {
		var err error
		if before, err = time.Parse(time.RFC3339, strings.TrimSpace(when)); err != nil {
			return errors.New("want a time such as 2026-11-02T10:00:00Z behind before")
		}
	}
	if have, twice := r.subjects[ref]; twice && (have.IsZero() || !before.IsZero() && have.After(before)) {
		return nil // the line that revokes more is the one
	}
	r.subjects[ref] = before
	return nil
}

// revoked reports whether a subject, or the one it acts for or through, is not believed any more. issued is when its credential was; the zero
// time where that is not known.
func (r *revocations) revoked(s *authz.Subject, issued time.Time) bool {
	if r == nil || len(r.credentials) == 0 && len(r.subjects) == 0 {
		return false
	}
	if r.lists(s.Credential) {
		return true
	}
	names := append(make([]string, 0, 4), s.Ref(), s.Owner)
	for _, actor := range s.Actors {
		names = append(names, orDefault(actor.Issuer, s.Issuer)+"|"+actor.ID)
	}
	for _, name := range names {
		if before, ok := r.subjects[name]; ok && (before.IsZero() || issued.IsZero() || issued.Before(before)) {
			return true
		}
	}
	return false
}

// lists reports whether the credential of that name is revoked by itself.
func (r *revocations) lists(credential string) bool {
	if r == nil {
		return false
	}
	_, ok := r.credentials[credential]
	return ok
}

// loadRevocations reads the list again. One that cannot be read leaves the last good one in force.
func (a *Authenticator) loadRevocations() error {
	if a.cfg.Revocations == "" {
		return nil
	}
	f, err := os.Open(a.cfg.Revocations)
	if err != nil {
		return fmt.Errorf("revocations: %w", err)
	}
	defer func() { _ = f.Close() }()
	raw, err := readUpTo(f, maxRevocations)
	if err != nil {
		return fmt.Errorf("revocations: %w", err)
	}
	sum := sha256.Sum256(raw)
	if have := a.revocations.Load(); have != nil && have.sum == sum {
		return nil // as it was: what was verified since need not be again
	}
	list, err := parseRevocations(raw)
	if err != nil {
		return fmt.Errorf("revocations: %s: %w", a.cfg.Revocations, err)
	}
	list.sum = sum
	a.revocations.Store(list)
	a.cfg.Log.Info("revocations read", "credentials", len(list.credentials), "subjects", len(list.subjects))
	return nil
}
