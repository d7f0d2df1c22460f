package app

import (
	"fmt"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/redisx"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/store/memory"
	notesredis "tollgate.dev/services/compressor/store/redis"
)

// beginningsBytes is the memory of a process for how prompts began, where there is no Redis:
// some ten thousand of them.
const beginningsBytes = 16 << 20

// openBeginnings makes the notes of how prompts began: in this process, or in Redis where there
// is one, so that a call finds what another replica knows. They have connections of their own:
// a call waits for them.
func openBeginnings(open *opened, cfg *config.Config, clk clock.Clock) (compressor.Notes, error) {
	if !cfg.Redis.Configured() || !cfg.Compression.Enabled {
		return memory.NewNotes(memory.Options{MaxBytes: beginningsBytes, Clock: clk}), nil
	}
	client, err := redisx.Open(redisx.Options{
		Host: cfg.Redis.Host, Port: cfg.Redis.Port, Username: cfg.Redis.Username, Password: cfg.Redis.Password,
		DB: cfg.Redis.DB, TLS: cfg.Redis.TLS, Timeout: redisTimeout, PoolSize: 8,
	})
	if err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	open.addFunc(client.Close)
	return notesredis.NewNotes(client, notesredis.Options{Prefix: notesredis.DefaultNotesPrefix + namespace(cfg), Clock: clk})
}
