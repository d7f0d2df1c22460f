package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tollgate.dev/platform/kafkax"
	"tollgate.dev/services/budget/event"
)

// overhead is what a message takes beside key and value, in bytes, at most.
const overhead = 64

// sent is what became of one partition's rows.
type sent struct {
	partition int
	rows      []Row // all, in order
	done      int   // how many of them are in the log
	err       error
}

// move publishes one batch of rows and removes what the brokers have. Partitions go side by
// side; one that fails rests, and its tenants are skipped, so that the others go on. It
// returns when the next round is due.
func (r *Relay) move(ctx context.Context) (next time.Duration, err error) {
	skip, wait := r.resters()
	if len(r.resting) >= r.partitions && wait > 0 {
		return wait, nil
	}
	rows, err := r.pending(ctx, skip)
	if err != nil {
		return 0, err
	}
	if len(rows) == 0 {
		if len(skip) > 0 {
			return max(r.opts.PollEvery, wait), nil // to find none, all that rest were looked through
		}
		return r.opts.PollEvery, nil
	}
	parts, held := r.divide(rows)
	var wg sync.WaitGroup
	for _, p := range parts {
		wg.Go(func() { r.publish(ctx, p) })
	}
	wg.Wait()
	var positions []int64
	var failed int
	for _, p := range parts {
		for _, row := range p.rows[:p.done] {
			positions = append(positions, row.Position)
		}
		if p.err == nil {
			delete(r.resting, p.partition)
			continue
		}
		failed += len(p.rows) - p.done
		if errors.Is(p.err, ErrFenced) {
			err = p.err
			continue
		}
		r.putToRest(ctx, p)
	}
	r.count(len(positions), failed)
	if len(positions) > 0 {
		if rerr := r.remove(ctx, positions); rerr != nil {
			return 0, rerr
		}
	}
	if err != nil || len(rows) == r.opts.Batch || held || failed > 0 {
		return 0, err
	}
	return r.opts.PollEvery, nil
}

func (r *Relay) count(published, failed int) {
	if published > 0 {
		r.opts.Observer.Published(published, true)
	}
	if failed > 0 {
		r.opts.Observer.Published(failed, false)
	}
}

// resters names the tenants whose partition rests, and says how long until the first may go
// on; 0 when one may now.
func (r *Relay) resters() (tenants []string, wait time.Duration) {
	now := r.opts.Clock.Now()
	wait = r.opts.BackoffMax
	for _, p := range r.resting {
		left := max(0, p.until.Sub(now))
		wait = min(wait, left)
		if left == 0 {
			continue
		}
		for tenant := range p.tenants {
			tenants = append(tenants, tenant)
		}
	}
	return tenants, wait
}

func (r *Relay) pending(ctx context.Context, skip []string) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	return r.outbox.Pending(ctx, r.epoch, skip, r.opts.Batch)
}

// divide sorts rows by partition. held tells that rows were left out because their
// partition rests: their tenants are skipped from now on.
func (r *Relay) divide(rows []Row) (parts []*sent, held bool) {
	now := r.opts.Clock.Now()
	byPartition, ofTenant := map[int]*sent{}, map[string]int{}
	for _, row := range rows {
		tenant := row.Record.GetTenantId()
		partition, ok := ofTenant[tenant]
		if !ok {
			partition = kafkax.PartitionOf([]byte(tenant), r.partitions)
			ofTenant[tenant] = partition
		}
		if p, ok := r.resting[partition]; ok && now.Before(p.until) {
			p.tenants[tenant] = true
			held = true
			continue
		}
		p := byPartition[partition]
		if p == nil {
			p = &sent{partition: partition}
			byPartition[partition] = p
			parts = append(parts, p)
		}
		p.rows = append(p.rows, row)
	}
	return parts, held
}

func (r *Relay) putToRest(ctx context.Context, p *sent) {
	failures := r.resting[p.partition].failures + 1
	tenants := map[string]bool{}
	for _, row := range p.rows[p.done:] {
		tenants[row.Record.GetTenantId()] = true
	}
	wait := r.backoff(failures)
	r.resting[p.partition] = rest{until: r.opts.Clock.Now().Add(wait), failures: failures, tenants: tenants}
	r.recount = true
	if failures%logEvery == 1 && ctx.Err() == nil {
		r.opts.Log.WarnContext(ctx, "outbox: a partition failed and is tried again; its events wait",
			"partition", p.partition, "failures", failures, "wait", wait.String(), "error", p.err)
	}
}

// publish writes a partition's rows in order, one request after the other, until one
// fails or the lease may have ended.
func (r *Relay) publish(ctx context.Context, p *sent) {
	limit := r.opts.BatchBytes
	for p.done < len(p.rows) {
		if !r.opts.Clock.Now().Before(r.until) {
			p.err = ErrFenced // it could not be renewed in time
			return
		}
		messages, err := batch(p.rows[p.done:], limit)
		if err != nil {
			p.err = err
			return
		}
		// A stop does not cut off what is on its way: it would come again after the next start.
		step, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opts.Timeout)
		err = r.opts.Publisher.Publish(step, p.partition, messages)
		cancel()
		if errors.Is(err, kafkax.ErrTooLarge) && len(messages) > 1 {
			limit /= 2 // the topic takes less than the default
			continue
		}
		if err != nil {
			first := p.rows[p.done]
			p.err = fmt.Errorf("partition %d, from event %s on: %w", p.partition, first.Record.GetEventId(), err)
			return
		}
		p.done += len(messages)
	}
}

// batch is as many of the first rows' events as fit into a request, at least one.
func batch(rows []Row, limit int) ([]kafkax.Message, error) {
	var messages []kafkax.Message
	size := 0
	for _, row := range rows {
		envelope, err := event.Envelope(row.Record)
		if err != nil {
			return nil, err
		}
		tenant := row.Record.GetTenantId()
		size += len(tenant) + len(envelope) + overhead
		if len(messages) > 0 && size > limit {
			break
		}
		messages = append(messages, kafkax.Message{Key: []byte(tenant), Value: envelope})
	}
	return messages, nil
}

func (r *Relay) remove(ctx context.Context, positions []int64) error {
	// What is published is removed also when the process stops, or it would come twice.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opts.Timeout)
	defer cancel()
	return r.outbox.Remove(ctx, r.epoch, positions)
}
