package edge

import (
	"net/http"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
)

// budgetHeaders tells the caller what its key may still spend, in LiteLLM's headers.
func (c *completion) budgetHeaders(h http.Header) {
	for _, b := range c.e.Meter.State(c.principal.Scopes()) {
		if b.Kind != budgetv1.ScopeKind_SCOPE_KIND_KEY {
			continue
		}
		h["X-Litellm-Key-Max-Budget"] = costHeader(b.Limit)
		h["X-Litellm-Key-Spend"] = costHeader(b.Spent)
		return
	}
}
