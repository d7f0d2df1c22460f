package keystore

import (
	"context"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/secret"
)

// Handler serves the contract from a [Service].
type Handler struct{ service *Service }

// NewHandler returns the handler of a service.
func NewHandler(service *Service) *Handler { return &Handler{service: service} }

var _ keystorev1connect.KeystoreServiceHandler = (*Handler)(nil)

// IssueKey is [Service.Issue].
func (h *Handler) IssueKey(ctx context.Context, req *keystorev1.IssueKeyRequest) (*keystorev1.IssueKeyResponse, error) {
	key, value, err := h.service.Issue(ctx, req.GetKey(), secret.New(req.GetSecret()))
	if err != nil {
		return nil, err
	}
	return &keystorev1.IssueKeyResponse{Key: key, Secret: value.Reveal()}, nil
}

// GetKey is [Service.Key].
func (h *Handler) GetKey(ctx context.Context, req *keystorev1.GetKeyRequest) (*keystorev1.GetKeyResponse, error) {
	key, err := h.service.Key(ctx, req.GetRef())
	if err != nil {
		return nil, err
	}
	return &keystorev1.GetKeyResponse{Key: key}, nil
}

// ListKeys is [Service.List].
func (h *Handler) ListKeys(ctx context.Context, req *keystorev1.ListKeysRequest) (*keystorev1.ListKeysResponse, error) {
	list, err := h.service.List(ctx, KeyFilter{
		TenantID: req.GetTenantId(),
		UserID:   req.GetUserId(),
		Alias:    req.GetAlias(),
		Limit:    int(req.GetLimit()),
		Cursor:   req.GetCursor(),
		Offset:   int(req.GetOffset()),
	})
	if err != nil {
		return nil, err
	}
	return &keystorev1.ListKeysResponse{Keys: list.Keys, NextCursor: list.NextCursor, Total: list.Total}, nil
}

// UpdateKey is [Service.Update].
func (h *Handler) UpdateKey(ctx context.Context, req *keystorev1.UpdateKeyRequest) (*keystorev1.UpdateKeyResponse, error) {
	key, err := h.service.Update(ctx, req.GetRef(), req.GetKey(), req.GetFields())
	if err != nil {
		return nil, err
	}
	return &keystorev1.UpdateKeyResponse{Key: key}, nil
}

// RotateKey is [Service.Rotate].
func (h *Handler) RotateKey(ctx context.Context, req *keystorev1.RotateKeyRequest) (*keystorev1.RotateKeyResponse, error) {
	grace := req.GetGraceMillis()
	if grace < 0 || grace > MaxGrace.Milliseconds() {
		grace = -1 // a number that a Duration can't hold is out of bounds as well
	}
	key, value, err := h.service.Rotate(ctx, req.GetRef(), time.Duration(grace)*time.Millisecond, secret.New(req.GetSecret()), req.GetUpdatedBy())
	if err != nil {
		return nil, err
	}
	return &keystorev1.RotateKeyResponse{Key: key, Secret: value.Reveal()}, nil
}

// SetKeyBlocked is [Service.SetBlocked].
func (h *Handler) SetKeyBlocked(ctx context.Context, req *keystorev1.SetKeyBlockedRequest) (*keystorev1.SetKeyBlockedResponse, error) {
	key, err := h.service.SetBlocked(ctx, req.GetRef(), req.GetBlocked(), req.GetUpdatedBy())
	if err != nil {
		return nil, err
	}
	return &keystorev1.SetKeyBlockedResponse{Key: key}, nil
}

// DeleteKeys is [Service.Delete].
func (h *Handler) DeleteKeys(ctx context.Context, req *keystorev1.DeleteKeysRequest) (*keystorev1.DeleteKeysResponse, error) {
	ids, err := h.service.Delete(ctx, req.GetRefs())
	if err != nil {
		return nil, err
	}
	return &keystorev1.DeleteKeysResponse{Ids: ids}, nil
}

// ResolveKey is [Service.Resolve].
func (h *Handler) ResolveKey(ctx context.Context, req *keystorev1.ResolveKeyRequest) (*keystorev1.ResolveKeyResponse, error) {
	grant, err := h.service.Resolve(ctx, req.GetSecretSha256())
	if err != nil {
		return nil, err
	}
	return &keystorev1.ResolveKeyResponse{Grant: grant}, nil
}

// Watch streams [Service.Watch] until the caller or the service ends, with an empty message
// every [rpc.Heartbeat] at least.
func (h *Handler) Watch(ctx context.Context, _ *keystorev1.WatchRequest, stream keystorev1connect.KeystoreServiceWatchServerStream) error {
	w := h.service.Watch()
	defer w.Close()
	beat := h.service.clock.NewTicker(rpc.Heartbeat)
	defer beat.Stop()
	for {
		update, err := w.next(ctx, beat.C())
		if err != nil {
			return err
		}
		err = stream.Send(&keystorev1.WatchResponse{
			KeyIds: update.KeyIDs, TenantIds: update.TenantIDs, Reset_: update.Reset, HeartbeatMillis: rpc.HeartbeatMillis,
		})
		if err != nil {
			return err
		}
	}
}

// PutTenant is [Service.PutTenant].
func (h *Handler) PutTenant(ctx context.Context, req *keystorev1.PutTenantRequest) (*keystorev1.PutTenantResponse, error) {
	tenant, err := h.service.PutTenant(ctx, req.GetTenant(), req.GetFields())
	if err != nil {
		return nil, err
	}
	return &keystorev1.PutTenantResponse{Tenant: tenant}, nil
}

// GetTenant is [Service.Tenant].
func (h *Handler) GetTenant(ctx context.Context, req *keystorev1.GetTenantRequest) (*keystorev1.GetTenantResponse, error) {
	tenant, err := h.service.Tenant(ctx, req.GetId())
	if err != nil {
		return nil, err
	}
	return &keystorev1.GetTenantResponse{Tenant: tenant}, nil
}

// ListTenants is [Service.Tenants].
func (h *Handler) ListTenants(ctx context.Context, req *keystorev1.ListTenantsRequest) (*keystorev1.ListTenantsResponse, error) {
	tenants, next, err := h.service.Tenants(ctx, int(req.GetLimit()), req.GetCursor())
	if err != nil {
		return nil, err
	}
	return &keystorev1.ListTenantsResponse{Tenants: tenants, NextCursor: next}, nil
}

// DeleteTenants is [Service.DeleteTenants].
func (h *Handler) DeleteTenants(ctx context.Context, req *keystorev1.DeleteTenantsRequest) (*keystorev1.DeleteTenantsResponse, error) {
	tenants, keys, err := h.service.DeleteTenants(ctx, req.GetIds())
	if err != nil {
		return nil, err
	}
	return &keystorev1.DeleteTenantsResponse{Ids: tenants, KeyIds: keys}, nil
}

// PutCredential is [Service.PutCredential].
func (h *Handler) PutCredential(ctx context.Context, req *keystorev1.PutCredentialRequest) (*keystorev1.PutCredentialResponse, error) {
	if err := h.service.PutCredential(ctx, req.GetTenantId(), req.GetProvider(), Credential{
		APIKey: secret.New(req.GetApiKey()), APIBase: req.GetApiBase(),
	}); err != nil {
		return nil, err
	}
	return &keystorev1.PutCredentialResponse{}, nil
}

// DeleteCredential is [Service.DeleteCredential].
func (h *Handler) DeleteCredential(ctx context.Context, req *keystorev1.DeleteCredentialRequest) (*keystorev1.DeleteCredentialResponse, error) {
	if err := h.service.DeleteCredential(ctx, req.GetTenantId(), req.GetProvider()); err != nil {
		return nil, err
	}
	return &keystorev1.DeleteCredentialResponse{}, nil
}

// OpenCredential is [Service.OpenCredential].
func (h *Handler) OpenCredential(ctx context.Context, req *keystorev1.OpenCredentialRequest) (*keystorev1.OpenCredentialResponse, error) {
	c, err := h.service.OpenCredential(ctx, req.GetTenantId(), req.GetProvider())
	if err != nil {
		return nil, err
	}
	return &keystorev1.OpenCredentialResponse{ApiKey: c.APIKey.Reveal(), ApiBase: c.APIBase}, nil
}
