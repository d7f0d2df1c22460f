package keystore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/secret"
)

// PutTenant creates a tenant, when no fields are named, or changes the named fields of
// one that exists. A new tenant without an id gets a UUIDv7. Which providers it brings
// credentials for is not for callers to set.
//
// Errors: invalid_request; conflict for a new tenant whose id exists; not_found for
// fields of a tenant that doesn't.
func (s *Service) PutTenant(ctx context.Context, values *keystorev1.Tenant, fields []string) (*keystorev1.Tenant, error) {
	if len(fields) > 0 {
		return s.updateTenant(ctx, values, fields)
	}
	if err := checkNewTenant(values); err != nil {
		return nil, err
	}
	tenant := proto.CloneOf(values)
	if tenant == nil {
		tenant = new(keystorev1.Tenant)
	}
	if tenant.GetId() == "" {
		tenant.Id = s.ids.NewString()
	}
	tenant.CreatedMillis = s.now()
	tenant.UpdatedMillis = tenant.CreatedMillis
	_, err := s.write(ctx, func(context.Context) ([]Mutation, error) {
		return []Mutation{PutTenant{TenantRecord{Tenant: tenant}}}, nil
	})
	if err != nil {
		return nil, err
	}
	return tenant, nil
}

func (s *Service) updateTenant(ctx context.Context, values *keystorev1.Tenant, fields []string) (*keystorev1.Tenant, error) {
	var tenant *keystorev1.Tenant
	_, err := s.write(ctx, func(ctx context.Context) ([]Mutation, error) {
		rec, err := s.tenant(ctx, values.GetId(), "tenant.id")
		if err != nil {
			return nil, err
		}
		tenant = proto.CloneOf(rec.Tenant)
		if err := setTenantFields(tenant, values, fields); err != nil {
			return nil, err
		}
		tenant.UpdatedBy = values.GetUpdatedBy()
		if err := checkTenant(tenant); err != nil {
			return nil, err
		}
		return []Mutation{s.touch(&rec, tenant)}, nil
	})
	if err != nil {
		return nil, err
	}
	return tenant, nil
}

// touch is the mutation that puts the changed tenant in the record's place.
func (s *Service) touch(rec *TenantRecord, tenant *keystorev1.Tenant) Mutation {
	tenant.UpdatedMillis = s.now()
	rec.Tenant = tenant
	return PutTenant{*rec}
}

// Tenant reads a tenant; an id that fits none is not_found.
func (s *Service) Tenant(ctx context.Context, tenantID string) (*keystorev1.Tenant, error) {
	rec, err := s.tenant(ctx, tenantID, "id")
	if err != nil {
		return nil, err
	}
	return rec.Tenant, nil
}

// Tenants lists tenants by rising id: at most limit (1 to 1000; 0 is 100), from
// where the page before ended. The cursor that comes back is empty at the end.
func (s *Service) Tenants(ctx context.Context, limit int, cursor string) ([]*keystorev1.Tenant, string, error) {
	limit, err := pageSize(limit)
	if err != nil {
		return nil, "", err
	}
	after, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(after) > maxID || !wellFormed(string(after)) {
		return nil, "", invalid("cursor", "this is no cursor of an earlier page")
	}
	found, err := s.store.Tenants(ctx, TenantQuery{After: string(after), Limit: limit + 1})
	if err != nil {
		return nil, "", fault(ctx, "listing tenants", err)
	}
	next := ""
	if len(found) > limit {
		found = found[:limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(found[limit-1].Tenant.GetId()))
	}
	tenants := make([]*keystorev1.Tenant, len(found))
	for i, rec := range found {
		tenants[i] = rec.Tenant
	}
	return tenants, next, nil
}

// DeleteTenants removes tenants with their keys and credentials: all of them or, when
// an id fits none, nothing, and the error is not_found. It returns the ids of the
// tenants, in the order of the request and each once, and those of their keys.
func (s *Service) DeleteTenants(ctx context.Context, tenantIDs []string) (tenants, keys []string, err error) {
	if len(tenantIDs) == 0 || len(tenantIDs) > maxList {
		return nil, nil, invalid("ids", "name 1 to %d tenants", maxList)
	}
	applied, err := s.write(ctx, func(ctx context.Context) ([]Mutation, error) {
		tenants = nil
		batch := make([]Mutation, 0, len(tenantIDs))
		for i, tenantID := range tenantIDs {
			if slices.Contains(tenants, tenantID) {
				continue
			}
			rec, err := s.tenant(ctx, tenantID, fmt.Sprintf("ids[%d]", i))
			if err != nil {
				return nil, err
			}
			tenants = append(tenants, tenantID)
			batch = append(batch, DropTenant{ID: tenantID, Version: rec.Version})
		}
		return batch, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return tenants, applied.CascadedKeys, nil
}

// Credential is what a tenant brings for a provider.
type Credential struct {
	// APIKey is the provider's key.
	APIKey secret.String
	// APIBase is where the tenant's calls go; empty is the deployment's own base URL.
	APIBase string
}

// keyEnd parts the two in a sealed credential. No key and no URL holds it; one that was
// sealed before there were base URLs is a key alone.
const keyEnd = "\n"

func (c Credential) plain() []byte {
	if c.APIBase == "" {
		return []byte(c.APIKey.Reveal())
	}
	return []byte(c.APIKey.Reveal() + keyEnd + c.APIBase)
}

// PutCredential keeps a tenant's own credential for a provider, encrypted, in place of
// any before it.
func (s *Service) PutCredential(ctx context.Context, tenantID, provider string, c Credential) error {
	if err := checkProvider(provider); err != nil {
		return err
	}
	if err := checkAPIKey(c.APIKey); err != nil {
		return err
	}
	if err := checkAPIBase(c.APIBase); err != nil {
		return err
	}
	sealed, err := s.envelope.Seal(c.plain(), credentialContext(tenantID, provider))
	if err != nil {
		return fmt.Errorf("keystore: sealing a credential: %w", err)
	}
	_, err = s.write(ctx, func(ctx context.Context) ([]Mutation, error) {
		rec, err := s.tenant(ctx, tenantID, "tenant_id")
		if err != nil {
			return nil, err
		}
		tenant := proto.CloneOf(rec.Tenant)
		tenant.UpdatedBy = "" // nobody says who
		if at, known := slices.BinarySearch(tenant.GetCredentialProviders(), provider); !known {
			tenant.CredentialProviders = slices.Insert(tenant.CredentialProviders, at, provider)
		}
		if len(tenant.GetCredentialProviders()) > maxList {
			return nil, invalid("provider", "a tenant brings at most %d credentials", maxList)
		}
		return []Mutation{
			s.touch(&rec, tenant),
			PutCredential{TenantID: tenantID, Provider: provider, Sealed: sealed},
		}, nil
	})
	return err
}

// DeleteCredential forgets a tenant's key of a provider; not_found when there is none.
func (s *Service) DeleteCredential(ctx context.Context, tenantID, provider string) error {
	if err := checkProvider(provider); err != nil {
		return err
	}
	_, err := s.write(ctx, func(ctx context.Context) ([]Mutation, error) {
		rec, err := s.tenant(ctx, tenantID, "tenant_id")
		if err != nil {
			return nil, err
		}
		tenant := proto.CloneOf(rec.Tenant)
		tenant.UpdatedBy = "" // nobody says who
		if at, known := slices.BinarySearch(tenant.GetCredentialProviders(), provider); known {
			tenant.CredentialProviders = slices.Delete(tenant.CredentialProviders, at, at+1)
		}
		return []Mutation{
			DropCredential{TenantID: tenantID, Provider: provider},
			s.touch(&rec, tenant),
		}, nil
	})
	return err
}

// OpenCredential decrypts a tenant's credential for a provider for one call; not_found
// when there is none.
func (s *Service) OpenCredential(ctx context.Context, tenantID, provider string) (Credential, error) {
	if err := checkProvider(provider); err != nil {
		return Credential{}, err
	}
	if tenantID == "" {
		return Credential{}, invalid("tenant_id", "name the tenant by its id")
	}
	if !wellFormed(tenantID) {
		return Credential{}, refusal(ctx, ErrNoCredential)
	}
	sealed, err := s.store.Credential(ctx, tenantID, provider)
	if errors.Is(err, ErrNoCredential) {
		return Credential{}, refusal(ctx, err)
	}
	if err != nil {
		return Credential{}, fault(ctx, "reading a credential", err)
	}
	plain, err := s.envelope.Open(sealed, credentialContext(tenantID, provider))
	if err != nil {
		return Credential{}, fmt.Errorf("keystore: opening a credential: %w", err)
	}
	key, base, _ := strings.Cut(string(plain), keyEnd)
	return Credential{APIKey: secret.New(key), APIBase: base}, nil
}

// credentialContext binds a sealed credential to its place. Neither name can hold the
// zero byte, so no two places give the same context.
func credentialContext(tenantID, provider string) []byte {
	return []byte(tenantID + "\x00" + provider)
}
