package dialect

import (
	"strings"

	"github.com/weirgate/weir/pkg/authz"
)

// ObjectNames returns the names by which a registry of model versions may know what an operation asks for: for each object those that are its own. p
// is the part of it that the answer hands out; nil before the answer. sure says that the request alone names all content, by digest.
//
// A name is "sha256:…" or "sha512:…" of the content, wherever it lies, or TARGET/OBJECT@VERSION with the version that the answer states, which
// is worth no more than its store is, or TARGET/REPOSITORY@COMMIT on the Hub. TARGET/OBJECT@ is an object of which the answer states no version: it may be
// any. What else a request states as a version (versionId, a branch) is none: a
// store may pass over it.
func ObjectNames(t authz.Target, op authz.Operation, p *authz.Piece) (names [][]string, sure bool) {
	d := ForTarget(t)
	versions := op.Versions
	if len(versions) == 0 {
		versions = []string{op.Version}
	}
	sure = true
	for _, v := range versions {
		var own []string
		if digest := askedDigest(d, op, v); digest != "" {
			own = append(own, digest)
		} else {
			sure = false
		}
		names = append(names, own)
	}
	if _, hub := d.(Hub); hub && isHex(op.Version, 40) && op.Collection != "" {
		names[0] = append(names[0], objectName(t, op.Collection, op.Version))
	}
	if p != nil {
		if digest := statedDigest(d, p); digest != "" {
			names[0] = append(names[0], digest)
		}
		names[0] = append(names[0], objectName(t, p.Object, p.Version))
	}
	return names, sure
}

func objectName(t authz.Target, object, version string) string {
	return t.Name + "/" + strings.TrimPrefix(object, "/") + "@" + version
}

// askedDigest is the digest of content that a request asks for by it. A revision of the Hub may look like one.
func askedDigest(d Dialect, op authz.Operation, version string) string {
	switch d.(type) {
	case OCI:
		if isDigest(version) {
			return version
		}
	case Hub:
		if isBatch(op) && isHex(version, 64) {
			return "sha256:" + version
		}
	case GitLFS:
		if isHex(version, 64) {
			return "sha256:" + version
		}
	}
	return ""
}

// statedDigest is the digest of content that an answer states. What the Hub keeps in Git LFS has it as its tag; the hash of a xorb is another.
func statedDigest(d Dialect, p *authz.Piece) string {
	switch d.(type) {
	case OCI:
		if isDigest(p.Version) {
			return p.Version
		}
	case Hub:
		if isHex(p.Version, 64) && !strings.HasPrefix(p.Object, "xorb/") {
			return "sha256:" + p.Version
		}
	case GitLFS:
		if isHex(p.Version, 64) {
			return "sha256:" + p.Version
		}
	}
	return ""
}
