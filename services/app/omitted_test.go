package app

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/compressor"
)

// What is left out of prompts is in Redis where there is one and something is to be kept.
func TestWhereWhatIsLeftOutIs(t *testing.T) {
	for name, tc := range map[string]struct {
		yaml, redis string
		shared      bool
	}{
		"without Redis":                {"", "", false},
		"with Redis":                   {"", "redis://127.0.0.1:1", true},
		"with Redis, kept for no time": {"compression: {keep_omitted: 0}\n", "redis://127.0.0.1:1", false},
		"with Redis, no compression":   {"compression: {enabled: false}\n", "redis://127.0.0.1:1", false},
		"with Redis, answers here":     {"litellm_settings: {cache: true, cache_params: {type: local}}\n", "redis://127.0.0.1:1", true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := load(t, simulatedModel+tc.yaml, "REDIS_URL", tc.redis)
			metrics, err := newMetrics(prometheus.NewRegistry(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			open := &opened{}
			out, err := openOmitted(open, cfg, clocktest.New(), metrics)
			if err != nil {
				t.Fatal(err)
			}
			if out.Store == nil || out.Options.For != cfg.Compression.KeepOmitted || (out.Options.Timeout != compressor.AtOnce) != tc.shared || (len(out.Checks) == 1) != tc.shared {
				t.Errorf("%+v", out)
			}
			if err := open.close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A Redis that is away costs what would be kept, and nothing else.
func TestWhatIsLeftOutWithoutItsRedis(t *testing.T) {
	var config net.ListenConfig
	gone, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	p, _ := start(t, "", "REDIS_URL", "redis://"+gone.Addr().String())
	if _, health := ask(t, p, http.MethodGet, "/health", ""); !strings.Contains(health, `{"name":"omitted","status":"down"`) {
		t.Errorf("health %s", health)
	}
	if ready, body := ask(t, p, http.MethodGet, "/health/readiness", ""); ready.StatusCode != http.StatusOK {
		t.Errorf("readiness %d %s", ready.StatusCode, body)
	}
	const path = "/v1/compressions/omitted/0123456789abcdef?tenant_id=acme"
	if resp, body := ask(t, p, http.MethodGet, path, ""); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, `"service_unavailable"`) {
		t.Errorf("a part: %d %s", resp.StatusCode, body)
	}
	here, _ := start(t, "")
	if resp, body := ask(t, here, http.MethodGet, path, ""); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, `"not_found"`) {
		t.Errorf("a part in this process: %d %s", resp.StatusCode, body)
	}
}
