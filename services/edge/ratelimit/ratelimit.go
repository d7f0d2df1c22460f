// Package ratelimit holds keys and tenants to their requests per minute, tokens per
// minute and parallel requests, over all models and by model.
//
// A limiter counts in this process ([New]), or together with other replicas
// ([NewShared]): then each of them leases a part of what is left from a [Shared] store
// and spends it by itself. Calls wait for the store only when nothing that they need is
// leased: for the first call of a key, and near a limit.
package ratelimit

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
)

// parallelRetry is what a caller is told to wait for a parallel slot. When one gets
// free cannot be known.
const parallelRetry = time.Second

// Limiter counts. Its methods are safe for concurrent use.
type Limiter struct {
	clock clock.Clock
	base  time.Time
	table *table
	// replica is nil when nothing is shared.
	replica *replica
}

// New returns a limiter that has counted nothing and counts in this process alone.
func New(clk clock.Clock) *Limiter {
	return &Limiter{clock: clk, base: clk.Now(), table: newTable(false)}
}

// NewShared returns a limiter that counts together with all others on the store. While
// the store is away it counts alone, and so it does before [Limiter.Join] and after the end
// of [Limiter.Run].
func NewShared(clk clock.Clock, store Shared, opts Options) *Limiter {
	l := &Limiter{clock: clk, base: clk.Now(), table: newTable(true)}
	l.replica = newReplica(l, store, opts)
	return l
}

// now is the time since the limiter was made, in nanoseconds; never negative.
func (l *Limiter) now() int64 { return int64(l.clock.Now().Sub(l.base)) }

// Acquire counts one request of the model with an estimated number of prompt tokens
// against every limit that applies, or against none of them: then it fails with
// rate_limit_exceeded, how long until the call would pass (for tokens and requests to
// the nanosecond, if nobody else calls; 1 s for parallel requests; a whole [Window]
// for a call that is larger than a limit and never will; up to 2 s for what other
// replicas hold and do not use), and in the details `limit`
// (requests_per_minute, tokens_per_minute or parallel_requests), `scope` (key or
// tenant), `model` where the limit is one model's, and the limit's `value`.
//
// A nil subject passes. Every permit must be Done. One that comes with an error holds
// nothing; it is for its Headers.
//
// Where limits are shared it may wait, within [Options.Wait]; longer, or beyond the end
// of ctx, it doesn't, and goes by what this process has counted.
func (l *Limiter) Acquire(ctx context.Context, s *Subject, model string, tokens int64) (Permit, error) {
	return l.acquire(ctx, s, model, tokens, false)
}

// AcquireRequest is Acquire for a call that is one request and nothing else: it uses no
// tokens, is not under way, and no limit on either holds it back. Its permit holds nothing.
func (l *Limiter) AcquireRequest(ctx context.Context, s *Subject, model string) (Permit, error) {
	return l.acquire(ctx, s, model, 0, true)
}

func (l *Limiter) acquire(ctx context.Context, s *Subject, model string, tokens int64, requestOnly bool) (Permit, error) {
	if s == nil {
		return Permit{}, nil
	}
	var buf [maxRules]rule
	rules := s.rules(model, &buf)
	if len(rules) == 0 {
		return Permit{}, nil
	}
	for i := range rules {
		rules[i].requestOnly = requestOnly
	}
	tokens = max(tokens, 0)
	now := l.now()
	var accounts [maxRules]*account
	l.lock(rules, now, &accounts)
	var r refusal
	together := false
	if l.replica != nil {
		now, r, together = l.replica.admit(ctx, rules, &accounts, now, tokens)
	}
	if !together {
		r = check(rules, &accounts, now, tokens)
	}
	if r.limit != "" {
		g := &grant{subject: s}
		for i := range rules {
			g.tighten(&rules[i], accounts[i], now, together)
		}
		unlock(accounts[:len(rules)])
		g.done.Store(true)
		return Permit{g}, r.err()
	}
	g := &grant{limiter: l, subject: s, tokens: tokens, accounts: accounts}
	g.done.Store(requestOnly)
	for i := range rules {
		a := accounts[i]
		if !requestOnly {
			a.inFlight++
		}
		if rules[i].requests != Unlimited {
			a.requests.expire(now)
			a.requests.add(now, 1)
		}
		if rules[i].countsTokens() {
			g.counted[i] = true
			a.tokens.expire(now)
			g.slots[i] = a.tokens.add(now, tokens)
		}
		if l.replica != nil {
			l.replica.took(&rules[i], a, now, tokens)
		}
		g.tighten(&rules[i], a, now, together)
	}
	unlock(accounts[:len(rules)])
	return Permit{g}, nil
}

// lock finds and locks the accounts of all rules. Every caller locks in the same
// order: the key's before the tenant's, and a party's own before its model's.
func (l *Limiter) lock(rules []rule, now int64, into *[maxRules]*account) {
	for i := 0; i < len(rules); {
		// No shard is swept by a caller that holds an account: the sweep locks accounts.
		for j := i; j < len(rules); j++ {
			into[j] = l.table.get(rules[j].account, now)
		}
		for ; i < len(rules); i++ {
			into[i].mu.Lock()
			if into[i].dead {
				unlock(into[:i+1])
				i = 0
				break
			}
		}
	}
}

func unlock(accounts []*account) {
	for _, a := range accounts {
		a.mu.Unlock()
	}
}

// refusal is the limit that holds a call back the longest; its zero value is none.
type refusal struct {
	account AccountID
	limit   string
	value   int64
	wait    time.Duration
	never   bool
}

// worse keeps the one that takes longer.
func (r *refusal) worse(other refusal) {
	if r.limit == "" || !r.never && (other.never || other.wait > r.wait) {
		*r = other
	}
}

// The limits as error details name them.
const (
	limitRequests = "requests_per_minute"
	limitTokens   = "tokens_per_minute" //nolint:gosec // the name of a limit
	limitParallel = "parallel_requests"
)

// check finds the limit that does not let the call pass. The accounts are locked.
func check(rules []rule, accounts *[maxRules]*account, now, tokens int64) (r refusal) {
	for i := range rules {
		rule, a := &rules[i], accounts[i]
		if rule.requests != Unlimited {
			r.window(rule, &a.requests, limitRequests, now, 1, rule.requests)
		}
		if rule.countsTokens() {
			r.window(rule, &a.tokens, limitTokens, now, tokens, rule.tokens)
		}
		if rule.countsParallel() && a.inFlight >= rule.parallel {
			r.worse(refusal{rule.account, limitParallel, rule.parallel, parallelRetry, false})
		}
	}
	return r
}

// window looks whether n more fit into the window.
func (r *refusal) window(rule *rule, w *window, name string, now, n, limit int64) {
	w.expire(now)
	wait, ok := w.wait(now, n, limit)
	switch {
	case !ok:
		r.worse(refusal{rule.account, name, limit, Window, true})
	case wait > 0:
		r.worse(refusal{rule.account, name, limit, wait, false})
	}
}

func (r *refusal) err() error {
	of, verb := "", "is reached"
	if r.account.Model != "" {
		of = " for this model"
	}
	if r.never {
		verb = "is less than this one call needs"
	}
	e := errs.New(errs.RateLimitExceeded, "the "+r.account.Scope.String()+"'s limit of "+
		strconv.FormatInt(r.value, 10)+" "+strings.ReplaceAll(r.limit, "_", " ")+of+" "+verb)
	e.RetryAfter = r.wait
	e.Details = map[string]string{
		"limit": r.limit,
		"scope": r.account.Scope.String(),
		"value": strconv.FormatInt(r.value, 10),
	}
	if r.account.Model != "" {
		e.Details["model"] = r.account.Model
	}
	return e
}

// Permit is a call that was let through. The zero Permit is one without limits.
// Copies are the same permit.
type Permit struct{ g *grant }

// grant is what a permit has counted, and how the limits stood then.
type grant struct {
	limiter  *Limiter
	subject  *Subject
	accounts [maxRules]*account
	// slots name where the estimate was counted, for accounts that are counted.
	slots   [maxRules]int64
	counted [maxRules]bool
	tokens  int64
	done    atomic.Bool

	requests, tokenState state
}

// Done gives the parallel slots back, and corrects the estimate to the tokens that
// the call really used, prompt and answer. What it used beyond the estimate counts
// from now on, and may take a limit beyond its value: tokens are known only when
// they are spent. What it did not use is taken back from when it was counted. Only
// the first call does anything.
func (p Permit) Done(actualTokens int64) {
	g := p.g
	if g == nil || g.done.Swap(true) {
		return
	}
	now := g.limiter.now()
	difference := max(actualTokens, 0) - g.tokens
	for i, a := range g.accounts {
		if a == nil {
			continue
		}
		a.mu.Lock()
		a.inFlight--
		delta := int64(0)
		if g.counted[i] {
			delta = difference
		}
		switch {
		case delta > 0:
			a.tokens.expire(now)
			a.tokens.add(now, delta)
		case delta < 0:
			a.tokens.refund(g.slots[i], -delta)
		}
		if a.lease != nil {
			g.limiter.replica.gave(a, delta)
		}
		a.mu.Unlock()
	}
}
