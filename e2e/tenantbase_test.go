package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
)

// TestTenantsOwnBase gives a tenant a credential with a base URL: its calls go there, and
// nobody else's do. A host that is off the allowlist is refused when it is named.
func TestTenantsOwnBase(t *testing.T) {
	t.Parallel()
	shared, own := harness.StartProviders(t), harness.StartProviders(t)
	config := shared.Config("", harness.Model{Name: "m", Upstream: "openai/gpt-4o"})
	config = strings.Replace(config, fmt.Sprintf("[%q]", shared.Addr), fmt.Sprintf("[%q, %q, models.example]", shared.Addr, own.Addr), 1)
	g := harness.Start(t, harness.Options{Config: config})
	tenant, other := g.NewTenantKey(nil), g.NewTenantKey(nil)
	const provider, secret = "openai_compatible", "credential-of-the-tenant-4711"
	g.Secret(secret)
	put := func(base string) harness.Answer {
		return g.Call(http.MethodPost, "/team/credential", harness.Call{
			Body: map[string]any{"team_id": tenant.Team, "provider": provider, "api_key": secret, "api_base": base},
		})
	}
	for base, want := range map[string]struct {
		status int
		code   string
	}{
		"https://elsewhere.example/v1":       {http.StatusForbidden, "provider_host_not_allowed"},
		"http://models.example/v1":           {http.StatusForbidden, "provider_host_not_allowed"},
		"https://169.254.169.254/v1":         {http.StatusForbidden, "provider_host_not_allowed"},
		"http://127.0.0.1:1/v1":              {http.StatusForbidden, "provider_host_not_allowed"},
		"ftp://models.example/v1":            {http.StatusForbidden, "provider_host_not_allowed"},
		"":                                   {http.StatusBadRequest, "invalid_request"},
		"models.example/v1":                  {http.StatusBadRequest, "invalid_request"},
		"https://user:pass@models.example/":  {http.StatusBadRequest, "invalid_request"},
		"https://models.example/v1?api_key=": {http.StatusBadRequest, "invalid_request"},
	} {
		e := put(base).MustBe(t, want.status, want.code).Error(t)
		if e.Param == nil || *e.Param != "api_base" {
			t.Errorf("%s: the parameter is %v", base, e.Param)
		}
	}
	calls := func(key harness.Key, wantShared, wantOwn uint64) {
		t.Helper()
		for _, body := range []map[string]any{harness.Chat("m", g.Prompt(t)), harness.ChatStream("m", g.Prompt(t))} {
			answer := g.Complete(key.Secret, body).MustBe(t, http.StatusOK)
			if got := answer.Header.Get("X-Litellm-Model-Api-Base"); got != "" {
				t.Errorf("a tenant is told that it was served at %q", got)
			}
		}
		if s, o := shared.Totals().Calls, own.Totals().Calls; s != wantShared || o != wantOwn {
			t.Errorf("the deployment's provider was called %d times and the tenant's %d times, want %d and %d", s, o, wantShared, wantOwn)
		}
	}
	calls(tenant, 2, 0)
	put("http://"+own.Addr+"/openai/v1").MustBe(t, http.StatusOK)
	harness.Eventually(t, "the credential is known", func() error {
		g.Complete(tenant.Secret, harness.Chat("m", g.Prompt(t))).MustBe(t, http.StatusOK)
		if own.Totals().Calls == 0 {
			return fmt.Errorf("the deployment's provider is called")
		}
		return nil
	})
	n := shared.Totals().Calls
	calls(tenant, n, own.Totals().Calls+2)
	for _, call := range own.Calls() {
		if call.Status != http.StatusOK {
			t.Errorf("the tenant's provider answered %d", call.Status)
		}
	}
	before := own.Totals().Calls
	g.Complete(other.Secret, harness.Chat("m", g.Prompt(t))).MustBe(t, http.StatusOK)
	if own.Totals().Calls != before {
		t.Error("another tenant's call went to the tenant's provider")
	}
	g.Call(http.MethodPost, "/team/credential/delete", harness.Call{Body: map[string]any{"team_id": tenant.Team, "provider": provider}}).
		MustBe(t, http.StatusOK)
	harness.Eventually(t, "the credential is forgotten", func() error {
		before := own.Totals().Calls
		g.Complete(tenant.Secret, harness.Chat("m", g.Prompt(t))).MustBe(t, http.StatusOK)
		if own.Totals().Calls != before {
			return fmt.Errorf("the tenant's provider is still called")
		}
		return nil
	})
}
