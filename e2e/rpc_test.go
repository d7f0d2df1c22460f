package e2e_test

import (
	"net/http"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"tollgate.dev/e2e/harness"
	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/errs"
)

// TestTypedClients calls the services by their generated clients, in each protocol,
// at the port that applications call: with the master key, and in vain without it.
func TestTypedClients(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	key := g.NewTenantKey(nil)
	cleartextHTTP2 := new(http.Protocols)
	cleartextHTTP2.SetUnencryptedHTTP2(true)
	for name, protocol := range map[string]struct {
		transport *http.Transport
		options   []connecthttp.Option
	}{
		"Connect over HTTP/1.1": {transport: &http.Transport{}},
		"Connect over h2c":      {transport: &http.Transport{Protocols: cleartextHTTP2}},
		"gRPC over h2c":         {transport: &http.Transport{Protocols: cleartextHTTP2}, options: []connecthttp.Option{connecthttp.WithGRPC()}},
		"gRPC-Web":              {transport: &http.Transport{}, options: []connecthttp.Option{connecthttp.WithGRPCWeb()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			t.Cleanup(protocol.transport.CloseIdleConnections)
			clientOf := func(secret string) *connect.Client {
				client := &http.Client{Transport: harness.Bearer{Key: secret, Next: protocol.transport}}
				return connect.NewClient(connecthttp.NewTransport(client, g.URL, protocol.options...))
			}
			ctx, client := t.Context(), clientOf(g.Master)
			models, err := routerv1connect.NewRouterServiceClient(client).ListModels(ctx, &routerv1.ListModelsRequest{})
			if err != nil || len(models.GetModels()) == 0 {
				t.Errorf("router: %d models, %v", len(models.GetModels()), err)
			}
			found, err := keystorev1connect.NewKeystoreServiceClient(client).GetKey(ctx, &keystorev1.GetKeyRequest{
				Ref: &keystorev1.KeyRef{Ref: &keystorev1.KeyRef_Id{Id: key.ID}},
			})
			if err != nil || found.GetKey().GetTenantId() != key.Team {
				t.Errorf("keystore: %v, %v", found, err)
			}
			if _, err := cachev1connect.NewCacheServiceClient(client).Invalidate(ctx, &cachev1.InvalidateRequest{TenantId: key.Team}); err != nil {
				t.Errorf("cache: %v", err)
			}
			budgets := budgetv1connect.NewBudgetServiceClient(client)
			if _, err := budgets.GetSpend(ctx, &budgetv1.GetSpendRequest{}); err != nil {
				t.Errorf("budget: %v", err)
			}
			stream, err := routerv1connect.NewRouterServiceClient(client).StreamComplete(ctx, &routerv1.StreamCompleteRequest{
				Call: &routerv1.Call{Model: models.GetModels()[0].GetName(), Input: &routerv1.Call_Chat{Chat: &routerv1.ChatInput{
					Messages: []*routerv1.ChatMessage{{Role: "user", Parts: []*routerv1.ChatPart{{Part: &routerv1.ChatPart_Text{Text: "Hello"}}}}},
				}}},
			})
			if err != nil {
				t.Fatalf("stream: %v", err)
			}
			if first, err := stream.Receive(); err != nil || first.GetServed() == nil {
				t.Errorf("a stream's first message is %v: %v", first, err)
			}
			if err := stream.Close(); err != nil {
				t.Logf("the stream was closed: %v", err)
			}
			// What services say among themselves is not for this port, whoever asks.
			opened, err := keystorev1connect.NewKeystoreServiceClient(client).OpenCredential(ctx, &keystorev1.OpenCredentialRequest{TenantId: key.Team, Provider: "openai"})
			if connect.CodeOf(err) != connect.CodeNotFound || opened.GetApiKey() != "" {
				t.Errorf("a credential is opened: %v", err)
			}

			for who, refused := range map[string]struct {
				secret string
				code   connect.Code
			}{
				"without a key":          {"", connect.CodeUnauthenticated},
				"with an unknown key":    {"sk-nobody-has-this-key", connect.CodeUnauthenticated},
				"with a key of a tenant": {key.Secret, connect.CodePermissionDenied},
			} {
				_, err := budgetv1connect.NewBudgetServiceClient(clientOf(refused.secret)).GetSpend(ctx, &budgetv1.GetSpendRequest{})
				if code := connect.CodeOf(err); code != refused.code {
					t.Errorf("%s: %v, not %v: %v", who, code, refused.code, err)
				}
			}
		})
	}
}

// TestRPCErrorsKeepTheirReason shows that a typed client learns the same code that
// an HTTP caller does.
func TestRPCErrorsKeepTheirReason(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	_, err := g.Budget().PutBudget(t.Context(), &budgetv1.PutBudgetRequest{Budget: &budgetv1.Budget{
		Scope: &budgetv1.Scope{Kind: budgetv1.ScopeKind_SCOPE_KIND_TENANT, Id: "t"}, LimitNanos: -1,
	}})
	if !errs.Is(err, errs.InvalidRequest) {
		t.Errorf("a negative limit is refused by %v", err)
	}
}
