package edge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/memory"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/secret"
	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/edge"
	"tollgate.dev/services/edge/admission"
	"tollgate.dev/services/edge/idempotency"
	"tollgate.dev/services/edge/idempotency/store/sqlite"
	"tollgate.dev/services/edge/ratelimit"
	"tollgate.dev/services/edge/spend"
)

func TestMain(m *testing.M) {
	// net/http keeps a connection that it closes for half a second, on a goroutine of its own.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

const (
	masterKey = "sk-master-of-the-tests-0000"
	// acme's key is a tenant's, loner's has none.
	acmeKey  = "sk-acme-0123456789abcdef"
	lonerKey = "sk-loner-0123456789abcdef"
)

// rig is an edge over a real connection, on fake services and a fake clock. The clock is
// ahead of the system's, so that no connection's deadline passes before the test is over.
type rig struct {
	tb   testing.TB
	edge *edge.Edge
	url  string
	http *http.Client
	log  *logged

	clock      *clocktest.Fake
	router     *routerFake
	cache      *cacheFake
	compressor *compressorFake
	keystore   *keystoreFake
	budget     *budgetFake
	answers    *answersFake
	meter      *spend.Meter
	metrics    *prometheus.Registry
}

// setup is what a test wants otherwise than the rig has it.
type setup struct {
	// maxOutput is the longest answer of the model; 0 is 1000 tokens.
	maxOutput int64
	options   edge.Options
	keys      admission.Options
	// procedures are what typed clients reach; nil is none.
	procedures *connect.Server
	checks     []obs.Check
	// window is the member of the price list that tells the model's context window.
	window string
	// through is what the edge's calls of the router go through; nil is nothing.
	through func(routerv1connect.RouterServiceClient) routerv1connect.RouterServiceClient
	// cacheThrough is the same for its calls of the cache.
	cacheThrough func(cachev1connect.CacheServiceClient) cachev1connect.CacheServiceClient
	// real has the edge use the system's clock, for tests of connections' deadlines.
	real bool
	// answers bounds the memory of answers; nil bounds nothing.
	answers *memory.Bound
}

func newRig(tb testing.TB, change ...func(*setup)) *rig {
	tb.Helper()
	r := &rig{
		tb: tb, log: &logged{}, clock: clocktest.NewAt(time.Now().Add(time.Hour)), metrics: prometheus.NewRegistry(), http: &http.Client{Transport: &http.Transport{}},
		router: newRouter(), cache: newCache(), compressor: &compressorFake{}, keystore: newKeystore(), budget: newBudget(),
	}
	r.keystore.put(acmeKey, &keystorev1.Grant{
		Key: &keystorev1.Key{Id: "key-of-acme", TenantId: "acme"}, Tenant: &keystorev1.Tenant{Id: "acme"},
	})
	r.keystore.put(lonerKey, &keystorev1.Grant{Key: &keystorev1.Key{Id: "key-of-loner"}})
	s := setup{options: edge.Options{Version: "test", Cache: true, Compression: true, PlatformID: "default"}, window: `"max_input_tokens": 100000,`}
	for _, f := range change {
		f(&s)
	}
	r.build(&s)
	if err := r.edge.RefreshModels(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(r.edge.Handler())
	r.url = server.URL
	tb.Cleanup(func() {
		r.http.CloseIdleConnections()
		server.Close()
		must(tb, r.edge.Close(context.WithoutCancel(tb.Context())))
	})
	return r
}

// build puts the edge together, as package app does.
func (r *rig) build(s *setup) {
	tb := r.tb
	tb.Helper()
	server := rpc.NewServer()
	routerv1connect.RegisterRouterServiceHandler(server, r.router)
	cachev1connect.RegisterCacheServiceHandler(server, r.cache)
	compressorv1connect.RegisterCompressorServiceHandler(server, r.compressor)
	keystorev1connect.RegisterKeystoreServiceHandler(server, r.keystore)
	budgetv1connect.RegisterBudgetServiceHandler(server, r.budget)
	client := rpc.InProcess(server)
	services := edge.Services{
		Router: routerv1connect.NewRouterServiceClient(client), Cache: cachev1connect.NewCacheServiceClient(client),
		Compressor: compressorv1connect.NewCompressorServiceClient(client),
		Keystore:   keystorev1connect.NewKeystoreServiceClient(client), Budget: budgetv1connect.NewBudgetServiceClient(client),
	}
	if s.through != nil {
		services.Router = s.through(services.Router)
	}
	if s.cacheThrough != nil {
		services.Cache = s.cacheThrough(services.Cache)
	}
	log := slog.New(slog.NewJSONHandler(r.log, nil))
	metrics, err := obs.NewMetrics(r.metrics, obs.MetricsOptions{Models: []string{"m"}, Providers: []string{"openai"}, Routes: edge.Routes()})
	must(tb, err)
	health, err := obs.NewChecker(r.clock, s.checks...)
	must(tb, err)
	tb.Cleanup(health.Close)

	db, err := platform.Open(tb.Context(), filepath.Join(tb.TempDir(), "test.db"), platform.Options{Synchronous: platform.Normal})
	must(tb, err)
	tb.Cleanup(func() { must(tb, db.Close()) })
	store, err := sqlite.New(tb.Context(), db)
	must(tb, err)
	envelope, err := secret.NewEnvelope(secret.KEK{ID: 1, Key: [secret.KeySize]byte{1}})
	must(tb, err)
	r.answers = &answersFake{Store: store, claims: make(chan struct{}, 100)}

	s.keys.MasterKey, s.keys.PlatformID, s.keys.Clock, s.keys.Log = secret.New(masterKey), "default", r.clock, log
	keys := admission.New(services.Keystore, s.keys)
	// Each record is delivered at once, and no reservation waits for money to come back.
	r.meter = spend.New(services.Budget, spend.Options{Clock: r.clock, Logger: log, BatchSize: 1, Patience: -1})
	var clk clock.Clock = r.clock
	if s.real {
		clk = clock.Real()
	}
	r.edge = edge.New(s.options, edge.Parts{
		Services: services, Keys: keys, Limits: ratelimit.New(r.clock), Meter: r.meter,
		Idempotency: idempotency.New(r.answers, envelope, r.clock, log, idempotency.Options{}),
		Prices:      prices(tb, s.window, s.maxOutput), Metrics: metrics, Health: health, Clock: clk, Log: log, Faults: obs.NewFaults(log, r.clock),
		RPC: s.procedures, Answers: s.answers,
		MetricsHandler: obs.Handler(r.metrics),
	})
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	for _, loop := range []func(context.Context) error{keys.Run, r.meter.Run} {
		loops.Go(func() {
			if err := loop(ctx); err != nil {
				tb.Error(err)
			}
		})
	}
	tb.Cleanup(func() {
		must(tb, r.meter.Close(context.WithoutCancel(tb.Context())))
		cancel()
		loops.Wait()
	})
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// priceList has one price: a dollar for a million tokens of prompt, two of answer.
type priceList struct{ price pricing.Price }

func prices(tb testing.TB, window string, maxOutput int64) edge.Prices {
	tb.Helper()
	list, _, err := pricing.LoadLiteLLM(strings.NewReader(`{"m-1": {
		"litellm_provider": "openai", "mode": "chat", ` + window + ` "max_output_tokens": 1000,
		"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6
	}}`))
	if err != nil || len(list) != 1 {
		tb.Fatalf("%d prices, %v", len(list), err)
	}
	if maxOutput > 0 {
		list[0].MaxOutputTokens = maxOutput
	}
	return &priceList{list[0]}
}

func (*priceList) Mode(_, _, _ string) string { return "chat" }

func (*priceList) Encoding(_, provider, model string) tokens.Encoding {
	return tokens.ForModel(provider, model)
}

func (p *priceList) Price(_, _, _ string) (*pricing.Price, bool) { return &p.price, true }

// call is a request.
type call struct {
	key    string
	header map[string]string
	body   string
}

// answer is a response, read to its end.
type answer struct {
	status  int
	header  http.Header
	trailer http.Header
	body    string
}

// reason is the code of an error's envelope; empty for an answer that is none.
func (a answer) reason() string {
	var envelope struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal([]byte(a.body), &envelope) != nil {
		return ""
	}
	return envelope.Error.Code
}

// open sends a request and returns when the answer begins.
func (r *rig) open(ctx context.Context, method, path string, c call) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, strings.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	return r.http.Do(req)
}

// do sends a request and reads its answer.
func (r *rig) do(method, path string, c call) answer {
	r.tb.Helper()
	resp, err := r.open(r.tb.Context(), method, path, c)
	if err != nil {
		r.tb.Errorf("%s %s: %v", method, path, err)
		return answer{}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.tb.Errorf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, resp.Trailer, string(body)}
}

const chatPath = "/v1/chat/completions"

// chat is a completion's body: of a prompt, with more members behind it.
func chat(prompt string, more ...string) string {
	return `{"model":"m","messages":[{"role":"user","content":"` + prompt + `"}]` + strings.Join(append([]string{""}, more...), ",") + `}`
}

const streamed = `"stream":true`

// complete asks for a completion with acme's key.
func (r *rig) complete(body string) answer {
	r.tb.Helper()
	return r.do(http.MethodPost, chatPath, call{key: acmeKey, body: body})
}

// logged keeps what was logged.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// eventually waits for what other goroutines bring about.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			tb.Fatalf("%s did not come about in 10 s", what)
		case <-tick.C:
		}
	}
}

// wait waits for a signal.
func wait(tb testing.TB, what string, signal <-chan struct{}) {
	tb.Helper()
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	select {
	case <-signal:
	case <-timer.C:
		tb.Fatalf("%s did not come about in 10 s", what)
	}
}

// scopesOfAcme are whom acme's calls count against.
var scopesOfAcme = spend.Scopes{Platform: "default", Tenant: "acme", Key: "key-of-acme"}
