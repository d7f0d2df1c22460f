package spend

import (
	"sync"
	"sync/atomic"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/money"
)

// account is what the Meter knows of one scope. There may be a million of them: what a call
// touches stands together, and a scope with one budget is one piece of memory.
type account struct {
	key scopeKey
	// next has the same hash.
	next *account
	// bare is the epoch in which the scope was known to have no budget. It is read
	// without the lock: such a scope costs one look into a map.
	bare atomic.Uint64
	// used is when the scope was last used, to about a second.
	used atomic.Int64
	// forgotten accounts are no longer in the Meter's maps.
	forgotten atomic.Bool

	mu sync.Mutex
	// epoch is the one in which pools were loaded; 0 when they must be loaded again.
	epoch uint64
	// company is what the last call of a key had as its other scopes.
	company company
	pools   []*pool
	// waiting is the ask that is yet to be sent, sent the one under way.
	waiting, sent *flight
	// own is the memory of the first pool and one that of a list of one.
	own pool
	one [1]*pool
	// ownTaken tells that own is in use, or was.
	ownTaken bool

	tenant, platform string
	// notices counts what WatchBudgets told of the scope.
	notices    uint64
	need, want money.Nano
	// ahead is what the scope is expected to use before it asks again; renewed is when it
	// last got something.
	ahead   money.Nano
	renewed int64
}

// company are the accounts that a key's calls name as a rule beside its own: finding them
// costs a comparison of names instead of a look into a map each.
type company struct{ user, tenant, platform *account }

// Bounds of what a scope is expected to use: a slice is meant to last about the term of a
// lease, so that calls go on for as long without the budget service, and not much longer,
// because what is left of it is charged when the machine is lost.
const (
	soon   = 15 * time.Second
	wanted = 30 * time.Second
	late   = time.Minute
	// maxGrowth is how much more than the last slice is asked for at most.
	maxGrowth = 16
	// aheadCalls is how many calls like the first one a scope is expected to make.
	aheadCalls = 64
	maxAhead   = money.Max / 64
)

// expect adapts what the scope asks for ahead to how long the last slice lasted. The
// account's lock is held.
func (a *account) expect(now int64) money.Nano {
	switch lasted := now - a.renewed; {
	case a.ahead == 0 || a.renewed == 0:
	case lasted < int64(soon):
		a.ahead = min(a.ahead*money.Nano(min(maxGrowth, int64(wanted)/max(lasted, 1))), maxAhead)
	case lasted > int64(late):
		a.ahead /= 2
	}
	a.ahead = max(a.ahead, min(max(a.need, a.want), maxAhead/aheadCalls)*aheadCalls)
	return a.ahead
}

// flight is one ask that callers wait for.
type flight struct {
	done chan struct{}
	err  error
}

// pool is the replica's lease of one budget in one window. The account's lock guards it.
// Its amounts count from the lease's beginning.
type pool struct {
	account *account
	lease   string
	budget  string
	limit   money.Nano
	soft    bool
	// start and end are the window's, in Unix milliseconds; ends is its end in local
	// time.
	start, end, ends int64

	granted, returned, drawn, reserved money.Nano
	// acked is what the budget service is known to have of returned.
	acked money.Nano

	// spent, remaining and serverDrawn are what the budget service last said.
	spent, remaining, serverDrawn money.Nano

	// low is where the slice is renewed in the background, not before quiet.
	low   money.Nano
	quiet int64
	// refused is an amount that the budget could not pay; until refusedUntil more is not
	// asked for. Until shut, it is refused without waiting.
	refused            money.Nano
	refusedUntil, shut int64

	// retired pools take no reservation; what they hold is given back.
	retired bool
	// listed pools are in the list of those to return.
	listed bool
	// swept is what had been drawn when the scope was last looked at.
	swept money.Nano
}

// held is what every strict budget of the scope can pay from what this replica has of it: an
// account whose pools are looked at again needs no more of what it has. The account's lock
// is held.
func (a *account) held(now int64) money.Nano {
	held := money.Max
	for _, p := range a.pools {
		if now >= p.ends {
			return 0
		}
		if !p.soft {
			held = min(held, max(0, p.free()))
		}
	}
	if len(a.pools) == 0 {
		return 0
	}
	return held
}

// newPool makes a pool of a lease that the account does not hold. What was ever drawn of
// it and given back, also by an account that was forgotten since, is gone: all of that is
// known to the budget service by then, because no account is forgotten before. The account's
// lock is held.
func (a *account) newPool(slice *budgetv1.Slice) *pool {
	lease, budget := slice.GetLeaseId(), slice.GetBudget().GetId()
	p := &a.own
	if a.ownTaken {
		p = &pool{}
	}
	a.ownTaken = true
	// Both ids in one piece of memory, and free of the message that they came in.
	ids := lease + budget
	p.account, p.lease, p.budget = a, ids[:len(lease)], ids[len(lease):]
	p.drawn, p.returned = money.Nano(slice.GetDrawnNanos()), money.Nano(slice.GetReturnedNanos())
	p.acked, p.swept = p.returned, p.drawn
	p.granted = min(p.drawn+p.returned, money.Nano(slice.GetGrantedNanos()))
	return p
}

// free is what may be reserved; below 0 when calls cost more than was granted.
func (p *pool) free() money.Nano { return p.granted - p.returned - p.drawn - p.reserved }

// spentNow is settled spend with what was settled here and is not yet recorded.
func (p *pool) spentNow() money.Nano { return p.spent + p.drawn - p.serverDrawn }

// elsewhere is what other replicas held of the budget when the budget service last said.
func (p *pool) elsewhere() money.Nano {
	leased := p.limit - p.spent - p.remaining
	return leased - max(0, p.granted-p.acked-p.serverDrawn)
}

// giveBack returns what is free beyond an amount. It reports whether there is something to
// tell.
func (p *pool) giveBack(keep money.Nano) bool {
	if spare := p.free() - keep; spare > 0 {
		p.returned += spare
	}
	return p.returned > p.acked
}

// told reports whether the budget service knows all that was drawn and given back, and
// nothing is left.
func (p *pool) told() bool {
	return p.reserved == 0 && p.returned == p.acked && p.drawn == p.serverDrawn && p.free() <= 0
}

// touch notes the scope's use.
func (a *account) touch(now int64) {
	const second = 1_000_000_000
	if now-a.used.Load() > second {
		a.used.Store(now)
	}
}
