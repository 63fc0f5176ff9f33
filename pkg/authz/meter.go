package authz

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Meter names what a sliding-window count is kept for.
type Meter string

// The meters that there are always. A limit on MeterGroup names its group in Key.
const (
	MeterSubject       Meter = "subject"        // one subject over all targets
	MeterSubjectTarget Meter = "subject_target" // one subject on one target
	MeterTarget        Meter = "target"         // everyone on one target
	MeterGroup         Meter = "group"          // all members of one group
	MeterCredential    Meter = "credential"     // one credential (token), whoever holds it
)

// MeterUnseen is kept for one object and subject: bytes of an object that nobody can tell what it is by what was seen of it. Policies do not
// name it.
const MeterUnseen Meter = "unseen"

// MeterAttempts is kept for one subject: requests for models' weights, whatever became of them; and for one subject and object: those that
// were let pass. Policies do not name it: they read Operation.Attempts.
const MeterAttempts Meter = "attempts"

// AttemptWindows are the windows of MeterAttempts: those of Attempts.
func AttemptWindows() []Window { return []Window{Window(time.Hour), Window(24 * time.Hour)} }

// UnseenWindow is the window of MeterUnseen.
const UnseenWindow = Window(30 * 24 * time.Hour)

// MeterCapability is kept for one capability in a redirect (see Leave): what has left by it, whoever used it. Policies do not name it.
const MeterCapability Meter = "capability"

// CapabilityWindow is the window of MeterCapability: longer than any such capability lives.
const CapabilityWindow = Window(time.Hour)

// Valid reports whether m is one of the meters that there are always.
func (m Meter) Valid() bool {
	switch m {
	case MeterSubject, MeterSubjectTarget, MeterTarget, MeterGroup, MeterCredential:
		return true
	}
	return false
}

// Wellformed reports whether m is a meter's name: lower-case letters, digits and '_', a letter first, at most 64.
func (m Meter) Wellformed() bool {
	if m == "" || len(m) > 64 || m[0] < 'a' || m[0] > 'z' {
		return false
	}
	for i := range len(m) {
		if c := m[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// MeterSpec is a meter of the operator's own.
type MeterSpec struct {
	Name Meter
	// Keys are what it is kept for, all of them together; see KeyNames. At least one.
	Keys []string
	// Units are those that limits may name; none: all.
	Units []Unit
	// Windows are those that are kept; none: as many as any meter keeps.
	Windows []Window
}

// The keys of a MeterSpec that go on after a colon.
const (
	KeyClaim = "claim:" // a claim of the token, such as claim:team; a dot goes into an object
	KeyLabel = "label:" // a label of the target
)

// KeyNames lists the keys that stand alone: who asks, over all issuers; the person an agent acts for, and everybody else as themselves; the
// current actor, or who asks where nobody acts for them; a group, which the limit names; and so on.
func KeyNames() []string {
	return []string{"subject", "owner", "actor", "issuer", "kind", "credential", "group", "target", "target_kind", "tenant"}
}

// Check reports what is wrong with a spec.
func (s MeterSpec) Check() error {
	switch {
	case !s.Name.Wellformed():
		return fmt.Errorf("name %q: want 1 to 64 lower-case letters, digits and '_', a letter first", s.Name)
	case s.Name.Valid(), s.Name == MeterUnseen, s.Name == MeterAttempts, s.Name == MeterCapability:
		return fmt.Errorf("name %q: that meter is there already", s.Name)
	case len(s.Keys) == 0:
		return fmt.Errorf("keys: want at least one of %s, %sNAME, %sNAME", strings.Join(KeyNames(), ", "), KeyClaim, KeyLabel)
	}
	for i, k := range s.Keys {
		name, ok := strings.CutPrefix(k, KeyClaim)
		if !ok {
			name, ok = strings.CutPrefix(k, KeyLabel)
		}
		if ok && name != "" && len(name) <= 128 || slices.Contains(KeyNames(), k) {
			if slices.Contains(s.Keys[:i], k) {
				return fmt.Errorf("keys: %s is there twice", k)
			}
			continue
		}
		return fmt.Errorf("keys: %q is not known: want %s, %sNAME or %sNAME", k, strings.Join(KeyNames(), ", "), KeyClaim, KeyLabel)
	}
	for _, u := range s.Units {
		if u.Index() < 0 {
			return fmt.Errorf("units: %q is not known", u)
		}
	}
	return nil
}

// Grouped reports whether the meter is kept for groups: its limits name theirs.
func (s MeterSpec) Grouped() bool { return slices.Contains(s.Keys, "group") }

// Counts reports whether limits may name the unit.
func (s MeterSpec) Counts(u Unit) bool { return len(s.Units) == 0 || slices.Contains(s.Units, u) }

// maxKey bounds a MeterKey's Key, in bytes.
const maxKey = 1024

// Key derives what the meter is kept for; false where something of it is not known, or is no plain value.
func (s MeterSpec) Key(who Subject, what Target, group string) (string, bool) {
	var b strings.Builder
	for i, k := range s.Keys {
		part := s.part(k, who, what, group)
		if part == "" {
			return "", false
		}
		if i > 0 {
			b.WriteByte('|')
		}
		if len(s.Keys) > 1 { // so that no two lists of parts make one key
			b.WriteString(strconv.Itoa(len(part)))
			b.WriteByte(':')
		}
		b.WriteString(part)
	}
	return b.String(), b.Len() <= maxKey
}

func (s MeterSpec) part(key string, who Subject, what Target, group string) string {
	switch key {
	case "subject":
		return who.Ref()
	case "owner":
		return who.Behind()
	case "actor":
		if len(who.Actors) > 0 {
			by := who.Actors[0]
			if by.Issuer == "" { // it is of the token's issuer (RFC 8693 §4.1): two issuers' agents of one name are not one
				by.Issuer = who.Issuer
			}
			return by.Issuer + "|" + by.ID
		}
		return who.Ref()
	case "issuer":
		return who.Issuer
	case "kind":
		return string(who.Kind)
	case "credential":
		if who.Credential == "" {
			return ""
		}
		return who.Issuer + "|" + who.Credential
	case "group":
		return group
	case "target":
		return what.Name
	case "target_kind":
		return string(what.Kind)
	case "tenant": // a target may have none, and that is one too
		return "tenant " + what.Tenant
	}
	if name, ok := strings.CutPrefix(key, KeyLabel); ok {
		return what.Labels[name]
	}
	return claim(who.Claims, strings.TrimPrefix(key, KeyClaim))
}

// claim returns a claim as text, where it is text, a number or a boolean; "" otherwise.
func claim(claims map[string]any, path string) string {
	for {
		if v, ok := claims[path]; ok { // a name with dots in it, such as a URL, is found as it stands
			switch v := v.(type) {
			case string:
				return v
			case bool:
				return strconv.FormatBool(v)
			case fmt.Stringer: // json.Number
				return v.String()
			case float64:
				return strconv.FormatFloat(v, 'g', -1, 64)
			}
			return ""
		}
		head, rest, ok := strings.Cut(path, ".")
		inner, object := claims[head].(map[string]any)
		if !ok || !object {
			return ""
		}
		claims, path = inner, rest
	}
}

// Meters are the meters of the operator's own, beside those that there are always.
type Meters []MeterSpec

// Spec returns the meter of that name; nil where there is none of the operator's own.
func (ms Meters) Spec(m Meter) *MeterSpec {
	for i := range ms {
		if ms[i].Name == m {
			return &ms[i]
		}
	}
	return nil
}

// Key derives what a meter is kept for; false where that is not known. group is the one that a limit names.
func (ms Meters) Key(m Meter, who Subject, what Target, group string) (string, bool) {
	switch m {
	case MeterSubject:
		return who.Ref(), who.ID != ""
	case MeterSubjectTarget:
		return who.Ref() + "|" + what.Name, who.ID != ""
	case MeterTarget:
		return what.Name, what.Name != ""
	case MeterCredential:
		return who.Issuer + "|" + who.Credential, who.Credential != ""
	case MeterCapability:
		return who.Credential, strings.HasPrefix(who.Credential, CredentialCapability)
	case MeterGroup:
		return group, group != ""
	}
	if spec := ms.Spec(m); spec != nil {
		return spec.Key(who, what, group)
	}
	return "", false
}

// Bind fills in what each limit's meter is kept for. It is an error where that is not known, or the meter does not count the limit's unit.
func (ms Meters) Bind(limits []Limit, who Subject, what Target) ([]Limit, error) {
	out := slices.Clone(limits)
	for i, l := range out {
		key, ok := ms.Key(l.Meter, who, what, l.Key)
		if spec := ms.Spec(l.Meter); spec != nil && !spec.Counts(l.Unit) {
			ok = false
		}
		if !ok {
			return nil, fmt.Errorf("limit on meter %q (key %q, unit %s) has nothing to be counted for", l.Meter, l.Key, l.Unit)
		}
		out[i].Key = key
	}
	return out, nil
}

// Charged lists the meters that an exchange is charged to: the subject's, the target's, the operator's own, the credential's where asked for,
// and those that limits name, which are bound.
func (ms Meters) Charged(who Subject, what Target, limits []Limit, credential bool) []MeterKey {
	out := make([]MeterKey, 0, 4+len(ms)+len(limits))
	add := func(m Meter) {
		if k, ok := ms.Key(m, who, what, ""); ok {
			out = append(out, MeterKey{Meter: m, Key: k})
		}
	}
	for _, m := range [...]Meter{MeterSubject, MeterSubjectTarget, MeterTarget} {
		add(m)
	}
	if credential {
		add(MeterCredential)
	}
	for i := range ms {
		add(ms[i].Name)
	}
	for _, l := range limits {
		if k := (MeterKey{Meter: l.Meter, Key: l.Key}); !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// DefaultTenant is whose the targets without a tenant are, as far as meters go.
const DefaultTenant = "default"

// MeterTenant is the tenant under which all meters of the target live.
func (t Target) MeterTenant() string {
	if t.Tenant != "" {
		return t.Tenant
	}
	return DefaultTenant
}
