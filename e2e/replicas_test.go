package e2e_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/redisx/redisxtest"
)

// replicas starts gateways that share a PostgreSQL database and a Redis.
func replicas(t *testing.T, n int, models ...harness.Model) []*harness.Gateway {
	t.Helper()
	redisxtest.New(t) // it fails when there is none
	// The wait is long: what is decided here must not depend on how busy the machine is.
	sections := "rate_limits: {wait: 20s, namespace: e2e-" + strings.ToLower(rand.Text()) + "}\n"
	env := []string{"DATABASE_URL=" + postgrestest.URL(t).Reveal(), "REDIS_URL=" + os.Getenv(redisxtest.Variable)}
	return harness.Replicas(t, n, harness.Options{Config: harness.SimulatedConfig(sections, models...), Env: env})
}

// TestRequestLimitHoldsOverReplicas calls two gateways at once with one key until both
// refuse it for long: together they let through what the key may have in a minute.
func TestRequestLimitHoldsOverReplicas(t *testing.T) {
	t.Parallel()
	const limit = 40
	gateways := replicas(t, 2, harness.Model{Name: "m", Upstream: "openai/gpt-4o-mini"})
	for i, g := range gateways {
		if !g.Dependencies(t)["rate_limits"] {
			t.Errorf("gateway %d says that rate_limits is down", i)
		}
	}
	key := gateways[0].NewTenantKey(map[string]any{"rpm_limit": limit})
	gateways[1].Secret(key.Secret)
	prompt := gateways[0].Prompt(t)
	began := time.Now()
	passed := make([]atomic.Int64, len(gateways))
	var wg sync.WaitGroup
	for i, g := range gateways {
		for range 10 {
			wg.Go(func() {
				for {
					a, err := g.Try(http.MethodPost, "/v1/chat/completions", harness.Call{Key: key.Secret, Body: harness.Chat("m", prompt)})
					if err != nil {
						t.Error(err)
						return
					}
					if a.Header.Get("x-ratelimit-limit-requests") != "40" {
						t.Errorf("the limit is told as %q", a.Header.Get("x-ratelimit-limit-requests"))
					}
					if a.Status == http.StatusOK {
						passed[i].Add(1)
						continue
					}
					a.MustBe(t, http.StatusTooManyRequests, "rate_limit_exceeded")
					// Three seconds are for what the other gateway holds and does not use.
					if a.RetryAfter(t) > 3*time.Second {
						return
					}
					_ = clock.Sleep(t.Context(), clock.Real(), 50*time.Millisecond)
				}
			})
		}
	}
	wg.Wait()
	if took := time.Since(began); took > 50*time.Second {
		t.Fatalf("it took %v: the test needs a faster machine", took)
	}
	if a, b := passed[0].Load(), passed[1].Load(); a+b != limit {
		t.Errorf("%d and %d calls came through, want %d", a, b, limit)
	}
	// What one gateway has counted outlives it.
	gateways[0].Leave()
	gateways[1].Complete(key.Secret, harness.Chat("m", prompt)).MustBe(t, http.StatusTooManyRequests, "rate_limit_exceeded")
}

var errRefused = errors.New("refused")

// TestParallelCallsOfADeadReplicaEnd kills a gateway that holds all of a key's parallel
// calls: the other one has them before long.
func TestParallelCallsOfADeadReplicaEnd(t *testing.T) {
	t.Parallel()
	gateways := replicas(t, 2, harness.Model{Name: "slow", Upstream: "openai/gpt-4o;chunk-delay=200ms;chunks=500"})
	a, b := gateways[0], gateways[1]
	key := a.NewTenantKey(map[string]any{"max_parallel_requests": 2})
	b.Secret(key.Secret)
	prompt := a.Prompt(t)
	for range 2 {
		s := a.OpenStream(harness.Call{Key: key.Secret, Body: harness.ChatStream("slow", prompt)})
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
	}
	third := func() error {
		resp, err := b.Open(http.MethodPost, "/v1/chat/completions", harness.Call{Key: key.Secret, Body: harness.ChatStream("slow", prompt)})
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%w: %d", errRefused, resp.StatusCode)
		}
		return nil
	}
	if err := third(); !errors.Is(err, errRefused) {
		t.Fatalf("a third call at the other gateway: %v", err)
	}
	a.Process().Kill()
	harness.Eventually(t, "the slots come back", third)
}
