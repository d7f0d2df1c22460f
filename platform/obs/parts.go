package obs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/cachetier"
	"tollgate.dev/platform/money"
)

// CompressionResult is what became of an attempt to compress.
type CompressionResult int

// The results of compression.
const (
	Compressed         CompressionResult = iota
	CompressionSkipped                   // below the size, or nothing that may be touched
	CompressionFailed                    // the original went out
	CompressionLate                      // the original went out, as there was no more time
	CompressionTooLong                   // the original went out, as its text is beyond the bound
)

// ReservationOutcome is what became of a budget reservation.
type ReservationOutcome int

// The outcomes of a reservation.
const (
	ReservationGranted ReservationOutcome = iota
	ReservationDenied
	ReservationSettled
	ReservationReleased
)

// KeyResult is what the check of a virtual key found.
type KeyResult int

// The results of a key check.
const (
	KeyValid KeyResult = iota
	KeyUnknown
	KeyExpired
	KeyBlocked
	KeyForbidden // valid, but not for this model or route
)

// Enumerations index these, so that a label can't be anything else.
var (
	compressionResults = [...]string{"compressed", "skipped", "failed", "late", "too_long"}
	reservations       = [...]string{"granted", "denied", "settled", "released"}
	keyResults         = [...]string{"valid", "unknown", "expired", "blocked", "forbidden"}
	budgetScopes       = [...]string{"platform", "tenant", "user", "key"}
	profiles           = [...]string{"default", "rag", "chat"}
	engines            = [...]string{"lossless", "near_lossless", "extractive", "llmlingua2", "none"}
)

type cacheMetrics struct {
	hits, misses [cachetier.Count]prometheus.Counter
	lookup       prometheus.Histogram
	bypass       prometheus.Counter
}

func newCacheMetrics(f *factory) (c cacheMetrics) {
	hits := f.counter("cache_hit_total", "Requests answered with another one's answer, kept or under way, by the kind of look-up that found it.", "kind")
	misses := f.counter("cache_miss_total", "Requests for which a kind of look-up was tried and found no answer.", "kind")
	for i, kind := range cachetier.Names() {
		c.hits[i], c.misses[i] = hits.WithLabelValues(kind), misses.WithLabelValues(kind)
	}
	c.lookup = f.single("cache_lookup_seconds", "Time of a cache look-up.", innerBuckets)
	c.bypass = f.counter("cache_bypass_total", "Requests that asked for no cache, or can't have one.").WithLabelValues()
	return c
}

// CacheLookup counts how long the cache took to find an answer, or to know that it has none.
func (m *Metrics) CacheLookup(took time.Duration) { m.cache.lookup.Observe(took.Seconds()) }

// CacheHit counts a request that was answered with another one's answer: from the cache,
// or from an identical call that was under way. The tiers before the one that found it have
// missed; none is the exact one.
func (m *Metrics) CacheHit(tier cachev1.Tier) {
	i := cachetier.Place(tier)
	for _, before := range m.cache.misses[:i] {
		before.Inc()
	}
	m.cache.hits[i].Inc()
}

// CacheMiss counts a request for which no tier had an answer, up to the last that was tried; none
// is the exact one.
func (m *Metrics) CacheMiss(last cachev1.Tier) {
	for _, tried := range m.cache.misses[:cachetier.Place(last)+1] {
		tried.Inc()
	}
}

// CacheBypass counts a request that went past the cache.
func (m *Metrics) CacheBypass() { m.cache.bypass.Inc() }

type compressionMetrics struct {
	requests, byEngine, saved, lost        *prometheus.CounterVec
	kept, dropped                          prometheus.Counter
	savings, latency, original, compressed prometheus.Histogram
	profiles, engines                      *Bounded
}

func newCompressionMetrics(f *factory) compressionMetrics {
	c := compressionMetrics{
		requests:   f.counter("compression_requests_total", "Attempts to compress by profile and result.", "profile", "result"),
		byEngine:   f.counter("compression_prompts_total", "Compressed prompts by what shortened them.", "engine"),
		saved:      f.counter("compression_saved_dollars_total", "What compression saved in dollars, less what it lost of providers' prompt caches.", "engine"),
		lost:       f.counter("compression_lost_dollars_total", "Dollars by which calls were dearer with compression than without.", "engine"),
		savings:    f.single("compression_savings_percent", "Percentage of tokens that a compression saved.", percentBuckets),
		latency:    f.single("compression_latency_seconds", "Time of a compression.", innerBuckets),
		original:   f.single("compression_original_tokens", "Tokens before a compression.", tokenBuckets),
		compressed: f.single("compression_compressed_tokens", "Tokens after a compression.", tokenBuckets),
		profiles:   NewBounded(profiles[:]...), engines: NewBounded(engines[:]...),
	}
	parts := f.counter("compression_omitted_parts_total", "Parts that were left out of prompts and are kept for a while, or should be and are not, by result.", "result")
	c.kept, c.dropped = parts.WithLabelValues("kept"), parts.WithLabelValues("dropped")
	for _, profile := range profiles {
		for _, result := range compressionResults {
			c.requests.WithLabelValues(profile, result)
		}
	}
	for _, engine := range engines {
		c.byEngine.WithLabelValues(engine)
		c.saved.WithLabelValues(engine)
		c.lost.WithLabelValues(engine)
	}
	return c
}

// Compression is an attempt to compress a prompt.
type Compression struct {
	Profile string
	// Engine is what shortened the prompt; empty when nothing did.
	Engine string
	Result CompressionResult
	// Original and Compressed are tokens.
	Original, Compressed int64
	Took                 time.Duration
}

// Compression counts an attempt to compress. Sizes, time and engine are counted for
// [Compressed] only.
func (m *Metrics) Compression(a Compression) {
	c := &m.compression
	c.requests.WithLabelValues(c.profiles.Label(a.Profile), name(compressionResults[:], int(a.Result))).Inc()
	if a.Result != Compressed || a.Original <= 0 {
		return
	}
	c.byEngine.WithLabelValues(c.engines.Label(a.Engine)).Inc()
	c.savings.Observe(100 * (1 - float64(a.Compressed)/float64(a.Original)))
	c.latency.Observe(a.Took.Seconds())
	c.original.Observe(float64(a.Original))
	c.compressed.Observe(float64(a.Compressed))
}

// CompressionSaved counts what a compression saved of a call's cost; below 0 it is what the
// call cost more.
func (m *Metrics) CompressionSaved(engine string, saved money.Nano) {
	c := &m.compression
	engine = c.engines.Label(engine)
	if saved < 0 {
		c.lost.WithLabelValues(engine).Add(float64(-saved) / 1e9)
		return
	}
	c.saved.WithLabelValues(engine).Add(float64(saved) / 1e9)
}

// PartsKept counts parts that were left out of prompts and can be fetched for a while.
func (m *Metrics) PartsKept(n int) { add(m.compression.kept, float64(n)) }

// PartsDropped counts parts that were left out of prompts and should be kept, and are not.
func (m *Metrics) PartsDropped(n int) { add(m.compression.dropped, float64(n)) }

// KeyCheck counts the check of a virtual key.
func (m *Metrics) KeyCheck(result KeyResult) {
	m.keyChecks.WithLabelValues(name(keyResults[:], int(result))).Inc()
}

type limitMetrics struct {
	shared prometheus.Gauge
	alone  prometheus.Counter
}

func newLimitMetrics(f *factory) limitMetrics {
	return limitMetrics{
		shared: f.gauge("rate_limits_shared", "1 while rate limits are counted together with other replicas, 0 while this process counts alone."),
		alone:  f.counter("rate_limits_alone_total", "Calls with rate limits that this process decided by its own count, though limits are shared.").WithLabelValues(),
	}
}

// RateLimitsShared notes whether rate limits are counted together with other replicas.
func (m *Metrics) RateLimitsShared(together bool) {
	v := 0.0
	if together {
		v = 1
	}
	m.limits.shared.Set(v)
}

// RateLimitedAlone counts a call that was let through or refused by this process's own
// count, though limits are shared.
func (m *Metrics) RateLimitedAlone() { m.limits.alone.Inc() }

// pick is v[i], or the last for a number that is no constant of its type.
func pick[T any](v []T, i int) T {
	if i < 0 || i >= len(v) {
		return v[len(v)-1]
	}
	return v[i]
}

func name(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return Other
	}
	return names[i]
}
