package app

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"tollgate.dev/platform/redisx/redisxtest"
)

// limited makes a key with a limit of three requests a minute, and calls with it four times.
func limited(t *testing.T, p *Process, model string) {
	t.Helper()
	resp, body := ask(t, p, http.MethodPost, "/key/generate", `{"rpm_limit":3}`)
	var key struct {
		Key string `json:"key"`
	}
	if err := json.Unmarshal([]byte(body), &key); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s: %v", resp.StatusCode, body, err)
	}
	for i, want := range []int{http.StatusOK, http.StatusOK, http.StatusOK, http.StatusTooManyRequests} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+p.Addr()+chatPath,
			strings.NewReader(`{"model":"`+model+`","messages":[{"role":"user","content":"hi"}]}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key.Key)
		req.Close = true // no connection outlives the test
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != want {
			t.Errorf("call %d: %d, want %d", i+1, resp.StatusCode, want)
		}
	}
}

// says checks what operators see of rate limits: health, the metric, and readiness, which
// never depends on them.
func says(t *testing.T, p *Process, status, metric string) {
	t.Helper()
	_, metrics := ask(t, p, http.MethodGet, "/metrics", "")
	_, health := ask(t, p, http.MethodGet, "/health", "")
	if ready, body := ask(t, p, http.MethodGet, "/health/readiness", ""); ready.StatusCode != http.StatusOK {
		t.Errorf("readiness %d %s", ready.StatusCode, body)
	}
	if status == "" && strings.Contains(health, `"rate_limits"`) || status != "" && !strings.Contains(health, `{"name":"rate_limits","status":"`+status+`"`) {
		t.Errorf("health %s", health)
	}
	if !strings.Contains(metrics, "\ntollgate_rate_limits_shared "+metric+"\n") {
		t.Errorf("the metric is not %s", metric)
	}
}

func TestLimitsInRedis(t *testing.T) {
	redisxtest.New(t) // it fails when there is none
	// The wait is long: a busy machine must look like no outage.
	p, log := start(t, simulatedModel+"rate_limits: {wait: 20s}\n", "REDIS_URL", os.Getenv(redisxtest.Variable))
	says(t, p, "up", "1")
	limited(t, p, "m")
	if strings.Contains(log.String(), "by this process alone") {
		t.Errorf("log:\n%s", log)
	}
}

func TestLimitsWithoutTheirRedis(t *testing.T) {
	var config net.ListenConfig
	gone, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	p, log := start(t, "", "REDIS_URL", "redis://"+gone.Addr().String())
	limited(t, p, "gpt-4o-mini")
	says(t, p, "down", "0")
	if n := strings.Count(log.String(), "by this process alone"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log)
	}
}

func TestLimitsInThisProcess(t *testing.T) {
	p, _ := start(t, "")
	limited(t, p, "gpt-4o-mini")
	says(t, p, "", "0")
}
