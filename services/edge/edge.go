// Package edge is the HTTP surface that applications call: it speaks OpenAI's API
// and LiteLLM's management routes, admits each call, answers from the cache where it
// can, and settles what a call cost.
package edge

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/memory"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/edge/admission"
	"tollgate.dev/services/edge/idempotency"
	"tollgate.dev/services/edge/ratelimit"
	"tollgate.dev/services/edge/spend"
)

// Options configure an [Edge].
type Options struct {
	// Version is the product's version, for `/health/readiness` and a header.
	Version string
	// MaxBodyBytes bounds a request's body; 0 is 10 MiB.
	MaxBodyBytes int64
	// MaxBufferedBytes bounds the memory for all requests' bodies together; 0 is 256 MiB.
	MaxBufferedBytes int64
	// BodyTimeout bounds how long a request's body may take to arrive; 0 is 60 s.
	BodyTimeout time.Duration
	// WriteTimeout bounds how long one piece of an answer may take to be written; 0 is 30 s.
	WriteTimeout time.Duration
	// ManagementTimeout bounds what a request that manages keys, teams and their budgets waits for the
	// services that have them; 0 is 5 s. As long again may be what it takes to undo a half of it.
	ManagementTimeout time.Duration
	// Cache says whether answers are cached at all.
	Cache bool
	// SharedCache says that answers are kept in Redis, for `/health/readiness`.
	SharedCache bool
	// CacheOptIn caches the answers of those requests alone that ask for it with
	// `"cache": {"use-cache": true}`.
	CacheOptIn bool
	// Embedder embeds questions for the cache, where that is paid for; nil where it is not.
	Embedder *Embedder
	// ModelCaching is how answers are cached of models that differ from others, by name.
	ModelCaching map[string]admission.Caching
	// CacheToolCalls keeps answers that call tools, too, and CacheTruncated those that a limit
	// on their length cut.
	CacheToolCalls, CacheTruncated bool
	// CacheTimeout bounds a look-up in the cache, which is a miss then; 0 is no bound, for one
	// that runs in this process.
	CacheTimeout time.Duration
	// CompressionTimeouts bound compressions, by profile, as the edge waits for them; 0 is no
	// bound.
	CompressionTimeouts map[string]time.Duration
	// RequestTimeout is how long the router may take for a whole answer, which it sees to itself.
	// RouterGrace is how much longer the edge waits for its word on that; 0 is for as long as the
	// caller does, for a router that runs in this process.
	RequestTimeout, RouterGrace time.Duration
	// Compression says whether prompts are compressed where a key, tenant or request asks.
	Compression bool
	// HiddenModels are names that can be called and are not listed.
	HiddenModels map[string]bool
	// DropParams drops parameters that a provider cannot honour, for every call.
	DropParams bool
	// PlatformID is the platform that calls without a tenant's own belong to.
	PlatformID string
	// AllowedRoutes are the only routes that keys may call; none means all.
	AllowedRoutes []string
	// AllowsBase tells whether a tenant's own base URL may be called; its error is
	// provider_host_not_allowed. Nil allows none.
	AllowsBase func(*url.URL) error
	// AdminOnlyRoutes are routes that only administrators may call.
	AdminOnlyRoutes []string
}

// Services are the clients of the services that the edge uses, whether they run in
// this process or elsewhere.
type Services struct {
	Router     routerv1connect.RouterServiceClient
	Cache      cachev1connect.CacheServiceClient
	Compressor compressorv1connect.CompressorServiceClient
	Keystore   keystorev1connect.KeystoreServiceClient
	Budget     budgetv1connect.BudgetServiceClient
}

// Prices finds what a deployment is for and what its tokens cost.
type Prices interface {
	// Mode is what a deployment is for, in LiteLLM's words: chat, embedding, …; empty where
	// nobody says.
	Mode(deploymentID, provider, upstreamModel string) string
	// Price returns the price of a deployment, which a configuration may override, or
	// of its provider's model.
	Price(deploymentID, provider, upstreamModel string) (*pricing.Price, bool)
	// Encoding is how a deployment's text becomes tokens, which a configuration may say.
	Encoding(deploymentID, provider, upstreamModel string) tokens.Encoding
}

// Parts are what an [Edge] is made of.
type Parts struct {
	Services    Services
	Keys        *admission.Keys
	Limits      *ratelimit.Limiter
	Meter       *spend.Meter
	Idempotency *idempotency.Guard
	Prices      Prices
	Metrics     *obs.Metrics
	Health      *obs.Checker
	Clock       clock.Clock
	Log         *slog.Logger
	Faults      *obs.Faults
	// RPC are the handlers of services that run in this process, served to typed
	// clients; nil serves none. It has [FollowOperators].
	RPC *connect.Server
	// Counter counts tokens; have one in a process. A new one.
	Counter *tokens.Counter
	// Answers bounds the memory of all answers that are whole in it, or kept for others,
	// together; nil bounds nothing.
	Answers *memory.Bound
	// MetricsHandler serves `/metrics`.
	MetricsHandler http.Handler
}

// Edge serves the HTTP routes.
type Edge struct {
	Parts
	opts    Options
	models  atomic.Pointer[modelTable]
	flights flights
	after   afterwards
	// bodies and arrivals are what requests take before it is known what they ask.
	bodies   bodies
	arrivals arrivals
	ids      *id.Generator
	// counting bounds the work of Counter.
	counting counting
	mux      *http.ServeMux
}

// New returns an edge.
func New(opts Options, parts Parts) *Edge {
	if opts.MaxBodyBytes <= 0 {
		opts.MaxBodyBytes = 10 << 20
	}
	if opts.MaxBufferedBytes <= 0 {
		opts.MaxBufferedBytes = 256 << 20
	}
	if opts.BodyTimeout <= 0 {
		opts.BodyTimeout = 60 * time.Second
	}
	if opts.WriteTimeout <= 0 {
		opts.WriteTimeout = 30 * time.Second
	}
	if opts.ManagementTimeout <= 0 {
		opts.ManagementTimeout = 5 * time.Second
	}
	if parts.Counter == nil {
		parts.Counter = &tokens.Counter{}
	}
	e := &Edge{Parts: parts, opts: opts, mux: http.NewServeMux(), ids: id.NewGenerator(parts.Clock), counting: newCounting()}
	e.bodies.Bound = memory.NewBound(opts.MaxBufferedBytes)
	e.models.Store(&modelTable{})
	e.routes()
	return e
}

// Handler serves every route.
func (e *Edge) Handler() http.Handler { return http.HandlerFunc(e.serve) }

// modelRefresh is how often the models are read again, for deployments that rest and
// for a router elsewhere that was configured anew; modelRetry is when they could not be.
const (
	modelRefresh = 10 * time.Second
	modelRetry   = 500 * time.Millisecond
)

// Run keeps the model table fresh until ctx ends.
func (e *Edge) Run(ctx context.Context) error {
	away := false
	for {
		next, err := modelRefresh, e.RefreshModels(ctx)
		if err != nil {
			next = modelRetry
		}
		if err != nil && !away && ctx.Err() == nil {
			e.Log.WarnContext(ctx, "the models could not be read from the router", "error", err)
		}
		away = err != nil
		if clock.Sleep(ctx, e.Clock, next) != nil {
			return nil //nolint:nilerr // the end that the caller asked for
		}
	}
}

// route is one served path.
type route struct {
	method  string
	path    string
	handler func(*exchange) error
}

// table is every route, with and without `/v1` where LiteLLM serves both.
func (e *Edge) table() []route {
	both := func(method, path string, handler func(*exchange) error) []route {
		return []route{{method, "/v1" + path, handler}, {method, path, handler}}
	}
	return slices.Concat(
		both(http.MethodPost, "/chat/completions", e.chatCompletions),
		both(http.MethodGet, "/models", e.listModels),
		both(http.MethodGet, "/models/{id...}", e.getModel),
		both(http.MethodPost, "/cache/invalidate", e.invalidateCache),
		both(http.MethodPost, "/cache/feedback", e.cacheFeedback),
		both(http.MethodGet, "/compressions/omitted/{name}", e.omitted),
		e.keyRoutes(), e.teamRoutes(), e.spendRoutes(), e.healthRoutes(),
	)
}

// Routes are the paths that are served, for the metrics' labels.
func Routes() []string {
	var paths []string
	for _, rt := range (&Edge{}).table() {
		paths = append(paths, rt.path)
	}
	return paths
}

// routes registers every path.
func (e *Edge) routes() {
	allowed := map[string]methodNotAllowed{"/metrics": {http.MethodGet}}
	for _, rt := range e.table() {
		e.mux.Handle(rt.method+" "+rt.path, endpoint{e, rt})
		allowed[rt.path] = append(allowed[rt.path], rt.method)
	}
	e.mux.Handle("GET /metrics", bounded{e, e.MetricsHandler})
	for path, methods := range allowed {
		e.mux.Handle(path, bounded{e, methods})
	}
	e.mux.Handle("/", bounded{e, notFound{}})
	if e.RPC != nil {
		e.procedureRoutes(e.RPC)
	}
}
