package edge_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/protobuf/proto"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/services/edge/admission"
)

const entryOfAnother = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"

// similar is what a look-up comes to that finds the answer to a like question, made a while ago.
func (r *rig) similar(kind cachev1.HitKind, score float64, age time.Duration) *cachev1.LookupResponse {
	return &cachev1.LookupResponse{
		Hit: kind, Score: score, EntryId: entryOfAnother,
		Entry: &cachev1.Entry{
			Body: []byte(answerBody), Usage: answerUsage(), CostNanos: answerCost, Provider: "openai", UpstreamModel: "m-1", DeploymentId: "m-1",
			CreatedMillis: r.clock.Now().Add(-age).UnixMilli(),
		},
	}
}

// TestSimilarAnswers answers from the cache with what another question was answered: whole and
// streamed, at no cost, and said to be so. Nothing is kept under the question that was asked.
func TestSimilarAnswers(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"", streamed} {
		for tier, tc := range map[string]struct {
			kind                    cachev1.HitKind
			score                   float64
			cache, shown            string
			exactMisses, nearMisses int
		}{
			"exact":    {kind: cachev1.HitKind_HIT_KIND_EXACT, score: 1, cache: "hit", shown: "1.0000"},
			"near":     {kind: cachev1.HitKind_HIT_KIND_NEAR, score: .99, cache: "semantic", shown: "0.9900", exactMisses: 1},
			"semantic": {kind: cachev1.HitKind_HIT_KIND_SEMANTIC, score: .912345, cache: "semantic", shown: "0.9123", exactMisses: 1, nearMisses: 1},
		} {
			t.Run(tier+" "+form, func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				r.cache.similar = r.similar(tc.kind, tc.score, 90*time.Second)
				var more []string
				if form != "" {
					more = []string{form}
				}
				a := r.complete(chat("Hi", more...))
				if a.status != http.StatusOK || said(t, a.body) != "Hello" || r.router.called() != 0 || r.cache.kept() != 0 {
					t.Fatalf("%d %s, %d calls, %d answers kept", a.status, a.body, r.router.called(), r.cache.kept())
				}
				want := map[string]string{
					"X-Cache": tc.cache, "X-Tollgate-Cache-Tier": tier, "X-Tollgate-Cache-Score": tc.shown, "Age": "90",
					"X-Tollgate-Cache-Entry": entryOfAnother, "X-Litellm-Cache-Key": entryOfAnother, "X-Tollgate-Cache-Saved": "0.00002", "X-Tollgate-Provider": "openai",
				}
				if tc.cache == "semantic" {
					want["X-Litellm-Semantic-Similarity"] = tc.shown
				}
				for name, value := range want {
					if a.header.Get(name) != value {
						t.Errorf("%s is %q, want %q", name, a.header.Get(name), value)
					}
				}
				if cost := a.header.Get("X-Tollgate-Cost") + a.trailer.Get("X-Tollgate-Cost"); cost != "0" {
					t.Errorf("it costs %q", cost)
				}
				rec := r.ledger(1)[0]
				if rec.GetCostNanos() != 0 || rec.GetSavedCacheNanos() != answerCost || rec.GetCache() != tc.cache ||
					!proto.Equal(rec.GetUsage(), answerUsage()) {
					t.Errorf("the ledger says %v", rec)
				}
				hits := map[string]int{tier: 1}
				if err := testutil.GatherAndCompare(r.metrics, strings.NewReader(fmt.Sprintf(`
# HELP tollgate_cache_hit_total Requests answered with another one's answer, kept or under way, by the kind of look-up that found it.
# TYPE tollgate_cache_hit_total counter
tollgate_cache_hit_total{kind="exact"} %d
tollgate_cache_hit_total{kind="near"} %d
tollgate_cache_hit_total{kind="semantic"} %d
# HELP tollgate_cache_miss_total Requests for which a kind of look-up was tried and found no answer.
# TYPE tollgate_cache_miss_total counter
tollgate_cache_miss_total{kind="exact"} %d
tollgate_cache_miss_total{kind="near"} %d
tollgate_cache_miss_total{kind="semantic"} 0
`, hits["exact"], hits["near"], hits["semantic"], tc.exactMisses, tc.nearMisses)), "tollgate_cache_hit_total", "tollgate_cache_miss_total"); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestMissesOfTheTiersThatWereAsked counts a miss for each.
func TestMissesOfTheTiersThatWereAsked(t *testing.T) {
	t.Parallel()
	for last, want := range map[cachev1.Tier][2]int{
		cachev1.Tier_TIER_UNSPECIFIED: {0, 0}, cachev1.Tier_TIER_EXACT: {0, 0}, cachev1.Tier_TIER_NEAR: {1, 0}, cachev1.Tier_TIER_SEMANTIC: {1, 1},
	} {
		for _, more := range [][]string{nil, {`"cache":{"no-store":true}`}} {
			r := newRig(t)
			r.cache.similar = &cachev1.LookupResponse{Last: last}
			a := r.complete(chat("Hi", more...))
			if a.header.Get("X-Cache") != "miss" || a.header.Get("X-Tollgate-Cache-Tier") != "" || a.header.Get("Age") != "" {
				t.Errorf("%v", a.header)
			}
			if err := testutil.GatherAndCompare(r.metrics, strings.NewReader(fmt.Sprintf(`
# HELP tollgate_cache_miss_total Requests for which a kind of look-up was tried and found no answer.
# TYPE tollgate_cache_miss_total counter
tollgate_cache_miss_total{kind="exact"} 1
tollgate_cache_miss_total{kind="near"} %d
tollgate_cache_miss_total{kind="semantic"} %d
`, want[0], want[1])), "tollgate_cache_miss_total"); err != nil {
				t.Errorf("%v: %v", last, err)
			}
		}
	}
}

// TestWhatTheCacheIsAsked is about the tiers that may answer, and from which score: those of
// the key and the model, and of the request where it is stricter; its score is told apart, for
// it fixes no threshold. What is kept is told the same tier.
func TestWhatTheCacheIsAsked(t *testing.T) {
	t.Parallel()
	const upToExact, upToNear, upToSemantic = cachev1.Tier_TIER_EXACT, cachev1.Tier_TIER_NEAR, cachev1.Tier_TIER_SEMANTIC
	half, most, zero := 0.5, 0.9, 0.0
	for name, tc := range map[string]struct {
		models    map[string]admission.Caching
		policy    *keystorev1.CachePolicy
		header    map[string]string
		cache     string // members
		last      cachev1.Tier
		threshold *float64 // that operators fixed
		least     *float64 // that the caller takes
		none      bool     // no question
	}{
		"as a rule":                       {},
		"near, by its key":                {policy: &keystorev1.CachePolicy{LastTier: upToNear}, last: upToNear},
		"exact, by its key":               {policy: &keystorev1.CachePolicy{LastTier: upToExact}, last: upToExact, none: true},
		"exact, by its key, and no wish":  {policy: &keystorev1.CachePolicy{LastTier: upToExact}, cache: `"tier":"semantic"`, last: upToExact, none: true},
		"near, by its header":             {header: map[string]string{"X-Cache-Tier": "near"}, last: upToNear},
		"near, by its member":             {cache: `"tier":"near"`, last: upToNear},
		"exact, by its member":            {cache: `"tier":"exact"`, last: upToExact, none: true},
		"the stricter of header and body": {header: map[string]string{"X-Cache-Tier": "semantic"}, cache: `"tier":"near"`, last: upToNear},
		"less than its key allows":        {policy: &keystorev1.CachePolicy{LastTier: upToSemantic}, cache: `"tier":"near"`, last: upToNear},
		"more than its key allows":        {policy: &keystorev1.CachePolicy{LastTier: upToNear}, header: map[string]string{"X-Cache-Tier": "semantic"}, last: upToNear},
		"a tier of the model":             {models: map[string]admission.Caching{"m": {Last: upToNear}}, cache: `"tier":"semantic"`, last: upToNear},
		"a threshold of its key":          {policy: &keystorev1.CachePolicy{Threshold: &half}, threshold: &half},
		"a threshold of the model":        {models: map[string]admission.Caching{"m": {Threshold: &half}}, threshold: &half},
		"the stricter of key and model":   {models: map[string]admission.Caching{"m": {Threshold: &most}}, policy: &keystorev1.CachePolicy{Threshold: &half}, threshold: &most},
		"a threshold of its own":          {header: map[string]string{"X-Cache-Threshold": "0.5"}, least: &half},
		"a threshold of 0":                {cache: `"similarity-threshold":0`, least: &zero},
		"its own beside its key's":        {policy: &keystorev1.CachePolicy{Threshold: &half}, cache: `"similarity-threshold":9e-1`, threshold: &half, least: &most},
		"a laxer one":                     {policy: &keystorev1.CachePolicy{Threshold: &most}, header: map[string]string{"X-Cache-Threshold": "0.5"}, threshold: &most, least: &half},
		"the stricter of both":            {header: map[string]string{"X-Cache-Threshold": "0.5"}, cache: `"similarity-threshold":0.9`, least: &most},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(s *setup) { s.options.ModelCaching = tc.models })
			const key = "sk-policy-0123456789abcdef"
			r.keystore.put(key, &keystorev1.Grant{Key: &keystorev1.Key{Id: "key", TenantId: "acme", Cache: tc.policy}, Tenant: &keystorev1.Tenant{Id: "acme"}})
			a := r.do(http.MethodPost, chatPath, call{key: key, header: tc.header, body: chat("Why \\u0069s it?", `"cache":{`+tc.cache+`}`)})
			if a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			eventually(t, "the entry", func() bool { return r.cache.kept() == 1 })
			asked, told := r.cache.asked, r.cache.told
			same := func(a, b *float64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
			if asked.GetLast() != tc.last || !same(asked.Threshold, tc.threshold) || !same(asked.LeastScore, tc.least) {
				t.Errorf("asked %v", asked)
			}
			switch q := asked.GetQuestion(); {
			case tc.none && q != nil, !tc.none && (q.GetText() != "Why is it?" || len(q.GetContext()) != 32):
				t.Errorf("asked %v", q)
			case !proto.Equal(q, told.GetQuestion()) || told.GetLast() != tc.last:
				t.Errorf("told %v", told)
			}
		})
	}
}

// TestNoQuestion sends what has none: the cache is asked for the same request alone.
func TestNoQuestion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.complete(`{"model":"m","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Ho"}]}`)
	if r.cache.asked == nil || r.cache.asked.GetQuestion() != nil {
		t.Errorf("asked %v", r.cache.asked)
	}
}
