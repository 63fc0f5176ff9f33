package authz

// CoverClaim is a claim on a piece of one version of an object, for everybody it counts for. Claims are idempotent by Tenant and ID.
//
// An object is told apart by Target, Piece.Object, Piece.Version and Piece.Size; one that states no version by Target and Piece.Object alone,
// so that no change of it, true or not, gives back what has left.
type CoverClaim struct {
	ID      string   // of the exchange
	Tenant  string   // whose counts they are
	Target  string   // where the object is
	Holders []string // "subject|…" first, then "group|…" for each group; at least one
	Piece   Piece    // of unknown size or length: all of the object
}
