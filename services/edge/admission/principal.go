package admission

import (
	"slices"
	"strings"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/edge/ratelimit"
	"tollgate.dev/services/edge/spend"
)

// MasterKeyID is the key id of calls with the master key.
const MasterKeyID = "master"

// The scopes of a key, as the keystore writes them.
const (
	scopeAdmin       = "admin"
	scopeActAsTenant = "act_as_tenant"
	scopeReadOnly    = "read_only"
)

// Principal is who calls and what they may do. It is immutable and shared by all
// calls of the same key: its slices, maps and messages must not be changed.
type Principal struct {
	// KeyID is the key's id, or [MasterKeyID]; KeyAlias is its name for people.
	KeyID, KeyAlias string
	// TenantID is who pays; empty for a key without a tenant.
	TenantID string
	// PlatformID is the tenant's platform; empty when the tenant names none.
	PlatformID string
	// UserID is the user that the key was made for; empty for none, and for a call in
	// another tenant's name, whose users are not the key's.
	UserID string
	// Tags are the key's and then the tenant's, for spend.
	Tags []string
	// Admin may manage keys and tenants, ActAsTenant may name a tenant by header, and
	// ReadOnly may only look.
	Admin, ActAsTenant, ReadOnly bool
	// Key is the key; nil for the master key.
	Key *keystorev1.Key
	// Tenant is the tenant; nil without one.
	Tenant *keystorev1.Tenant

	platform string // for budgets: the tenant's own or the default
	limits   *ratelimit.Subject
}

// newPrincipal works out what a key may do for a tenant; either may be nil.
func newPrincipal(key *keystorev1.Key, tenant *keystorev1.Tenant, defaultPlatform string) Principal {
	p := Principal{
		KeyID: key.GetId(), KeyAlias: key.GetAlias(), UserID: key.GetUserId(),
		TenantID: tenant.GetId(), PlatformID: tenant.GetPlatformId(), platform: tenant.GetPlatformId(),
		Tags:        mergeTags(key.GetTags(), tenant.GetTags()),
		Admin:       slices.Contains(key.GetScopes(), scopeAdmin),
		ActAsTenant: slices.Contains(key.GetScopes(), scopeActAsTenant),
		ReadOnly:    slices.Contains(key.GetScopes(), scopeReadOnly),
		Key:         key, Tenant: tenant,
		limits: ratelimit.NewSubject(key.GetId(), key.GetLimits(), tenant.GetId(), tenant.GetLimits()),
	}
	if tenant == nil {
		p.TenantID = key.GetTenantId()
	}
	if p.platform == "" {
		p.platform = defaultPlatform
	}
	return p
}

// newMaster is who calls with the master key.
func newMaster(defaultPlatform string) *Principal {
	return &Principal{KeyID: MasterKeyID, Admin: true, ActAsTenant: true, platform: defaultPlatform}
}

// actingFor is the principal that calls in another tenant's name. The key's limits
// stay; the tenant's come on top.
func (p *Principal) actingFor(tenant *keystorev1.Tenant, defaultPlatform string) *Principal {
	q := newPrincipal(p.Key, tenant, defaultPlatform)
	q.KeyID, q.KeyAlias, q.UserID = p.KeyID, p.KeyAlias, ""
	q.Admin, q.ActAsTenant, q.ReadOnly = p.Admin, p.ActAsTenant, p.ReadOnly
	return &q
}

// mergeTags appends what is new, and copies only when both have some.
func mergeTags(key, tenant []string) []string {
	switch {
	case len(tenant) == 0:
		return key
	case len(key) == 0:
		return tenant
	}
	out := slices.Clip(slices.Clone(key))
	for _, tag := range tenant {
		if !slices.Contains(out, tag) {
			out = append(out, tag)
		}
	}
	return out
}

// CompressionProfile is the key's profile, or else the tenant's; empty is off.
func (p *Principal) CompressionProfile() string {
	if profile := p.Key.GetCompressionProfile(); profile != "" {
		return profile
	}
	return p.Tenant.GetCompressionProfile()
}

// CredentialProviders are the providers whose credentials the tenant brings.
func (p *Principal) CredentialProviders() []string { return p.Tenant.GetCredentialProviders() }

// Limits is what [ratelimit.Limiter.Acquire] counts; nil without limits.
func (p *Principal) Limits() *ratelimit.Subject { return p.limits }

// Scopes are whose budgets a call counts against. The user is named by its bare id:
// package spend puts the tenant before it.
func (p *Principal) Scopes() spend.Scopes {
	return spend.Scopes{Platform: p.platform, Tenant: p.TenantID, User: p.UserID, Key: p.KeyID}
}

// LiteLLM's names for lists of models
// (https://docs.litellm.ai/docs/proxy/virtual_keys, November 2026).
const (
	allTeamModels  = "all-team-models"
	allProxyModels = "all-proxy-models"
)

// AllowsModel returns model_not_allowed unless both the key's and the tenant's list
// name the model, by its name or by a pattern that ends in `*`; an empty list names
// all. The model is one that [Principal.ResolveModel] returned.
func (p *Principal) AllowsModel(model string) error {
	if listsModel(p.Key.GetLimits().GetModels(), model) && listsModel(p.Tenant.GetLimits().GetModels(), model) {
		return nil
	}
	return errs.Newf(errs.ModelNotAllowed, "this key may not use the model %q", model).WithParam("model")
}

func listsModel(list []string, model string) bool {
	if len(list) == 0 {
		return true
	}
	for _, entry := range list {
		if entry == model || entry == allProxyModels || entry == allTeamModels {
			return true
		}
		if prefix, ok := strings.CutSuffix(entry, "*"); ok && strings.HasPrefix(model, prefix) {
			return true
		}
	}
	return false
}

// ResolveModel is the model that the caller's name stands for: by the key's aliases,
// else by the tenant's, else the name itself.
func (p *Principal) ResolveModel(name string) string {
	if model, ok := p.Key.GetAliases()[name]; ok {
		return model
	}
	if model, ok := p.Tenant.GetAliases()[name]; ok {
		return model
	}
	return name
}

// AllowsRoute returns route_not_allowed unless the key's and the tenant's
// allowed_routes both name the route; an empty list names all. A route is the pattern
// that the edge serves, such as `/v1/models/{id...}`; with and without `/v1` it is the
// same. An entry is a path, which names what lies below it too, a path that ends in
// `*`, or one of LiteLLM's groups: `llm_api_routes`, `info_routes`,
// `management_routes` and their parts. A read-only key is held to `info_routes`
// besides.
func (p *Principal) AllowsRoute(route string) error {
	if p.ReadOnly && !inGroup(infoRoutes, route) {
		return errs.New(errs.RouteNotAllowed, "this key may only read")
	}
	if listsRoute(p.Key.GetLimits().GetRoutes(), route) && listsRoute(p.Tenant.GetLimits().GetRoutes(), route) {
		return nil
	}
	return errs.Newf(errs.RouteNotAllowed, "this key may not call %s", route)
}
