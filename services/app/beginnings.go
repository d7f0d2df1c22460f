package app

import (
	"fmt"
	"log/slog"
	"path/filepath"

	"go.uber.org/fx"

	"tollgate.dev/platform/background"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/redisx"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/store/file"
	"tollgate.dev/services/compressor/store/memory"
	notesredis "tollgate.dev/services/compressor/store/redis"
)

// beginningsBytes is the memory of a process for how prompts began, where there is no Redis:
// some ten thousand of them.
const beginningsBytes = 16 << 20

// beginningsFolder is where they are in the data folder.
const beginningsFolder = "notes"

// openBeginnings makes the notes of how prompts began: in this process, with a copy in the data
// folder for the next one, or in Redis where there is one, so that a call finds what another
// replica knows. There they have connections of their own: a call waits for them.
func openBeginnings(lc fx.Lifecycle, work *background.Work, open *opened, cfg *config.Config, clk clock.Clock, log *slog.Logger) (compressor.Notes, error) {
	switch {
	case !cfg.Compression.Enabled:
		return memory.NewNotes(memory.Options{MaxBytes: beginningsBytes, Clock: clk}), nil
	case !cfg.Redis.Configured():
		notes, err := file.Open(filepath.Join(cfg.General.DataDir, beginningsFolder), file.Options{MaxBytes: beginningsBytes, Clock: clk, Logger: log})
		if err != nil { // nobody who compresses has to have a folder
			log.Warn("how prompts began is not kept for the next start: documents that were left whole will be compressed once", "error", err)
			return memory.NewNotes(memory.Options{MaxBytes: beginningsBytes, Clock: clk}), nil
		}
		open.addFunc(notes.Close)
		inBackground(lc, work.Loop("the writing of how prompts began", notes.Run))
		return notes, nil
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
