package e2e_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	randv2 "math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/kafkax/kafkaxtest"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/redisx/redisxtest"
)

// bank is some gateways that share everything, and callers who remember what they were told.
type bank struct {
	t        *testing.T
	options  harness.Options
	gateways []atomic.Pointer[harness.Gateway]
	keys     []harness.Key
	brokers  []string
	kafka    *kafkax.Client
	topic    string

	calls    atomic.Int64 // that have begun
	answered atomic.Int64

	mu     sync.Mutex
	claims map[string]claim // by request id

	closing atomic.Bool
	callers sync.WaitGroup
}

// claim is what a caller knows of a call.
type claim struct {
	fate fate
	// cost is what the answer said.
	cost money.Nano
	// why is the code of a refusal, or what became of a connection.
	why string
	// retryAfter and spent are what a refusal for want of money says.
	retryAfter time.Duration
	spent      money.Nano
}

type fate uint8

const (
	paid    fate = iota // a whole answer, with its cost
	refused             // an error of the gateway's
	lost                // no answer, or a part of one
)

// longPatience is for what waits for programs that start, on a busy machine.
const longPatience = 4 * harness.Patience

// ample is a budget that no test spends, in dollars.
const ample = 100

// bankModels answer at different lengths and speeds, so that calls cost different amounts and
// some are always under way.
var bankModels = []harness.Model{
	{Name: "short", Upstream: "openai/gpt-4o-mini;tokens=10;delay=10ms"},
	{Name: "middle", Upstream: "openai/gpt-4o-mini;tokens=60;first-byte=20ms;chunks=6;chunk-delay=5ms"},
	{Name: "long", Upstream: "openai/gpt-4o;tokens=200;first-byte=40ms;chunks=10;chunk-delay=5ms"},
}

// openBank starts gateways over a PostgreSQL database and a Kafka, with more sections of
// configuration. They share a data folder as well, so that each delivers the log of another
// one that was killed.
func openBank(t *testing.T, gateways int, database string, brokers []string, more string, models ...harness.Model) *bank {
	t.Helper()
	redisxtest.New(t) // it fails when there is none
	b := &bank{
		t: t, gateways: make([]atomic.Pointer[harness.Gateway], gateways), brokers: brokers,
		kafka: kafkaxtest.Open(t, brokers...), topic: kafkaxtest.Name(), claims: map[string]claim{},
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := b.kafka.EnsureTopic(ctx, kafkax.Topic{Name: b.topic, Partitions: 3, Replicas: 1}); err != nil {
		t.Fatal(err)
	}
	sections := fmt.Sprintf("kafka: {topic: %s, partitions: 3}\nbudgets: {platform: {max_budget: %d}}\n"+
		"rate_limits: {wait: 20s, namespace: e2e-%s}\nrouter_settings: {num_retries: 0}\n%s", b.topic, ample, strings.ToLower(rand.Text()), more)
	b.options = harness.Options{
		Config: harness.SimulatedConfig(sections, models...), DataDir: t.TempDir(),
		Env: []string{
			"DATABASE_URL=" + database, "REDIS_URL=" + os.Getenv(redisxtest.Variable), "KAFKA_BROKERS=" + strings.Join(brokers, ","),
		},
	}
	for i, g := range harness.Replicas(t, gateways, b.options) {
		b.gateways[i].Store(g)
	}
	return b
}

// start starts a gateway that was killed.
func (b *bank) start(i int) {
	b.t.Helper()
	b.gateways[i].Store(harness.Start(b.t, b.options))
}

// customers makes keys of two teams, with budgets of every scope. Two keys are soon spent.
func (b *bank) customers() {
	b.t.Helper()
	g := b.gateways[0].Load()
	for range 2 {
		team := g.NewTeam(map[string]any{"max_budget": ample})
		for i, limits := range []map[string]any{
			{"max_budget": ample, "user_id": "u1"}, {"user_id": "u1"}, {"max_budget": 0.005},
			{"budget_limits": []any{map[string]any{"budget_duration": "1d", "max_budget": ample}, map[string]any{"budget_duration": "1mo", "max_budget": ample}}},
		} {
			limits["team_id"] = team
			key := g.NewKey(limits)
			b.keys = append(b.keys, key)
			if i > 0 {
				continue
			}
			_, err := g.Budget().PutBudget(b.t.Context(), &budgetv1.PutBudgetRequest{Budget: &budgetv1.Budget{
				Scope: &budgetv1.Scope{Kind: budgetv1.ScopeKind_SCOPE_KIND_USER, Id: team + "/u1"}, LimitNanos: int64(ample * money.Dollar),
			}})
			if err != nil {
				b.t.Fatal(err)
			}
		}
	}
	for i := range b.gateways {
		for _, key := range b.keys {
			b.gateways[i].Load().Secret(key.Secret)
		}
	}
}

// open lets callers in, until closed.
func (b *bank) open(callers int) {
	b.t.Helper()
	b.t.Cleanup(b.close)
	for range callers {
		b.callers.Go(func() {
			for !b.closing.Load() {
				model := bankModels[randv2.IntN(len(bankModels))].Name                           //nolint:gosec // chance, no secrets
				b.call(b.keys[randv2.IntN(len(b.keys))], randv2.IntN(len(b.gateways)), model, 0) //nolint:gosec // as above
				// The machine has more to do than to call.
				_ = clock.Sleep(b.t.Context(), clock.Real(), time.Duration(50+randv2.IntN(50))*time.Millisecond) //nolint:gosec // as above
			}
		})
	}
}

// close waits for the end of all calls.
func (b *bank) close() {
	b.closing.Store(true)
	b.callers.Wait()
}

// call makes one call and remembers what came of it. Half of the calls are streams, and some
// ask what others ask, too.
func (b *bank) call(key harness.Key, gateway int, model string, maxTokens int) claim {
	n := b.calls.Add(1)
	prompt := fmt.Sprint("question ", n)
	if n%8 == 0 {
		prompt = fmt.Sprint("what many ask ", n%5)
	}
	body := harness.Chat(model, prompt)
	if n%2 == 0 {
		body = harness.ChatStream(model, prompt)
	}
	if maxTokens > 0 {
		body["max_tokens"] = maxTokens
	}
	request := fmt.Sprintf("%s-%d", b.topic, n)
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*harness.Patience)
	defer cancel()
	answer, err := b.gateways[gateway].Load().Try(http.MethodPost, completions, harness.Call{
		Key: key.Secret, Body: body, Header: http.Header{"X-Request-Id": {request}}, Context: ctx,
	})
	c := b.claimOf(answer, err)
	b.mu.Lock()
	b.claims[request] = c
	b.mu.Unlock()
	if c.fate == paid {
		b.answered.Add(1)
	}
	return c
}

func (b *bank) claimOf(answer harness.Answer, err error) claim {
	if err != nil {
		return claim{fate: lost, why: err.Error()}
	}
	if answer.Status != http.StatusOK {
		var e struct {
			Error harness.Error `json:"error"`
		}
		if err := json.Unmarshal(answer.Body, &e); err != nil || e.Error.Code == "" {
			b.t.Errorf("an answer of %d without an error, %v: %s", answer.Status, err, answer.Body)
		}
		c := claim{fate: refused, why: e.Error.Code}
		if c.why == "budget_exceeded" {
			c.retryAfter = answer.RetryAfter(b.t)
			if c.spent, err = money.ParseDollars(e.Error.Details["spent"]); err != nil {
				b.t.Errorf("a refusal without what is spent, %v: %s", err, answer.Body)
			}
		}
		return c
	}
	n, err := cost(answer)
	if err != nil {
		b.t.Errorf("an answer without a cost, %v: %s", err, answer.Body)
		return claim{fate: lost, why: "no cost"}
	}
	return claim{fate: paid, cost: n}
}

var errNotYet = errors.New("not yet")

// await waits until so many more calls have been answered.
func (b *bank) await(what string, answers int64) {
	b.t.Helper()
	before := b.answered.Load()
	harness.Within(b.t, longPatience, what, func() error {
		if n := b.answered.Load() - before; n < answers {
			return fmt.Errorf("%w: %d of %d answers", errNotYet, n, answers)
		}
		return nil
	})
}

// awaitCalls waits until so many more calls have come to an end, whichever.
func (b *bank) awaitCalls(what string, calls int) {
	b.t.Helper()
	ended := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.claims)
	}
	before := ended()
	harness.Within(b.t, longPatience, what, func() error {
		if n := ended() - before; n < calls {
			return fmt.Errorf("%w: %d of %d calls", errNotYet, n, calls)
		}
		return nil
	})
}
