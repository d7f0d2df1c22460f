package edge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
)

func (f *keystoreFake) GetKey(ctx context.Context, req *keystorev1.GetKeyRequest) (*keystorev1.GetKeyResponse, error) {
	if err := f.hangs.wait(ctx, "GetKey"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := f.keys[req.GetRef().GetId()]
	if key == nil {
		return nil, errs.New(errs.NotFound, "there is no such key").WithParam("ref") // as the keystore does
	}
	return &keystorev1.GetKeyResponse{Key: proto.CloneOf(key)}, nil
}

// UpdateKey knows three fields.
func (f *keystoreFake) UpdateKey(ctx context.Context, req *keystorev1.UpdateKeyRequest) (*keystorev1.UpdateKeyResponse, error) {
	if err := f.hangs.wait(ctx, "UpdateKey"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := f.keys[req.GetRef().GetId()]
	if slices.Contains(req.GetFields(), "alias") {
		key.Alias = req.GetKey().GetAlias()
	}
	if slices.Contains(req.GetFields(), "updated_by") {
		key.UpdatedBy = req.GetKey().GetUpdatedBy()
	}
	if slices.Contains(req.GetFields(), "blocked") {
		key.Blocked = req.GetKey().GetBlocked()
	}
	key.UpdatedMillis++
	return &keystorev1.UpdateKeyResponse{Key: proto.CloneOf(key)}, nil
}

// PutTenant is UpdateKey for tenants, and makes one.
func (f *keystoreFake) PutTenant(_ context.Context, req *keystorev1.PutTenantRequest) (*keystorev1.PutTenantResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	tenant := f.tenants[req.GetTenant().GetId()]
	if len(req.GetFields()) == 0 {
		tenant = proto.CloneOf(req.GetTenant())
		f.tenants[tenant.GetId()] = tenant
	}
	if slices.Contains(req.GetFields(), "blocked") {
		tenant.Blocked = req.GetTenant().GetBlocked()
		f.lettings++
	}
	if slices.Contains(req.GetFields(), "alias") {
		tenant.Alias = req.GetTenant().GetAlias()
	}
	if slices.Contains(req.GetFields(), "updated_by") {
		tenant.UpdatedBy = req.GetTenant().GetUpdatedBy()
	}
	tenant.UpdatedMillis++
	return &keystorev1.PutTenantResponse{Tenant: proto.CloneOf(tenant)}, nil
}

// ListTenants lists all.
func (f *keystoreFake) ListTenants(context.Context, *keystorev1.ListTenantsRequest) (*keystorev1.ListTenantsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &keystorev1.ListTenantsResponse{}
	for _, t := range f.tenants {
		out.Tenants = append(out.Tenants, proto.CloneOf(t))
	}
	return out, nil
}

func (f *budgetFake) SetBudgets(ctx context.Context, req *budgetv1.SetBudgetsRequest) (*budgetv1.SetBudgetsResponse, error) {
	if !req.GetValidateOnly() { // what is refused would be so at once
		if err := f.hangs.wait(ctx, "SetBudgets"); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sets = append(f.sets, proto.CloneOf(req))
	if f.setting != nil {
		if err := f.setting(req); err != nil {
			return nil, err
		}
	}
	return &budgetv1.SetBudgetsResponse{}, nil
}

func (f *budgetFake) ListBudgets(ctx context.Context, req *budgetv1.ListBudgetsRequest) (*budgetv1.ListBudgetsResponse, error) {
	if err := f.hangs.wait(ctx, "ListBudgets"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	out := &budgetv1.ListBudgetsResponse{}
	for _, scope := range req.GetScopes() {
		if limit, ok := f.limits[scopeOf(scope)]; ok {
			out.States = append(out.States, &budgetv1.BudgetState{Budget: &budgetv1.Budget{Id: "budget", Scope: scope, LimitNanos: limit, Window: "1d"}})
		}
	}
	return out, nil
}

func (f *budgetFake) GetSpend(_ context.Context, req *budgetv1.GetSpendRequest) (*budgetv1.GetSpendResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	out := &budgetv1.GetSpendResponse{}
	for i, scope := range req.GetScopes() {
		out.Spends = append(out.Spends, &budgetv1.Spend{Group: scope.GetId(), CostNanos: int64(i+1) * 1_000_000_000})
	}
	return out, nil
}

const opsKey = "sk-ops-0123456789abcdef"

// changes is a rig with a key, a team, and an administrator's key that changes them.
func changes(t *testing.T, change ...func(*setup)) *rig {
	t.Helper()
	r := newRig(t, change...)
	r.keystore.put(opsKey, &keystorev1.Grant{Key: &keystorev1.Key{Id: "ops", Scopes: []string{"admin"}}})
	r.keystore.tenant(&keystorev1.Tenant{Id: "acme", Alias: "before", UpdatedMillis: 1000})
	r.keystore.keys = map[string]*keystorev1.Key{"key-of-acme": {Id: "key-of-acme", TenantId: "acme", Alias: "before", UpdatedMillis: 1000}}
	return r
}

// standing is what the keystore has of the key and of the team.
func (r *rig) standing() (key, team string) {
	r.keystore.mu.Lock()
	defer r.keystore.mu.Unlock()
	k, t := r.keystore.keys["key-of-acme"], r.keystore.tenants["acme"]
	return k.GetAlias() + "/" + k.GetUpdatedBy(), t.GetAlias() + "/" + t.GetUpdatedBy()
}

// A change of a key or team and of its budgets is made whole or not at all, and says when it
// was made and by whom, also where only a budget changes.
func TestChangesAreWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fields  string
		setting func(*budgetv1.SetBudgetsRequest) error
		status  int
		says    string
		alias   string // afterwards; with who
		sets    int
	}{
		"a budget alone": {`"max_budget": 2`, nil, http.StatusOK, `"updated_by":"ops"`, "before/ops", 2},
		"both":           {`"max_budget": 2, "ALIAS": "after"`, nil, http.StatusOK, `"updated_by":"ops"`, "after/ops", 2},
		"no budget":      {`"ALIAS": "after"`, nil, http.StatusOK, `"updated_by":"ops"`, "after/ops", 0},
		"nothing":        {``, nil, http.StatusOK, `"updated_by":""`, "before/", 0},
		"a budget that is refused": {
			`"budget_limits": [{"budget_duration": "1d", "max_budget": 1}, {"budget_duration": "5x", "max_budget": 2}], "ALIAS": "after"`,
			func(*budgetv1.SetBudgetsRequest) error {
				return errs.New(errs.InvalidRequest, "no window").WithParam("budgets[1].window")
			},
			http.StatusBadRequest, `"param":"budget_limits[1].budget_duration"`, "before/", 1,
		},
		"a budget that fails behind the key": {
			`"max_budget": 2, "ALIAS": "after"`,
			func(req *budgetv1.SetBudgetsRequest) error {
				if req.GetValidateOnly() {
					return nil
				}
				return errs.New(errs.ServiceUnavailable, "away")
			},
			http.StatusServiceUnavailable, `"code":"service_unavailable"`, "before/", 2,
		},
	} {
		for _, what := range []struct{ path, id, alias string }{
			{"/key/update", `"key": "key-of-acme"`, "key_alias"}, {"/team/update", `"team_id": "acme"`, "team_alias"},
		} {
			t.Run(name+what.path, func(t *testing.T) {
				t.Parallel()
				r := changes(t)
				r.budget.setting = c.setting
				body := "{" + what.id
				if c.fields != "" {
					body += ", " + strings.ReplaceAll(c.fields, "ALIAS", what.alias)
				}
				a := r.do(http.MethodPost, what.path, call{key: opsKey, body: body + "}"})
				if a.status != c.status || !strings.Contains(a.body, c.says) {
					t.Errorf("%d %s, want %d and %s", a.status, a.body, c.status, c.says)
				}
				key, team := r.standing()
				wantKey, wantTeam := c.alias, "before/"
				if what.path == "/team/update" {
					wantKey, wantTeam = "before/", c.alias
				}
				if key != wantKey || team != wantTeam {
					t.Errorf("the key is %s and the team %s, want %s and %s", key, team, wantKey, wantTeam)
				}
				var shown struct {
					UpdatedAt string `json:"updated_at"`
				}
				if err := json.Unmarshal([]byte(a.body), &shown); err != nil {
					t.Fatal(err)
				}
				moved := shown.UpdatedAt > "1970-01-01T00:00:01.000Z"
				if want := c.status == http.StatusOK && c.fields != ""; moved != want {
					t.Errorf("updated_at is %s, moved %t, want %t", shown.UpdatedAt, moved, want)
				}
				if n := len(r.budget.sets); n != c.sets || n == 2 && (!r.budget.sets[0].GetValidateOnly() || r.budget.sets[1].GetValidateOnly()) {
					t.Errorf("budgets are set %d times: %v", n, r.budget.sets)
				}
			})
		}
	}
}

// Teams are listed with two questions to the budget service, however many they are.
func TestTeamsAreListedTogether(t *testing.T) {
	t.Parallel()
	r := changes(t)
	for i := range 50 {
		r.keystore.tenant(&keystorev1.Tenant{Id: fmt.Sprint("team", i)})
		r.budget.limit(fmt.Sprint("team", i), int64(i+1)*1_000_000_000)
	}
	a := r.do(http.MethodGet, "/team/list", call{key: opsKey})
	var teams []struct {
		ID    string   `json:"team_id"`
		Spend float64  `json:"spend"`
		Max   *float64 `json:"max_budget"`
	}
	if err := json.Unmarshal([]byte(a.body), &teams); err != nil || len(teams) != 51 {
		t.Fatalf("%d %s, %v", a.status, a.body, err)
	}
	seen := map[float64]bool{}
	for _, team := range teams {
		seen[team.Spend] = true
		n := -1
		if _, err := fmt.Sscanf(team.ID, "team%d", &n); err == nil && (team.Max == nil || *team.Max != float64(n+1)) || team.Spend == 0 {
			t.Errorf("team %s has spent %v of %v", team.ID, team.Spend, team.Max)
		}
	}
	if len(seen) != len(teams) {
		t.Errorf("%d teams share %d sums", len(teams), len(seen))
	}
	if r.budget.asked != 2 {
		t.Errorf("the budget service is asked %d times", r.budget.asked)
	}
}
