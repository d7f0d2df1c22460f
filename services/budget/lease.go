package budget

import (
	"context"
	"maps"
	"slices"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
)

// Bounds of one Lease call.
const (
	maxAsks    = 4096
	maxReturns = 16384
)

// recallEvery is how often a service calls the leases of one budget back at most.
const recallEvery = 100 * time.Millisecond

// Ask wants a slice of every budget that a scope has.
type Ask struct {
	// Scope is whose budgets are asked for.
	Scope Scope
	// Need is useful at least, beyond what the replica holds; 0 asks for the state alone.
	Need money.Nano
	// Want is useful at once.
	Want money.Nano
	// Ahead is what the replica expects to use before it asks again.
	Ahead money.Nano
	// TenantID and PlatformID are in whose name a lease is charged if the replica is lost.
	TenantID, PlatformID string
}

// Return gives back what a lease still holds.
type Return struct {
	// LeaseID is the lease.
	LeaseID string
	// Total is all that was given back of it since its beginning, this included.
	Total money.Nano
}

// Slice is the state of one lease, of its budget and its window.
type Slice struct {
	// Budget and Window are as they stand after the grant.
	Budget Budget
	Window WindowState
	// Lease is the replica's lease of it.
	Lease Lease
}

// Remaining is what is neither spent nor leased; below 0 when a limit was lowered.
func (s Slice) Remaining() money.Nano { return s.Budget.Limit - s.Window.Spent - s.Window.Leased }

// Leases answers a Lease call.
type Leases struct {
	// Grants has the slices of each ask's scope, in the order of the asks.
	Grants [][]Slice
	// Now is the books' time, Term until when the replica may spend from any of its leases.
	Now, Term time.Time
	// Reset tells that the replica was not known: what it held was charged, if anything.
	Reset bool
}

// Lease takes returns back and answers asks, in one transaction, and renews all leases of
// the replica. A strict budget grants need when it has that much, up to want or to what
// the replica expects to use, the latter within remaining/(8·replicas), whichever is
// more, and nothing otherwise. Soft budgets have leases without an amount: nothing is
// held back for them. Errors: invalid_request; conflict for a replica that has ended.
func (s *Service) Lease(ctx context.Context, replica string, asks []Ask, returns []Return) (Leases, error) {
	if err := checkLease(replica, asks, returns); err != nil {
		return Leases{}, err
	}
	var out Leases
	now := s.opts.Clock.Now()
	footprint := Footprint{Replica: replica, ActiveWithin: s.opts.Term}
	for _, ask := range asks {
		footprint.Scopes = append(footprint.Scopes, ask.Scope)
	}
	for _, r := range returns {
		footprint.LeaseIDs = append(footprint.LeaseIDs, r.LeaseID)
	}
	var recalled map[string]Scope // by budget
	err := s.update(ctx, footprint, func(snap *Snapshot) (*Mutation, error) {
		if snap.ReplicaEnded {
			return nil, errs.New(errs.Conflict, "the replica has ended").WithParam("replica_id")
		}
		recalled = map[string]Scope{}
		out.Now = time.UnixMilli(snap.Now)
		out.Term = out.Now.Add(s.opts.Term)
		m := &Mutation{SeenReplica: replica, SeenAt: snap.Now}
		b := openBooks(snap)
		for _, r := range returns {
			// Whoever recovers a lost replica's log may return its leases too.
			if l := b.leases[r.LeaseID]; l != nil {
				b.giveBack(l, b.windows[windowKey{l.BudgetID, l.Start}], r.Total)
			}
		}
		own := make(map[windowKey]*Lease, len(b.leases))
		for _, l := range b.leases {
			if l.Replica == replica && l.Status == LeaseOpen {
				own[windowKey{l.BudgetID, l.Start}] = l
			}
		}
		out.Grants = make([][]Slice, len(asks))
		for i, ask := range asks {
			for _, budget := range b.byScope[ask.Scope] {
				w := b.window(budget)
				key := windowKey{budget.ID, w.Start}
				l := own[key]
				if l == nil {
					l = &Lease{ID: s.ids.NewString(), BudgetID: budget.ID, Start: w.Start, Replica: replica, TenantID: ask.TenantID, PlatformID: ask.PlatformID}
					own[key] = l
					if w.TenantID == "" {
						w.TenantID = ask.TenantID
					}
					if w.PlatformID == "" {
						w.PlatformID = ask.PlatformID
					}
					b.touch(l, w)
				}
				if amount, short := slice(budget, w, l, ask, snap.Others+1); amount > 0 {
					b.grant(l, w, amount)
				} else if short && w.Leased > l.Outstanding() && s.mayRecall(budget.ID, now) {
					recalled[budget.ID] = budget.Scope
				}
				out.Grants[i] = append(out.Grants[i], Slice{Budget: *budget, Window: *w, Lease: *l})
			}
		}
		// The replicas that hold the rest may have their budget service in another
		// process: the log of changes tells all of them.
		m.Recalled = slices.Collect(maps.Values(recalled))
		out.Reset = !snap.ReplicaKnown
		s.addCorrections(m, b, snap.Sequences)
		b.close(m)
		return m, nil
	})
	if err != nil {
		return Leases{}, err
	}
	if len(recalled) > 0 {
		s.noteRecalls(recalled, now)
		s.passOn(ctx)
	}
	return out, nil
}

// slice decides what a budget grants. short tells that it could not pay the need. What
// records drew beyond the lease is spent already and in the replica's need: it takes
// nothing from what remains.
func slice(budget *Budget, w *WindowState, l *Lease, ask Ask, replicas int) (amount money.Nano, short bool) {
	if budget.Soft || ask.Need <= 0 {
		return 0, false
	}
	remaining := budget.Limit - w.Spent - w.Leased
	owed := max(0, l.Drawn+l.Returned-l.Granted)
	if remaining < 0 || remaining+owed < ask.Need {
		return 0, true
	}
	ahead := min(ask.Ahead, remaining/money.Nano(share*replicas))
	return min(remaining+owed, max(ask.Need, ask.Want, ahead+owed)), false
}

// endBatch is how many leases one transaction takes back.
const endBatch = 500

// EndReplica takes back all that the leases of a replica hold and refuses it new ones. It
// is for a replica that has ended and whose calls were all recorded. What its leases were
// charged when it was lost comes back too. Errors: invalid_request.
func (s *Service) EndReplica(ctx context.Context, replica string) (returned money.Nano, err error) {
	if err := checkReplica(replica); err != nil {
		return 0, err
	}
	for more := true; more; {
		var freed money.Nano
		err := s.update(ctx, Footprint{Replica: replica, HeldLeases: endBatch}, func(snap *Snapshot) (*Mutation, error) {
			freed, more = 0, len(snap.Leases) >= endBatch
			// From the first transaction on no message of the replica's, however late,
			// gets a lease.
			m := &Mutation{SeenReplica: replica, SeenAt: snap.Now, Ended: true}
			b := openBooks(snap)
			for i := range snap.Leases {
				l := &snap.Leases[i]
				before := l.Returned
				b.giveBack(l, b.windows[windowKey{l.BudgetID, l.Start}], money.Max)
				freed += l.Returned - before
			}
			s.addCorrections(m, b, snap.Sequences)
			b.close(m)
			return m, nil
		})
		if err != nil {
			return returned, err
		}
		returned += freed
	}
	return returned, nil
}

// mayRecall tells whether a budget's leases were not called back just now. Replicas are asked
// to give back what they do not use.
func (s *Service) mayRecall(budgetID string, now time.Time) bool {
	s.recallMu.Lock()
	defer s.recallMu.Unlock()
	return now.Sub(s.recalled[budgetID]) >= recallEvery
}

func (s *Service) noteRecalls(budgets map[string]Scope, now time.Time) {
	s.recallMu.Lock()
	defer s.recallMu.Unlock()
	if len(s.recalled) > 10_000 {
		clear(s.recalled)
	}
	for budgetID := range budgets {
		s.recalled[budgetID] = now
	}
}

func checkReplica(replica string) error {
	if replica == "" || !validText(replica) {
		return errs.New(errs.InvalidRequest, "a lease needs its replica's id").WithParam("replica_id")
	}
	return nil
}

func checkLease(replica string, asks []Ask, returns []Return) error {
	if err := checkReplica(replica); err != nil {
		return err
	}
	if len(asks) > maxAsks || len(returns) > maxReturns {
		return errs.Newf(errs.InvalidRequest, "more than %d asks or %d returns", maxAsks, maxReturns)
	}
	seen := make(map[Scope]bool, len(asks))
	for _, ask := range asks {
		if err := ask.Scope.check("asks.scope"); err != nil {
			return err
		}
		if ask.Need < 0 || ask.Want < 0 || ask.Ahead < 0 {
			return errs.New(errs.InvalidRequest, "an ask's amounts are 0 or more").WithParam("asks.need_nanos")
		}
		if !validText(ask.TenantID) || !validText(ask.PlatformID) {
			return errs.New(errs.InvalidRequest, "an ask's tenant or platform is too long or no text").WithParam("asks.tenant_id")
		}
		if seen[ask.Scope] {
			return errs.New(errs.InvalidRequest, "a scope is asked for twice").WithParam("asks.scope")
		}
		seen[ask.Scope] = true
	}
	for _, r := range returns {
		if r.LeaseID == "" || !validText(r.LeaseID) || r.Total < 0 {
			return errs.New(errs.InvalidRequest, "a return needs a lease and an amount of 0 or more").WithParam("returns")
		}
	}
	return nil
}
