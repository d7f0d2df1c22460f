package e2e_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/kafkax/kafkaxtest"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/quota"
	"tollgate.dev/platform/redisx/redisxtest"
)

// TestAWrongAnswerIsForgottenEverywhere calls a cached answer wrong at one of two gateways that
// share a Redis, and purges another by its id: the entry is gone at both, and nobody else's.
func TestAWrongAnswerIsForgottenEverywhere(t *testing.T) {
	t.Parallel()
	redisxtest.New(t) // it fails when there is none
	gateways := harness.Replicas(t, 2, harness.Options{
		Config: harness.SimulatedConfig("litellm_settings: {cache: true}\n", harness.Model{Name: "m", Upstream: "openai/gpt-4o-mini"}),
		Env:    []string{"DATABASE_URL=" + postgrestest.URL(t).Reveal(), "REDIS_URL=" + os.Getenv(redisxtest.Variable)},
	})
	key, other := gateways[0].NewTenantKey(nil), gateways[0].NewTenantKey(nil)
	gateways[1].Secret(key.Secret, other.Secret)
	for name, forget := range map[string]struct {
		path string
		body func(entry string) map[string]any
		told string // the member that counts
	}{
		"by feedback": {"/v1/cache/feedback", func(entry string) map[string]any {
			return map[string]any{"model": "m", "entryId": entry, "wrong": true, "score": 1, "tier": "exact"}
		}, "forgotten"},
		"by its id": {"/v1/cache/invalidate", func(entry string) map[string]any {
			return map[string]any{"namespace": key.Team, "entryId": entry}
		}, "entries"},
	} {
		prompt, kept := gateways[0].Prompt(t), gateways[0].Prompt(t)
		gateways[1].Secret(prompt, kept)
		for _, p := range []string{prompt, kept} {
			keepAnswer(t, gateways[0], key.Secret, p)
		}
		entry := ""
		for i, g := range gateways {
			awaitCached(t, g, key.Secret, kept)
			a := awaitCached(t, g, key.Secret, prompt)
			hit := g.Usage(t, a.Header.Get("X-Request-Id")).GetCacheHit()
			if entry = hit.GetEntryId(); hit.GetTier() != "exact" || hit.GetScore() != 1 || len(entry) != 43 {
				t.Fatalf("%s: gateway %d found %v", name, i, hit)
			}
		}
		if name == "by feedback" { // of another tenant, who has no such entry and may not speak for it
			body := forget.body(entry)
			if a := tell(t, gateways[1], forget.path, other.Secret, body).MustBe(t, http.StatusOK); count(t, a, forget.told) != 0 {
				t.Errorf("another tenant forgot it: %s", a.Body)
			}
			tell(t, gateways[1], forget.path, other.Secret, harness.With(body, "tenant_id", key.Team)).MustBe(t, http.StatusForbidden, "tenant_mismatch")
			if a := tell(t, gateways[1], forget.path, key.Secret, harness.With(body, "wrong", false)).MustBe(t, http.StatusOK); count(t, a, forget.told) != 0 {
				t.Errorf("it was right, and is forgotten: %s", a.Body)
			}
		} else {
			tell(t, gateways[1], forget.path, other.Secret, forget.body(entry)).MustBe(t, http.StatusForbidden, "tenant_mismatch")
		}
		awaitCached(t, gateways[0], key.Secret, prompt)
		if a := tell(t, gateways[1], forget.path, key.Secret, forget.body(entry)).MustBe(t, http.StatusOK); count(t, a, forget.told) != 1 {
			t.Errorf("%s: %s", name, a.Body)
		}
		for i, g := range gateways {
			if got := lookFor(g, key.Secret, prompt).MustBe(t, http.StatusOK).Header.Get("X-Cache"); got != "miss" {
				t.Errorf("%s: then gateway %d has a %s", name, i, got)
			}
			awaitCached(t, g, key.Secret, kept) // of another prompt
		}
	}
}

// lookFor asks for what is in the cache, and puts nothing there.
func lookFor(g *harness.Gateway, secret, prompt string) harness.Answer {
	return g.Call(http.MethodPost, "/v1/chat/completions", harness.Call{
		Key: secret, Header: http.Header{"Cache-Control": {"no-store"}}, Body: harness.Chat("m", prompt),
	})
}

// keepAnswer asks until the answer comes from the cache: one is not kept where Redis was slow.
func keepAnswer(t *testing.T, g *harness.Gateway, secret, prompt string) {
	t.Helper()
	harness.Eventually(t, "the answer is kept", func() error {
		if got := g.Complete(secret, harness.Chat("m", prompt)).MustBe(t, http.StatusOK).Header.Get("X-Cache"); got != "hit" {
			return fmt.Errorf("X-Cache is %q", got)
		}
		return nil
	})
}

// awaitCached waits until a gateway has an answer in the cache.
func awaitCached(t *testing.T, g *harness.Gateway, secret, prompt string) (a harness.Answer) {
	t.Helper()
	harness.Eventually(t, "the answer is in the cache", func() error {
		a = lookFor(g, secret, prompt).MustBe(t, http.StatusOK)
		if got := a.Header.Get("X-Cache"); got != "hit" && got != "semantic" {
			return fmt.Errorf("X-Cache is %q", got)
		}
		return nil
	})
	return a
}

func tell(t *testing.T, g *harness.Gateway, path, secret string, body map[string]any) harness.Answer {
	t.Helper()
	return g.For(t).Call(http.MethodPost, path, harness.Call{Key: secret, Body: body})
}

// count reads a number of an answer.
func count(t *testing.T, a harness.Answer, member string) float64 {
	t.Helper()
	var told map[string]any
	a.JSON(t, &told)
	n, ok := told[member].(float64)
	if !ok {
		t.Fatalf("%s has no %s", a.Body, member)
	}
	return n
}

// TestANearHitIsTold asks the same in nearly the same words: the ledger, LiteLLM's rows and the
// topic tell by which tier the answer was found, that it cost nothing and what it saved.
func TestANearHitIsTold(t *testing.T) {
	t.Parallel()
	client, topic := kafkaxtest.Open(t, kafkaxtest.Brokers(t)...), kafkaxtest.Name()
	kafkaxtest.Remove(t, client, topic)
	g := harness.Start(t, harness.Options{
		Config: harness.SimulatedConfig("litellm_settings: {cache: true}\nkafka: {topic: "+topic+", partitions: 2}\n", harness.Model{Name: "m", Upstream: "openai/gpt-4o-mini"}),
		Env:    []string{"KAFKA_BROKERS=" + strings.Join(kafkaxtest.Brokers(t), ",")},
	})
	key := g.NewTenantKey(nil)
	word := "zanthrop" + strings.ToLower(rand.Text()[:6])
	asked, near := "What does the word "+word+" mean?", "please, what does the word "+word+" mean"
	g.Secret(asked, near)
	first := g.Complete(key.Secret, harness.Chat("m", asked)).MustBe(t, http.StatusOK)
	paid, err := cost(first)
	if err != nil || paid == 0 {
		t.Fatalf("the first answer cost %d, %v", paid, err)
	}
	second := awaitCached(t, g, key.Secret, near)
	if got := second.Header.Get("X-Cache"); got != "semantic" || text(t, second) != text(t, first) {
		t.Errorf("X-Cache is %q: %s", got, second.Body)
	}
	record := g.Usage(t, second.Header.Get("X-Request-Id"))
	hit := record.GetCacheHit()
	if record.GetCache() != "semantic" || hit.GetTier() != "near" || hit.GetScore() <= 0 || hit.GetScore() > 1 || len(hit.GetEntryId()) != 43 ||
		record.GetCostNanos() != 0 || record.GetSavedCacheNanos() != int64(paid) {
		t.Errorf("the ledger has %v", record)
	}
	for name, want := range map[string]string{"X-Tollgate-Cache-Tier": hit.GetTier(), "X-Tollgate-Cache-Entry": hit.GetEntryId()} {
		if got := second.Header.Get(name); got != want {
			t.Errorf("%s is %q, the ledger has %q", name, got, want)
		}
	}
	var rows []struct {
		CacheHit string `json:"cache_hit"`
		CacheKey string `json:"cache_key"`
		Spend    float64
		Metadata struct {
			Hit struct {
				Tier    string  `json:"tier"`
				EntryID string  `json:"entry_id"`
				Score   float64 `json:"score"`
			} `json:"cache_hit"`
		}
	}
	g.Call(http.MethodGet, "/spend/logs?request_id="+record.GetRequestId(), harness.Call{Key: key.Secret}).MustBe(t, http.StatusOK).JSON(t, &rows)
	if len(rows) != 1 || rows[0].CacheHit != "True" || rows[0].CacheKey != hit.GetEntryId() || rows[0].Spend != 0 ||
		rows[0].Metadata.Hit.Tier != "near" || rows[0].Metadata.Hit.EntryID != hit.GetEntryId() || rows[0].Metadata.Hit.Score != hit.GetScore() {
		t.Errorf("the rows are %+v", rows)
	}
	event := eventOf(t, client, topic, record)
	found := event.Payload.CacheHit
	if event.Payload.Cache != "semantic" || found == nil || found.Tier != "near" || found.Score != hit.GetScore() || found.EntryID != hit.GetEntryId() ||
		found.AgeMs != hit.GetAgeMillis() || event.Payload.Cost != 0 || event.Payload.Saved.Cache != paid {
		t.Errorf("the event is %+v with %+v", event.Payload, found)
	}
}

// eventOf waits for a record's event in a topic of two partitions.
func eventOf(t *testing.T, client *kafkax.Client, topic string, record *eventv1.UsageRecord) (event *quota.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	harness.Eventually(t, "the topic is made", func() error {
		_, err := client.Partitions(ctx, topic)
		return err
	})
	err := client.ReadRange(ctx, topic, kafkax.PartitionOf([]byte(record.GetTenantId()), 2), 0, -1, func(m kafkax.Message) error {
		e, err := quota.Decode(m.Value)
		if err != nil {
			return err
		}
		if e.EventID != record.GetEventId() {
			return nil
		}
		event = e
		return errFound
	})
	if !errors.Is(err, errFound) {
		t.Fatal(err)
	}
	return event
}

// TestAnswersAreComparedOnTheSide asks the same in other words, where nothing is known yet of how
// often such answers are right: the provider answers, and its answer is compared with the kept one,
// unless nothing is to be stored. Who says from which score an answer will do is served by it.
func TestAnswersAreComparedOnTheSide(t *testing.T) {
	t.Parallel()
	const kept, asked = "What causes volcanoes to erupt?", "Why do volcanoes erupt?"
	for form, body := range map[string]func(string, string) map[string]any{"whole": harness.Chat, "streamed": harness.ChatStream} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			g := harness.Start(t, harness.Options{
				Config: harness.SimulatedConfig("litellm_settings: {cache: true}\ncache: {tier: semantic}\n", harness.Model{Name: "m", Upstream: "openai/gpt-4o-mini"}),
			})
			key := g.NewTenantKey(nil)
			first := answered(t, g, key.Secret, body("m", kept))
			missed := func(a harness.Answer) {
				t.Helper()
				if a.MustBe(t, http.StatusOK); a.Header.Get("X-Cache") != "miss" {
					t.Fatalf("X-Cache is %q, the tier %q", a.Header.Get("X-Cache"), a.Header.Get("X-Tollgate-Cache-Tier"))
				}
			}
			missed(passing(t, g, key.Secret, body("m", asked))) // which is compared with nothing
			// Nothing is compared until it is known what was learned before, which the first such
			// question asks for.
			harness.Eventually(t, "an answer is held back to be compared", func() error {
				missed(g.Complete(key.Secret, body("m", asked)))
				if !strings.Contains(g.Metrics(t, "cache"), "\ntollgate_cache_candidates_total{outcome=\"compared\",tier=\"semantic\"} 0\n") {
					return nil
				}
				g.Call(http.MethodPost, "/v1/cache/invalidate", harness.Call{Body: map[string]any{"namespace": key.Team}}).MustBe(t, http.StatusOK)
				first = answered(t, g, key.Secret, body("m", kept))
				return errors.New("it was passed on")
			})
			harness.Eventually(t, "one answer is compared", func() error {
				if n := comparisons(g.Metrics(t, "cache")); n != 1 {
					return fmt.Errorf("%v comparisons", n)
				}
				return nil
			})
			other := g.NewTenantKey(map[string]any{"cache": map[string]any{"similarity_threshold": 0.5}})
			answered(t, g, other.Secret, body("m", kept))
			atLeast := func(score string) harness.Answer {
				return g.Call(http.MethodPost, "/v1/chat/completions", harness.Call{
					Key: other.Secret, Header: http.Header{"X-Cache-Threshold": {score}, "Cache-Control": {"no-store"}}, Body: body("m", asked),
				}).MustBe(t, http.StatusOK)
			}
			if got := atLeast("0.9999").Header.Get("X-Cache"); got != "miss" {
				t.Errorf("X-Cache is %q, and the caller wants more than there is", got)
			}
			enough := atLeast("0.1")
			if got := enough.Header.Get("X-Cache"); got != "semantic" || text(t, enough) != text(t, first) {
				t.Errorf("X-Cache is %q: %s", got, enough.Body)
			}
			record := g.Usage(t, enough.Header.Get("X-Request-Id"))
			if hit := record.GetCacheHit(); hit.GetTier() != "semantic" || hit.GetScore() < 0.5 || hit.GetScore() >= 1 || record.GetCostNanos() != 0 || record.GetSavedCacheNanos() <= 0 {
				t.Errorf("the ledger has %v", record)
			}
			if n := comparisons(g.Metrics(t, "cache")); n != 1 {
				t.Errorf("%v comparisons", n)
			}
		})
	}
}

// comparisons adds up a page's comparisons, whatever came of them.
func comparisons(page string) (sum float64) {
	for line := range strings.Lines(page) {
		if value, ok := strings.CutPrefix(line, "tollgate_cache_comparisons_total{"); ok {
			n, _ := strconv.ParseFloat(strings.TrimSpace(value[strings.LastIndexByte(value, ' '):]), 64)
			sum += n
		}
	}
	return sum
}
