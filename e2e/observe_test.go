package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
)

const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	traceparent = "00-" + traceID + "-b7ad6b7169203331-01"
)

// TestRequestIdentity shows which of a caller's headers come back, and which reach
// the ledger.
func TestRequestIdentity(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	team := g.NewTeam(nil)
	plain := g.NewKey(map[string]any{"team_id": team})
	agent := g.NewKey(map[string]any{"scopes": []string{"act_as_tenant"}})
	owned := g.NewKey(map[string]any{"team_id": team, "user_id": "carol"})
	tests := map[string]struct {
		key         harness.Key
		header      map[string]string
		requestID   string // what is echoed; empty is one made by the gateway
		correlation string // empty is the request's id
		tenant      string
		user        string
	}{
		"nothing given":              {key: plain, tenant: team},
		"X-Request-Id":               {key: plain, header: map[string]string{"X-Request-Id": "order-77"}, requestID: "order-77", tenant: team},
		"an X-Request-Id that isn't": {key: plain, header: map[string]string{"X-Request-Id": "two words\tand a tab"}, tenant: team},
		"X-Trace-Id": {
			key: plain, header: map[string]string{"X-Trace-Id": "trace-9"}, correlation: "trace-9", tenant: team,
		},
		"traceparent": {
			key: plain, header: map[string]string{"Traceparent": traceparent}, correlation: traceID, tenant: team,
		},
		"X-Trace-Id wins": {
			key: plain, header: map[string]string{"X-Trace-Id": "trace-9", "Traceparent": traceparent}, correlation: "trace-9", tenant: team,
		},
		"X-User-Id": {
			key: plain, header: map[string]string{"X-User-Id": "dave"}, tenant: team, user: "dave",
		},
		"the key's own user wins": {
			key: owned, header: map[string]string{"X-User-Id": "dave"}, tenant: team, user: "carol",
		},
		"its own tenant, named": {
			key: plain, header: map[string]string{"X-Tenant-Id": team}, tenant: team,
		},
		"acting as a tenant": {
			key: agent, header: map[string]string{"X-Tenant-Id": team}, tenant: team,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			header := http.Header{}
			for name, value := range test.header {
				header.Set(name, value)
			}
			answer := g.Call(http.MethodPost, completions, harness.Call{
				Key: test.key.Secret, Body: harness.Chat("gpt-4o-mini", g.Prompt(t)), Header: header,
			}).MustBe(t, http.StatusOK)
			requestID := answer.Header.Get("X-Request-Id")
			if requestID == "" || (test.requestID != "" && requestID != test.requestID) {
				t.Errorf("X-Request-Id is %q, not %q", requestID, test.requestID)
			}
			if test.requestID == "" && requestID == test.header["X-Request-Id"] {
				t.Errorf("%q was taken for a request id", requestID)
			}
			record := g.Usage(t, requestID)
			correlation := test.correlation
			if correlation == "" {
				correlation = requestID
			}
			if record.GetCorrelationId() != correlation {
				t.Errorf("the correlation id is %q, not %q", record.GetCorrelationId(), correlation)
			}
			if record.GetTenantId() != test.tenant || record.GetKeyId() != test.key.ID || record.GetUserId() != test.user {
				t.Errorf("the ledger charges tenant %q, key %q, user %q", record.GetTenantId(), record.GetKeyId(), record.GetUserId())
			}
			if !record.GetSimulated() || record.GetProvider() != "openai" || record.GetModel() != "gpt-4o-mini" || record.GetCallType() != "chat.completions" {
				t.Errorf("the ledger's entry is %v", record)
			}
		})
	}
}

// TestLedgerSequence shows that a tenant's entries are numbered without a gap.
func TestLedgerSequence(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	key := g.NewTenantKey(nil)
	last := ""
	const calls = 5
	for range calls {
		last = g.Complete(key.Secret, harness.Chat("gpt-4o-mini", g.Prompt(t))).MustBe(t, http.StatusOK).Header.Get("X-Request-Id")
	}
	g.Usage(t, last)
	records := g.UsageOf(t, key.ID)
	if len(records) != calls {
		t.Fatalf("the ledger has %d entries", len(records))
	}
	seen := map[int64]bool{}
	for _, r := range records {
		seen[r.GetSequence()] = true
	}
	for i := int64(1); i <= calls; i++ {
		if !seen[i] {
			t.Errorf("the sequence lacks %d", i)
		}
	}
	harness.Eventually(t, "the metrics count the entries", func() error {
		page := g.Metrics(t, "budget") + g.Metrics(t, "edge")
		for _, want := range []string{"\ntollgate_budget_records_total 5\n", "\ntollgate_budget_queued_records 0\n", "\ntollgate_budget_overdrawn_calls_total 0\n"} {
			if !strings.Contains(page, want) {
				return fmt.Errorf("%q is not on the page", want)
			}
		}
		return nil
	})
}

// TestMetrics looks for the metrics that SPEC.md names, under each prefix.
func TestMetrics(t *testing.T) {
	t.Parallel()
	for namespace, names := range map[string][]string{
		"tollgate": {
			"requests_total", "request_duration_seconds", "time_to_first_token_seconds", "tokens_total", "cost_dollars_total",
			"cache_hit_total", "cache_miss_total", "in_flight_requests",
			"compression_requests_total", "compression_savings_percent", "compression_latency_seconds",
			"compression_original_tokens", "compression_compressed_tokens",
			"budget_used_ratio", "budget_open_reservations", "outbox_lag_seconds", "provider_errors_total",
		},
		"litellm": {
			"requests_total", "request_duration_seconds", "tokens_total", "cache_hit_total", "cache_miss_total",
			"compression_requests_total", "compression_savings_percent", "compression_latency_seconds",
			"compression_original_tokens", "compression_compressed_tokens",
		},
	} {
		t.Run(namespace, func(t *testing.T) {
			t.Parallel()
			g := harness.Start(t, harness.Options{Config: harness.SimulatedConfig(
				"metrics: {namespace: "+namespace+"}\nlitellm_settings: {cache: true}\nrouter_settings: {num_retries: 0}",
				harness.Model{Name: "m", Upstream: "openai/gpt-4o"}, harness.Model{Name: "fails", Upstream: "openai/gpt-4o;status=500"})})
			key, prompt := g.NewTenantKey(map[string]any{"max_budget": 1}), g.Prompt(t)
			for range 2 {
				g.Complete(key.Secret, harness.Chat("m", prompt)).MustBe(t, http.StatusOK)
			}
			g.Complete(key.Secret, harness.ChatStream("m", g.Prompt(t))).MustBe(t, http.StatusOK)
			terse := g.NewTenantKey(map[string]any{"compression": "default"})
			g.Complete(terse.Secret, harness.Chat("m", strings.Repeat("Please be so kind as to say it again. ", 200)+g.Prompt(t))).MustBe(t, http.StatusOK)
			g.Complete(key.Secret, harness.Chat("fails", g.Prompt(t))).MustBe(t, http.StatusBadGateway)
			g.Complete(key.Secret, harness.Chat("m-of-nobody-"+prompt, prompt)).MustBe(t, http.StatusNotFound)

			answer := g.Call(http.MethodGet, "/metrics", harness.Call{Key: harness.NoKey}).MustBe(t, http.StatusOK)
			text := string(answer.Body)
			for _, name := range names {
				if !strings.Contains(text, "# TYPE "+namespace+"_"+name+" ") {
					t.Errorf("there is no %s_%s", namespace, name)
				}
			}
			if strings.Contains(text, key.ID) || strings.Contains(text, "m-of-nobody") {
				t.Error("a label is unbounded: what callers choose stands in it")
			}
			if got := sample(text, namespace+"_cache_hit_total"); got != "1" {
				t.Errorf("cache hits are %q", got)
			}
			if got := sample(text, namespace+"_cache_miss_total"); got == "" || got == "0" {
				t.Errorf("cache misses are %q", got)
			}
		})
	}
}

// sample is the value of the first series of a metric.
func sample(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == '{' || rest[0] == ' ') {
			fields := strings.Fields(rest)
			return fields[len(fields)-1]
		}
	}
	return ""
}

func TestHealth(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	open := harness.Call{Key: harness.NoKey}
	for _, path := range []string{"/health/liveness", "/health/liveliness"} {
		if body := g.Call(http.MethodGet, path, open).MustBe(t, http.StatusOK).Body; strings.TrimSpace(string(body)) != `"I'm alive!"` {
			t.Errorf("%s answers %s", path, body)
		}
	}
	var ready struct {
		Status       string `json:"status"`
		DB           string `json:"db"`
		Dependencies []struct {
			Name   string `json:"name"`
			Status string `json:"status"`
		} `json:"dependencies"`
	}
	g.Call(http.MethodGet, "/health/readiness", open).MustBe(t, http.StatusOK).JSON(t, &ready)
	if ready.Status != "healthy" || ready.DB != "connected" || len(ready.Dependencies) == 0 || ready.Dependencies[0].Status != "up" {
		t.Errorf("/health/readiness answers %+v", ready)
	}
	g.Call(http.MethodGet, "/health", open).MustBe(t, http.StatusUnauthorized, "invalid_api_key")
	var health struct {
		Healthy []struct {
			ModelName string `json:"model_name"`
		} `json:"healthy_endpoints"`
		Count     int `json:"healthy_count"`
		Unhealthy int `json:"unhealthy_count"`
	}
	g.Call(http.MethodGet, "/health", harness.Call{}).MustBe(t, http.StatusOK).JSON(t, &health)
	if health.Count == 0 || health.Count != len(health.Healthy) || health.Unhealthy != 0 {
		t.Errorf("/health counts %d healthy deployments of %d, %d unhealthy", health.Count, len(health.Healthy), health.Unhealthy)
	}
}
