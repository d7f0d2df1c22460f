package spend

import (
	"sync"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/edge/spend/journal"
)

// Release gives a reservation back whose call never went out.
func (m *Meter) Release(res Reservation) {
	// The log first: were the money free while the reservation still stands there, another call
	// could reserve it, and both would be charged if the process died. For the same reason it
	// stays set aside for good where the disk fails under the log.
	if res.logged != 0 && !m.opts.Journal.End(res.logged) {
		return
	}
	m.undo(&res)
}

// Settle ends a reservation: rec.CostNanos is spent, the rest returns to the slices. It
// fills rec's event id, and its time and tenant when they are empty, writes it to the log and
// queues it for delivery, for which it gets its draws. Its window is the budget service's to
// fill in. rec is the Meter's from then on. The zero Reservation is that of a
// call that needed none: its record is dropped and counted when it cost nothing and half of
// the queue or of the log is taken. Settle never waits for I/O.
func (m *Meter) Settle(res Reservation, rec *eventv1.UsageRecord) {
	if rec.EventId = res.event; rec.EventId == "" {
		rec.EventId = m.ids.NewString()
	}
	if rec.GetOccurredMillis() == 0 {
		rec.OccurredMillis = m.opts.Clock.Now().UnixMilli()
	}
	if rec.GetTenantId() == "" {
		rec.TenantId = res.call.Tenant
	}
	rec.CostNanos = max(0, rec.GetCostNanos())
	rec.Draws, rec.Window = nil, nil
	cost := money.Nano(rec.GetCostNanos())
	if cost == 0 && res.event == "" && m.crowded() {
		m.dropped.Add(1)
		return
	}
	if cost > res.Amount && res.n > 0 {
		m.overdrawn.Add(1)
	}
	// The log first, and then the money, as in Release.
	rest := money.Nano(0) // that stays set aside
	logged, whole := m.logSettled(&res, rec)
	if !whole && cost < res.Amount {
		rest = res.Amount - cost
		m.holds.add(logged, hold{res.pools, rest})
	}
	for i := range res.n {
		p := res.pool(i)
		p.account.mu.Lock()
		p.reserved -= res.Amount - rest
		p.drawn += cost
		m.tidy(p)
		p.account.mu.Unlock()
	}
	m.queue.add(&waiting{rec, logged, res.pools}, m.opts.BatchSize)
}

// hold is what a settled call did not cost of its reservation, and still keeps.
type hold struct {
	from   pools
	amount money.Nano
}

// holds are those of calls whose settlement the log did not take: it charges them at their
// reservation until the budget service has their record, and nobody else may spend that.
type holds struct {
	mu sync.Mutex
	of map[journal.Handle]hold
}

func (h *holds) add(of journal.Handle, what hold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of = make(map[journal.Handle]hold)
	}
	h.of[of] = what
}

// take removes the holds of calls that were delivered.
func (h *holds) take(delivered []journal.Handle) (taken []hold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.of) == 0 { // as a rule
		return nil
	}
	for _, handle := range delivered {
		if what, ok := h.of[handle]; ok {
			taken = append(taken, what)
			delete(h.of, handle)
		}
	}
	return taken
}

// delivered ends calls in the log that the budget service has, and then frees what they held.
func (m *Meter) delivered(logged []journal.Handle) {
	if m.opts.Journal == nil {
		return
	}
	m.opts.Journal.End(logged...)
	for _, h := range m.holds.take(logged) {
		m.undo(&Reservation{Amount: h.amount, pools: h.from})
	}
}

const (
	// usualRecord is what most settled calls take in the log: room for one is set aside
	// with each reservation.
	usualRecord = 1024
	// usualAmendment is what most settlements add to their reservation: room for that
	// comes with each.
	usualAmendment = 184
)

// log writes a reservation to the log. When it returns, the call survives this process.
func (m *Meter) log(res *Reservation) (err error) {
	if m.opts.Journal == nil {
		return nil
	}
	buf, _ := m.encoders.Get().(*[]byte) // the pool holds nothing else
	*buf = appendCall((*buf)[:0], res)
	res.logged, err = m.opts.Journal.Append(kindCall, *buf, usualAmendment, usualRecord)
	m.encoders.Put(buf)
	return err
}

// logSettled writes a settled call to the log: what its settlement adds to its reservation,
// or all of it in its reservation's place where that does not do. Where that fails, whole is
// false and the reservation stays: it stands for the call until the record is delivered.
func (m *Meter) logSettled(res *Reservation, rec *eventv1.UsageRecord) (h journal.Handle, whole bool) {
	if m.opts.Journal == nil {
		return 0, true
	}
	buf, _ := m.encoders.Get().(*[]byte) // the pool holds nothing else
	defer m.encoders.Put(buf)
	if res.logged != 0 && amends(&res.call, rec) {
		*buf = appendSettlement((*buf)[:0], &res.call, rec)
		if m.opts.Journal.Amend(res.logged, *buf) == nil {
			return res.logged, true
		}
	}
	draw(rec, &res.pools, make([]eventv1.LeaseDraw, res.n), make([]*eventv1.LeaseDraw, res.n))
	*buf = appendRecord((*buf)[:0], rec)
	settled, err := m.opts.Journal.Replace(res.logged, kindSettled, *buf)
	if err != nil {
		m.unlogged.Add(1)
		return res.logged, false
	}
	return settled, true
}
