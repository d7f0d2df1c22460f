package keystore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
)

// Bounds of what callers send, in bytes and entries.
const (
	maxID       = 128
	maxText     = 256
	maxList     = 1000
	maxMetadata = 64 << 10
	maxSecret   = 256
	maxAPIKey   = 8 << 10
	maxAPIBase  = 512
	// maxRecord bounds the sum of a record's fields, each of which may keep to its own.
	maxRecord = 512 << 10
	// maxTTLMillis is a year.
	maxTTLMillis = 365 * 24 * 60 * 60 * 1000
)

var (
	secretPattern   = regexp.MustCompile(`^sk-[A-Za-z0-9_-]{16,}$`)
	providerPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)
	profilePattern  = regexp.MustCompile(`^[A-Za-z0-9_.-]{0,64}$`)
)

// scopes are what a key may be allowed besides inference.
func scopes() []string { return []string{"admin", "act_as_tenant", "read_only"} }

// invalid is an invalid_request that blames a parameter.
func invalid(param, format string, args ...any) error {
	return errs.Newf(errs.InvalidRequest, format, args...).WithParam(param)
}

// wellFormed reports whether a text is UTF-8 without control characters: what every
// database stores, every log line shows on one line, and every contract carries.
func wellFormed(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

// token reports whether a name is of visible ASCII characters, so that a header and a
// URL carry it too.
func token(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// checks gathers the first fault of a record, so that each rule is one line.
type checks struct {
	prefix string
	err    error
}

func (c *checks) that(ok bool, param, format string, args ...any) {
	if c.err == nil && !ok {
		c.err = invalid(c.prefix+param, format, args...)
	}
}

func (c *checks) text(param, value string) {
	c.that(wellFormed(value) && len(value) <= maxText, param, "it has at most %d bytes of UTF-8, and no control characters", maxText)
}

func (c *checks) size(param string, n int) {
	c.that(n <= maxList, param, "it has at most %d entries", maxList)
}

func (c *checks) texts(param string, values []string) {
	c.size(param, len(values))
	for i, v := range values {
		at := fmt.Sprintf("%s[%d]", param, i)
		c.that(v != "", at, "it must not be empty")
		c.text(at, v)
	}
}

func (c *checks) limit(param string, n *int64) {
	c.that(n == nil || *n >= 0, param, "a limit is at least 0; leave it out for none")
}

func (c *checks) limits(l *keystorev1.Limits) {
	c.texts("limits.models", l.GetModels())
	for i, model := range l.GetModels() {
		star := strings.IndexByte(model, '*')
		c.that(star < 0 || star == len(model)-1, fmt.Sprintf("limits.models[%d]", i), "`*` stands at the end only")
	}
	c.texts("limits.routes", l.GetRoutes())
	if l != nil {
		c.limit("limits.requests_per_minute", l.RequestsPerMinute)
		c.limit("limits.tokens_per_minute", l.TokensPerMinute)
		c.limit("limits.parallel_requests", l.ParallelRequests)
	}
	c.modelLimits("limits.model_requests_per_minute", l.GetModelRequestsPerMinute())
	c.modelLimits("limits.model_tokens_per_minute", l.GetModelTokensPerMinute())
}

func (c *checks) modelLimits(param string, limits map[string]int64) {
	c.size(param, len(limits))
	for model, n := range limits {
		c.that(model != "", param, "a model's name must not be empty")
		c.text(param, model)
		c.limit(param, &n)
	}
}

func (c *checks) metadata(b []byte) {
	c.that(len(b) <= maxMetadata, "metadata", "it has at most %d bytes", maxMetadata)
	if c.err == nil && len(b) > 0 {
		trimmed := bytes.TrimLeft(b, " \t\r\n")
		c.that(bytes.HasPrefix(trimmed, []byte("{")) && utf8.Valid(b) && json.Valid(b), "metadata", "it must be a JSON object")
	}
}

func (c *checks) modelAliases(aliases map[string]string) {
	c.size("aliases", len(aliases))
	for from, to := range aliases {
		c.that(from != "" && to != "", "aliases", "neither name of a model may be empty")
		c.text("aliases", from)
		c.text("aliases", to)
	}
}

func (c *checks) cache(p *keystorev1.CachePolicy) {
	if p == nil {
		return
	}
	c.caching("cache", p.GetTtlMillis(), p.GetLastTier(), p.Threshold)
	c.size("cache.models", len(p.GetModels()))
	for model, of := range p.GetModels() {
		c.that(model != "", "cache.models", "a model's name must not be empty")
		c.text("cache.models", model)
		c.that(of != nil, "cache.models", "a model has a policy")
		if of != nil {
			c.caching("cache.models", of.GetTtlMillis(), of.GetLastTier(), of.Threshold)
		}
	}
}

// caching holds for a policy, and for a model's own.
func (c *checks) caching(param string, ttl int64, last cachev1.Tier, threshold *float64) {
	c.that(ttl >= 0 && ttl <= maxTTLMillis, param+".ttl_millis", "it is from 0 to %d", int64(maxTTLMillis))
	_, known := cachev1.Tier_name[int32(last)]
	c.that(known, param+".last_tier", "it is no tier of the cache")
	c.that(threshold == nil || *threshold >= 0 && *threshold <= 1, param+".threshold", "it is from 0 to 1")
}

func (c *checks) profile(name string) {
	c.that(profilePattern.MatchString(name), "compression_profile", "a profile's name has at most 64 letters, digits, `_`, `-` and `.`")
}

// checkKey holds for every key that is stored.
func checkKey(key *keystorev1.Key) error {
	c := checks{prefix: "key."}
	c.text("alias", key.GetAlias())
	c.that(key.GetTenantId() == "" || checkTenantID(key.GetTenantId()), "tenant_id", "a tenant's id has up to %d visible ASCII characters", maxID)
	c.text("user_id", key.GetUserId())
	c.size("scopes", len(key.GetScopes()))
	for i, scope := range key.GetScopes() {
		at := fmt.Sprintf("scopes[%d]", i)
		c.that(slices.Contains(scopes(), scope), at, "the scopes are %s", strings.Join(scopes(), ", "))
		c.that(!slices.Contains(key.GetScopes()[:i], scope), at, "a scope stands once")
	}
	c.limits(key.GetLimits())
	c.that(key.GetExpiresMillis() >= 0, "expires_millis", "it is a Unix time in milliseconds, or 0 for never")
	c.metadata(key.GetMetadata())
	c.texts("tags", key.GetTags())
	c.modelAliases(key.GetAliases())
	c.cache(key.GetCache())
	c.profile(key.GetCompressionProfile())
	c.text("created_by", key.GetCreatedBy())
	c.text("updated_by", key.GetUpdatedBy())
	if c.err == nil && proto.Size(key) > maxRecord {
		return invalid("key", "a key has at most %d bytes in all", maxRecord)
	}
	return c.err
}

// checkNewKey holds for a key as a caller asks for it.
func checkNewKey(key *keystorev1.Key, now int64) error {
	c := checks{prefix: "key."}
	const ours = "the service sets it"
	c.that(key.GetId() == "", "id", ours)
	c.that(key.GetDisplay() == "", "display", ours)
	c.that(key.GetCreatedMillis() == 0, "created_millis", ours)
	c.that(key.GetUpdatedMillis() == 0, "updated_millis", ours)
	c.that(key.GetGraceUntilMillis() == 0, "grace_until_millis", ours)
	c.future(key, now)
	if c.err != nil {
		return c.err
	}
	return checkKey(key)
}

func (c *checks) future(key *keystorev1.Key, now int64) {
	e := key.GetExpiresMillis()
	c.that(e <= 0 || e > now, "expires_millis", "it lies in the past")
}

// checkKeyChange holds for a key after an update of the fields. That a key has
// expired does not hinder a change of something else.
func checkKeyChange(key *keystorev1.Key, fields []string, now int64) error {
	if slices.Contains(fields, "expires_millis") {
		c := checks{prefix: "key."}
		if c.future(key, now); c.err != nil {
			return c.err
		}
	}
	return checkKey(key)
}

func checkTenantID(tenantID string) bool { return token(tenantID) && len(tenantID) <= maxID }

// checkTenant holds for every tenant that is stored.
func checkTenant(tenant *keystorev1.Tenant) error {
	c := checks{prefix: "tenant."}
	c.that(checkTenantID(tenant.GetId()), "id", "a tenant's id has up to %d visible ASCII characters", maxID)
	// They part the names that a tenant's id stands in: a user's scope, a cache namespace.
	c.that(!strings.ContainsAny(tenant.GetId(), "/:"), "id", "a tenant's id has no slash and no colon")
	c.text("alias", tenant.GetAlias())
	c.that(tenant.GetPlatformId() == "" || checkTenantID(tenant.GetPlatformId()), "platform_id", "a platform's id has up to %d visible ASCII characters", maxID)
	c.limits(tenant.GetLimits())
	c.metadata(tenant.GetMetadata())
	c.texts("tags", tenant.GetTags())
	c.modelAliases(tenant.GetAliases())
	c.cache(tenant.GetCache())
	c.profile(tenant.GetCompressionProfile())
	c.text("updated_by", tenant.GetUpdatedBy())
	c.size("members", len(tenant.GetMembers()))
	if c.err != nil {
		return c.err
	}
	seen := make(map[string]bool, len(tenant.GetMembers()))
	for i, m := range tenant.GetMembers() {
		at := fmt.Sprintf("members[%d]", i)
		c.that(m.GetUserId() != "", at+".user_id", "it must not be empty")
		c.text(at+".user_id", m.GetUserId())
		c.that(m.GetRole() == "admin" || m.GetRole() == "user", at+".role", "the roles are admin and user")
		c.that(!seen[m.GetUserId()], at+".user_id", "a person stands once")
		seen[m.GetUserId()] = true
	}
	if c.err == nil && proto.Size(tenant) > maxRecord {
		return invalid("tenant", "a tenant has at most %d bytes in all", maxRecord)
	}
	return c.err
}

// checkNewTenant holds for a tenant as a caller asks for it; its id may be left out.
func checkNewTenant(tenant *keystorev1.Tenant) error {
	c := checks{prefix: "tenant."}
	const ours = "the service sets it"
	c.that(tenant.GetCreatedMillis() == 0, "created_millis", ours)
	c.that(tenant.GetUpdatedMillis() == 0, "updated_millis", ours)
	c.that(len(tenant.GetCredentialProviders()) == 0, "credential_providers", ours)
	if c.err != nil {
		return c.err
	}
	if tenant.GetId() == "" {
		tenant = proto.CloneOf(orEmpty(tenant))
		tenant.Id = "new"
	}
	return checkTenant(tenant)
}

func checkSecret(s secret.String) error {
	v := s.Reveal()
	if len(v) > maxSecret || !secretPattern.MatchString(v) {
		return invalid("secret", "a secret is `sk-` and at least 16 more letters, digits, `_` and `-`, at most %d in all", maxSecret)
	}
	return nil
}

func checkProvider(name string) error {
	if !providerPattern.MatchString(name) {
		return invalid("provider", "a provider's name has up to 64 lower-case letters, digits, `_`, `-` and `.`")
	}
	return nil
}

func checkAPIBase(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || !token(text) || len(text) > maxAPIBase || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" ||
		u.User != nil || strings.ContainsAny(text, "?#") {
		return invalid("api_base", "a base URL is http or https, has up to %d visible ASCII characters, and neither credentials nor query nor fragment", maxAPIBase)
	}
	return nil
}

func checkAPIKey(s secret.String) error {
	if v := s.Reveal(); !token(v) || len(v) > maxAPIKey {
		return invalid("api_key", "an API key has up to %d visible ASCII characters", maxAPIKey)
	}
	return nil
}
