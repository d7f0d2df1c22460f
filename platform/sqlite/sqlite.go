// Package sqlite opens the embedded database in the one way that Tollgate uses it:
// write-ahead log, one connection that writes and a few that read, foreign keys on, and
// every wait bounded. It is the only platform package that imports the driver.
//
// Pragmas and result codes are SQLite's: sqlite.org/pragma.html and sqlite.org/rescode.html,
// read 2026-11-23.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	driver "modernc.org/sqlite"
)

// Synchronous says what a commit waits for.
type Synchronous string

const (
	// Full syncs the log at every commit: what was committed survives a loss of power.
	// It is the default, and the only right one for keys and money.
	Full Synchronous = "FULL"
	// Normal syncs at checkpoints only: a loss of power may take the last commits back,
	// and never harms the file. For what can be lost, such as a cache.
	Normal Synchronous = "NORMAL"
)

// Options tune a database. The zero value is right for keys and money.
type Options struct {
	// Synchronous is Full when empty.
	Synchronous Synchronous
	// BusyTimeout bounds the wait for another process's lock; 5 s when 0.
	BusyTimeout time.Duration
	// Readers is how many connections may read at once; 4 when 0.
	Readers int
	// CacheKiB is the page cache of each connection; 1024 when 0. The operating system
	// caches the file as well, so that a small one keeps idle memory low at little cost.
	CacheKiB int
}

// What can be wrong with a database file, beside what the operating system says.
var (
	// ErrNotWritable says that the folder or the file can't be written.
	ErrNotWritable = errors.New("the database can't be written")
	// ErrNotDatabase says that the file is something else, or damaged.
	ErrNotDatabase = errors.New("the file is not an SQLite database, or is damaged")
	// ErrLocked says that another process held its lock for the whole busy timeout.
	ErrLocked = errors.New("the database is locked by another process")
)

// DB is an open database.
type DB struct {
	// Write has one connection: writers queue in this process, in fair order, and not at
	// SQLite's lock. Its transactions begin immediately, so that none fails half-way
	// because it read first.
	Write *sql.DB
	// Read has a few connections that refuse to write. Each statement or transaction sees
	// the last commit before it began, and waits for no writer.
	Read *sql.DB

	path string
}

// Open opens or creates the database file. A missing parent folder is created, for the
// owner alone, and so is the file. The returned errors wrap [ErrNotWritable],
// [ErrNotDatabase] or [ErrLocked], and name the path.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	if path == "" {
		return nil, errors.New("sqlite: no path")
	}
	if o.Synchronous == "" {
		o.Synchronous = Full
	}
	if o.Synchronous != Full && o.Synchronous != Normal {
		return nil, fmt.Errorf("sqlite: synchronous %q is neither FULL nor NORMAL", o.Synchronous)
	}
	o.BusyTimeout = cmp.Or(o.BusyTimeout, 5*time.Second)
	o.Readers = cmp.Or(o.Readers, 4)
	o.CacheKiB = cmp.Or(o.CacheKiB, 1024)
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := prepare(path); err != nil {
		return nil, fmt.Errorf("sqlite: %s: %w: %w", path, ErrNotWritable, err)
	}
	db := &DB{path: path}
	if db.Write, err = pool(dsn(path, o, false), 1); err != nil {
		return nil, err
	}
	if db.Read, err = pool(dsn(path, o, true), o.Readers); err != nil {
		return nil, errors.Join(err, db.Write.Close())
	}
	if err := db.connect(ctx, o.BusyTimeout); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: %s: %w", path, explain(err)), db.Read.Close(), db.Write.Close())
	}
	return db, nil
}

// Path is the absolute path of the file.
func (db *DB) Path() string { return db.path }

// Update runs f in a write transaction, commits when it returns nil, and rolls back
// otherwise. When it returns nil, what f wrote is as durable as Options.Synchronous says.
func (db *DB) Update(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := db.Write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", explain(err))
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if err := f(tx); err != nil {
		return explain(err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", explain(err))
	}
	return nil
}

// Close moves the write-ahead log into the file, unless another process still reads
// it, and closes all connections. It waits for running statements.
func (db *DB) Close() error {
	readErr := db.Read.Close()
	// At most the log's few megabytes are copied; a cancelled shutdown must not skip it.
	_, checkErr := db.Write.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
	if checkErr != nil {
		checkErr = fmt.Errorf("checkpoint: %w", explain(checkErr))
	}
	if err := errors.Join(readErr, checkErr, db.Write.Close()); err != nil {
		return fmt.Errorf("sqlite: closing %s: %w", db.path, err)
	}
	return nil
}

// connect makes the first connections. SQLite does not wait for the lock that the change to a
// write-ahead log takes, nor for another process that removes its own at its end: so they are
// tried again for as long as any other lock is waited for.
func (db *DB) connect(ctx context.Context, patience time.Duration) error {
	patient := time.NewTimer(patience)
	defer patient.Stop()
	for {
		err := db.check(ctx)
		if !errors.Is(explain(err), ErrLocked) {
			return err
		}
		select {
		case <-patient.C:
			return err
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return err
		}
	}
}

// retryEvery is how often a connection is tried that another process is in the way of.
const retryEvery = 20 * time.Millisecond

// check makes a first connection, which runs the pragmas, and proves that the file can
// be read and written.
func (db *DB) check(ctx context.Context) error {
	var mode string
	if err := db.Write.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("journal mode is %s; the file system may not support a write-ahead log", mode)
	}
	tx, err := db.Write.BeginTx(ctx, nil) // immediate: takes the write lock
	if err != nil {
		return err
	}
	if err := tx.Rollback(); err != nil {
		return err
	}
	var n int
	return db.Read.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n)
}

// prepare creates the folder and the file, so that both get tight permissions and the
// operating system's own words say what is wrong.
func prepare(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	return errors.Join(err, f.Close())
}

func dsn(path string, o Options, readOnly bool) string {
	q := url.Values{}
	for _, p := range []string{
		"busy_timeout(" + strconv.FormatInt(o.BusyTimeout.Milliseconds(), 10) + ")",
		"journal_mode(WAL)",
		"synchronous(" + string(o.Synchronous) + ")",
		"foreign_keys(1)",
		"trusted_schema(0)",
		"cache_size(-" + strconv.Itoa(o.CacheKiB) + ")",
		// The log is cut back to this after a checkpoint; 16 MiB.
		"journal_size_limit(16777216)",
	} {
		q.Add("_pragma", p)
	}
	if readOnly {
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Set("_txlock", "immediate")
	}
	slash := filepath.ToSlash(path)
	if runtime.GOOS == "windows" {
		slash = "/" + slash
	}
	u := url.URL{Scheme: "file", Path: slash, RawQuery: q.Encode()}
	return u.String()
}

func pool(dsn string, conns int) (*sql.DB, error) {
	c, err := driver.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	if conns > 1 {
		db.SetConnMaxIdleTime(time.Minute) // gives the page caches back
	}
	return db, nil
}
