package edge_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
)

const (
	omittedPath = "/v1/compressions/omitted/"
	omittedName = "0123456789abcdef" // acme's, at the fake
)

// TestWhoFetchesWhat fetches what was left out of prompts: a key that of its own tenant, an
// administrator anybody's, and a key that may only look, nothing.
func TestWhoFetchesWhat(t *testing.T) {
	t.Parallel()
	const found = `{"name":"` + omittedName + `","text":"left out"}`
	const none = `{"error":{"code":"not_found","message":"nothing of that name was left out, or it is there no more","type":"invalid_request_error","param":null,"details":{}}}`
	keys := map[string]*keystorev1.Key{
		"sk-globex-0123456789abcdef": {Id: "key-of-globex", TenantId: "globex"},
		"sk-ops-0123456789abcdef":    {Id: "key-of-ops", Scopes: []string{"admin"}},
		"sk-acts-0123456789abcdef":   {Id: "key-that-acts", TenantId: "globex", Scopes: []string{"act_as_tenant"}},
		"sk-looks-0123456789abcdef":  {Id: "key-that-looks", TenantId: "acme", Scopes: []string{"read_only"}},
		"sk-models-0123456789abcdef": {Id: "key-of-models", TenantId: "acme", Limits: &keystorev1.Limits{Routes: []string{"llm_api_routes"}}},
		"sk-chats-0123456789abcdef":  {Id: "key-that-chats", TenantId: "acme", Limits: &keystorev1.Limits{Routes: []string{"/v1/chat/completions"}}},
	}
	asAcme := map[string]string{"X-Tenant-Id": "acme"}
	for name, tc := range map[string]struct {
		key, path string
		header    map[string]string
		status    int
		body      string // or the reason of a refusal that is no 404
	}{
		"its tenant's":                        {acmeKey, omittedName, nil, 200, found},
		"its tenant's, which it names":        {acmeKey, omittedName + "?tenant_id=acme", nil, 200, found},
		"without the version":                 {"sk-models-0123456789abcdef", omittedName, nil, 200, found},
		"another name":                        {acmeKey, "fedcba9876543210", nil, 404, none},
		"a name that is none":                 {acmeKey, "a%2F..%2Fb", nil, 404, none},
		"another tenant's":                    {"sk-globex-0123456789abcdef", omittedName, nil, 404, none},
		"another tenant's, which it names":    {"sk-globex-0123456789abcdef", omittedName + "?tenant_id=acme", nil, 403, "tenant_mismatch"},
		"another tenant's, for which it asks": {"sk-globex-0123456789abcdef", omittedName, asAcme, 403, "tenant_mismatch"},
		"for whom it may act":                 {"sk-acts-0123456789abcdef", omittedName, asAcme, 200, found},
		"for whom it may act, in the query":   {"sk-acts-0123456789abcdef", omittedName + "?tenant_id=acme", nil, 403, "tenant_mismatch"},
		"without a tenant":                    {lonerKey, omittedName, nil, 404, none},
		"a tenant's, by an administrator":     {"sk-ops-0123456789abcdef", omittedName + "?tenant_id=acme", nil, 200, found},
		"a tenant's, by the master key":       {masterKey, omittedName + "?tenant_id=acme", nil, 200, found},
		"of whom the master key acts for":     {masterKey, omittedName, asAcme, 200, found},
		"of another one":                      {masterKey, omittedName + "?tenant_id=nobody", nil, 404, none},
		"of nobody":                           {masterKey, omittedName, nil, 404, none},
		"by a key that may only look":         {"sk-looks-0123456789abcdef", omittedName, nil, 403, "route_not_allowed"},
		"by a key for other routes":           {"sk-chats-0123456789abcdef", omittedName, nil, 403, "route_not_allowed"},
		"without a key":                       {"", omittedName, nil, 401, "invalid_api_key"},
		"an unknown parameter":                {acmeKey, omittedName + "?team_id=acme", nil, 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.keystore.tenant(&keystorev1.Tenant{Id: "acme"})
			for key, grant := range keys {
				g := &keystorev1.Grant{Key: grant}
				if grant.GetTenantId() != "" {
					g.Tenant = &keystorev1.Tenant{Id: grant.GetTenantId()}
				}
				r.keystore.put(key, g)
			}
			path := omittedPath + tc.path
			if name == "without the version" {
				path = strings.TrimPrefix(path, "/v1")
			}
			a := r.do(http.MethodGet, path, call{key: tc.key, header: tc.header})
			if a.status != tc.status || a.header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %v %s", a.status, a.header, a.body)
			}
			if told := tc.status != http.StatusOK && tc.status != http.StatusNotFound; told && a.reason() != tc.body || !told && a.body != tc.body {
				t.Errorf("%s, want %s", a.body, tc.body)
			}
		})
	}
}

func TestOmittedAsTextOrJSON(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for accept, text := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/html": false, "nonsense;;": false, "text/plain;q=x": false,
		"text/plain": true, "text/*": true, "TEXT/PLAIN; charset=utf-8": true, "text/plain, */*;q=0.1": true,
		"text/plain, application/json": false, "application/json;q=0.5, text/plain": true, "text/plain;q=0.5, application/json": false,
		"text/plain;q=0, text/*": false, "application/*;q=0.4, text/plain;q=0.4": false,
	} {
		a := r.do(http.MethodGet, omittedPath+omittedName, call{key: acmeKey, header: map[string]string{"Accept": accept}})
		media, body := "application/json", `{"name":"`+omittedName+`","text":"left out"}`
		if text {
			media, body = "text/plain; charset=utf-8", "left out"
		}
		if a.status != http.StatusOK || a.header.Get("Content-Type") != media || a.body != body {
			t.Errorf("%q: %d %s %s", accept, a.status, a.header.Get("Content-Type"), a.body)
		}
	}
	if a := r.do(http.MethodPost, omittedPath+omittedName, call{key: acmeKey}); a.status != http.StatusMethodNotAllowed {
		t.Errorf("a POST: %d %s", a.status, a.body)
	}
}

// A compressor that is away or hangs is said to be, and holds nobody up.
func TestTheCompressorIsAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(s *setup) { s.options.ManagementTimeout = 50 * time.Millisecond })
	for name, tc := range map[string]struct {
		fails  error
		hangs  bool
		status int
		says   string
	}{
		"its store is away": {errs.New(errs.ServiceUnavailable, "the store is away"), false, 503, "the store is away"},
		"it hangs":          {nil, true, 503, "the compressor service did not answer in time"},
		"it is at fault":    {errors.New("acme's secret"), false, 500, "an internal error occurred"},
	} {
		r.compressor.fails = tc.fails
		r.compressor.hangs.Store(tc.hangs)
		a := r.do(http.MethodGet, omittedPath+omittedName, call{key: acmeKey})
		if a.status != tc.status || !strings.Contains(a.body, tc.says) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}
