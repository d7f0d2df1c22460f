package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/filelock"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/postgres"
	"tollgate.dev/platform/sqlite"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/relay"
	budgetpostgres "tollgate.dev/services/budget/store/postgres"
	budgetsqlite "tollgate.dev/services/budget/store/sqlite"
	"tollgate.dev/services/edge/idempotency"
	idempotencypostgres "tollgate.dev/services/edge/idempotency/store/postgres"
	idempotencysqlite "tollgate.dev/services/edge/idempotency/store/sqlite"
	"tollgate.dev/services/edge/spend"
	spendlog "tollgate.dev/services/edge/spend/journal"
	"tollgate.dev/services/keystore"
	keystorepostgres "tollgate.dev/services/keystore/store/postgres"
	keystoresqlite "tollgate.dev/services/keystore/store/sqlite"
)

// stores are what is kept, all in one database: SQLite in the data folder, or
// PostgreSQL when a database URL is set.
type stores struct {
	fx.Out

	Keystore    keystore.Store
	Budget      budget.Store
	Outbox      relay.Outbox
	Books       budget.Books
	Idempotency idempotency.Store
	Check       obs.Check `group:"checks"`
}

// openStores opens the database and brings its tables up to date. Secrets and prices come
// first: what is wrong with them shows before anything is open.
func openStores(ctx context.Context, open *opened, cfg *config.Config, log *slog.Logger, _ secrets, _ *prices) (stores, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout+cfg.General.DatabaseTimeout)
	defer cancel()
	if cfg.General.DatabaseURL.IsZero() {
		return openEmbedded(ctx, open, cfg, log)
	}
	return openShared(ctx, open, cfg, log)
}

func openEmbedded(ctx context.Context, open *opened, cfg *config.Config, log *slog.Logger) (out stores, err error) {
	if err := lockFolder(ctx, open, cfg.General.DataDir, log); err != nil {
		return out, err
	}
	db, err := sqlite.Open(ctx, filepath.Join(cfg.General.DataDir, "tollgate.db"), sqlite.Options{CacheKiB: 512, Readers: 2})
	if err != nil {
		return out, fmt.Errorf("data folder: %w", err)
	}
	open.addFunc(db.Close)
	if out.Keystore, err = keystoresqlite.New(ctx, db); err != nil {
		return out, err
	}
	ledger, err := budgetsqlite.New(ctx, db)
	if err != nil {
		return out, err
	}
	out.Budget, out.Outbox, out.Books = ledger, ledger.Outbox(), ledger
	if out.Idempotency, err = idempotencysqlite.New(ctx, db); err != nil {
		return out, err
	}
	out.Check = obs.Check{Name: "database", Required: true, Run: db.Read.PingContext}
	return out, nil
}

// lockFile is the file in the data folder whose lock the process holds that has the
// embedded database.
const lockFile = "lock"

// lockFolder takes the data folder for this process, until its end. Two processes in one
// folder would each count rate limits and keep answers alone, and wait for each other's writes.
func lockFolder(ctx context.Context, open *opened, dir string, log *slog.Logger) error {
	file, err := filelock.Take(filepath.Join(dir, lockFile), false)
	switch {
	case errors.Is(err, filelock.ErrHeld):
		if path, perr := filepath.Abs(dir); perr == nil {
			dir = path
		}
		return fmt.Errorf("the data folder %s is in use by another process: stop that one, set TOLLGATE_DATA_DIR, "+
			"or let both use one PostgreSQL by DATABASE_URL", dir)
	case errors.Is(err, errors.ErrUnsupported):
		log.WarnContext(ctx, "the data folder cannot be locked here: no other process may use it", "folder", dir)
		return nil
	case err != nil:
		return fmt.Errorf("data folder (set TOLLGATE_DATA_DIR for another): %w", err)
	}
	open.addFunc(file.Close)
	return nil
}

func openShared(ctx context.Context, open *opened, cfg *config.Config, log *slog.Logger) (out stores, err error) {
	pool, err := postgres.Open(ctx, cfg.General.DatabaseURL, postgres.Options{
		MaxConns: cfg.General.DatabasePool, StartTimeout: cfg.General.DatabaseTimeout, Log: log,
	})
	if err != nil {
		return out, fmt.Errorf("database: %w", err)
	}
	open.addFunc(func() error { pool.Close(); return nil })
	if out.Keystore, err = keystorepostgres.New(ctx, pool); err != nil {
		return out, err
	}
	ledger, err := budgetpostgres.New(ctx, pool)
	if err != nil {
		return out, err
	}
	out.Budget, out.Outbox, out.Books = ledger, ledger.Outbox(), ledger
	if out.Idempotency, err = idempotencypostgres.New(ctx, pool); err != nil {
		return out, err
	}
	out.Check = obs.Check{Name: "database", Required: true, Run: pool.Ping}
	return out, nil
}

// checks are the health checks of whatever this process depends on.
type checks struct {
	fx.In

	All []obs.Check `group:"checks"`
}

func newHealth(open *opened, clk clock.Clock, all checks) (*obs.Checker, error) {
	checker, err := obs.NewChecker(clk, all.All...)
	if err != nil {
		return nil, err
	}
	open.addFunc(func() error { checker.Close(); return nil })
	return checker, nil
}

// ledgerEvery is how long a settled call waits for others before they are committed
// together. Each commit costs a write to the disk, so that more calls a commit cost
// less. Until then a call is in the log.
const ledgerEvery = 100 * time.Millisecond

// newMeter makes the edge's meter with its log, which is named after the replica.
func newMeter(
	open *opened, client budgetv1connect.BudgetServiceClient, cfg *config.Config, clk clock.Clock, log *slog.Logger, metrics *obs.Metrics,
) (*spend.Meter, error) {
	opts := spend.Options{ReplicaID: id.NewGenerator(clk).NewString(), Clock: clk, Logger: log, FlushEvery: ledgerEvery, Observer: metrics}
	if wal := cfg.WAL; wal.Enabled {
		dir := wal.Dir
		if dir == "" {
			dir = filepath.Join(cfg.General.DataDir, "wal")
		}
		every := wal.SyncEvery
		if every == 0 {
			every = -1
		}
		var err error
		opts.Journal, err = spendlog.Open(spendlog.Options{
			Dir: dir, Name: opts.ReplicaID, MaxBytes: wal.MaxBytes, SyncEvery: every, Clock: clk, Logger: log,
		})
		if err != nil {
			return nil, fmt.Errorf("the log of calls cannot be kept (wal.dir in the configuration sets its folder): %w", err)
		}
		open.addFunc(opts.Journal.Close)
	}
	meter := spend.New(client, opts)
	metrics.Meter(func() obs.MeterStats {
		stats := meter.Stats()
		return obs.MeterStats{
			Queued: stats.Queued, Leases: stats.Leases, Overdrawn: stats.Overdrawn,
			LogRecords: stats.Log.Records, LogBytes: stats.Log.DiskBytes, Unlogged: stats.Unlogged,
			Dropped: stats.Dropped,
		}
	})
	return meter, nil
}

func newGuard(store idempotency.Store, s secrets, clk clock.Clock, log *slog.Logger) (*idempotency.Guard, error) {
	envelope, err := newEnvelope(s)
	if err != nil {
		return nil, err
	}
	return idempotency.New(store, envelope, clk, log, idempotency.Options{}), nil
}
