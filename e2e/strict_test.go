package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/kafkax/kafkaxtest"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/postgres/postgrestest"
)

// TestStrictOverWholePrograms has 200 callers spend a budget that is worth 1,000 calls of
// random cost, at four gateways. Not a nano-dollar is overspent, and nobody hears that the
// budget is spent before 99 % of it are. Who is told that calls under way, or other gateways,
// hold what is left (by a short Retry-After) asks again, as the header says, only sooner.
func TestStrictOverWholePrograms(t *testing.T) {
	t.Parallel()
	const gateways, callers, worth = 4, 200, 1000
	sizes := []int{8, 16, 24, 32, 48, 64, 80, 96} // tokens of the answers
	models := make([]harness.Model, len(sizes))
	for i, n := range sizes {
		models[i] = harness.Model{Name: fmt.Sprint("answers-", n), Upstream: fmt.Sprintf("openai/gpt-4o-mini;tokens=%d", n)}
	}
	b := openBank(t, gateways, postgrestest.URL(t).Reveal(), kafkaxtest.Brokers(t), "", models...)
	kafkaxtest.Remove(t, b.kafka, b.topic)
	bills := b.bill()
	g := b.gateways[0].Load()
	// What a call costs on average, by a key without a limit.
	probe, sum := g.NewTenantKey(nil), money.Nano(0)
	for i, m := range models {
		c := b.call(probe, 0, m.Name, sizes[i])
		if c.fate != paid || c.cost <= 0 {
			t.Fatalf("%s: %+v", m.Name, c)
		}
		sum += c.cost
	}
	limit := worth * sum / money.Nano(len(models))
	key := g.NewTenantKey(map[string]any{"max_budget": json.Number(limit.Dollars())})
	var spent, short atomic.Int64
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for {
				i := rand.IntN(len(models)) //nolint:gosec // chance, no secrets
				again, cost := true, money.Nano(0)
				for again {
					if cost, again = b.spend(key, caller%gateways, models[i].Name, sizes[i], limit); again {
						short.Add(1)
						_ = clock.Sleep(t.Context(), clock.Real(), 100*time.Millisecond)
					}
				}
				if cost == 0 {
					return
				}
				spent.Add(int64(cost))
			}
		})
	}
	all.Wait()
	used := money.Nano(spent.Load())
	t.Logf("$%s of $%s were spent; %d times callers were told to come back soon", used.Dollars(), limit.Dollars(), short.Load())
	if used > limit || used < limit*99/100 {
		t.Errorf("$%s of $%s were spent", used.Dollars(), limit.Dollars())
	}
	b.audit(bills)
}

// spend makes one call of a budget. again tells that it was refused for the moment; no cost,
// that the budget is spent.
func (b *bank) spend(key harness.Key, gateway int, model string, tokens int, limit money.Nano) (cost money.Nano, again bool) {
	b.t.Helper()
	c := b.call(key, gateway, model, tokens)
	switch {
	case c.fate == paid && c.cost > 0:
		return c.cost, false
	case c.fate != refused || c.why != "budget_exceeded":
		b.t.Errorf("a call came to %+v", c)
		return 0, false
	case c.retryAfter <= 10*time.Second:
		return 0, true
	case c.spent < limit*99/100:
		b.t.Errorf("a caller is told that the budget is spent at $%s of $%s", c.spent.Dollars(), limit.Dollars())
	}
	return 0, false
}
