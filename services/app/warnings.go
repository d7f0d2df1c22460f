package app

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/services/router"
)

// warnings are models that will not do what an operator expects of them. Models
// without their provider's key are told of where the simulator is chosen.
type warnings struct {
	// unpriced are models of which a deployment has no price.
	unpriced []string
	// retired are models with the day from which their provider serves them no more.
	retired []string
	// leftOut are deployments that take no calls, and aliases of what is not served.
	leftOut []string
}

// findWarnings compares what is configured with what is routed, on a day.
func findWarnings(cfg *config.Config, routed router.Options, p *prices, now time.Time) warnings {
	var w warnings
	add := func(to *[]string, text string) {
		if !slices.Contains(*to, text) {
			*to = append(*to, text)
		}
	}
	simulated := make(map[string]bool, len(routed.Deployments))
	for _, d := range routed.Deployments {
		simulated[d.ID] = d.Simulated
	}
	today := now.UTC().Format(time.DateOnly)
	for _, d := range cfg.Deployments {
		bySimulator, served := simulated[d.ID]
		if d.Weight == 0 {
			add(&w.leftOut, d.ModelName+" ("+string(d.Provider)+"/"+d.UpstreamModel+", weight 0)")
		}
		if !served {
			continue
		}
		price, priced := p.Price(d.ID, string(d.Provider), d.UpstreamModel)
		if !priced {
			add(&w.unpriced, d.ModelName)
		}
		day := d.DeprecationDate
		// On a host of its own a model lives as long as that host serves it.
		if day == "" && priced && d.OnProviderHost() {
			day = price.Retires
		}
		if day != "" && day <= today && !bySimulator {
			add(&w.retired, d.ModelName+" ("+day+")")
		}
	}
	for name := range cfg.Router.Aliases {
		if routed.Aliases[name] == "" {
			add(&w.leftOut, name+" (an alias of a model that is not served)")
		}
	}
	slices.Sort(w.leftOut)
	return w
}

// warnAtStart tells operators of them, once.
func warnAtStart(cfg *config.Config, routed router.Options, p *prices, clk clock.Clock, log *slog.Logger) {
	w := findWarnings(cfg, routed, p, clk.Now())
	for _, c := range []struct {
		message string
		models  []string
	}{
		{"models have no price: they count as free, and are refused where a budget applies; set their prices in model_info", w.unpriced},
		{"models are past the day on which their provider stops to serve them", w.retired},
		{"models are left out and take no calls", w.leftOut},
	} {
		if len(c.models) > 0 {
			log.WarnContext(context.Background(), c.message, "models", c.models) //nolint:sloglint // each message of the table is constant
		}
	}
}
