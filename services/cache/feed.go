package cache

import (
	"context"
	"crypto/sha256"
	"time"

	"tollgate.dev/platform/money"
)

// Feed tells of changes to a [Store] that several replicas share, so that each of them can
// find by a likeness what any of them keeps.
type Feed interface {
	// Follow hands over the changes one by one, whoever made them, until ctx ends or the store
	// fails: its error is never nil. It begins behind the change of that ID, or with the oldest
	// that is still known where the ID is empty, or is of a change that the store knows nothing
	// of. Some may come twice. Records that are gone by now may be left out, and purges of nothing. It calls current
	// once all are handed over that were there when it began, and neither while the other runs.
	Follow(ctx context.Context, after string, apply func(Change), current func()) error
	// Question reads the question of the record under the key; nil where the record has none, or
	// is gone.
	Question(ctx context.Context, key Key) (*Kept, error)
	// Bar tells those who follow that a question is barred.
	Bar(ctx context.Context, b Barred) error
}

// Change is one of three: a record with a question was kept, records were forgotten, or a question
// was barred. It belongs to whom it was handed over to.
type Change struct {
	// ID tells the change from the others of its feed.
	ID string
	// Kept is nil where no record was kept.
	Kept *Kept
	// Barred is nil where no question was barred.
	Barred *Barred
	// Purged is what was forgotten where both are nil.
	Purged Selector
	// At is when it was made, by the store's clock, in milliseconds.
	At time.Time
}

// Barred is a question that is kept from others. It is known by a hash, so that who never heard of
// the question can bar it as well.
type Barred struct {
	Tenant   string
	Question [16]byte
	// Until is when that ends, in milliseconds.
	Until time.Time
}

// Kept is a record with a question that is in the store, without its answer.
type Kept struct {
	Key      Key
	Question Question
	// Vector is the question's embedding by the embedder of that version; empty for none.
	Vector   []int8
	Embedder string
	// Expires is when the record must no longer be served.
	Expires time.Time
	// Value is what a hit saves.
	Value money.Nano

	beyond bool // it was found by [Vectors]
	met    bool // before it went there, as [answered.met]
}

// Scope is what two questions must have in common for the likeness of their vectors to mean
// something.
type Scope struct {
	Namespace Namespace
	// Context is [Question.Context].
	Context [sha256.Size]byte
	// Embedder is the version of what their vectors are of.
	Embedder string
}

// Tidier is a store in which a purge takes effect before all of what it takes is removed.
type Tidier interface {
	// Tidy removes what purges left, as it comes up, until ctx ends or the store fails: its error is
	// never nil.
	Tidy(ctx context.Context) error
}
