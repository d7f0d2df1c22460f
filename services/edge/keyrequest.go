package edge

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/spelling"
	"tollgate.dev/services/edge/admission"
)

// keyRequest is the body of `/key/generate` and `/key/update`. A null or absent
// member leaves what there is.
type keyRequest struct {
	limitsRequest

	Key      *string           `json:"key"`
	KeyAlias *string           `json:"key_alias"`
	Duration *string           `json:"duration"`
	UserID   *string           `json:"user_id"`
	TeamID   *string           `json:"team_id"`
	KeyType  *string           `json:"key_type"`
	Scopes   []string          `json:"scopes"`
	Aliases  map[string]string `json:"aliases"`
}

// beyond is what LiteLLM's clients send besides, and what they may send back of an answer
// (litellm/proxy/_types.py, GenerateKeyRequest, UpdateKeyRequest and their answers,
// November 2026).
func (keyRequest) beyond() contract {
	return contract{
		ignored: []string{
			"organization_id", "project_id", "agent_id", "rotation_interval", "send_invite_email", "spend", "config",
			"allowed_cache_controls", "guardrails", "policies", "prompts", "object_permission", "allowed_passthrough_routes",
			"allowed_vector_store_indexes", "rpm_limit_type", "tpm_limit_type", "router_settings",
			"token", "token_id", "key_name", "expires", "created_at", "created_by", "updated_at", "updated_by",
			"budget_reset_at", "model_spend", "litellm_budget_table", "rotation_count", "last_rotation_at", "key_rotation_at",
		},
		refused: []string{
			"model_max_budget", "permissions", "auto_rotate", "temp_budget_increase", "temp_budget_expiry", "budget_id",
			"enforced_params", "access_group_ids",
		},
	}
}

// limitsRequest are the members that keys and teams share.
type limitsRequest struct {
	Models         []string         `json:"models"`
	Routes         []string         `json:"allowed_routes"`
	MaxBudget      *money.Nano      `json:"max_budget"`
	SoftBudget     *money.Nano      `json:"soft_budget"`
	BudgetDuration *string          `json:"budget_duration"`
	BudgetLimits   []budgetLimit    `json:"budget_limits"`
	MaxParallel    *int64           `json:"max_parallel_requests"`
	TPM            *int64           `json:"tpm_limit"`
	RPM            *int64           `json:"rpm_limit"`
	ModelRPM       map[string]int64 `json:"model_rpm_limit"`
	ModelTPM       map[string]int64 `json:"model_tpm_limit"`
	Metadata       json.RawMessage  `json:"metadata"`
	Tags           []string         `json:"tags"`
	Blocked        *bool            `json:"blocked"`
	Cache          *cacheRequest    `json:"cache"`
	Compression    *string          `json:"compression"`
	TimeZone       string           `json:"time_zone"`
}

// budgetLimit is one of several budgets of a key, each with a window of its own.
type budgetLimit struct {
	Duration  string      `json:"budget_duration"`
	MaxBudget *money.Nano `json:"max_budget"`
}

// decodeLimits reads a request with limits and checks what is the edge's to check.
func (x *exchange) decodeLimits(into any, limits *limitsRequest) error {
	if err := x.decode(into); err != nil {
		return err
	}
	if err := limits.check(); err != nil {
		return err
	}
	for i, entry := range limits.Routes {
		at := fmt.Sprintf("allowed_routes[%d]", i)
		switch known, served := admission.KnowsRoute(entry, Routes()); {
		case !known:
			hint := ""
			if near := spelling.Nearest(entry, append(admission.RouteGroups(), Routes()...)); near != "" {
				hint = "; did you mean " + near + "?"
			}
			return errs.Newf(errs.InvalidRequest, "%q is neither a route, nor one that ends in `*`, nor a group of routes%s", shown(entry), hint).
				WithParam(at)
		case !served:
			x.w.Header().Add(headerIgnored, at)
		}
	}
	x.idle("model_rpm_limit", maps.Keys(limits.ModelRPM))
	x.idle("model_tpm_limit", maps.Keys(limits.ModelTPM))
	if limits.Cache != nil {
		x.idle("cache.models", maps.Keys(limits.Cache.Models))
	}
	return nil
}

// mostIdle bounds how many models are named one by one: a proxy takes only so many headers.
const mostIdle = 16

// idle names what a member says of models that there are not. It is kept all the same, and has its
// effect where such a model comes.
func (x *exchange) idle(member string, models iter.Seq[string]) {
	table := x.e.models.Load()
	if len(table.byName) == 0 {
		return // the router has not told them
	}
	var names []string
	for name := range models {
		if _, ok := table.byName[name]; !ok {
			names = append(names, member+"."+shown(name))
		}
	}
	if len(names) > mostIdle {
		names = []string{member}
	}
	slices.Sort(names)
	for _, name := range names {
		x.w.Header().Add(headerIgnored, name)
	}
}

func (r *limitsRequest) check() error {
	for name, amount := range map[string]*money.Nano{"max_budget": r.MaxBudget, "soft_budget": r.SoftBudget} {
		if amount != nil && *amount < 0 {
			return errs.Newf(errs.InvalidRequest, "%s must not be negative", name).WithParam(name)
		}
	}
	for i, l := range r.BudgetLimits {
		if l.MaxBudget == nil || *l.MaxBudget < 0 || l.Duration == "" {
			return errs.New(errs.InvalidRequest, "each of budget_limits needs a budget_duration and a max_budget of 0 or more").
				WithParam(fmt.Sprintf("budget_limits[%d]", i))
		}
	}
	if err := r.checkWindows(); err != nil {
		return err
	}
	switch {
	case r.MaxBudget != nil && r.SoftBudget != nil:
		return errs.New(errs.UnsupportedParameter, "max_budget and soft_budget cannot both be given: a budget is strict or soft").
			WithParam("soft_budget")
	case r.Compression != nil && *r.Compression != "" && *r.Compression != compressionOff && !compresses(*r.Compression):
		return errs.New(errs.InvalidRequest, "compression must be off, default, rag or chat").WithParam("compression")
	case r.Cache != nil:
		return r.Cache.check()
	}
	return nil
}

// rewindow is what a request says of a budget's window without the budget: the name of the
// first such member, or nothing.
func (r *limitsRequest) rewindow() string {
	switch budget := r.MaxBudget != nil || r.SoftBudget != nil; {
	case r.BudgetDuration != nil && *r.BudgetDuration != "" && !budget:
		return "budget_duration"
	case r.TimeZone != "" && !budget && len(r.BudgetLimits) == 0:
		return "time_zone"
	}
	return ""
}

// complete puts the amount of the only budget there is into a request that changes nothing
// but its window. Where there is none, or several, or the request has a list of its own, the
// window is no budget's.
func (r *limitsRequest) complete(there []*budgetv1.BudgetState) error {
	name := r.rewindow()
	switch {
	case name == "":
		return nil
	case r.BudgetLimits != nil || len(there) == 0:
		return errs.Newf(errs.InvalidRequest, "%s says nothing without a budget: give max_budget or soft_budget with it", name).WithParam(name)
	case len(there) > 1:
		return errs.Newf(errs.InvalidRequest, "%s could be that of several budgets: give budget_limits, the whole list", name).WithParam(name)
	}
	budget := there[0].GetBudget()
	limit := money.Nano(budget.GetLimitNanos())
	if budget.GetEnforcement() == budgetv1.Enforcement_ENFORCEMENT_SOFT {
		r.SoftBudget = &limit
	} else {
		r.MaxBudget = &limit
	}
	return nil
}

// checkWindows refuses two budgets over one window: which one holds would be chance.
func (r *limitsRequest) checkWindows() error {
	seen := make(map[string]bool, len(r.BudgetLimits)+1)
	window := func(text string) string {
		if text == "month" {
			return "1mo"
		}
		return text
	}
	if r.BudgetDuration != nil && (r.MaxBudget != nil || r.SoftBudget != nil) {
		seen[window(*r.BudgetDuration)] = true
	}
	for i, l := range r.BudgetLimits {
		if seen[window(l.Duration)] {
			return errs.Newf(errs.InvalidRequest, "two budgets are given for %s", shown(l.Duration)).
				WithParam(fmt.Sprintf("budget_limits[%d].budget_duration", i))
		}
		seen[window(l.Duration)] = true
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
		life, err := parseDuration(*r.Duration, "duration")
		if err != nil {
			return nil, err
		}
		if key.ExpiresMillis = 0; life > 0 {
			key.ExpiresMillis = now.Add(life).UnixMilli()
		}
		set("expires_millis")
	}
	if r.Scopes != nil {
		key.Scopes = r.Scopes
		set("scopes")
	}
	if key.Limits == nil {
		key.Limits = &keystorev1.Limits{}
	}
	if r.KeyType != nil {
		if err := r.applyType(key); err != nil {
			return nil, err
		}
		set("scopes")
		if r.Routes == nil {
			set("limits.routes")
		}
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

// applyLimits puts the request's limits into a key's or a tenant's.
func (r *limitsRequest) applyLimits(l *keystorev1.Limits) (fields []string) {
	if r.Routes != nil {
		l.Routes = r.Routes
		fields = append(fields, "limits.routes")
	}
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

// applyType gives the key the scopes and routes of LiteLLM's key type
// (litellm/proxy/management_endpoints/key_management_endpoints.py, handle_key_type,
// November 2026). A type says which routes a key may call, so that a list of its own
// beside it would be a contradiction.
func (r *keyRequest) applyType(key *keystorev1.Key) error {
	t, ok := map[string]struct{ scopes, routes []string }{
		"": {}, "default": {},
		"llm_api":    {nil, []string{"llm_api_routes"}},
		"management": {[]string{"admin"}, []string{"management_routes"}},
		"read_only":  {[]string{"read_only"}, []string{"info_routes"}},
	}[*r.KeyType]
	switch {
	case !ok:
		return errs.New(errs.InvalidRequest, "key_type must be default, llm_api, management or read_only").WithParam("key_type")
	case t.routes != nil && len(r.Routes) > 0 && !slices.Equal(r.Routes, t.routes):
		return errs.Newf(errs.InvalidRequest, "key_type %s says which routes the key may call: leave allowed_routes out", *r.KeyType).
			WithParam("allowed_routes")
	case len(r.Scopes) > 0 && t.routes != nil && !slices.Equal(r.Scopes, t.scopes):
		return errs.Newf(errs.InvalidRequest, "key_type %s says which scopes the key has: leave scopes out", *r.KeyType).WithParam("scopes")
	case len(r.Scopes) == 0:
		key.Scopes = t.scopes
	}
	key.Limits.Routes = t.routes
	return nil
}

// parseDuration reads LiteLLM's durations: a count and one of s, m, h, d, w, mo. A
// month counts as 30 days. An empty text, or -1, is no end.
func parseDuration(text, param string) (time.Duration, error) {
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
	if err == nil && ok && n > int64(maxKeyLife/unit) {
		return 0, errs.Newf(errs.InvalidRequest, "%s is at most a hundred years", param).WithParam(param)
	}
	if err != nil || !ok || n <= 0 {
		return 0, errs.Newf(errs.InvalidRequest, "%q is no duration: use a count with s, m, h, d, w or mo", shown(text)).WithParam(param)
	}
	return time.Duration(n) * unit, nil
}

// maxKeyLife bounds durations to a hundred years.
const maxKeyLife = 100 * 365 * 24 * time.Hour
