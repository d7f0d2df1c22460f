package edge

import (
	"context"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
)

// holdBack has a key or team blocked that is about to get budgets and may spend, and says
// whether it did: should this process end in between, it is none that works without them.
func holdBack(req *limitsRequest, blocked *bool) bool {
	if *blocked || !req.setsBudgets() {
		return false
	}
	*blocked = true
	return true
}

// letGoKey lets a key go that has its budgets now. Here it works at once.
func (e *Edge) letGoKey(ctx context.Context, id, by string) (*keystorev1.Key, error) {
	resp, err := e.Services.Keystore.SetKeyBlocked(ctx, &keystorev1.SetKeyBlockedRequest{Ref: idRef(id), Blocked: false, UpdatedBy: by})
	if err != nil {
		return nil, err
	}
	e.Keys.Changed(id, "")
	return resp.GetKey(), nil
}

// letGoTeam is letGoKey for teams.
func (e *Edge) letGoTeam(ctx context.Context, id, by string) (*keystorev1.Tenant, error) {
	resp, err := e.Services.Keystore.PutTenant(ctx, &keystorev1.PutTenantRequest{
		Tenant: &keystorev1.Tenant{Id: id, Blocked: false, UpdatedBy: by}, Fields: []string{"blocked", "updated_by"},
	})
	if err != nil {
		return nil, err
	}
	e.Keys.Changed("", id)
	return resp.GetTenant(), nil
}
