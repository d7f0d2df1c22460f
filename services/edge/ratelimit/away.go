package ratelimit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// failures in a row mean that the store is away: a lost packet is no outage.
	failures = 3
	// retryEvery is how often a store that is away is tried.
	retryEvery = time.Second
	// joinTimeout is how long the store may take to answer for the first time.
	joinTimeout = time.Second
)

// errAnswers says that a store does not keep its contract.
var errAnswers = errors.New("ratelimit: the store did not answer every report")

// errAway is what operators are told.
var errAway = errors.New("the shared counts are away: each replica counts rate limits alone")

// breaker knows whether the store is away.
type breaker struct {
	// open says that it is: nobody asks it but the one that tries it.
	open     atomic.Bool
	failures atomic.Int32
	// forgot says that the store knows less than it was told.
	forgot atomic.Bool
}

// Join looks for the store, for a second at most, so that the first call finds it. Without
// it [Limiter.Run] does.
func (l *Limiter) Join(ctx context.Context) {
	if l.replica != nil {
		l.replica.join(ctx)
	}
}

// Run keeps the shared counts in step until ctx ends, and gives everything back then. A
// limiter that shares nothing has nothing to do.
func (l *Limiter) Run(ctx context.Context) error {
	if l.replica == nil {
		<-ctx.Done()
		return nil
	}
	l.replica.run(ctx)
	return nil
}

// Check reports whether limits are counted together with other replicas, for health
// checks; it asks the store. A limiter that shares nothing is always well.
func (l *Limiter) Check(ctx context.Context) error {
	switch {
	case l.replica == nil:
		return nil
	case l.replica.away.open.Load():
		return errAway
	default:
		return l.replica.store.Ping(ctx)
	}
}

func (r *replica) run(ctx context.Context) {
	r.join(ctx)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { r.work(ctx) })
	}
	r.lookAfter(ctx)
	wg.Wait()
	away := r.away.open.Swap(true) // calls that are still open are counted alone
	r.release()
	if away {
		return
	}
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	// What fails ends with its term.
	_ = r.sendAll(bye, r.claim(func(a *account) bool { return a.lease.listed }), true)
}

// work sends what is queued.
func (r *replica) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		accounts := r.next()
		if r.away.open.Load() {
			r.fail(accounts)
			continue
		}
		if len(accounts) == 0 {
			continue
		}
		for _, a := range accounts {
			a.mu.Lock()
			a.lease.queued, a.lease.sending = false, true
			a.mu.Unlock()
		}
		err := r.send(ctx, accounts, false)
		switch {
		case err == nil:
			r.away.failures.Store(0)
		case ctx.Err() == nil && r.away.failures.Add(1) >= failures && r.away.open.CompareAndSwap(false, true):
			r.lost(ctx, err)
			r.release()
		}
	}
}

// release lets go whoever waits.
func (r *replica) release() {
	for accounts := r.next(); len(accounts) > 0; accounts = r.next() {
		r.fail(accounts)
	}
}

// fail lets go whoever waits for these accounts, which were queued.
func (r *replica) fail(accounts []*account) {
	for _, a := range accounts {
		a.mu.Lock()
		a.lease.queued, a.lease.retry = false, true
		if f := a.lease.waiting; f != nil {
			a.lease.waiting, f.failed = nil, true
			close(f.done)
		}
		a.mu.Unlock()
	}
}

// lookAfter reports by the clock, and tries a store that is away.
func (r *replica) lookAfter(ctx context.Context) {
	tried := r.limiter.now() // before the first tick
	ticker := r.limiter.clock.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
		now := r.limiter.now()
		switch {
		case !r.away.open.Load():
			if r.away.forgot.Swap(false) {
				r.remind()
			}
			r.tend(now)
		case now-tried >= int64(retryEvery):
			if err := r.recall(ctx, r.opts.CallTimeout); err == nil {
				r.found(ctx)
			}
			tried = r.limiter.now()
		}
	}
}

// join looks for the store, the first time.
func (r *replica) join(ctx context.Context) {
	r.joined.Do(func() {
		if err := r.recall(ctx, max(r.opts.CallTimeout, joinTimeout)); err != nil {
			r.lost(ctx, err)
			return
		}
		r.found(ctx)
	})
}

// found notes that the store is there.
func (r *replica) found(ctx context.Context) {
	r.away.failures.Store(0)
	r.away.open.Store(false)
	r.opts.Log.InfoContext(ctx, "rate limits are counted together with other replicas")
	r.opts.Metrics.RateLimitsShared(true)
}

// lost notes that the store has gone away.
func (r *replica) lost(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	r.opts.Log.WarnContext(ctx, "rate limits are counted by this process alone: the shared counts are away", "error", err)
	r.opts.Metrics.RateLimitsShared(false)
}

// tend has a report sent for each account that is due.
func (r *replica) tend(now int64) {
	r.mu.Lock()
	listed := r.listed
	r.listed = nil
	r.mu.Unlock()
	kept := listed[:0]
	for _, a := range listed {
		a.mu.Lock()
		l := a.lease
		if now >= l.until && l.until != 0 && !l.sending {
			l.void()
		}
		if !l.queued && !l.sending && l.due(a, now) {
			r.enqueue(a)
		}
		if l.listed = l.queued || l.sending || l.dirty || l.retry || l.holds(a); l.listed {
			kept = append(kept, a)
		}
		a.mu.Unlock()
	}
	r.mu.Lock()
	r.listed = append(kept, r.listed...)
	r.mu.Unlock()
}

// remind has everything told again that the store should know.
func (r *replica) remind() {
	now := r.limiter.now()
	r.limiter.table.each(func(a *account) {
		if !a.lease.sending && a.counts(now) {
			a.lease.void()
			a.lease.retry = true
			r.list(a)
		}
	})
}

// recall tries a store that is away. It is told of everything before anybody asks it.
func (r *replica) recall(ctx context.Context, timeout time.Duration) error {
	call, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := r.store.Ping(call); err != nil {
		return err
	}
	now := r.limiter.now()
	return r.sendAll(ctx, r.claim(func(a *account) bool {
		if !a.counts(now) {
			return false
		}
		a.lease.void()
		r.list(a)
		return true
	}), false)
}

// claim marks accounts as sending, but for those that are.
func (r *replica) claim(which func(*account) bool) (out []*account) {
	r.limiter.table.each(func(a *account) {
		if !a.lease.queued && !a.lease.sending && which(a) {
			a.lease.sending = true
			out = append(out, a)
		}
	})
	return out
}

// counts says that the account counts something.
func (a *account) counts(now int64) bool {
	a.requests.expire(now)
	a.tokens.expire(now)
	return a.inFlight > 0 || len(a.requests.slots) > 0 || len(a.tokens.slots) > 0
}

// sendAll reports on accounts that are marked as sending, until it fails.
func (r *replica) sendAll(ctx context.Context, accounts []*account, closing bool) error {
	for len(accounts) > 0 {
		n := min(batch, len(accounts))
		err := r.send(ctx, accounts[:n], closing)
		if accounts = accounts[n:]; err == nil {
			continue
		}
		for _, a := range accounts {
			a.mu.Lock()
			a.lease.sending, a.lease.retry = false, true
			a.mu.Unlock()
		}
		return err
	}
	return nil
}
