package e2e_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/reflect/protoreflect"

	"tollgate.dev/e2e/harness"
	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
)

// amongServices are the procedures that no key opens. All others are for admins.
var amongServices = []string{
	keystorev1connect.KeystoreServiceResolveKeyProcedure, keystorev1connect.KeystoreServiceWatchProcedure,
	keystorev1connect.KeystoreServiceOpenCredentialProcedure, budgetv1connect.BudgetServiceLeaseProcedure,
	budgetv1connect.BudgetServiceEndReplicaProcedure, budgetv1connect.BudgetServiceRecordProcedure,
	budgetv1connect.BudgetServiceWatchBudgetsProcedure,
}

// everyProcedure are the procedures of all services, by their contracts.
func everyProcedure() []string {
	var out []string
	for _, file := range []protoreflect.FileDescriptor{
		routerv1.File_tollgate_router_v1_router_proto, cachev1.File_tollgate_cache_v1_cache_proto,
		compressorv1.File_tollgate_compressor_v1_compressor_proto, keystorev1.File_tollgate_keystore_v1_keystore_proto,
		budgetv1.File_tollgate_budget_v1_budget_proto,
	} {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				out = append(out, "/"+string(service.FullName())+"/"+string(service.Methods().Get(j).Name()))
			}
		}
	}
	return out
}

// recorder notes the paths that are called.
type recorder struct {
	next  http.RoundTripper
	mu    sync.Mutex
	paths map[string]bool
}

// RoundTrip sends a request.
func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.paths[req.URL.Path] = true
	r.mu.Unlock()
	return r.next.RoundTrip(req)
}

// TestEveryProcedure calls each procedure that is for admins by its generated client, in each
// protocol, at the port that applications call, and looks at what it does.
func TestEveryProcedure(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{Config: harness.SimulatedConfig("litellm_settings: {cache: true}\ncompression: {timeout: 20s}\n",
		harness.Model{Name: "m", Upstream: "openai/gpt-4o-mini"})})
	h2c := new(http.Protocols)
	h2c.SetUnencryptedHTTP2(true)
	for name, protocol := range map[string]struct {
		transport *http.Transport
		options   []connecthttp.Option
	}{
		"connect": {&http.Transport{}, nil},
		"grpc":    {&http.Transport{Protocols: h2c}, []connecthttp.Option{connecthttp.WithGRPC()}},
		"grpcweb": {&http.Transport{}, []connecthttp.Option{connecthttp.WithGRPCWeb()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(protocol.transport.CloseIdleConnections)
			record := &recorder{next: protocol.transport, paths: map[string]bool{}}
			client := connect.NewClient(connecthttp.NewTransport(
				&http.Client{Transport: harness.Bearer{Key: g.Master, Next: record}}, g.URL, protocol.options...))
			o := operator{t: t, g: g.For(t), tenant: "tenant-over-" + name}
			o.routes(routerv1connect.NewRouterServiceClient(client))
			o.caches(cachev1connect.NewCacheServiceClient(client))
			o.compresses(compressorv1connect.NewCompressorServiceClient(client))
			keys, budgets := keystorev1connect.NewKeystoreServiceClient(client), budgetv1connect.NewBudgetServiceClient(client)
			o.keepsTenants(keys)
			o.forgetsAnswers(cachev1connect.NewCacheServiceClient(client), keys)
			secret := o.keepsKeys(keys)
			o.setsBudgets(budgets)
			o.readsTheLedger(budgets, secret)
			o.deletes(keys)
			for _, procedure := range everyProcedure() {
				if called, inner := record.paths[procedure], slices.Contains(amongServices, procedure); called == inner {
					t.Errorf("%s: called %t, and said among services alone %t", procedure, called, inner)
				}
			}
			for _, procedure := range amongServices {
				g.For(t).Call(http.MethodPost, procedure, harness.Call{Body: "{}"}).MustBe(t, http.StatusNotFound)
			}
		})
	}
}

// operator calls procedures for a tenant of its own.
type operator struct {
	t      *testing.T
	g      *harness.Gateway
	tenant string
	key    string // its id
}

// context has time for some calls.
func (o *operator) context() context.Context {
	ctx, cancel := context.WithTimeout(o.t.Context(), 2*harness.Patience)
	o.t.Cleanup(cancel)
	return ctx
}

func (o *operator) must(what string, ok bool, got any, err error) {
	o.t.Helper()
	if err != nil || !ok {
		o.t.Fatalf("%s: %v, %v", what, got, err)
	}
}

func (o *operator) call() *routerv1.Call {
	return &routerv1.Call{Model: "m", Input: &routerv1.Call_Chat{Chat: &routerv1.ChatInput{
		Messages: []*routerv1.ChatMessage{{Role: "user", Parts: []*routerv1.ChatPart{{Part: &routerv1.ChatPart_Text{Text: o.g.Prompt(o.t)}}}}},
	}}}
}

func (o *operator) routes(client routerv1connect.RouterServiceClient) {
	o.t.Helper()
	ctx := o.context()
	models, err := client.ListModels(ctx, &routerv1.ListModelsRequest{})
	o.must("ListModels", len(models.GetModels()) == 1 && models.GetModels()[0].GetName() == "m", models, err)
	whole, err := client.Complete(ctx, &routerv1.CompleteRequest{Call: o.call()})
	o.must("Complete", strings.Contains(string(whole.GetBody()), "simulated answer") && whole.GetUsage().GetOutput() > 0, whole, err)
	_, err = client.Complete(ctx, &routerv1.CompleteRequest{Call: &routerv1.Call{Model: "none"}})
	o.must("Complete without a model", errs.Is(errs.FromConnect(err), errs.ModelNotFound), err, nil)
	_, err = client.Check(ctx, &routerv1.CheckRequest{Call: o.call()})
	o.must("Check", true, nil, err)
	stream, err := client.StreamComplete(ctx, &routerv1.StreamCompleteRequest{Call: o.call()})
	o.must("StreamComplete", true, nil, err)
	var text strings.Builder
	var last *routerv1.StreamCompleteResponse
	for {
		res, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		o.must("StreamComplete", true, nil, err)
		for _, chunk := range res.GetChunks() {
			text.Write(chunk)
		}
		last = res
	}
	o.must("StreamComplete", last.GetEnd() != nil && last.GetEnd().GetError() == nil && strings.Contains(text.String(), "chat.completion.chunk"), last, stream.Close())
}

func (o *operator) caches(client cachev1connect.CacheServiceClient) {
	o.t.Helper()
	ctx := o.context()
	space, fingerprint := &cachev1.Namespace{TenantId: o.tenant, Provider: "openai", Model: "m"}, []byte(strings.Repeat("f", 32))
	stored, err := client.Store(ctx, &cachev1.StoreRequest{Namespace: space, Fingerprint: fingerprint, Entry: &cachev1.Entry{Body: []byte("{}"), CostNanos: 7}})
	o.must("Store", stored.GetStored(), stored, err)
	find := func() *cachev1.LookupResponse {
		o.t.Helper()
		found, err := client.Lookup(ctx, &cachev1.LookupRequest{Namespace: space, Fingerprint: fingerprint})
		o.must("Lookup", true, nil, err)
		return found
	}
	o.must("Lookup", find().GetEntry().GetCostNanos() == 7, find(), nil)
	_, err = client.Compare(ctx, &cachev1.CompareRequest{Namespace: space, Comparison: []byte("none that a look-up gave")})
	o.must("Compare of nothing", errs.Is(errs.FromConnect(err), errs.InvalidRequest), err, nil)
	thought, err := client.Feedback(ctx, &cachev1.FeedbackRequest{Namespace: space, EntryId: find().GetEntryId(), Hit: cachev1.HitKind_HIT_KIND_EXACT, Wrong: true})
	o.must("Feedback", thought.GetForgotten() == 1 && find().GetEntry() == nil, thought, err)
	stored, err = client.Store(ctx, &cachev1.StoreRequest{Namespace: space, Fingerprint: fingerprint, Entry: &cachev1.Entry{Body: []byte("{}")}})
	o.must("Store again", stored.GetStored(), stored, err)
	gone, err := client.Invalidate(ctx, &cachev1.InvalidateRequest{TenantId: o.tenant})
	o.must("Invalidate", gone.GetEntries() == 1, gone, err)
	o.must("Lookup of what is gone", find().GetEntry() == nil, find(), nil)
}

func (o *operator) compresses(client compressorv1connect.CompressorServiceClient) {
	o.t.Helper()
	ctx := o.context()
	data := make([]byte, 3000)
	for i := range data {
		data[i] = byte(i * i * 31 >> 3)
	}
	blob := base64.StdEncoding.EncodeToString(data)
	// It is written behind the answer, in the store's time: once more where that was not enough.
	harness.Eventually(o.t, "what was left out is found", func() error {
		res, err := client.Compress(ctx, &compressorv1.CompressRequest{
			Body:    []byte(`{"model":"m","messages":[{"role":"tool","content":"The picture: ` + blob + `"}]}`),
			Profile: "default", Provider: "openai", Model: "gpt-4o-mini", TenantId: o.tenant,
		})
		o.must("Compress", len(res.GetOmitted()) == 1 && res.GetCompressedTokens() < res.GetOriginalTokens(), res, err)
		part, err := client.Omitted(ctx, &compressorv1.OmittedRequest{TenantId: o.tenant, Name: res.GetOmitted()[0]})
		if errs.Is(errs.FromConnect(err), errs.NotFound) {
			return err
		}
		o.must("Omitted", part.GetText() == blob, part, err)
		return nil
	})
}

// forgetsAnswers changes a tenant so that its cached answers may be another's.
func (o *operator) forgetsAnswers(answers cachev1connect.CacheServiceClient, keys keystorev1connect.KeystoreServiceClient) {
	o.t.Helper()
	ctx, id := o.context(), o.tenant+"-cached"
	_, err := keys.PutTenant(ctx, &keystorev1.PutTenantRequest{Tenant: &keystorev1.Tenant{Id: id}})
	o.must("PutTenant", true, nil, err)
	space, fingerprint := &cachev1.Namespace{TenantId: id, Provider: "openai", Model: "m"}, []byte(strings.Repeat("f", 32))
	forgotten := func(by string, change func() error) {
		o.t.Helper()
		stored, err := answers.Store(ctx, &cachev1.StoreRequest{Namespace: space, Fingerprint: fingerprint, Entry: &cachev1.Entry{Body: []byte("{}")}})
		o.must("Store", stored.GetStored(), stored, err)
		o.must(by, true, nil, change())
		found, err := answers.Lookup(ctx, &cachev1.LookupRequest{Namespace: space, Fingerprint: fingerprint})
		o.must("Lookup after "+by, found.GetEntry() == nil, found, err)
	}
	forgotten("PutCredential", func() error {
		_, err := keys.PutCredential(ctx, &keystorev1.PutCredentialRequest{TenantId: id, Provider: "openai", ApiKey: harness.ProviderKey})
		return err
	})
	forgotten("DeleteCredential", func() error {
		_, err := keys.DeleteCredential(ctx, &keystorev1.DeleteCredentialRequest{TenantId: id, Provider: "openai"})
		return err
	})
	forgotten("DeleteTenants", func() error {
		_, err := keys.DeleteTenants(ctx, &keystorev1.DeleteTenantsRequest{Ids: []string{id}})
		return err
	})
}

func (o *operator) keepsTenants(client keystorev1connect.KeystoreServiceClient) {
	o.t.Helper()
	ctx := o.context()
	put, err := client.PutTenant(ctx, &keystorev1.PutTenantRequest{Tenant: &keystorev1.Tenant{Id: o.tenant, Alias: "over RPC, " + o.tenant}})
	o.must("PutTenant", put.GetTenant().GetId() == o.tenant, put, err)
	_, err = client.PutCredential(ctx, &keystorev1.PutCredentialRequest{TenantId: o.tenant, Provider: "openai", ApiKey: harness.ProviderKey})
	o.must("PutCredential", true, nil, err)
	got, err := client.GetTenant(ctx, &keystorev1.GetTenantRequest{Id: o.tenant})
	o.must("GetTenant", slices.Equal(got.GetTenant().GetCredentialProviders(), []string{"openai"}), got, err)
	_, err = client.DeleteCredential(ctx, &keystorev1.DeleteCredentialRequest{TenantId: o.tenant, Provider: "openai"})
	o.must("DeleteCredential", true, nil, err)
	got, err = client.GetTenant(ctx, &keystorev1.GetTenantRequest{Id: o.tenant})
	o.must("GetTenant", len(got.GetTenant().GetCredentialProviders()) == 0, got, err)
	all, err := client.ListTenants(ctx, &keystorev1.ListTenantsRequest{})
	o.must("ListTenants", slices.ContainsFunc(all.GetTenants(), func(x *keystorev1.Tenant) bool { return x.GetId() == o.tenant }), all, err)
	_, err = client.GetTenant(ctx, &keystorev1.GetTenantRequest{Id: "nobody"})
	o.must("GetTenant of nobody", errs.Is(errs.FromConnect(err), errs.NotFound), err, nil)
}

// keepsKeys returns the secret of a key of the tenant.
func (o *operator) keepsKeys(client keystorev1connect.KeystoreServiceClient) string {
	o.t.Helper()
	ctx := o.context()
	made, err := client.IssueKey(ctx, &keystorev1.IssueKeyRequest{Key: &keystorev1.Key{TenantId: o.tenant, Alias: o.tenant + "-key"}})
	o.must("IssueKey", made.GetKey().GetId() != "" && made.GetSecret() != "", made.GetKey(), err)
	o.g.Secret(made.GetSecret())
	o.key = made.GetKey().GetId()
	ref := &keystorev1.KeyRef{Ref: &keystorev1.KeyRef_Id{Id: o.key}}
	works := func(secret string, status int) {
		o.t.Helper()
		harness.Eventually(o.t, "the key's state is known", func() error {
			return o.g.Call(http.MethodGet, "/v1/models", harness.Call{Key: secret}).Is(status)
		})
	}
	works(made.GetSecret(), http.StatusOK)
	updated, err := client.UpdateKey(ctx, &keystorev1.UpdateKeyRequest{Ref: ref, Key: &keystorev1.Key{Tags: []string{"tagged"}}, Fields: []string{"tags"}})
	o.must("UpdateKey", slices.Equal(updated.GetKey().GetTags(), []string{"tagged"}), updated, err)
	got, err := client.GetKey(ctx, &keystorev1.GetKeyRequest{Ref: ref})
	o.must("GetKey", slices.Equal(got.GetKey().GetTags(), []string{"tagged"}), got, err)
	list, err := client.ListKeys(ctx, &keystorev1.ListKeysRequest{TenantId: o.tenant})
	o.must("ListKeys", len(list.GetKeys()) == 1 && list.GetKeys()[0].GetId() == o.key, list, err)
	blocked, err := client.SetKeyBlocked(ctx, &keystorev1.SetKeyBlockedRequest{Ref: ref, Blocked: true})
	o.must("SetKeyBlocked", blocked.GetKey().GetBlocked(), blocked, err)
	works(made.GetSecret(), http.StatusUnauthorized)
	_, err = client.SetKeyBlocked(ctx, &keystorev1.SetKeyBlockedRequest{Ref: ref})
	o.must("SetKeyBlocked", true, nil, err)
	rotated, err := client.RotateKey(ctx, &keystorev1.RotateKeyRequest{Ref: ref})
	o.must("RotateKey", rotated.GetSecret() != made.GetSecret() && rotated.GetKey().GetId() == o.key, rotated.GetKey(), err)
	o.g.Secret(rotated.GetSecret())
	works(rotated.GetSecret(), http.StatusOK)
	works(made.GetSecret(), http.StatusUnauthorized)
	return rotated.GetSecret()
}

func (o *operator) setsBudgets(client budgetv1connect.BudgetServiceClient) {
	o.t.Helper()
	ctx := o.context()
	tenant := &budgetv1.Scope{Kind: budgetv1.ScopeKind_SCOPE_KIND_TENANT, Id: o.tenant}
	user := &budgetv1.Scope{Kind: budgetv1.ScopeKind_SCOPE_KIND_USER, Id: o.tenant + "/u"}
	put, err := client.PutBudget(ctx, &budgetv1.PutBudgetRequest{Budget: &budgetv1.Budget{Scope: tenant, LimitNanos: int64(money.Dollar)}})
	o.must("PutBudget", put.GetState().GetBudget().GetLimitNanos() == int64(money.Dollar), put, err)
	set, err := client.SetBudgets(ctx, &budgetv1.SetBudgetsRequest{Scope: user, Budgets: []*budgetv1.Budget{{Scope: user, LimitNanos: 5}}})
	o.must("SetBudgets", len(set.GetStates()) == 1, set, err)
	gone, err := client.DeleteBudgets(ctx, &budgetv1.DeleteBudgetsRequest{Ids: []string{set.GetStates()[0].GetBudget().GetId()}})
	o.must("DeleteBudgets", len(gone.GetIds()) == 1, gone, err)
	list, err := client.ListBudgets(ctx, &budgetv1.ListBudgetsRequest{Scopes: []*budgetv1.Scope{tenant, user}})
	o.must("ListBudgets", len(list.GetStates()) == 1 && list.GetStates()[0].GetBudget().GetId() == put.GetState().GetBudget().GetId(), list, err)
}

// readsTheLedger makes a call with the tenant's key, and follows it into the books.
func (o *operator) readsTheLedger(client budgetv1connect.BudgetServiceClient, secret string) {
	o.t.Helper()
	ctx := o.context()
	watch, err := client.WatchUsage(ctx, &budgetv1.WatchUsageRequest{TenantId: o.tenant})
	o.must("WatchUsage", true, nil, err)
	first, err := watch.Receive()
	o.must("WatchUsage", first.GetCaughtUp(), first, err)
	answer := o.g.Complete(secret, harness.Chat("m", o.g.Prompt(o.t))).MustBe(o.t, http.StatusOK)
	want, err := cost(answer)
	o.must("the call's cost", want > 0, want, err)
	next, err := watch.Receive()
	o.must("WatchUsage", len(next.GetRecords()) == 1 && next.GetRecords()[0].GetCostNanos() == int64(want), next, err)
	_ = watch.Close() // nothing more is wanted
	usage, err := client.ListUsage(ctx, &budgetv1.ListUsageRequest{TenantId: o.tenant})
	o.must("ListUsage", len(usage.GetRecords()) == 1 && usage.GetRecords()[0].GetKeyId() == o.key, usage, err)
	spend, err := client.GetSpend(ctx, &budgetv1.GetSpendRequest{Group: budgetv1.SpendGroup_SPEND_GROUP_KEY, TenantId: o.tenant})
	o.must("GetSpend", len(spend.GetSpends()) == 1 && spend.GetSpends()[0].GetCostNanos() == int64(want), spend, err)
	var books *budgetv1.AuditLedgerResponse
	harness.Eventually(o.t, "no other audit is running", func() error {
		if books, err = client.AuditLedger(ctx, &budgetv1.AuditLedgerRequest{TenantId: o.tenant}); errs.Is(errs.FromConnect(err), errs.Conflict) {
			return err
		}
		return nil
	})
	o.must("AuditLedger", len(books.GetTenants()) == 1 && books.GetTenants()[0].GetRecords() == 1 && len(books.GetWindows()) == 1 &&
		books.GetWindows()[0].GetSpentNanos() == books.GetWindows()[0].GetExplainedNanos(), books, err)
}

func (o *operator) deletes(client keystorev1connect.KeystoreServiceClient) {
	o.t.Helper()
	ctx := o.context()
	keys, err := client.DeleteKeys(ctx, &keystorev1.DeleteKeysRequest{Refs: []*keystorev1.KeyRef{{Ref: &keystorev1.KeyRef_Id{Id: o.key}}}})
	o.must("DeleteKeys", slices.Equal(keys.GetIds(), []string{o.key}), keys, err)
	tenants, err := client.DeleteTenants(ctx, &keystorev1.DeleteTenantsRequest{Ids: []string{o.tenant}})
	o.must("DeleteTenants", slices.Equal(tenants.GetIds(), []string{o.tenant}), tenants, err)
}
