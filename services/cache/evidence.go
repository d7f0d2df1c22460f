package cache

import (
	"context"
	"errors"
	"time"

	"tollgate.dev/platform/cachetier"
)

// Evidence keeps what thresholds are learned from, across restarts and for all replicas. Each
// replica keeps its states under a name, which no two have at a time: a lease says so, and a state
// is kept under the token of the lease, which is larger with each holder. So the states that were
// kept under a name follow each other, whatever clocks and networks do.
// Implementations are safe for concurrent use.
type Evidence interface {
	// Claim leases a name, or renews the lease that the claim's holder has. [ErrTaken] is its error
	// where the name that is asked for is another's.
	Claim(ctx context.Context, c Claim) (Lease, error)
	// Exchange keeps the lease's state for a namespace, unless it is empty, and returns
	// the last state that was kept under each name, its own included, in no order. Once another
	// holder has exchanged the namespace under the name, nothing more is kept: [ErrLost].
	// States that were kept longer than [EvidenceLife] ago are forgotten, and of more than
	// [MaxEvidence] the oldest.
	Exchange(ctx context.Context, ns Namespace, lease Lease, state []byte) (states [][]byte, err error)
}

// Claim is a holder's wish for a name.
type Claim struct {
	// Holder is one process's life, or the part of it since it last lost its lease. One that no
	// claim had before gets a larger token than all that are known, or another name.
	Holder string
	// Name that is asked for; empty takes any: the holder's own, one that a claim of any made and
	// nobody holds any more, the last one of these first, or a new one.
	Name string
	// Term is how long it holds from now on. 0 gives back what the holder has.
	Term time.Duration
	// Sole takes the name from whoever holds it, who is known to be dead.
	Sole bool
}

// Lease of a name.
type Lease struct {
	Name string
	// Token is larger than that of any earlier holder of the name, and the same as long as the
	// holder is.
	Token uint64
}

// Errors of [Evidence].
var (
	ErrTaken = errors.New("another process has the replica's name")
	ErrLost  = errors.New("another process has taken the replica's name over")
)

const (
	// EvidenceLife is how long the state is kept of a replica that keeps no newer one, and how
	// long a name that nobody holds.
	EvidenceLife = 90 * 24 * time.Hour
	// MaxEvidence is of how many replicas states are kept for a namespace.
	MaxEvidence = 64
	// AnyName begins the names that a claim of any makes, and no other.
	AnyName = cachetier.MadeReplica
)
