package spend

import (
	"context"
	"fmt"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/edge/spend/journal"
)

// Reservation is an amount that was set aside in every budget of a call. It is settled or
// released once.
type Reservation struct {
	// Amount was set aside, in nano-dollars.
	Amount money.Nano

	call Call
	// event is the call's id, in the log and in the ledger: however often a call is told,
	// it is one entry.
	event  string
	logged journal.Handle
	pools
}

// pools are those that a reservation was set aside in.
type pools struct {
	n     int
	first [6]*pool
	more  []*pool
}

func (r *pools) add(p *pool) {
	if r.n < len(r.first) {
		r.first[r.n] = p
	} else {
		r.more = append(r.more, p)
	}
	r.n++
}

func (r *pools) pool(i int) *pool {
	if i < len(r.first) {
		return r.first[i]
	}
	return r.more[i-len(r.first)]
}

// The Retry-After of a budget that cannot pay before its window ends.
const (
	// foreverRetry is for a budget that never resets: somebody must raise it.
	foreverRetry = time.Hour
	// hereRetry is for an amount that calls of this replica hold, and may give back when
	// they settle.
	hereRetry = time.Second
	// elsewhereRetry is for one that another replica holds, which was asked to give back
	// what it does not need: it has calls of its own, or died, and its lease must run out.
	elsewhereRetry = 10 * time.Second
)

// Bounds of waiting for money that others hold.
const (
	firstPause = 5 * time.Millisecond
	maxPause   = 40 * time.Millisecond
	// shutFor is how long a budget that did not come up with an amount in time refuses it
	// at once.
	shutFor = 250 * time.Millisecond
	// noAskFor is how long a refused amount is not asked for again by another caller.
	noAskFor = 4 * time.Millisecond
)

// Reserve sets upper aside in every budget that applies, or in none. Errors:
// budget_exceeded, with the details `budget`, `limit` and `spent` unless the budget is the
// platform's, and with a
// RetryAfter until the window's end, an hour where there is none, or less where calls under
// way hold what may come back; service_unavailable, whose message says which, when the budget
// service is needed and away, when too many records wait for it, when the log has no room, or
// after Close; what ctx ended with.
func (m *Meter) Reserve(ctx context.Context, call Call, upper money.Nano) (Reservation, error) {
	return m.ReserveUpTo(ctx, call, upper, upper)
}

// ReserveUpTo sets aside what every budget that applies can pay, from minimum up to
// wanted. It is for calls whose largest cost is not given: the Amount tells how much
// they may cost. Errors are those of Reserve, for the minimum.
func (m *Meter) ReserveUpTo(ctx context.Context, call Call, minimum, wanted money.Nano) (Reservation, error) {
	res := Reservation{call: call}
	at := m.opts.Clock.Now()
	if err := m.setAside(ctx, &res, m.local(at), minimum, wanted); err != nil {
		return Reservation{}, err
	}
	res.event = m.ids.NewStringAt(at)
	if err := m.log(&res); err != nil {
		m.undo(&res)
		return Reservation{}, unlogged(err)
	}
	return res, nil
}

// setAside takes an amount from every budget that applies to the reservation's call.
func (m *Meter) setAside(ctx context.Context, res *Reservation, now int64, minimum, wanted money.Nano) error {
	if minimum < 0 || wanted < minimum {
		return errs.New(errs.InvalidRequest, "a reservation is from 0 up to what is wanted")
	}
	if m.closed.Load() {
		return stopping(errClosed)
	}
	if m.queue.length.Load() >= int64(m.opts.QueueLimit) {
		return unrecorded(errQueueFull)
	}
	short := m.try(res, now, wanted, wanted)
	if short.account == nil {
		return nil
	}
	return m.reserveSlow(ctx, res, minimum, wanted, short)
}

// shortage is what a reservation failed at.
type shortage struct {
	account *account
	// pool is nil when the account must be loaded first.
	pool *pool
	free money.Nano
}

// try takes at least floor and up to wanted from every budget, or nothing.
func (m *Meter) try(res *Reservation, now int64, floor, wanted money.Nano) shortage {
	epoch, until := m.epoch.Load(), m.until.Load()
	var buf [4]*account
	accounts := m.accounts(&res.call.Scopes, &buf)
	for {
		res.Amount, res.pools = wanted, pools{}
		var short shortage
		less := wanted
		for _, a := range accounts {
			a.touch(now)
			if a.bare.Load() == epoch {
				continue
			}
			a.mu.Lock()
			if a.forgotten.Load() || a.epoch != epoch || now >= until {
				short = shortage{account: a}
			} else {
				less, short = m.takeFrom(a, res, floor, now)
			}
			a.mu.Unlock()
			if short.account != nil || less < res.Amount {
				break
			}
		}
		if short.account == nil && less == res.Amount {
			return shortage{}
		}
		m.undo(res)
		if short.account != nil {
			return short
		}
		wanted = less // begin again with what the poorest budget can pay
	}
}

// takeFrom takes the reservation's amount from each pool of an account. It stops at a pool
// that has less, and says what that can pay, or that it has less than floor. The
// account's lock is held.
func (m *Meter) takeFrom(a *account, res *Reservation, floor money.Nano, now int64) (less money.Nano, short shortage) {
	for _, p := range a.pools {
		if now >= p.ends {
			return res.Amount, shortage{account: a}
		}
		if free := p.free(); !p.soft && free < res.Amount {
			if free < floor {
				return res.Amount, shortage{account: a, pool: p, free: free}
			}
			return free, shortage{}
		}
		p.reserved += res.Amount
		res.add(p)
		if !p.soft && p.free() < p.low && a.waiting == nil && a.sent == nil && now >= p.quiet {
			p.quiet = now + int64(prefetchEvery)
			m.leasing.ask(a, 1, 0)
			m.leasing.signal()
		}
	}
	return res.Amount, shortage{}
}

// undo gives a reservation back.
func (m *Meter) undo(res *Reservation) {
	for i := range res.n {
		p := res.pool(i)
		p.account.mu.Lock()
		p.reserved -= res.Amount
		m.tidy(p)
		p.account.mu.Unlock()
	}
}

// tidy gives back what a retired pool holds. The account's lock is held.
func (m *Meter) tidy(p *pool) {
	if p.retired && p.giveBack(0) {
		m.leasing.giveBack(p)
	}
}

// reserveSlow asks the budget service for what is short until the reservation holds or is
// refused.
func (m *Meter) reserveSlow(ctx context.Context, res *Reservation, minimum, wanted money.Nano, short shortage) error {
	scopes := &res.call.Scopes
	var since int64 // when waiting for others began; 0: not yet
	pause := firstPause
	for {
		refusal, wait := m.await(ctx, scopes, short, minimum, wanted)
		if wait != nil {
			return wait
		}
		if short = m.try(res, m.now(), minimum, wanted); short.account == nil {
			return nil
		}
		if refusal == nil {
			continue
		}
		now := m.now()
		if since == 0 {
			since = now
		}
		patience := m.opts.Patience
		if refusal.elsewhere {
			patience = max(patience, m.opts.RecallPatience)
		}
		if refusal.final || now-since >= int64(patience) {
			m.shut(refusal, now)
			return refusal.err
		}
		// Others hold money that they may not need: it comes back with their
		// settlements, or when the budget service calls it back.
		if err := clock.Sleep(ctx, m.opts.Clock, pause); err != nil {
			return err
		}
		pause = min(2*pause, maxPause)
		if short = m.try(res, m.now(), minimum, wanted); short.account == nil {
			return nil
		}
	}
}

// refusal is a budget's answer that it cannot pay.
type refusal struct {
	pool *pool
	need money.Nano
	// final refusals are not worth waiting.
	final bool
	// elsewhere tells that other replicas hold a part of the budget.
	elsewhere bool
	err       error
}

// await waits for the answer of one ask for what is short. It returns a refusal when the
// budget is known not to have the minimum.
func (m *Meter) await(ctx context.Context, scopes *Scopes, short shortage, minimum, wanted money.Nano) (*refusal, error) {
	a := short.account
	need, want := minimum, wanted
	if short.pool != nil {
		need, want = minimum-short.free, wanted-short.free
	}
	a.mu.Lock()
	if r := m.refusedNow(short, need); r != nil {
		a.mu.Unlock()
		return r, nil
	}
	if a.forgotten.Load() {
		a.mu.Unlock()
		return nil, nil // the next try finds the account that took its place
	}
	f := a.sent
	if f == nil {
		if short.pool == nil {
			held := a.held(m.now())
			need, want = max(0, minimum-held), max(0, wanted-held)
		} else {
			need = max(1, need)
		}
		f = m.leasing.ask(a, need, want)
	}
	a.mu.Unlock()
	if short.pool == nil {
		m.load(scopes, minimum, wanted)
	}
	m.leasing.signal()
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f.err != nil {
		return nil, f.err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return m.refusedNow(short, minimum-short.free), nil
}

// load asks for the scopes of a call that are not loaded, so that a new key's first call
// waits for one answer and not for one after the other.
func (m *Meter) load(scopes *Scopes, minimum, wanted money.Nano) {
	epoch := m.epoch.Load()
	var buf [4]*account
	for _, a := range m.accounts(scopes, &buf) {
		if a.bare.Load() == epoch {
			continue
		}
		a.mu.Lock()
		if !a.forgotten.Load() && a.epoch != epoch && a.waiting == nil && a.sent == nil {
			held := a.held(m.now())
			m.leasing.ask(a, max(0, minimum-held), max(0, wanted-held))
		}
		a.mu.Unlock()
	}
}

// refusedNow looks whether the pool is known to be unable to pay. The account's lock is held.
func (m *Meter) refusedNow(short shortage, need money.Nano) *refusal {
	p := short.pool
	if p == nil {
		// The account was loaded, perhaps just now: any of its pools may have refused.
		for _, q := range short.account.pools {
			if short.account.epoch == m.epoch.Load() && !q.soft {
				if r := m.refusedNow(shortage{short.account, q, q.free()}, need-q.free()); r != nil {
					return r
				}
			}
		}
		return nil
	}
	now := m.now()
	if p.retired || now >= p.ends || need <= 0 || p.refused == 0 || need < p.refused || now >= p.refusedUntil {
		return nil
	}
	limit, spent := p.limit, p.spentNow()
	unspent := limit-spent >= need+max(0, p.free())
	retry := foreverRetry
	if p.ends != forever {
		retry = max(time.Second, time.Duration(p.ends-now))
	}
	switch {
	case unspent && p.reserved >= need:
		retry = min(retry, hereRetry)
	case unspent:
		retry = min(retry, elsewhereRetry)
	}
	return &refusal{
		pool: p, need: need, final: !unspent || now < p.shut, elsewhere: p.elsewhere() > 0, err: m.exceeded(p, retry),
	}
}

// shut makes the budget refuse the amount at once for a while. One that is shut already is
// not shut for longer, or callers that come again and again would keep it from ever being
// asked for.
func (m *Meter) shut(r *refusal, now int64) {
	p := r.pool
	p.account.mu.Lock()
	if p.refused > 0 && r.need >= p.refused && now >= p.shut {
		p.shut, p.refusedUntil = now+int64(shutFor), max(p.refusedUntil, now+int64(shutFor))
	}
	p.account.mu.Unlock()
}

// exceeded is the refusal in LiteLLM's words (litellm.BudgetExceededError, November 2026). Of
// the platform's budget a caller hears no more than that: what all tenants spent is none of
// its business. The account's lock is held.
func (m *Meter) exceeded(p *pool, retry time.Duration) error {
	if p.account.key.kind == budgetv1.ScopeKind_SCOPE_KIND_PLATFORM {
		return errs.New(errs.BudgetExceeded, "Budget has been exceeded! It is the platform's, which all teams share").WithRetryAfter(retry)
	}
	kind := map[budgetv1.ScopeKind]string{
		budgetv1.ScopeKind_SCOPE_KIND_TENANT: "Team", budgetv1.ScopeKind_SCOPE_KIND_USER: "User", budgetv1.ScopeKind_SCOPE_KIND_KEY: "Key",
	}[p.account.key.kind]
	limit, spent := p.limit.Dollars(), p.spentNow().Dollars()
	return errs.New(errs.BudgetExceeded, fmt.Sprintf("Budget has been exceeded! %s=%s Current cost: %s, Max budget: %s", kind, p.account.key.id, spent, limit)).
		WithDetail("budget", p.budget).WithDetail("limit", limit).WithDetail("spent", spent).WithRetryAfter(retry)
}
