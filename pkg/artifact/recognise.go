package artifact

import "github.com/weirgate/weir/pkg/authz"

// PrefixLen is how much of the beginning of an object, and of its end, is looked at, in bytes.
const PrefixLen = 64 << 10

// Verdict is how much a judgement is worth. The zero value is Unknown.
type Verdict uint8

// The verdicts, the stricter the greater but for Unknown, which is none.
const (
	Unknown  Verdict = iota // what was seen does not tell
	Harmless                // it looks like something else, or all of it was seen and nothing guarded is in it
	Guarded                 // it is what the Artifact says
)

// String returns the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Harmless:
		return "harmless"
	case Guarded:
		return "guarded"
	}
	return "unknown"
}

// Recognise judges an object by its first bytes, of which it looks at PrefixLen at most. size is that of the whole object in bytes, or
// authz.UnknownLength. The artifact is the zero value unless the verdict is Guarded. It keeps nothing of prefix.
func Recognise(prefix []byte, size int64) (authz.Artifact, Verdict) {
	o := opener{left: maxOpened}
	return o.look(viewOf(prefix, size))
}

// view is what is seen of some content: its beginning, and how long all of it is.
type view struct {
	b    []byte
	size int64 // authz.UnknownLength where nobody knows
}

// viewOf cuts a view to PrefixLen. A size that is less than what was seen is a lie, and nobody knows the true one.
func viewOf(b []byte, size int64) view {
	if size < int64(len(b)) {
		size = authz.UnknownLength
	}
	return view{b[:min(len(b), PrefixLen)], size}
}

// whole reports whether all of the content is seen.
func (v view) whole() bool { return v.size == int64(len(v.b)) }

// fits reports whether the content can hold n bytes.
func (v view) fits(n uint64) bool {
	return n <= 1<<62 && (v.size == authz.UnknownLength || int64(n) <= v.size)
}

// has reports whether the bytes at an offset are those of a mark.
func (v view) has(offset int, mark string) bool {
	return len(v.b) >= offset+len(mark) && string(v.b[offset:offset+len(mark)]) == mark
}

// checkpoint and corpus are the judgement that content is weights, or data, of a format.
func checkpoint(format string) (authz.Artifact, bool) {
	return authz.Artifact{Class: authz.ArtifactCheckpoint, Format: format}, true
}

func corpus(format string) (authz.Artifact, bool) {
	return authz.Artifact{Class: authz.ArtifactCorpus, Format: format}, true
}

// opaque is the judgement that nobody can look into something.
func opaque(format string) (authz.Artifact, Verdict) {
	return authz.Artifact{Class: authz.ArtifactOpaque, Format: format}, Guarded
}

// look judges content: what is guarded goes first, so that nothing is called harmless for its first bytes that is guarded for later ones.
func (o *opener) look(v view) (authz.Artifact, Verdict) {
	if len(v.b) == 0 {
		return authz.Artifact{}, v.unrecognised()
	}
	for _, is := range formats {
		if a, ok := is(v); ok {
			return a, Guarded
		}
	}
	if a, verdict, ok := o.open(v); ok {
		return a, verdict
	}
	if name := v.marked(unopened); name != "" {
		return opaque(name)
	}
	if v.marked(harmless) != "" || v.harmless() {
		return authz.Artifact{}, Harmless
	}
	if v.textual() {
		return v.text()
	}
	if v.disordered() {
		return opaque("")
	}
	return authz.Artifact{}, v.unrecognised()
}

// unrecognised is the verdict about what no format is known of.
func (v view) unrecognised() Verdict {
	if v.whole() {
		return Harmless
	}
	return Unknown
}

// formats are the guarded formats that are not wrapped in anything. The order matters where one is found inside another: a file of Keras is
// one of HDF5.
var formats = [...]func(view) (authz.Artifact, bool){
	safetensors, gguf, view.guarded, torch, pickled, hdf5, faiss, arrowStream, protobuf, view.footed,
}
