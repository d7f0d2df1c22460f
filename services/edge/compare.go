package edge

import (
	"context"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/edge/answer"
)

// compareTimeout bounds how long a comparison may take.
const compareTimeout = 2 * time.Second

// compare tells the cache, off the caller's path, what the provider answered where the look-up
// asked for that. What was drawn is told, if only as an answer that there is not: were hard ones
// left out, the others would look better than what is served. Left out is only what says nothing of
// the question ([completion.questionsFault]). Where too much is done on the side already, the call
// does it itself.
func (c *completion) compare(ctx context.Context) {
	if len(c.comparison) == 0 {
		return
	}
	o := &c.outcome
	answered := o.failure == nil && o.served != nil
	if !answered && !c.questionsFault() {
		return
	}
	e, of := c.e, *o
	req := &cachev1.CompareRequest{Namespace: c.asked.lookup.GetNamespace(), Comparison: c.comparison}
	capped := c.capped > 0
	work := func(ctx context.Context) {
		if answered {
			req.Body = e.compared(ctx, &of, capped)
		}
		ctx, cancel := context.WithTimeout(ctx, compareTimeout)
		defer cancel()
		if _, err := e.Services.Cache.Compare(ctx, req); err != nil {
			e.Metrics.CacheComparisonsDropped(1)
			e.Log.WarnContext(ctx, "the answer could not be compared with a cached one", "error", err)
		}
	}
	if c.wrote {
		c.afterwards(ctx, of.inMemory(), work)
	} else if !c.aside(ctx, of.inMemory(), work) {
		work(context.WithoutCancel(ctx)) // there is nothing yet that could be flushed
	}
}

// questionsFault says that a call came to no answer for a reason that may lie in its question: the
// provider refused it, the answer ended before its time, or it took too long to be waited for. An
// outage, a limit or a budget from which nothing came says nothing of the question.
func (c *completion) questionsFault() bool {
	if c.outcome.failure == nil {
		return false
	}
	switch c.outcome.failure.Reason {
	case errs.InvalidRequest, errs.ContextLengthExceeded:
		return true
	case errs.ClientClosed, errs.ProviderTimeout:
		// A long answer takes its time before its first byte where it is to come whole.
		return !c.req.stream || !c.outcome.firstByte.IsZero()
	default:
		return !c.outcome.firstByte.IsZero()
	}
}

// compared is a finished answer as a whole one; empty where it is none: because it was filtered or
// cut, by whomever, was too large to be kept, or can't be read.
func (e *Edge) compared(ctx context.Context, o *outcome, capped bool) []byte {
	if o.cut {
		return nil
	}
	body, err := o.whole()
	if err != nil {
		e.Log.DebugContext(ctx, "a stream cannot be compared as a whole answer", "error", err)
		return nil
	}
	switch end, err := answer.EndOf(body); {
	case err != nil, end == answer.Filtered, end == answer.Truncated && (capped || !e.opts.CacheTruncated):
		return nil
	default:
		return body
	}
}
