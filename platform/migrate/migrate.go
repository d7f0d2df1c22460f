// Package migrate brings a database's schema forward, one numbered SQL file after the
// other. It knows no driver: packages sqlite and postgres supply a [DB].
//
// Several services share a database, so that migrations are numbered and recorded per
// service. There is no way back: to undo a release, restore the backup made before it.
package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// Table is where applied migrations are recorded, in every database.
const Table = "tollgate_schema_migrations"

// Why a schema can't be brought forward.
var (
	// ErrNewerSchema says that a newer program has already migrated the database.
	ErrNewerSchema = errors.New("the database's schema is newer than this program")
	// ErrChanged says that a migration is not the one that was applied under its number.
	ErrChanged = errors.New("an applied migration was changed since")
)

// Migration is one step.
type Migration struct {
	// Version is the number in the file's name, from 1, without gaps.
	Version int
	// Name is the rest of the file's name, without ".sql".
	Name string
	// SQL is one or more statements. They run in a transaction, so none may begin or end
	// one, or be of the kind that can't run inside.
	SQL string
	// Checksum is the SHA-256 of SQL in hexadecimal, line ends counted as LF.
	Checksum string
}

// Record is what the database remembers of an applied migration.
type Record struct {
	Version  int
	Name     string
	Checksum string
}

// Tx is one transaction that holds the migration lock.
type Tx interface {
	// Applied lists the service's records in rising order of version. It creates
	// [Table] when there is none.
	Applied(ctx context.Context, service string) ([]Record, error)
	// Run executes the statements.
	Run(ctx context.Context, statements string) error
	// Record notes a migration as applied now.
	Record(ctx context.Context, service string, r Record) error
}

// DB runs functions in transactions that exclude one another, across processes.
type DB interface {
	// Exclusive waits for the lock, runs f in a transaction, and commits when f returns
	// nil; otherwise it rolls back and returns f's error.
	Exclusive(ctx context.Context, f func(Tx) error) error
}

var (
	fileName    = regexp.MustCompile(`^([0-9]{4})_([a-z0-9_]+)\.sql$`)
	serviceName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
)

// Load reads the migrations in the root of fsys: files named 0001_what_it_does.sql,
// numbered from 1 without gaps. A ".sql" file of another name is an error; other
// files are not looked at.
func Load(fsys fs.FS) ([]Migration, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("migrate: reading the folder: %w", err)
	}
	var out []Migration
	for _, e := range entries { // in the order of names, so of numbers
		if e.IsDir() || path.Ext(e.Name()) != ".sql" {
			continue
		}
		m := fileName.FindStringSubmatch(e.Name())
		if m == nil {
			return nil, fmt.Errorf("migrate: %s is not named like 0001_create_keys.sql", e.Name())
		}
		version, err := strconv.Atoi(m[1])
		if err != nil {
			return nil, fmt.Errorf("migrate: %s: %w", e.Name(), err)
		}
		if version != len(out)+1 {
			return nil, fmt.Errorf("migrate: %s comes where number %04d is due", e.Name(), len(out)+1)
		}
		b, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			return nil, fmt.Errorf("migrate: reading %s: %w", e.Name(), err)
		}
		text := strings.ReplaceAll(string(b), "\r\n", "\n")
		if strings.TrimSpace(text) == "" {
			return nil, fmt.Errorf("migrate: %s is empty", e.Name())
		}
		sum := sha256.Sum256([]byte(text))
		out = append(out, Migration{Version: version, Name: m[2], SQL: text, Checksum: hex.EncodeToString(sum[:])})
	}
	if len(out) == 0 {
		return nil, errors.New("migrate: no migrations found")
	}
	return out, nil
}

// Run applies what is missing of a service's migrations, each in a transaction of its
// own that also looks again at what is applied, so that processes that start together
// take turns. It returns how many it applied itself; on an error those stay applied.
// Errors wrap [ErrNewerSchema], [ErrChanged], or what the database said.
func Run(ctx context.Context, db DB, service string, migrations []Migration) (applied int, err error) {
	if !serviceName.MatchString(service) {
		return 0, fmt.Errorf("migrate: %q is not a service's name", service)
	}
	for {
		var more bool
		if err := db.Exclusive(ctx, func(tx Tx) error {
			more = false
			done, err := tx.Applied(ctx, service)
			if err != nil {
				return fmt.Errorf("reading what is applied: %w", err)
			}
			if err := compatible(done, migrations); err != nil {
				return err
			}
			if len(done) == len(migrations) {
				return nil
			}
			next := migrations[len(done)]
			if err := tx.Run(ctx, next.SQL); err != nil {
				return fmt.Errorf("%04d_%s: %w", next.Version, next.Name, err)
			}
			if err := tx.Record(ctx, service, Record{next.Version, next.Name, next.Checksum}); err != nil {
				return fmt.Errorf("recording %04d_%s: %w", next.Version, next.Name, err)
			}
			more = true
			return nil
		}); err != nil {
			return applied, fmt.Errorf("migrating %s: %w", service, err)
		}
		if !more {
			return applied, nil
		}
		applied++
	}
}

// compatible checks that what is applied is a beginning of what is known.
func compatible(done []Record, known []Migration) error {
	if n := len(done); n > 0 && done[n-1].Version > len(known) {
		return fmt.Errorf("%w: it is at version %d, the program knows up to %d; start a newer Tollgate, or restore the backup made before the upgrade",
			ErrNewerSchema, done[n-1].Version, len(known))
	}
	for i, r := range done {
		if r.Version != i+1 {
			return fmt.Errorf("%w: version %d is missing from %s", ErrChanged, i+1, Table)
		}
		if m := known[i]; m.Checksum != r.Checksum {
			return fmt.Errorf("%w: %04d_%s is not the file that was applied as %04d_%s; put the old file back and add a new migration",
				ErrChanged, m.Version, m.Name, r.Version, r.Name)
		}
	}
	return nil
}
