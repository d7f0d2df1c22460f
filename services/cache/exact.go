package cache

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock"
)

// exact is the first tier: it finds an answer by the fingerprint of its request, byte for
// byte, and so is never wrong.
type exact struct {
	store         Store
	reads, writes *breaker
	clock         clock.Clock
	timeout       time.Duration
	maxBytes      int
}

func newExact(store Store, opts Options) *exact {
	// A full Redis refuses writes and answers reads, so each has a breaker of its own.
	return &exact{
		store: store, clock: opts.Clock, timeout: opts.Timeout, maxBytes: opts.MaxEntryBytes,
		reads: newBreaker("read", opts.Clock, opts.Logger), writes: newBreaker("write", opts.Clock, opts.Logger),
	}
}

// find returns the entry under the key, or nil. The store's idea of what has expired is
// not enough: its clock may be behind, or stand in another machine.
func (e *exact) find(ctx context.Context, key Key, maxAge time.Duration) *cachev1.Entry {
	var rec Record
	var ok bool
	e.reads.do(ctx, e.timeout, func(ctx context.Context) (err error) {
		rec, ok, err = e.store.Get(ctx, key)
		return err
	})
	if !ok {
		return nil
	}
	now := e.clock.Now()
	if !now.Before(rec.Expires) {
		return nil
	}
	if maxAge >= 0 && now.Sub(time.UnixMilli(rec.Entry.GetCreatedMillis())) > maxAge {
		return nil
	}
	return rec.Entry
}

// keep stores the entry, and reports whether it did.
func (e *exact) keep(ctx context.Context, key Key, entry *cachev1.Entry, ttl time.Duration) (stored bool) {
	if ttl < time.Millisecond || proto.Size(entry) > e.maxBytes {
		return false
	}
	now := e.clock.Now()
	if made := entry.GetCreatedMillis(); made <= 0 || made > now.UnixMilli() {
		entry = remade(entry, now)
	}
	rec := Record{Entry: entry, Expires: time.UnixMilli(now.Add(ttl).UnixMilli())}
	e.writes.do(ctx, e.timeout, func(ctx context.Context) (err error) {
		stored, err = e.store.Put(ctx, key, rec)
		return err
	})
	return stored
}

// remade is the entry as made now. The entry itself belongs to its sender as well, so
// the message is another one; what it refers to is shared.
func remade(entry *cachev1.Entry, now time.Time) *cachev1.Entry {
	return &cachev1.Entry{
		Body: entry.GetBody(), Chunks: entry.GetChunks(), Usage: entry.GetUsage(), CostNanos: entry.GetCostNanos(),
		Provider: entry.GetProvider(), UpstreamModel: entry.GetUpstreamModel(), DeploymentId: entry.GetDeploymentId(),
		Simulated: entry.GetSimulated(), CreatedMillis: now.UnixMilli(), DroppedParams: entry.GetDroppedParams(),
	}
}
