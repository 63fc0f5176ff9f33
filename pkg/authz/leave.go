package authz

// CredentialCapability begins the name that a capability has as a credential (Subject.Credential); its ID follows.
const CredentialCapability = "capability:"

// Leave is what a capability in a redirect permits at the host that it leads to: one version of one object, and so many bytes of it in all,
// whoever uses it, how often, and through which replica. Where it is used it is the object that the redirect was about, under whatever name it
// has there.
type Leave struct {
	Target  string `json:"target"`            // that redirected
	Tenant  string `json:"tenant"`            // whose meters that target's are (Target.MeterTenant)
	Object  string `json:"object"`            // its name there
	Version string `json:"version,omitempty"` // as the redirect states it; the host that it leads to may have another word for it
	Size    int64  `json:"size"`              // of all of it, in bytes; UnknownLength where the redirect did not say: then as the answer says
	Budget  int64  `json:"budget"`            // how much may leave in all, in percent of the size, at least 100: ranges may be asked for again
	// Artifact is what it is by its name there; the name that it has where the redirect leads may tell nothing.
	Artifact string `json:"artifact,omitempty"`
	// Justification is what the requester said there.
	Justification string `json:"justification,omitempty"`
	// Credential is what showed there who asked: what revokes that revokes this.
	Credential string `json:"credential,omitempty"`
}

// maxUses is how many requests a capability is good for: as many ranges as any client makes of any object in its time.
const maxUses = 1 << 20

// MaxObject is the largest size of an object that a budget is made for, in bytes: 512 TiB.
const MaxObject = 1 << 49

// Limits are the bounds of what may leave by the capability. Away from the shared store there is nothing that could hold to them.
func (l *Leave) Limits() []Limit {
	limit := func(u Unit, most int64) Limit {
		return Limit{Meter: MeterCapability, Unit: u, Window: CapabilityWindow, Max: most, Away: AwayRefuse}
	}
	out := []Limit{limit(UnitRequests, maxUses)}
	if l.Size != UnknownLength {
		out = append(out, limit(UnitBytes, l.Size/100*l.Budget+l.Size%100*l.Budget/100))
	}
	return out
}

// Spent is a volume that no capability is good for: it revokes one.
func Spent() Volume {
	return Volume{}.With(UnitRequests, 1<<40).With(UnitBytes, 1<<52)
}

// Fits reports whether a piece may be one of the object: its size is the one that the redirect stated, where both are known, and there is one.
// Its name where the redirect leads proves nothing, and validators of two hosts are not comparable.
func (l *Leave) Fits(p Piece) bool {
	return p.Size == UnknownLength && l.Size != UnknownLength || p.Size >= 0 && p.Size <= MaxObject && (l.Size == UnknownLength || l.Size == p.Size)
}
