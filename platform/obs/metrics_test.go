package obs_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/obs"
)

func metrics(tb testing.TB, o obs.MetricsOptions) (*obs.Metrics, *prometheus.Registry) {
	tb.Helper()
	reg := prometheus.NewRegistry()
	m, err := obs.NewMetrics(reg, o)
	if err != nil {
		tb.Fatal(err)
	}
	return m, reg
}

func options(namespace string) obs.MetricsOptions {
	return obs.MetricsOptions{
		Namespace: namespace, Models: []string{"gpt-4o"}, Providers: []string{"openai"},
		Routes: []string{"/v1/chat/completions"}, Codes: []string{"provider_timeout"},
	}
}

var call = obs.Call{
	Route: "/v1/chat/completions", Model: "gpt-4o", Provider: "openai", Status: 200,
	Duration: 1500 * time.Millisecond, FirstToken: 200 * time.Millisecond,
	Tokens: obs.Tokens{Prompt: 100, Completion: 20, CachedInput: 40, Reasoning: 5}, Cost: 1_250_000,
}

// everything makes each metric appear once.
func everything(m *obs.Metrics) {
	m.Observe(&call)
	m.Begin()
	m.ProviderError("openai", "provider_timeout")
	m.ProviderRetry("openai")
	m.CacheLookup(100 * time.Microsecond)
	m.CacheLookup(time.Millisecond)
	m.CacheHit(cachev1.Tier_TIER_EXACT)
	m.CacheHit(cachev1.Tier_TIER_SEMANTIC)
	m.CacheMiss(cachev1.Tier_TIER_EXACT)
	m.CacheMiss(cachev1.Tier_TIER_NEAR)
	m.CacheBypass()
	m.Compression(obs.Compression{Profile: "rag", Engine: "extractive", Original: 1000, Compressed: 400, Took: 10 * time.Millisecond})
	m.PartsKept(3)
	m.PartsDropped(1)
	m.PartsDropped(1)
	m.CompressionSaved("extractive", 1_500_000)
	m.CompressionSaved("lossless", -250_000_000)
	m.Compression(obs.Compression{Profile: "chat", Result: obs.CompressionFailed, Original: 1000, Compressed: 1000, Took: time.Second})
	m.Reservation(obs.ReservationGranted)
	m.Reservation(obs.ReservationGranted)
	m.Reservation(obs.ReservationDenied)
	m.Reservation(obs.ReservationSettled)
	m.BudgetUsed(obs.ScopeTenant, 0.4)
	m.Recorded(20, 3)
	m.Rejected()
	m.LeaseLost(money.Dollar / 4)
	m.LeaseLost(money.Dollar / 2)
	m.Meter(func() obs.MeterStats {
		return obs.MeterStats{Queued: 7, Leases: 2, Overdrawn: 4, LogRecords: 7, LogBytes: 4096, Unlogged: 1, Dropped: 9}
	})
	m.Outbox(3, 2*time.Second)
	m.RateLimitsShared(false)
	m.RateLimitsShared(true)
	m.RateLimitedAlone()
	m.LogRecovered(3, 2)
	m.LogKept()
	m.Published(5, true)
	m.Published(1, false)
	m.SetAside()
	m.KeyCheck(obs.KeyValid)
}

// The golden file is what /metrics shows: names, labels, buckets and values.
func TestExposition(t *testing.T) {
	m, reg := metrics(t, options(""))
	everything(m)
	names := ours(t, reg, "tollgate_")
	golden, err := os.Open("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = golden.Close() }()
	if err := testutil.GatherAndCompare(reg, golden, names...); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg, names...); err != nil || len(problems) > 0 {
		for _, p := range problems {
			// LiteLLM's names decide these.
			if !slices.Contains([]string{"tollgate_compression_savings_percent"}, p.Metric) {
				t.Errorf("%s: %s, %v", p.Metric, p.Text, err)
			}
		}
	}
}

// What is known before anything happens is 0 from the start: a dashboard shows it, and the
// first event is an increase.
func TestKnownSeriesBeginWithZero(t *testing.T) {
	o := options(obs.NamespaceLiteLLM)
	o.Served = []obs.Served{{Model: "gpt-4o", Provider: "openai"}}
	o.ProviderCodes = []string{"provider_timeout"}
	_, reg := metrics(t, o)
	rec := httptest.NewRecorder()
	obs.Handler(reg).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	lines := strings.Split(rec.Body.String(), "\n")
	for _, want := range []string{
		`litellm_compression_requests_total{profile="default",result="compressed"} 0`,
		`litellm_compression_requests_total{profile="rag",result="failed"} 0`,
		`litellm_compression_omitted_parts_total{result="dropped"} 0`,
		`litellm_provider_retries_total{provider="openai"} 0`,
		`litellm_provider_errors_total{code="provider_timeout",provider="openai"} 0`,
		`litellm_key_checks_total{result="expired"} 0`,
		`litellm_outbox_published_total{result="error"} 0`,
		`litellm_cost_dollars_total{model="gpt-4o",provider="openai"} 0`,
		`litellm_tokens_total{model="gpt-4o",provider="openai",type="completion"} 0`,
		`litellm_request_duration_seconds_count{model="gpt-4o",provider="openai"} 0`,
		`litellm_cache_hit_total{kind="exact"} 0`,
		`litellm_budget_reservations_total{outcome="denied"} 0`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line is %s", want)
		}
	}
}

func ours(t *testing.T, reg *prometheus.Registry, prefix string) (names []string) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), prefix) {
			names = append(names, f.GetName())
		}
	}
	return names
}

func TestLiteLLMNames(t *testing.T) {
	m, reg := metrics(t, options(obs.NamespaceLiteLLM))
	everything(m)
	names := ours(t, reg, "litellm_")
	for _, want := range []string{
		"litellm_requests_total", "litellm_request_duration_seconds", "litellm_tokens_total",
		"litellm_cache_hit_total", "litellm_cache_miss_total", "litellm_compression_requests_total",
		"litellm_compression_savings_percent", "litellm_compression_latency_seconds",
		"litellm_compression_original_tokens", "litellm_compression_compressed_tokens",
	} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if got := ours(t, reg, "tollgate_"); len(got) > 0 {
		t.Errorf("both namespaces: %v", got)
	}
}

func TestNoCallerMakesTimeSeries(t *testing.T) {
	m, reg := metrics(t, options(""))
	everything(m)
	before, err := testutil.GatherAndCount(reg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		c := call
		c.Model, c.Provider, c.Route, c.Status = fmt.Sprint("m", i), fmt.Sprint("p", i), fmt.Sprint("r", i), 1000+i
		m.Observe(&c)
		m.ProviderError(c.Provider, c.Model)
		m.ProviderRetry(c.Provider)
		m.Compression(obs.Compression{Profile: c.Model, Engine: c.Model, Result: obs.CompressionResult(100 + i), Original: 1, Compressed: 1})
		m.CompressionSaved(c.Model, 1)
		m.KeyCheck(obs.KeyResult(100 + i))
		m.CacheHit(cachev1.Tier(i))
	}
	after, err := testutil.GatherAndCount(reg)
	if err != nil {
		t.Fatal(err)
	}
	// One more series per metric for "other".
	if after-before > 20 {
		t.Errorf("100 made-up values added %d series", after-before)
	}
	if n, err := testutil.GatherAndCount(reg, "tollgate_requests_total"); err != nil || n != 2 {
		t.Errorf("%d series of requests, %v; want the first and other", n, err)
	}
}

func TestOddValuesDoNotPanic(t *testing.T) {
	m, _ := metrics(t, options(""))
	c := call
	c.Tokens.Prompt, c.Cost, c.Duration, c.Status = -1, -1, -1, -1
	m.Observe(&c)
	m.Compression(obs.Compression{Profile: "rag"})
	m.Published(-1, true)
}

func TestBounded(t *testing.T) {
	b := obs.NewBounded("a", "b", "")
	for in, want := range map[string]string{"a": "a", "b": "b", "c": obs.Other, "": ""} {
		if got := b.Label(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestMetricsAreConcurrent(t *testing.T) {
	m, reg := metrics(t, options(""))
	var wg sync.WaitGroup
	const workers, each = 8, 200
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				c := call
				c.Status = 200 + (w+i)%10 // first sightings race
				m.Observe(&c)
				m.Begin()()
			}
		})
	}
	wg.Wait()
	var total float64
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "tollgate_requests_total" {
			for _, s := range f.GetMetric() {
				total += s.GetCounter().GetValue()
			}
		}
	}
	if total != workers*each {
		t.Errorf("%v requests counted of %d", total, workers*each)
	}
}

func TestRegistryAndHandler(t *testing.T) {
	m, reg := metrics(t, options(""))
	everything(m)
	if _, err := obs.NewMetrics(reg, options("")); err == nil {
		t.Error("one registry took the metrics twice")
	}
	if _, err := obs.NewMetrics(prometheus.NewRegistry(), obs.MetricsOptions{Namespace: "x"}); err == nil {
		t.Error("another namespace was accepted")
	}
	rec := httptest.NewRecorder()
	obs.Handler(reg).ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tollgate_requests_total{", "go_goroutines", "process_cpu_seconds_total"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%s is not served", want)
		}
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	m, _ := metrics(t, options(""))
	m.Observe(&call)
	m.ProviderError("openai", "provider_timeout")
	if n := testing.AllocsPerRun(100, func() {
		m.Observe(&call)
		m.ProviderError("openai", "provider_timeout")
		m.CacheMiss(cachev1.Tier_TIER_EXACT)
		m.Reservation(obs.ReservationGranted)
		end := m.Begin()
		end()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m, _ := metrics(b, options(""))
	b.ReportAllocs()
	for b.Loop() {
		m.Observe(&call)
	}
}
