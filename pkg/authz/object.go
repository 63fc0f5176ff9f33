package authz

// The kinds of thing that an object of a store can be recognised as: Operation.Artifact by its name, Artifact.Class by its content. Nothing
// recognised is the empty string.
const (
	ArtifactCheckpoint = "checkpoint" // weights of a model, in whatever format
	ArtifactCorpus     = "corpus"     // an export of training data or vectors: Parquet, Arrow, CSV, JSON lines, a database's snapshot
	ArtifactOpaque     = "opaque"     // nobody can know: encrypted, an unknown compression, bytes without any order
)

// StricterArtifact returns which of two words for what an object is guards it more: a name tells one thing, the content another.
func StricterArtifact(a, b string) string {
	for _, word := range [...]string{ArtifactCheckpoint, ArtifactOpaque, ArtifactCorpus} {
		if a == word || b == word {
			return word
		}
	}
	return a
}

// Artifact is what an object is, by its content. The zero value: nothing that Weir guards was recognised.
type Artifact struct {
	Class      string `json:"class,omitempty"`      // ArtifactCheckpoint, ArtifactCorpus or ArtifactOpaque
	Format     string `json:"format,omitempty"`     // "safetensors", "gguf", "pytorch", "parquet", …
	Wrapped    string `json:"wrapped,omitempty"`    // what it lies in, outermost first: "gzip", "tar", "zstd/tar"
	Tensors    int64  `json:"tensors,omitempty"`    // stated in its header; 0 where it states none
	Parameters int64  `json:"parameters,omitempty"` // of all tensors together
}

// Piece is the part of a stored object that an answer hands out. The zero value is no piece of anything.
type Piece struct {
	Object string `json:"object"` // its canonical name in the target
	// Version changes whenever the content does: a digest, a strong ETag, a version. Empty where the answer states none that can be relied on.
	Version string `json:"version,omitempty"`
	Size    int64  `json:"size"`   // of the whole object, in bytes; UnknownLength where nobody says
	Offset  int64  `json:"offset"` // of the piece's first byte
	Length  int64  `json:"length"` // in bytes; UnknownLength where nobody says
}

// Whole reports whether the piece is all of its object, as far as is known: what states no size is.
func (p Piece) Whole() bool {
	return p.Size == UnknownLength || p.Length == UnknownLength || p.Offset == 0 && p.Length >= p.Size
}

// Coverage is how much of one version of an object has left, for whoever asks: before this exchange, and as it would be after it.
type Coverage struct {
	Subject Covered `json:"subject"` // to the subject
	Group   Covered `json:"group"`   // to the group of the subject's that would have most of it, all its members together
}

// Covered is a share of an object, from 0 to 1; parts of a chunk count as all of it. What nobody knows the size of is all of it: 1.
type Covered struct {
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// ModelState is where a version of a model is in its life, as the registry of model versions has it (pkg/registry).
type ModelState string

// The states of a version of a model.
const (
	ModelUnknown ModelState = "unknown" // the registry does not have it
	ModelActive  ModelState = "active"
	ModelRetired ModelState = "retired" // for nobody but in an emergency
)

// Registered is what the registry of model versions says of an object, by the digest of its content or its strong validator.
type Registered struct {
	Known       bool       `json:"known"`       // the registry has it
	Sensitivity string     `json:"sensitivity"` // one of registry.classes of weir.yaml; the highest of what is not known
	State       ModelState `json:"state"`
	Model       string     `json:"model,omitempty"`       // which version of which model it is: "churn/7"
	PromotedBy  string     `json:"promoted_by,omitempty"` // who promoted that last: "issuer|sub", or "webhook" or "file"
}
