package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/e2e/load"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/kafkax/kafkaxtest"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/postgres/postgrestest"
)

// told is what the callers of a fleet were told, by request.
type told struct {
	mu    sync.Mutex
	calls map[string]load.Call
}

func (c *told) hear(call load.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[call.RequestID] = call
}

// TestFleetIsKilled kills and stops every process of a deployment in turn, twice, under load.
// That costs no more than the calls in a router or an edge, and no call elsewhere; and then all books agree
// with what the callers were told.
func TestFleetIsKilled(t *testing.T) {
	t.Parallel()
	brokers := kafkaxtest.Brokers(t)
	b := &bank{t: t, brokers: brokers, kafka: kafkaxtest.Open(t, brokers...), topic: kafkaxtest.Name()}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := b.kafka.EnsureTopic(ctx, kafkax.Topic{Name: b.topic, Partitions: 3, Replicas: 1}); err != nil {
		t.Fatal(err)
	}
	kafkaxtest.Remove(t, b.kafka, b.topic)
	opts := fleetOptions(t, postgrestest.URL(t).Reveal(), fmt.Sprintf("kafka: {topic: %s, partitions: 3}\nbudgets: {platform: {max_budget: %d}}\n", b.topic, ample))
	opts.Env = append(opts.Env, "KAFKA_BROKERS="+strings.Join(brokers, ","))
	f := harness.StartFleet(t, opts)
	bills := b.bill()
	team := f.Edge(0).NewTeam(map[string]any{"max_budget": ample})
	key := f.Edge(0).NewKey(map[string]any{"team_id": team, "max_budget": ample})
	const callers = 8
	heard := &told{calls: map[string]load.Call{}}
	l := load.Start(t.Context(), load.Options{
		Edges: f.URLs("edge"), Key: key.Secret, Model: "short", StreamModel: "paced", Callers: callers, Streams: 0.4,
		Pause: 20 * time.Millisecond, Timeout: longPatience, Heard: heard.hear,
	})
	awaitCalls(t, l, 20)
	for i := range 2 {
		for _, service := range []string{"keystore", "budget", "cache", "compressor", "router", "edge"} {
			n := f.Of(service)[i]
			before := l.Report().Failed()
			n.Kill()
			awaitCalls(t, l, 10)
			n.Start()
			n.AwaitReady()
			awaitCalls(t, l, 10)
			most := 0
			if service == "router" || service == "edge" {
				most = callers // that were under way
			}
			if after := l.Report(); after.Failed()-before > most {
				t.Errorf("to kill one of two %s processes costs %d calls:\n%s", service, after.Failed()-before, after)
			}
		}
	}
	report := l.Stop()
	t.Logf("12 kills:\n%s", report)
	f.Stop()

	b.options = harness.Options{Config: opts.Config, Env: opts.Env}
	g := harness.Start(t, b.options)
	books := b.awaitBooks(g)
	b.reconcile(g)
	entries := readLedger(t, g)
	heard.agree(t, entries)
	b.holdBalances(g, books, entries)
	bills.agree(t, entries)
}

// agree holds the ledger to what the callers know. Whoever has a proper answer paid what it
// said; who has an error of the gateway's, or a part of an answer with one, paid what that said;
// and who was cut off may have paid, once.
func (c *told) agree(t *testing.T, l *ledger) {
	t.Helper()
	for request, call := range c.calls {
		entries := l.byRequest[request]
		delete(l.byRequest, request)
		var sum, cost money.Nano
		for _, e := range entries {
			sum += money.Nano(e.GetCostNanos())
		}
		cutOff := call.Fault != "" && call.Cost == ""
		if call.Cost != "" {
			var err error
			if cost, err = money.ParseDollars(call.Cost); err != nil {
				t.Errorf("%s: %v", request, err)
			}
		}
		if refused := strings.HasPrefix(call.Fault, "4") || strings.HasPrefix(call.Fault, "5"); cutOff && !refused {
			cost = sum
		}
		if len(entries) > 1 || sum != cost || call.Fault == "" && (len(entries) != 1 || entries[0].GetError() != "") {
			t.Errorf("%s: the caller knows of %+v, the ledger has %v", request, call, entries)
		}
	}
	for request, entries := range l.byRequest {
		t.Errorf("nobody made the call %q: %v", request, entries)
	}
}
