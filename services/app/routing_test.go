package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/config"
	"tollgate.dev/services/router"
)

const simulatorAddr = "127.0.0.1:4"

// routed is what the router is given.
func routed(tb testing.TB, cfg *config.Config, simulator string) router.Options {
	tb.Helper()
	p, clk := priced(tb, cfg)
	opts, err := routing(cfg, p, simulator, clk)
	if err != nil {
		tb.Fatal(err)
	}
	return opts
}

// The shipped configuration names models of four providers, whatever keys there are.
func TestRoutingByKeys(t *testing.T) {
	for name, tc := range map[string]struct {
		env       []string
		simulator string
		providers []string // that deployments are routed to
		simulated bool
	}{
		"no key, with the simulator": {simulator: simulatorAddr, providers: []string{"anthropic", "gemini", "groq", "openai"}, simulated: true},
		"no key, no simulator":       {},
		"some keys": {
			env: []string{"ANTHROPIC_API_KEY", "a-key", "GEMINI_API_KEY", "g-key"}, providers: []string{"anthropic", "gemini"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			opts := routed(t, shipped(t, tc.env...), tc.simulator)
			providers := make(map[string]bool)
			for _, d := range opts.Deployments {
				providers[d.Provider] = true
				if d.Simulated != tc.simulated || d.APIKey.IsZero() {
					t.Errorf("%s: simulated %t, with a key %t", d.Model, d.Simulated, !d.APIKey.IsZero())
				}
				switch {
				case !tc.simulated && d.APIBase != nil:
					t.Errorf("%s goes to %s, want the provider's own", d.Model, d.APIBase)
				case tc.simulated && (d.APIBase.Host != simulatorAddr || d.APIKey.Reveal() != simulatorKey):
					t.Errorf("%s goes to %s: no simulator", d.Model, d.APIBase)
				}
			}
			if got := sortedKeys(providers); !slices.Equal(got, tc.providers) {
				t.Errorf("routed to %q, want %q", got, tc.providers)
			}
		})
	}
}

func TestRoutingOfADeployment(t *testing.T) {
	const hosts = "general_settings: {allowed_provider_hosts: [api.openai.com, api.anthropic.com, api.openai.com.evil.example, \"127.0.0.1:8000\"]}\n"
	show := func(d router.Deployment) string {
		base := "own"
		if d.APIBase != nil {
			base = d.APIBase.String()
		}
		return fmt.Sprintf("%s %s order=%d weight=%g parallel=%d timeout=%s/%s/%s rest=%s drop=%t", d.Provider, base,
			d.Order, d.Weight, d.MaxParallel, d.Timeout, d.StreamTimeout, d.StreamIdleTimeout, d.Cooldown, d.DropParams)
	}
	defaults := func(provider, base string) string {
		return fmt.Sprintf("%s %s order=%d weight=1 parallel=0 timeout=10m0s/0s/0s rest=0s drop=false", provider, base, lastOrder)
	}
	for name, tc := range map[string]struct{ params, settings, want string }{
		"nothing given":       {"model: openai/m", "", defaults("openai", "own")},
		"everything":          {"model: openai/m, order: 2, weight: 3, max_parallel_requests: 4, timeout: 5, stream_timeout: 6, stream_idle_timeout: 9, cooldown_time: 7, drop_params: true", "", "openai own order=2 weight=3 parallel=4 timeout=5s/6s/9s rest=7s drop=true"},
		"the router's":        {"model: openai/m", "router_settings: {timeout: 20}\nlitellm_settings: {drop_params: true}\n", fmt.Sprintf("openai own order=%d weight=1 parallel=0 timeout=20s/0s/0s rest=0s drop=true", lastOrder)},
		"its own over that":   {"model: openai/m, drop_params: false, timeout: 3", "router_settings: {timeout: 20}\nlitellm_settings: {drop_params: true}\n", fmt.Sprintf("openai own order=%d weight=1 parallel=0 timeout=3s/0s/0s rest=0s drop=false", lastOrder)},
		"OpenAI's own host":   {"model: openai/m, api_base: \"https://api.openai.com/v1/\"", "", defaults("openai", "https://api.openai.com/v1")},
		"and port":            {"model: openai/m, api_base: \"https://API.openai.com:443/v1\"", "", defaults("openai", "https://API.openai.com:443/v1")},
		"another's host":      {"model: openai/m, api_base: \"https://api.openai.com.evil.example/v1\"", "", defaults("openai_compatible", "https://api.openai.com.evil.example/v1")},
		"a server of one's":   {"model: hosted_vllm/m, api_base: \"http://127.0.0.1:8000/v1\"", "", defaults("openai_compatible", "http://127.0.0.1:8000/v1")},
		"another wire format": {"model: anthropic/m, api_base: \"http://127.0.0.1:8000\"", "", defaults("anthropic", "http://127.0.0.1:8000")},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := load(t, "model_list: [{model_name: m, litellm_params: {api_key: k, "+tc.params+"}}]\n"+hosts+tc.settings)
			opts := routed(t, cfg, "")
			if len(opts.Deployments) != 1 {
				t.Fatalf("%d deployments", len(opts.Deployments))
			}
			if got := show(opts.Deployments[0]); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			// A tenant's credential goes to the provider's own host alone.
			own := strings.Contains(tc.want, " own ") || strings.Contains(strings.ToLower(tc.want), "https://api.openai.com/") || strings.Contains(tc.want, ":443/")
			if opts.Deployments[0].ProviderHost != own {
				t.Errorf("the base URL is the provider's own: %t", !own)
			}
		})
	}
}

func TestRoutingSettings(t *testing.T) {
	opts := routed(t, load(t, `
model_list:
  - {model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k, organization: org-1, extra_headers: {X-Team: t}}}
  - {model_name: m, litellm_params: {model: openai/idle, api_key: k, weight: 0}}
  - {model_name: n, litellm_params: {model: openai/idle, api_key: k, weight: 0}}
  - {model_name: o, litellm_params: {model: anthropic/claude-opus-5-5, api_key: k, organization: org-1}}
router_settings:
  routing_strategy: cost-based-routing
  num_retries: 4
  retry_after: 1.5
  allowed_fails: 6
  cooldown_time: 7
  stream_timeout: 8
  stream_idle_timeout: 11
  model_group_alias: {alias: m, secret: {model: m, hidden: true}, lost: n}
litellm_settings: {request_timeout: 90}
`), "")
	if opts.Strategy != router.LowestCost || opts.Retries != 4 || opts.MinRetryWait != 1500*time.Millisecond ||
		opts.AllowedFails != 6 || opts.Cooldown != 7*time.Second || opts.StreamTimeout != 8*time.Second || opts.StreamIdleTimeout != 11*time.Second ||
		opts.Timeout != 90*time.Second || !opts.Created.Equal(today) {
		t.Errorf("got %+v", opts)
	}
	if got := fmt.Sprint(opts.Aliases); got != "map[alias:m secret:m]" {
		t.Errorf("aliases %s: one of a model that is not served is left out", got)
	}
	if len(opts.Deployments) != 2 {
		t.Fatalf("%d deployments, want 2: a weight of 0 takes no traffic", len(opts.Deployments))
	}
	m, o := opts.Deployments[0], opts.Deployments[1]
	if m.Headers.Get("OpenAI-Organization") != "org-1" || m.Headers.Get("X-Team") != "t" || o.Headers.Get("OpenAI-Organization") != "" {
		t.Errorf("headers %v and %v", m.Headers, o.Headers)
	}
	// $2.50 and $10 a million tokens.
	if m.Rate != 12_500_000 || m.MaxOutput == 0 {
		t.Errorf("rate %d, longest answer %d", m.Rate, m.MaxOutput)
	}
}

func TestDisabledCooldowns(t *testing.T) {
	opts := routed(t, load(t, oneModel+"router_settings: {disable_cooldowns: true, allowed_fails: 0}\n"), "")
	if opts.AllowedFails != router.NeverRests {
		t.Errorf("a deployment rests after %d failures", opts.AllowedFails)
	}
}

const oneModel = "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k}}]\n"

func TestHiddenModels(t *testing.T) {
	cfg := load(t, oneModel+"router_settings: {model_group_alias: {shown: m, hidden: {model: m, hidden: true}, open: {model: m}}}\n")
	if got := sortedKeys(hiddenModels(cfg)); !slices.Equal(got, []string{"hidden"}) {
		t.Errorf("hidden are %q", got)
	}
}

func TestOutboundIsBounded(t *testing.T) {
	cfg := load(t, oneModel+"general_settings: {allowed_provider_hosts: [api.openai.com, \"10.0.0.1:8443\"]}\n")
	if got := strings.Join(outbound(cfg, "").Allowlist, " "); got != "api.openai.com 10.0.0.1:8443" {
		t.Errorf("allowlist %q", got)
	}
	if got := strings.Join(outbound(cfg, simulatorAddr).Allowlist, " "); got != "api.openai.com 10.0.0.1:8443 "+simulatorAddr {
		t.Errorf("with the simulator %q", got)
	}
}

func TestCachedCallTypes(t *testing.T) {
	for name, tc := range map[string]struct {
		settings string
		want     bool
	}{
		"off":                      {"{}", false},
		"on":                       {"{cache: true}", true},
		"for chat among others":    {"{cache: true, cache_params: {supported_call_types: [aembedding, acompletion]}}", true},
		"for other types alone":    {"{cache: true, cache_params: {supported_call_types: [aembedding]}}", false},
		"for no type":              {"{cache: true, cache_params: {supported_call_types: []}}", false},
		"on, where it is asked":    {"{cache: true, cache_params: {mode: default_off}}", true},
		"parameters without it":    {"{cache_params: {ttl: 5}}", false},
		"semantic, which is exact": {"{cache: true, cache_params: {type: local-semantic}}", true},
	} {
		if got := cachesAnswers(load(t, oneModel+"litellm_settings: "+tc.settings+"\n")); got != tc.want {
			t.Errorf("%s: caches %t", name, got)
		}
	}
}

// An edge knows by its configuration where answers are kept, whichever process keeps them.
func TestTheEdgeKnowsOfASharedCache(t *testing.T) {
	for params, want := range map[string]bool{"{}": false, "{type: local}": false, "{type: redis, host: redis.internal, port: 6379}": true} {
		cfg := load(t, oneModel+"litellm_settings: {cache: true, cache_params: "+params+"}\n")
		if got := edgeOptions(Options{Config: cfg}).SharedCache; got != want {
			t.Errorf("with %s: shared %t", params, got)
		}
	}
}

func TestWarningsAtStart(t *testing.T) {
	cfg := load(t, `
model_list:
  - {model_name: fine, litellm_params: {model: openai/gpt-4o, api_key: k}}
  - {model_name: gone, litellm_params: {model: openai/gpt-4-turbo, api_key: k}}
  - {model_name: gone, litellm_params: {model: openai/gpt-4-turbo, api_key: l}}
  - {model_name: last-day, litellm_params: {model: openai/gpt-4o, api_key: k}, model_info: {deprecation_date: "2026-11-23"}}
  - {model_name: tomorrow, litellm_params: {model: openai/gpt-4o, api_key: k}, model_info: {deprecation_date: "2026-11-24"}}
  - {model_name: kept, litellm_params: {model: openai/gpt-4-turbo, api_key: k, api_base: "https://llm.example"}}
  - {model_name: tuned, litellm_params: {model: openai/my-own, api_key: k}}
  - {model_name: tuned-and-priced, litellm_params: {model: openai/my-own, api_key: k, input_cost_per_token: 0.000001}}
  - {model_name: fine, litellm_params: {model: openai/idle, api_key: k, weight: 0}}
  - {model_name: idle, litellm_params: {model: openai/idle, api_key: k, weight: 0}}
router_settings: {model_group_alias: {lost: idle, found: fine}}
general_settings: {allowed_provider_hosts: [api.openai.com, llm.example]}
`)
	p, clk := priced(t, cfg)
	opts, err := routing(cfg, p, "", clk)
	if err != nil {
		t.Fatal(err)
	}
	w := findWarnings(cfg, opts, p, today)
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"unpriced", w.unpriced, []string{"tuned"}},
		{"retired", w.retired, []string{"gone (2026-10-23)", "last-day (2026-11-23)"}},
		{"left out", w.leftOut, []string{
			"fine (openai/idle, weight 0)", "idle (openai/idle, weight 0)", "lost (an alias of a model that is not served)",
		}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	log := &journal{}
	warnAtStart(cfg, opts, p, clk, log.logger())
	if got := strings.Count(log.String(), "\n"); got != 3 || !strings.Contains(log.String(), "gone (2026-10-23)") {
		t.Errorf("%d lines, want one for each kind:\n%s", got, log)
	}
}

// What the simulator answers for lives forever, and a configuration without faults is quiet.
func TestNoWarningsAtStart(t *testing.T) {
	const old = "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4-turbo}}]\n"
	for name, cfg := range map[string]*config.Config{
		"simulated": load(t, old),
		"served":    load(t, oneModel),
	} {
		p, clk := priced(t, cfg)
		opts, err := routing(cfg, p, simulatorAddr, clk)
		if err != nil {
			t.Fatal(err)
		}
		log := &journal{}
		warnAtStart(cfg, opts, p, clocktest.NewAt(today), log.logger())
		if log.String() != "" {
			t.Errorf("%s: %s", name, log)
		}
	}
}
