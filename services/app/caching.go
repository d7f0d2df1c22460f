package app

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/fx"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/sqlite"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
	cacheredis "tollgate.dev/services/cache/store/redis"
	cachesqlite "tollgate.dev/services/cache/store/sqlite"
	"tollgate.dev/services/edge/admission"
)

// answers is where answers are kept, with its health check.
type answers struct {
	fx.Out

	Options cache.Options
	Store   cache.Store
	Checks  []obs.Check `group:"checks,flatten"`
}

// cachesAnswers reports whether answers are cached: chat completions are the only
// ones that are, so a list of call types without them turns the cache off.
func cachesAnswers(cfg *config.Config) bool {
	return cfg.Cache.Enabled && slices.Contains(cfg.Cache.SupportedCallTypes, config.ChatCompletion)
}

// modelCaching is how answers of single models are cached.
func modelCaching(cfg *config.Config) map[string]admission.Caching {
	out := make(map[string]admission.Caching, len(cfg.Cache.Similarity.Models))
	for name, m := range cfg.Cache.Similarity.Models {
		out[name] = admission.Caching{Disabled: m.Disabled, TTL: m.TTL, Last: m.Last, Threshold: m.Threshold}
	}
	return out
}

// cacheNames are the names of what happens in the cache's service.
func cacheNames() obs.CacheNames {
	return obs.CacheNames{
		Outcomes: cache.Outcomes(), Vetoes: cache.VetoRules(),
		Compared: cache.ComparisonOutcomes(), Reasons: cache.ComparisonReasons(), Phases: cache.ThresholdPhases(),
	}
}

// lookUpTime is the longest that the cache's service takes for a look-up when what it asks is slow.
func lookUpTime(cfg *config.Config) time.Duration {
	if embedderWaits(cfg) {
		return cfg.Cache.Timeout + cfg.Cache.Similarity.Embedder.Timeout
	}
	return cfg.Cache.Timeout
}

// redisTimeout bounds one exchange with Redis, where its calls have more time.
const redisTimeout = 500 * time.Millisecond

// openCache makes the store of answers, in this process or in Redis, and what answers to other
// requests are found by. Redis may be away at the start, as at any time.
func openCache(ctx context.Context, open *opened, cfg *config.Config, clk clock.Clock, metrics *obs.Metrics, log *slog.Logger) (answers, error) {
	sim := &cfg.Cache.Similarity
	out := answers{Options: cache.Options{
		TTL: cfg.Cache.TTL, Last: sim.Last, Threshold: sim.Threshold, IndexBytes: sim.IndexBytes,
		Learning: cache.Learning{MaxWrongHitRate: sim.MaxWrongHitRate, Confidence: sim.Confidence, Sample: sim.Sample, Replica: sim.Replica},
		Clock:    clk, Observer: metrics,
	}}
	embedder, err := openEmbedder(ctx, open, cfg)
	if err != nil {
		return out, err
	}
	out.Options.Embedder, out.Options.EmbedTimeout = embedder, sim.Embedder.Timeout
	out.Options.EmbedderPaid = paidEmbedder(cfg) != nil
	if !embedderWaits(cfg) {
		out.Options.EmbedTimeout = -1
	}
	if cfg.Cache.Store != config.CacheRedis {
		out.Options.Timeout = -1 // memory never waits
		out.Store = memory.New(memory.Options{MaxBytes: cfg.Cache.MaxBytes, Clock: clk})
		if embedder != nil && sim.Threshold == nil {
			out.Options.Learning.Evidence, err = openEvidence(ctx, open, cfg, clk)
		}
		// Whoever has locked the data folder is alone with it.
		if cfg.General.DatabaseURL.IsZero() && cfg.Mesh.Runs(config.ServiceKeystore) {
			out.Options.Learning.Replica, out.Options.Learning.Sole = "embedded", true
		}
		return out, err
	}
	out.Options.Timeout = cfg.Cache.Timeout
	client, err := redisx.Open(redisx.Options{
		Host: cfg.Redis.Host, Port: cfg.Redis.Port, Username: cfg.Redis.Username,
		Password: cfg.Redis.Password, DB: cfg.Redis.DB, TLS: cfg.Redis.TLS,
		// Invalidations may take longer than look-ups.
		Timeout: max(redisTimeout, cfg.Cache.Timeout),
	})
	if err != nil {
		return out, fmt.Errorf("redis: %w", err)
	}
	open.addFunc(client.Close)
	prefix := cacheredis.DefaultPrefix
	if cfg.Cache.Namespace != "" {
		prefix += strings.NewReplacer("{", "_", "}", "_").Replace(cfg.Cache.Namespace) + ":"
	}
	store, err := cacheredis.New(client, cacheredis.Options{Prefix: prefix, Clock: clk, Logger: log})
	if err != nil {
		return out, err
	}
	out.Store, out.Options.Tidier = store, store
	if sim.Last != cachev1.Tier_TIER_EXACT {
		out.Options.Feed, out.Options.Vectors, out.Options.Learning.Evidence = store, store, store
	}
	out.Checks = []obs.Check{{Name: "redis", Timeout: stateTimeout, Run: func(ctx context.Context) error { return redisx.Ping(ctx, client) }}}
	return out, nil
}

// openEvidence opens what thresholds are learned from, where there is no Redis: a file in the
// data folder, so that it outlasts the process.
func openEvidence(ctx context.Context, open *opened, cfg *config.Config, clk clock.Clock) (cache.Evidence, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	db, err := sqlite.Open(ctx, filepath.Join(cfg.General.DataDir, "cache.db"), sqlite.Options{CacheKiB: 256, Readers: 1})
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	open.addFunc(db.Close)
	return cachesqlite.NewEvidence(ctx, db, clk)
}
