package budget

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tollgate.dev/platform/money"
)

// books are a snapshot in the making of a mutation: the four steps that move money.
type books struct {
	now     int64 // Unix milliseconds
	budgets map[string]*Budget
	byScope map[Scope][]*Budget
	windows map[windowKey]*WindowState
	latest  map[string]*WindowState
	leases  map[string]*Lease
	touched map[*WindowState]bool
	changed map[*Lease]bool
	// corrected adds up what late records and returns took back from lost leases.
	corrected map[*Lease]money.Nano
}

type windowKey struct {
	budgetID string
	start    int64
}

func openBooks(snap *Snapshot) *books {
	b := &books{
		now:     snap.Now,
		budgets: make(map[string]*Budget, len(snap.Budgets)), byScope: make(map[Scope][]*Budget),
		windows: make(map[windowKey]*WindowState, len(snap.Windows)), latest: make(map[string]*WindowState),
		leases:  make(map[string]*Lease, len(snap.Leases)),
		touched: make(map[*WindowState]bool), changed: make(map[*Lease]bool), corrected: make(map[*Lease]money.Nano),
	}
	for i := range snap.Budgets {
		budget := &snap.Budgets[i]
		b.budgets[budget.ID] = budget
		b.byScope[budget.Scope] = append(b.byScope[budget.Scope], budget)
	}
	for i := range snap.Windows {
		w := &snap.Windows[i]
		b.windows[windowKey{w.BudgetID, w.Start}] = w
		if newest := b.latest[w.BudgetID]; newest == nil || newest.Start < w.Start {
			b.latest[w.BudgetID] = w
		}
	}
	for i := range snap.Leases {
		b.leases[snap.Leases[i].ID] = &snap.Leases[i]
	}
	return b
}

// window is the current window of a budget; a new one begins with nothing spent.
func (b *books) window(budget *Budget) *WindowState {
	newest := b.latest[budget.ID]
	w := currentWindow(*budget, newest, time.UnixMilli(b.now))
	if newest != nil && newest.Start == w.Start {
		return newest
	}
	b.windows[windowKey{budget.ID, w.Start}] = &w
	b.latest[budget.ID] = &w
	b.touched[&w] = true
	return &w
}

func (b *books) touch(l *Lease, w *WindowState) {
	l.Updated = b.now
	b.changed[l] = true
	b.touched[w] = true
}

// grant moves an amount from what is neither spent nor leased to a lease. Where records
// drew more than it held, the amount first pays for that, which is spent already.
func (b *books) grant(l *Lease, w *WindowState, amount money.Nano) {
	before := l.Outstanding()
	l.Granted += amount
	w.Leased += l.Outstanding() - before
	b.touch(l, w)
}

// draw moves an amount from a lease, and adds a cost to spent. It reports whether the
// lease held less than the cost.
func (b *books) draw(l *Lease, w *WindowState, amount, cost money.Nano) (overdrawn bool) {
	before := l.Outstanding()
	l.Drawn += amount
	if l.Status == LeaseLost {
		// The amount was spent when the lease was charged.
		covered := min(amount, l.Lost)
		overdrawn = cost > l.Lost
		l.Lost -= covered
		w.Spent += cost - covered
		b.untell(w)
		b.corrected[l] += covered
	} else {
		overdrawn = cost > before
		w.Leased -= before - l.Outstanding()
		w.Spent += cost
	}
	b.touch(l, w)
	return overdrawn
}

// reached moves on to the next threshold that a window's spend has reached and that was not
// told of, in percent of the limit.
func (b *books) reached(budget *Budget, w *WindowState) (threshold uint8, ok bool) {
	for _, t := range thresholds {
		if t > w.Told && t <= reached(w.Spent, budget.Limit) {
			w.Told = t
			b.touched[w] = true
			return t, true
		}
	}
	return 0, false
}

// untell forgets thresholds that a correction has put out of reach: they were told of for
// money that was not spent, and are told of again when it is.
func (b *books) untell(w *WindowState) {
	w.Told = min(w.Told, reached(w.Spent, b.budgets[w.BudgetID].Limit))
}

// thresholds are what is told of, in percent of a limit.
var thresholds = [...]uint8{80, 90, 100}

// reached is the highest threshold that an amount has reached; 0 is none.
func reached(spent, limit money.Nano) (threshold uint8) {
	for _, t := range thresholds {
		if spent > 0 && spent >= share100(limit, money.Nano(t)) {
			threshold = t
		}
	}
	return threshold
}

// share100 is percent of an amount, rounded up, without passing the range on the way.
func share100(n, percent money.Nano) money.Nano { return n/100*percent + (n%100*percent+99)/100 }

// giveBack frees what a lease holds, up to a total since its beginning.
func (b *books) giveBack(l *Lease, w *WindowState, total money.Nano) {
	amount := max(0, total-l.Returned)
	if l.Status == LeaseLost {
		if amount = min(amount, l.Lost); amount > 0 {
			l.Lost -= amount
			w.Spent -= amount
			b.untell(w)
			b.corrected[l] += amount
		}
	} else if amount = min(amount, l.Outstanding()); amount > 0 {
		w.Leased -= amount
	}
	if amount > 0 {
		l.Returned += amount
		b.touch(l, w)
	}
}

// charge closes a lease whose replica is gone: what it holds counts as spent.
func (b *books) charge(l *Lease, w *WindowState) money.Nano {
	l.Lost = l.Outstanding()
	l.Status = LeaseLost
	w.Leased -= l.Lost
	w.Spent += l.Lost
	b.touch(l, w)
	return l.Lost
}

// close writes what changed into m, in an order that does not depend on chance.
func (b *books) close(m *Mutation) {
	for w := range b.touched {
		m.Windows = append(m.Windows, *w)
	}
	for l := range b.changed {
		m.Leases = append(m.Leases, *l)
	}
	slices.SortFunc(m.Windows, func(x, y WindowState) int {
		return cmp.Or(strings.Compare(x.BudgetID, y.BudgetID), cmp.Compare(x.Start, y.Start))
	})
	slices.SortFunc(m.Leases, func(x, y Lease) int { return strings.Compare(x.ID, y.ID) })
}
