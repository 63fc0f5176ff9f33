package authz

// DocumentClaim is a claim on one document of a corpus, for the subject that it would leave to. Claims are idempotent by Tenant and ID.
type DocumentClaim struct {
	ID      string // of the exchange
	Tenant  string // whose counts they are
	Target  string // the corpus
	Subject string // Subject.Ref
	// Object and Version tell a document apart in its corpus: another version is another document. Without a version it is the object, whatever
	// its content.
	Object  string
	Version string
}

// Read counts distinct documents of a corpus that have left to the subject within 30 days: before this exchange, and with it and all that are
// being decided right now. Every document counts once, however often it leaves. The counts are estimates (pkg/distinct).
type Read struct {
	Before int64 `json:"before"`
	After  int64 `json:"after"` // Before, where this exchange is about a document that has left already
}

// Corpus is how much of a corpus the subject has read.
type Corpus struct {
	Documents int64 `json:"documents,omitempty"` // in the corpus, as its target states; 0 where it does not
	Read      Read  `json:"read"`
	// Share is Read as a share of Documents, from 0 to 1; nil where the target states none.
	Share *Covered `json:"share,omitempty"`
}

// NewCorpus returns what r makes of a corpus of so many documents; none stated: 0.
func NewCorpus(documents int64, r Read) *Corpus {
	c := &Corpus{Documents: documents, Read: r}
	if documents > 0 {
		share := func(n int64) float64 { return min(1, float64(n)/float64(documents)) }
		c.Share = &Covered{Before: share(r.Before), After: share(r.After)}
	}
	return c
}
