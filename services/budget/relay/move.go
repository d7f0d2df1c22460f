package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tollgate.dev/platform/kafkax"
)

// overhead is what a message takes beside key and value, in bytes, at most.
const overhead = 64

// sent is what became of one partition's rows.
type sent struct {
	partition int
	rows      []Row // all, in order
	done      int   // how many of them are in the log or set aside
	published []int64
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
		positions = append(positions, p.published...)
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
		tenant := row.TenantID
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
		tenants[row.TenantID] = true
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
// fails or the lease may have ended. Those of which there can be no event it sets aside.
func (r *Relay) publish(ctx context.Context, p *sent) {
	limit := r.opts.BatchBytes
	for p.done < len(p.rows) {
		if !r.opts.Clock.Now().Before(r.until) {
			p.err = ErrFenced // it could not be renewed in time
			return
		}
		rows := p.rows[p.done:]
		messages, fault := r.batch(rows, limit)
		if len(messages) > 0 {
			err := r.send(ctx, p.partition, messages)
			switch {
			case err == nil:
				for _, row := range rows[:len(messages)] {
					p.published = append(p.published, row.Position)
				}
				p.done += len(messages)
				continue
			case !errors.Is(err, kafkax.ErrTooLarge):
				p.err = fmt.Errorf("partition %d, from event %s on: %w", p.partition, rows[0].EventID, err)
				return
			case len(messages) > 1:
				limit /= 2 // the topic takes less than the default
				continue
			case len(messages[0].Value) <= r.opts.OrdinaryBytes:
				p.err = fmt.Errorf("partition %d: the topic's max.message.bytes is below the %d bytes of event %s: %w", p.partition, len(messages[0].Value), rows[0].EventID, err)
				return
			}
			fault = &Fault{TooLarge, err}
			limit = r.opts.BatchBytes // its neighbours may be as small as ever
		}
		if err := r.setAside(ctx, rows[0], fault); err != nil {
			p.err = fmt.Errorf("setting event %s aside: %w", rows[0].EventID, err)
			return
		}
		p.done++
	}
}

func (r *Relay) send(ctx context.Context, partition int, messages []kafkax.Message) error {
	// A stop does not cut off what is on its way: it would come again after the next start.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opts.Timeout)
	defer cancel()
	return r.opts.Publisher.Publish(ctx, partition, messages)
}

// batch is as many of the first rows' events as fit into a request, at least one. It ends
// before a row of which there is no event, with that one's fault.
func (r *Relay) batch(rows []Row, limit int) (messages []kafkax.Message, fault *Fault) {
	size := 0
	for _, row := range rows {
		envelope, bad := r.envelope(row)
		size += len(row.TenantID) + len(envelope) + overhead
		if bad != nil || len(messages) > 0 && size > limit {
			return messages, bad
		}
		messages = append(messages, kafkax.Message{Key: []byte(row.TenantID), Value: envelope})
	}
	return messages, nil
}

func (r *Relay) envelope(row Row) ([]byte, *Fault) {
	if row.Fault != nil {
		return nil, row.Fault
	}
	envelope, err := r.render(row.Record)
	if err != nil {
		return nil, &Fault{Unrenderable, err}
	}
	return envelope, nil
}

// setAside takes a row out of the outbox before the ones behind it are published: no relay
// can publish it after them.
func (r *Relay) setAside(ctx context.Context, row Row, fault *Fault) error {
	step, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opts.Timeout)
	defer cancel()
	if err := r.outbox.SetAside(step, r.epoch, []Aside{{Position: row.Position, Reason: fault.Reason}}); err != nil {
		return err
	}
	r.opts.Observer.SetAside()
	r.opts.Log.ErrorContext(ctx, "outbox: an event cannot be published and was set aside; the table outbox_set_aside has its row",
		"tenant", row.TenantID, "sequence", row.Sequence, "event_id", row.EventID, "reason", string(fault.Reason), "cause", fault.Err)
	return nil
}

func (r *Relay) remove(ctx context.Context, positions []int64) error {
	// What is published is removed also when the process stops, or it would come twice.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opts.Timeout)
	defer cancel()
	return r.outbox.Remove(ctx, r.epoch, positions)
}
