package spend

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/edge/spend/journal"
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
	shards [queueShards]struct {
		mu sync.Mutex
		line
		_ [8]byte // a cache line of its own
	}
	// The flusher's: the shard to begin with, so that none starves, and memory.
	next  int
	taken []waiting
}

// waiting is a record that waits, with its place in the log and the pools that pay for it.
type waiting struct {
	record *eventv1.UsageRecord
	logged journal.Handle
	from   pools
}

// line is a queue in memory that is used again when the line is empty.
type line struct {
	all  []waiting
	head int // of those that are still there
}

// keptLine is for how many records empty memory is kept for its next use.
const keptLine = 1024

// put adds to the end. What was taken makes room before more memory does.
func (l *line) put(w *waiting) {
	if len(l.all) == cap(l.all) && l.head > len(l.all)/2 {
		n := copy(l.all, l.all[l.head:])
		clear(l.all[n:])
		l.all, l.head = l.all[:n], 0
	}
	l.all = append(l.all, *w)
}

// take appends up to n of the first to out.
func (l *line) take(out []waiting, n int) []waiting {
	first := l.all[l.head:]
	first = first[:min(n, len(first))]
	out = append(out, first...)
	clear(first)
	if l.head += len(first); l.head == len(l.all) {
		l.all, l.head = l.all[:0], 0
		if cap(l.all) > keptLine {
			l.all = nil
		}
	}
	return out
}

// batch are records that are about to be delivered, each with its place in the log.
type batch struct {
	records []*eventv1.UsageRecord
	logged  []journal.Handle
}

// newBatch gives records their draws: the cost of each comes from each lease that it was
// reserved in. They wait without, which takes less memory.
func newBatch(from []waiting) batch {
	b := batch{make([]*eventv1.UsageRecord, len(from)), make([]journal.Handle, len(from))}
	n := 0
	for i := range from {
		b.records[i], b.logged[i] = from[i].record, from[i].logged
		n += from[i].from.n
	}
	draws, list := make([]eventv1.LeaseDraw, n), make([]*eventv1.LeaseDraw, n)
	for i := range from {
		n := from[i].from.n
		draw(b.records[i], &from[i].from, draws[:n], list[:n:n])
		draws, list = draws[n:], list[n:]
	}
	return b
}

// draw writes a record's draws into memory for as many.
func draw(r *eventv1.UsageRecord, from *pools, draws []eventv1.LeaseDraw, list []*eventv1.LeaseDraw) {
	if from.n == 0 {
		return
	}
	for i := range from.n {
		draws[i].LeaseId, draws[i].Nanos = from.pool(i).lease, r.CostNanos
		list[i] = &draws[i]
	}
	r.Draws = list
}

// cut takes the first n records away.
func (b *batch) cut(n int) batch {
	var head batch
	head.records, b.records = cut(b.records, n)
	head.logged, b.logged = cut(b.logged, n)
	return head
}

func (b *batch) len() int { return len(b.records) }

// shardOf spreads tenants over the shards (FNV-1a).
func shardOf(tenant string) uint32 {
	h := uint32(2166136261)
	for i := range len(tenant) {
		h = (h ^ uint32(tenant[i])) * 16777619
	}
	return h % queueShards
}

func (q *queue) add(w *waiting, size int) {
	s := &q.shards[shardOf(w.record.GetTenantId())]
	s.mu.Lock()
	s.put(w)
	s.mu.Unlock()
	// The flusher waits for the first record, then for time or for a whole batch.
	if n := q.length.Add(1); n == 1 || n%int64(size) == 0 {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// crowded says that the rest of the queue and of the log is for calls that cost something.
func (m *Meter) crowded() bool {
	switch n := m.queue.length.Load(); {
	case n >= int64(m.opts.QueueLimit+1)/2:
		return true
	case m.opts.Journal == nil || n < int64(m.opts.BatchSize):
		return false // what is in the log is in flight
	}
	return m.opts.Journal.Crowded()
}

// take removes up to limit records, each tenant's oldest first. They count as queued until
// they are delivered.
func (q *queue) take(limit int) batch {
	out := q.taken[:0]
	for range queueShards {
		s := &q.shards[q.next%queueShards]
		q.next++
		s.mu.Lock()
		out = s.line.take(out, limit-len(out))
		s.mu.Unlock()
		if len(out) == limit {
			break
		}
	}
	b := newBatch(out)
	clear(out)
	if q.taken = out; cap(out) > keptLine {
		q.taken = nil
	}
	return b
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
	b := m.undelivered(m.opts.BatchSize)
	if b.len() == 0 {
		return ctx.Err()
	}
	rest, err := m.deliver(ctx, b)
	if err != nil {
		m.keep(rest)
	}
	return err
}

// undelivered takes the batch that an earlier flush kept, or the next one.
func (m *Meter) undelivered(limit int) batch {
	m.life.Lock()
	kept := m.kept
	m.kept = batch{}
	m.life.Unlock()
	if kept.len() > 0 {
		return kept
	}
	return m.queue.take(limit)
}

func (m *Meter) keep(b batch) {
	m.life.Lock()
	m.kept = b
	m.life.Unlock()
}

// deliver sends a batch until it is recorded, and then ends it in the log. When ctx ends it
// returns what is left.
func (m *Meter) deliver(ctx context.Context, b batch) (rest batch, err error) {
	left, err := m.send(ctx, m.opts.ReplicaID, b.records, func(done int) {
		m.queue.length.Add(-int64(done))
		m.delivered(b.cut(done).logged)
	})
	if err != nil {
		return b, fmt.Errorf("spend: %d records are not delivered: %w", left, err)
	}
	return batch{}, nil
}

// send has a replica's records recorded, however often that takes, and tells done how many
// more were. One that the budget service finds invalid is set apart and counts as done: the
// others are not held up. It fails only when ctx ends.
func (m *Meter) send(ctx context.Context, replica string, records []*eventv1.UsageRecord, done func(int)) (left int, err error) {
	pause := firstRetry
	size := len(records) // less while an invalid one is looked for
	for len(records) > 0 {
		size = min(size, len(records))
		call, cancel := context.WithTimeout(ctx, m.opts.CallTimeout)
		res, err := m.client.Record(call, &budgetv1.RecordRequest{ReplicaId: replica, Records: records[:size:size]})
		cancel()
		switch {
		case err == nil:
			m.rejected.Add(int64(res.GetRejected()))
			done(size)
			records = records[size:]
			size, pause = len(records), firstRetry
			continue
		case ctx.Err() != nil:
			return len(records), ctx.Err()
		case errs.Is(err, errs.InvalidRequest) && size > 1:
			size /= 2
			continue
		case errs.Is(err, errs.InvalidRequest):
			// Sending it again cannot help. The process's log is its last trace, with its cost.
			m.rejected.Add(1)
			m.opts.Logger.ErrorContext(ctx, "spend: a record was refused as invalid", "error", err,
				"event", records[0].GetEventId(), "tenant", records[0].GetTenantId(), "cost_nanos", records[0].GetCostNanos())
			done(1)
			records = records[1:]
			size = len(records)
			continue
		}
		m.opts.Logger.WarnContext(ctx, "spend: recording failed, trying again", "error", err,
			"queued", m.queue.length.Load(), "dropped", m.dropped.Load())
		jittered := pause/2 + rand.N(pause/2+1) //nolint:gosec // spreads load, keeps no secret
		if clock.Sleep(ctx, m.opts.Clock, jittered) != nil {
			return len(records), ctx.Err()
		}
		pause = min(2*pause, lastRetry)
	}
	return 0, nil
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
