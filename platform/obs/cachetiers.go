package obs

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate.dev/platform/cachetier"
)

// CacheNames are what the cache's service calls what happens in it: no other label values come.
type CacheNames struct {
	// Outcomes are what becomes of entries that are found for other requests; Vetoes are the
	// rules that hold questions apart; Compared are the outcomes and Reasons the reasons of
	// comparisons of answers; Phases are what thresholds that are learned are at.
	Outcomes, Vetoes, Compared, Reasons, Phases []string
}

// cacheServiceMetrics are of the process that finds answers.
type cacheServiceMetrics struct {
	candidates, vetoes, compared, feedback   *prometheus.CounterVec
	tiers, outcomes, rules, results, reasons *Bounded
	embedded, lag                            prometheus.Histogram
	embedFailed, embeddingTokens, dropped    prometheus.Counter
	follows, learns                          prometheus.Gauge
	index                                    *atomic.Pointer[func() (int, int64)]
	thresholds                               *atomic.Pointer[func() map[string]int]
}

func newCacheServiceMetrics(f *factory, names CacheNames) cacheServiceMetrics {
	c := cacheServiceMetrics{
		candidates:      f.counter("cache_candidates_total", "Entries that the cache found for another request, by the tier that found them and what became of them.", "tier", "outcome"),
		vetoes:          f.counter("cache_vetoes_total", "Questions that a rule held apart, or kept from being compared with others, by rule.", "rule"),
		compared:        f.counter("cache_comparisons_total", "Comparisons of an answer that was held back with the provider's, by what came of them and why.", "outcome", "reason"),
		dropped:         f.plain("cache_comparisons_dropped_total", "Comparisons, and reports of wrong answers, of which nothing was learned."),
		feedback:        f.counter("cache_feedback_total", "What callers said of answers from the cache.", "verdict"),
		tiers:           NewBounded(cachetier.Names()[1:]...),
		outcomes:        NewBounded(names.Outcomes...),
		rules:           NewBounded(names.Vetoes...),
		results:         NewBounded(names.Compared...),
		reasons:         NewBounded(names.Reasons...),
		embedded:        f.single("cache_embedding_seconds", "Time of an embedding for the cache.", innerBuckets),
		embedFailed:     f.plain("cache_embedding_failures_total", "Embeddings for the cache that failed, or took too long."),
		embeddingTokens: f.plain("cache_embedding_tokens_total", "Tokens that a provider billed for embeddings for the cache."),
		follows:         f.gauge("cache_follows", "1 while the changes that other replicas make to the cache arrive, or there are none to come."),
		lag:             f.single("cache_follow_lag_seconds", "Time from a change of the cache by any replica until this one knows of it.", innerBuckets),
		index:           new(atomic.Pointer[func() (int, int64)]),
		thresholds:      new(atomic.Pointer[func() map[string]int]),
		learns:          f.gauge("cache_learns", "1 while what thresholds are learned from is exchanged with other replicas and kept, or there is nothing to."),
	}
	for _, tier := range cachetier.Names()[1:] {
		for _, outcome := range names.Outcomes {
			c.candidates.WithLabelValues(tier, outcome)
		}
	}
	for _, rule := range names.Vetoes {
		c.vetoes.WithLabelValues(rule)
	}
	for _, verdict := range [...]string{"right", "wrong"} {
		c.feedback.WithLabelValues(verdict)
	}
	size := func() (questions int, bytes int64) {
		if of := c.index.Load(); of != nil {
			return (*of)()
		}
		return 0, 0
	}
	f.function("cache_index_questions", "Questions that answers are found by.", func() float64 {
		n, _ := size()
		return float64(n)
	})
	f.function("cache_index_bytes", "Memory that these take.", func() float64 {
		_, n := size()
		return float64(n)
	})
	for _, phase := range names.Phases {
		f.part("cache_thresholds", "Namespaces for which this process learns a threshold, by what it is at.", prometheus.Labels{"phase": phase}, func() float64 {
			if of := c.thresholds.Load(); of != nil {
				return float64((*of)()[phase])
			}
			return 0
		})
	}
	set(c.follows, true)
	set(c.learns, true)
	return c
}

// CacheCandidate counts an entry that was found for another request, by the tier that found it
// and what became of it.
func (m *Metrics) CacheCandidate(tier, outcome string) {
	c := &m.cacheService
	c.candidates.WithLabelValues(c.tiers.Label(tier), c.outcomes.Label(outcome)).Inc()
}

// CacheVeto counts a rule that held two questions apart, or kept one from being compared.
func (m *Metrics) CacheVeto(rule string) {
	m.cacheService.vetoes.WithLabelValues(m.cacheService.rules.Label(rule)).Inc()
}

// CacheEmbedded counts an embedding: what it took, how many tokens were billed, and whether it
// went well.
func (m *Metrics) CacheEmbedded(took time.Duration, billed int64, ok bool) {
	c := &m.cacheService
	c.embedded.Observe(took.Seconds())
	if !ok {
		c.embedFailed.Inc()
	}
	add(c.embeddingTokens, float64(billed))
}

// CacheCompared counts a comparison of an answer that was held back with the provider's, by what
// came of it and why.
func (m *Metrics) CacheCompared(outcome, reason string) {
	c := &m.cacheService
	c.compared.WithLabelValues(c.results.Label(outcome), c.reasons.Label(reason)).Inc()
}

// CacheComparisonsDropped counts comparisons, and reports of wrong answers, of which nothing was
// learned.
func (m *Metrics) CacheComparisonsDropped(n int) { add(m.cacheService.dropped, float64(n)) }

// CacheFeedback counts what a caller said of an answer from the cache.
func (m *Metrics) CacheFeedback(wrong bool) {
	verdict := "right"
	if wrong {
		verdict = "wrong"
	}
	m.cacheService.feedback.WithLabelValues(verdict).Inc()
}

// CacheFollows notes whether the changes that other replicas make to the cache arrive.
func (m *Metrics) CacheFollows(follows bool) { set(m.cacheService.follows, follows) }

// CacheFollowed counts a change of the cache, and how long ago it was made.
func (m *Metrics) CacheFollowed(lag time.Duration) { m.cacheService.lag.Observe(lag.Seconds()) }

// CacheIndex takes what tells how many questions answers are found by, and how many bytes these
// take.
func (m *Metrics) CacheIndex(size func() (questions int, bytes int64)) {
	m.cacheService.index.Store(&size)
}

// CacheThresholds takes what tells how many namespaces learn a threshold, by what it is at.
func (m *Metrics) CacheThresholds(count func() map[string]int) {
	m.cacheService.thresholds.Store(&count)
}

// CacheLearns notes whether what thresholds are learned from can be exchanged.
func (m *Metrics) CacheLearns(learns bool) { set(m.cacheService.learns, learns) }

// set makes a gauge 1 or 0.
func set(g prometheus.Gauge, on bool) {
	value := 0.0
	if on {
		value = 1
	}
	g.Set(value)
}
