package router

import (
	"context"
	"errors"
	"slices"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/obs"
	"tollgate.dev/services/router/chat"
	"tollgate.dev/services/router/upstream"
)

const (
	// backoffBase is the mean wait before the first repeat at a deployment; it doubles
	// with every further one, up to backoffMax.
	backoffBase = 250 * time.Millisecond
	backoffMax  = 8 * time.Second
	// maxWait is the longest Retry-After that is waited for; a longer one is handed
	// to the caller.
	maxWait = 30 * time.Second
)

// Why the router itself ends an attempt, as the cause of its context's end.
var (
	errCallersTime  = errs.New(errs.ProviderTimeout, "the request's time is over")
	errCallTime     = errs.New(errs.ProviderTimeout, "the provider did not answer in the request's time")
	errAttemptTime  = errs.New(errs.ProviderTimeout, "the provider did not answer in time")
	errNoFirstEvent = errs.New(errs.ProviderTimeout, "the provider's stream did not begin in time")
	errStalled      = errs.New(errs.ProviderTimeout, "the provider's stream stopped in its midst")
)

// attemptError is why an attempt failed.
type attemptError struct {
	chat.Failure
	// toll is whether the attempt cost money all the same. If it did, usage is what the
	// provider said of it, incomplete whether that is not all, and worked how long it took
	// at most; 0 is unknown.
	toll       toll
	usage      *usagev1.Usage
	incomplete bool
	worked     time.Duration
	// unsent says that nothing went out; unable, that it did not because the provider
	// cannot honour the call, which another may.
	unsent, unable bool
	// private says that a tenant's own account is at fault, which is nothing to others.
	private bool
	// cause is what operators are told beyond the reason: words of this gateway's, never of
	// the provider's.
	cause string
}

// failed is the failure that an error stands for.
func failed(ctx context.Context, err error) *attemptError {
	e := errs.Of(upstream.Classify(ctx, err))
	f := chat.Failure{Err: e, RetryAfter: e.RetryAfter}
	switch e.Reason {
	case errs.ProviderError, errs.ProviderUnavailable, errs.ProviderRateLimited:
		f.Retry, f.Cooldown = true, true
	case errs.ProviderHostNotAllowed:
		f.Retry, f.Elsewhere, f.Cooldown = true, true, true
	case errs.ProviderTimeout:
		// That a caller was in a hurry says nothing about the deployment.
		cause := context.Cause(ctx)
		f.Retry = true
		f.Cooldown = !errors.Is(cause, errCallersTime) && !errors.Is(cause, context.DeadlineExceeded)
	default: // no other attempt can mend it
		f.RetryAfter = 0
	}
	if errors.Is(err, errTooLarge) { // another would be as well
		f.Retry, f.Cooldown = false, false
	}
	f.Elsewhere = f.Elsewhere || chat.IsElsewhere(err)
	return &attemptError{Failure: f, cause: causeOf(ctx, err)}
}

// causeOf is why an attempt brought nothing: the setting whose time was over, or what went
// wrong on the way.
func causeOf(ctx context.Context, err error) string {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errAttemptTime):
		return "timeout"
	case errors.Is(cause, errNoFirstEvent):
		return "stream_timeout"
	case errors.Is(cause, errStalled):
		return "stream_idle_timeout"
	case errors.Is(cause, errCallTime):
		return "request_timeout"
	}
	return upstream.Cause(err)
}

// asked says that a provider was asked, or that it was tried to reach it. A caller who left
// is in the bill, if that may have cost anything.
func (e *attemptError) asked() bool {
	return !e.unsent && e.Err.Reason != errs.ProviderHostNotAllowed && e.Err.Reason != errs.ClientClosed
}

// orLeft is what the caller is told: the failure, unless the caller has left.
func (e *attemptError) orLeft(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, context.Canceled) {
		return errs.Of(cause)
	}
	return e.Err
}

// limit ends a context after some time of the service's clock.
type limit struct {
	timer  clock.Timer
	cancel context.CancelCauseFunc
}

// within returns a context that ends after d, with a cause, or with stop.
func (s *Service) within(ctx context.Context, d time.Duration, cause error) (context.Context, limit) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, limit{s.clock.AfterFunc(d, func() { cancel(cause) }), cancel}
}

func (l limit) stop() {
	l.timer.Stop()
	l.cancel(nil)
}

// exchangeFunc makes one attempt at one deployment. It returns nil when the attempt
// has served the call, well or not: nothing may be tried after it.
type exchangeFunc func(ctx context.Context, d *deployment, served *routerv1.Served) *attemptError

// passage is one call's way through its model's deployments.
type passage struct {
	s        *Service
	g        *group
	in       input
	limit    limit
	deadline time.Time
	// stream says that the answer is wanted in chunks.
	stream bool
	// tried have failed the call; unable cannot honour it, or not before their operator has
	// mended them.
	tried, unable []*deployment
	// repeats counts the waits.
	repeats int
}

// attempts makes attempts until one serves the call, none may follow, or time is up.
// The error is that of the last attempt. After an attempt that cost money, or may have, none
// follows: one reservation pays for one, and whoever made it is asked to pay again.
func (p *passage) attempts(ctx context.Context, exchange exchangeFunc) (bill, error) {
	try, last := p.resume(p.in.call.GetResumption())
	var free bill
	for {
		if ctx.Err() != nil {
			return free, upstream.Ended(ctx)
		}
		d, err := p.next(ctx, last)
		if err != nil {
			return free, err
		}
		served := &routerv1.Served{
			DeploymentId: d.ID, Provider: d.Provider, UpstreamModel: d.UpstreamModel,
			ApiBase: d.baseText, Retries: small(try), Simulated: d.Simulated,
		}
		failure := p.attempt(ctx, d, served, exchange)
		switch {
		case failure == nil:
			return bill{}, nil
		case failure.unable:
			p.unable = append(p.unable, d)
			if last == nil {
				last = failure
			}
			continue
		}
		last = failure
		if last.asked() {
			free.served = served
		}
		p.s.note(ctx, p, d, last, try)
		if last.Elsewhere {
			p.unable = append(p.unable, d)
		} else {
			p.tried = append(p.tried, d)
		}
		try++
		if owed := billOf(served, last); len(owed.attempts) > 0 {
			owed.resumption, owed.served = p.resumption(ctx, last, try), served
			return owed, last.orLeft(ctx)
		}
		if !last.Retry || try > p.s.opts.Retries || ctx.Err() != nil {
			return free, last.orLeft(ctx)
		}
	}
}

// attempt makes one attempt. Also one that panics leaves the deployment.
func (p *passage) attempt(ctx context.Context, d *deployment, served *routerv1.Served, exchange exchangeFunc) *attemptError {
	pace := d.pace(p.stream)
	pace.inFlight.Add(1)
	defer func() {
		pace.inFlight.Add(-1)
		d.release()
	}()
	return exchange(ctx, d, served)
}

// next acquires the deployment for the next attempt: one that has not failed the call,
// or, after a wait, one that has.
func (p *passage) next(ctx context.Context, last *attemptError) (*deployment, error) {
	for waited := false; ; {
		d, wait, err := p.pick()
		if err == nil && (waited || !slices.Contains(p.tried, d)) {
			if d.acquire() {
				return d, nil
			}
			continue // somebody else was faster
		}
		switch {
		case last == nil: // a first attempt fails at once when all rest
			return nil, err
		case waited || last.unable || len(p.unable) == len(p.g.deployments):
			return nil, last.Err
		}
		if err == nil {
			wait = last.RetryAfter // a tenant's own account, or it would rest
		}
		if p.repeats++; wait > maxWait || !p.sleep(ctx, max(wait+p.backoff(), p.s.opts.MinRetryWait)) {
			return nil, last.orLeft(ctx)
		}
		waited = true
	}
}

// rank orders deployments; of the lowest rank one is chosen.
type rank struct {
	tried bool
	order int
}

func (r rank) before(other rank) bool {
	if r.tried != other.tried {
		return other.tried
	}
	return r.order < other.order
}

// pick chooses a deployment. When all rest or are full it returns an error, and how long
// until the first wakes.
func (p *passage) pick() (*deployment, time.Duration, error) {
	if only := p.g.deployments[0]; len(p.g.deployments) == 1 && len(p.unable) == 0 &&
		only.restUntil.Load() == 0 && !only.full() {
		return only, 0, nil
	}
	now := p.s.clock.Now()
	var buffer [8]*deployment
	var lowest rank
	best, wake := buffer[:0], int64(0)
	limited := false
	for _, d := range p.g.deployments {
		if slices.Contains(p.unable, d) {
			continue
		}
		if until := d.restUntil.Load(); until > now.UnixNano() {
			if wake == 0 || until < wake {
				wake, limited = until, d.limited.Load()
			}
			continue
		}
		if d.full() {
			continue
		}
		r := rank{tried: slices.Contains(p.tried, d), order: d.Order}
		if len(best) == 0 || r.before(lowest) {
			best, lowest = best[:0], r
		}
		if r == lowest {
			best = append(best, d)
		}
	}
	if len(best) > 0 {
		return p.s.opts.Strategy.choose(best, p.stream, now, p.s.random()), 0, nil
	}
	wait := time.Second
	if wake > 0 {
		wait = time.Duration(wake - now.UnixNano())
	}
	if limited {
		return nil, wait, errs.Newf(errs.ProviderRateLimited, "the provider of %q asks for a pause", p.g.name).WithRetryAfter(wait)
	}
	return nil, wait, errs.Newf(errs.ProviderUnavailable, "all deployments of %q are resting or full", p.g.name).WithRetryAfter(wait)
}

// backoff is a jittered exponential wait ("full jitter", Brooker, AWS Architecture
// Blog, 2015), so that those who failed together do not come back together.
func (p *passage) backoff() time.Duration {
	mean := min(backoffBase<<min(p.repeats-1, 8), backoffMax)
	return time.Duration(p.s.random() * 2 * float64(mean))
}

// sleep waits; it reports false when the call's time ends first, or would.
func (p *passage) sleep(ctx context.Context, d time.Duration) bool {
	if !p.s.clock.Now().Add(d).Before(p.deadline) {
		return false
	}
	timer := p.s.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-ctx.Done():
		return false
	}
}

// note learns from a failed attempt, and tells operators of it. A failure's text may
// quote the call, and is not logged.
func (s *Service) note(ctx context.Context, p *passage, d *deployment, f *attemptError, try int) {
	reason := f.Err.Reason
	if reason == errs.ClientClosed || f.unsent {
		return
	}
	s.metrics.ProviderError(d.Provider, string(reason))
	if obs.RequestOf(ctx).ID == "" {
		ctx = obs.WithRequest(ctx, &obs.Request{ID: p.in.call.GetRequestId(), TenantID: p.in.call.GetTenantId()})
	}
	s.log.WarnContext(ctx, "provider attempt failed", "deployment", d.ID, "provider", d.Provider,
		"reason", string(reason), "cause", f.cause, "attempt", try+1, "retryable", f.Retry && !f.Elsewhere)
	if !f.private && !p.in.elsewhere && (!p.in.own || reason != errs.ProviderRateLimited && !f.Elsewhere) {
		d.failed(f.Failure, s.clock.Now(), len(p.g.deployments) == 1, s.opts.AllowedFails, d.Cooldown)
	}
}
