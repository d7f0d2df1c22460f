package edge

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"strings"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/money"
)

// keyView is a key in LiteLLM's form. Amounts are dollars, times RFC 3339.
type keyView struct {
	// Key is the secret, in the answer that makes it alone.
	Key           string            `json:"key,omitempty"`
	Token         string            `json:"token"`
	TokenID       string            `json:"token_id"`
	KeyName       string            `json:"key_name"`
	KeyAlias      *string           `json:"key_alias"`
	Spend         money.Nano        `json:"spend"`
	Expires       *string           `json:"expires"`
	Models        []string          `json:"models"`
	Aliases       map[string]string `json:"aliases"`
	UserID        *string           `json:"user_id"`
	TeamID        *string           `json:"team_id"`
	Scopes        []string          `json:"scopes"`
	AllowedRoutes []string          `json:"allowed_routes"`
	Metadata      json.RawMessage   `json:"metadata"`
	Tags          []string          `json:"tags"`
	Blocked       bool              `json:"blocked"`
	policyView
	limitsView
	CreatedAt string `json:"created_at"`
	CreatedBy string `json:"created_by"`
	UpdatedAt string `json:"updated_at"`
	UpdatedBy string `json:"updated_by"`
}

// policyView is how answers are cached and prompts compressed; null is as the team or the
// configuration has it.
type policyView struct {
	Cache       *cacheRequest `json:"cache"`
	Compression *string       `json:"compression"`
}

func showPolicy(cache *keystorev1.CachePolicy, compression string) (v policyView) {
	v.Cache = cacheRequestOf(cache)
	v.Compression = optional(compression)
	return v
}

// limitsView are the limits and budgets that keys and teams share.
type limitsView struct {
	MaxBudget      *money.Nano      `json:"max_budget"`
	SoftBudget     *money.Nano      `json:"soft_budget"`
	BudgetDuration *string          `json:"budget_duration"`
	BudgetResetAt  *string          `json:"budget_reset_at"`
	BudgetLimits   []budgetView     `json:"budget_limits,omitempty"`
	MaxParallel    *int64           `json:"max_parallel_requests"`
	TPM            *int64           `json:"tpm_limit"`
	RPM            *int64           `json:"rpm_limit"`
	ModelRPM       map[string]int64 `json:"model_rpm_limit"`
	ModelTPM       map[string]int64 `json:"model_tpm_limit"`
}

// budgetView is one budget with what is spent of it in its window.
type budgetView struct {
	BudgetID string     `json:"budget_id"`
	Duration string     `json:"budget_duration"`
	Max      money.Nano `json:"max_budget"`
	Spend    money.Nano `json:"spend"`
	ResetAt  *string    `json:"budget_reset_at"`
	Soft     bool       `json:"soft,omitempty"`
}

func (e *Edge) keyView(ctx context.Context, key *keystorev1.Key) (*keyView, error) {
	views, err := e.keyViews(ctx, []*keystorev1.Key{key})
	if err != nil {
		return nil, err
	}
	return views[0], nil
}

// keyViews shows keys, with two questions to the budget service however many they are.
func (e *Edge) keyViews(ctx context.Context, keys []*keystorev1.Key) ([]*keyView, error) {
	if len(keys) == 0 {
		return []*keyView{}, nil
	}
	scopes := make([]*budgetv1.Scope, len(keys))
	for i, key := range keys {
		scopes[i] = keyScope(key.GetId())
	}
	states, spend, err := e.accounts(ctx, scopes, budgetv1.SpendGroup_SPEND_GROUP_KEY)
	if err != nil {
		return nil, err
	}
	views := make([]*keyView, len(keys))
	for i, key := range keys {
		views[i] = viewOf(key, states[key.GetId()], spend[key.GetId()])
	}
	return views, nil
}

// accounts are the budgets of scopes of one kind, and all that each ever spent, by their ids.
// The budget service has a running total of each, so that nothing is added up for it.
func (e *Edge) accounts(ctx context.Context, scopes []*budgetv1.Scope, kind budgetv1.SpendGroup) (
	budgets map[string][]*budgetv1.BudgetState, spend map[string]money.Nano, err error,
) {
	listed, err := e.Services.Budget.ListBudgets(ctx, &budgetv1.ListBudgetsRequest{Scopes: scopes})
	if err != nil {
		return nil, nil, err
	}
	budgets = make(map[string][]*budgetv1.BudgetState, len(scopes))
	for _, s := range listed.GetStates() {
		id := s.GetBudget().GetScope().GetId()
		budgets[id] = append(budgets[id], s)
	}
	sums, err := e.Services.Budget.GetSpend(ctx, &budgetv1.GetSpendRequest{Group: kind, Scopes: scopes})
	if err != nil {
		return nil, nil, err
	}
	spend = make(map[string]money.Nano, len(scopes))
	for _, s := range sums.GetSpends() {
		spend[s.GetGroup()] = money.Nano(s.GetCostNanos())
	}
	return budgets, spend, nil
}

// viewOf shows a key with its budgets and what it spent.
func viewOf(key *keystorev1.Key, budgets []*budgetv1.BudgetState, spend money.Nano) *keyView {
	return &keyView{
		Token: key.GetId(), TokenID: key.GetId(), KeyName: key.GetDisplay(), KeyAlias: optional(key.GetAlias()),
		Spend: spend, Expires: timestamp(key.GetExpiresMillis()), Models: list(key.GetLimits().GetModels()),
		Aliases: mapping(key.GetAliases()), UserID: optional(key.GetUserId()), TeamID: optional(key.GetTenantId()),
		Scopes: list(key.GetScopes()), AllowedRoutes: list(key.GetLimits().GetRoutes()), Metadata: object(key.GetMetadata()),
		Tags: list(key.GetTags()), Blocked: key.GetBlocked(), policyView: showPolicy(key.GetCache(), key.GetCompressionProfile()), limitsView: showLimits(budgets, key.GetLimits()),
		CreatedAt: timeText(key.GetCreatedMillis()), CreatedBy: key.GetCreatedBy(), UpdatedAt: timeText(key.GetUpdatedMillis()),
		UpdatedBy: key.GetUpdatedBy(),
	}
}

func showLimits(budgets []*budgetv1.BudgetState, l *keystorev1.Limits) limitsView {
	if l == nil { // one that was made over RPC may have none
		l = &keystorev1.Limits{}
	}
	v := limitsView{
		MaxParallel: l.ParallelRequests, TPM: l.TokensPerMinute, RPM: l.RequestsPerMinute,
		ModelRPM: l.GetModelRequestsPerMinute(), ModelTPM: l.GetModelTokensPerMinute(),
	}
	for _, s := range budgets {
		b := budgetView{
			BudgetID: s.GetBudget().GetId(), Duration: s.GetBudget().GetWindow(), Max: money.Nano(s.GetBudget().GetLimitNanos()),
			Spend: money.Nano(s.GetSpentNanos()), ResetAt: timestamp(s.GetEndMillis()),
			Soft: s.GetBudget().GetEnforcement() == budgetv1.Enforcement_ENFORCEMENT_SOFT,
		}
		v.BudgetLimits = append(v.BudgetLimits, b)
		switch {
		case b.Soft:
			v.SoftBudget = &b.Max
			if len(budgets) == 1 { // else the window that is shown is the strict budget's
				v.BudgetResetAt, v.BudgetDuration = b.ResetAt, optional(b.Duration)
			}
		case v.MaxBudget == nil:
			v.MaxBudget, v.BudgetResetAt, v.BudgetDuration = &b.Max, b.ResetAt, optional(b.Duration)
		}
	}
	return v
}

func keyScope(id string) *budgetv1.Scope {
	return &budgetv1.Scope{Kind: budgetv1.ScopeKind_SCOPE_KIND_KEY, Id: id}
}

func tenantScope(id string) *budgetv1.Scope {
	return &budgetv1.Scope{Kind: budgetv1.ScopeKind_SCOPE_KIND_TENANT, Id: id}
}

// keyRef names a key by its secret or by its id.
func keyRef(key string) *keystorev1.KeyRef {
	if strings.HasPrefix(key, "sk-") {
		sum := sha256.Sum256([]byte(key))
		return &keystorev1.KeyRef{Ref: &keystorev1.KeyRef_SecretSha256{SecretSha256: sum[:]}}
	}
	return idRef(key)
}

func idRef(id string) *keystorev1.KeyRef {
	return &keystorev1.KeyRef{Ref: &keystorev1.KeyRef_Id{Id: id}}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func mapping(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func object(raw []byte) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("{}")
	}
	return raw
}

// timestamp is a time in RFC 3339; nil for none.
func timestamp(millis int64) *string {
	if millis == 0 {
		return nil
	}
	text := timeText(millis)
	return &text
}

func timeText(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
