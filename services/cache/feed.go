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
	// Follow hands over the changes one by one, from the oldest that is still known on,
	// whoever made them, until ctx ends or the store fails: its error is never nil. Some may
	// come twice, and records that are gone by now may be left out. It calls current once all
	// are handed over that were there when it began.
	Follow(ctx context.Context, apply func(Change), current func()) error
	// CallWrong tells those who follow that the selected records were called wrong. While the
	// store is away they do not hear of it.
	CallWrong(ctx context.Context, sel Selector)
}

// Change is one of three: a record with a question was kept, records were forgotten, or some were
// called wrong. It belongs to whom it was handed over to.
type Change struct {
	// Kept is nil where no record was kept.
	Kept *Kept
	// Purged is what was forgotten, or with Wrong what was called wrong and is still there.
	Purged Selector
	Wrong  bool
	// At is when it was made, by the store's clock, in milliseconds.
	At time.Time
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
