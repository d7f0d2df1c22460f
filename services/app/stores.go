package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
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

// database is where keys, budgets and answers for repeats are kept: SQLite in the data
// folder, or PostgreSQL when a database URL is set. Each function brings the tables of one
// service up to date.
type database struct {
	ping        func(context.Context) error
	keystore    func(context.Context) (keystore.Store, error)
	ledger      func(context.Context) (ledger, error)
	idempotency func(context.Context) (idempotency.Store, error)
}

// ledger is what the budget service keeps.
type ledger struct {
	fx.Out

	Store  budget.Store
	Outbox relay.Outbox
	Books  budget.Books
}

// opening is the database with its health check.
type opening struct {
	fx.Out

	Database *database
	Check    obs.Check `group:"checks"`
}

// openDatabase opens the database. Prices come first, and with those who need them secrets:
// what is wrong with them shows before anything is open.
func openDatabase(ctx context.Context, open *opened, cfg *config.Config, log *slog.Logger, _ *prices) (opening, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout+cfg.General.DatabaseTimeout)
	defer cancel()
	kind := openShared
	if cfg.General.DatabaseURL.IsZero() {
		kind = openEmbedded
	}
	db, err := kind(ctx, open, cfg, log)
	if err != nil {
		return opening{}, err
	}
	check := obs.Check{
		Name: "database", Run: db.ping,
		// An edge by itself keeps there what repeats of a request are answered with: all other
		// calls go on without.
		Required: cfg.Mesh.Runs(config.ServiceKeystore) || cfg.Mesh.Runs(config.ServiceBudget),
	}
	if !check.Required {
		check.Timeout = stateTimeout
	}
	return opening{Database: db, Check: check}, nil
}

func openEmbedded(ctx context.Context, open *opened, cfg *config.Config, log *slog.Logger) (*database, error) {
	if err := lockFolder(ctx, open, cfg.General.DataDir, log); err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, filepath.Join(cfg.General.DataDir, "tollgate.db"), sqlite.Options{CacheKiB: 512, Readers: 2})
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	open.addFunc(db.Close)
	return &database{
		ping:     db.Read.PingContext,
		keystore: func(ctx context.Context) (keystore.Store, error) { return keystoresqlite.New(ctx, db) },
		ledger: func(ctx context.Context) (ledger, error) {
			store, err := budgetsqlite.New(ctx, db)
			if err != nil {
				return ledger{}, err
			}
			return ledger{Store: store, Outbox: store.Outbox(), Books: store}, nil
		},
		idempotency: func(ctx context.Context) (idempotency.Store, error) { return idempotencysqlite.New(ctx, db) },
	}, nil
}

func openShared(ctx context.Context, open *opened, cfg *config.Config, log *slog.Logger) (*database, error) {
	pool, err := postgres.Open(ctx, cfg.General.DatabaseURL, postgres.Options{
		MaxConns: cfg.General.DatabasePool, StartTimeout: cfg.General.DatabaseTimeout, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	open.addFunc(func() error { pool.Close(); return nil })
	return &database{
		ping:     pool.Ping,
		keystore: func(ctx context.Context) (keystore.Store, error) { return keystorepostgres.New(ctx, pool) },
		ledger: func(ctx context.Context) (ledger, error) {
			store, err := budgetpostgres.New(ctx, pool)
			if err != nil {
				return ledger{}, err
			}
			return ledger{Store: store, Outbox: store.Outbox(), Books: store}, nil
		},
		idempotency: func(ctx context.Context) (idempotency.Store, error) { return idempotencypostgres.New(ctx, pool) },
	}, nil
}

// lockFile is the file in the data folder whose lock the process holds that has the
// embedded database.
const lockFile = "lock"

// lockFolder takes the data folder for this process, until its end. Two processes in one
// folder would each count rate limits and keep answers alone, and wait for each other's writes.
func lockFolder(ctx context.Context, open *opened, dir string, log *slog.Logger) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data folder (set TOLLGATE_DATA_DIR for another): %w", err)
	}
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
