package obs_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tollgate.dev/platform/obs"
)

// What happens in the cache's service is counted under the names that it was given, and under
// no others.
func TestWhatHappensInTheCache(t *testing.T) {
	reg := prometheus.NewRegistry()
	m, err := obs.NewMetrics(reg, obs.MetricsOptions{Cache: obs.CacheNames{
		Outcomes: []string{"served", "vetoed"}, Vetoes: []string{"numbers"}, Compared: []string{"right"}, Reasons: []string{"same"}, Phases: []string{"serving", "resting"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	m.CacheCandidate("near", "served")
	m.CacheCandidate("near", "a prompt")
	m.CacheVeto("numbers")
	m.CacheVeto("a prompt")
	m.CacheEmbedded(time.Millisecond, 7, true)
	m.CacheEmbedded(time.Millisecond, 0, false)
	m.CacheCompared("right", "same")
	m.CacheComparisonsDropped(3)
	m.CacheFeedback(true)
	m.CacheFollows(false)
	m.CacheFollowed(time.Second)
	m.CacheThresholds(func() map[string]int { return map[string]int{"resting": 2} })
	m.CacheIndex(func() (int, int64) { return 3, 600 })
	const want = `
# HELP tollgate_cache_candidates_total Entries that the cache found for another request, by the tier that found them and what became of them.
# TYPE tollgate_cache_candidates_total counter
tollgate_cache_candidates_total{outcome="other",tier="near"} 1
tollgate_cache_candidates_total{outcome="served",tier="near"} 1
tollgate_cache_candidates_total{outcome="vetoed",tier="near"} 0
tollgate_cache_candidates_total{outcome="served",tier="semantic"} 0
tollgate_cache_candidates_total{outcome="vetoed",tier="semantic"} 0
# HELP tollgate_cache_comparisons_dropped_total Comparisons, and reports of wrong answers, of which nothing was learned.
# TYPE tollgate_cache_comparisons_dropped_total counter
tollgate_cache_comparisons_dropped_total 3
# HELP tollgate_cache_comparisons_total Comparisons of an answer that was held back with the provider's, by what came of them and why.
# TYPE tollgate_cache_comparisons_total counter
tollgate_cache_comparisons_total{outcome="right",reason="same"} 1
# HELP tollgate_cache_embedding_failures_total Embeddings for the cache that failed, or took too long.
# TYPE tollgate_cache_embedding_failures_total counter
tollgate_cache_embedding_failures_total 1
# HELP tollgate_cache_embedding_tokens_total Tokens that a provider billed for embeddings for the cache.
# TYPE tollgate_cache_embedding_tokens_total counter
tollgate_cache_embedding_tokens_total 7
# HELP tollgate_cache_feedback_total What callers said of answers from the cache.
# TYPE tollgate_cache_feedback_total counter
tollgate_cache_feedback_total{verdict="right"} 0
tollgate_cache_feedback_total{verdict="wrong"} 1
# HELP tollgate_cache_follows 1 while the changes that other replicas make to the cache arrive, or there are none to come.
# TYPE tollgate_cache_follows gauge
tollgate_cache_follows 0
# HELP tollgate_cache_index_bytes Memory that these take.
# TYPE tollgate_cache_index_bytes gauge
tollgate_cache_index_bytes 600
# HELP tollgate_cache_index_questions Questions that answers are found by.
# TYPE tollgate_cache_index_questions gauge
tollgate_cache_index_questions 3
# HELP tollgate_cache_learns 1 while what thresholds are learned from is exchanged with other replicas and kept, or there is nothing to.
# TYPE tollgate_cache_learns gauge
tollgate_cache_learns 1
# HELP tollgate_cache_thresholds Namespaces for which this process learns a threshold, by what it is at.
# TYPE tollgate_cache_thresholds gauge
tollgate_cache_thresholds{phase="resting"} 2
tollgate_cache_thresholds{phase="serving"} 0
# HELP tollgate_cache_vetoes_total Questions that a rule held apart, or kept from being compared with others, by rule.
# TYPE tollgate_cache_vetoes_total counter
tollgate_cache_vetoes_total{rule="numbers"} 1
tollgate_cache_vetoes_total{rule="other"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want),
		"tollgate_cache_candidates_total", "tollgate_cache_comparisons_total", "tollgate_cache_comparisons_dropped_total", "tollgate_cache_embedding_failures_total", "tollgate_cache_embedding_tokens_total",
		"tollgate_cache_feedback_total", "tollgate_cache_follows", "tollgate_cache_learns", "tollgate_cache_index_bytes", "tollgate_cache_index_questions", "tollgate_cache_thresholds", "tollgate_cache_vetoes_total"); err != nil {
		t.Error(err)
	}
}
