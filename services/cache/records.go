package cache

import (
	"context"
	"time"

	"tollgate.dev/platform/clock"
)

// records are those of the [Store], which may be away or slow: nobody waits for it longer
// than its time limit, a look-up for all that it asks together.
type records struct {
	store         Store
	reads, writes *breaker
	clock         clock.Clock
	timeout       time.Duration
}

func newRecords(store Store, opts Options) *records {
	// A full Redis refuses writes and answers reads, so each has a breaker of its own.
	r := &records{
		store: store, clock: opts.Clock, timeout: opts.Timeout,
		reads: newBreaker("store", "read", opts.Clock, opts.Logger), writes: newBreaker("store", "write", opts.Clock, opts.Logger),
	}
	r.reads.fair = opts.Timeout
	return r
}

// presence is what is known of a record after it was asked for.
type presence uint8

const (
	// away says that the store did not answer.
	away presence = iota
	// gone says that there is no such record, or that it has expired.
	gone
	// aged says that the entry is older than wanted.
	aged
	// withheld says that a later answer took its place, which the tier is not to find.
	withheld
	// present says that the entry may be served.
	present
)

// wait is what a look-up begins with.
func (r *records) wait() *wait {
	if r.timeout <= 0 {
		return nil
	}
	return &wait{clock: r.clock, left: r.timeout}
}

// get returns the record under the key if it is present. The store's idea of what has expired
// is not enough: its clock may be behind, or stand in another machine.
func (r *records) get(ctx context.Context, w *wait, key Key, maxAge time.Duration) (rec Record, state presence) {
	w.ask(ctx, r.reads, func(ctx context.Context) error {
		found, ok, err := r.store.Get(ctx, key)
		switch {
		case err != nil:
			return err
		case ok:
			rec, state = found, present
		default:
			state = gone
		}
		return nil
	})
	if state != present {
		return Record{}, state
	}
	now := r.clock.Now()
	if !now.Before(rec.Expires) {
		return Record{}, gone
	}
	if maxAge >= 0 && now.Sub(time.UnixMilli(rec.Entry.GetCreatedMillis())) > maxAge {
		return Record{}, aged
	}
	return rec, present
}

// put keeps a record, and reports whether it did.
func (r *records) put(ctx context.Context, key Key, rec Record) (stored bool) {
	r.writes.do(ctx, r.timeout, func(ctx context.Context) (err error) {
		stored, err = r.store.Put(ctx, key, rec)
		return err
	})
	return stored
}
