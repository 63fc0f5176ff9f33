package policy

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/weirgate/weir/pkg/authz"
)

const (
	// cacheSize is how many decisions a generation keeps; there are two.
	cacheSize = 4096
	// maxCacheKey is the longest key kept, in bytes, so that nobody fills memory with long names.
	maxCacheKey = 2048
)

// cache keeps decisions by exactly those parts of the input that the policy can reach, in full: equal keys are equal inputs to every rule.
// It belongs to one compiled policy and its settings, and goes with them. Safe for concurrent use. What it returns is shared:
// decisions are values that nobody changes in place.
type cache struct {
	parts []part

	mu    sync.RWMutex // guards what follows
	young map[string]authz.Decision
	old   map[string]authz.Decision // the last full generation
}

// part appends one part of an input to a key, so that no two inputs that differ there give the same bytes.
type part func(dst []byte, in *authz.Input) []byte

// newCache returns nil where decisions cannot be kept, and why: what a rule reads that is different every time, such as the clock, or the
// input as a whole.
func newCache(r reached) (c *cache, volatile []string) {
	known := cacheParts()
	c = &cache{young: map[string]authz.Decision{}}
	taken := map[string]bool{}
	for _, p := range r.paths {
		key, rest, nested := strings.Cut(p, ".")
		if nested { // subject.groups.x reads no more than subject.groups
			first, _, _ := strings.Cut(rest, ".")
			key += "." + first
		}
		f, ok := known[key]
		if !ok {
			volatile = append(volatile, strings.TrimSuffix("input."+p, "."))
			continue
		}
		if !taken[key] {
			c.parts = append(c.parts, f)
		}
		taken[key] = true
	}
	if r.impure {
		volatile = append(volatile, "clock, chance, or an input that a rule replaces")
	}
	if len(volatile) > 0 {
		return nil, volatile
	}
	return c, nil
}

// key appends the key of in to dst.
func (c *cache) key(dst []byte, in *authz.Input) []byte {
	for _, p := range c.parts {
		dst = p(dst, in)
	}
	return dst
}

func (c *cache) get(key []byte) (authz.Decision, bool) {
	c.mu.RLock()
	d, ok := c.young[string(key)]
	if !ok {
		d, ok = c.old[string(key)]
	}
	c.mu.RUnlock()
	return d, ok
}

func (c *cache) put(key []byte, d authz.Decision) {
	if len(key) > maxCacheKey {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= cacheSize {
		c.old, c.young = c.young, make(map[string]authz.Decision, cacheSize)
	}
	c.young[string(key)] = d
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func textPart(get func(*authz.Input) string) part {
	return func(dst []byte, in *authz.Input) []byte { return appendText(dst, get(in)) }
}

func numberPart(get func(*authz.Input) int64) part {
	return func(dst []byte, in *authz.Input) []byte { return binary.AppendVarint(dst, get(in)) }
}

func flagPart(get func(*authz.Input) bool) part {
	return func(dst []byte, in *authz.Input) []byte {
		if get(in) {
			return append(dst, 1)
		}
		return append(dst, 0)
	}
}

// responsePart is a part of the answer; without one it is neither empty nor zero.
func responsePart(p part) part {
	return func(dst []byte, in *authz.Input) []byte {
		if in.Response == nil {
			return append(dst, 0)
		}
		return p(append(dst, 1), in)
	}
}

// cacheParts lists the parts of an input that may recur. Time, usage, risk, grants, claims and expiry are not among them: a policy that
// reads those is evaluated every time.
func cacheParts() map[string]part {
	return map[string]part{
		"phase":                   textPart(func(in *authz.Input) string { return in.Phase }),
		"final":                   flagPart(func(in *authz.Input) bool { return in.Final }),
		"justification":           textPart(func(in *authz.Input) string { return in.Justification }),
		"subject.issuer":          textPart(func(in *authz.Input) string { return in.Subject.Issuer }),
		"subject.id":              textPart(func(in *authz.Input) string { return in.Subject.ID }),
		"subject.name":            textPart(func(in *authz.Input) string { return in.Subject.Name }),
		"subject.email":           textPart(func(in *authz.Input) string { return in.Subject.Email }),
		"subject.kind":            textPart(func(in *authz.Input) string { return string(in.Subject.Kind) }),
		"subject.groups":          groupsPart,
		"subject.owner":           textPart(func(in *authz.Input) string { return in.Subject.Owner }),
		"subject.actors":          actorsPart,
		"subject.credential":      textPart(func(in *authz.Input) string { return in.Subject.Credential }),
		"target.name":             textPart(func(in *authz.Input) string { return in.Target.Name }),
		"target.kind":             textPart(func(in *authz.Input) string { return string(in.Target.Kind) }),
		"target.tenant":           textPart(func(in *authz.Input) string { return in.Target.Tenant }),
		"target.sensitivity":      textPart(func(in *authz.Input) string { return in.Target.Sensitivity }),
		"target.dialect":          textPart(func(in *authz.Input) string { return in.Target.Dialect }),
		"target.labels":           labelsPart,
		"operation.class":         textPart(func(in *authz.Input) string { return string(in.Operation.Class) }),
		"operation.complete":      flagPart(func(in *authz.Input) bool { return in.Operation.Complete }),
		"operation.model":         textPart(func(in *authz.Input) string { return in.Operation.Model }),
		"operation.collection":    textPart(func(in *authz.Input) string { return in.Operation.Collection }),
		"operation.vector":        textPart(func(in *authz.Input) string { return in.Operation.Vector }),
		"operation.encoding":      textPart(func(in *authz.Input) string { return in.Operation.Encoding }),
		"operation.object":        textPart(func(in *authz.Input) string { return in.Operation.Object }),
		"operation.into":          textPart(func(in *authz.Input) string { return in.Operation.Into }),
		"operation.version":       textPart(func(in *authz.Input) string { return in.Operation.Version }),
		"operation.artifact":      textPart(func(in *authz.Input) string { return in.Operation.Artifact }),
		"operation.part":          numberPart(func(in *authz.Input) int64 { return in.Operation.Part }),
		"operation.coverage":      coveragePart,
		"operation.attempts":      attemptsPart,
		"operation.registered":    registeredPart,
		"operation.corpus":        corpusPart,
		"operation.range":         textPart(func(in *authz.Input) string { return in.Operation.Range }),
		"operation.sealed":        flagPart(func(in *authz.Input) bool { return in.Operation.Sealed }),
		"operation.forged":        flagPart(func(in *authz.Input) bool { return in.Operation.Forged }),
		"operation.vectors":       numberPart(func(in *authz.Input) int64 { return in.Operation.Vectors }),
		"operation.dims":          numberPart(func(in *authz.Input) int64 { return in.Operation.Dims }),
		"operation.documents":     numberPart(func(in *authz.Input) int64 { return in.Operation.Documents }),
		"operation.bytes":         numberPart(func(in *authz.Input) int64 { return in.Operation.Bytes }),
		"request.method":          textPart(func(in *authz.Input) string { return in.Request.Method }),
		"request.host":            textPart(func(in *authz.Input) string { return in.Request.Host }),
		"request.path":            textPart(func(in *authz.Input) string { return in.Request.Path }),
		"response.status":         responsePart(numberPart(func(in *authz.Input) int64 { return int64(in.Response.Status) })),
		"response.content_type":   responsePart(textPart(func(in *authz.Input) string { return in.Response.ContentType })),
		"response.content_length": responsePart(numberPart(func(in *authz.Input) int64 { return in.Response.ContentLength })),
		"response.artifact":       responsePart(artifactPart),
		"response.object":         responsePart(objectPart),
	}
}

func artifactPart(dst []byte, in *authz.Input) []byte {
	a := &in.Response.Artifact
	dst = appendText(appendText(appendText(dst, a.Class), a.Format), a.Wrapped)
	return binary.AppendVarint(binary.AppendVarint(dst, a.Tensors), a.Parameters)
}

func objectPart(dst []byte, in *authz.Input) []byte {
	p := in.Response.Object
	if p == nil {
		return append(dst, 0)
	}
	dst = appendText(appendText(append(dst, 1), p.Object), p.Version)
	return binary.AppendVarint(binary.AppendVarint(binary.AppendVarint(dst, p.Size), p.Offset), p.Length)
}

// coveragePart recurs: shares of an object come in steps.
func coveragePart(dst []byte, in *authz.Input) []byte {
	c := in.Operation.Coverage
	if c == nil {
		return append(dst, 0)
	}
	return appendCovered(appendCovered(append(dst, 1), c.Subject), c.Group)
}

func corpusPart(dst []byte, in *authz.Input) []byte {
	c := in.Operation.Corpus
	if c == nil {
		return append(dst, 0)
	}
	dst = binary.AppendVarint(binary.AppendVarint(binary.AppendVarint(append(dst, 1), c.Documents), c.Read.Before), c.Read.After)
	if c.Share == nil {
		return append(dst, 0)
	}
	return appendCovered(append(dst, 1), *c.Share)
}

func appendCovered(dst []byte, c authz.Covered) []byte {
	dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(c.Before))
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(c.After))
}

func attemptsPart(dst []byte, in *authz.Input) []byte {
	a := in.Operation.Attempts
	if a == nil {
		return append(dst, 0)
	}
	return binary.AppendVarint(binary.AppendVarint(append(dst, 1), a.Hour), a.Day)
}

func registeredPart(dst []byte, in *authz.Input) []byte {
	r := in.Operation.Registered
	if r == nil {
		return append(dst, 0)
	}
	known := byte(1)
	if r.Known {
		known = 2
	}
	for _, s := range [...]string{r.Sensitivity, string(r.State), r.Model, r.PromotedBy} {
		dst = appendText(append(dst, known), s)
	}
	return dst
}

func groupsPart(dst []byte, in *authz.Input) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(in.Subject.Groups)))
	for _, g := range in.Subject.Groups {
		dst = appendText(dst, g)
	}
	return dst
}

func actorsPart(dst []byte, in *authz.Input) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(in.Subject.Actors)))
	for _, a := range in.Subject.Actors {
		dst = appendText(appendText(dst, a.Issuer), a.ID)
	}
	return dst
}

func labelsPart(dst []byte, in *authz.Input) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(in.Target.Labels)))
	for _, k := range slices.Sorted(maps.Keys(in.Target.Labels)) {
		dst = appendText(appendText(dst, k), in.Target.Labels[k])
	}
	return dst
}
