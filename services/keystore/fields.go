package keystore

import (
	"strings"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
)

// The fields that an update may name, by their names in the contract. Each function
// moves one field; its source is never nil.
type (
	keyField    func(to, from *keystorev1.Key)
	tenantField func(to, from *keystorev1.Tenant)
	limitField  func(to, from *keystorev1.Limits)
	cacheField  func(to, from *keystorev1.CachePolicy)
)

func keyFields() map[string]keyField {
	return map[string]keyField{
		"alias":               func(to, from *keystorev1.Key) { to.Alias = from.GetAlias() },
		"tenant_id":           func(to, from *keystorev1.Key) { to.TenantId = from.GetTenantId() },
		"user_id":             func(to, from *keystorev1.Key) { to.UserId = from.GetUserId() },
		"scopes":              func(to, from *keystorev1.Key) { to.Scopes = from.GetScopes() },
		"limits":              func(to, from *keystorev1.Key) { to.Limits = from.GetLimits() },
		"expires_millis":      func(to, from *keystorev1.Key) { to.ExpiresMillis = from.GetExpiresMillis() },
		"blocked":             func(to, from *keystorev1.Key) { to.Blocked = from.GetBlocked() },
		"metadata":            func(to, from *keystorev1.Key) { to.Metadata = from.GetMetadata() },
		"tags":                func(to, from *keystorev1.Key) { to.Tags = from.GetTags() },
		"aliases":             func(to, from *keystorev1.Key) { to.Aliases = from.GetAliases() },
		"cache":               func(to, from *keystorev1.Key) { to.Cache = from.GetCache() },
		"compression_profile": func(to, from *keystorev1.Key) { to.CompressionProfile = from.GetCompressionProfile() },
		"updated_by":          func(to, from *keystorev1.Key) { to.UpdatedBy = from.GetUpdatedBy() },
	}
}

func tenantFields() map[string]tenantField {
	return map[string]tenantField{
		"alias":       func(to, from *keystorev1.Tenant) { to.Alias = from.GetAlias() },
		"platform_id": func(to, from *keystorev1.Tenant) { to.PlatformId = from.GetPlatformId() },
		"limits":      func(to, from *keystorev1.Tenant) { to.Limits = from.GetLimits() },
		"blocked":     func(to, from *keystorev1.Tenant) { to.Blocked = from.GetBlocked() },
		"metadata":    func(to, from *keystorev1.Tenant) { to.Metadata = from.GetMetadata() },
		"tags":        func(to, from *keystorev1.Tenant) { to.Tags = from.GetTags() },
		"aliases":     func(to, from *keystorev1.Tenant) { to.Aliases = from.GetAliases() },
		"cache":       func(to, from *keystorev1.Tenant) { to.Cache = from.GetCache() },
		"compression_profile": func(to, from *keystorev1.Tenant) {
			to.CompressionProfile = from.GetCompressionProfile()
		},
		"members":    func(to, from *keystorev1.Tenant) { to.Members = from.GetMembers() },
		"updated_by": func(to, from *keystorev1.Tenant) { to.UpdatedBy = from.GetUpdatedBy() },
	}
}

func limitFields() map[string]limitField {
	return map[string]limitField{
		"models":              func(to, from *keystorev1.Limits) { to.Models = from.GetModels() },
		"routes":              func(to, from *keystorev1.Limits) { to.Routes = from.GetRoutes() },
		"requests_per_minute": func(to, from *keystorev1.Limits) { to.RequestsPerMinute = from.RequestsPerMinute },
		"tokens_per_minute":   func(to, from *keystorev1.Limits) { to.TokensPerMinute = from.TokensPerMinute },
		"parallel_requests":   func(to, from *keystorev1.Limits) { to.ParallelRequests = from.ParallelRequests },
		"model_requests_per_minute": func(to, from *keystorev1.Limits) {
			to.ModelRequestsPerMinute = from.GetModelRequestsPerMinute()
		},
		"model_tokens_per_minute": func(to, from *keystorev1.Limits) {
			to.ModelTokensPerMinute = from.GetModelTokensPerMinute()
		},
	}
}

func cacheFields() map[string]cacheField {
	return map[string]cacheField{
		"disabled":   func(to, from *keystorev1.CachePolicy) { to.Disabled = from.GetDisabled() },
		"ttl_millis": func(to, from *keystorev1.CachePolicy) { to.TtlMillis = from.GetTtlMillis() },
		"last_tier":  func(to, from *keystorev1.CachePolicy) { to.LastTier = from.GetLastTier() },
		"threshold":  func(to, from *keystorev1.CachePolicy) { to.Threshold = from.Threshold },
		"models":     func(to, from *keystorev1.CachePolicy) { to.Models = from.GetModels() },
	}
}

// setKeyFields moves the named fields. What the messages refer to is shared, not
// copied: neither is written to afterwards.
func setKeyFields(to, from *keystorev1.Key, names []string) error {
	if from == nil {
		from = new(keystorev1.Key)
	}
	fields := keyFields()
	for _, name := range names {
		if set, ok := fields[name]; ok {
			set(to, from)
			continue
		}
		if err := setNested(name, &to.Limits, from.GetLimits(), &to.Cache, from.GetCache()); err != nil {
			return err
		}
	}
	return nil
}

// setTenantFields is setKeyFields for tenants.
func setTenantFields(to, from *keystorev1.Tenant, names []string) error {
	fields := tenantFields()
	for _, name := range names {
		if set, ok := fields[name]; ok {
			set(to, from)
			continue
		}
		if err := setNested(name, &to.Limits, from.GetLimits(), &to.Cache, from.GetCache()); err != nil {
			return err
		}
	}
	return nil
}

// setNested moves a field inside of limits or cache. It replaces the message around
// it, which the update's own values may have become.
func setNested(name string, limits **keystorev1.Limits, newLimits *keystorev1.Limits,
	cache **keystorev1.CachePolicy, newCache *keystorev1.CachePolicy,
) error {
	if sub, ok := strings.CutPrefix(name, "limits."); ok {
		if set, ok := limitFields()[sub]; ok {
			*limits = proto.CloneOf(orEmpty(*limits))
			set(*limits, orEmpty(newLimits))
			return nil
		}
	}
	if sub, ok := strings.CutPrefix(name, "cache."); ok {
		if set, ok := cacheFields()[sub]; ok {
			*cache = proto.CloneOf(orEmpty(*cache))
			set(*cache, orEmpty(newCache))
			return nil
		}
	}
	if !wellFormed(name) || len(name) > maxText {
		name = "this"
	}
	return invalid("fields", "%s is no field that can be changed", name)
}

// orEmpty is the message, or an empty one in place of none.
func orEmpty[M any](m *M) *M {
	if m == nil {
		return new(M)
	}
	return m
}
