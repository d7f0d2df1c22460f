package obs

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tollgate.dev/platform/money"
)

// Namespaces of the metrics' names.
const (
	NamespaceTollgate = "tollgate"
	// NamespaceLiteLLM gives the names that dashboards for a LiteLLM proxy use.
	NamespaceLiteLLM = "litellm"
)

// MetricsOptions say which label values there may be; every other becomes [Other].
type MetricsOptions struct {
	// Namespace is [NamespaceTollgate] when empty, or [NamespaceLiteLLM].
	Namespace string
	// Models, Providers, Routes and Codes are the configured model names, the providers,
	// the HTTP routes, and the codes of errors.
	Models, Providers, Routes, Codes []string
	// Served are the models as they are configured, and ProviderCodes the codes of failures at
	// providers: their series are there from the start, with 0.
	Served        []Served
	ProviderCodes []string
	// Cache are the names of what happens in the cache's service.
	Cache CacheNames
}

// Served is a model with a provider that serves it.
type Served struct{ Model, Provider string }

// Metrics are the process's metrics. No label names a tenant, key or user: who spent
// what is in the events, and a series per tenant has no bound. Methods are safe for
// concurrent use; those on the path of a call allocate nothing once a combination of
// labels has been seen.
type Metrics struct {
	models, providers, routes, codes *Bounded

	requests      *prometheus.CounterVec
	duration      *prometheus.HistogramVec
	firstToken    *prometheus.HistogramVec
	tokens        *prometheus.CounterVec
	tokenDetails  *prometheus.CounterVec
	cost          *prometheus.CounterVec
	providerError *prometheus.CounterVec
	retries       *prometheus.CounterVec

	requestChildren lookup[requestLabels, prometheus.Counter]
	callChildren    lookup[callLabels, *callChildren]
	errorChildren   lookup[errorLabels, prometheus.Counter]
	inFlight        prometheus.Gauge
	end             func() // inFlight.Dec, bound once
	cache           cacheMetrics
	cacheService    cacheServiceMetrics
	compression     compressionMetrics
	budget          budgetMetrics
	limits          limitMetrics
	keyChecks       *prometheus.CounterVec
	mesh            meshMetrics
}

// Buckets, in seconds. Calls last from a millisecond (a cache hit, the simulator) to
// ten minutes (a long reasoning stream): steps of about two keep a quantile's error
// below a factor of two at 20 series. The first token comes within a minute. What runs
// inside the process is counted from 50 µs, so that both the goal of a cache hit (below 1 ms
// inside, 50 ms anywhere) and that of compression (50 ms) are bounds of a bucket.
var (
	callBuckets       = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 4, 8, 15, 30, 60, 120, 240, 600}
	firstTokenBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .2, .3, .5, .75, 1, 1.5, 2, 3, 5, 10, 20, 60}
	innerBuckets      = []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1}
	percentBuckets    = []float64{0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100}
	tokenBuckets      = []float64{100, 300, 500, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 1e6}
	ratioBuckets      = []float64{.1, .25, .5, .75, .8, .9, .95, 1}
)

type requestLabels struct {
	route, model, provider string
	status                 int
}

type callLabels struct{ model, provider string }

type errorLabels struct{ provider, code string }

type callChildren struct {
	duration, firstToken                                         prometheus.Observer
	prompt, completion, cachedInput, cacheWrite, reasoning, cost prometheus.Counter
}

// NewMetrics makes the metrics and registers them, with those of the Go runtime and the
// process. A registry that has them already is an error.
func NewMetrics(reg *prometheus.Registry, o MetricsOptions) (*Metrics, error) {
	if o.Namespace == "" {
		o.Namespace = NamespaceTollgate
	}
	if o.Namespace != NamespaceTollgate && o.Namespace != NamespaceLiteLLM {
		return nil, fmt.Errorf("obs: metrics namespace %q is neither %s nor %s", o.Namespace, NamespaceTollgate, NamespaceLiteLLM)
	}
	f := &factory{reg: prometheus.WrapRegistererWithPrefix(o.Namespace+"_", reg)}
	m := &Metrics{
		models: NewBounded(o.Models...), providers: NewBounded(o.Providers...),
		routes: NewBounded(o.Routes...), codes: NewBounded(o.Codes...),

		requests:      f.counter("requests_total", "Finished requests by route, model, provider and HTTP status.", "route", "model", "provider", "status"),
		duration:      f.histogram("request_duration_seconds", "Time from the request to the end of its answer.", callBuckets, "model", "provider"),
		firstToken:    f.histogram("time_to_first_token_seconds", "Time from the request to the first content of its stream.", firstTokenBuckets, "model", "provider"),
		tokens:        f.counter("tokens_total", "Tokens by type, prompt or completion.", "model", "provider", "type"),
		tokenDetails:  f.counter("token_details_total", "Tokens that tokens_total has counted, by what they were: cached_input and cache_write of prompt, reasoning of completion.", "model", "provider", "type"),
		cost:          f.counter("cost_dollars_total", "Cost in dollars, rounded to a float for this page only.", "model", "provider"),
		providerError: f.counter("provider_errors_total", "Failed attempts at a provider by code.", "provider", "code"),
		retries:       f.counter("provider_retries_total", "Attempts beyond the first.", "provider"),
		inFlight:      f.gauge("in_flight_requests", "Requests that are being answered."),
		keyChecks:     f.counter("key_checks_total", "Checks of virtual keys by result.", "result"),
		cache:         newCacheMetrics(f),
		cacheService:  newCacheServiceMetrics(f, o.Cache),
		mesh:          newMeshMetrics(f),
		compression:   newCompressionMetrics(f),
		budget:        newBudgetMetrics(f),
		limits:        newLimitMetrics(f),
	}
	m.end = m.inFlight.Dec
	m.begin(o)
	f.reg = reg // these have names of their own
	f.register(collectors.NewGoCollector())
	f.register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if f.err != nil {
		return nil, fmt.Errorf("obs: registering metrics: %w", f.err)
	}
	return m, nil
}

// begin makes the series whose labels are known before anything happens: a dashboard shows 0
// instead of no data, and the first event is an increase.
func (m *Metrics) begin(o MetricsOptions) {
	for _, s := range o.Served {
		m.callChildren.get(callLabels{m.models.Label(s.Model), m.providers.Label(s.Provider)}, m.callChild)
	}
	for _, provider := range o.Providers {
		m.retries.WithLabelValues(provider)
		for _, code := range o.ProviderCodes {
			m.errorChildren.get(errorLabels{provider, m.codes.Label(code)}, m.errorChild)
		}
	}
	for _, result := range keyResults {
		m.keyChecks.WithLabelValues(result)
	}
}

// Handler serves a registry's metrics to Prometheus.
func Handler(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg, MaxRequestsInFlight: 4})
}

// Tokens are a call's tokens. CachedInput and CacheWrite are part of Prompt, Reasoning
// is part of Completion.
type Tokens struct {
	Prompt, Completion, CachedInput, CacheWrite, Reasoning int64
}

// Call is a finished request.
type Call struct {
	// Route is the HTTP route, Model the name that the caller used, Provider who served.
	Route, Model, Provider string
	// Status is the HTTP status.
	Status int
	// Duration is how long it took; FirstToken when its stream began, 0 for none.
	Duration, FirstToken time.Duration
	Tokens               Tokens
	Cost                 money.Nano
}

// Observe counts a finished request.
func (m *Metrics) Observe(c *Call) {
	model, provider := m.models.Label(c.Model), m.providers.Label(c.Provider)
	m.requestChildren.get(requestLabels{m.routes.Label(c.Route), model, provider, status(c.Status)}, m.requestChild).Inc()
	k := m.callChildren.get(callLabels{model, provider}, m.callChild)
	k.duration.Observe(c.Duration.Seconds())
	if c.FirstToken > 0 {
		k.firstToken.Observe(c.FirstToken.Seconds())
	}
	add(k.prompt, float64(c.Tokens.Prompt))
	add(k.completion, float64(c.Tokens.Completion))
	add(k.cachedInput, float64(c.Tokens.CachedInput))
	add(k.cacheWrite, float64(c.Tokens.CacheWrite))
	add(k.reasoning, float64(c.Tokens.Reasoning))
	add(k.cost, float64(c.Cost)/1e9)
}

// Begin counts a request as being answered; call the returned function once at its end.
func (m *Metrics) Begin() (end func()) {
	m.inFlight.Inc()
	return m.end
}

// ProviderError counts an attempt that failed, by Tollgate's code of the error.
func (m *Metrics) ProviderError(provider, code string) {
	m.errorChildren.get(errorLabels{m.providers.Label(provider), m.codes.Label(code)}, m.errorChild).Inc()
}

// ProviderRetry counts an attempt beyond the first.
func (m *Metrics) ProviderRetry(provider string) {
	m.retries.WithLabelValues(m.providers.Label(provider)).Inc()
}

func (m *Metrics) requestChild(l requestLabels) prometheus.Counter {
	return m.requests.WithLabelValues(l.route, l.model, l.provider, strconv.Itoa(l.status))
}

func (m *Metrics) callChild(l callLabels) *callChildren {
	// Details are a metric of their own, so that the sum of tokens_total is the number of tokens.
	tokens := func(kind string) prometheus.Counter { return m.tokens.WithLabelValues(l.model, l.provider, kind) }
	details := func(kind string) prometheus.Counter {
		return m.tokenDetails.WithLabelValues(l.model, l.provider, kind)
	}
	return &callChildren{
		duration:   m.duration.WithLabelValues(l.model, l.provider),
		firstToken: m.firstToken.WithLabelValues(l.model, l.provider),
		prompt:     tokens("prompt"), completion: tokens("completion"), cachedInput: details("cached_input"),
		cacheWrite: details("cache_write"), reasoning: details("reasoning"),
		cost: m.cost.WithLabelValues(l.model, l.provider),
	}
}

func (m *Metrics) errorChild(l errorLabels) prometheus.Counter {
	return m.providerError.WithLabelValues(l.provider, l.code)
}

// status keeps the label within the statuses that HTTP has; 0 is any other.
func status(code int) int {
	if code < 100 || code > 599 {
		return 0
	}
	return code
}

// add skips nothing to add, and what a counter would panic on.
func add(c prometheus.Counter, v float64) {
	if v > 0 {
		c.Add(v)
	}
}
