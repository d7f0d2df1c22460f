package app

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/tokens"
)

// prices finds what a deployment costs today: the shipped table, a price map over
// it, and a deployment's own prices over both.
type prices struct {
	table     *pricing.Table
	overrides map[string]override
	clock     clock.Clock
	today     atomic.Pointer[schedule]
}

// override is what the configuration says of one deployment's price.
type override struct {
	// provider is the one that the configuration names. The router knows a server on a
	// host of its own as OpenAI-compatible; it is priced as what it is configured as.
	provider  string
	baseModel string
	mode      string
	fields    map[string]any
	maxOutput int64
	window    int64
}

// schedule is the table as it holds until an announced change.
type schedule struct {
	table *pricing.Table
	until time.Time
}

// newPrices reads the price map that the configuration names, and checks every
// deployment's own prices.
func newPrices(cfg *config.Config, clk clock.Clock) (*prices, error) {
	table, err := pricing.Default(clk.Now())
	if err != nil {
		return nil, fmt.Errorf("shipped price table: %w", err)
	}
	if cfg.Pricing.File != "" {
		if table, err = withPriceMap(table, cfg.Pricing.File); err != nil {
			return nil, err
		}
	}
	p := &prices{table: table, clock: clk, overrides: make(map[string]override)}
	for _, d := range cfg.Deployments {
		o := override{provider: string(d.Provider), baseModel: d.BaseModel, mode: d.Mode, maxOutput: max(d.MaxOutputTokens, d.MaxTokens), window: d.MaxInputTokens}
		if len(d.Prices) > 0 {
			o.fields = make(map[string]any, len(d.Prices))
			for name, value := range d.Prices {
				o.fields[name] = string(value)
			}
		}
		p.overrides[d.ID] = o
		if _, _, err := p.find(p.current(), d.ID, string(d.Provider), d.UpstreamModel); err != nil {
			return nil, fmt.Errorf("deployment %q: %w", d.ID, err)
		}
	}
	return p, nil
}

func withPriceMap(table *pricing.Table, path string) (_ *pricing.Table, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("pricing.file: %w", err)
	}
	defer func() {
		if cerr := file.Close(); err == nil {
			err = cerr
		}
	}()
	more, _, err := pricing.LoadLiteLLM(file)
	if err != nil {
		return nil, fmt.Errorf("pricing.file %s: %w", path, err)
	}
	return table.With(more...), nil
}

// current is the table with the rates that hold now.
func (p *prices) current() *pricing.Table {
	now := p.clock.Now()
	if s := p.today.Load(); s != nil && (s.until.IsZero() || now.Before(s.until)) {
		return s.table
	}
	s := &schedule{table: p.table.At(now)}
	if next, ok := p.table.NextChange(now); ok {
		s.until = next
	}
	p.today.Store(s)
	return s.table
}

// Price returns a deployment's price.
func (p *prices) Price(deploymentID, provider, upstreamModel string) (*pricing.Price, bool) {
	price, ok, err := p.find(p.current(), deploymentID, provider, upstreamModel)
	// The overrides were checked at the start; rates that an announced change brings are the table's own.
	return &price, ok && err == nil
}

// Mode is what a deployment is for: what its model_info says, else the table.
func (p *prices) Mode(deploymentID, provider, upstreamModel string) string {
	if mode := p.overrides[deploymentID].mode; mode != "" {
		return mode
	}
	price, _, _ := p.find(p.current(), deploymentID, provider, upstreamModel)
	return price.Mode
}

// Encoding is that of a deployment's base model, where the configuration names one of a known
// family, and else that of its provider's model.
func (p *prices) Encoding(deploymentID, provider, upstreamModel string) tokens.Encoding {
	if e, ok := tokens.ForBase(p.overrides[deploymentID].baseModel); ok {
		return e
	}
	return tokens.ForModel(provider, upstreamModel)
}

func (p *prices) find(table *pricing.Table, deploymentID, provider, model string) (pricing.Price, bool, error) {
	o := p.overrides[deploymentID]
	if o.provider != "" {
		provider = o.provider
	}
	if o.baseModel != "" {
		model = o.baseModel
	}
	price, ok := table.Lookup(provider, model)
	if len(o.fields) > 0 {
		if !ok {
			price = pricing.Price{Provider: provider, Model: model}
		}
		priced, err := price.Override(o.fields)
		if err != nil {
			return price, false, err
		}
		price, ok = priced, true
	}
	if o.maxOutput > 0 {
		price.MaxOutputTokens = o.maxOutput
	}
	if o.window > 0 {
		price.ContextWindow = o.window
	}
	return price, ok, nil
}
