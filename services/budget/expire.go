package budget

import (
	"context"
	"slices"
	"strings"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/money"
)

// What marks the ledger entries that are no usage: the error and the call type of the record.
const (
	// LeaseLostError marks what a lost lease was charged.
	LeaseLostError = "lease_lost"
	// LeaseCorrectedError marks what was taken back from such a charge.
	LeaseCorrectedError = "lease_corrected"
	leaseCallType       = "budget.lease"
)

// expireBatch is how many lost leases one transaction charges.
const expireBatch = 500

// pruneEvery is how often old rows are removed.
const pruneEvery = time.Minute

// Expire charges the leases of replicas that were not heard of for the term and the grace, and
// returns how many amounts it charged. A lease that held nothing is closed in silence. A
// record that comes later, from the replica's log, or a return takes its part of the charge
// back, so that in the end only what is really unknown stays charged.
//
// Silence counts only while it could have been broken: Expire charges nothing before it was
// called without a gap for the term and the grace, and each time could write.
func (s *Service) Expire(ctx context.Context) (charged int, err error) {
	s.expire.Lock()
	defer s.expire.Unlock()
	now, hearing, err := s.hear(ctx)
	if err != nil {
		return 0, err
	}
	for hearing {
		more := false
		var amounts []money.Nano
		footprint := Footprint{SilentFor: s.opts.Term + s.opts.Grace, DeadLeases: expireBatch}
		err := s.update(ctx, footprint, func(snap *Snapshot) (*Mutation, error) {
			amounts, more = nil, len(snap.Leases) >= expireBatch
			m := &Mutation{}
			if len(snap.Dead) == 0 {
				return nil, nil
			}
			if !more {
				m.ForgetReplicas = snap.Dead
			}
			b := openBooks(snap)
			for i := range snap.Leases {
				l := &snap.Leases[i]
				w := b.windows[windowKey{l.BudgetID, l.Start}]
				amount := b.charge(l, w)
				if amount == 0 {
					continue
				}
				amounts = append(amounts, amount)
				s.addThresholds(m, b, snap.Sequences, s.addLeaseEntry(m, b, snap.Sequences, EntryLost, l, amount))
			}
			b.close(m)
			return m, nil
		})
		if err != nil {
			return charged, err
		}
		for _, amount := range amounts {
			s.opts.Observer.LeaseLost(amount)
		}
		if charged += len(amounts); !more {
			break
		}
	}
	if charged > 0 {
		s.opts.Logger.WarnContext(ctx, "budget: leases of lost replicas were charged", "leases", charged)
	}
	if now-s.pruned < pruneEvery.Milliseconds() {
		return charged, nil
	}
	s.pruned = now
	return charged, s.update(ctx, Footprint{}, func(*Snapshot) (*Mutation, error) {
		return &Mutation{PruneBefore: now - s.opts.Retention.Milliseconds()}, nil
	})
}

// hear notes that replicas can be heard of, and tells whether that was so for as long as a
// replica may be silent. Otherwise all of them would be lost after each time that the service
// or its database was away, hung, or took no writes.
func (s *Service) hear(ctx context.Context) (now int64, hearing bool, err error) {
	err = s.update(ctx, Footprint{}, func(snap *Snapshot) (*Mutation, error) {
		now = snap.Now
		return &Mutation{HeardAt: now}, nil
	})
	if err != nil {
		return 0, false, err
	}
	gap := max(s.opts.Grace/2, 3*s.opts.ExpireEvery).Milliseconds()
	if quiet := now - s.heardAt; quiet < 0 || quiet > gap {
		s.heardFrom = now
	}
	s.heardAt = now
	return now, now-s.heardFrom >= (s.opts.Term + s.opts.Grace).Milliseconds(), nil
}

// addCorrections writes what was taken back from lost leases into the ledger.
func (s *Service) addCorrections(m *Mutation, b *books, sequences map[string]int64) {
	lost := make([]*Lease, 0, len(b.corrected))
	for l, amount := range b.corrected {
		if amount > 0 {
			lost = append(lost, l)
		}
	}
	slices.SortFunc(lost, func(x, y *Lease) int { return strings.Compare(x.ID, y.ID) })
	for _, l := range lost {
		s.addLeaseEntry(m, b, sequences, EntryCorrected, l, -b.corrected[l])
	}
}

func (s *Service) addLeaseEntry(m *Mutation, b *books, sequences map[string]int64, kind EntryKind, l *Lease, amount money.Nano) *eventv1.UsageRecord {
	mark := LeaseLostError
	if kind == EntryCorrected {
		mark = LeaseCorrectedError
	}
	r := &eventv1.UsageRecord{
		TenantId: l.TenantID, PlatformId: l.PlatformID,
		CostNanos: int64(amount), Error: mark, CallType: leaseCallType,
		Usage: &usagev1.Usage{Estimated: true}, // the amount is what may have been spent at most
		Draws: []*eventv1.LeaseDraw{{LeaseId: l.ID, Nanos: int64(amount)}},
	}
	budget, w := b.budgets[l.BudgetID], b.windows[windowKey{l.BudgetID, l.Start}]
	attribute(r.Draws[0], w)
	nameScope(r, budget.Scope)
	r.Window = windowOf(w, budget.Limit)
	s.add(m, b, sequences, kind, r)
	return r
}
