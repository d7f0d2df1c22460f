package edge

import (
	"time"

	"google.golang.org/protobuf/proto"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/edge/spend"
)

// price works out what the answer cost.
func (c *completion) price() {
	o := &c.outcome
	if o.usage == nil && o.served != nil {
		o.usage, _ = c.estimate()
	}
	cost, ok := c.costOf(o.served, o.usage)
	o.unpriced = o.unpriced || !ok
	o.cost = money.AddSat(o.cost, cost)
}

// bill adds what attempts without an answer cost.
func (c *completion) bill(attempts []*routerv1.BilledAttempt) {
	for _, a := range attempts {
		c.charge(a)
	}
}

// charge adds what an attempt cost that brought no whole answer: what the provider has
// reported, and an estimate of what it has not.
func (c *completion) charge(a *routerv1.BilledAttempt) {
	o := &c.outcome
	if o.served == nil {
		o.served = a.GetServed()
	}
	if o.served == nil {
		if o.served = c.standIn(); o.served == nil {
			return
		}
	}
	if a.GetUsage() != nil {
		o.usage = a.GetUsage()
	}
	if a.GetIncomplete() {
		o.usage = c.complete(o.usage, time.Duration(a.GetWorkedMillis())*time.Millisecond)
	}
	c.price()
}

// standIn is the model's first deployment, where nobody says which one was called; nil
// without one.
func (c *completion) standIn() *routerv1.Served {
	if len(c.model.deployments) == 0 {
		return nil
	}
	d := c.model.deployments[0]
	return &routerv1.Served{DeploymentId: d.GetId(), Provider: d.GetProvider(), UpstreamModel: d.GetUpstreamModel(), Simulated: d.GetSimulated()}
}

// lost charges a call whose course a fault of this process has cut off, as the log of a
// process that died does: with all that was reserved.
func (c *completion) lost(r spend.Reservation) {
	o := &c.outcome
	if o.served == nil {
		o.served = c.standIn()
	}
	o.usage, o.cost = &usagev1.Usage{Estimated: true}, r.Amount
	o.failure = errs.New(errs.Internal, "an internal error occurred")
}

// complete puts estimates in the place of what a provider did not report of an attempt
// that broke off. Of an answer that nobody read, it is charged what was reserved for it: the
// provider may have written it to its end.
func (c *completion) complete(reported *usagev1.Usage, worked time.Duration) *usagev1.Usage {
	counted, read := c.estimate()
	if !read {
		counted.Output = c.longest(worked)
	}
	if reported == nil {
		return counted
	}
	// The prompt is known from the stream's beginning, the answer only so far.
	out := proto.CloneOf(reported)
	out.Output = max(out.GetOutput(), counted.GetOutput()-out.GetReasoning())
	out.Estimated = true
	return out
}

// fastest is more tokens a second than any provider writes for one answer: the fastest that
// is advertised is some 3,000 (Cerebras, gpt-oss-120b, 2026).
const fastest = 5000

// longest is how many tokens of answer a provider can have written that worked for so long;
// 0 is any time. It is never more than what was reserved.
func (c *completion) longest(worked time.Duration) int64 {
	limit := c.model.maxOutput
	if own := c.model.limit(&c.req); own > 0 {
		limit = own
	}
	if c.capped > 0 {
		limit = min(limit, c.capped)
	}
	if worked > 0 {
		limit = min(limit, int64(worked.Seconds()*fastest)+1)
	}
	return limit * c.req.answers
}
