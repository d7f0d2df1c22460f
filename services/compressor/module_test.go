package compressor_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/goleak"

	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
	"tollgate.dev/platform/background"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/store/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestModule(t *testing.T) {
	server, seen := rpc.NewServer(), &counts{}
	store := &slow{Store: memory.New(memory.Options{})}
	var service *compressor.Service
	graph := []fx.Option{
		compressor.Module(),
		fx.Supply(
			compressor.Options{Counter: &counter, Timeout: 1 << 40, Stages: []compressor.Stage{leaveOut}},
			compressor.KeeperOptions{For: time.Hour, Timeout: time.Minute, Observer: seen}, server, slog.New(slog.DiscardHandler),
			background.NewWork(slog.New(slog.DiscardHandler)),
		),
		fx.Provide(func() compressor.Store { return store }),
		fx.Populate(&service),
	}
	if err := fx.ValidateApp(graph...); err != nil {
		t.Fatal(err)
	}
	app := fxtest.New(t, graph...)
	app.RequireStart()
	client := compressorv1connect.NewCompressorServiceClient(rpc.InProcess(server))
	req := &compressorv1.CompressRequest{Body: conversation(longText("a document")), Provider: "openai", Model: "gpt-4o", Profile: "rag", TenantId: "t"}
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
	// What is left out is there at the end of a stop at the latest.
	app.RequireStop()
	if len(got.GetOmitted()) != 1 {
		t.Fatalf("%q were left out", got.GetOmitted())
	}
	seen.want(t, 1, 0)
	part, err := client.Omitted(t.Context(), &compressorv1.OmittedRequest{TenantId: "t", Name: got.GetOmitted()[0]})
	if err != nil || prompt.NameOf(part.GetText()) != got.GetOmitted()[0] {
		t.Errorf("%d bytes, %v", len(part.GetText()), err)
	}
	if _, err := client.Omitted(t.Context(), &compressorv1.OmittedRequest{TenantId: "u", Name: got.GetOmitted()[0]}); !errs.Is(errs.FromConnect(err), errs.NotFound) {
		t.Errorf("for another tenant: %v", err)
	}
}
