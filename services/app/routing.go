package app

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/secret"
	"tollgate.dev/services/router"
	"tollgate.dev/services/router/upstream"
)

// simulatorPaths are where the provider simulator serves each wire format.
func simulatorPaths() map[config.Provider]string {
	return map[config.Provider]string{
		config.OpenAI: "/openai/v1", config.Groq: "/groq/openai/v1",
		config.Anthropic: "/anthropic", config.Gemini: "/gemini/v1beta",
	}
}

// simulatorKey stands in for a credential: the simulator demands one, as the
// providers do, and takes any.
const simulatorKey = "simulated-credential"

// routing turns the configuration into the router's options. Deployments whose
// credential is missing go to the simulator if there is one, and are left out if not;
// so are those with a weight of 0, and aliases of what is not served.
func routing(cfg *config.Config, prices *prices, simulator string, clk clock.Clock) (router.Options, error) {
	opts := router.Options{
		Aliases:           make(map[string]string),
		Strategy:          strategies()[cfg.Router.Strategy],
		Retries:           cfg.Router.NumRetries,
		AllowedFails:      cfg.Router.AllowedFails,
		Cooldown:          cfg.Router.CooldownTime,
		Timeout:           cfg.RequestTimeout,
		StreamTimeout:     cfg.Router.StreamTimeout,
		StreamIdleTimeout: cfg.Router.StreamIdleTimeout,
		MinRetryWait:      cfg.Router.RetryAfterMin,
		Created:           clk.Now(),
	}
	if cfg.Router.DisableCooldowns {
		opts.AllowedFails = router.NeverRests
	}
	served := make(map[string]bool)
	for _, d := range cfg.Deployments {
		if d.Weight == 0 {
			continue
		}
		if d.Credential.State == config.CredentialMissing && simulator == "" {
			continue
		}
		deployment, err := deploymentOf(d, cfg, prices, simulator)
		if err != nil {
			return opts, err
		}
		opts.Deployments = append(opts.Deployments, deployment)
		served[d.ModelName] = true
	}
	for name, alias := range cfg.Router.Aliases {
		if served[alias.Model] {
			opts.Aliases[name] = alias.Model
		}
	}
	return opts, nil
}

// hiddenModels are the aliases that can be called and are not listed.
func hiddenModels(cfg *config.Config) map[string]bool {
	hidden := make(map[string]bool)
	for name, alias := range cfg.Router.Aliases {
		if alias.Hidden {
			hidden[name] = true
		}
	}
	return hidden
}

func strategies() map[config.Strategy]router.Strategy {
	return map[config.Strategy]router.Strategy{
		config.WeightedShuffle: router.WeightedShuffle, config.LeastBusy: router.LeastBusy,
		config.LowestLatency: router.LowestLatency, config.LowestCost: router.LowestCost,
	}
}

// lastOrder ranks deployments without an order behind those that have one.
const lastOrder = 1 << 30

func deploymentOf(d config.Deployment, cfg *config.Config, prices *prices, simulator string) (router.Deployment, error) {
	out := router.Deployment{
		ID: d.ID, Model: d.ModelName, Provider: string(d.Provider), UpstreamModel: d.UpstreamModel,
		APIKey: d.Credential.Key, Weight: float64(d.Weight), Order: d.Order, MaxParallel: int64(d.MaxParallel),
		Timeout: d.Timeout, StreamTimeout: d.StreamTimeout, StreamIdleTimeout: d.StreamIdleTimeout, Cooldown: d.CooldownTime, Headers: make(http.Header),
		DropParams: cfg.DropParams, ProviderHost: d.OnProviderHost(),
	}
	if out.Order == 0 {
		out.Order = lastOrder
	}
	if out.Timeout == 0 {
		out.Timeout = cfg.Router.Timeout
	}
	if d.DropParams != nil {
		out.DropParams = *d.DropParams
	}
	for name, value := range d.Headers {
		out.Headers.Set(name, value.Reveal())
	}
	if d.Organization != "" && d.Provider == config.OpenAI {
		out.Headers.Set("OpenAI-Organization", d.Organization)
	}
	base := d.APIBase
	if d.Credential.State == config.CredentialMissing {
		out.Simulated, out.APIKey = true, secret.New(simulatorKey)
		base = "http://" + simulator + simulatorPaths()[d.Provider]
	} else if d.Provider == config.OpenAI && !d.OnProviderHost() {
		// Another server that speaks OpenAI's format need not know its latest fields.
		out.Provider = "openai_compatible"
	}
	if base != "" {
		u, err := url.Parse(base)
		if err != nil {
			return out, fmt.Errorf("deployment %q: api_base: %w", d.ID, err)
		}
		out.APIBase = u
	}
	if price, ok := prices.Price(d.ID, string(d.Provider), d.UpstreamModel); ok {
		out.MaxOutput = price.MaxOutputTokens
		out.Rate = int64(price.Rate(pricing.Input, pricing.Standard, 0)) + int64(price.Rate(pricing.Output, pricing.Standard, 0))
	}
	return out, nil
}

// outbound bounds the provider calls: the configured hosts, and the simulator.
func outbound(cfg *config.Config, simulator string) upstream.Options {
	var allow upstream.Allowlist
	for _, rule := range cfg.General.AllowedHosts {
		allow = append(allow, rule.String())
	}
	if simulator != "" {
		allow = append(allow, simulator)
	}
	return upstream.Options{Allowlist: allow, DialTimeout: 5 * time.Second}
}
