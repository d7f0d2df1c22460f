package spend

import (
	"context"
	"errors"
	"fmt"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/services/edge/spend/journal"
)

// WaitRecovered waits until the logs of dead processes that were there when Run began are
// delivered, or for the end of ctx.
func (m *Meter) WaitRecovered(ctx context.Context) {
	select {
	case <-m.recovered:
	case <-ctx.Done():
	}
}

// recoverLoop delivers the logs of dead processes: those that are there at the start, and
// later those of processes beside this one that die. A log that cannot be delivered now is
// tried again.
func (m *Meter) recoverLoop(ctx context.Context) {
	log := m.opts.Journal
	if log == nil {
		close(m.recovered)
		return
	}
	newer := map[string]bool{} // logs that are left alone, and were told of
	for first := true; ; first = false {
		dead, err := log.Dead()
		if err != nil {
			m.opts.Logger.ErrorContext(ctx, "spend: the logs of dead processes cannot be looked at", "error", err)
		}
		for _, d := range dead {
			if err := m.recoverLog(ctx, d, newer); err != nil && ctx.Err() == nil {
				m.opts.Logger.ErrorContext(ctx, "spend: the log of a dead process is not delivered yet", "replica", d.Name, "error", err)
			}
		}
		if first {
			close(m.recovered)
		}
		if clock.Sleep(ctx, m.opts.Clock, m.opts.Heartbeat) != nil {
			return
		}
	}
}

// recoverLog brings one dead process's log to its end.
func (m *Meter) recoverLog(ctx context.Context, d *journal.Dead, newer map[string]bool) error {
	leave := true
	defer func() {
		if leave {
			if err := d.Leave(); err != nil {
				m.opts.Logger.WarnContext(ctx, "spend: a log was not unlocked", "error", err)
			}
		}
	}()
	r := recovery{m: m, dead: d}
	found, err := r.deliver(ctx)
	if errors.Is(err, journal.ErrNewer) {
		if !newer[d.Name] {
			newer[d.Name] = true
			m.opts.Observer.LogKept()
			m.opts.Logger.ErrorContext(ctx, "spend: the log of a dead process is in the format of a newer release: it is left for that, and its leases will be charged", "replica", d.Name)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if found.Whole() {
		// Nothing of the replica's is unknown: what its leases still hold, nobody spent.
		call, cancel := context.WithTimeout(ctx, m.opts.CallTimeout)
		defer cancel()
		if _, err := m.client.EndReplica(call, &budgetv1.EndReplicaRequest{ReplicaId: d.Name}); err != nil {
			return err
		}
	} else {
		m.opts.Logger.WarnContext(ctx, "spend: of the log of a dead process something may be missing: its leases will be charged",
			"replica", d.Name, "same_boot", found.SameBoot, "damaged", found.Damaged)
	}
	m.opts.Observer.LogRecovered(r.settled, r.charged)
	if r.settled+r.charged > 0 {
		m.opts.Logger.InfoContext(ctx, "spend: the log of a dead process was delivered", "replica", d.Name,
			"settled", r.settled, "charged_at_reservation", r.charged)
	}
	leave = false
	if len(found.Damaged) == 0 {
		return d.Remove()
	}
	m.opts.Observer.LogKept()
	where, err := d.Keep()
	m.opts.Logger.ErrorContext(ctx, "spend: the log of a dead process is damaged: what is valid was delivered, and the log is kept",
		"replica", d.Name, "folder", where, "damaged", found.Damaged)
	return err
}

// recovery is the delivery of one dead process's log.
type recovery struct {
	m    *Meter
	dead *journal.Dead

	batch            []*eventv1.UsageRecord
	settled, charged int
}

// deliver has every call of the log recorded, one batch after the other.
func (r *recovery) deliver(ctx context.Context) (journal.Found, error) {
	over := map[string]bool{} // calls that were settled
	damaged := 0
	found, err := r.dead.Read(func(rec journal.Record) error {
		if rec.Kind == kindReserved || rec.Kind == kindCall && len(rec.Amendment) == 0 {
			return nil
		}
		// What cannot be read is counted below, where it is read for delivery.
		if call, _, err := decodeLogged(rec); err == nil {
			over[call.GetEventId()] = true
		}
		return nil
	})
	if err != nil {
		return found, err
	}
	// The log may hold as much as a process may have queued: it is read again, so that one
	// batch is in memory.
	found, err = r.dead.Read(func(rec journal.Record) error {
		if rec.Ended {
			return nil
		}
		call, settled, err := decodeLogged(rec)
		switch {
		case err != nil:
			damaged++
			return nil //nolint:nilerr // it is counted, and does not hold up the others
		case settled:
			r.settled++
		case over[call.GetEventId()]:
			return nil // its end could not be marked any more
		default:
			call.OccurredMillis = r.m.opts.Clock.Now().UnixMilli()
			r.charged++
		}
		if r.batch = append(r.batch, call); len(r.batch) == r.m.opts.BatchSize {
			return r.flush(ctx)
		}
		return nil
	})
	if err != nil {
		return found, err
	}
	if damaged > 0 {
		found.Damaged = append(found.Damaged, fmt.Sprintf("%d records that are no calls", damaged))
	}
	return found, r.flush(ctx)
}

func (r *recovery) flush(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	_, err := r.m.send(ctx, r.dead.Name, r.batch, func(int) {})
	r.batch = nil
	return err
}
