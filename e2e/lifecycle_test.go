package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/services/simulator"
)

// TestShutdownLetsStreamsFinish sends SIGTERM in the middle of a stream: it goes on to
// its proper end, while no new call is taken, and then the process exits with 0.
func TestShutdownLetsStreamsFinish(t *testing.T) {
	t.Parallel()
	providers := harness.StartProviders(t)
	opts := harness.Options{DataDir: t.TempDir(), Config: providers.Config("",
		harness.Model{Name: "slow", Upstream: "openai/gpt-4o;chunk-delay=100ms;chunks=20"})}
	g := harness.Start(t, opts)
	key := g.NewTenantKey(nil)
	stream := g.OpenStream(harness.Call{
		Key: key.Secret, Body: harness.ChatStream("slow", g.Prompt(t)), Header: http.Header{"X-Request-Id": {"open-at-the-end"}},
	})
	if _, err := stream.Next(); err != nil {
		t.Fatal(err)
	}
	g.Terminate()
	harness.Eventually(t, "no new call is taken", func() error {
		answer, err := g.Try(http.MethodGet, "/health/liveness", harness.Call{Key: harness.NoKey})
		if err == nil {
			return fmt.Errorf("the gateway answers %d", answer.Status)
		}
		return nil
	})
	events := stream.Rest(t)
	if len(events) == 0 || events[len(events)-1] != "[DONE]" {
		t.Errorf("the stream ends by %q", events)
	}
	g.Stop()

	g = harness.Start(t, opts)
	g.Secret(key.Secret)
	if record := g.Usage(t, "open-at-the-end"); record.GetCostNanos() == 0 || record.GetError() != "" {
		t.Errorf("the ledger says cost %d, error %q", record.GetCostNanos(), record.GetError())
	}
}

// TestShutdownEndsAfterTheGracePeriod shows that a stream without end does not hold
// the process: after the grace period it is cut, and charged.
func TestShutdownEndsAfterTheGracePeriod(t *testing.T) {
	t.Parallel()
	providers := harness.StartProviders(t)
	opts := harness.Options{DataDir: t.TempDir(), Config: providers.Config("server: {grace_period: 1s}",
		harness.Model{Name: "endless", Upstream: "openai/gpt-4o;hang-at=3"})}
	g := harness.Start(t, opts)
	key := g.NewTenantKey(nil)
	stream := g.OpenStream(harness.Call{
		Key: key.Secret, Body: harness.ChatStream("endless", g.Prompt(t)), Header: http.Header{"X-Request-Id": {"cut-at-the-end"}},
	})
	if _, err := stream.Next(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	g.Stop()
	if took := time.Since(began); took < time.Second || took > 15*time.Second {
		t.Errorf("the shutdown took %s, with a grace period of 1s", took)
	}
	if calls := providers.Calls(); len(calls) != 1 || !calls[0].Cancelled {
		t.Errorf("the provider's call was not ended: %d calls", len(calls))
	}
	for {
		event, err := stream.Next()
		if event == "[DONE]" {
			t.Error("a stream that was cut ends by [DONE]")
		}
		if err != nil {
			break
		}
	}

	g = harness.Start(t, opts)
	g.Secret(key.Secret)
	if record := g.Usage(t, "cut-at-the-end"); record.GetCostNanos() == 0 || !record.GetUsage().GetEstimated() {
		t.Errorf("the ledger says cost %d, estimated %t", record.GetCostNanos(), record.GetUsage().GetEstimated())
	}
}

// TestRestart shows what survives: after SIGTERM, and after a crash.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*harness.Gateway){
		"SIGTERM": (*harness.Gateway).Stop,
		"crash":   (*harness.Gateway).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := harness.Options{DataDir: t.TempDir()}
			g := harness.Start(t, opts)
			key := g.NewTenantKey(map[string]any{"max_budget": 0.5, "models": []string{"gpt-4o"}, "key_alias": "kept-" + name})
			blocked := g.NewTenantKey(map[string]any{"blocked": true})
			const calls = 3
			for range calls {
				g.Complete(key.Secret, harness.Chat("gpt-4o", g.Prompt(t))).MustBe(t, http.StatusOK)
			}
			harness.Eventually(t, "the ledger has every call", func() error {
				if n := len(g.UsageOf(t, key.ID)); n != calls {
					return fmt.Errorf("it has %d", n)
				}
				return nil
			})
			before := g.KeyInfo(key.ID)
			if before.Spend == 0 {
				t.Fatal("nothing was spent")
			}
			end(g)

			g = harness.Start(t, opts)
			g.Secret(key.Secret)
			after := g.KeyInfo(key.ID)
			if after.Spend < before.Spend || after.Max == nil || *after.Max != 0.5 || after.Team != key.Team {
				t.Errorf("the key was %+v and is %+v", before, after)
			}
			if name == "SIGTERM" && after.Spend != before.Spend {
				t.Errorf("$%v was spent, and after an orderly restart $%v", before.Spend, after.Spend)
			}
			g.Complete(key.Secret, harness.Chat("gpt-4o-mini", "x")).MustBe(t, http.StatusForbidden, "model_not_allowed")
			g.Complete(blocked.Secret, harness.Chat("gpt-4o", "x")).MustBe(t, http.StatusUnauthorized, "key_blocked")
			g.Complete(key.Secret, harness.Chat("gpt-4o", g.Prompt(t))).MustBe(t, http.StatusOK)
		})
	}
}

// TestRateLimits goes over each limit of a key and of a team.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	tests := map[string]struct {
		limits map[string]any
		served int
		header map[string]string // of the first answer
	}{
		"requests per minute": {
			limits: map[string]any{"rpm_limit": 2}, served: 2,
			header: map[string]string{"X-Ratelimit-Limit-Requests": "2", "X-Ratelimit-Remaining-Requests": "1", "X-Litellm-Key-Rpm-Limit": "2"},
		},
		"requests per minute of the model": {limits: map[string]any{"model_rpm_limit": map[string]any{"gpt-4o-mini": 1}}, served: 1},
		"tokens per minute": {
			// A plain call of this model has 2 to 14 prompt tokens and 25 of answer.
			limits: map[string]any{"tpm_limit": 100}, served: -1,
			header: map[string]string{"X-Ratelimit-Limit-Tokens": "100", "X-Litellm-Key-Tpm-Limit": "100"},
		},
	}
	for name, test := range tests {
		for owner, newKey := range map[string]func(*harness.Gateway) harness.Key{
			"key": func(g *harness.Gateway) harness.Key { return g.NewTenantKey(test.limits) },
			"team": func(g *harness.Gateway) harness.Key {
				return g.NewKey(map[string]any{"team_id": g.NewTeam(test.limits)})
			},
		} {
			t.Run(name+" of a "+owner, func(t *testing.T) {
				t.Parallel()
				g := g.For(t)
				key, served := newKey(g), 0
				for ; served < 20; served++ {
					answer := g.Complete(key.Secret, harness.Chat("gpt-4o-mini", g.Prompt(t)))
					if answer.Status == http.StatusOK {
						for header, want := range test.header {
							if got := answer.Header.Get(header); served == 0 && got != want && (owner == "key" || !strings.Contains(header, "Litellm")) {
								t.Errorf("%s is %q, not %q", header, got, want)
							}
						}
						continue
					}
					after := answer.MustBe(t, http.StatusTooManyRequests, "rate_limit_exceeded").RetryAfter(t)
					if after > time.Minute {
						t.Errorf("Retry-After is %s, for a limit per minute", after)
					}
					if e := answer.Error(t); e.Type != "rate_limit_error" {
						t.Errorf("the error's type is %q", e.Type)
					}
					break
				}
				if served == 0 || served == 20 || (test.served > 0 && served != test.served) {
					t.Errorf("%d calls were served", served)
				}
			})
		}
	}
}

// TestParallelLimit holds a key to one call at a time.
func TestParallelLimit(t *testing.T) {
	t.Parallel()
	providers := harness.StartProviders(t)
	g := harness.Start(t, harness.Options{Config: providers.Config("",
		harness.Model{Name: "endless", Upstream: "openai/gpt-4o;hang-at=3"}, harness.Model{Name: "quick", Upstream: "openai/gpt-4o"})})
	key := g.NewTenantKey(map[string]any{"max_parallel_requests": 1})
	stream := g.OpenStream(harness.Call{Key: key.Secret, Body: harness.ChatStream("endless", g.Prompt(t))})
	refused := g.Complete(key.Secret, harness.Chat("quick", g.Prompt(t)))
	refused.MustBe(t, http.StatusTooManyRequests, "rate_limit_exceeded").RetryAfter(t)
	stream.HangUp()
	providers.Await(t, "the stream is over", func(calls []simulator.Call) bool { return calls[0].Done })
	harness.Eventually(t, "the next call is served", func() error {
		if a := g.Complete(key.Secret, harness.Chat("quick", g.Prompt(t))); a.Status != http.StatusOK {
			return fmt.Errorf("%d: %s", a.Status, a.Body)
		}
		return nil
	})
}

// TestRotateKey gives a key a new secret: with a grace period the old one goes on for
// a while, without one it stops at once. The key keeps its name, limits and spend.
func TestRotateKey(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	status := func(secret string) harness.Answer {
		return g.Call(http.MethodGet, "/v1/models", harness.Call{Key: secret})
	}
	rotate := func(key harness.Key, path string, body map[string]any) harness.Key {
		var rotated harness.Key
		g.Call(http.MethodPost, path, harness.Call{Body: body}).MustBe(t, http.StatusOK).JSON(t, &rotated)
		g.Secret(rotated.Secret)
		if rotated.Secret == key.Secret || rotated.ID != key.ID || rotated.Max == nil || *rotated.Max != 1 {
			t.Errorf("the rotated key is not the same key with another secret: %q and %q", key.ID, rotated.ID)
		}
		status(rotated.Secret).MustBe(t, http.StatusOK)
		return rotated
	}
	key := g.NewTenantKey(map[string]any{"max_budget": 1})
	second := rotate(key, "/key/regenerate", map[string]any{"key": key.Secret, "grace_period": "3s"})
	status(key.Secret).MustBe(t, http.StatusOK)
	harness.Eventually(t, "the grace period ends", func() error {
		answer := status(key.Secret)
		if answer.Status == http.StatusOK {
			return errors.New("the old secret still works")
		}
		answer.MustBe(t, http.StatusUnauthorized)
		return nil
	})
	third := rotate(second, "/key/"+second.ID+"/regenerate", map[string]any{})
	harness.Eventually(t, "the old secret stops", func() error {
		if status(second.Secret).Status == http.StatusOK {
			return errors.New("it still works")
		}
		return nil
	})
	status(third.Secret).MustBe(t, http.StatusOK)
}
