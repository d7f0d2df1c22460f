package edge

import (
	"net/http"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/obs"
)

// budgetHeaders tells the caller what its key may still spend, in LiteLLM's headers.
func (c *completion) budgetHeaders(h http.Header) {
	told := false
	for _, b := range c.e.Meter.State(c.principal.Scopes()) {
		if b.Limit > 0 {
			c.e.Metrics.BudgetUsed(metricScope(b.Kind), float64(b.Spent)/float64(b.Limit))
		}
		if b.Kind == budgetv1.ScopeKind_SCOPE_KIND_KEY && !told {
			told = true
			h["X-Litellm-Key-Max-Budget"] = costHeader(b.Limit)
			h["X-Litellm-Key-Spend"] = costHeader(b.Spent)
		}
	}
}

func metricScope(kind budgetv1.ScopeKind) obs.BudgetScope {
	switch kind {
	case budgetv1.ScopeKind_SCOPE_KIND_KEY:
		return obs.ScopeKey
	case budgetv1.ScopeKind_SCOPE_KIND_USER:
		return obs.ScopeUser
	case budgetv1.ScopeKind_SCOPE_KIND_TENANT:
		return obs.ScopeTenant
	default:
		return obs.ScopePlatform
	}
}
