package edge_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
)

// ListKeys lists a tenant's.
func (f *keystoreFake) ListKeys(_ context.Context, req *keystorev1.ListKeysRequest) (*keystorev1.ListKeysResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &keystorev1.ListKeysResponse{}
	for _, key := range f.keys {
		if key.GetTenantId() == req.GetTenantId() && req.GetOffset() == 0 {
			out.Keys = append(out.Keys, proto.CloneOf(key))
		}
	}
	return out, nil
}

func (f *budgetFake) DeleteBudgets(_ context.Context, req *budgetv1.DeleteBudgetsRequest) (*budgetv1.DeleteBudgetsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deleting != nil {
		return nil, f.deleting
	}
	for _, scope := range req.GetScopes() {
		delete(f.limits, scopeOf(scope))
	}
	return &budgetv1.DeleteBudgetsResponse{}, nil
}

// A removal that fails half-way, at either service, leaves nothing that spends without its
// budgets, and no budgets that nobody can find: a repeat finishes it.
func TestRemovalsCanBeRepeated(t *testing.T) {
	t.Parallel()
	away := errs.New(errs.ServiceUnavailable, "away")
	budgetsOf := map[string][]*budgetv1.Scope{
		"key-of-acme": {{Kind: budgetv1.ScopeKind_SCOPE_KIND_KEY, Id: "key-of-acme"}},
		"acme": {
			{Kind: budgetv1.ScopeKind_SCOPE_KIND_KEY, Id: "key-of-acme"}, {Kind: budgetv1.ScopeKind_SCOPE_KIND_TENANT, Id: "acme"},
			{Kind: budgetv1.ScopeKind_SCOPE_KIND_USER, Id: "acme/ann"}, {Kind: budgetv1.ScopeKind_SCOPE_KIND_USER, Id: "acme/bob"},
		},
	}
	for name, c := range map[string]struct{ path, body, id string }{
		"a key":  {"/key/delete", `{"keys": ["key-of-acme"]}`, "key-of-acme"},
		"a team": {"/team/delete", `{"team_ids": ["acme"]}`, "acme"},
	} {
		for _, atBudgets := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := changes(t)
				r.keystore.keys["key-of-acme"].UserId = "ann"
				r.keystore.tenants["acme"].Members = []*keystorev1.Member{{UserId: "bob"}, {UserId: "ann"}}
				for _, scope := range budgetsOf[c.id] {
					r.budget.limits[scopeOf(scope)] = 1
				}
				standing := func() bool {
					r.keystore.mu.Lock()
					defer r.keystore.mu.Unlock()
					return r.keystore.keys[c.id] != nil || r.keystore.tenants[c.id] != nil
				}
				failing := func(err error) {
					if atBudgets {
						r.budget.deleting = err
					} else {
						r.keystore.deleting = err
					}
				}
				failing(away)
				if a := r.do(http.MethodPost, c.path, call{key: opsKey, body: c.body}); a.status != http.StatusServiceUnavailable {
					t.Fatalf("%d %s", a.status, a.body)
				}
				if !standing() || !r.keystore.blocked(c.id) {
					t.Errorf("it stands: %t, blocked: %t", standing(), r.keystore.blocked(c.id))
				}
				failing(nil)
				if a := r.do(http.MethodPost, c.path, call{key: opsKey, body: c.body}); a.status != http.StatusOK {
					t.Fatalf("the repeat: %d %s", a.status, a.body)
				}
				if standing() || len(r.budget.limits) != 0 {
					t.Errorf("it stands: %t, with budgets %v", standing(), r.budget.limits)
				}
				if a := r.do(http.MethodPost, c.path, call{key: opsKey, body: c.body}); a.status != http.StatusNotFound {
					t.Errorf("once more: %d %s", a.status, a.body)
				}
			})
		}
	}
}

// A removal whose answer was lost is asked for again by the mesh, and finds nothing: it goes on
// to the budgets all the same.
func TestARemovalThatIsAskedTwice(t *testing.T) {
	t.Parallel()
	for path, body := range map[string]string{
		"/key/delete": `{"keys": ["key-of-acme"]}`, "/team/delete": `{"team_ids": ["acme"]}`,
	} {
		r := changes(t)
		r.keystore.lost = errs.New(errs.NotFound, "there is no such thing")
		if a := r.do(http.MethodPost, path, call{key: opsKey, body: body}); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
		if a := r.do(http.MethodPost, path, call{key: opsKey, body: body}); a.status != http.StatusNotFound {
			t.Errorf("%s, once more: %d %s", path, a.status, a.body)
		}
	}
}

// Taking a change back does not overwrite what somebody else has changed since.
func TestTakingBackSparesOthers(t *testing.T) {
	t.Parallel()
	for path, body := range map[string]string{
		"/key/update":  `{"key": "key-of-acme", "max_budget": 2, "key_alias": "after"}`,
		"/team/update": `{"team_id": "acme", "max_budget": 2, "team_alias": "after"}`,
	} {
		r := changes(t)
		r.budget.setting = func(req *budgetv1.SetBudgetsRequest) error {
			if req.GetValidateOnly() {
				return nil
			}
			r.keystore.mu.Lock()
			defer r.keystore.mu.Unlock()
			if key := r.keystore.keys["key-of-acme"]; path == "/key/update" {
				key.Alias, key.UpdatedBy, key.UpdatedMillis = "theirs", "them", key.UpdatedMillis+1
			} else {
				team := r.keystore.tenants["acme"]
				team.Alias, team.UpdatedBy, team.UpdatedMillis = "theirs", "them", team.UpdatedMillis+1
			}
			return errs.New(errs.ServiceUnavailable, "away")
		}
		if a := r.do(http.MethodPost, path, call{key: opsKey, body: body}); a.status != http.StatusServiceUnavailable {
			t.Errorf("%d %s", a.status, a.body)
		}
		key, team := r.standing()
		if got := map[string]string{"/key/update": key, "/team/update": team}[path]; got != "theirs/them" {
			t.Errorf("%s: %s is left", path, got)
		}
	}
}

// The answers of a team go with it: one that is made anew under its id must not find them. A
// cache that is away keeps no team; which teams' answers are left is told.
func TestATeamsAnswersGoWithIt(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]error{"the cache is there": nil, "the cache is away": errs.New(errs.ServiceUnavailable, "away")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := changes(t)
			r.complete(chat("Hi"))
			eventually(t, "the answer is kept", func() bool { return r.cache.kept() == 1 })
			r.cache.mu.Lock()
			r.cache.away = away
			r.cache.mu.Unlock()
			a := r.do(http.MethodPost, "/team/delete", call{key: opsKey, body: `{"team_ids": ["acme"]}`})
			if told := strings.Contains(a.body, `"cached_answers_left":["acme"]`); a.status != http.StatusOK || told != (away != nil) {
				t.Errorf("%d %s", a.status, a.body)
			}
			if left := r.cache.kept() > 0; left != (away != nil) {
				t.Errorf("answers are left: %t", left)
			}
		})
	}
}
