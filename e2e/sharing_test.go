package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/services/simulator"
)

// TestRefusedLeaderAnswersNobody sends the same request many times at once with a key
// that has nothing to spend: all are refused, and none gets an empty answer.
func TestRefusedLeaderAnswersNobody(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]func(string, string) map[string]any{"whole": harness.Chat, "streamed": harness.ChatStream} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providers := harness.StartProviders(t)
			g := harness.Start(t, harness.Options{Config: providers.Config("litellm_settings: {cache: true}",
				harness.Model{Name: "model", Upstream: "openai/gpt-4o"})})
			key, prompt := g.NewTenantKey(map[string]any{"max_budget": 0}), g.Prompt(t)
			for range 5 {
				var done sync.WaitGroup
				for range 20 {
					done.Go(func() {
						a, err := g.Try(http.MethodPost, "/v1/chat/completions", harness.Call{Key: key.Secret, Body: body("model", prompt)})
						if err != nil {
							t.Error(err)
							return
						}
						if a.Status != http.StatusTooManyRequests || a.Error(t).Code != "budget_exceeded" {
							t.Errorf("got %d %q %s", a.Status, a.Header.Get("X-Cache"), a.Body)
						}
					})
				}
				done.Wait()
			}
			if n := providers.Totals().Calls; n != 0 {
				t.Errorf("the provider was called %d times", n)
			}
		})
	}
}

// TestHangUpEndsACallThatABudgetCaps shows that a caller who hangs up ends the
// provider's call also where the budget has made the call its own.
func TestHangUpEndsACallThatABudgetCaps(t *testing.T) {
	t.Parallel()
	providers := harness.StartProviders(t)
	g := harness.Start(t, harness.Options{Config: providers.Config("litellm_settings: {cache: true}",
		harness.Model{Name: "slow", Upstream: "openai/gpt-4o;chunk-delay=200ms;chunks=200"},
		harness.Model{Name: "hanging", Upstream: "openai/gpt-4o;delay=20s"})})
	key, prompt := g.NewTenantKey(map[string]any{"max_budget": 0.01}), g.Prompt(t)
	stream := g.OpenStream(harness.Call{Key: key.Secret, Body: harness.ChatStream("slow", prompt)})
	if _, err := stream.Next(); err != nil {
		t.Fatal(err)
	}
	if stream.Header.Get("X-Tollgate-Max-Tokens") == "" {
		t.Fatal("the budget did not cap the call: the test needs another budget")
	}
	stream.HangUp()
	providers.Await(t, "the call is cancelled", func(calls []simulator.Call) bool {
		return len(calls) == 1 && calls[0].Cancelled
	})

	// Whole answers show it soonest: nothing is written on which the absence could be noticed.
	whole := g.NewTenantKey(map[string]any{"max_budget": 0.01})
	body, err := json.Marshal(harness.Chat("hanging", prompt))
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.URL+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+whole.Secret)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := http.DefaultTransport.RoundTrip(req); err == nil {
			_ = resp.Body.Close()
			t.Errorf("got %d for a call that was left", resp.StatusCode)
		}
	}()
	providers.Await(t, "the call is under way", func(calls []simulator.Call) bool { return len(calls) == 2 })
	leave()
	<-done
	providers.Await(t, "the whole call is cancelled", func(calls []simulator.Call) bool { return calls[1].Cancelled })
}

// TestDroppedParametersAreNotSharedByTheCache shows that an answer for which parameters
// were dropped does not answer a request that does not allow it.
func TestDroppedParametersAreNotSharedByTheCache(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	key := g.NewTenantKey(nil)
	prompt := g.Prompt(t)
	plain := harness.With(harness.Chat("claude-haiku-4-5", prompt), "seed", 7)
	g.Complete(key.Secret, plain).MustBe(t, http.StatusBadRequest, "unsupported_parameter")
	dropping := harness.With(harness.With(harness.Chat("claude-haiku-4-5", prompt), "seed", 7), "drop_params", true)
	if a := g.Complete(key.Secret, dropping).MustBe(t, http.StatusOK); a.Header.Get("X-Tollgate-Dropped-Params") != "seed" {
		t.Errorf("dropped %q", a.Header.Get("X-Tollgate-Dropped-Params"))
	}
	g.Complete(key.Secret, plain).MustBe(t, http.StatusBadRequest, "unsupported_parameter")
}
