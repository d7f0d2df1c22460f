package edge

import (
	"context"
	"errors"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/edge/spend"
)

// forward answers the call from a provider. One reservation pays for one attempt that the
// provider may bill: where such an attempt brought nothing and another may, it is made if
// the budgets can pay for it as well.
func (c *completion) forward(ctx context.Context) error {
	c.compress(ctx)
	err := c.attempt(ctx, nil)
	for c.outcome.resumption != nil {
		resumption := c.outcome.resumption
		c.outcome.resumption = nil
		err = c.attempt(ctx, resumption)
	}
	return err
}

// attempt reserves what the call may cost, sends it to the router, and settles what it did
// cost. A call that cannot be paid for again ends with what ended it before.
func (c *completion) attempt(ctx context.Context, resumption *routerv1.Resumption) error {
	call := &routerv1.Call{
		Model: c.model.name, Input: &routerv1.Call_Body{Body: c.req.body},
		BodyIndex: c.req.fields.AppendIndex(make([]uint32, 0, 3*c.req.fields.Len())),
		TenantId:  c.principal.TenantID, TenantProviders: c.principal.CredentialProviders(),
		DropParams: c.e.opts.DropParams || c.req.drop, RequestId: c.requestID, Resumption: resumption,
		TimeoutMillis: c.req.timeoutMillis,
	}
	reservation, err := c.reserve(ctx, call)
	if err != nil {
		if resumption != nil {
			c.denied(err)
			return c.outcome.failure
		}
		return c.refusal(ctx, call, err)
	}
	if err := c.boundless(); err != nil {
		c.e.Meter.Release(reservation)
		return err
	}
	if resumption != nil {
		c.earlier.cost = money.AddSat(c.earlier.cost, c.outcome.cost)
		c.earlier.used = c.used()
		c.outcome = outcome{}
	}
	c.e.Metrics.Reservation(obs.ReservationGranted)
	// Whatever happens, a panic too, what was reserved is settled or given back.
	known := false
	defer func() {
		if !known {
			c.lost(reservation)
		}
		c.settle(reservation)
	}()
	switch {
	case ctx.Err() != nil:
		err = c.failed(ctx, ctx.Err()) // the router would not be asked, and could not say so
	case c.req.stream:
		err = c.forwardStream(ctx, call)
	default:
		err = c.forwardWhole(ctx, call)
	}
	known = true
	return err
}

// refusal is what a call is told that could not be reserved for. One that nobody could have
// answered is told that, whatever its budgets have left. To ask the router takes a hop,
// which only calls take that have lost already; any other call is told by its attempt.
func (c *completion) refusal(ctx context.Context, call *routerv1.Call, err error) error {
	if !errs.Is(err, errs.BudgetExceeded) {
		return err
	}
	if err := c.boundless(); err != nil {
		return err
	}
	_, fault := c.e.Services.Router.Check(ctx, &routerv1.CheckRequest{Call: call, Stream: c.req.stream})
	if errs.Is(fault, errs.InvalidRequest) || errs.Is(fault, errs.UnsupportedParameter) {
		return fault
	}
	c.denied(err)
	return err
}

// denied counts a refusal by a budget.
func (c *completion) denied(err error) {
	if errs.Is(err, errs.BudgetExceeded) {
		c.e.Metrics.Reservation(obs.ReservationDenied)
	}
}

// cost is what the call cost, with all its attempts.
func (c *completion) cost() money.Nano { return money.AddSat(c.earlier.cost, c.outcome.cost) }

// used is what the call used, with all its attempts.
func (c *completion) used() pricing.Usage {
	return c.earlier.used.Plus(pricing.UsageOf(c.outcome.usage))
}

// reserve takes what the call may cost at most from every budget that applies. A
// caller that named no limit for the answer gets the longest that the budgets can
// pay, so that a budget can be spent to its end. There the prompt is counted: the bound
// by its length would leave a part of the budget for nobody.
func (c *completion) reserve(ctx context.Context, call *routerv1.Call) (spend.Reservation, error) {
	c.capped = 0
	prompt := c.model.promptBound(&c.req)
	least, longest := c.costRange(prompt)
	wanted, err := c.fairShare(ctx, prompt, least, longest)
	if err != nil {
		return spend.Reservation{}, err
	}
	reservation, err := c.e.Meter.ReserveUpTo(ctx, c.told(), least, wanted)
	if errs.Is(err, errs.BudgetExceeded) || err == nil && reservation.Amount < wanted {
		if counted := c.countedPrompt(); counted < prompt {
			prompt = counted
			least, longest = c.costRange(prompt)
			if err != nil {
				wanted = min(wanted, longest)
				reservation, err = c.e.Meter.ReserveUpTo(ctx, c.told(), least, wanted)
			}
		}
	}
	if err == nil && reservation.Amount < longest {
		call.MaxOutputTokens = c.model.affordable(&c.req, prompt, reservation.Amount)
		c.capped = call.MaxOutputTokens
		c.dismiss()
	}
	return reservation, err
}

// fairShare is what a call sets aside whose caller has not limited the answer: the cost of
// the longest one, or, where the budgets have less than twice that, an eighth of what they
// have left, so that those who call at the same time get answers too. A fairOutput is
// always fair.
func (c *completion) fairShare(ctx context.Context, prompt int64, least, longest money.Nano) (money.Nano, error) {
	if c.model.limit(&c.req) > 0 {
		return longest, nil
	}
	left, limited, err := c.e.Meter.Available(ctx, c.principal.Scopes())
	if err != nil || !limited || left/2 >= longest {
		return longest, err
	}
	fair := c.model.costBound(&c.req, prompt, min(fairOutput, c.model.maxOutput)*c.req.answers)
	return max(least, min(longest, max(fair, left/fairPart))), nil
}

const (
	// fairPart is the part of what is left that one call gets.
	fairPart = 8
	// fairOutput is an answer's length that no call has to share, in tokens: few answers
	// are longer.
	fairOutput = 1024
)

// costRange is what a call with such a prompt costs at most with the shortest answer that
// is worth a call, and with the longest. They are one where the caller limits the answer.
func (c *completion) costRange(prompt int64) (least, wanted money.Nano) {
	if limit := c.model.limit(&c.req); limit > 0 {
		bound := c.model.costBound(&c.req, prompt, limit*c.req.answers)
		return bound, bound
	}
	least = c.model.costBound(&c.req, prompt, min(minimumOutput, c.model.maxOutput)*c.req.answers)
	return least, c.model.costBound(&c.req, prompt, c.model.maxOutput*c.req.answers)
}

// boundless refuses a call whose cost nobody can tell, or bound, where a budget counts on it.
func (c *completion) boundless() error {
	m := c.model
	unbounded := c.req.unbounded && m.contextWindow == 0
	if !m.unpriced && !unbounded {
		return nil
	}
	budgets := c.e.Meter.State(c.principal.Scopes())
	if m.unpriced && len(budgets) > 0 {
		return errs.Newf(errs.ModelNotAllowed, "the model %q has no price, and a budget applies: give it one in its model_info", m.name).
			WithParam("model")
	}
	for _, b := range budgets {
		if unbounded && !b.Soft {
			return errs.Newf(errs.ModelNotAllowed, "the prompt names what is not in the request, the model %q has no known context window, "+
				"and a strict budget applies: give the model max_input_tokens in its model_info", m.name).WithParam("messages")
		}
	}
	return nil
}

// minimumOutput is the shortest answer worth a call, in tokens.
const minimumOutput = 16

// forwardWhole gets a whole answer. An error that is returned has not been written.
func (c *completion) forwardWhole(ctx context.Context, call *routerv1.Call) error {
	if c.e.Answers.Full() {
		return c.failed(ctx, noRoom())
	}
	bounded, cancel := c.untilTheRoutersWord(ctx)
	defer cancel()
	resp, err := c.e.Services.Router.Complete(bounded, &routerv1.CompleteRequest{Call: call})
	switch {
	case err != nil:
		if unheard(ctx, err) {
			c.charge(&routerv1.BilledAttempt{Incomplete: true})
		}
		return c.failed(ctx, err)
	case resp.GetError() != nil:
		c.outcome.served = resp.GetServed()
		c.bill(resp.GetBilledAttempts())
		c.outcome.resumption = resp.GetResumption()
		return c.failed(ctx, errs.FromInfo(resp.GetError(), resp.GetErrorMessage()))
	}
	c.outcome.firstByte = c.e.Clock.Now()
	c.outcome.served, c.outcome.usage, c.outcome.body = resp.GetServed(), resp.GetUsage(), resp.GetBody()
	c.holdBody()
	c.price()
	return nil
}

// untilTheRoutersWord bounds the wait for a whole answer: a router that hangs beyond the call's
// time would hold the call, and what is reserved for it, for as long as its caller waits.
func (c *completion) untilTheRoutersWord(ctx context.Context) (context.Context, context.CancelFunc) {
	o := &c.e.opts
	if o.RouterGrace <= 0 {
		return ctx, func() {}
	}
	most := o.RequestTimeout
	if ms := c.req.timeoutMillis; ms > 0 && ms < most.Milliseconds() {
		most = time.Duration(ms) * time.Millisecond
	}
	return context.WithTimeout(ctx, most+o.RouterGrace)
}

// unheard says that a call of the router ended without the router's word on what became of
// it, although it may have begun: its caller left, and an error that says so may be of either
// side; or the router is gone; or it met what it did not expect, perhaps in an answer.
func unheard(ctx context.Context, err error) bool {
	switch {
	case errs.NotSent(err):
		return false
	case ctx.Err() != nil || !errs.Answered(err):
		return true
	}
	reason := errs.Of(err).Reason
	return reason == errs.ClientClosed || reason == errs.Internal
}

// failed notes why a call has no answer, or no more of one.
func (c *completion) failed(ctx context.Context, err error) error {
	o := &c.outcome
	o.failure = errs.Of(err)
	ended := ctx.Err() != nil || o.failure.Reason == errs.ClientClosed
	//nolint:contextcheck // a shared call outlives its caller: the caller's own end is meant
	if own, ok := errors.AsType[*errs.Error](context.Cause(c.r.Context())); ok && ended {
		// It is not the caller who left: this process is stopping.
		o.failure = own
	}
	return o.failure
}
