package edge

import (
	"google.golang.org/protobuf/types/known/durationpb"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/jsonscan"
)

// inquiry is a call as the cache is asked for it, in one piece of memory.
type inquiry struct {
	digest

	namespace cachev1.Namespace
	lookup    cachev1.LookupRequest
	question  cachev1.Question
}

// inquire says how the cache is to be asked for the call.
func (c *completion) inquire() *inquiry {
	control := &c.req.cache
	policy := control.wish.Over(c.caching)
	q := &inquiry{digest: c.req.digest(setting{"compress", c.compression.key()}, setting{"upstream", c.model.upstream})}
	ns, req := &q.namespace, &q.lookup
	ns.TenantId, ns.Provider, ns.Model, ns.Partition = cacheTenant(c.principal), c.model.provider, c.model.name, control.partition
	req.Namespace, req.Fingerprint, req.Last = ns, q.fingerprint[:], policy.Last
	// Nothing of the answer leaves the call's own path then.
	req.Incomparable = control.noStore
	if control.maxAge > 0 {
		req.MaxAge = durationpb.New(control.maxAge)
	}
	raw := q.digest.question
	q.digest.question = nil // its memory is another request's later
	if raw == nil || req.GetLast() == cachev1.Tier_TIER_EXACT {
		return q
	}
	text, err := jsonscan.String(raw)
	if err != nil {
		return q // not reached: the body was scanned
	}
	q.question.Context, q.question.Text, req.Question = q.context[:], text, &q.question
	q.question.Bare = q.bare && !c.model.made()
	// What an operator said fixes the threshold; the caller may ask for more, and no less.
	req.Threshold, req.LeastScore = c.caching.Threshold, control.wish.Threshold
	return q
}
