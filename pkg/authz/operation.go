package authz

// Class is what an operation does, whatever the dialect. The zero value is ClassUnknown, which the shipped policy denies.
type Class string

// The classes of operation.
const (
	ClassUnknown Class = "unknown" // the dialect does not know this request
	ClassEmbed   Class = "embed"   // text in, vectors out
	ClassSearch  Class = "search"  // nearest neighbours
	ClassRead    Class = "read"    // stored things by name
	ClassExport  Class = "export"  // scroll, snapshot, backup: a collection as a whole
	ClassList    Class = "list"    // names, metadata
	ClassWrite   Class = "write"
	ClassAdmin   Class = "admin"
)

// Unbounded is the count of an operation whose request sets no upper bound of its own ("all of them").
const Unbounded int64 = -1

// Operation is what is asked, whatever the dialect. Counts are upper bounds taken from the request: 0 none, Unbounded no bound stated.
type Operation struct {
	Class      Class  `json:"class"`
	Complete   bool   `json:"complete"` // all that the request holds is known
	Model      string `json:"model,omitempty"`
	Collection string `json:"collection,omitempty"`
	Vector     string `json:"vector,omitempty"`   // the named vector that is used, where an object has several
	Encoding   string `json:"encoding,omitempty"` // how the vectors of the answer are written, where the request chose other than float32: "ints", "base64_f16", …
	Object     string `json:"object,omitempty"`   // canonical path or key of a stored object
	Into       string `json:"into,omitempty"`     // where a copy within the store goes: an object, or a repository; Object is what it is taken from
	Version    string `json:"version,omitempty"`  // of the object, where the request names one: a digest, a revision, a version ID
	Artifact   string `json:"artifact,omitempty"` // what the object is recognised as: ArtifactCheckpoint, ArtifactCorpus, ArtifactOpaque
	Range      string `json:"range,omitempty"`    // the Range header as sent, its beginning where it is long
	Part       int64  `json:"part,omitempty"`     // the number of the part asked for, where a store counts parts; from 1
	Vectors    int64  `json:"vectors"`
	Dims       int64  `json:"dims"`      // dimensions asked for; 0 when the request does not say
	Documents  int64  `json:"documents"` // documents, points or texts
	Bytes      int64  `json:"bytes"`     // size of the request body; 0 when not read
	// Sealed says that the request holds vectors that were sealed here, for this place; Forged, that it holds some that were sealed for
	// another place or changed since.
	Sealed bool `json:"sealed,omitempty"`
	Forged bool `json:"forged,omitempty"`
	// Coverage is how much of the object has left; nil until the answer's head tells what is asked for (phase response).
	Coverage *Coverage `json:"coverage,omitempty"`
	// Corpus is how much of a corpus the subject has read; nil as long as Coverage is, and for what is no document of a corpus.
	Corpus *Corpus `json:"corpus,omitempty"`
	// Attempts says how often the subject has asked for models' weights, this time among them; nil where it asks for something else.
	Attempts *Attempts `json:"attempts,omitempty"`
	// Registered is what the registry of model versions says of the object; nil without a registry, and until it is known which version is
	// asked for: by the request where that names a digest, else by the answer's head (phase response).
	Registered *Registered `json:"registered,omitempty"`
	// Versions are those of several objects that one request asks for, in place of Version. Policy is told what the registry says of them.
	Versions []string `json:"-"`
}

// Attempts counts requests for models' weights by one subject over all targets of a tenant, refused or not: heads and lists of names too, and
// the pieces of one object that was let have as one.
type Attempts struct {
	Hour int64 `json:"hour"` // within the last hour
	Day  int64 `json:"day"`  // within the last 24
}

// Harmless reports whether the operation, carried out by the upstream, changes nothing there: its decision record may then become
// durable while the upstream works, because only the answer can do harm.
func (o Operation) Harmless() bool {
	switch o.Class {
	case ClassEmbed, ClassSearch, ClassRead, ClassList:
		return true
	}
	return false
}
