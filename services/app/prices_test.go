package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/tokens"
)

// perMillion is what a million input tokens of the configuration's only deployment cost.
func perMillion(p *prices, id, provider, model string) string {
	price, ok := p.Price(id, provider, model)
	if !ok {
		return "none"
	}
	return price.Rate(pricing.Input, pricing.Standard, 0).DollarsPerMillion()
}

func TestPrices(t *testing.T) {
	file := filepath.Join(t.TempDir(), "prices.json")
	if err := os.WriteFile(file, []byte(`{
		"gpt-4o": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 7e-06, "output_cost_per_token": 9e-06},
		"my-own": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}
	}`), 0o600); err != nil {
		t.Fatal(err)
	}
	const own = ", input_cost_per_token: 0.000003"
	for name, tc := range map[string]struct{ params, info, settings, want string }{
		"the shipped table":               {"openai/gpt-4o", "", "", "2.5"},
		"of no known model":               {"openai/my-own", "", "", "none"},
		"a base model":                    {"openai/my-own", "base_model: gpt-4o", "", "2.5"},
		"the deployment's own":            {"openai/gpt-4o" + own, "", "", "3"},
		"for an unknown model":            {"openai/my-own" + own, "", "", "3"},
		"over that of its base model":     {"openai/my-own", "base_model: gpt-4o" + own, "", "3"},
		"a price map":                     {"openai/gpt-4o", "", "pricing: {file: " + file + "}\n", "7"},
		"a price map, with another model": {"openai/my-own", "", "pricing: {file: " + file + "}\n", "1"},
		"a price map beside the table":    {"openai/gpt-4o-mini", "", "pricing: {file: " + file + "}\n", "0.15"},
		"the deployment's own over both":  {"openai/gpt-4o" + own, "", "pricing: {file: " + file + "}\n", "3"},
	} {
		t.Run(name, func(t *testing.T) {
			info := strings.TrimPrefix(tc.info, ", ")
			cfg := load(t, "model_list: [{model_name: m, litellm_params: {api_key: k, model: "+tc.params+"}, model_info: {"+info+"}}]\n"+tc.settings)
			p, _ := priced(t, cfg)
			d := cfg.Deployments[0]
			if got := perMillion(p, d.ID, string(d.Provider), d.UpstreamModel); got != tc.want {
				t.Errorf("$%s a million, want $%s", got, tc.want)
			}
			// The router calls a server on a host of its own by another provider's name.
			if got := perMillion(p, d.ID, "openai_compatible", d.UpstreamModel); got != tc.want {
				t.Errorf("$%s a million as OpenAI-compatible, want $%s", got, tc.want)
			}
		})
	}
}

func TestLimitsOfAModelAreItsDeployments(t *testing.T) {
	cfg := load(t, "model_list: [{model_name: m, litellm_params: {api_key: k, model: openai/gpt-4o}, model_info: {max_output_tokens: 77, max_input_tokens: 999}}]\n")
	p, _ := priced(t, cfg)
	d := cfg.Deployments[0]
	if price, ok := p.Price(d.ID, "openai", "gpt-4o"); !ok || price.MaxOutputTokens != 77 || price.ContextWindow != 999 {
		t.Errorf("got %+v", price)
	}
	if price, ok := p.Price("another", "openai", "gpt-4o"); !ok || price.MaxOutputTokens == 77 {
		t.Errorf("another deployment of the model has %+v", price)
	}
}

func TestModes(t *testing.T) {
	for name, tc := range map[string]struct{ model, info, want string }{
		"the table's":           {"openai/text-embedding-3-small", "", "embedding"},
		"a base model's":        {"openai/my-own", "base_model: text-embedding-3-small", "embedding"},
		"the configuration's":   {"openai/my-own", "mode: embedding", "embedding"},
		"its over the table's":  {"openai/text-embedding-3-small", "mode: chat", "chat"},
		"of what nobody knows":  {"openai/my-own", "", ""},
		"of an ordinary model":  {"openai/gpt-4o", "", "chat"},
		"with a price, no mode": {"openai/my-own", "input_cost_per_token: 0.000003", ""},
	} {
		cfg := load(t, "model_list: [{model_name: m, litellm_params: {api_key: k, model: "+tc.model+"}, model_info: {"+tc.info+"}}]\n")
		p, _ := priced(t, cfg)
		d := cfg.Deployments[0]
		if got := p.Mode(d.ID, string(d.Provider), d.UpstreamModel); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// A server of one's own is counted as the model that it is said to be, if that is known.
func TestEncodings(t *testing.T) {
	for name, tc := range map[string]struct {
		model, info string
		want        tokens.Encoding
	}{
		"a known model's":          {"openai/gpt-4o", "", tokens.O200k},
		"what nobody knows":        {"hosted_vllm/my-own", "", tokens.O200kLike},
		"a base model's":           {"hosted_vllm/my-own", "base_model: gpt-4o", tokens.O200k},
		"with its provider's name": {"openai/my-own", "base_model: azure/gpt-4", tokens.CL100k},
		"an unknown base model's":  {"openai/gpt-4o", "base_model: my-price", tokens.O200k},
	} {
		cfg := load(t, "model_list: [{model_name: m, litellm_params: {api_key: k, api_base: 'https://a.example/v1', model: "+tc.model+"}, model_info: {"+tc.info+"}}]\n"+
			"general_settings: {allowed_provider_hosts: [a.example]}\n")
		p, _ := priced(t, cfg)
		d := cfg.Deployments[0]
		if got := p.Encoding(d.ID, string(d.Provider), d.UpstreamModel); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestPricesThatCannotBeRead(t *testing.T) {
	folder := t.TempDir()
	broken := filepath.Join(folder, "broken.json")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ settings, says string }{
		"no file": {"pricing: {file: " + filepath.Join(folder, "none.json") + "}\n", "pricing.file"},
		"no JSON": {"pricing: {file: " + broken + "}\n", broken},
	} {
		cfg := load(t, "model_list: [{model_name: m, litellm_params: {model: openai/gpt-4o, api_key: k}}]\n"+tc.settings)
		if _, err := newPrices(cfg, clocktest.NewAt(today)); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want it to name %q", name, err, tc.says)
		}
	}
}

// A rate that was announced holds from its day on, without a restart.
func TestAnnouncedPriceChange(t *testing.T) {
	cfg := load(t, "model_list: [{model_name: m, litellm_params: {model: gemini/gemini-4-argon, api_key: k}}]\n")
	p, clk := priced(t, cfg)
	ask := func() string { return perMillion(p, cfg.Deployments[0].ID, "gemini", "gemini-4-argon") }
	day := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	before := ask()
	clk.Set(day.Add(-time.Nanosecond))
	if got := ask(); got != before {
		t.Errorf("$%s before the day, was $%s", got, before)
	}
	clk.Set(day)
	if got := ask(); before != "2" || got != "4" {
		t.Errorf("from $%s to $%s a million, want from $2 to $4", before, got)
	}
}

// A model without a price would count as free, and be refused where a budget applies.
func TestEveryShippedModelHasAPrice(t *testing.T) {
	cfg := shipped(t)
	p, _ := priced(t, cfg)
	if len(cfg.Deployments) < 20 {
		t.Fatalf("only %d deployments", len(cfg.Deployments))
	}
	for _, d := range cfg.Deployments {
		price, ok := p.Price(d.ID, string(d.Provider), d.UpstreamModel)
		if !ok || price.Rate(pricing.Input, pricing.Standard, 0) <= 0 {
			t.Errorf("%s (%s/%s) has no price", d.ModelName, d.Provider, d.UpstreamModel)
		}
	}
}
