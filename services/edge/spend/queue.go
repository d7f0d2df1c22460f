package spend

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
)

// Bounds of the pause before records are sent again.
const (
	firstRetry = 20 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// queueShards is how many locks the queue has. A tenant's records stay in one shard, in
// order.
const queueShards = 16

// queue holds settled records until they are delivered.
type queue struct {
	wake   chan struct{}
	length atomic.Int64
	seed   maphash.Seed
	shards [queueShards]struct {
		mu      sync.Mutex
		records []*eventv1.UsageRecord
		_       [32]byte // a cache line of its own
	}
	next int // the shard to begin with, so that none starves; the flusher's
}

func (q *queue) add(r *eventv1.UsageRecord, batch int) {
	s := &q.shards[maphash.String(q.seed, r.GetTenantId())%queueShards]
	s.mu.Lock()
	s.records = append(s.records, r)
	s.mu.Unlock()
	// The flusher waits for the first record, then for time or for a whole batch.
	if n := q.length.Add(1); n == 1 || n%int64(batch) == 0 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// take removes up to limit records, each tenant's oldest first. They count as queued until
// they are delivered.
func (q *queue) take(limit int) []*eventv1.UsageRecord {
	var out []*eventv1.UsageRecord
	for range queueShards {
		s := &q.shards[q.next%queueShards]
		q.next++
		s.mu.Lock()
		head, tail := cut(s.records, limit-len(out))
		s.records = tail
		s.mu.Unlock()
		if out = append(out, head...); len(out) == limit {
			break
		}
	}
	return out
}

// flushLoop delivers records in batches.
func (m *Meter) flushLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.queue.wake:
		}
		for m.queue.length.Load() > 0 {
			if m.queue.length.Load() < int64(m.opts.BatchSize) {
				m.gather(ctx)
			}
			if m.flush(ctx) != nil {
				return // only at the end of ctx
			}
		}
	}
}

// gather waits for more records to come, for FlushEvery at most.
func (m *Meter) gather(ctx context.Context) {
	timer := m.opts.Clock.NewTimer(m.opts.FlushEvery)
	defer timer.Stop()
	for m.queue.length.Load() < int64(m.opts.BatchSize) {
		select {
		case <-timer.C():
			return
		case <-ctx.Done():
			return
		case <-m.queue.wake:
		}
	}
}

// flush delivers one batch, however often that takes. It fails only when ctx ends, and
// then keeps the batch.
func (m *Meter) flush(ctx context.Context) error {
	batch := m.undelivered(m.opts.BatchSize)
	if len(batch) == 0 {
		return ctx.Err()
	}
	rest, err := m.deliver(ctx, batch)
	if err != nil {
		m.keep(rest)
	}
	return err
}

// undelivered takes the batch that an earlier flush kept, or the next one.
func (m *Meter) undelivered(limit int) []*eventv1.UsageRecord {
	m.life.Lock()
	kept := m.kept
	m.kept = nil
	m.life.Unlock()
	if len(kept) > 0 {
		return kept
	}
	return m.queue.take(limit)
}

func (m *Meter) keep(batch []*eventv1.UsageRecord) {
	m.life.Lock()
	m.kept = batch
	m.life.Unlock()
}

// deliver sends a batch until it is recorded. A batch that the budget service finds invalid
// is halved, so that one bad record does not hold up the others. When ctx ends it returns
// what is left.
func (m *Meter) deliver(ctx context.Context, batch []*eventv1.UsageRecord) (rest []*eventv1.UsageRecord, err error) {
	pause := firstRetry
	for {
		call, cancel := context.WithTimeout(ctx, m.opts.CallTimeout)
		res, err := m.client.Record(call, &budgetv1.RecordRequest{ReplicaId: m.opts.ReplicaID, Records: batch})
		cancel()
		switch {
		case err == nil:
			m.rejected.Add(int64(res.GetRejected()))
			m.queue.length.Add(-int64(len(batch)))
			return nil, nil
		case ctx.Err() != nil:
			return batch, fmt.Errorf("spend: %d records are not delivered: %w", m.queue.length.Load(), ctx.Err())
		case errs.Is(err, errs.InvalidRequest) && len(batch) > 1:
			half := len(batch) / 2
			if rest, err := m.deliver(ctx, batch[:half:half]); err != nil {
				return append(rest[:len(rest):len(rest)], batch[half:]...), err
			}
			return m.deliver(ctx, batch[half:])
		case errs.Is(err, errs.InvalidRequest):
			// Sending it again cannot help. The log is its last trace, with its cost.
			m.rejected.Add(1)
			m.queue.length.Add(-1)
			m.opts.Logger.ErrorContext(ctx, "spend: a record was refused as invalid", "error", err,
				"event", batch[0].GetEventId(), "tenant", batch[0].GetTenantId(), "cost_nanos", batch[0].GetCostNanos())
			return nil, nil
		}
		m.opts.Logger.WarnContext(ctx, "spend: recording failed, trying again", "error", err, "queued", m.queue.length.Load())
		jittered := pause/2 + rand.N(pause/2+1) //nolint:gosec // spreads load, keeps no secret
		if clock.Sleep(ctx, m.opts.Clock, jittered) != nil {
			return batch, fmt.Errorf("spend: %d records are not delivered: %w", m.queue.length.Load(), ctx.Err())
		}
		pause = min(2*pause, lastRetry)
	}
}

// drain delivers everything, for Close.
func (m *Meter) drain(ctx context.Context) error {
	for m.queue.length.Load() > 0 {
		if err := m.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}
