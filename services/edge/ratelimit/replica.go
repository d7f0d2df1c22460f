package ratelimit

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
)

// Options configure a shared limiter. Zero fields take the default named beside them.
type Options struct {
	// Replica names this process's life at the store; a random name.
	Replica string
	// Wait bounds how long one call waits for the store; 10 ms.
	Wait time.Duration
	// CallTimeout bounds one exchange with the store; 100 ms.
	CallTimeout time.Duration
	// Term is how long an allowance may be spent after it was renewed, three quarters of
	// the store's own; 7.5 s.
	Term time.Duration
	// Metrics are told of what matters to operators; nil tells nobody.
	Metrics Metrics
	// Log takes changes of state; nil logs nothing.
	Log *slog.Logger
}

// Metrics are what a shared limiter counts.
type Metrics interface {
	// RateLimitsShared says whether limits are counted together with other replicas.
	RateLimitsShared(together bool)
	// RateLimitedAlone counts a call that was let through or refused by this process's
	// own count, though limits are shared.
	RateLimitedAlone()
}

type noMetrics struct{}

func (noMetrics) RateLimitsShared(bool) {}
func (noMetrics) RateLimitedAlone()     {}

// StoreTerm is the term at the store for the default [Options.Term]. It is longer, so
// that no allowance is spent that the store has taken for lost, however late a call comes
// to it that has read the clock.
const StoreTerm = 10 * time.Second

const (
	// batch is how many accounts one exchange reports on at most.
	batch = 64
	// workers is how many exchanges there are at a time.
	workers = 2
	// tick is how often accounts are looked after.
	tick = 250 * time.Millisecond
	// farewell bounds giving everything back at the end.
	farewell = 2 * time.Second
)

// replica is this process among those that share limits: it sends reports, for callers
// that wait and by the clock, and knows whether the store is away.
type replica struct {
	limiter *Limiter
	store   Shared
	opts    Options
	away    breaker
	seq     atomic.Int64
	wake    chan struct{}
	joined  sync.Once

	mu sync.Mutex // taken while accounts are locked, never the other way
	// urgent accounts have callers that wait, queued ones have not.
	urgent, queued []*account
	// listed accounts are looked after.
	listed []*account
}

func newReplica(l *Limiter, store Shared, opts Options) *replica {
	if opts.Replica == "" {
		opts.Replica = rand.Text()
	}
	if opts.Wait <= 0 {
		opts.Wait = 10 * time.Millisecond
	}
	if opts.CallTimeout <= 0 {
		opts.CallTimeout = 100 * time.Millisecond
	}
	if opts.Term <= 0 {
		opts.Term = StoreTerm / 4 * 3
	}
	if opts.Metrics == nil {
		opts.Metrics = noMetrics{}
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	r := &replica{limiter: l, store: store, opts: opts, wake: make(chan struct{}, workers)}
	r.away.open.Store(true) // until it is found
	return r
}

// admit looks whether the allowances let a call pass, and asks for more where they are
// short. The accounts are locked, before and after; what is in the meantime may change
// them. When it fails (together is false) this process must decide by itself.
func (r *replica) admit(ctx context.Context, rules []rule, accounts *[maxRules]*account, now, tokens int64) (_ int64, no refusal, together bool) {
	var timer clock.Timer
	for !r.away.open.Load() {
		no = refusal{}
		var short [maxRules]bool
		lacking := false
		for i := range rules {
			short[i] = accounts[i].lease.examine(&rules[i], accounts[i], now, tokens, &no)
			lacking = lacking || short[i]
		}
		if no.limit != "" || !lacking {
			if timer != nil {
				timer.Stop()
			}
			return now, no, true
		}
		var flights [maxRules]*flight
		for i := range rules {
			if short[i] {
				flights[i] = r.ask(&rules[i], accounts[i], tokens)
			}
		}
		unlock(accounts[:len(rules)])
		if timer == nil {
			timer = r.limiter.clock.NewTimer(r.opts.Wait)
		}
		answered := await(ctx, timer, &flights)
		now = r.limiter.now()
		r.limiter.lock(rules, now, accounts)
		if !answered {
			break
		}
	}
	if timer != nil {
		timer.Stop()
	}
	r.opts.Metrics.RateLimitedAlone()
	return now, refusal{}, false
}

// await reports whether all flights have brought an answer in time.
func await(ctx context.Context, timer clock.Timer, flights *[maxRules]*flight) bool {
	for _, f := range flights {
		if f == nil {
			continue
		}
		select {
		case <-f.done:
			if f.failed {
				return false
			}
		case <-timer.C():
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// ask has the account's next report ask for what a call lacks. The account is locked.
func (r *replica) ask(rule *rule, a *account, tokens int64) *flight {
	l := a.lease
	l.ask(rule, a, tokens)
	if l.waiting == nil {
		l.waiting = &flight{done: make(chan struct{})}
	}
	r.enqueue(a)
	return l.waiting
}

// enqueue has a report sent, now or once the one under way is answered. The account is
// locked.
func (r *replica) enqueue(a *account) {
	l := a.lease
	r.list(a)
	if l.queued || l.sending {
		return
	}
	l.queued = true
	r.mu.Lock()
	if l.waiting != nil {
		r.urgent = append(r.urgent, a)
	} else {
		r.queued = append(r.queued, a)
	}
	r.mu.Unlock()
	r.signal()
}

func (r *replica) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// list has an account looked after. The account is locked.
func (r *replica) list(a *account) {
	if a.lease.listed {
		return
	}
	a.lease.listed = true
	r.mu.Lock()
	r.listed = append(r.listed, a)
	r.mu.Unlock()
}

// took spends for a call that passes. The account is locked.
func (r *replica) took(rule *rule, a *account, now, tokens int64) {
	a.lease.adopt(rule.limits)
	r.list(a)
	if a.lease.take(rule, now, tokens) && !r.away.open.Load() {
		r.enqueue(a)
	}
}

// gave notes the end of a call, and by how much its estimate was wrong. The account is
// locked.
func (r *replica) gave(a *account, delta int64) {
	l := a.lease
	if delta != 0 {
		l.dirty = true
		l.tokens.take(max(delta, 0))
		if delta < 0 {
			l.tokens.quiet = 0 // there is more than the store knew
		}
		r.list(a)
	}
	if l.limits.parallel != Unlimited && l.slots.held > a.inFlight && l.slotsScarce() && !r.away.open.Load() {
		r.enqueue(a)
	}
}

// next removes up to a batch of accounts whose reports are to be sent.
func (r *replica) next() []*account {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*account, 0, min(batch, len(r.urgent)+len(r.queued)))
	for _, list := range []*[]*account{&r.urgent, &r.queued} {
		n := min(batch-len(out), len(*list))
		out = append(out, (*list)[:n]...)
		if *list = (*list)[n:]; len(*list) == 0 {
			*list = nil
		}
	}
	if len(r.urgent)+len(r.queued) > 0 {
		r.signal()
	}
	return out
}

// sent is one report under way.
type sent struct {
	account *account
	flight  *flight
}

// send makes one exchange and applies its answers. The accounts are marked as sending.
func (r *replica) send(ctx context.Context, accounts []*account, closing bool) error {
	reports, waiters := make([]Report, len(accounts)), make([]sent, len(accounts))
	at := r.limiter.now() // before the reports: a term counts from a moment that the store has not seen yet
	for i, a := range accounts {
		a.mu.Lock()
		reports[i] = a.lease.report(a, at, r.seq.Add(1), closing)
		waiters[i] = sent{a, a.lease.waiting}
		a.lease.waiting = nil
		a.mu.Unlock()
	}
	call, cancel := context.WithTimeout(ctx, r.opts.CallTimeout)
	defer cancel()
	answers, err := r.store.Sync(call, r.opts.Replica, reports)
	if err == nil && len(answers) != len(reports) {
		err = errAnswers
	}
	now := r.limiter.now()
	for i := range waiters {
		var answer *Answer
		if err == nil {
			answer = &answers[i]
		}
		r.landed(&waiters[i], &reports[i], answer, at, now)
	}
	return err
}

// landed applies one answer, or nil for none.
func (r *replica) landed(s *sent, report *Report, answer *Answer, at, now int64) {
	a, l := s.account, s.account.lease
	a.mu.Lock()
	defer a.mu.Unlock()
	l.sending = false
	switch {
	case answer == nil:
		l.retry = true
	case !answer.Known:
		// The store has lost its memory, or this process has slept: it tells all it knows.
		r.away.forgot.Store(true)
		l.void()
		l.retry = true
	default:
		l.apply(a, report, answer, at, now, r.opts.Term)
	}
	if s.flight != nil {
		s.flight.failed = answer == nil
		close(s.flight.done)
	}
	if l.waiting != nil {
		r.enqueue(a)
	}
}
