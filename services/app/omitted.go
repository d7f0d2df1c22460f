package app

import (
	"context"
	"fmt"
	"strings"

	"go.uber.org/fx"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/redisx"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/store/memory"
	omittedredis "tollgate.dev/services/compressor/store/redis"
)

// omitted is where it is kept what was left out of prompts, with its health check.
type omitted struct {
	fx.Out

	Options compressor.KeeperOptions
	Store   compressor.Store
	Checks  []obs.Check `group:"checks,flatten"`
}

// openOmitted makes the store of what is left out of prompts: in this process, or in Redis
// where there is one. Redis may be away at the start, as at any time. It has connections of
// its own: parts may be large, and nothing that a call waits for is to wait for them.
func openOmitted(open *opened, cfg *config.Config, clk clock.Clock, metrics *obs.Metrics) (omitted, error) {
	keep := &cfg.Compression
	out := omitted{Options: compressor.KeeperOptions{For: keep.KeepOmitted, Clock: clk, Observer: metrics}}
	if !cfg.Redis.Configured() || !keep.Enabled || keep.KeepOmitted == 0 {
		out.Options.Timeout = compressor.AtOnce
		out.Store = memory.New(memory.Options{MaxBytes: keep.KeepOmittedBytes, Clock: clk})
		return out, nil
	}
	out.Options.Timeout, out.Options.QueueBytes = redisTimeout, keep.KeepOmittedBytes
	client, err := redisx.Open(redisx.Options{
		Host: cfg.Redis.Host, Port: cfg.Redis.Port, Username: cfg.Redis.Username, Password: cfg.Redis.Password,
		DB: cfg.Redis.DB, TLS: cfg.Redis.TLS, Timeout: redisTimeout, PoolSize: 4,
	})
	if err != nil {
		return out, fmt.Errorf("redis: %w", err)
	}
	open.addFunc(client.Close)
	if out.Store, err = omittedredis.New(client, omittedredis.Options{Prefix: omittedredis.DefaultPrefix + namespace(cfg), Clock: clk}); err != nil {
		return out, err
	}
	out.Checks = []obs.Check{{Name: "omitted", Timeout: stateTimeout, Run: func(ctx context.Context) error { return redisx.Ping(ctx, client) }}}
	return out, nil
}

// namespace is what keys of the compressor's begin with behind their prefix, where platforms
// share a Redis. A brace would end the part of a key that places it in a cluster.
func namespace(cfg *config.Config) string {
	if cfg.Compression.Namespace == "" {
		return ""
	}
	return strings.NewReplacer("{", "_", "}", "_").Replace(cfg.Compression.Namespace) + ":"
}
