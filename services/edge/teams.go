package edge

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
)

// teamRoutes are LiteLLM's team management routes. A team is a tenant here.
func (e *Edge) teamRoutes() []route {
	return inTime(
		route{http.MethodPost, "/team/new", e.newTeam},
		route{http.MethodPost, "/team/update", e.updateTeam},
		route{http.MethodPost, "/team/delete", e.deleteTeams},
		route{http.MethodGet, "/team/info", e.teamInfo},
		route{http.MethodGet, "/team/list", e.listTeams},
		route{http.MethodPost, "/team/credential", e.putCredential},
		route{http.MethodPost, "/team/credential/delete", e.deleteCredential},
	)
}

// teamRequest is the body of `/team/new` and `/team/update`.
type teamRequest struct {
	limitsRequest

	TeamID       *string           `json:"team_id"`
	TeamAlias    *string           `json:"team_alias"`
	PlatformID   *string           `json:"platform_id"`
	Members      []member          `json:"members_with_roles"`
	ModelAliases map[string]string `json:"model_aliases"`
}

// beyond is what LiteLLM's clients send besides, and what they may send back of an answer
// (litellm/proxy/_types.py, NewTeamRequest, UpdateTeamRequest and their answers, November
// 2026).
func (teamRequest) beyond() contract {
	return contract{
		ignored: []string{
			"organization_id", "admins", "members", "team_member_permissions", "router_settings", "guardrails", "policies",
			"prompts", "object_permission", "allowed_passthrough_routes", "secret_manager_settings", "rpm_limit_type",
			"tpm_limit_type", "team_member_key_duration", "team_member_budget_duration", "allowed_vector_store_indexes",
			"enforced_batch_output_expires_after", "enforced_file_expires_after", "default_team_member_models",
			"spend", "budget_reset_at", "created_at", "updated_at", "updated_by", "model_id", "litellm_model_table", "object_permission_id",
			"credential_providers", "keys", "team_memberships",
		},
		refused: []string{
			"team_member_budget", "team_member_rpm_limit", "team_member_tpm_limit", "budget_id", "model_max_budget",
			"access_group_ids",
		},
	}
}

// member is a person of a team.
type member struct {
	Role   string `json:"role"`
	UserID string `json:"user_id"`
}

func (member) beyond() contract { return contract{ignored: []string{"user_email"}} }

// apply puts the request's values into a tenant and names the fields that it set.
func (r *teamRequest) apply(t *keystorev1.Tenant) (fields []string) {
	set := func(name string) { fields = append(fields, name) }
	if r.TeamAlias != nil {
		t.Alias = *r.TeamAlias
		set("alias")
	}
	if r.PlatformID != nil {
		t.PlatformId = *r.PlatformID
		set("platform_id")
	}
	if t.Limits == nil {
		t.Limits = &keystorev1.Limits{}
	}
	fields = append(fields, r.applyLimits(t.Limits)...)
	if r.Blocked != nil {
		t.Blocked = *r.Blocked
		set("blocked")
	}
	if r.Metadata != nil {
		t.Metadata = r.Metadata
		set("metadata")
	}
	if r.Tags != nil {
		t.Tags = r.Tags
		set("tags")
	}
	if r.ModelAliases != nil {
		t.Aliases = r.ModelAliases
		set("aliases")
	}
	if r.Cache != nil {
		t.Cache = r.Cache.policy()
		set("cache")
	}
	if r.Compression != nil {
		t.CompressionProfile = *r.Compression
		set("compression_profile")
	}
	if r.Members != nil {
		t.Members = nil
		for _, m := range r.Members {
			t.Members = append(t.Members, &keystorev1.Member{UserId: m.UserID, Role: m.Role})
		}
		set("members")
	}
	return fields
}

// teamView is a tenant in LiteLLM's form.
type teamView struct {
	TeamID        string            `json:"team_id"`
	TeamAlias     *string           `json:"team_alias"`
	PlatformID    *string           `json:"platform_id"`
	Spend         money.Nano        `json:"spend"`
	Models        []string          `json:"models"`
	ModelAliases  map[string]string `json:"model_aliases"`
	AllowedRoutes []string          `json:"allowed_routes"`
	Metadata      json.RawMessage   `json:"metadata"`
	Tags          []string          `json:"tags"`
	Blocked       bool              `json:"blocked"`
	Members       []member          `json:"members_with_roles"`
	Providers     []string          `json:"credential_providers"`
	policyView
	limitsView
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	UpdatedBy string `json:"updated_by"`
}

func (e *Edge) teamView(ctx context.Context, t *keystorev1.Tenant) (*teamView, error) {
	views, err := e.teamViews(ctx, []*keystorev1.Tenant{t})
	if err != nil {
		return nil, err
	}
	return views[0], nil
}

// teamViews shows teams, with two questions to the budget service however many they are.
func (e *Edge) teamViews(ctx context.Context, teams []*keystorev1.Tenant) ([]*teamView, error) {
	views := make([]*teamView, len(teams))
	if len(teams) == 0 {
		return views, nil
	}
	scopes := make([]*budgetv1.Scope, len(teams))
	for i, t := range teams {
		scopes[i] = tenantScope(t.GetId())
	}
	budgets, spend, err := e.accounts(ctx, scopes, budgetv1.SpendGroup_SPEND_GROUP_TENANT)
	if err != nil {
		return nil, err
	}
	for i, t := range teams {
		views[i] = teamOf(t, budgets[t.GetId()], spend[t.GetId()])
	}
	return views, nil
}

// teamOf shows a team with its budgets and what it spent.
func teamOf(t *keystorev1.Tenant, budgets []*budgetv1.BudgetState, spend money.Nano) *teamView {
	v := &teamView{
		TeamID: t.GetId(), TeamAlias: optional(t.GetAlias()), PlatformID: optional(t.GetPlatformId()), Spend: spend,
		Models: list(t.GetLimits().GetModels()), ModelAliases: mapping(t.GetAliases()),
		AllowedRoutes: list(t.GetLimits().GetRoutes()), Metadata: object(t.GetMetadata()), Tags: list(t.GetTags()),
		Blocked: t.GetBlocked(), Members: []member{}, Providers: list(t.GetCredentialProviders()),
		policyView: showPolicy(t.GetCache(), t.GetCompressionProfile()), limitsView: showLimits(budgets, t.GetLimits()),
		CreatedAt: timeText(t.GetCreatedMillis()), UpdatedAt: timeText(t.GetUpdatedMillis()),
		UpdatedBy: t.GetUpdatedBy(),
	}
	for _, m := range t.GetMembers() {
		v.Members = append(v.Members, member{Role: m.GetRole(), UserID: m.GetUserId()})
	}
	return v
}

// newTeam answers `POST /team/new`.
func (e *Edge) newTeam(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req teamRequest
	if err := x.decodeLimits(&req, &req.limitsRequest); err != nil {
		return err
	}
	if err := req.complete(nil); err != nil {
		return err
	}
	tenant := &keystorev1.Tenant{UpdatedBy: x.principal.KeyID}
	if req.TeamID != nil {
		tenant.Id = *req.TeamID
	}
	req.apply(tenant)
	held := holdBack(&req.limitsRequest, &tenant.Blocked)
	ctx := x.r.Context()
	resp, err := e.Services.Keystore.PutTenant(ctx, &keystorev1.PutTenantRequest{Tenant: tenant})
	if err != nil {
		return err
	}
	id, made := resp.GetTenant().GetId(), resp.GetTenant()
	if err = e.putBudgets(ctx, tenantScope(id), &req.limitsRequest); err == nil && held {
		made, err = e.letGoTeam(ctx, id, x.principal.KeyID)
	}
	if err != nil {
		// A team without its budgets must not stay, nor may one that has a part of them.
		undo, cancel := e.undoing(ctx)
		defer cancel()
		_, derr := e.removeTeams(undo, []string{id}, x.principal.KeyID)
		return errors.Join(err, derr)
	}
	return x.showTeam(made)
}

// updateTeam answers `POST /team/update`.
func (e *Edge) updateTeam(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req teamRequest
	if err := x.decodeLimits(&req, &req.limitsRequest); err != nil {
		return err
	}
	if req.TeamID == nil || *req.TeamID == "" {
		return errs.New(errs.InvalidRequest, "team_id is needed").WithParam("team_id")
	}
	tenant, err := e.changeTeam(x.r.Context(), *req.TeamID, &req, x.principal.KeyID)
	if err != nil {
		return err
	}
	return x.showTeam(tenant)
}

// changeTeam is changeKey for teams.
func (e *Edge) changeTeam(ctx context.Context, id string, req *teamRequest, by string) (*keystorev1.Tenant, error) {
	tenant := &keystorev1.Tenant{Id: id, UpdatedBy: by}
	fields := req.apply(tenant)
	before, err := e.findTeam(ctx, id)
	if err != nil || len(fields) == 0 && !req.setsBudgets() {
		return before, err
	}
	budgets, err := e.budgets(ctx, tenantScope(id), &req.limitsRequest)
	if err == nil {
		err = e.checkBudgets(ctx, budgets)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := unbroken(ctx)
	defer cancel()
	fields = append(fields, "updated_by")
	held := before.GetBlocked() && slices.Contains(fields, "blocked") && holdBack(&req.limitsRequest, &tenant.Blocked)
	resp, err := e.Services.Keystore.PutTenant(ctx, &keystorev1.PutTenantRequest{Tenant: tenant, Fields: fields})
	if err != nil {
		return nil, err
	}
	defer e.Keys.Changed("", id)
	if err := e.setBudgets(ctx, budgets, false); err != nil {
		undo, cancel := e.undoing(ctx)
		defer cancel()
		now, uerr := e.findTeam(undo, id)
		switch {
		case uerr != nil:
		case now.GetUpdatedMillis() != resp.GetTenant().GetUpdatedMillis() || now.GetUpdatedBy() != by:
			e.Log.WarnContext(ctx, "a team was changed again while its budgets failed: it keeps the new values", "tenant_id", id)
		default:
			_, uerr = e.Services.Keystore.PutTenant(undo, &keystorev1.PutTenantRequest{Tenant: before, Fields: fields})
		}
		return nil, errors.Join(err, uerr)
	}
	if held {
		return e.letGoTeam(ctx, id, by)
	}
	return resp.GetTenant(), nil
}

func (x *exchange) showTeam(tenant *keystorev1.Tenant) error {
	view, err := x.e.teamView(x.r.Context(), tenant)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, view)
}

// deleteTeams answers `POST /team/delete`. A team's keys and credentials go with it;
// what it spent stays in the ledger.
func (e *Edge) deleteTeams(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req struct {
		TeamIDs []string `json:"team_ids"`
	}
	if err := x.decode(&req); err != nil {
		return err
	}
	if len(req.TeamIDs) == 0 {
		return errs.New(errs.InvalidRequest, "team_ids is needed").WithParam("team_ids")
	}
	ids := unique(req.TeamIDs)
	gone, err := e.removeTeams(x.r.Context(), ids, x.principal.KeyID)
	if err != nil {
		return err
	}
	answer := map[string]any{"deleted_teams": ids, "deleted_keys": list(gone.keys)}
	if len(gone.cached) > 0 {
		answer["cached_answers_left"] = gone.cached
	}
	return x.json(http.StatusOK, answer)
}

// teamInfo answers `GET /team/info?team_id=`. A key may ask about its own team.
func (e *Edge) teamInfo(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	q, err := x.query([]string{"team_id"}, nil)
	if err != nil {
		return err
	}
	id := q.Get("team_id")
	if id == "" {
		id = x.principal.TenantID
	}
	if id == "" {
		return errs.New(errs.InvalidRequest, "team_id is needed").WithParam("team_id")
	}
	if !x.principal.Admin && id != x.principal.TenantID {
		return errs.New(errs.TenantMismatch, "the team is another tenant")
	}
	ctx := x.r.Context()
	tenant, err := e.findTeam(ctx, id)
	if err != nil {
		return err
	}
	view, err := e.teamView(ctx, tenant)
	if err != nil {
		return err
	}
	keys, err := e.Services.Keystore.ListKeys(ctx, &keystorev1.ListKeysRequest{TenantId: id, Limit: 1000})
	if err != nil {
		return err
	}
	shown, err := e.keyViews(ctx, keys.GetKeys())
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, map[string]any{"team_id": id, "team_info": view, "keys": shown})
}

// listTeams answers `GET /team/list` with an array, as LiteLLM does. `?limit=&cursor=`
// pages through it; the next page's cursor is in the header X-Next-Cursor.
func (e *Edge) listTeams(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	q, err := x.query([]string{"limit", "cursor"}, []string{"user_id", "organization_id"})
	if err != nil {
		return err
	}
	limit, err := positive(q, "limit", 100, 1000)
	if err != nil {
		return err
	}
	ctx := x.r.Context()
	resp, err := e.Services.Keystore.ListTenants(ctx, &keystorev1.ListTenantsRequest{
		Limit: int32(limit), Cursor: q.Get("cursor"), //nolint:gosec // bounded
	})
	if err != nil {
		return err
	}
	views, err := e.teamViews(ctx, resp.GetTenants())
	if err != nil {
		return err
	}
	if next := resp.GetNextCursor(); next != "" {
		x.w.Header().Set("X-Next-Cursor", next)
	}
	return x.json(http.StatusOK, views)
}

// credentialName names a provider credential that a tenant brings.
type credentialName struct {
	TeamID   string `json:"team_id"`
	Provider string `json:"provider"`
}

// compatible is the provider of models at servers that speak OpenAI's format. It has no host
// of its own, and a credential goes to a host that is known.
const compatible = "openai_compatible"

// putCredential answers `POST /team/credential`. The key is never shown again.
func (e *Edge) putCredential(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req struct {
		credentialName

		APIKey  string `json:"api_key"`
		APIBase string `json:"api_base"`
	}
	if err := x.decode(&req); err != nil {
		return err
	}
	if !e.hasProvider(req.Provider) {
		return errs.Newf(errs.InvalidRequest, "no model here is served by the provider %q", shown(req.Provider)).WithParam("provider")
	}
	if req.Provider == compatible && req.APIBase == "" {
		return errs.Newf(errs.InvalidRequest, "the provider %q has no host of its own: say where the key is for", compatible).WithParam("api_base")
	}
	if err := e.allowBase(req.APIBase); err != nil {
		return err
	}
	_, err := e.Services.Keystore.PutCredential(x.r.Context(), &keystorev1.PutCredentialRequest{
		TenantId: req.TeamID, Provider: req.Provider, ApiKey: req.APIKey, ApiBase: req.APIBase,
	})
	if err != nil {
		return err
	}
	e.credentialChanged(x.r.Context(), req.TeamID)
	return x.json(http.StatusOK, struct {
		credentialName

		APIBase string `json:"api_base,omitempty"`
	}{req.credentialName, req.APIBase})
}

// allowBase checks a tenant's base URL against the hosts that may be called. The dialer
// holds calls to the list as well; here the fault shows where it is made.
func (e *Edge) allowBase(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return errs.New(errs.InvalidRequest, "api_base is no http or https URL").WithParam("api_base")
	}
	err = errs.New(errs.ProviderHostNotAllowed, "no base URLs of tenants are allowed here")
	if e.opts.AllowsBase != nil {
		err = e.opts.AllowsBase(u)
	}
	if e := errs.Of(err); e != nil {
		return e.WithParam("api_base")
	}
	return nil
}

// deleteCredential answers `POST /team/credential/delete`.
func (e *Edge) deleteCredential(x *exchange) error {
	if err := x.admin(); err != nil {
		return err
	}
	var req credentialName
	if err := x.decode(&req); err != nil {
		return err
	}
	_, err := e.Services.Keystore.DeleteCredential(x.r.Context(), &keystorev1.DeleteCredentialRequest{
		TenantId: req.TeamID, Provider: req.Provider,
	})
	if err != nil {
		return err
	}
	e.credentialChanged(x.r.Context(), req.TeamID)
	return x.json(http.StatusOK, req)
}

// credentialChanged has a team's next calls go by its new credential. That may lead to another
// server, whose answers those of the former one are not: they are forgotten. Of which models they are,
// the credential does not say.
func (e *Edge) credentialChanged(ctx context.Context, team string) {
	e.Keys.Changed("", team)
	e.purgeTeams(ctx, []string{team})
}

func (e *Edge) findTeam(ctx context.Context, id string) (*keystorev1.Tenant, error) {
	resp, err := e.Services.Keystore.GetTenant(ctx, &keystorev1.GetTenantRequest{Id: id})
	return resp.GetTenant(), err
}

// hasProvider says whether a deployment is served by a provider.
func (e *Edge) hasProvider(provider string) bool {
	for _, m := range e.models.Load().byName {
		for _, d := range m.deployments {
			if d.GetProvider() == provider {
				return true
			}
		}
	}
	return false
}
