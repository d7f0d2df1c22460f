package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/sqlite"
	"tollgate.dev/services/cache/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string, c clock.Clock) (*sqlite.Evidence, *platform.DB) {
	t.Helper()
	db, err := platform.Open(t.Context(), path, platform.Options{Synchronous: platform.Normal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	e, err := sqlite.NewEvidence(t.Context(), db, c)
	if err != nil {
		t.Fatal(err)
	}
	return e, db
}

func TestConformance(t *testing.T) {
	storetest.RunEvidence(t, func(t *testing.T, c clock.Clock) cache.Evidence {
		t.Helper()
		e, _ := open(t, filepath.Join(t.TempDir(), "test.db"), c)
		return e
	})
}

// What was learned is there after a restart.
func TestRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	ns := cache.Namespace{Tenant: "t", Provider: "p", Model: "m"}
	e, db := open(t, path, clocktest.New())
	lease, err := e.Claim(t.Context(), cache.Claim{Holder: "1", Name: "a", Term: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Exchange(t.Context(), ns, lease, []byte("state")); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	e, _ = open(t, path, clocktest.New())
	states, err := e.Exchange(t.Context(), ns, cache.Lease{Name: "b", Token: 1}, nil)
	if err != nil || len(states) != 1 || string(states[0]) != "state" {
		t.Errorf("got %q, %v", states, err)
	}
}

func TestErrors(t *testing.T) {
	e, db := open(t, filepath.Join(t.TempDir(), "test.db"), nil)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, state := range [][]byte{nil, []byte("x")} {
		if _, err := e.Exchange(t.Context(), cache.Namespace{Tenant: "t"}, cache.Lease{Name: "a", Token: 1}, state); err == nil {
			t.Errorf("%q is exchanged over a closed database", state)
		}
	}
	if _, err := e.Claim(t.Context(), cache.Claim{Holder: "1", Term: time.Minute}); err == nil {
		t.Error("a name is claimed in a closed database")
	}
	if _, err := sqlite.NewEvidence(t.Context(), db, nil); err == nil {
		t.Error("tables are made in a closed database")
	}
}
