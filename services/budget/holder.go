package budget

import (
	"context"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
)

// Keystore tells whether there is whom a budget would limit. The keystore's client is one.
type Keystore interface {
	// GetTenant reads a tenant; one that does not exist is not_found.
	GetTenant(context.Context, *keystorev1.GetTenantRequest) (*keystorev1.GetTenantResponse, error)
	// GetKey reads a key; one that does not exist is not_found.
	GetKey(context.Context, *keystorev1.GetKeyRequest) (*keystorev1.GetKeyResponse, error)
}

// masterKey is the id of the master key, whose calls count against scopes as well. The
// keystore does not know it.
const masterKey = "master"

// checkHolder refuses a scope that no call can have: its budget would be taken for one
// that holds. Users and platforms are mere names, and there is no list of them.
func (s *Service) checkHolder(ctx context.Context, scope Scope) error {
	if s.opts.Keystore == nil {
		return nil
	}
	var err error
	switch tenant := scope.tenant(); {
	case scope.Kind == Key && scope.ID != masterKey:
		_, err = s.opts.Keystore.GetKey(ctx, &keystorev1.GetKeyRequest{Ref: &keystorev1.KeyRef{Ref: &keystorev1.KeyRef_Id{Id: scope.ID}}})
	case tenant != "":
		_, err = s.opts.Keystore.GetTenant(ctx, &keystorev1.GetTenantRequest{Id: tenant})
	}
	if e := errs.Of(err); e != nil && e.Reason == errs.NotFound {
		return e.WithParam("budget.scope.id")
	}
	return err
}
