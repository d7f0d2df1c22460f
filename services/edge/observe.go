package edge

import (
	"net/http"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/obs"
)

// observe counts a finished call and writes its line in the log. Neither holds what
// was asked or answered.
func (c *completion) observe(err error) {
	o := &c.outcome
	status := http.StatusOK
	if err != nil {
		status = errs.KindOf(errs.Of(err).Reason).Status
	}
	now := c.e.Clock.Now()
	call := obs.Call{
		Route: c.route, Model: c.model.name, Provider: o.served.GetProvider(), Status: status,
		Duration: now.Sub(c.started), Cost: c.cost(),
	}
	if c.req.stream && !o.firstByte.IsZero() {
		call.FirstToken = o.firstByte.Sub(c.started)
	}
	if used := c.used(); c.found == nil {
		call.Tokens = obs.Tokens{
			Prompt: used.Prompt(), Completion: used.Completion(),
			CachedInput: used.Cached(), CacheWrite: used.Written(), Reasoning: used.Reasoning,
		}
	}
	c.e.Metrics.Observe(&call)
	if o.failure == nil {
		return
	}
	c.e.Log.InfoContext(c.r.Context(), "call failed",
		"model", c.model.name, "provider", o.served.GetProvider(), "reason", string(o.failure.Reason),
		"duration_ms", call.Duration.Milliseconds())
}
