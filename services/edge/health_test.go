package edge_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/obs"
)

// TestReadinessNamesNoCause has dependencies that are away, for reasons that tell where
// they are: only admins learn more than that they are away.
func TestReadinessNamesNoCause(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(s *setup) {
		s.checks = []obs.Check{
			{Name: "database", Required: true, Run: func(context.Context) error { return errors.New("user=tollgate host=db.internal:5432") }},
			{Name: "redis", Run: func(context.Context) error { return nil }},
		}
	})
	open, known := r.do(http.MethodGet, "/health/readiness", call{}), r.do(http.MethodGet, "/health", call{key: masterKey})
	tenant := r.do(http.MethodGet, "/health", call{key: acmeKey})
	if strings.Contains(tenant.body, "db.internal") || strings.Contains(tenant.body, "api.openai.com") || !strings.Contains(tenant.body, `"name":"database","status":"down"`) {
		t.Errorf("with a tenant's key: %s", tenant.body)
	}
	if open.status != http.StatusServiceUnavailable || strings.Contains(open.body, "db.internal") || strings.Contains(open.body, "error") {
		t.Errorf("without a key: %d %s", open.status, open.body)
	}
	for _, want := range []string{`"db":"disconnected"`, `"name":"database","status":"down"`, `"name":"redis","status":"up"`} {
		if !strings.Contains(open.body, want) {
			t.Errorf("%s is not in %s", want, open.body)
		}
	}
	if !strings.Contains(known.body, "db.internal") || !strings.Contains(known.body, "api.openai.com") {
		t.Errorf("with the master key: %s", known.body)
	}
}

// Readiness names where answers are kept, also at an edge whose answers another process keeps.
func TestReadinessNamesTheCache(t *testing.T) {
	t.Parallel()
	for shared, want := range map[bool]string{false: `"cache":"local"`, true: `"cache":"redis"`} {
		r := newRig(t, func(s *setup) { s.options.SharedCache = shared })
		if a := r.do(http.MethodGet, "/health/readiness", call{}); a.status != http.StatusOK || !strings.Contains(a.body, want) {
			t.Errorf("%d %s, want %s", a.status, a.body, want)
		}
	}
}

// Where a deployment is, no tenant learns: neither from an answer, whole or streamed, nor from
// what is told of the models.
func TestOnlyAdminsLearnOfBases(t *testing.T) {
	t.Parallel()
	const base = "https://api.openai.com/v1"
	r := newRig(t)
	for _, c := range []struct {
		key  string
		sees bool
	}{{acmeKey, false}, {masterKey, true}} {
		for _, body := range []string{chat(c.key), chat("Again "+c.key, streamed)} {
			want := ""
			if c.sees {
				want = base
			}
			if a := r.do(http.MethodPost, chatPath, call{key: c.key, body: body}); a.status != http.StatusOK || a.header.Get("X-Litellm-Model-Api-Base") != want {
				t.Errorf("%s: %d, at %q, want %q", c.key, a.status, a.header.Get("X-Litellm-Model-Api-Base"), want)
			}
		}
		for _, path := range []string{"/model/info", "/health"} {
			if a := r.do(http.MethodGet, path, call{key: c.key}); a.status != http.StatusOK || strings.Contains(a.body, base) != c.sees {
				t.Errorf("%s of %s: %d %s", path, c.key, a.status, a.body)
			}
		}
	}
}

// TestHealthChangesNothing asks for the health while the router has other models: it tells
// who rests by now, and callers go on by the table that there is.
func TestHealthChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	until := r.clock.Now().Add(time.Minute).UnixMilli()
	r.router.mu.Lock()
	r.router.models = []*routerv1.Model{
		{Name: "m", Deployments: []*routerv1.Deployment{{Id: "m-1", Provider: "openai", UpstreamModel: "m-1", CooldownUntilMillis: until}}},
		{Name: "new", Deployments: []*routerv1.Deployment{{Id: "new-1", Provider: "openai", UpstreamModel: "m-1"}}},
	}
	r.router.mu.Unlock()
	a := r.do(http.MethodGet, "/health", call{key: acmeKey})
	if !strings.Contains(a.body, `"unhealthy_count":1`) || !strings.Contains(a.body, `"healthy_count":0`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if models := r.do(http.MethodGet, "/v1/models", call{key: acmeKey}); strings.Contains(models.body, "new") {
		t.Errorf("asking for the health replaced the models: %s", models.body)
	}
	must(t, r.edge.RefreshModels(t.Context()))
	if models := r.do(http.MethodGet, "/v1/models", call{key: acmeKey}); !strings.Contains(models.body, "new") {
		t.Errorf("the models are not read again: %s", models.body)
	}
}
