package edge

import (
	"context"
	"net/http"
	"slices"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
)

// globalDays is what LiteLLM's global routes look back.
const globalDays = 30

// spendDays is what each day cost, in LiteLLM's form: a member for each key beside users and
// models. Days before the first call are left out, those after the last are empty.
func (e *Edge) spendDays(ctx context.Context, f spendFilter) ([]map[string]any, error) {
	if f.to.Sub(f.from) > maxSpendDays*24*time.Hour {
		return nil, errs.Newf(errs.InvalidRequest, "more than %d days; give summarize=false for the calls themselves", maxSpendDays).WithParam("end_date")
	}
	spent, err := e.sum(ctx, f, budgetv1.SpendGroup_SPEND_GROUP_DAY)
	if err != nil {
		return nil, err
	}
	byDay := make(map[string]money.Nano, len(spent))
	for _, s := range spent {
		byDay[s.GetGroup()] = money.Nano(s.GetCostNanos())
	}
	out := []map[string]any{}
	for at := f.from; at.Before(f.to); at = at.AddDate(0, 0, 1) {
		date := at.Format(time.DateOnly)
		cost, ok := byDay[date]
		if !ok && len(out) == 0 {
			continue
		}
		row := map[string]any{"startTime": date, "spend": cost}
		users, models := map[string]money.Nano{}, map[string]money.Nano{}
		if ok {
			one := f
			one.from, one.to = at, at.AddDate(0, 0, 1)
			if users, err = e.sums(ctx, one, budgetv1.SpendGroup_SPEND_GROUP_USER); err != nil {
				return nil, err
			}
			if models, err = e.sums(ctx, one, budgetv1.SpendGroup_SPEND_GROUP_MODEL); err != nil {
				return nil, err
			}
			keys, err := e.sums(ctx, one, budgetv1.SpendGroup_SPEND_GROUP_KEY)
			if err != nil {
				return nil, err
			}
			for key, cost := range keys {
				if _, taken := row[key]; !taken && key != "users" && key != "models" {
					row[key] = cost
				}
			}
		}
		row["users"], row["models"] = users, models
		out = append(out, row)
	}
	return out, nil
}

// sum adds calls up, highest first.
func (e *Edge) sum(ctx context.Context, f spendFilter, group budgetv1.SpendGroup) ([]*budgetv1.Spend, error) {
	req := &budgetv1.GetSpendRequest{
		Group: group, FromMillis: dayMillis(f.from), ToMillis: dayMillis(f.to), TenantId: f.tenant, KeyId: f.key, UserId: f.user,
	}
	resp, err := e.Services.Budget.GetSpend(ctx, req)
	return resp.GetSpends(), err
}

func (e *Edge) sums(ctx context.Context, f spendFilter, group budgetv1.SpendGroup) (map[string]money.Nano, error) {
	spends, err := e.sum(ctx, f, group)
	out := make(map[string]money.Nano, len(spends))
	for _, s := range spends {
		out[s.GetGroup()] = money.Nano(s.GetCostNanos())
	}
	return out, err
}

// lastDays are the days of the global routes: today and those before it.
func (e *Edge) lastDays() spendFilter {
	today := e.Clock.Now().UTC().Truncate(24 * time.Hour)
	return spendFilter{from: today.AddDate(0, 0, -globalDays), to: today.AddDate(0, 0, 1)}
}

// globalSpend answers `GET /global/spend`: what everybody spent in 30 days, and the
// budget of the whole platform.
func (e *Edge) globalSpend(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	if _, err := x.query(nil, nil); err != nil {
		return err
	}
	ctx := x.r.Context()
	spends, err := e.sum(ctx, e.lastDays(), budgetv1.SpendGroup_SPEND_GROUP_UNSPECIFIED)
	if err != nil {
		return err
	}
	total := money.Nano(0)
	for _, s := range spends {
		total = money.AddSat(total, money.Nano(s.GetCostNanos()))
	}
	resp, err := e.Services.Budget.ListBudgets(ctx, &budgetv1.ListBudgetsRequest{
		Scopes: []*budgetv1.Scope{{Kind: budgetv1.ScopeKind_SCOPE_KIND_PLATFORM, Id: e.opts.PlatformID}},
	})
	if err != nil {
		return err
	}
	var limit *money.Nano
	for _, s := range resp.GetStates() {
		if n := money.Nano(s.GetBudget().GetLimitNanos()); limit == nil || n < *limit {
			limit = &n
		}
	}
	return x.json(http.StatusOK, map[string]any{"spend": total, "max_budget": limit})
}

// globalSpendKeys answers `GET /global/spend/keys`: the keys that spent most in 30 days.
func (e *Edge) globalSpendKeys(x *exchange) error {
	spends, err := e.topSpends(x, 100, budgetv1.SpendGroup_SPEND_GROUP_KEY)
	if err != nil {
		return err
	}
	type row struct {
		APIKey     string     `json:"api_key"`
		KeyAlias   *string    `json:"key_alias"`
		KeyName    *string    `json:"key_name"`
		TotalSpend money.Nano `json:"total_spend"`
	}
	rows := make([]row, 0, len(spends))
	for _, s := range spends {
		r := row{APIKey: s.GetGroup(), TotalSpend: money.Nano(s.GetCostNanos())}
		if r.APIKey != "" { // the master key has no record
			key, err := e.findKey(x.r.Context(), idRef(r.APIKey))
			if err != nil && !errs.Is(err, errs.NotFound) {
				return err
			}
			r.KeyAlias, r.KeyName = optional(key.GetAlias()), optional(key.GetDisplay())
		}
		rows = append(rows, r)
	}
	return x.json(http.StatusOK, rows)
}

// globalSpendModels answers `GET /global/spend/models`: the models that cost most in 30
// days.
func (e *Edge) globalSpendModels(x *exchange) error {
	spends, err := e.topSpends(x, 10, budgetv1.SpendGroup_SPEND_GROUP_MODEL)
	if err != nil {
		return err
	}
	type row struct {
		Model       string     `json:"model"`
		TotalSpend  money.Nano `json:"total_spend"`
		TotalTokens int64      `json:"total_tokens"`
	}
	rows := make([]row, 0, len(spends))
	for _, s := range spends {
		rows = append(rows, row{s.GetGroup(), money.Nano(s.GetCostNanos()), s.GetTokens()})
	}
	return x.json(http.StatusOK, rows)
}

// topSpends are the highest sums of a group, as many as the caller asks for.
func (e *Edge) topSpends(x *exchange, absent int64, group budgetv1.SpendGroup) ([]*budgetv1.Spend, error) {
	if err := x.admin(); err != nil {
		return nil, err
	}
	q, err := x.query([]string{"limit"}, nil)
	if err != nil {
		return nil, err
	}
	limit, err := positive(q, "limit", absent, 1000)
	if err != nil {
		return nil, err
	}
	spends, err := e.sum(x.r.Context(), e.lastDays(), group)
	if err != nil {
		return nil, err
	}
	return spends[:min(int64(len(spends)), limit)], nil
}

// unassigned is what LiteLLM calls the calls of no team.
const unassigned = "Unassigned"

// maxTeams is how many teams are listed under their alias.
const maxTeams = 1000

// globalSpendTeams answers `GET /global/spend/teams`: what each team spent on each of 30
// days.
func (e *Edge) globalSpendTeams(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	if _, err := x.query(nil, nil); err != nil {
		return err
	}
	ctx, f := x.r.Context(), e.lastDays()
	total, err := e.sum(ctx, f, budgetv1.SpendGroup_SPEND_GROUP_TENANT)
	if err != nil {
		return err
	}
	days, err := e.sums(ctx, f, budgetv1.SpendGroup_SPEND_GROUP_DAY)
	if err != nil {
		return err
	}
	names := make(map[string]string, len(total))
	type team struct {
		TeamID     string     `json:"team_id"`
		TotalSpend money.Nano `json:"total_spend"`
	}
	teams, listed := []team{}, []string{}
	for i, s := range total {
		name := s.GetGroup()
		if i < maxTeams {
			if name, err = e.teamName(ctx, s.GetGroup()); err != nil {
				return err
			}
		}
		if slices.Contains(listed, name) { // an alias may be given twice
			name = s.GetGroup()
		}
		names[s.GetGroup()] = name
		listed = append(listed, name)
		teams = append(teams, team{name, money.Nano(s.GetCostNanos())})
	}
	daily := []map[string]any{}
	for at := f.from; at.Before(f.to); at = at.AddDate(0, 0, 1) {
		date := at.Format(time.DateOnly)
		if _, ok := days[date]; !ok {
			continue
		}
		one := f
		one.from, one.to = at, at.AddDate(0, 0, 1)
		spent, err := e.sum(ctx, one, budgetv1.SpendGroup_SPEND_GROUP_TENANT)
		if err != nil {
			return err
		}
		row := map[string]any{}
		for _, s := range spent {
			row[names[s.GetGroup()]] = money.Nano(s.GetCostNanos())
		}
		row["date"] = date
		daily = append(daily, row)
	}
	return x.json(http.StatusOK, map[string]any{"daily_spend": daily, "teams": listed, "total_spend_per_team": teams})
}

// teamName is a team's alias, or its id.
func (e *Edge) teamName(ctx context.Context, id string) (string, error) {
	if id == "" {
		return unassigned, nil
	}
	resp, err := e.Services.Keystore.GetTenant(ctx, &keystorev1.GetTenantRequest{Id: id})
	if err != nil && !errs.Is(err, errs.NotFound) {
		return "", err
	}
	if alias := resp.GetTenant().GetAlias(); alias != "" {
		return alias, nil
	}
	return id, nil
}
