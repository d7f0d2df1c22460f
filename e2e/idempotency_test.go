package e2e_test

import (
	"net/http"
	"testing"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/services/simulator"
)

// once is a call with an Idempotency-Key.
func once(secret, idempotencyKey string, body any) harness.Call {
	return harness.Call{Key: secret, Body: body, Header: http.Header{"Idempotency-Key": {idempotencyKey}}}
}

const completions = "/v1/chat/completions"

// TestIdempotencyKey shows that a request with an Idempotency-Key happens once, also
// when the gateway was restarted between it and its repeat. The cache is off.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]func(string, string) map[string]any{"whole": harness.Chat, "streamed": harness.ChatStream} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providers := harness.StartProviders(t)
			opts := harness.Options{DataDir: t.TempDir(), Config: providers.Config("", harness.Model{Name: "m", Upstream: "openai/gpt-4o"})}
			g := harness.Start(t, opts)
			key, other, prompt := g.NewTenantKey(nil), g.NewTenantKey(nil), g.Prompt(t)
			first := g.Call(http.MethodPost, completions, once(key.Secret, "order-1", body("m", prompt))).MustBe(t, http.StatusOK)
			if first.Header.Get("Idempotent-Replayed") != "" {
				t.Error("the first answer says that it is a replay")
			}
			paid := g.Usage(t, first.Header.Get("X-Request-Id")).GetCostNanos()
			if paid == 0 {
				t.Error("the first call cost nothing")
			}

			assertReplay := func() {
				t.Helper()
				repeat := g.Call(http.MethodPost, completions, once(key.Secret, "order-1", body("m", prompt))).MustBe(t, http.StatusOK)
				if string(repeat.Body) != string(first.Body) {
					t.Errorf("the repeat is answered otherwise:\n%s\n%s", repeat.Body, first.Body)
				}
				if got := repeat.Header.Get("Idempotent-Replayed"); got != "true" {
					t.Errorf("Idempotent-Replayed is %q", got)
				}
				if a, b := first.Header.Get("Content-Type"), repeat.Header.Get("Content-Type"); a != b {
					t.Errorf("Content-Type is %q and then %q", a, b)
				}
				if a, b := first.Header.Get("X-Request-Id"), repeat.Header.Get("X-Request-Id"); a == b {
					t.Errorf("the repeat has the first request's id %q", b)
				}
			}
			assertReplay()
			g.Call(http.MethodPost, completions, once(key.Secret, "order-1", body("m", prompt+" changed"))).
				MustBe(t, http.StatusUnprocessableEntity, "idempotency_mismatch")
			g.Stop()

			g = harness.Start(t, opts)
			g.Secret(prompt, key.Secret)
			assertReplay()
			if n := providers.Totals().Calls; n != 1 {
				t.Errorf("the provider was called %d times", n)
			}
			if records := g.UsageOf(t, key.ID); len(records) != 1 || records[0].GetCostNanos() != paid {
				t.Errorf("the ledger has %d entries: %v", len(records), records)
			}
			// The same Idempotency-Key means nothing in another caller's hands.
			answer := g.Call(http.MethodPost, completions, once(other.Secret, "order-1", body("m", prompt))).MustBe(t, http.StatusOK)
			if answer.Header.Get("Idempotent-Replayed") != "" || providers.Totals().Calls != 2 {
				t.Error("another caller was given a replay")
			}
		})
	}
}

// TestIdempotencyKeyInProgress repeats a request while the first still runs.
func TestIdempotencyKeyInProgress(t *testing.T) {
	t.Parallel()
	providers := harness.StartProviders(t)
	g := harness.Start(t, harness.Options{Config: providers.Config("",
		harness.Model{Name: "slow", Upstream: "openai/gpt-4o;first-byte=1s"})})
	key, prompt := g.NewTenantKey(nil), g.Prompt(t)
	first := make(chan harness.Answer, 1)
	go func() {
		answer, err := g.Try(http.MethodPost, completions, once(key.Secret, "order-2", harness.Chat("slow", prompt)))
		if err != nil {
			t.Error(err)
		}
		first <- answer
	}()
	providers.Await(t, "the call is under way", func(calls []simulator.Call) bool { return len(calls) == 1 })
	repeat := g.Call(http.MethodPost, completions, once(key.Secret, "order-2", harness.Chat("slow", prompt)))
	repeat.MustBe(t, http.StatusConflict, "idempotency_in_progress").RetryAfter(t)
	(<-first).MustBe(t, http.StatusOK)
	g.Call(http.MethodPost, completions, once(key.Secret, "order-2", harness.Chat("slow", prompt))).MustBe(t, http.StatusOK)
	if n := providers.Totals().Calls; n != 1 {
		t.Errorf("the provider was called %d times", n)
	}
}

// TestIdempotencyKeyOfAFailedRequest shows that a failure is not kept: the repeat is
// tried anew.
func TestIdempotencyKeyOfAFailedRequest(t *testing.T) {
	t.Parallel()
	providers := harness.StartProviders(t)
	g := harness.Start(t, harness.Options{Config: providers.Config("router_settings: {num_retries: 0}",
		harness.Model{Name: "shaky", Upstream: "openai/gpt-4o;fail-times=1;status=500"})})
	key, prompt := g.NewTenantKey(nil), g.Prompt(t)
	call := once(key.Secret, "order-3", harness.Chat("shaky", prompt))
	g.Call(http.MethodPost, completions, call).MustBe(t, http.StatusBadGateway, "provider_error")
	answer := g.Call(http.MethodPost, completions, call).MustBe(t, http.StatusOK)
	if answer.Header.Get("Idempotent-Replayed") != "" {
		t.Error("the failure was replayed")
	}
	bad := once(key.Secret, "with a space", harness.Chat("shaky", prompt))
	g.Call(http.MethodPost, completions, bad).MustBe(t, http.StatusBadRequest, "invalid_request")
}
