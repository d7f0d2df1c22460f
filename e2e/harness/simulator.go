package harness

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tollgate.dev/services/simulator"
)

// Providers is a provider simulator in the test's own process: the test sees what
// reached it.
type Providers struct {
	*simulator.Server

	// Addr is its host:port.
	Addr string
}

// StartProviders starts a provider simulator.
func StartProviders(tb testing.TB) *Providers {
	tb.Helper()
	server := simulator.New(simulator.Options{KeepBodies: 1 << 20})
	addr, err := server.Start(context.Background(), "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Errorf("simulator: %v", err)
		}
	})
	return &Providers{Server: server, Addr: addr}
}

// Model is a model of a test's configuration.
type Model struct {
	// Name is what callers ask for.
	Name string
	// Upstream is the provider and its model, such as openai/gpt-4o-mini. Directives
	// of the simulator may follow the model's name, after a semicolon.
	Upstream string
	// Params are further litellm_params, in YAML's flow style: `timeout: 1`.
	Params string
}

// Config is the text of a configuration with these models, all answered by this
// simulator, and with further sections after them. An OpenAI model at a host of its
// own is taken for one of a server that is merely compatible.
func (p *Providers) Config(sections string, models ...Model) string {
	paths := map[string]string{
		"openai": "/openai/v1", "groq": "/groq/openai/v1", "anthropic": "/anthropic", "gemini": "/gemini/v1beta",
	}
	for i, m := range models {
		provider, _, _ := strings.Cut(m.Upstream, "/")
		models[i].Params = join(fmt.Sprintf("api_base: %q, api_key: %s", "http://"+p.Addr+paths[provider], ProviderKey), m.Params)
	}
	if !strings.Contains(sections, "general_settings:") {
		sections += "\ngeneral_settings:\n"
	}
	hosts := fmt.Sprintf("general_settings:\n  allowed_provider_hosts: [%q]\n", p.Addr)
	return SimulatedConfig(strings.Replace(sections, "general_settings:\n", hosts, 1), models...)
}

// SimulatedConfig is the text of a configuration with these models and no provider
// key: the gateway's own simulator answers, as each provider.
func SimulatedConfig(sections string, models ...Model) string {
	var b strings.Builder
	b.WriteString("model_list:\n")
	for _, m := range models {
		_, model, _ := strings.Cut(m.Upstream, "/")
		base, _, _ := strings.Cut(model, ";")
		fmt.Fprintf(&b, "  - model_name: %s\n    litellm_params: {%s}\n    model_info: {base_model: %q}\n",
			m.Name, join(fmt.Sprintf("model: %q", m.Upstream), m.Params), base)
	}
	return b.String() + sections
}

func join(a, b string) string {
	if b == "" {
		return a
	}
	return a + ", " + b
}

// Await waits until the recorded calls satisfy cond, and returns how long that took.
func (p *Providers) Await(tb testing.TB, what string, cond func([]simulator.Call) bool) time.Duration {
	tb.Helper()
	began := time.Now() //nolint:forbidigo // it measures the real process
	ctx, cancel := context.WithTimeout(tb.Context(), Patience)
	defer cancel()
	if err := p.Wait(ctx, cond); err != nil {
		tb.Fatalf("%s: not within %s: %v; calls: %+v", what, Patience, errors.Unwrap(err), p.Calls())
	}
	return time.Since(began) //nolint:forbidigo // as above
}
