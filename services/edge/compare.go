package edge

import (
	"context"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/openaiwire"
	"tollgate.dev/services/edge/answer"
)

// compareTimeout bounds how long a comparison may take.
const compareTimeout = 2 * time.Second

// compare tells the cache, on the side, what the provider answered where the look-up asked for
// that. Whether the answer may be kept makes no difference, but a caller's no-store does: nothing
// of the answer leaves the call's own path then. Where too much is done on the side already, the
// comparison is dropped.
func (c *completion) compare(ctx context.Context) {
	if len(c.comparison) == 0 || !c.store {
		return
	}
	o := &c.outcome
	answered := o.failure == nil && o.served != nil && !o.cut
	if !answered && !c.questionsFault() {
		return
	}
	e, of := c.e, *o
	req := &cachev1.CompareRequest{Namespace: c.asked.lookup.GetNamespace(), Comparison: c.comparison}
	capped := c.capped > 0
	c.aside(ctx, of.inMemory(), func(ctx context.Context) {
		if answered {
			body, tells := e.compared(ctx, &of, capped)
			if !tells {
				return
			}
			req.Body = body
		}
		ctx, cancel := context.WithTimeout(ctx, compareTimeout)
		defer cancel()
		if _, err := e.Services.Cache.Compare(ctx, req); err != nil {
			e.Log.WarnContext(ctx, "the answer could not be compared with a cached one", "error", err)
		}
	})
}

// questionsFault says that a call came to no answer for a reason that may lie in its question: the
// provider refused it, or the caller did not want to hear more. Outages, limits and budgets say
// nothing of the question.
func (c *completion) questionsFault() bool {
	if c.outcome.failure == nil {
		return false
	}
	switch c.outcome.failure.Reason {
	case errs.InvalidRequest, errs.ContextLengthExceeded:
		return true
	case errs.ClientClosed:
		return !c.outcome.firstByte.IsZero()
	default:
		return false
	}
}

// compared is a finished answer as a whole one; empty where it is none, because it was filtered or
// cut. It reports false for one that tells nothing: one that a budget cut, or that nobody can read.
func (e *Edge) compared(ctx context.Context, o *outcome, capped bool) (body []byte, tells bool) {
	body = o.body
	if len(o.chunks) > 0 {
		whole, err := answer.Whole(o.chunks, openaiwire.UsageFrom(o.usage))
		if err != nil {
			e.Log.DebugContext(ctx, "a stream cannot be compared as a whole answer", "error", err)
			return nil, false
		}
		body = whole
	}
	switch end, err := answer.EndOf(body); {
	case err != nil, end == answer.Truncated && capped:
		return nil, false
	case end == answer.Filtered, end == answer.Truncated && !e.opts.CacheTruncated:
		return nil, true
	default:
		return body, true
	}
}
