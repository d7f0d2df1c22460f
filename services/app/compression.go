package app

import (
	"context"
	"fmt"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/llmlingua"
)

// compressorOptions opens the model of the engine llmlingua2 where a profile has that.
func compressorOptions(ctx context.Context, open *opened, cfg *config.Config, p *prices, clk clock.Clock, counter *tokens.Counter, notes compressor.Notes) (compressor.Options, error) {
	model := &cfg.Compression.LLMLingua2
	opts := compressor.Options{
		Timeout: cfg.Compression.Timeout, ModelTimeout: model.Timeout,
		MaxTextBytes: int(cfg.Compression.MaxTextBytes), ModelMaxTextBytes: int(model.MaxTextBytes),
		Prices: p, Clock: clk, Profiles: compressor.Profiles(), Counter: counter, Notes: notes,
	}
	if !cfg.Redis.Configured() {
		opts.NotesTimeout = compressor.AtOnce
	}
	for name, p := range cfg.Compression.Profiles {
		opts.Profiles[name] = compressor.Profile{Rate: p.Rate, MinTokens: int64(p.MinTokens), Stages: p.Stages, Engine: string(p.Engine)}
	}
	if cfg.Compression.AsksModel() {
		engine, err := llmlingua.Open(ctx, model.Model, llmlingua.Settings{Concurrency: model.Concurrency, Threads: model.Threads}, counter)
		if err != nil {
			return opts, fmt.Errorf("compression.llmlingua2.model: %w", err)
		}
		open.addFunc(func() error {
			engine.Close()
			return nil
		})
		opts.Model = engine
	}
	return opts, nil
}
