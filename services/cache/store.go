package cache

import (
	"context"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
)

// Record is a stored entry and its end.
type Record struct {
	// Entry is shared between the store and everyone who got it: nobody writes to it, nor
	// to anything that it refers to, once it was given to Put or came from Get.
	Entry *cachev1.Entry
	// Expires is when it must no longer be served, in milliseconds.
	Expires time.Time
	// Announce is told to those who follow the store's [Feed], if it has one; nil tells
	// nobody. Its key and end are the record's. Get does not return it.
	Announce *Kept
}

// Store keeps records. Implementations are safe for concurrent use, never return what
// was put under another key, and may forget anything at any time. They keep nothing that
// needs closing: who opened a connection closes it.
type Store interface {
	// Get returns the record under the key; ok is false when there is none or when it has
	// expired by the store's clock. Expired by the caller's clock is for the caller to see.
	Get(ctx context.Context, key Key) (rec Record, ok bool, err error)
	// Put keeps a record that has not expired, in place of an older one under the key; ok
	// is false when it is too large for this store.
	Put(ctx context.Context, key Key, rec Record) (ok bool, err error)
	// Invalidate ends the lives of the selected records at an instant, and at once when it
	// is not in the future. A record that ends earlier anyway stays as it is. It returns how
	// many living records it forgot or shortened. What was stored before the call is not
	// found after it. After an error some may have been done.
	Invalidate(ctx context.Context, sel Selector, until time.Time) (entries int64, err error)
}
