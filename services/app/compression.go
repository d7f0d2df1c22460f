package app

import (
	"context"
	"fmt"

	"go.uber.org/fx"

	"tollgate.dev/platform/background"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/llmlingua"
)

// compressorOptions is how this process compresses.
func compressorOptions(ctx context.Context, open *opened, cfg *config.Config, p *prices, clk clock.Clock, counter *tokens.Counter, notes compressor.Notes) (compressor.Options, error) {
	opts, done, err := compression(ctx, &cfg.Compression, counter)
	if err != nil {
		return opts, err
	}
	open.addFunc(func() error {
		done()
		return nil
	})
	opts.Prices, opts.Encoding, opts.Clock, opts.Notes = p, p.Encoding, clk, notes
	if !cfg.Redis.Configured() {
		opts.NotesTimeout = compressor.AtOnce
	}
	return opts, nil
}

// vocabularies builds those of the deployments' models beside the start of a process that
// compresses for edges elsewhere: these give a call so much time and no more. In the process of
// an edge no time limit holds it, and a gateway in which nobody compresses keeps the memory.
func vocabularies(lc fx.Lifecycle, work *background.Work, cfg *config.Config, p *prices, counter *tokens.Counter) {
	if cfg.Mesh.Runs(config.ServiceEdge) || !cfg.Compression.Enabled {
		return
	}
	inBackground(lc, work.Loop("the building of vocabularies", func(ctx context.Context) error {
		if err := build(cfg, p, counter); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}))
}

func build(cfg *config.Config, p *prices, counter *tokens.Counter) error {
	for _, d := range cfg.Deployments {
		if _, err := counter.Count(p.Encoding(d.ID, string(d.Provider), d.UpstreamModel), "a"); err != nil {
			return err
		}
	}
	return nil
}

// Compression is how a configuration has prompts compressed, by its profiles and by its
// deployments' prices and base models, without what a process keeps of prompts. It opens the model of
// the engine llmlingua2 where a profile has that; done closes it, and is never nil.
func Compression(ctx context.Context, cfg *config.Config, clk clock.Clock, counter *tokens.Counter) (opts compressor.Options, done func(), err error) {
	p, err := newPrices(cfg, clk)
	if err != nil {
		return opts, func() {}, err
	}
	if opts, done, err = compression(ctx, &cfg.Compression, counter); err == nil {
		opts.Prices, opts.Encoding, opts.Clock = p, p.Encoding, clk
	}
	return opts, done, err
}

func compression(ctx context.Context, cfg *config.Compression, counter *tokens.Counter) (opts compressor.Options, done func(), err error) {
	model := &cfg.LLMLingua2
	opts = compressor.Options{
		Timeout: cfg.Timeout, ModelTimeout: model.Timeout,
		MaxTextBytes: int(cfg.MaxTextBytes), ModelMaxTextBytes: int(model.MaxTextBytes),
		Profiles: compressor.Profiles(), Counter: counter,
	}
	for name, p := range cfg.Profiles {
		opts.Profiles[name] = compressor.Profile{Rate: p.Rate, MinTokens: int64(p.MinTokens), Stages: p.Stages, Engine: string(p.Engine)}
	}
	if !cfg.AsksModel() {
		return opts, func() {}, nil
	}
	engine, err := llmlingua.Open(ctx, model.Model, llmlingua.Settings{Concurrency: model.Concurrency, Threads: model.Threads}, counter)
	if err != nil {
		return opts, func() {}, fmt.Errorf("compression.llmlingua2.model: %w", err)
	}
	opts.Model = engine
	return opts, engine.Close, nil
}
