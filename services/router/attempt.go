package router

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/chat"
	"tollgate.dev/services/router/upstream"
)

const (
	// maxErrorBody is how much of an error's body is looked at, in bytes.
	maxErrorBody = 64 << 10
	// backoffBase is the mean wait before the first repeat at the same deployment; it
	// doubles with every further one, up to backoffMax.
	backoffBase = 250 * time.Millisecond
	backoffMax  = 8 * time.Second
	// maxWait is the longest Retry-After that is waited for; a longer one is handed
	// to the caller.
	maxWait = 30 * time.Second
)

// exchangeFunc makes one attempt at one deployment. It returns nil when the attempt
// has served the call, well or not: nothing may be tried after it.
type exchangeFunc func(ctx context.Context, d *deployment, served *routerv1.Served) *attemptError

// attemptError is why an attempt failed.
type attemptError struct {
	chat.Failure
	// usage is what the provider bills all the same; nil when nothing is known of it.
	usage *usagev1.Usage
}

// fatal is a failure that no other attempt can mend.
func fatal(err error) *attemptError {
	return &attemptError{Failure: chat.Failure{Err: errs.Of(err)}}
}

// attempts makes attempts until one serves the call, none may follow, or time is up.
// The error is that of the last attempt.
func (s *Service) attempts(ctx context.Context, g *group, exchange exchangeFunc) ([]*routerv1.BilledAttempt, error) {
	var billed []*routerv1.BilledAttempt
	var tried []*deployment
	var last *attemptError
	for try := 0; ; try++ {
		d, wait, err := s.pick(g, tried)
		if err != nil {
			// All rest. A first try fails at once; a repeat may wait for the first to wake.
			if last == nil || wait > maxWait || !s.sleep(ctx, wait) {
				if last != nil {
					err = last.Err
				}
				return billed, err
			}
			tried = nil
			if d, _, err = s.pick(g, nil); err != nil {
				return billed, last.Err
			}
		} else if contains(tried, d) && !s.sleep(ctx, s.backoff(len(tried))) {
			return billed, last.Err
		}
		served := &routerv1.Served{
			DeploymentId: d.ID, Provider: d.Provider, UpstreamModel: d.UpstreamModel,
			ApiBase: d.baseText, Retries: int32(try), Simulated: d.Simulated, //nolint:gosec // few
		}
		if try > 0 {
			s.metrics.ProviderRetry(d.Provider)
		}
		d.inFlight.Add(1)
		last = exchange(ctx, d, served)
		d.inFlight.Add(-1)
		if last == nil {
			return billed, nil
		}
		if last.usage != nil {
			billed = append(billed, &routerv1.BilledAttempt{Served: served, Usage: last.usage})
		}
		if last.Err.Reason == errs.ClientClosed {
			return billed, last.Err
		}
		s.metrics.ProviderError(d.Provider, string(last.Err.Reason))
		d.failed(last.Failure, s.clock.Now(), len(g.deployments) == 1, s.opts.AllowedFails, s.opts.Cooldown)
		s.log.WarnContext(ctx, "provider attempt failed", "deployment", d.ID, "provider", d.Provider,
			"reason", string(last.Err.Reason), "try", try, "retryable", last.Retry)
		// One reservation pays for one attempt: after one that cost money there is no other.
		if !last.Retry || last.usage != nil || try >= s.opts.Retries || ctx.Err() != nil {
			return billed, last.Err
		}
		tried = append(tried, d)
	}
}

// pick chooses a deployment: one that was not tried yet if there is one. When all
// rest or are full it returns an error, and how long until the first wakes.
func (s *Service) pick(g *group, tried []*deployment) (*deployment, time.Duration, error) {
	if len(g.deployments) == 1 && !g.deployments[0].full() && g.deployments[0].restUntil.Load() == 0 {
		return g.deployments[0], 0, nil
	}
	now := s.clock.Now()
	var fresh, again []*deployment
	wake := int64(0)
	order := 0
	for _, d := range g.deployments {
		if until := d.restUntil.Load(); until > now.UnixNano() {
			if wake == 0 || until < wake {
				wake = until
			}
			continue
		}
		if d.full() {
			continue
		}
		if len(fresh)+len(again) == 0 || d.Order < order {
			fresh, again, order = nil, nil, d.Order
		}
		switch {
		case d.Order > order:
		case contains(tried, d):
			again = append(again, d)
		default:
			fresh = append(fresh, d)
		}
	}
	if len(fresh) == 0 {
		fresh = again
	}
	if len(fresh) > 0 {
		return s.opts.Strategy.choose(fresh, s.random()), 0, nil
	}
	wait := time.Second
	if wake > 0 {
		wait = time.Duration(wake - now.UnixNano())
	}
	return nil, wait, errs.Newf(errs.ProviderUnavailable, "all deployments of %q are resting or full", g.name).WithRetryAfter(wait)
}

// backoff is a jittered exponential wait ("full jitter", Brooker, AWS Architecture
// Blog, 2015).
func (s *Service) backoff(repeats int) time.Duration {
	limit := min(backoffBase<<min(repeats, 6), backoffMax)
	return time.Duration(s.random() * 2 * float64(limit))
}

// sleep waits; it reports false when the context ends first, or would.
func (s *Service) sleep(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && s.clock.Now().Add(d).After(deadline) {
		return false
	}
	timer := s.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-ctx.Done():
		return false
	}
}

// send encodes a call for a deployment and sends it. The response has a 2xx status;
// any other has become the error.
func (s *Service) send(ctx context.Context, d *deployment, in *input, stream bool, served *routerv1.Served) (*upstream.Response, chat.Decoder, *attemptError) {
	call := &chat.Call{
		Body: in.body, Fields: &in.fields, Model: d.UpstreamModel, Stream: stream,
		MaxOutput: in.call.GetMaxOutputTokens(), ModelMaxOutput: d.MaxOutput,
		DropParams: d.DropParams || in.call.GetDropParams(),
	}
	out, decoder, err := d.provider.Encode(call)
	if err != nil {
		return nil, nil, fatal(err)
	}
	served.DroppedParams = call.Dropped()
	header, err := s.header(ctx, d, in, out.Header)
	if err != nil {
		return nil, nil, fatal(err)
	}
	resp, err := s.exchange.Do(ctx, &upstream.Request{URL: d.url(out.Path), Header: header, Body: out.Body})
	if err != nil {
		return nil, nil, exchangeFailed(ctx, err)
	}
	served.ProviderHeaders = visible(resp.Header)
	if resp.Status/100 == 2 {
		return resp, decoder, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, nil, exchangeFailed(ctx, err)
	}
	return nil, nil, &attemptError{Failure: d.provider.Classify(resp.Status, resp.Header, body)}
}

// header is a request's whole header, with the deployment's credential or the
// tenant's own.
func (s *Service) header(ctx context.Context, d *deployment, in *input, more http.Header) (http.Header, error) {
	header := make(http.Header, 4+len(d.Headers)+len(more))
	header["Content-Type"] = jsonContent
	header["User-Agent"] = userAgent
	for name, values := range d.Headers {
		header[name] = values
	}
	for name, values := range more {
		header[name] = values
	}
	key := d.APIKey
	for _, p := range in.call.GetTenantProviders() {
		if p != d.Provider {
			continue
		}
		own, err := s.credentials.APIKey(ctx, in.call.GetTenantId(), d.Provider)
		if err != nil {
			return nil, err
		}
		key = own
	}
	d.provider.Authorize(header, key.Reveal())
	return header, nil
}

// exchangeFailed is the failure of an exchange that brought no answer, or only a part.
func exchangeFailed(ctx context.Context, err error) *attemptError {
	e := errs.Of(upstream.Classify(ctx, err))
	if cause := context.Cause(ctx); e.Reason == errs.ClientClosed && errors.Is(cause, errFirstEvent) {
		e = errs.New(errs.ProviderTimeout, "the provider's stream did not begin in time").WithCause(cause)
	}
	switch e.Reason {
	case errs.ProviderError, errs.ProviderUnavailable, errs.ProviderTimeout, errs.ProviderRateLimited:
		return &attemptError{Failure: chat.Failure{Err: e, Retry: true, Cooldown: true}}
	}
	return fatal(e)
}

// visible picks the answer headers that tell a caller about the provider's limits
// and name the provider's own request.
func visible(header http.Header) map[string]string {
	var out map[string]string
	for name, values := range header {
		if len(values) == 0 || !isVisible(name) {
			continue
		}
		if out == nil {
			out = make(map[string]string, 4)
		}
		out[strings.ToLower(name)] = values[0]
	}
	return out
}

func isVisible(name string) bool {
	switch name {
	case "X-Request-Id", "Request-Id", "Openai-Processing-Ms", "Openai-Version", "Retry-After":
		return true
	}
	return strings.HasPrefix(name, "X-Ratelimit-") || strings.HasPrefix(name, "Anthropic-Ratelimit-")
}

func contains(list []*deployment, d *deployment) bool {
	for _, have := range list {
		if have == d {
			return true
		}
	}
	return false
}
