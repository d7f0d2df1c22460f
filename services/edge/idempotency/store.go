package idempotency

import (
	"context"
	"crypto/sha256"
)

// Slot names one use of a key: the SHA-256 of who used it, where, and the key. The
// key itself is not kept.
type Slot [sha256.Size]byte

// Record is what a store keeps of one key.
type Record struct {
	// Slot is the record's name.
	Slot Slot
	// Digest is the SHA-256 of the request's body.
	Digest [sha256.Size]byte
	// Owner is the run that holds the slot.
	Owner string
	// ExpiresMillis is when the record counts no more, in Unix milliseconds: soon for a
	// run under way, which extends it, and after the key's life for a finished one.
	ExpiresMillis int64
	// Answer is the sealed answer; nil while the run is under way.
	Answer []byte
}

// Store keeps records, for all replicas that share it. Implementations are safe for
// concurrent use; package storetest says what else they must hold to.
type Store interface {
	// Claim stores the record if its slot is free or the one there has expired, and
	// returns nil; otherwise it returns the one there. Of many that claim a slot at
	// once, exactly one gets it.
	Claim(ctx context.Context, rec Record, nowMillis int64) (*Record, error)
	// Extend moves a running record's expiry, also after it, as long as nobody else has
	// claimed the slot. It reports false when the owner no longer holds it.
	Extend(ctx context.Context, slot Slot, owner string, expiresMillis int64) (bool, error)
	// Finish keeps the answer of a record that the owner holds. It reports false when
	// the owner no longer does.
	Finish(ctx context.Context, slot Slot, owner string, expiresMillis int64, answer []byte) (bool, error)
	// Remove frees a slot that the owner holds; it does nothing to another's.
	Remove(ctx context.Context, slot Slot, owner string) error
	// Purge removes at most limit records that have expired, and says how many it did.
	Purge(ctx context.Context, nowMillis int64, limit int) (int, error)
}
