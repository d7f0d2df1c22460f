package router

import (
	"log/slog"
	"testing"

	"connectrpc.com/connect/v2"
	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/router/upstream"
)

func TestModule(t *testing.T) {
	app := fx.New(
		Module(), fx.NopLogger,
		fx.Supply(Options{Deployments: []Deployment{at("a")}}, upstream.Options{}, slog.New(slog.DiscardHandler)),
		fx.Provide(
			clock.Real,
			func() Metrics { return &metricsFake{} },
			func() *connect.Server { return rpc.NewServer() },
			rpc.InProcess,
			keystorev1connect.NewKeystoreServiceClient,
		),
	)
	if err := app.Err(); err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
