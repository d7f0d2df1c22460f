package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
)

// keyRoutes are LiteLLM's key management routes
// (https://docs.litellm.ai/docs/proxy/virtual_keys, November 2026).
func (e *Edge) keyRoutes() []route {
	return []route{
		{http.MethodPost, "/key/generate", e.generateKey},
		{http.MethodPost, "/key/update", e.updateKey},
		{http.MethodPost, "/key/delete", e.deleteKeys},
		{http.MethodPost, "/key/regenerate", e.regenerateKey},
		{http.MethodPost, "/key/{key}/regenerate", e.regenerateKey},
		{http.MethodPost, "/key/block", func(x *exchange) error { return e.blockKey(x, true) }},
		{http.MethodPost, "/key/unblock", func(x *exchange) error { return e.blockKey(x, false) }},
		{http.MethodGet, "/key/info", e.keyInfo},
		{http.MethodGet, "/key/list", e.listKeys},
	}
}

// keyRequest is the body of `/key/generate` and `/key/update`. A null or absent
// member leaves what there is.
type keyRequest struct {
	limitsRequest

	Key      *string  `json:"key"`
	KeyAlias *string  `json:"key_alias"`
	Duration *string  `json:"duration"`
	UserID   *string  `json:"user_id"`
	TeamID   *string  `json:"team_id"`
	KeyType  *string  `json:"key_type"`
	Scopes   []string `json:"scopes"`
	Routes   []string `json:"allowed_routes"`

	// What LiteLLM has and Tollgate does not honour is refused by name.
	ModelMaxBudget   map[string]any `json:"model_max_budget"`
	Permissions      map[string]any `json:"permissions"`
	AutoRotate       bool           `json:"auto_rotate"`
	TempBudget       *money.Nano    `json:"temp_budget_increase"`
	TempBudgetExpiry *string        `json:"temp_budget_expiry"`
}

// limitsRequest are the members that keys and teams share.
type limitsRequest struct {
	Models         []string          `json:"models"`
	MaxBudget      *money.Nano       `json:"max_budget"`
	SoftBudget     *money.Nano       `json:"soft_budget"`
	BudgetDuration *string           `json:"budget_duration"`
	BudgetLimits   []budgetLimit     `json:"budget_limits"`
	MaxParallel    *int64            `json:"max_parallel_requests"`
	TPM            *int64            `json:"tpm_limit"`
	RPM            *int64            `json:"rpm_limit"`
	ModelRPM       map[string]int64  `json:"model_rpm_limit"`
	ModelTPM       map[string]int64  `json:"model_tpm_limit"`
	Metadata       json.RawMessage   `json:"metadata"`
	Tags           []string          `json:"tags"`
	Blocked        *bool             `json:"blocked"`
	Cache          *cacheRequest     `json:"cache"`
	Compression    *string           `json:"compression"`
	TimeZone       string            `json:"time_zone"`
	Aliases        map[string]string `json:"aliases"`
	ModelAliases   map[string]string `json:"model_aliases"`
}

// budgetLimit is one of several budgets of a key, each with a window of its own.
type budgetLimit struct {
	Duration  string      `json:"budget_duration"`
	MaxBudget *money.Nano `json:"max_budget"`
}

// cacheRequest is a key's or team's own caching.
type cacheRequest struct {
	Disabled bool  `json:"disabled"`
	TTL      int64 `json:"ttl"`
}

func (r *keyRequest) check() error {
	unsupported := func(name string) error {
		return errs.Newf(errs.UnsupportedParameter, "%s is not supported", name).WithParam(name)
	}
	switch {
	case len(r.ModelMaxBudget) > 0:
		return unsupported("model_max_budget")
	case len(r.Permissions) > 0:
		return unsupported("permissions")
	case r.AutoRotate:
		return unsupported("auto_rotate")
	case r.TempBudget != nil || r.TempBudgetExpiry != nil:
		return unsupported("temp_budget_increase")
	}
	return r.limitsRequest.check()
}

func (r *limitsRequest) check() error {
	for name, amount := range map[string]*money.Nano{"max_budget": r.MaxBudget, "soft_budget": r.SoftBudget} {
		if amount != nil && *amount < 0 {
			return errs.Newf(errs.InvalidRequest, "%s must not be negative", name).WithParam(name)
		}
	}
	for _, l := range r.BudgetLimits {
		if l.MaxBudget == nil || *l.MaxBudget < 0 || l.Duration == "" {
			return errs.New(errs.InvalidRequest, "each of budget_limits needs a budget_duration and a max_budget of 0 or more").
				WithParam("budget_limits")
		}
	}
	return nil
}

// apply puts the request's values into a key and names the fields that it set.
func (r *keyRequest) apply(key *keystorev1.Key, now time.Time) (fields []string, err error) {
	set := func(name string) { fields = append(fields, name) }
	if r.KeyAlias != nil {
		key.Alias = *r.KeyAlias
		set("alias")
	}
	if r.UserID != nil {
		key.UserId = *r.UserID
		set("user_id")
	}
	if r.TeamID != nil {
		key.TenantId = *r.TeamID
		set("tenant_id")
	}
	if r.Duration != nil {
		life, err := parseDuration(*r.Duration)
		if err != nil {
			return nil, err
		}
		if key.ExpiresMillis = 0; life > 0 {
			key.ExpiresMillis = now.Add(life).UnixMilli()
		}
		set("expires_millis")
	}
	if r.Scopes != nil || r.KeyType != nil {
		if key.Scopes, err = r.scopes(); err != nil {
			return nil, err
		}
		set("scopes")
	}
	if key.Limits == nil {
		key.Limits = &keystorev1.Limits{}
	}
	if r.Routes != nil {
		key.Limits.Routes = r.Routes
		set("limits.routes")
	} else if r.KeyType != nil && *r.KeyType == "llm_api" {
		key.Limits.Routes = []string{"llm_api_routes"}
		set("limits.routes")
	}
	fields = append(fields, r.applyLimits(key.Limits)...)
	if r.Blocked != nil {
		key.Blocked = *r.Blocked
		set("blocked")
	}
	if r.Metadata != nil {
		key.Metadata = r.Metadata
		set("metadata")
	}
	if r.Tags != nil {
		key.Tags = r.Tags
		set("tags")
	}
	if r.Aliases != nil {
		key.Aliases = r.Aliases
		set("aliases")
	}
	if r.Cache != nil {
		key.Cache = r.Cache.policy()
		set("cache")
	}
	if r.Compression != nil {
		key.CompressionProfile = *r.Compression
		set("compression_profile")
	}
	return fields, nil
}

func (c *cacheRequest) policy() *keystorev1.CachePolicy {
	return &keystorev1.CachePolicy{Disabled: c.Disabled, TtlMillis: c.TTL * 1000}
}

// applyLimits puts the request's limits into a key's or a tenant's.
func (r *limitsRequest) applyLimits(l *keystorev1.Limits) (fields []string) {
	if r.Models != nil {
		// LiteLLM's name for no restriction.
		if l.Models = r.Models; slices.Contains(r.Models, "all-proxy-models") || slices.Contains(r.Models, "all-team-models") {
			l.Models = nil
		}
		fields = append(fields, "limits.models")
	}
	if r.RPM != nil {
		l.RequestsPerMinute = r.RPM
		fields = append(fields, "limits.requests_per_minute")
	}
	if r.TPM != nil {
		l.TokensPerMinute = r.TPM
		fields = append(fields, "limits.tokens_per_minute")
	}
	if r.MaxParallel != nil {
		l.ParallelRequests = r.MaxParallel
		fields = append(fields, "limits.parallel_requests")
	}
	if r.ModelRPM != nil {
		l.ModelRequestsPerMinute = r.ModelRPM
		fields = append(fields, "limits.model_requests_per_minute")
	}
	if r.ModelTPM != nil {
		l.ModelTokensPerMinute = r.ModelTPM
		fields = append(fields, "limits.model_tokens_per_minute")
	}
	return fields
}

// scopes are the request's scopes, or those of LiteLLM's key type.
func (r *keyRequest) scopes() ([]string, error) {
	if r.Scopes != nil || r.KeyType == nil {
		return r.Scopes, nil
	}
	switch *r.KeyType {
	case "", "default", "llm_api":
		return nil, nil
	case "management":
		return []string{"admin"}, nil
	case "read_only":
		return []string{"read_only"}, nil
	}
	return nil, errs.New(errs.InvalidRequest, "key_type must be default, llm_api, management or read_only").WithParam("key_type")
}

// parseDuration reads LiteLLM's durations: a count and one of s, m, h, d, w, mo. A
// month counts as 30 days. An empty text, or -1, is no end.
func parseDuration(text string) (time.Duration, error) {
	if text == "" || text == "-1" {
		return 0, nil
	}
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	units := map[string]time.Duration{
		"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "mo": 30 * 24 * time.Hour,
	}
	n, err := strconv.ParseInt(text[:digits], 10, 32)
	unit, ok := units[text[digits:]]
	if err != nil || !ok || n <= 0 || n > int64(maxKeyLife/unit) {
		return 0, errs.Newf(errs.InvalidRequest, "%q is no duration: use a count with s, m, h, d, w or mo", text).WithParam("duration")
	}
	return time.Duration(n) * unit, nil
}

// maxKeyLife bounds durations to a hundred years.
const maxKeyLife = 100 * 365 * 24 * time.Hour

// generateKey answers `POST /key/generate`.
func (e *Edge) generateKey(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req keyRequest
	if err := x.decode(&req); err != nil {
		return err
	}
	if err := req.check(); err != nil {
		return err
	}
	key := &keystorev1.Key{CreatedBy: x.principal.KeyID}
	if _, err := req.apply(key, e.Clock.Now()); err != nil {
		return err
	}
	in := &keystorev1.IssueKeyRequest{Key: key}
	if req.Key != nil {
		in.Secret = *req.Key
	}
	ctx := x.r.Context()
	issued, err := e.Services.Keystore.IssueKey(ctx, in)
	if err != nil {
		return err
	}
	scope := keyScope(issued.GetKey().GetId())
	if err := e.putBudgets(ctx, scope, &req.limitsRequest); err != nil {
		// A key without its budget must not stay.
		_, derr := e.Services.Keystore.DeleteKeys(ctx, &keystorev1.DeleteKeysRequest{Refs: []*keystorev1.KeyRef{idRef(issued.GetKey().GetId())}})
		if derr != nil {
			return fmt.Errorf("%w; its key %s could not be removed: %w", err, issued.GetKey().GetId(), derr)
		}
		return err
	}
	view, err := e.keyView(ctx, issued.GetKey())
	if err != nil {
		return err
	}
	view.Key = issued.GetSecret()
	return x.json(http.StatusOK, view)
}

// updateKey answers `POST /key/update`.
func (e *Edge) updateKey(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req keyRequest
	if err := x.decode(&req); err != nil {
		return err
	}
	if err := req.check(); err != nil {
		return err
	}
	if req.Key == nil || *req.Key == "" {
		return errs.New(errs.InvalidRequest, "key is needed").WithParam("key")
	}
	key := &keystorev1.Key{}
	fields, err := req.apply(key, e.Clock.Now())
	if err != nil {
		return err
	}
	ctx := x.r.Context()
	ref := keyRef(*req.Key)
	var updated *keystorev1.Key
	if len(fields) > 0 {
		resp, err := e.Services.Keystore.UpdateKey(ctx, &keystorev1.UpdateKeyRequest{Ref: ref, Key: key, Fields: fields})
		if err != nil {
			return err
		}
		updated = resp.GetKey()
	} else if updated, err = e.findKey(ctx, ref); err != nil {
		return err
	}
	if err := e.putBudgets(ctx, keyScope(updated.GetId()), &req.limitsRequest); err != nil {
		return err
	}
	view, err := e.keyView(ctx, updated)
	if err != nil {
		return err
	}
	view.Key = updated.GetId()
	return x.json(http.StatusOK, view)
}

// deleteKeys answers `POST /key/delete`.
func (e *Edge) deleteKeys(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req struct {
		Keys       []string `json:"keys"`
		KeyAliases []string `json:"key_aliases"`
	}
	if err := x.decode(&req); err != nil {
		return err
	}
	in := &keystorev1.DeleteKeysRequest{}
	for _, key := range req.Keys {
		in.Refs = append(in.Refs, keyRef(key))
	}
	for _, alias := range req.KeyAliases {
		in.Refs = append(in.Refs, &keystorev1.KeyRef{Ref: &keystorev1.KeyRef_Alias{Alias: alias}})
	}
	if len(in.GetRefs()) == 0 {
		return errs.New(errs.InvalidRequest, "keys or key_aliases is needed").WithParam("keys")
	}
	ctx := x.r.Context()
	resp, err := e.Services.Keystore.DeleteKeys(ctx, in)
	if err != nil {
		return err
	}
	scopes := make([]*budgetv1.Scope, 0, len(resp.GetIds()))
	for _, id := range resp.GetIds() {
		scopes = append(scopes, keyScope(id))
	}
	if _, err := e.Services.Budget.DeleteBudgets(ctx, &budgetv1.DeleteBudgetsRequest{Scopes: scopes}); err != nil {
		return err
	}
	return x.json(http.StatusOK, map[string]any{"deleted_keys": append(slices.Clone(req.Keys), req.KeyAliases...)})
}

// regenerateKey answers `POST /key/regenerate` and `POST /key/{key}/regenerate`.
func (e *Edge) regenerateKey(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req struct {
		Key         string `json:"key"`
		NewKey      string `json:"new_key"`
		GracePeriod string `json:"grace_period"`
	}
	if err := x.decode(&req); err != nil {
		return err
	}
	if named := x.r.PathValue("key"); named != "" {
		req.Key = named
	}
	if req.Key == "" {
		return errs.New(errs.InvalidRequest, "key is needed").WithParam("key")
	}
	grace, err := parseDuration(req.GracePeriod)
	if err != nil {
		return err
	}
	ctx := x.r.Context()
	resp, err := e.Services.Keystore.RotateKey(ctx, &keystorev1.RotateKeyRequest{
		Ref: keyRef(req.Key), GraceMillis: grace.Milliseconds(), Secret: req.NewKey,
	})
	if err != nil {
		return err
	}
	view, err := e.keyView(ctx, resp.GetKey())
	if err != nil {
		return err
	}
	view.Key = resp.GetSecret()
	return x.json(http.StatusOK, view)
}

func (e *Edge) blockKey(x *exchange, blocked bool) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req struct {
		Key string `json:"key"`
	}
	if err := x.decode(&req); err != nil {
		return err
	}
	if req.Key == "" {
		return errs.New(errs.InvalidRequest, "key is needed").WithParam("key")
	}
	ctx := x.r.Context()
	resp, err := e.Services.Keystore.SetKeyBlocked(ctx, &keystorev1.SetKeyBlockedRequest{Ref: keyRef(req.Key), Blocked: blocked})
	if err != nil {
		return err
	}
	view, err := e.keyView(ctx, resp.GetKey())
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, view)
}

// keyInfo answers `GET /key/info`: about the caller's own key, or, for an admin,
// about any.
func (e *Edge) keyInfo(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	ctx := x.r.Context()
	named := x.r.URL.Query().Get("key")
	ref := idRef(x.principal.KeyID)
	if named != "" {
		ref = keyRef(named)
	} else if x.principal.Key == nil {
		return errs.New(errs.InvalidRequest, "the master key has no record: name a key with ?key=").WithParam("key")
	}
	key, err := e.findKey(ctx, ref)
	if err != nil {
		if !x.principal.Admin && errs.Is(err, errs.NotFound) {
			// Whether a key exists is its owner's to know.
			return errs.New(errs.TenantMismatch, "the key belongs to another tenant")
		}
		return err
	}
	if !x.principal.Admin && key.GetId() != x.principal.KeyID &&
		(key.GetTenantId() == "" || key.GetTenantId() != x.principal.TenantID) {
		return errs.New(errs.TenantMismatch, "the key belongs to another tenant")
	}
	view, err := e.keyView(ctx, key)
	if err != nil {
		return err
	}
	shown := named
	if shown == "" || len(shown) > 3 && shown[:3] == "sk-" {
		shown = key.GetId()
	}
	return x.json(http.StatusOK, map[string]any{"key": shown, "info": view})
}

// listKeys answers `GET /key/list`, in LiteLLM's shape and with its paging.
func (e *Edge) listKeys(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	q := x.r.URL.Query()
	page, err := positive(q.Get("page"), "page", 1)
	if err != nil {
		return err
	}
	size, err := positive(q.Get("size"), "size", 10)
	if err != nil {
		return err
	}
	if size > 100 || page > 1_000_000 {
		return errs.New(errs.InvalidRequest, "size must be at most 100, page at most 1000000").WithParam("size")
	}
	ctx := x.r.Context()
	resp, err := e.Services.Keystore.ListKeys(ctx, &keystorev1.ListKeysRequest{
		TenantId: q.Get("team_id"), UserId: q.Get("user_id"), Alias: q.Get("key_alias"),
		Limit: int32(size), Offset: int32((page - 1) * size), //nolint:gosec // bounded above
	})
	if err != nil {
		return err
	}
	keys := make([]any, 0, len(resp.GetKeys()))
	for _, key := range resp.GetKeys() {
		if q.Get("return_full_object") != "true" {
			keys = append(keys, key.GetId())
			continue
		}
		view, err := e.keyView(ctx, key)
		if err != nil {
			return err
		}
		keys = append(keys, view)
	}
	return x.json(http.StatusOK, map[string]any{
		"keys": keys, "total_count": resp.GetTotal(), "current_page": page,
		"total_pages": (resp.GetTotal() + size - 1) / size,
	})
}

func (e *Edge) findKey(ctx context.Context, ref *keystorev1.KeyRef) (*keystorev1.Key, error) {
	resp, err := e.Services.Keystore.GetKey(ctx, &keystorev1.GetKeyRequest{Ref: ref})
	return resp.GetKey(), err
}

func positive(text, name string, absent int64) (int64, error) {
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, errs.Newf(errs.InvalidRequest, "%s must be a positive integer", name).WithParam(name)
	}
	return n, nil
}
