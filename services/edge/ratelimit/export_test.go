package ratelimit

// Tick is how often accounts are looked after.
const Tick = tick

// Settled reports whether every report that is due by the clock has been answered. What
// got due while another report was under way waits for no tick.
func (l *Limiter) Settled() bool {
	if l.replica == nil || l.replica.away.open.Load() {
		return true
	}
	settled, now := true, l.now()
	l.table.each(func(a *account) {
		due := a.lease.listed && a.lease.synced != now && a.lease.due(a, now)
		settled = settled && !a.lease.queued && !a.lease.sending && !due
	})
	if !settled {
		l.replica.tend(now)
	}
	return settled
}

// Waiting reports whether a call waits for the store.
func (l *Limiter) Waiting() bool {
	waiting := false
	l.table.each(func(a *account) { waiting = waiting || a.lease.waiting != nil })
	return waiting
}
