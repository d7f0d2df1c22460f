package spend

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
)

const (
	// maxAsks and maxReturns bound one Lease call.
	maxAsks    = 256
	maxReturns = 2048
	// prefetchEvery is how often a slice is renewed in the background at most.
	prefetchEvery = 20 * time.Millisecond
	// retryAfter is when what could not be told to the budget service is told again.
	retryAfter = 250 * time.Millisecond
)

// leasing gathers asks and returns for the one goroutine that sends them.
type leasing struct {
	wake chan struct{}

	mu      sync.Mutex
	ended   error // why nothing is sent any more
	asks    []*account
	returns []*pool
	// doubtful accounts had an ask whose answer was lost: they may hold more than is known
	// until a later one is answered. The value tells whether that is under way.
	doubtful map[*account]bool
}

// doubt notes that the answers to asks were lost.
func (l *leasing) doubt(sent []sentAsk) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range sent {
		l.doubtful[s.account] = false
	}
}

// trust notes that asks were answered.
func (l *leasing) trust(sent []sentAsk) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range sent {
		delete(l.doubtful, s.account)
	}
}

// doubts tells whether the account may hold more than is known.
func (l *leasing) doubts(a *account) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, doubtful := l.doubtful[a]
	return doubtful
}

// ask queues an ask, or joins the one that waits; signal has it sent, with all others that
// are queued by then. The account's lock is held.
func (l *leasing) ask(a *account, need, want money.Nano) *flight {
	if a.waiting != nil {
		// The least that somebody needs is asked for; 0 asks for the state alone.
		if a.need == 0 || need > 0 && need < a.need {
			a.need = need
		}
		a.want = money.AddSat(a.want, want)
		return a.waiting
	}
	f := &flight{done: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended != nil {
		f.err = l.ended
		close(f.done)
		return f
	}
	a.waiting, a.need, a.want = f, need, want
	l.asks = append(l.asks, a)
	return f
}

// giveBack queues a pool whose returned amount the budget service must know.
// The account's lock is held.
func (l *leasing) giveBack(p *pool) {
	if p.listed {
		return
	}
	p.listed = true
	l.mu.Lock()
	l.returns = append(l.returns, p)
	l.mu.Unlock()
	l.signal()
}

func (l *leasing) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take removes the next call's asks and returns.
func (l *leasing) take() (asks []*account, returns []*pool, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	asks, l.asks = cut(l.asks, maxAsks)
	for a, asked := range l.doubtful {
		if len(asks) == maxAsks {
			more = true
			break
		}
		if !asked {
			asks = append(asks, a)
			l.doubtful[a] = true
		}
	}
	returns, l.returns = cut(l.returns, maxReturns)
	return asks, returns, more || len(l.asks)+len(l.returns) > 0
}

func cut[T any](list []T, n int) (head, tail []T) {
	if len(list) <= n {
		return list[:len(list):len(list)], nil
	}
	return list[:n:n], list[n:]
}

// end fails all asks that wait and that come.
func (l *leasing) end(err error) {
	l.mu.Lock()
	asks := l.asks
	l.asks, l.ended = nil, err
	l.mu.Unlock()
	for _, a := range asks {
		a.mu.Lock()
		if f := a.waiting; f != nil {
			a.waiting = nil
			f.err = err
			close(f.done)
		}
		a.mu.Unlock()
	}
}

// leaseLoop sends asks and returns as they come, one call at a time, and renews leases.
func (m *Meter) leaseLoop(ctx context.Context) {
	defer func() { m.leasing.end(stopping(ctx.Err())) }()
	timer := m.opts.Clock.NewTimer(m.opts.Heartbeat)
	defer timer.Stop()
	for {
		beat := false
		select {
		case <-ctx.Done():
			return
		case <-m.leasing.wake:
		case <-timer.C():
			beat = true
		}
		for {
			asks, returns, more := m.leasing.take()
			if len(asks)+len(returns) == 0 && (!beat || m.pools.Load() == 0) {
				timer.Reset(m.heartbeat())
				break
			}
			beat = false
			if err := m.lease(ctx, asks, returns); err != nil {
				if ctx.Err() != nil {
					return
				}
				m.opts.Logger.WarnContext(ctx, "spend: leasing failed", "error", err)
				timer.Reset(retryAfter)
				break
			}
			timer.Reset(m.heartbeat())
			if !more {
				break
			}
		}
	}
}

func (m *Meter) heartbeat() time.Duration {
	if term := m.term.Load(); term > 0 {
		return max(time.Millisecond, min(m.opts.Heartbeat, time.Duration(term)/3))
	}
	return m.opts.Heartbeat
}

// sentAsk is what an account asked for.
type sentAsk struct {
	account        *account
	flight         *flight // nil for a doubtful account's
	epoch, notices uint64
	need           money.Nano
}

// lease makes one Lease call and applies its answer.
func (m *Meter) lease(ctx context.Context, asks []*account, returns []*pool) error {
	req := &budgetv1.LeaseRequest{ReplicaId: m.opts.ReplicaID}
	sent := make([]sentAsk, 0, len(asks))
	seen := make(map[*account]bool, len(asks))
	epoch := m.epoch.Load()
	for _, a := range asks {
		if seen[a] {
			continue
		}
		seen[a] = true
		a.mu.Lock()
		s := sentAsk{account: a, flight: a.waiting, epoch: epoch, notices: a.notices}
		ask := &budgetv1.LeaseAsk{Scope: a.key.message(), TenantId: a.tenant, PlatformId: a.platform}
		if s.flight != nil {
			ask.NeedNanos, ask.WantNanos = int64(a.need), int64(a.want)
			if s.need = a.need; s.need > 0 {
				ask.AheadNanos = int64(a.expect(m.now()))
			}
			a.waiting, a.sent = nil, s.flight
		}
		a.mu.Unlock()
		sent = append(sent, s)
		req.Asks = append(req.Asks, ask)
	}
	totals := make([]money.Nano, len(returns))
	for i, p := range returns {
		p.account.mu.Lock()
		totals[i], p.listed = p.returned, false
		p.account.mu.Unlock()
		req.Returns = append(req.Returns, &budgetv1.LeaseReturn{LeaseId: p.lease, ReturnedNanos: int64(totals[i])})
	}
	at := m.now() // before sending: the term is counted from a moment that the service did not see yet
	res, err := m.askLease(ctx, req)
	if err == nil && len(res.GetGrants()) != len(sent) {
		err = fmt.Errorf("spend: %d answers to %d asks", len(res.GetGrants()), len(sent))
	}
	if err != nil {
		m.leaseFailed(sent, returns, err)
		return err
	}
	if res.GetReset_() && m.pools.Load() > 0 {
		// What was held is charged. Each scope begins anew when it is used.
		next := m.epoch.Add(1)
		for i := range sent {
			if sent[i].epoch == next-1 {
				sent[i].epoch = next
			}
		}
	}
	m.leasing.trust(sent)
	term := (res.GetTermMillis() - res.GetNowMillis()) * int64(time.Millisecond)
	m.term.Store(term)
	m.until.Store(at + term)
	for i, p := range returns {
		p.account.mu.Lock()
		p.acked = max(p.acked, totals[i])
		p.account.mu.Unlock()
	}
	for i, s := range sent {
		m.apply(s, res.GetGrants()[i].GetSlices(), at, res.GetNowMillis())
	}
	return nil
}

// askLease makes a Lease call, and once more where the first one is not answered, or not in a
// part of its time: a replica of the service that dies or hangs must not cost the calls that wait. An
// answer that was lost is made good by the next one.
func (m *Meter) askLease(ctx context.Context, req *budgetv1.LeaseRequest) (*budgetv1.LeaseResponse, error) {
	first, cancel := context.WithTimeout(ctx, m.opts.CallTimeout/4)
	res, err := m.client.Lease(first, req)
	late := errors.Is(first.Err(), context.DeadlineExceeded)
	if cancel(); err == nil || ctx.Err() != nil || !late && errs.Answered(err) {
		return res, err
	}
	second, cancel := context.WithTimeout(ctx, m.opts.CallTimeout-m.opts.CallTimeout/4)
	defer cancel()
	return m.client.Lease(second, req)
}

// leaseFailed fails what waited, and keeps what must be told or asked again.
func (m *Meter) leaseFailed(sent []sentAsk, returns []*pool, err error) {
	m.leasing.doubt(sent)
	for _, p := range returns {
		p.account.mu.Lock()
		if p.returned > p.acked && !p.listed {
			p.listed = true
			m.leasing.mu.Lock()
			m.leasing.returns = append(m.leasing.returns, p)
			m.leasing.mu.Unlock()
		}
		p.account.mu.Unlock()
	}
	for _, s := range sent {
		if s.flight == nil {
			continue
		}
		s.account.mu.Lock()
		s.account.sent = nil
		s.account.mu.Unlock()
		s.flight.err = unavailable(err)
		close(s.flight.done)
	}
}

// apply brings an account up to the slices that the budget service answered with.
func (m *Meter) apply(s sentAsk, slices []*budgetv1.Slice, at, serverNow int64) {
	a := s.account
	a.mu.Lock()
	defer a.mu.Unlock()
	var buf [4]*pool
	old := append(buf[:0], a.pools...)
	a.pools = a.one[:0]
	for _, slice := range slices {
		var p *pool
		for i, q := range old {
			if q != nil && q.lease == slice.GetLeaseId() {
				p, old[i] = q, nil
			}
		}
		if p == nil {
			p = a.newPool(slice)
			m.pools.Add(1)
		}
		m.update(p, slice, s.need, at, serverNow)
		a.pools = append(a.pools, p)
	}
	for _, p := range old {
		if p != nil {
			m.retire(p)
		}
	}
	a.epoch = s.epoch
	if a.notices != s.notices {
		a.epoch = 0 // something changed while the answer was on its way
	}
	bare := uint64(0)
	if len(a.pools) == 0 {
		bare = a.epoch
	}
	a.bare.Store(bare)
	if a.forgotten.Load() {
		m.abandon(a)
	}
	if s.flight != nil {
		a.sent = nil
		close(s.flight.done)
	}
}

// update brings a pool up to a slice. The account's lock is held.
func (m *Meter) update(p *pool, slice *budgetv1.Slice, need money.Nano, at, serverNow int64) {
	granted := money.Nano(slice.GetGrantedNanos())
	grown := granted - p.granted
	if grown > 0 {
		p.granted = granted
		p.account.renewed = m.now()
		p.refused, p.refusedUntil, p.shut = 0, 0, 0
	}
	p.limit = money.Nano(slice.GetBudget().GetLimitNanos())
	p.soft = slice.GetBudget().GetEnforcement() == budgetv1.Enforcement_ENFORCEMENT_SOFT
	p.start, p.end, p.ends = slice.GetStartMillis(), slice.GetEndMillis(), forever
	if p.end != 0 {
		p.ends = at + (p.end-serverNow)*int64(time.Millisecond)
	}
	p.spent, p.remaining = money.Nano(slice.GetSpentNanos()), money.Nano(slice.GetRemainingNanos())
	p.serverDrawn = money.Nano(slice.GetDrawnNanos())
	if p.soft || need == 0 {
		return
	}
	if grown <= 0 {
		p.refused, p.refusedUntil = need, m.now()+int64(noAskFor)
	}
	// Near the limit slices are asked for one call at a time, when a call needs them.
	p.low = 0
	if grown > 0 && p.remaining > 8*grown/2 {
		p.low = grown / 2
	}
}

// retire takes a pool out of use. The account's lock is held.
func (m *Meter) retire(p *pool) {
	if !p.retired {
		p.retired = true
		m.pools.Add(-1)
	}
	m.tidy(p)
}

// leave gives everything of an account back and takes it out of use.
func (m *Meter) leave(a *account) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forgotten.Store(true)
	m.abandon(a)
	return true
}

// abandon gives everything of a forgotten account back. The account's lock is held.
func (m *Meter) abandon(a *account) {
	for _, p := range a.pools {
		m.retire(p)
	}
	a.pools, a.epoch = nil, 0
	a.bare.Store(0)
}

// returnAll gives all slices back, for Close.
func (m *Meter) returnAll(ctx context.Context) error {
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		s.forget(m.leave)
		s.mu.Unlock()
	}
	for {
		asks, returns, more := m.leasing.take()
		if len(asks)+len(returns) == 0 {
			return nil
		}
		if err := m.lease(ctx, asks, returns); err != nil {
			if ctx.Err() != nil {
				return err
			}
			if err := clock.Sleep(ctx, m.opts.Clock, retryAfter); err != nil {
				return err
			}
			continue
		}
		if !more {
			m.leasing.mu.Lock()
			more = len(m.leasing.returns) > 0
			m.leasing.mu.Unlock()
		}
		if !more {
			return nil
		}
	}
}
