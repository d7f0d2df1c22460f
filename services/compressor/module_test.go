package compressor_test

import (
	"log/slog"
	"slices"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"

	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/compressor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestModule(t *testing.T) {
	server := rpc.NewServer()
	var service *compressor.Service
	graph := []fx.Option{
		compressor.Module(),
		fx.Supply(compressor.Options{Counter: &counter, Timeout: 1 << 40}, server, slog.New(slog.DiscardHandler)),
		fx.Populate(&service),
	}
	if err := fx.ValidateApp(graph...); err != nil {
		t.Fatal(err)
	}
	app := fxtest.New(t, graph...)
	app.RequireStart()
	defer app.RequireStop()
	client := compressorv1connect.NewCompressorServiceClient(rpc.InProcess(server))
	req := &compressorv1.CompressRequest{Body: conversation(toolResult(4 << 10)), Provider: "openai", Model: "gpt-4o", Profile: "rag", TenantId: "t"}
	got, err := client.Compress(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	want := compress(t, service, compressor.Request{Body: req.GetBody(), Profile: "rag"})
	if string(got.GetBody()) != string(want.Body) || got.GetOriginalTokens() != want.Original ||
		got.GetCompressedTokens() != want.Compressed || !slices.Equal(got.GetStages(), want.Stages) || len(want.Body) == 0 {
		t.Errorf("got %d to %d tokens by %q, want %d to %d", got.GetOriginalTokens(), got.GetCompressedTokens(), got.GetStages(), want.Original, want.Compressed)
	}
	req.Profile = "turbo"
	if _, err := client.Compress(t.Context(), req); !errs.Is(errs.FromConnect(err), errs.InvalidRequest) {
		t.Errorf("an unknown profile: %v", err)
	}
}
