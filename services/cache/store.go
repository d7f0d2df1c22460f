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
	// Asked is when the call was made that the entry answers; zero is not known. Get does not
	// return it.
	Asked time.Time
	// Announce is told to those who follow the store's [Feed], if it has one; nil tells
	// nobody. Its key and end are the record's. Get does not return it.
	Announce *Kept
}

// PurgeLife is how long a [Store] remembers what was purged, so that the answer to a call which
// was made before is not kept after. What was asked for longer ago is not kept at all.
const PurgeLife = time.Hour

// Purges returns the selectors that select the key: a purge by any of them is one of its entry.
func (k Key) Purges() (all [16]Selector) {
	for i := range all {
		s := Selector{Tenant: k.Namespace.Tenant}
		if i&1 != 0 {
			s.Provider = k.Namespace.Provider
		}
		if i&2 != 0 {
			s.Model = k.Namespace.Model
		}
		if i&4 != 0 {
			s.Partition, s.Common = k.Namespace.Partition, k.Namespace.Partition == ""
		}
		if i&8 != 0 {
			s.Entry = k.Fingerprint
		}
		all[i] = s
	}
	return all
}

// Store keeps records. Implementations are safe for concurrent use, never return what
// was put under another key, and may forget anything at any time. They keep nothing that
// needs closing: who opened a connection closes it.
type Store interface {
	// Get returns the record under the key; ok is false when there is none or when it has
	// expired by the store's clock. Expired by the caller's clock is for the caller to see.
	Get(ctx context.Context, key Key) (rec Record, ok bool, err error)
	// Put keeps a record that has not expired, in place of an older one under the key; ok
	// is false when it is too large for this store, and when it was purged after it was asked
	// for, no longer than [PurgeLife] ago.
	Put(ctx context.Context, key Key, rec Record) (ok bool, err error)
	// Invalidate ends the lives of the selected records at an instant, and at once when it
	// is not in the future. A record that ends earlier anyway stays as it is. It returns how
	// many living records it forgot or shortened; of a purge that takes effect before all are
	// removed ([Tidier]), how many were by then, or 1 where none is yet and some may be
	// there: 0 is returned only where there were none. What was stored before the call is not found after it. An instant that is not in the future is
	// that of a purge, for Put. After an error some may have been done.
	Invalidate(ctx context.Context, sel Selector, until time.Time) (entries int64, err error)
}
