package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/services/simulator"
)

// upstreams is one model of each provider, for configurations of a test's own.
var upstreams = map[string]string{
	"openai": "openai/gpt-4o", "anthropic": "anthropic/claude-sonnet-4-5",
	"gemini": "gemini/gemini-2.5-pro", "groq": "groq/llama-3.3-70b-versatile",
}

// upstreamModels gives every provider a model with some directives of the simulator.
func upstreamModels(directives string) (models []harness.Model) {
	for provider, upstream := range upstreams {
		models = append(models, harness.Model{Name: provider, Upstream: upstream + directives})
	}
	return models
}

// cancelled reports whether a provider's only call was given up by the gateway.
func cancelled(provider string) func([]simulator.Call) bool {
	return func(calls []simulator.Call) bool {
		for _, c := range calls {
			if string(c.Provider) == provider && c.Done && c.Cancelled {
				return true
			}
		}
		return false
	}
}

// TestHangUp lets callers leave: in the middle of a stream, and while they wait for
// an answer that does not come. The provider's call ends within a second, and the
// ledger has a charge that is marked as estimated.
func TestHangUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		directives string
		cache      string
		body       func(string, string) map[string]any
		events     int // to read before leaving
	}{
		"in mid-stream":                  {directives: ";chunk-delay=50ms;chunks=2000", cache: "false", body: harness.ChatStream, events: 3},
		"in mid-stream, shared":          {directives: ";chunk-delay=50ms;chunks=2000", cache: "true", body: harness.ChatStream, events: 3},
		"waiting for a whole answer":     {directives: ";hang", cache: "false", body: harness.Chat},
		"waiting for a shared answer":    {directives: ";hang", cache: "true", body: harness.Chat},
		"waiting for a stream's begin":   {directives: ";hang", cache: "false", body: harness.ChatStream},
		"waiting in the midst of silent": {directives: ";hang-at=3", cache: "false", body: harness.ChatStream, events: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providers := harness.StartProviders(t)
			g := harness.Start(t, harness.Options{Config: providers.Config(
				"litellm_settings: {cache: "+test.cache+"}", upstreamModels(test.directives)...)})
			for provider := range upstreams {
				t.Run(provider, func(t *testing.T) {
					t.Parallel()
					g := g.For(t)
					key := g.NewTenantKey(nil)
					requestID := "hang-up-" + key.ID
					ctx, leave := context.WithCancel(t.Context())
					defer leave()
					call := harness.Call{
						Key: key.Secret, Body: test.body(provider, g.Prompt(t)), Context: ctx,
						Header: http.Header{"X-Request-Id": {requestID}},
					}
					if test.events > 0 {
						stream := g.OpenStream(call)
						for range test.events {
							if _, err := stream.Next(); err != nil {
								t.Fatal(err)
							}
						}
						leave()
					} else {
						ended := make(chan error, 1)
						go func() {
							_, err := g.Try(http.MethodPost, completions, call)
							ended <- err
						}()
						providers.Await(t, "the provider is called", func(calls []simulator.Call) bool {
							for _, c := range calls {
								if string(c.Provider) == provider && c.BytesIn+int64(len(c.Body)) >= 0 && c.Model != "" {
									return true
								}
							}
							return false
						})
						leave()
						if err := <-ended; !errors.Is(err, context.Canceled) {
							t.Fatalf("the caller left and got %v", err)
						}
					}
					took := providers.Await(t, "the provider's call ends", cancelled(provider))
					if took > time.Second {
						t.Errorf("the provider's call went on for %s after its caller had left", took)
					}
					record := g.Usage(t, requestID)
					if !record.GetUsage().GetEstimated() || record.GetCostNanos() == 0 || record.GetError() != "client_closed_request" {
						t.Errorf("the ledger says cost %d, estimated %t, error %q", record.GetCostNanos(), record.GetUsage().GetEstimated(), record.GetError())
					}
					if record.GetUsage().GetInput() == 0 {
						t.Error("the ledger counts no prompt tokens")
					}
					if test.events > 1 && record.GetUsage().GetOutput() == 0 {
						t.Error("the ledger counts no answer tokens, though some were read")
					}
				})
			}
		})
	}
}

// TestSlowReader opens a long stream and reads nothing of it. Once nothing more fits
// into the connection, the gateway waits its time and then cuts the caller off. The
// provider never ends the stream: what the connections between it and the caller hold
// differs by machine, and may be all of it.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	const patience = 60 * time.Second // the gateway's own is 30 s for a write
	providers := harness.StartProviders(t)
	g := harness.Start(t, harness.Options{Config: providers.Config("",
		harness.Model{Name: "long", Upstream: "openai/gpt-4o;bytes=16000000;chunks=1000;hang-at=1000"})})
	key := g.NewTenantKey(nil)
	g.OpenStream(harness.Call{
		Key: key.Secret, Body: harness.ChatStream("long", g.Prompt(t)), Header: http.Header{"X-Request-Id": {"slow-reader"}},
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := providers.Wait(ctx, cancelled("openai")); err != nil {
		t.Fatalf("a caller that reads nothing holds the provider's call for ever: %v", err)
	}
	if record := g.Usage(t, "slow-reader"); record.GetCostNanos() == 0 || record.GetError() != "client_closed_request" {
		t.Errorf("the ledger says cost %d, error %q", record.GetCostNanos(), record.GetError())
	}
}
