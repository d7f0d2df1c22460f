package keystore_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/keystore"
	"tollgate.dev/services/keystore/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a service over a database of its own, at a time of its own.
type fixture struct {
	*keystore.Service
	clock *clocktest.Fake
	path  string
	log   *logBuffer
}

func newFixture(tb testing.TB) fixture {
	tb.Helper()
	return newReplica(tb, filepath.Join(tb.TempDir(), "keystore.db"), clocktest.New())
}

// newReplica is a service over the database at path, as another process opens it.
func newReplica(tb testing.TB, path string, clk *clocktest.Fake) fixture {
	tb.Helper()
	log := new(logBuffer)
	opts := options(tb)
	opts.Clock = clk
	opts.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	service, err := keystore.New(openStore(tb, path), opts)
	if err != nil {
		tb.Fatal(err)
	}
	return fixture{Service: service, clock: clk, path: path, log: log}
}

func openStore(tb testing.TB, path string) *sqlite.Store {
	tb.Helper()
	db, err := platform.Open(tb.Context(), path, platform.Options{Synchronous: platform.Normal})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	store, err := sqlite.New(tb.Context(), db)
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

// options are the same for every replica, as its configuration is.
func options(tb testing.TB) keystore.Options {
	tb.Helper()
	master := secret.New("a master secret for tests")
	pepper, err := secret.Derive(master, secret.VirtualKeyPepper)
	if err != nil {
		tb.Fatal(err)
	}
	kek, err := secret.Derive(master, secret.CredentialKEK)
	if err != nil {
		tb.Fatal(err)
	}
	envelope, err := secret.NewEnvelope(secret.KEK{ID: 1, Key: kek})
	if err != nil {
		tb.Fatal(err)
	}
	return keystore.Options{Hasher: secret.NewHasher(pepper), Envelope: envelope, Master: secret.New(masterText)}
}

const masterText = "sk-master-of-the-tests-0000"

// run follows changes until the test ends.
func run(t *testing.T, s *keystore.Service) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// issue makes a key that must succeed.
func (f fixture) issue(tb testing.TB, key *keystorev1.Key) (*keystorev1.Key, secret.String) {
	tb.Helper()
	made, value, err := f.Issue(tb.Context(), key, secret.String{})
	if err != nil {
		tb.Fatal(err)
	}
	return made, value
}

// tenant makes a tenant that must succeed.
func (f fixture) tenant(tb testing.TB, id string) {
	tb.Helper()
	if _, err := f.PutTenant(tb.Context(), &keystorev1.Tenant{Id: id}, nil); err != nil {
		tb.Fatal(err)
	}
}

func (f fixture) resolve(tb testing.TB, value secret.String) (*keystorev1.Grant, error) {
	tb.Helper()
	handle := keystore.Handle(value)
	return f.Resolve(tb.Context(), handle[:])
}

// works checks until when a secret works; a negative time is not at all.
func (f fixture) works(tb testing.TB, name string, value secret.String, until int64) {
	tb.Helper()
	grant, err := f.resolve(tb, value)
	if until < 0 {
		wantError(tb, name, err, errs.InvalidAPIKey, "")
		return
	}
	if err != nil || grant.GetSecretExpiresMillis() != until {
		tb.Errorf("%s: the secret works until %d, want %d; %v", name, grant.GetSecretExpiresMillis(), until, err)
	}
}

func (f fixture) in(d time.Duration) int64 { return f.clock.Now().Add(d).UnixMilli() }

func wantError(tb testing.TB, name string, err error, reason errs.Reason, param string) {
	tb.Helper()
	if !errs.Is(err, reason) || errs.Of(err).Param != param {
		tb.Errorf("%s: got %v (param %q), want %s of %q", name, err, paramOf(err), reason, param)
	}
}

func paramOf(err error) string {
	if err == nil {
		return ""
	}
	return errs.Of(err).Param
}

func byID(id string) *keystorev1.KeyRef {
	return &keystorev1.KeyRef{Ref: &keystorev1.KeyRef_Id{Id: id}}
}

func bySecret(value secret.String) *keystorev1.KeyRef {
	handle := keystore.Handle(value)
	return &keystorev1.KeyRef{Ref: &keystorev1.KeyRef_SecretSha256{SecretSha256: handle[:]}}
}

func byAlias(alias, tenantID string) *keystorev1.KeyRef {
	return &keystorev1.KeyRef{Ref: &keystorev1.KeyRef_Alias{Alias: alias}, TenantId: tenantID}
}
