package keystore_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/secret"
	"tollgate.dev/services/keystore"
)

// The contract from a client's side, over both transports.
func TestRPC(t *testing.T) {
	for name, dial := range map[string]func(*testing.T, *connect.Server) *connect.Client{
		"in process": func(_ *testing.T, server *connect.Server) *connect.Client { return rpc.InProcess(server) },
		"remote": func(t *testing.T, server *connect.Server) *connect.Client {
			t.Helper()
			mux := http.NewServeMux()
			rpc.Mount(mux, server)
			web := httptest.NewServer(mux)
			t.Cleanup(web.Close)
			return rpc.Remote(web.Client(), web.URL)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			server := rpc.NewServer()
			keystorev1connect.RegisterKeystoreServiceHandler(server, keystore.NewHandler(f.Service))
			client := keystorev1connect.NewKeystoreServiceClient(dial(t, server))
			t.Run("unary", func(t *testing.T) { testUnary(t, f, client) })
			t.Run("watch", func(t *testing.T) { testWatchRPC(t, f, client) })
		})
	}
}

func testUnary(t *testing.T, f fixture, client keystorev1connect.KeystoreServiceClient) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tenant, err := client.PutTenant(ctx, &keystorev1.PutTenantRequest{Tenant: &keystorev1.Tenant{Id: "t1"}})
	must(err)
	gotTenant, err := client.GetTenant(ctx, &keystorev1.GetTenantRequest{Id: "t1"})
	must(err)
	if !proto.Equal(gotTenant.GetTenant(), tenant.GetTenant()) {
		t.Errorf("got %v", gotTenant)
	}
	issued, err := client.IssueKey(ctx, &keystorev1.IssueKeyRequest{Key: &keystorev1.Key{TenantId: "t1", Alias: "a"}})
	must(err)
	id := issued.GetKey().GetId()
	handle := keystore.Handle(secret.New(issued.GetSecret()))
	resolved, err := client.ResolveKey(ctx, &keystorev1.ResolveKeyRequest{SecretSha256: handle[:]})
	must(err)
	if !proto.Equal(resolved.GetGrant().GetKey(), issued.GetKey()) || !proto.Equal(resolved.GetGrant().GetTenant(), tenant.GetTenant()) {
		t.Errorf("got %v", resolved)
	}
	got, err := client.GetKey(ctx, &keystorev1.GetKeyRequest{Ref: byAlias("a", "t1")})
	must(err)
	if !proto.Equal(got.GetKey(), issued.GetKey()) {
		t.Errorf("got %v", got)
	}
	updated, err := client.UpdateKey(ctx, &keystorev1.UpdateKeyRequest{
		Ref: byID(id), Key: &keystorev1.Key{Tags: []string{"x"}}, Fields: []string{"tags"},
	})
	must(err)
	if !slices.Equal(updated.GetKey().GetTags(), []string{"x"}) {
		t.Errorf("got %v", updated)
	}
	rotated, err := client.RotateKey(ctx, &keystorev1.RotateKeyRequest{Ref: byID(id), GraceMillis: 1000, Secret: "sk-brought_by_the-caller"})
	must(err)
	if rotated.GetSecret() != "sk-brought_by_the-caller" || rotated.GetKey().GetGraceUntilMillis() == 0 {
		t.Errorf("got %v", rotated.GetKey())
	}
	_, err = client.RotateKey(ctx, &keystorev1.RotateKeyRequest{Ref: byID(id), GraceMillis: 1 << 62})
	wantError(t, "a grace without end", err, errs.InvalidRequest, "grace_millis")
	blocked, err := client.SetKeyBlocked(ctx, &keystorev1.SetKeyBlockedRequest{Ref: byID(id), Blocked: true})
	must(err)
	if !blocked.GetKey().GetBlocked() {
		t.Errorf("got %v", blocked)
	}
	f.issue(t, nil)
	keys, err := client.ListKeys(ctx, &keystorev1.ListKeysRequest{Limit: 1})
	must(err)
	if keys.GetTotal() != 2 || keys.GetNextCursor() == "" {
		t.Errorf("got %v", keys)
	}
	keys, err = client.ListKeys(ctx, &keystorev1.ListKeysRequest{Limit: 1, Cursor: keys.GetNextCursor()})
	must(err)
	if len(keys.GetKeys()) != 1 || keys.GetNextCursor() != "" {
		t.Errorf("got %v", keys)
	}
	filtered, err := client.ListKeys(ctx, &keystorev1.ListKeysRequest{TenantId: "t1", Alias: "a", Offset: 1})
	must(err)
	if filtered.GetTotal() != 1 || len(filtered.GetKeys()) != 0 {
		t.Errorf("got %v", filtered)
	}

	_, err = client.PutCredential(ctx, &keystorev1.PutCredentialRequest{TenantId: "t1", Provider: "openai", ApiKey: "sk-x"})
	must(err)
	opened, err := client.OpenCredential(ctx, &keystorev1.OpenCredentialRequest{TenantId: "t1", Provider: "openai"})
	must(err)
	if opened.GetApiKey() != "sk-x" {
		t.Error("another credential comes out")
	}
	_, err = client.DeleteCredential(ctx, &keystorev1.DeleteCredentialRequest{TenantId: "t1", Provider: "openai"})
	must(err)
	_, err = client.OpenCredential(ctx, &keystorev1.OpenCredentialRequest{TenantId: "t1", Provider: "openai"})
	wantError(t, "a credential that is gone", err, errs.NotFound, "provider")

	_, err = client.DeleteKeys(ctx, &keystorev1.DeleteKeysRequest{Refs: []*keystorev1.KeyRef{byID("x")}})
	wantError(t, "an unknown key", err, errs.NotFound, "refs[0]")
	deleted, err := client.DeleteKeys(ctx, &keystorev1.DeleteKeysRequest{Refs: []*keystorev1.KeyRef{byID(id)}})
	must(err)
	if !slices.Equal(deleted.GetIds(), []string{id}) {
		t.Errorf("got %v", deleted)
	}
	_, err = client.ResolveKey(ctx, &keystorev1.ResolveKeyRequest{SecretSha256: handle[:]})
	wantError(t, "a deleted key", err, errs.InvalidAPIKey, "")
	listed, err := client.ListTenants(ctx, &keystorev1.ListTenantsRequest{})
	must(err)
	if len(listed.GetTenants()) != 1 {
		t.Errorf("got %v", listed)
	}
	last, _ := f.issue(t, &keystorev1.Key{TenantId: "t1"})
	gone, err := client.DeleteTenants(ctx, &keystorev1.DeleteTenantsRequest{Ids: []string{"t1"}})
	must(err)
	if !slices.Equal(gone.GetIds(), []string{"t1"}) || !slices.Equal(gone.GetKeyIds(), []string{last.GetId()}) {
		t.Errorf("got %v", gone)
	}
}

func testWatchRPC(t *testing.T, f fixture, client keystorev1connect.KeystoreServiceClient) {
	t.Helper()
	running, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	stream, err := client.Watch(t.Context(), &keystorev1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	receive := func() *keystorev1.WatchResponse {
		t.Helper()
		msg, err := stream.Receive()
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	if !receive().GetReset_() {
		t.Error("the first message is no reset")
	}
	go func() { done <- f.Run(running) }()
	if !receive().GetReset_() {
		t.Error("Run begins without a reset")
	}
	key, _ := f.issue(t, nil)
	if got := receive(); !slices.Equal(got.GetKeyIds(), []string{key.GetId()}) {
		t.Errorf("got %v", got)
	}
	f.tenant(t, "watched")
	if got := receive(); !slices.Equal(got.GetTenantIds(), []string{"watched"}) {
		t.Errorf("got %v", got)
	}
	stop() // a service that stops ends its streams: nobody must believe that nothing changes
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := stream.Receive(); !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("got %v", err)
	}
	if err := stream.Close(); err != nil && !errs.Is(err, errs.ServiceUnavailable) {
		t.Error(err)
	}
}
