package keystore_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"connectrpc.com/connect/v2"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/background"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/keystore"
)

func TestModule(t *testing.T) {
	server := rpc.NewServer()
	store := openStore(t, filepath.Join(t.TempDir(), "keystore.db"))
	var service *keystore.Service
	graph := []fx.Option{
		keystore.Module(),
		fx.Supply(options(t), server, slog.New(slog.DiscardHandler)),
		fx.Provide(func() keystore.Store { return store }, background.NewWork),
		fx.Populate(&service),
	}
	if err := fx.ValidateApp(graph...); err != nil {
		t.Fatal(err)
	}
	app := fxtest.New(t, graph...)
	app.RequireStart()
	client := keystorev1connect.NewKeystoreServiceClient(rpc.InProcess(server))
	w := service.Watch()
	defer w.Close()
	next(t, w)
	issued, err := client.IssueKey(t.Context(), &keystorev1.IssueKeyRequest{})
	if err != nil {
		t.Fatal(err)
	}
	// The changes are followed, so the service runs: the key, or a reset that covers it.
	if got := next(t, w); !got.Reset && got.KeyIDs[0] != issued.GetKey().GetId() {
		t.Errorf("got %+v", got)
	}
	app.RequireStop()
	for range 2 { // at most one update was pending
		if _, err = w.Next(t.Context()); err != nil {
			break
		}
	}
	if !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("the watch goes on: %v", err)
	}
}

// Nothing runs on, and nothing hangs, when the start fails elsewhere.
func TestModuleStopsWhenTheStartFails(t *testing.T) {
	store := openStore(t, filepath.Join(t.TempDir(), "keystore.db"))
	app := fx.New(
		keystore.Module(), fx.NopLogger,
		fx.Supply(options(t), rpc.NewServer(), slog.New(slog.DiscardHandler)),
		fx.Provide(func() keystore.Store { return store }, background.NewWork),
		fx.Invoke(func(lc fx.Lifecycle, _ *connect.Server) {
			lc.Append(fx.Hook{OnStart: func(context.Context) error { return errs.New(errs.Internal, "another module fails") }})
		}),
	)
	if err := app.Start(t.Context()); err == nil {
		t.Fatal("it started")
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	store := openStore(t, filepath.Join(t.TempDir(), "keystore.db"))
	full := options(t)
	for name, build := range map[string]func() (*keystore.Service, error){
		"store": func() (*keystore.Service, error) { return keystore.New(nil, full) },
		"hasher": func() (*keystore.Service, error) {
			return keystore.New(store, keystore.Options{Envelope: full.Envelope})
		},
		"envelope": func() (*keystore.Service, error) { return keystore.New(store, keystore.Options{Hasher: full.Hasher}) },
	} {
		if _, err := build(); err == nil {
			t.Errorf("it works without a %s", name)
		}
	}
}
