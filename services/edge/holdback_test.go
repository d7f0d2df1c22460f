package edge_test

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
)

// IssueKey makes a key that can be presented at once.
func (f *keystoreFake) IssueKey(_ context.Context, req *keystorev1.IssueKeyRequest) (*keystorev1.IssueKeyResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := proto.CloneOf(req.GetKey())
	key.Id = "made"
	f.keys[key.GetId()] = key
	h := sha256.Sum256([]byte(req.GetSecret()))
	f.grants[string(h[:])] = &keystorev1.Grant{Key: key}
	return &keystorev1.IssueKeyResponse{Key: proto.CloneOf(key), Secret: req.GetSecret()}, nil
}

func (f *keystoreFake) SetKeyBlocked(ctx context.Context, req *keystorev1.SetKeyBlockedRequest) (*keystorev1.SetKeyBlockedResponse, error) {
	if err := f.hangs.wait(ctx, "SetKeyBlocked"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lettings++
	key := f.keys[req.GetRef().GetId()]
	key.Blocked, key.UpdatedBy = req.GetBlocked(), req.GetUpdatedBy()
	return &keystorev1.SetKeyBlockedResponse{Key: proto.CloneOf(key)}, nil
}

func (f *keystoreFake) DeleteKeys(_ context.Context, req *keystorev1.DeleteKeysRequest) (*keystorev1.DeleteKeysResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deleting != nil {
		return nil, f.deleting
	}
	out := &keystorev1.DeleteKeysResponse{}
	for _, ref := range req.GetRefs() {
		delete(f.keys, ref.GetId())
		out.Ids = append(out.Ids, ref.GetId())
	}
	return out, f.lost
}

// DeleteTenants removes their keys as well.
func (f *keystoreFake) DeleteTenants(_ context.Context, req *keystorev1.DeleteTenantsRequest) (*keystorev1.DeleteTenantsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.deleting != nil {
		return nil, f.deleting
	}
	out := &keystorev1.DeleteTenantsResponse{Ids: req.GetIds()}
	for _, id := range req.GetIds() {
		delete(f.tenants, id)
		for _, key := range f.keys {
			if key.GetTenantId() == id {
				delete(f.keys, key.GetId())
				out.KeyIds = append(out.KeyIds, key.GetId())
			}
		}
	}
	return out, f.lost
}

// blocked says whether the key or team that a test makes or changes is.
func (f *keystoreFake) blocked(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.tenants[id]; t != nil {
		return t.GetBlocked()
	}
	return f.keys[id].GetBlocked()
}

const madeKey = "sk-made-0123456789abcdef"

// Whatever is about to get budgets cannot spend without them, should the process end in
// between; when the answer is there, it can.
func TestNothingWorksWithoutItsBudgets(t *testing.T) {
	t.Parallel()
	away := errs.New(errs.ServiceUnavailable, "away")
	for name, c := range map[string]struct {
		path, body, id string
		// was says that it is blocked before; stays that it is to stay so.
		was, stays bool
		lettings   int
	}{
		"a key":                      {"/key/generate", `{"key": "` + madeKey + `", "max_budget": 1}`, "made", false, false, 1},
		"a key that only reports":    {"/key/generate", `{"key": "` + madeKey + `", "soft_budget": 1}`, "made", false, false, 1},
		"a key that is blocked":      {"/key/generate", `{"key": "` + madeKey + `", "max_budget": 1, "blocked": true}`, "made", false, true, 0},
		"a key that is let go":       {"/key/update", `{"key": "key-of-acme", "max_budget": 1, "blocked": false}`, "key-of-acme", true, false, 1},
		"a key that stays blocked":   {"/key/update", `{"key": "key-of-acme", "max_budget": 1}`, "key-of-acme", true, true, 0},
		"a team":                     {"/team/new", `{"team_id": "new", "max_budget": 1}`, "new", false, false, 1},
		"a team of several windows":  {"/team/new", `{"team_id": "new", "budget_limits": [{"budget_duration": "1d", "max_budget": 1}]}`, "new", false, false, 1},
		"a team that is let go":      {"/team/update", `{"team_id": "acme", "max_budget": 1, "blocked": false}`, "acme", true, false, 2},
		"a team that is blocked now": {"/team/update", `{"team_id": "acme", "max_budget": 1, "blocked": true}`, "acme", false, true, 1},
	} {
		for _, fails := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := changes(t)
				r.keystore.keys["key-of-acme"].Blocked, r.keystore.tenants["acme"].Blocked = c.was, c.was
				r.keystore.deleting = away // as when the process ends
				between := false
				r.budget.setting = func(req *budgetv1.SetBudgetsRequest) error {
					if req.GetValidateOnly() {
						return nil
					}
					between = true
					if !r.keystore.blocked(c.id) {
						t.Error("it works before it has its budgets")
					}
					if c.id == "made" { // somebody is early
						if a := r.do(http.MethodGet, "/v1/models", call{key: madeKey}); a.reason() != "key_blocked" {
							t.Errorf("an early call has %d %s", a.status, a.body)
						}
					}
					if fails {
						return away
					}
					return nil
				}
				a := r.do(http.MethodPost, c.path, call{key: opsKey, body: c.body})
				if !between {
					t.Fatalf("no budget was set: %d %s", a.status, a.body)
				}
				if fails {
					if a.status != http.StatusServiceUnavailable || r.keystore.blocked(c.id) != (c.was || strings.Contains(c.path, "generate") || strings.Contains(c.path, "new")) {
						t.Errorf("%d %s, blocked: %t", a.status, a.body, r.keystore.blocked(c.id))
					}
					return
				}
				if a.status != http.StatusOK || r.keystore.blocked(c.id) != c.stays || strings.Contains(a.body, `"blocked":true`) != c.stays {
					t.Errorf("%d %s, blocked: %t", a.status, a.body, r.keystore.blocked(c.id))
				}
				if r.keystore.lettings != c.lettings {
					t.Errorf("let go %d times, want %d", r.keystore.lettings, c.lettings)
				}
				if c.id != "made" || c.stays {
					return
				}
				if a := r.do(http.MethodGet, "/v1/models", call{key: madeKey}); a.status != http.StatusOK {
					t.Errorf("the key that was answered has %d %s", a.status, a.body)
				}
			})
		}
	}
}

// What gets no budgets is made in one step.
func TestWithoutBudgetsNothingIsHeldBack(t *testing.T) {
	t.Parallel()
	r := changes(t)
	for path, body := range map[string]string{"/key/generate": `{"key": "` + madeKey + `"}`, "/team/new": `{"team_id": "new"}`} {
		if a := r.do(http.MethodPost, path, call{key: opsKey, body: body}); a.status != http.StatusOK {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if r.keystore.lettings != 0 || r.keystore.blocked("made") || r.keystore.blocked("new") {
		t.Errorf("let go %d times", r.keystore.lettings)
	}
}
