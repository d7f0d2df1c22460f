package e2e_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
)

// changed is what a key or team says of its last change, and of its budgets.
type changed struct {
	CreatedAt string   `json:"created_at"`
	UpdatedAt string   `json:"updated_at"`
	UpdatedBy string   `json:"updated_by"`
	KeyAlias  *string  `json:"key_alias"`
	TeamAlias *string  `json:"team_alias"`
	MaxBudget *float64 `json:"max_budget"`
}

// TestChangesAreDated changes the budget of a key and of a team: when and by whom is shown,
// and a change that is refused in part is refused whole.
func TestChangesAreDated(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	admin := g.NewKey(map[string]any{"scopes": []string{"admin"}})
	team := g.NewTeam(map[string]any{"team_alias": "before", "max_budget": 1})
	key := g.NewKey(map[string]any{"team_id": team, "key_alias": "before", "max_budget": 1})
	for path, c := range map[string]struct {
		id, name, alias string
		info            func() changed
	}{
		"/key/update": {"key", key.ID, "key_alias", func() changed {
			var of struct{ Info changed }
			g.Call(http.MethodGet, "/key/info?key="+key.ID, harness.Call{}).MustBe(t, http.StatusOK).JSON(t, &of)
			return of.Info
		}},
		"/team/update": {"team_id", team, "team_alias", func() changed {
			var of struct {
				Team changed `json:"team_info"`
			}
			g.Call(http.MethodGet, "/team/info?team_id="+team, harness.Call{}).MustBe(t, http.StatusOK).JSON(t, &of)
			return of.Team
		}},
	} {
		made := c.info()
		// Its budgets come after it, and then it may be used.
		if made.UpdatedAt < made.CreatedAt || made.UpdatedBy != "master" {
			t.Errorf("%s: made at %s, changed at %s by %q", path, made.CreatedAt, made.UpdatedAt, made.UpdatedBy)
		}
		harness.Eventually(t, "a later change is dated later", func() error {
			g.Call(http.MethodPost, path, harness.Call{Key: admin.Secret, Body: map[string]any{c.id: c.name, "max_budget": 2}}).MustBe(t, http.StatusOK)
			if c.info().UpdatedAt <= made.UpdatedAt {
				return errors.New("it is not")
			}
			return nil
		})
		if now := c.info(); now.UpdatedBy != admin.ID || now.MaxBudget == nil || *now.MaxBudget != 2 {
			t.Errorf("%s: %+v", path, now)
		}
		before := c.info()
		g.Call(http.MethodPost, path, harness.Call{Body: map[string]any{
			c.id: c.name, c.alias: "after", "budget_limits": []map[string]any{
				{"budget_duration": "1d", "max_budget": 3}, {"budget_duration": "5x", "max_budget": 4},
			},
		}}).MustBe(t, http.StatusBadRequest, "invalid_request")
		if now := c.info(); *now.MaxBudget != 2 || now.UpdatedAt != before.UpdatedAt ||
			now.KeyAlias != nil && *now.KeyAlias != "before" || now.TeamAlias != nil && *now.TeamAlias != "before" {
			t.Errorf("%s was refused, and leaves %+v", path, now)
		}
	}
	g.Call(http.MethodPost, "/key/block", harness.Call{Key: admin.Secret, Body: map[string]any{"key": key.ID}}).MustBe(t, http.StatusOK)
	var blocked struct{ Info changed }
	g.Call(http.MethodGet, "/key/info?key="+key.ID, harness.Call{}).MustBe(t, http.StatusOK).JSON(t, &blocked)
	if by := blocked.Info.UpdatedBy; by != admin.ID {
		t.Errorf("blocked by %q", by)
	}
}

// TestKeysOverRPC makes keys as curl does: a slip is refused by its place, and a key without
// limits is shown like any other.
func TestKeysOverRPC(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	issue := func(body any) harness.Answer {
		return g.Call(http.MethodPost, "/tollgate.keystore.v1.KeystoreService/IssueKey", harness.Call{Body: body})
	}
	slip := issue(map[string]any{"key": map[string]any{"alis": "rpc"}})
	if want := `unknown member \"key.alis\"; did you mean \"key.alias\"?`; slip.Status != http.StatusBadRequest || !strings.Contains(string(slip.Body), want) {
		t.Errorf("%d %s", slip.Status, slip.Body)
	}
	var made struct {
		Key    struct{ ID string }
		Secret string
	}
	issue(map[string]any{"key": map[string]any{"alias": "rpc"}}).MustBe(t, http.StatusOK).JSON(t, &made)
	g.Secret(made.Secret)
	info := g.Call(http.MethodGet, "/key/info", harness.Call{Key: made.Secret}).MustBe(t, http.StatusOK)
	if !strings.Contains(string(info.Body), `"key_alias":"rpc"`) {
		t.Errorf("it is shown as %s", info.Body)
	}
}
