package ratelimit

import (
	"slices"
	"time"
)

const (
	// quiet is how long what the shared store refused is refused without asking it again,
	// unless something is known to get free sooner.
	quiet = 100 * time.Millisecond
	// pace is how often an allowance is enlarged in the background at most.
	pace = 20 * time.Millisecond
	// reportEvery is how often what was spent is reported while an account is in use.
	reportEvery = time.Second
	// renewEvery is how often an allowance that is not spent is renewed.
	renewEvery = 2 * time.Second
	// idleAfter is when an account that is not used gives its allowance back, but for a
	// reserve that spares the next call a round trip, and reserveFor is when that goes too.
	idleAfter  = time.Second
	reserveFor = 10 * time.Second
	// reserve is the part of a limit that all replicas together keep as reserves: 1 in so
	// many. They keep none when less than 1 in scarce is free.
	reserve = 100
	scarce  = 10
)

// lease is this replica's part of an account that replicas share. The account's lock
// guards it.
type lease struct {
	// limits are those that it was granted under.
	limits limits
	// Of requests and tokens the replica may let through what is held; of slots what is
	// held counts those in use.
	requests, tokens, slots pool
	// until is when the allowance is void, unless it is renewed.
	until int64
	// replicas is how many replicas use the account.
	replicas int64
	// used is when a call was last let through, synced when the last report was made.
	used, synced int64
	// waiting is whom the next report will answer.
	waiting *flight

	// dirty says that something was counted which is not reported; retry that a report failed.
	dirty, retry bool
	// listed accounts are looked after; queued ones wait for their report to be sent, and
	// sending ones for its answer.
	listed, queued, sending bool
}

// pool is the allowance of one kind.
type pool struct {
	held int64
	// low is where the allowance is enlarged in the background; 0 near the limit.
	low int64
	// need is the least and want the sum of what callers wait for.
	need, want int64

	// free is what nobody held or had spent when the store last answered. Until quiet the
	// store is not asked for more than that, except for what is to come.
	free, quiet int64
	coming      []arrival
	// useless says that what is held is less than a call needs: others may have use for it.
	useless bool
}

// arrival is an amount that gets free at a time.
type arrival struct{ at, n int64 }

// flight is one report that callers wait for.
type flight struct {
	done chan struct{}
	// failed is written before done is closed.
	failed bool
}

// adopt makes the lease one of these limits. What was granted under others is void.
func (l *lease) adopt(limits limits) {
	if l.limits != limits {
		l.limits = limits
		l.void()
	}
}

// void forgets the allowance. The next report is a full one.
func (l *lease) void() {
	l.until = 0
	for _, p := range []*pool{&l.requests, &l.tokens, &l.slots} {
		p.held, p.low, p.free, p.quiet, p.coming, p.useless = 0, 0, 0, 0, nil, false
	}
}

// examine looks whether the allowance lets a call pass, and adds to r what is known not
// to. A short allowance is one to ask for more of.
func (l *lease) examine(rule *rule, a *account, now, tokens int64, r *refusal) (short bool) {
	l.adopt(rule.limits)
	if now >= l.until {
		l.void()
	}
	if rule.requests != Unlimited {
		short = r.pool(rule, &l.requests, limitRequests, now, 1, rule.requests)
	}
	if rule.countsTokens() {
		short = r.pool(rule, &l.tokens, limitTokens, now, max(tokens, 1), rule.tokens) || short
	}
	if rule.countsParallel() && a.inFlight >= l.slots.held {
		if rule.parallel == 0 || now < l.slots.quiet && l.slots.free == 0 {
			r.worse(refusal{rule.account, limitParallel, rule.parallel, parallelRetry, false})
		} else {
			short = true
		}
	}
	return short
}

// pool looks whether n are held.
func (r *refusal) pool(rule *rule, p *pool, name string, now, n, limit int64) (short bool) {
	if n > limit {
		r.worse(refusal{rule.account, name, limit, Window, true})
		return false
	}
	if p.held >= n {
		return false
	}
	if now < p.quiet {
		if wait := p.wait(now, n); wait > 0 {
			r.worse(refusal{rule.account, name, limit, wait, false})
			return false
		}
	}
	return true
}

// wait is how long until n could be held, if nobody else takes it; 0 is now.
func (p *pool) wait(now, n int64) time.Duration {
	missing := n - p.held - p.free
	if missing <= 0 {
		return 0
	}
	for _, c := range p.coming {
		if missing -= c.n; missing <= 0 {
			return time.Duration(max(c.at-now, 0))
		}
	}
	return Window
}

// ask adds what a call lacks to the next report.
func (l *lease) ask(rule *rule, a *account, tokens int64) {
	if rule.requests != Unlimited {
		l.requests.ask(1)
	}
	if rule.countsTokens() {
		l.tokens.ask(max(tokens, 1))
	}
	if rule.countsParallel() && a.inFlight >= l.slots.held {
		l.slots.ask(1)
	}
}

func (p *pool) ask(n int64) {
	if p.want == 0 || n < p.need {
		p.need = n
	}
	if p.want += n; p.want < 0 {
		p.want = n // it overflowed: whatever is wanted then is more than there is
	}
}

// take spends from the allowance, as far as it goes, and reports whether it is low.
func (l *lease) take(rule *rule, now, tokens int64) (low bool) {
	l.used = now
	if rule.requests != Unlimited {
		low = l.requests.take(1)
		l.dirty = true
	}
	if rule.countsTokens() {
		low = l.tokens.take(tokens) || low
		l.dirty = true
	}
	return low && now-l.synced >= int64(pace) && now < l.until
}

func (p *pool) take(n int64) (low bool) {
	p.held = max(p.held-n, 0)
	return p.held < p.low
}

// report is how the account stands, with what is given back left out of it.
func (l *lease) report(a *account, now, seq int64, closing bool) Report {
	if now >= l.until {
		l.void()
	}
	r := Report{Account: a.id, Seq: seq, Full: l.until == 0}
	r.Requests = l.counted(&l.requests, &a.requests, l.limits.requests, now, r.Full, closing)
	r.Tokens = l.counted(&l.tokens, &a.tokens, l.limits.tokens, now, r.Full, closing)
	r.Parallel.Limit = l.limits.parallel
	if l.limits.parallel != Unlimited {
		p := &l.slots
		p.held = l.keepSlots(a, now, closing)
		r.Parallel.Keep, r.Parallel.Want = p.held, max(p.want-(p.held-a.inFlight), 0)
		p.need, p.want = 0, 0
	}
	l.dirty, l.retry, l.synced = false, false, now
	return r
}

// counted is one kind of a report.
func (l *lease) counted(p *pool, w *window, limit, now int64, full, closing bool) Counted {
	if limit == Unlimited {
		return Counted{Limit: Unlimited}
	}
	w.expire(now)
	keep := l.keep(p, limit, now, closing)
	c := Counted{Limit: limit, Keep: keep, Want: max(p.want-keep, 0), Spent: w.spent(now, full)}
	if c.Want > 0 {
		c.Need = max(p.need-keep, 1)
	} else if keep < p.low && !p.useless && !closing && now-l.used < int64(idleAfter) {
		c.Want = 1 // in the background: what can be spared, if anything
	}
	// What goes back is free until the answer tells otherwise: who asks meanwhile may have it.
	p.free += p.held - keep
	p.held, p.need, p.want, p.useless, p.low = keep, 0, 0, false, 0
	return c
}

// keep is how much of an allowance the replica goes on to hold.
func (l *lease) keep(p *pool, limit, now int64, closing bool) int64 {
	switch idle := now - l.used; {
	case closing, p.useless, idle >= int64(reserveFor):
		return 0
	case idle < int64(idleAfter):
		return p.held
	case p.free < limit/scarce:
		return 0
	default:
		return min(p.held, limit/(reserve*max(l.replicas, 1)))
	}
}

// keepSlots is how many slots the replica goes on to hold: none to spare when others
// may be short of them.
func (l *lease) keepSlots(a *account, now int64, closing bool) int64 {
	if closing || l.slotsScarce() || now-l.used >= int64(idleAfter) {
		return a.inFlight
	}
	return max(l.slots.held, a.inFlight)
}

func (l *lease) slotsScarce() bool { return l.slots.free == 0 && l.replicas > 1 }

// holds says that the store must be kept informed though nothing changes.
func (l *lease) holds(a *account) bool {
	return l.requests.held > 0 || l.tokens.held > 0 || l.slots.held > 0 || l.limits.parallel != Unlimited && a.inFlight > 0
}

// due says that it is time for a report.
func (l *lease) due(a *account, now int64) bool {
	since := now - l.synced
	switch {
	case l.retry, l.dirty && since >= int64(reportEvery):
		return true
	case !l.holds(a):
		return false
	default:
		return since >= int64(renewEvery) ||
			l.keep(&l.requests, l.limits.requests, now, false) < l.requests.held ||
			l.keep(&l.tokens, l.limits.tokens, now, false) < l.tokens.held ||
			l.keepSlots(a, now, false) < l.slots.held
	}
}

// apply brings the lease up to an answer to a report that was made at sent.
func (l *lease) apply(a *account, r *Report, ans *Answer, sent, now int64, term time.Duration) {
	l.replicas = ans.Replicas
	// The store's term began later than this one: at the report's arrival.
	l.until = sent + int64(term)
	if r.Requests.Limit != Unlimited {
		a.requests.tell(r.Requests.Spent)
		l.requests.apply(r.Requests.Need, &ans.Requests, now)
	}
	if r.Tokens.Limit != Unlimited {
		a.tokens.tell(r.Tokens.Spent)
		l.tokens.apply(r.Tokens.Need, &ans.Tokens, now)
	}
	if r.Parallel.Limit != Unlimited {
		l.slots.apply(min(r.Parallel.Want, 1), &ans.Parallel, now)
	}
}

func (p *pool) apply(need int64, g *Grant, now int64) {
	p.held += g.Granted
	p.free, p.quiet, p.low, p.coming = g.Free, 0, 0, p.coming[:0]
	if g.Granted > 1 && g.Free >= g.Granted {
		p.low = (p.held + 1) / 2
	}
	if need == 0 || g.Granted > 0 {
		return
	}
	p.quiet = now + int64(quiet)
	p.useless = p.held > 0
	for _, c := range g.Coming {
		p.coming = append(p.coming, arrival{now + int64(c.In), c.N})
	}
	if g.Others > 0 {
		// They give it back when they have no use for it.
		back := arrival{now + int64(renewEvery), g.Others}
		i, _ := slices.BinarySearchFunc(p.coming, back.at, func(a arrival, at int64) int { return int(min(max(a.at-at, -1), 1)) })
		p.coming = slices.Insert(p.coming, i, back)
	}
}

// state is how a kind stands: its tightest limit is told to the caller.
func (p *pool) state(w *window, limit, now int64) state {
	s := state{true, limit, min(p.held+p.free, limit), w.reset(now)}
	if n := len(p.coming); n > 0 {
		s.reset = max(s.reset, time.Duration(p.coming[n-1].at-now))
	}
	return s
}
