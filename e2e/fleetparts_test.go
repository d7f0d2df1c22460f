package e2e_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/e2e/load"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/kafkax/kafkaxtest"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/platform/servicetest"
)

// parts is a fleet on a PostgreSQL, a Redis and a Kafka of its own, under load.
type parts struct {
	*bank
	fleet *harness.Fleet
	load  *load.Load
	heard *told
	key   harness.Key
}

// TestPartsOfAFleetAreAway takes a deployment's Redis, its Kafka and its PostgreSQL away, under
// load. No call fails, the health says what is away, and all is as before once it is back. In the
// end all books agree with what the callers were told.
func TestPartsOfAFleetAreAway(t *testing.T) {
	t.Parallel()
	database, redis, kafka := postgrestest.StartOwn(t), servicetest.Start(t, "redis", redisxtest.Variable), kafkaxtest.StartOwn(t)
	brokers := kafka.Brokers()
	b := &bank{t: t, brokers: brokers, kafka: kafkaxtest.Open(t, brokers...), topic: kafkaxtest.Name()}
	if _, err := b.kafka.EnsureTopic(within(t), kafkax.Topic{Name: b.topic, Partitions: 3, Replicas: 1}); err != nil {
		t.Fatal(err)
	}
	namespace := "fleet-" + strings.ToLower(rand.Text())
	b.options = harness.Options{
		Config: harness.SimulatedConfig(fmt.Sprintf("server: {drain_delay: 100ms}\nrouter_settings: {num_retries: 0}\n"+
			"litellm_settings: {cache: true, cache_params: {type: redis, namespace: %[1]s}}\nrate_limits: {namespace: %[1]s}\n"+
			"kafka: {topic: %[2]s, partitions: 3}\nbudgets: {platform: {max_budget: %[3]d}}\n", namespace, b.topic, ample), fleetModels...),
		Env: []string{"DATABASE_URL=" + database.URL().Reveal(), "REDIS_URL=" + redis.Address(), "KAFKA_BROKERS=" + strings.Join(brokers, ",")},
	}
	p := &parts{bank: b, heard: &told{calls: map[string]load.Call{}}}
	p.fleet = harness.StartFleet(t, harness.FleetOptions{Config: b.options.Config, Env: b.options.Env})
	bills := b.bill()
	team := p.fleet.Edge(0).NewTeam(map[string]any{"max_budget": ample})
	p.key = p.fleet.Edge(0).NewKey(map[string]any{"team_id": team, "max_budget": ample, "rpm_limit": 1_000_000})
	p.load = load.Start(t.Context(), load.Options{
		Edges: p.fleet.URLs("edge"), Key: p.key.Secret, Model: "short", StreamModel: "paced", Callers: 6, Streams: 0.3,
		Pause: 50 * time.Millisecond, Timeout: longPatience, Heard: p.heard.hear,
	})
	awaitCalls(t, p.load, 20)

	p.withoutRedisAndKafka("Redis and Kafka hang", func() { redis.Pause(); kafka.Pause() }, func() { redis.Resume(); kafka.Resume() })
	p.withoutRedisAndKafka("Redis and Kafka are killed", func() { redis.Kill(); kafka.Kill() }, func() { redis.Start(); kafka.Start() })
	p.databaseHangs(database)

	report := p.load.Stop()
	t.Logf("all losses:\n%s", report)
	if report.Failed() > 0 {
		t.Error("the loss of a part costs calls")
	}
	p.fleet.Stop()
	g := harness.Start(t, b.options)
	books := b.awaitBooks(g)
	b.reconcile(g)
	entries := readLedger(t, g)
	p.heard.agree(t, entries)
	b.holdBalances(g, books, entries)
	bills.agree(t, entries)
}

// ask makes a call at an edge, of which the books must know as well.
func (p *parts) ask(edge int, secret, prompt string, header http.Header) (harness.Answer, error) {
	p.t.Helper()
	g, request := p.fleet.Edge(edge), "ask-"+rand.Text()
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("X-Request-Id", request)
	answer, err := g.Try(http.MethodPost, completions, harness.Call{
		Key: secret, Body: harness.Chat("short", prompt), Header: header, Context: within(p.t),
	})
	call := load.Call{RequestID: request, Cost: answer.Header.Get("X-Tollgate-Cost")}
	switch {
	case err != nil:
		call.Fault = err.Error()
	case answer.Status != http.StatusOK:
		call.Fault = strconv.Itoa(answer.Status)
	}
	p.heard.hear(call)
	return answer, err
}

// mustSay waits until both edges' health name what is away, and nothing else. Meanwhile the load
// goes on.
func (p *parts) mustSay(what string, away ...string) {
	p.t.Helper()
	harness.Within(p.t, longPatience, what, func() error { return saysAway(p.t, p.fleet, away...) })
	awaitCalls(p.t, p.load, 20)
}

// holds fails the test once a call of the load has failed.
func (p *parts) holds(loss string) {
	p.t.Helper()
	if report := p.load.Report(); report.Failed() > 0 {
		p.t.Fatalf("%s, and that costs calls:\n%s", loss, report)
	}
}

// withoutRedisAndKafka has answers missed that were found before, limits counted by each edge
// alone, and events wait in the outbox.
func (p *parts) withoutRedisAndKafka(loss string, lose, back func()) {
	p.t.Helper()
	prompt := "what is asked again, " + rand.Text()
	limited := p.fleet.Edge(0).NewTenantKey(map[string]any{"max_budget": ample, "rpm_limit": 3})
	harness.Within(p.t, longPatience, "an answer comes from the cache", func() error { return p.answered(1, prompt, "hit") })
	lose()
	awaitCalls(p.t, p.load, 20)
	p.mustSay(loss, "redis", "rate_limits", "omitted", "kafka")
	for i, n := range p.fleet.Of("edge") {
		if err := p.answered(i, prompt, "miss"); err != nil {
			p.t.Errorf("%s: %v", loss, err)
		}
		harness.Within(p.t, longPatience, "the edge says that it counts alone", func() error { return n.Shows("tollgate_rate_limits_shared", 0, 0) })
		harness.Within(p.t, longPatience, "an edge counts alone", func() error {
			answer, err := p.ask(i, limited.Secret, "a question of "+rand.Text(), nil)
			if err != nil {
				return err
			}
			return answer.Is(http.StatusTooManyRequests)
		})
	}
	const lag = 3 // seconds, more than events wait as long as Kafka takes them
	for _, n := range p.fleet.Of("budget") {
		harness.Within(p.t, longPatience, "the outbox grows", func() error {
			return errors.Join(n.Shows("tollgate_outbox_lag_seconds", lag, 1e6), n.Shows("tollgate_outbox_pending_events", 1, 1e9))
		})
		if status := n.Readiness(); status != http.StatusOK {
			p.t.Errorf("%s: the budget service's readiness is %d", loss, status)
		}
	}
	back()
	p.mustSay("all is well again")
	for i, n := range p.fleet.Of("edge") {
		harness.Within(p.t, longPatience, "limits are shared again", func() error { return n.Shows("tollgate_rate_limits_shared", 1, 1) })
		harness.Within(p.t, longPatience, "an answer comes from the cache again", func() error { return p.answered(i, prompt, "hit") })
	}
	for _, n := range p.fleet.Of("budget") {
		harness.Within(p.t, longPatience, "the outbox drains", func() error { return n.Shows("tollgate_outbox_lag_seconds", 0, lag) })
	}
	p.holds(loss)
}

// answered is nil if an edge answers, and says so of its cache.
func (p *parts) answered(edge int, prompt, cache string) error {
	p.t.Helper()
	answer, err := p.ask(edge, p.key.Secret, prompt, nil)
	if err != nil {
		return err
	}
	if got := answer.Header.Get("X-Cache"); answer.Status == http.StatusOK && got != cache {
		return fmt.Errorf("X-Cache is %q, not %q", got, cache)
	}
	return answer.Is(http.StatusOK)
}

// databaseHangs has calls go on with keys that are known and budgets that are leased. What needs
// the database at once is refused.
func (p *parts) databaseHangs(database postgrestest.Own) {
	p.t.Helper()
	// No edge has heard of this key.
	unknown := p.fleet.Edge(0).NewTenantKey(nil)
	database.Pause()
	awaitCalls(p.t, p.load, 20)
	var asks sync.WaitGroup
	for i := range p.fleet.Of("edge") {
		for what, ask := range map[string]func() (harness.Answer, error){
			"an unknown key": func() (harness.Answer, error) { return p.ask(i, unknown.Secret, "a question", nil) },
			"an Idempotency-Key": func() (harness.Answer, error) {
				return p.ask(i, p.key.Secret, "a question", http.Header{"Idempotency-Key": {"once"}})
			},
		} {
			asks.Go(func() {
				answer, err := ask()
				if err == nil {
					err = answer.Is(http.StatusServiceUnavailable)
				}
				if err != nil || !strings.Contains(string(answer.Body), `"service_unavailable"`) {
					p.t.Errorf("%s: %v %s", what, err, answer.Body)
				}
			})
		}
	}
	asks.Wait()
	p.mustSay("PostgreSQL hangs", "database", "keystore", "budget")
	for _, n := range append(p.fleet.Of("keystore"), p.fleet.Of("budget")...) {
		harness.Within(p.t, longPatience, "the service is not ready", func() error {
			if status := n.Readiness(); status != http.StatusServiceUnavailable {
				return fmt.Errorf("%w: readiness of %s is %d", errHealth, n.Service, status)
			}
			return nil
		})
	}
	database.Resume()
	p.mustSay("all is well again")
	for _, n := range p.fleet.Nodes {
		n.AwaitReady()
	}
	harness.Within(p.t, longPatience, "the key is known", func() error {
		answer, err := p.ask(1, unknown.Secret, "a question", http.Header{"Idempotency-Key": {rand.Text()}})
		if err != nil {
			return err
		}
		return answer.Is(http.StatusOK)
	})
	p.holds("PostgreSQL hangs")
}
