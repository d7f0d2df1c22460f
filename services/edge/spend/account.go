package spend

import (
	"sync"
	"sync/atomic"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/money"
)

// account is what the Meter knows of one scope.
type account struct {
	key              scopeKey
	tenant, platform string

	// bare is the epoch in which the scope was known to have no budget. It is read
	// without the lock: such a scope costs one look into a map.
	bare atomic.Uint64
	// used is when the scope was last used, to about a second.
	used atomic.Int64

	mu sync.Mutex
	// epoch is the one in which pools were loaded; 0 when they must be loaded again.
	epoch uint64
	// notices counts what WatchBudgets told of the scope.
	notices uint64
	pools   []*pool
	// waiting is the ask that is yet to be sent, sent the one under way.
	waiting, sent *flight
	need, want    money.Nano
	// forgotten accounts are no longer in the Meter's maps.
	forgotten bool
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
	budget  *budgetv1.Budget
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
}

// free is what may be reserved; below 0 when calls cost more than was granted.
func (p *pool) free() money.Nano { return p.granted - p.returned - p.drawn - p.reserved }

// spentNow is settled spend with what was settled here and is not yet recorded.
func (p *pool) spentNow() money.Nano { return p.spent + p.drawn - p.serverDrawn }

// elsewhere is what other replicas held of the budget when the budget service last said.
func (p *pool) elsewhere() money.Nano {
	leased := money.Nano(p.budget.GetLimitNanos()) - p.spent - p.remaining
	return leased - max(0, p.granted-p.acked-p.serverDrawn)
}

// giveBack returns what is free. It reports whether there is something to tell.
func (p *pool) giveBack() bool {
	if free := p.free(); free > 0 {
		p.returned += free
	}
	return p.returned > p.acked
}

// touch notes the scope's use.
func (a *account) touch(now int64) {
	const second = 1_000_000_000
	if now-a.used.Load() > second {
		a.used.Store(now)
	}
}
