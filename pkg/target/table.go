package target

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// Default says what becomes of a request that no target covers. The zero value denies.
type Default string

// The defaults.
const (
	DefaultDeny    Default = "deny"    // refused; the empty string is the same
	DefaultObserve Default = "observe" // passes as the target Unmatched, recorded and counted, nothing enforced
)

// Unmatched is the name of the target that stands for everything no target covers, with DefaultObserve.
const Unmatched = "unmatched"

// Rule is one target and where it is found.
type Rule struct {
	Target authz.Target
	Hosts  []string // see CheckHost; none: any host
	Paths  []string // see CheckPath; none: any path. A rule with neither hosts nor paths is found by the route's naming it only
}

// Config is what a Table is made of.
type Config struct {
	Rules   []Rule
	Default Default
}

// TieError tells that two targets cover a common request and neither is more specific.
type TieError struct {
	First, Second         string // names of the targets
	FirstPath, SecondPath string // the paths of theirs that tie
	Host                  string // the host pattern both have; empty: any host
}

// Error implements error.
func (e *TieError) Error() string {
	host := e.Host
	if host == "" {
		host = "any host"
	}
	return fmt.Sprintf("targets %q and %q both cover %s on %s and %s is no more specific: make one of the paths longer, or name the target in the Envoy route",
		e.First, e.Second, e.FirstPath, host, e.SecondPath)
}

// entry is one path of one target.
type entry struct {
	path   pattern
	target *authz.Target
}

// bucket holds the entries of one host pattern, the most specific first.
type bucket struct {
	host    string // for suffixes: ".example.com"
	entries []entry
}

func (b *bucket) find(path string) *authz.Target {
	if b == nil {
		return nil
	}
	for i := range b.entries {
		if b.entries[i].path.matches(path) {
			return b.entries[i].target
		}
	}
	return nil
}

// Table finds targets. It is immutable and safe for concurrent use. Build it with New.
type Table struct {
	names    map[string]*authz.Target
	exact    map[string]*bucket
	suffixes []*bucket // the longest first
	any      *bucket
	fallback *authz.Target // nil: deny
}

// New builds a table. Hosts decide before paths: an exact host before a suffix, a longer suffix before a shorter, any suffix before "any
// host"; then paths, the more specific first: more segments, then exact before prefix, then fewer stars. All problems found are
// returned, joined: a name used twice, a host or path that CheckHost or CheckPath refuses, and ties as *TieError.
func New(cfg Config) (*Table, error) {
	t := &Table{names: map[string]*authz.Target{}, exact: map[string]*bucket{}, any: &bucket{}}
	var problems []error
	switch cfg.Default {
	case "", DefaultDeny:
	case DefaultObserve:
		t.fallback = &authz.Target{Name: Unmatched, Mode: authz.ModeObserve}
	default:
		problems = append(problems, fmt.Errorf("default %q: want deny or observe", cfg.Default))
	}
	suffixes := map[string]*bucket{}
	for _, r := range cfg.Rules {
		if err := t.add(r, suffixes); err != nil {
			problems = append(problems, err)
		}
	}
	t.suffixes = slices.SortedFunc(maps.Values(suffixes), func(a, b *bucket) int {
		return cmp.Or(cmp.Compare(len(b.host), len(a.host)), strings.Compare(a.host, b.host))
	})
	for _, b := range t.buckets() {
		slices.SortStableFunc(b.entries, func(x, y entry) int { return x.path.compare(&y.path) })
		problems = append(problems, b.ties()...)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return t, nil
}

// CheckName tells what is wrong with a target's name: 1 to 64 letters, digits, '.', '_' and '-', and not "unmatched".
func CheckName(name string) error {
	if name == "" {
		return errNoName
	}
	if name == Unmatched {
		return fmt.Errorf("target %q: this name stands for what no target covers", name)
	}
	if len(name) > 64 {
		return fmt.Errorf("target %q: a name has at most 64 bytes", name[:64]+"…")
	}
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return fmt.Errorf("target %q: a name has letters, digits, '.', '_' and '-' only", name)
		}
	}
	return nil
}

func (t *Table) add(r Rule, suffixes map[string]*bucket) error {
	if err := CheckName(r.Target.Name); err != nil {
		return err
	}
	if t.names[r.Target.Name] != nil {
		return fmt.Errorf("target %q is there twice", r.Target.Name)
	}
	target := r.Target
	t.names[target.Name] = &target
	if len(r.Hosts) == 0 && len(r.Paths) == 0 {
		return nil
	}
	entries, err := compile(r.Paths, &target)
	if err != nil {
		return fmt.Errorf("target %q: %w", target.Name, err)
	}
	if len(r.Hosts) == 0 {
		t.any.entries = append(t.any.entries, entries...)
	}
	for _, h := range r.Hosts {
		if err := CheckHost(h); err != nil {
			return fmt.Errorf("target %q: %w", target.Name, err)
		}
		if h == "*" {
			t.any.entries = append(t.any.entries, entries...)
			continue
		}
		in := t.exact
		suffix, isSuffix := strings.CutPrefix(h, "*")
		if isSuffix {
			h, in = suffix, suffixes
		}
		if in[h] == nil {
			in[h] = &bucket{host: h}
		}
		in[h].entries = append(in[h].entries, entries...)
	}
	return nil
}

func compile(paths []string, target *authz.Target) ([]entry, error) {
	if len(paths) == 0 {
		paths = []string{"/"}
	}
	var entries []entry
	for _, text := range paths {
		p, err := parsePattern(text)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{p, target})
	}
	return entries, nil
}

func (t *Table) buckets() []*bucket {
	exact := slices.SortedFunc(maps.Values(t.exact), func(a, b *bucket) int { return strings.Compare(a.host, b.host) })
	return slices.Concat(exact, t.suffixes, []*bucket{t.any})
}

// ties returns a TieError for each pair of entries of different targets that overlap and are equally specific. Entries are sorted, and
// entries that compare as equal to a third stand next to each other.
func (b *bucket) ties() []error {
	var problems []error
	for i := range b.entries {
		for j := i + 1; j < len(b.entries); j++ {
			x, y := &b.entries[i], &b.entries[j]
			if x.path.compare(&y.path) != 0 {
				break
			}
			if x.target != y.target && x.path.overlaps(&y.path) {
				host := b.host
				if strings.HasPrefix(host, ".") {
					host = "*" + host
				}
				problems = append(problems, &TieError{x.target.Name, y.target.Name, x.path.text, y.path.text, host})
			}
		}
	}
	return problems
}

// Resolve finds the target of a request. A target that the route names (Request.Route) comes before host and path, which must then
// match it or nothing. The canonical host and path are returned with the target, and, as far as they are known, with an error.
//
// Errors are *authz.Error: KindBadRequest path_ambiguous or host_ambiguous, KindForbidden target_conflict or target_unmatched.
func (t *Table) Resolve(req authz.Request) (authz.Match, error) {
	var m authz.Match
	var err error
	if m.Host, err = CanonicalHost(req.Host); err != nil {
		return m, ambiguous("host", err)
	}
	path, escaped, err := canonicalPath(req.Path)
	if err != nil {
		return m, ambiguous("path", err)
	}
	m.Path = path
	found := t.lookup(m.Host, path)
	if escaped {
		if found, err = t.either(found, m); err != nil {
			return m, err
		}
	}
	if req.Route != "" {
		named := t.names[req.Route]
		if named == nil || found != nil && found != named {
			return m, conflict(req.Route, named, found)
		}
		found = named
	}
	if found == nil {
		found = t.fallback
	}
	if escaped && (found == nil || !found.Slashes) {
		return m, ambiguous("path", errSeparator)
	}
	if found == nil {
		return m, &authz.Error{Kind: authz.KindForbidden, Label: "target_unmatched", Public: "nothing that may be asked for here is known under this host and path"}
	}
	m.Target = *found
	return m, nil
}

// either returns what a path with an encoded slash in it belongs to, however it is read: as found, or with a plain slash, where one of the two
// is nobody's.
func (t *Table) either(found *authz.Target, m authz.Match) (*authz.Target, error) {
	other := t.lookup(m.Host, slashed(m.Path))
	if found == nil || other == nil || found == other {
		return cmp.Or(found, other), nil
	}
	return nil, ambiguous("path", errSeparator)
}

func (t *Table) lookup(host, path string) *authz.Target {
	if found := t.named(host, path); found != nil {
		return found
	}
	return t.any.find(path)
}

// named finds the target of a path on a host that it names.
func (t *Table) named(host, path string) *authz.Target {
	if found := t.exact[host].find(path); found != nil {
		return found
	}
	for _, b := range t.suffixes {
		// The pattern *.example.com does not cover ".example.com": a host never starts with a dot.
		if strings.HasSuffix(host, b.host) {
			if found := b.find(path); found != nil {
				return found
			}
		}
	}
	return nil
}

func ambiguous(what string, cause error) error {
	return &authz.Error{
		Kind: authz.KindBadRequest, Label: what + "_ambiguous",
		Public: "the " + what + " can be read in more than one way: " + cause.Error(), Err: cause,
	}
}

// conflict tells the log which names disagree; the client learns nothing of how targets are named.
func conflict(route string, named, found *authz.Target) error {
	cause := fmt.Errorf("the route names target %q, which is not configured", route)
	if named != nil {
		cause = fmt.Errorf("the route names target %q, host and path belong to %q", route, found.Name)
	}
	return &authz.Error{Kind: authz.KindForbidden, Label: "target_conflict", Public: "the route and the address of this request belong to different things", Err: cause}
}
