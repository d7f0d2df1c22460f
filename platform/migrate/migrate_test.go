package migrate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"tollgate.dev/platform/migrate"
)

func files(nameAndSQL ...string) fstest.MapFS {
	out := fstest.MapFS{}
	for i := 0; i < len(nameAndSQL); i += 2 {
		out[nameAndSQL[i]] = &fstest.MapFile{Data: []byte(nameAndSQL[i+1])}
	}
	return out
}

func load(t *testing.T, nameAndSQL ...string) []migrate.Migration {
	t.Helper()
	m, err := migrate.Load(files(nameAndSQL...))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLoad(t *testing.T) {
	m := load(t, "0002_b_2.sql", "B", "0001_a.sql", "A\nA", "README.md", "x", "sub/0003_c.sql", "C")
	if len(m) != 2 || m[0].Name != "a" || m[0].Version != 1 || m[0].SQL != "A\nA" || m[1].Name != "b_2" || m[1].Version != 2 {
		t.Errorf("got %+v", m)
	}
	if m[0].Checksum == m[1].Checksum || len(m[0].Checksum) != 64 {
		t.Errorf("checksums %s, %s", m[0].Checksum, m[1].Checksum)
	}
	// A checkout with CRLF line ends is the same migration.
	if crlf := load(t, "0001_a.sql", "A\r\nA"); crlf[0].Checksum != m[0].Checksum {
		t.Error("line ends change the checksum")
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		files []string
		want  string
	}{
		"nothing":        {nil, "no migrations"},
		"gap":            {[]string{"0001_a.sql", "A", "0003_c.sql", "C"}, "0003_c.sql comes where number 0002"},
		"not from one":   {[]string{"0002_a.sql", "A"}, "where number 0001"},
		"twice":          {[]string{"0001_a.sql", "A", "0001_b.sql", "B"}, "0001_b.sql comes where number 0002"},
		"other name":     {[]string{"1_a.sql", "A"}, "not named like"},
		"upper case":     {[]string{"0001_A.sql", "A"}, "not named like"},
		"empty":          {[]string{"0001_a.sql", " \n"}, "empty"},
		"no description": {[]string{"0001.sql", "A"}, "not named like"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := migrate.Load(files(tc.files...)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// memory is a database whose schema is the list of statements that it ran.
type memory struct {
	ran     []string
	records map[string][]migrate.Record
	fail    string // the statement that fails
}

type memoryTx struct {
	db  *memory
	ran []string
	rec map[string][]migrate.Record
}

func (m *memory) Exclusive(_ context.Context, f func(migrate.Tx) error) error {
	tx := &memoryTx{db: m, ran: slices.Clone(m.ran), rec: map[string][]migrate.Record{}}
	for s, r := range m.records {
		tx.rec[s] = slices.Clone(r)
	}
	if err := f(tx); err != nil {
		return err
	}
	m.ran, m.records = tx.ran, tx.rec
	return nil
}

func (t *memoryTx) Applied(_ context.Context, service string) ([]migrate.Record, error) {
	return t.rec[service], nil
}

func (t *memoryTx) Run(_ context.Context, sql string) error {
	t.ran = append(t.ran, sql)
	if sql == t.db.fail {
		return errors.New("syntax error")
	}
	return nil
}

func (t *memoryTx) Record(_ context.Context, service string, r migrate.Record) error {
	t.rec[service] = append(t.rec[service], r)
	return nil
}

func run(t *testing.T, db migrate.DB, service string, want int, nameAndSQL ...string) {
	t.Helper()
	n, err := migrate.Run(t.Context(), db, service, load(t, nameAndSQL...))
	if err != nil || n != want {
		t.Fatalf("applied %d, %v; want %d", n, err, want)
	}
}

func TestRunAppliesWhatIsMissingPerService(t *testing.T) {
	db := &memory{}
	run(t, db, "keystore", 2, "0001_a.sql", "A", "0002_b.sql", "B")
	run(t, db, "keystore", 0, "0001_a.sql", "A", "0002_b.sql", "B")
	run(t, db, "budget", 1, "0001_x.sql", "X")
	run(t, db, "keystore", 1, "0001_a.sql", "A", "0002_b.sql", "B", "0003_c.sql", "C")
	if got := strings.Join(db.ran, ""); got != "ABXC" {
		t.Errorf("ran %s", got)
	}
}

func TestRunKeepsWhatWentWellBeforeAFailure(t *testing.T) {
	db := &memory{fail: "B"}
	all := []string{"0001_a.sql", "A", "0002_b.sql", "B", "0003_c.sql", "C"}
	n, err := migrate.Run(t.Context(), db, "budget", load(t, all...))
	if n != 1 || err == nil || !strings.Contains(err.Error(), "budget: 0002_b: syntax error") {
		t.Fatalf("applied %d, %v", n, err)
	}
	if got := strings.Join(db.ran, ""); got != "A" {
		t.Errorf("ran %s", got)
	}
	db.fail = ""
	run(t, db, "budget", 2, all...)
}

func TestRunRefusesOtherHistories(t *testing.T) {
	applied := func(t *testing.T) *memory {
		t.Helper()
		db := &memory{}
		run(t, db, "edge", 2, "0001_a.sql", "A", "0002_b.sql", "B")
		return db
	}
	for name, tc := range map[string]struct {
		files []string
		want  error
		text  string
	}{
		"newer database": {[]string{"0001_a.sql", "A"}, migrate.ErrNewerSchema, "it is at version 2, the program knows up to 1"},
		"changed":        {[]string{"0001_a.sql", "other", "0002_b.sql", "B", "0003_c.sql", "C"}, migrate.ErrChanged, "0001_a is not the file"},
	} {
		t.Run(name, func(t *testing.T) {
			db := applied(t)
			n, err := migrate.Run(t.Context(), db, "edge", load(t, tc.files...))
			if n != 0 || !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("applied %d, %v", n, err)
			}
			if got := strings.Join(db.ran, ""); got != "AB" {
				t.Errorf("ran %s", got)
			}
		})
	}
	t.Run("a gap", func(t *testing.T) {
		db := applied(t)
		db.records["edge"] = db.records["edge"][1:]
		if _, err := migrate.Run(t.Context(), db, "edge", load(t, "0001_a.sql", "A", "0002_b.sql", "B")); !errors.Is(err, migrate.ErrChanged) {
			t.Error(err)
		}
	})
	t.Run("a bad name", func(t *testing.T) {
		if _, err := migrate.Run(t.Context(), &memory{}, "no name", load(t, "0001_a.sql", "A")); err == nil {
			t.Error("accepted")
		}
	})
}
