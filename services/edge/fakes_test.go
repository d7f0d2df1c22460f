package edge_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/edge/idempotency"
)

// The answer of every call that a test does not answer itself, and what it costs: 10 tokens
// of prompt at a dollar a million, 5 of answer at two.
const (
	answerBody = `{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}]}`
	answerCost = 10*1000 + 5*2000
)

func answerUsage() *usagev1.Usage { return &usagev1.Usage{Input: 10, Output: 5} }

func servedByM() *routerv1.Served {
	return &routerv1.Served{DeploymentId: "m-1", Provider: "openai", UpstreamModel: "m-1", ApiBase: "https://api.openai.com/v1"}
}

// routerFake answers as the test says.
type routerFake struct {
	routerv1connect.UnimplementedRouterServiceHandler

	mu    sync.Mutex
	calls []*routerv1.Call
	// whole and stream answer calls; tests replace them.
	whole  func(ctx context.Context, call *routerv1.Call) (*routerv1.CompleteResponse, error)
	stream func(ctx context.Context, call *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error
	// check is what is said of calls that are asked about, checks how many those were.
	check  error
	checks int
	models []*routerv1.Model
	lists  atomic.Int64
}

func newRouter() *routerFake {
	return &routerFake{
		models: []*routerv1.Model{{Name: "m", Deployments: []*routerv1.Deployment{
			{Id: "m-1", Provider: "openai", UpstreamModel: "m-1", ApiBase: "https://api.openai.com/v1"},
		}}},
		whole: func(context.Context, *routerv1.Call) (*routerv1.CompleteResponse, error) {
			return &routerv1.CompleteResponse{Body: []byte(answerBody), Usage: answerUsage(), Served: servedByM()}, nil
		},
		stream: func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
			return sendAll(send, "Hel", "lo")
		},
	}
}

// delta is a chunk with a piece of text. Any of them may be the last one.
func delta(text string) []byte {
	return fmt.Appendf(nil, `{"id":"1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":%q},"finish_reason":"stop"}]}`, text)
}

// sendAll sends a stream of texts and its proper end.
func sendAll(send func(*routerv1.StreamCompleteResponse) error, texts ...string) error {
	for i, text := range texts {
		msg := &routerv1.StreamCompleteResponse{Chunks: [][]byte{delta(text)}}
		if i == 0 {
			msg.Served = servedByM()
		}
		if err := send(msg); err != nil {
			return err
		}
	}
	return send(&routerv1.StreamCompleteResponse{Usage: answerUsage(), End: &routerv1.StreamEnd{}})
}

func (f *routerFake) note(call *routerv1.Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, proto.CloneOf(call)) // its body's memory is another call's later
}

// called is how many calls there were.
func (f *routerFake) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

func (f *routerFake) last() *routerv1.Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[len(f.calls)-1]
}

func (f *routerFake) Complete(ctx context.Context, req *routerv1.CompleteRequest) (*routerv1.CompleteResponse, error) {
	f.note(req.GetCall())
	return f.whole(ctx, req.GetCall())
}

func (f *routerFake) StreamComplete(ctx context.Context, req *routerv1.StreamCompleteRequest, stream routerv1connect.RouterServiceStreamCompleteServerStream) error {
	f.note(req.GetCall())
	return f.stream(ctx, req.GetCall(), stream.Send)
}

func (f *routerFake) Check(context.Context, *routerv1.CheckRequest) (*routerv1.CheckResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.checks++
	return &routerv1.CheckResponse{}, f.check
}

func (f *routerFake) ListModels(context.Context, *routerv1.ListModelsRequest) (*routerv1.ListModelsResponse, error) {
	f.lists.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	return &routerv1.ListModelsResponse{Models: f.models}, nil
}

// cacheFake keeps answers for ever.
type cacheFake struct {
	cachev1connect.UnimplementedCacheServiceHandler

	mu      sync.Mutex
	entries map[string]*cachev1.Entry
	lookups int
	ttl     time.Duration // of the last answer that was stored
	purges  int
	// feedback is what callers thought of answers.
	feedback []*cachev1.FeedbackRequest
	// similar is what is found where the request is not known; nil is nothing.
	similar *cachev1.LookupResponse
	// comparison comes with every miss, and compared is what came of those. comparing is called
	// before.
	comparison []byte
	compared   []*cachev1.CompareRequest
	comparing  func(ctx context.Context)
	// away fails every call; storing is called before an answer is kept.
	away    error
	storing func()
	// asked and told are the last look-up and the last answer that was stored.
	asked *cachev1.LookupRequest
	told  *cachev1.StoreRequest
	// hangs has a look-up wait until its caller does not.
	hangs atomic.Bool
}

func newCache() *cacheFake { return &cacheFake{entries: map[string]*cachev1.Entry{}} }

func cacheKey(ns *cachev1.Namespace, fingerprint []byte) string {
	return strings.Join([]string{ns.GetTenantId(), ns.GetProvider(), ns.GetModel(), ns.GetPartition(), string(fingerprint)}, "\n")
}

func (f *cacheFake) Lookup(ctx context.Context, req *cachev1.LookupRequest) (*cachev1.LookupResponse, error) {
	if f.hangs.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lookups++
	if f.away != nil {
		return nil, f.away
	}
	f.asked = proto.CloneOf(req)
	entry := f.entries[cacheKey(req.GetNamespace(), req.GetFingerprint())]
	if entry == nil && f.similar != nil {
		return f.similar, nil
	}
	if entry == nil {
		return &cachev1.LookupResponse{Comparison: f.comparison}, nil
	}
	return &cachev1.LookupResponse{
		Hit: cachev1.HitKind_HIT_KIND_EXACT, Entry: entry, Score: 1, EntryId: base64.RawURLEncoding.EncodeToString(req.GetFingerprint()),
	}, nil
}

func (f *cacheFake) Store(_ context.Context, req *cachev1.StoreRequest) (*cachev1.StoreResponse, error) {
	f.mu.Lock()
	storing := f.storing
	f.mu.Unlock()
	if storing != nil {
		storing()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away != nil {
		return nil, f.away
	}
	f.ttl, f.told = req.GetTtl().AsDuration(), proto.CloneOf(req)
	f.entries[cacheKey(req.GetNamespace(), req.GetFingerprint())] = req.GetEntry()
	return &cachev1.StoreResponse{Stored: true}, nil
}

func (f *cacheFake) Invalidate(_ context.Context, req *cachev1.InvalidateRequest) (*cachev1.InvalidateResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away != nil {
		return nil, f.away
	}
	f.purges++
	n := int64(0)
	for key := range f.entries {
		parts := strings.SplitN(key, "\n", 5)
		if parts[0] == req.GetTenantId() && (req.GetProvider() == "" || req.GetProvider() == parts[1]) && (req.GetModel() == "" || req.GetModel() == parts[2]) &&
			(req.GetPartition() == "" || req.GetPartition() == parts[3]) && (req.GetEntryId() == "" || req.GetEntryId() == entryID(key)) {
			delete(f.entries, key)
			n++
		}
	}
	return &cachev1.InvalidateResponse{Entries: n}, nil
}

func (f *cacheFake) Feedback(_ context.Context, req *cachev1.FeedbackRequest) (*cachev1.FeedbackResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away != nil {
		return nil, f.away
	}
	f.feedback = append(f.feedback, req)
	n, ns := int64(0), req.GetNamespace()
	for key := range f.entries {
		parts := strings.SplitN(key, "\n", 5)
		if req.GetWrong() && entryID(key) == req.GetEntryId() && parts[0] == ns.GetTenantId() && parts[1] == ns.GetProvider() && parts[2] == ns.GetModel() &&
			parts[3] == ns.GetPartition() {
			delete(f.entries, key)
			n++
		}
	}
	return &cachev1.FeedbackResponse{Forgotten: n}, nil
}

func (f *cacheFake) Compare(ctx context.Context, req *cachev1.CompareRequest) (*cachev1.CompareResponse, error) {
	f.mu.Lock()
	comparing := f.comparing
	f.mu.Unlock()
	if comparing != nil {
		comparing(ctx)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away != nil {
		return nil, f.away
	}
	f.compared = append(f.compared, req)
	return &cachev1.CompareResponse{}, nil
}

// entryID is the id of the entry under a key.
func entryID(key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.SplitN(key, "\n", 5)[4]))
}

// entryOf is the id of the one entry that a tenant has.
func (f *cacheFake) entryOf(tb testing.TB, tenant string) string {
	tb.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	id := ""
	for key := range f.entries {
		if parts := strings.SplitN(key, "\n", 5); parts[0] == tenant {
			if id != "" {
				tb.Fatalf("%s has several entries", tenant)
			}
			id = entryID(key)
		}
	}
	return id
}

// kept is how many answers there are.
func (f *cacheFake) kept() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.entries)
}

// partitions are those with an entry, in order.
func (f *cacheFake) partitions() (names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.entries {
		names = append(names, strings.SplitN(key, "\n", 5)[3])
	}
	slices.Sort(names)
	return names
}

// compressorFake takes every space out of a body, fails, or is too late in a conversation
// whose earlier turns it compressed.
type compressorFake struct {
	calls atomic.Int64
	last  atomic.Pointer[compressorv1.CompressRequest]
	cache [2]int64 // tokens that the provider's cache would have read, and lost
	fails error
	late  atomic.Bool // the original goes out
	long  atomic.Bool // the text is beyond the bound
	hangs atomic.Bool // until its caller does not wait any longer
}

func (f *compressorFake) Compress(ctx context.Context, req *compressorv1.CompressRequest) (*compressorv1.CompressResponse, error) {
	f.calls.Add(1)
	if f.hangs.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if f.fails != nil {
		return nil, f.fails
	}
	body := []byte(strings.ReplaceAll(string(req.GetBody()), " ", ""))
	f.last.Store(req)
	if f.late.Load() {
		return &compressorv1.CompressResponse{OriginalTokens: 100, CompressedTokens: 100, CacheLostTokens: 80, Engine: "none", Micros: 95, Late: true}, nil
	}
	if f.long.Load() {
		return &compressorv1.CompressResponse{OriginalTokens: 100, CompressedTokens: 100, Micros: 95, TooLong: true}, nil
	}
	return &compressorv1.CompressResponse{
		Body: body, OriginalTokens: 100, CompressedTokens: 60, CacheReadTokens: f.cache[0], CacheLostTokens: f.cache[1],
		Engine: "extractive", Micros: 95, Omitted: []string{"0123456789abcdef", "fedcba9876543210"},
	}, nil
}

func (f *compressorFake) Omitted(ctx context.Context, req *compressorv1.OmittedRequest) (*compressorv1.OmittedResponse, error) {
	if f.hangs.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if f.fails != nil {
		return nil, f.fails
	}
	if req.GetTenantId() != "acme" || req.GetName() != "0123456789abcdef" {
		return nil, errs.New(errs.NotFound, "there is no such part")
	}
	return &compressorv1.OmittedResponse{Text: "left out"}, nil
}

// hanging has a procedure wait until its caller does not.
type hanging struct{ procedure atomic.Value }

func (h *hanging) at(procedure string) { h.procedure.Store(procedure) }

func (h *hanging) wait(ctx context.Context, procedure string) error {
	if h.procedure.Load() != procedure {
		return nil
	}
	<-ctx.Done()
	return fmt.Errorf("the store: %w", ctx.Err())
}

// keystoreFake knows keys by their secrets.
type keystoreFake struct {
	keystorev1connect.UnimplementedKeystoreServiceHandler

	hangs hanging

	mu       sync.Mutex
	grants   map[string]*keystorev1.Grant // by secret's hash
	tenants  map[string]*keystorev1.Tenant
	keys     map[string]*keystorev1.Key // by id
	resolves int
	// lettings are how often a key or team was blocked or let go; deleting is an error of
	// removing some, and lost one that comes although they were removed.
	lettings int
	deleting error
	lost     error
}

func newKeystore() *keystoreFake {
	return &keystoreFake{grants: map[string]*keystorev1.Grant{}, tenants: map[string]*keystorev1.Tenant{}}
}

// tenant adds a tenant that others act for.
func (f *keystoreFake) tenant(t *keystorev1.Tenant) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tenants[t.GetId()] = t
}

func (f *keystoreFake) GetTenant(ctx context.Context, req *keystorev1.GetTenantRequest) (*keystorev1.GetTenantResponse, error) {
	if err := f.hangs.wait(ctx, "GetTenant"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tenants[req.GetId()]
	if t == nil {
		return nil, errs.New(errs.NotFound, "there is no such tenant")
	}
	return &keystorev1.GetTenantResponse{Tenant: proto.CloneOf(t)}, nil
}

func (f *keystoreFake) put(secret string, g *keystorev1.Grant) {
	h := sha256.Sum256([]byte(secret))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.grants[string(h[:])] = g
}

func (f *keystoreFake) ResolveKey(ctx context.Context, req *keystorev1.ResolveKeyRequest) (*keystorev1.ResolveKeyResponse, error) {
	if err := f.hangs.wait(ctx, "ResolveKey"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.resolves++
	g := f.grants[string(req.GetSecretSha256())]
	if g == nil {
		return nil, errs.New(errs.InvalidAPIKey, "the API key is not known")
	}
	return &keystorev1.ResolveKeyResponse{Grant: proto.CloneOf(g)}, nil
}

func (f *keystoreFake) Watch(ctx context.Context, _ *keystorev1.WatchRequest, stream keystorev1connect.KeystoreServiceWatchServerStream) error {
	if err := stream.Send(&keystorev1.WatchResponse{Reset_: true}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// budgetFake keeps at most one strict budget a scope, leases all of it to whoever asks,
// and keeps the ledger.
type budgetFake struct {
	budgetv1connect.UnimplementedBudgetServiceHandler

	hangs   hanging
	mu      sync.Mutex
	limits  map[string]int64 // by scope
	records []*eventv1.UsageRecord
	// sets are the budgets that were set, listed how often others asked what there is, and
	// setting an error of that.
	sets    []*budgetv1.SetBudgetsRequest
	asked   int
	setting func(*budgetv1.SetBudgetsRequest) error
	// deleting is an error of removing budgets.
	deleting error
}

func newBudget() *budgetFake { return &budgetFake{limits: map[string]int64{}} }

func scopeOf(s *budgetv1.Scope) string { return s.GetKind().String() + "/" + s.GetId() }

// limit gives a tenant a budget, in nano-dollars.
func (f *budgetFake) limit(tenant string, nanos int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.limits[scopeOf(&budgetv1.Scope{Kind: budgetv1.ScopeKind_SCOPE_KIND_TENANT, Id: tenant})] = nanos
}

func (f *budgetFake) Lease(ctx context.Context, req *budgetv1.LeaseRequest) (*budgetv1.LeaseResponse, error) {
	if err := f.hangs.wait(ctx, "Lease"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := &budgetv1.LeaseResponse{NowMillis: 1, TermMillis: 3_600_001}
	for _, ask := range req.GetAsks() {
		grant := &budgetv1.LeaseGrant{Scope: ask.GetScope()}
		if limit, ok := f.limits[scopeOf(ask.GetScope())]; ok {
			spent := int64(0)
			for _, r := range f.records {
				if r.GetTenantId() == ask.GetScope().GetId() {
					spent += r.GetCostNanos()
				}
			}
			grant.Slices = []*budgetv1.Slice{{
				LeaseId: "lease of " + scopeOf(ask.GetScope()), GrantedNanos: limit, DrawnNanos: spent, SpentNanos: spent,
				Budget: &budgetv1.Budget{Id: "budget", Scope: ask.GetScope(), LimitNanos: limit},
			}}
		}
		out.Grants = append(out.Grants, grant)
	}
	return out, nil
}

func (f *budgetFake) Record(_ context.Context, req *budgetv1.RecordRequest) (*budgetv1.RecordResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.records = append(f.records, req.GetRecords()...)
	return &budgetv1.RecordResponse{Recorded: int32(len(req.GetRecords()))}, nil
}

func (f *budgetFake) WatchBudgets(ctx context.Context, _ *budgetv1.WatchBudgetsRequest, stream budgetv1connect.BudgetServiceWatchBudgetsServerStream) error {
	if err := stream.Send(&budgetv1.WatchBudgetsResponse{Reset_: true}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// ledger waits until so many calls are settled, and returns them.
func (r *rig) ledger(n int) []*eventv1.UsageRecord {
	r.tb.Helper()
	var out []*eventv1.UsageRecord
	eventually(r.tb, fmt.Sprintf("a ledger of %d entries", n), func() bool {
		r.budget.mu.Lock()
		defer r.budget.mu.Unlock()
		out = r.budget.records
		return len(out) >= n
	})
	if len(out) > n {
		r.tb.Errorf("the ledger has %d entries, want %d", len(out), n)
	}
	return out[:n]
}

// answersFake is the store of answers with an Idempotency-Key.
type answersFake struct {
	idempotency.Store

	// claims has a token for each claim; finishing is called before an answer is kept.
	claims    chan struct{}
	finishing func()
}

func (f *answersFake) Claim(ctx context.Context, rec idempotency.Record, now int64) (*idempotency.Record, error) {
	there, err := f.Store.Claim(ctx, rec, now)
	f.claims <- struct{}{}
	return there, err
}

func (f *answersFake) Finish(ctx context.Context, slot idempotency.Slot, owner string, expires int64, answer []byte) (bool, error) {
	if f.finishing != nil {
		f.finishing()
	}
	return f.Store.Finish(ctx, slot, owner, expires, answer)
}
