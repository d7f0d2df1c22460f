package cache_test

import (
	"log/slog"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/platform/background"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
	"tollgate.dev/services/cache/storetest"
)

func TestModule(t *testing.T) {
	server := rpc.NewServer()
	var service *cache.Service
	graph := []fx.Option{
		cache.Module(),
		fx.Supply(cache.Options{}, server, slog.New(slog.DiscardHandler), background.NewWork(slog.New(slog.DiscardHandler))),
		fx.Provide(func() cache.Store { return memory.New(memory.Options{}) }),
		fx.Populate(&service),
	}
	if err := fx.ValidateApp(graph...); err != nil {
		t.Fatal(err)
	}
	app := fxtest.New(t, graph...)
	app.RequireStart()
	defer app.RequireStop()
	client := cachev1connect.NewCacheServiceClient(rpc.InProcess(server))
	stored, err := client.Store(t.Context(), &cachev1.StoreRequest{Namespace: namespace(), Fingerprint: fingerprint("r"), Entry: storetest.Entry("x")})
	if err != nil || !stored.GetStored() {
		t.Fatalf("%v, %v", stored, err)
	}
	key, err := cache.NewKey(namespace(), fingerprint("r"))
	if err != nil {
		t.Fatal(err)
	}
	if hit := service.Lookup(t.Context(), cache.Request{Key: key, MaxAge: cache.AnyAge}); hit.Kind != cachev1.HitKind_HIT_KIND_EXACT {
		t.Errorf("got %v", hit)
	}
}
