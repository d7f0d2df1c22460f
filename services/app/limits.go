package app

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"go.uber.org/fx"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/redisx"
	"tollgate.dev/services/edge/ratelimit"
	limitsredis "tollgate.dev/services/edge/ratelimit/store/redis"
)

// limits is where rate limits are counted, with its health check.
type limits struct {
	fx.Out

	Limiter *ratelimit.Limiter
	Checks  []obs.Check `group:"checks,flatten"`
}

// limitsTimeout bounds an exchange with the Redis that limits are shared in. Three that
// fail in a row, and each process counts alone.
const limitsTimeout = 100 * time.Millisecond

// newLimiter counts in this process, or in Redis with all replicas. Redis may be away at
// the start, as at any time. It has connections of its own: what a slow look-up in the
// cache may wait for, a limit may not.
func newLimiter(open *opened, cfg *config.Config, clk clock.Clock, metrics *obs.Metrics, log *slog.Logger) (limits, error) {
	if !cfg.RateLimits.Shared {
		return limits{Limiter: ratelimit.New(clk)}, nil
	}
	timeout := max(limitsTimeout, cfg.RateLimits.Wait)
	client, err := redisx.Open(redisx.Options{
		Host: cfg.Redis.Host, Port: cfg.Redis.Port, Username: cfg.Redis.Username, Password: cfg.Redis.Password,
		DB: cfg.Redis.DB, TLS: cfg.Redis.TLS, Timeout: timeout, PoolSize: 4,
	})
	if err != nil {
		return limits{}, fmt.Errorf("redis: %w", err)
	}
	open.addFunc(client.Close)
	prefix := limitsredis.DefaultPrefix
	if cfg.RateLimits.Namespace != "" {
		prefix += strings.NewReplacer("{", "_", "}", "_").Replace(cfg.RateLimits.Namespace) + ":"
	}
	store, err := limitsredis.New(client, limitsredis.Options{Prefix: prefix})
	if err != nil {
		return limits{}, err
	}
	limiter := ratelimit.NewShared(clk, store, ratelimit.Options{
		Wait: cfg.RateLimits.Wait, CallTimeout: timeout, Metrics: metrics, Log: log,
	})
	return limits{Limiter: limiter, Checks: []obs.Check{{Name: "rate_limits", Timeout: stateTimeout, Run: limiter.Check}}}, nil
}
