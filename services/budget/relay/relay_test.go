package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate.dev/platform/kafkax"
	"tollgate.dev/services/budget/relay"
)

func parse(t *testing.T, envelope []byte) (tenant string, sequence int64, eventID string) {
	t.Helper()
	var e struct {
		EventID  string `json:"eventId"`
		TenantID string `json:"tenantId"`
		Payload  struct {
			Sequence int64 `json:"sequence"`
		} `json:"payload"`
	}
	if err := json.Unmarshal(envelope, &e); err != nil {
		t.Fatalf("%v in %s", err, envelope)
	}
	return e.TenantID, e.Payload.Sequence, e.EventID
}

func tenants(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint("tenant", i)
	}
	return out
}

// quick makes a relay's waits short.
func quick(o relay.Options) relay.Options {
	o.Term, o.PollEvery, o.SampleEvery = 100*time.Millisecond, 5*time.Millisecond, 5*time.Millisecond
	o.Backoff, o.BackoffMax = time.Millisecond, 20*time.Millisecond
	o.Batch, o.BatchBytes = 50, 3000 // a few events a request
	return o
}

func TestPublishesInOrderAndTrims(t *testing.T) {
	store, log, told := newStore(t), newTopic(3), &seen{}
	r := relay.New(store.Outbox(), relay.Options{Publisher: log, Observer: told, BatchBytes: 4000, Batch: 64})
	calls := newSettler(store, r.Wake)
	run(t, r)
	for range 20 {
		calls.settle(t.Context(), t, 3, tenants(5)...)
	}
	eventually(t, "an empty outbox", func() bool { return waiting(t, store.Outbox()) == 0 })
	if repeats := log.audit(t, 60, tenants(5)...); repeats != 0 {
		t.Errorf("%d events came twice", repeats)
	}
	if got := told.get(); got.published != 300 || got.failed != 0 {
		t.Errorf("told of %d published, %d failed", got.published, got.failed)
	}
}

// Several relays over one outbox, each of which is slow, fails, or is told that it failed
// when it had not, at random; and two that are stopped and started all the time.
func TestOrderHoldsUnderFaults(t *testing.T) {
	const relays, rounds = 4, 60
	store, log := newStore(t), newTopic(3)
	log.setFaults(func(int, []kafkax.Message) fault {
		if rand.N(3) == 0 { //nolint:gosec // chance, not secrets
			return fault(rand.N(5)) //nolint:gosec // as above
		}
		return none
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var restarts sync.WaitGroup
	for i := range relays {
		if i < 2 {
			run(t, relay.New(store.Outbox(), quick(relay.Options{Publisher: log})))
			continue
		}
		restarts.Go(func() {
			for ctx.Err() == nil {
				life, end := context.WithTimeout(ctx, time.Millisecond+rand.N(150*time.Millisecond)) //nolint:gosec // as above
				if err := relay.New(store.Outbox(), quick(relay.Options{Publisher: log})).Run(life); err != nil {
					t.Error(err)
				}
				end()
			}
		})
	}
	calls := newSettler(store, nil)
	for range rounds {
		calls.settle(ctx, t, 2, tenants(7)...)
	}
	log.setFaults(nil)
	eventually(t, "an empty outbox", func() bool { return waiting(t, store.Outbox()) == 0 })
	cancel()
	restarts.Wait()
	t.Logf("%d of %d events came twice or more", log.audit(t, 2*rounds, tenants(7)...), 2*rounds*7)
}

// While Kafka is away calls go on and the outbox grows, for all to see; when it is back
// everything goes out in order.
func TestKafkaAway(t *testing.T) {
	store, log, told := newStore(t), newTopic(2), &seen{}
	log.setFaults(func(int, []kafkax.Message) fault { return refused })
	r := relay.New(store.Outbox(), quick(relay.Options{Publisher: log, Observer: told}))
	calls := newSettler(store, r.Wake)
	run(t, r)
	for range 10 {
		calls.settle(t.Context(), t, 10, tenants(3)...)
	}
	eventually(t, "a backlog that shows", func() bool {
		got := told.get()
		return got.pending == 300 && got.oldest > 0 && got.failed > 0 && got.published == 0
	})
	log.setFaults(nil)
	eventually(t, "a backlog that is gone", func() bool {
		got := told.get()
		return got.pending == 0 && got.oldest == 0 && got.published == 300
	})
	if repeats := log.audit(t, 100, tenants(3)...); repeats != 0 {
		t.Errorf("%d events came twice", repeats)
	}
}

// A partition that fails does not hold up the others, however much of it waits before them.
func TestOnePartitionAway(t *testing.T) {
	store, log := newStore(t), newTopic(2)
	names := tenants(8)
	away := kafkax.PartitionOf([]byte(names[0]), 2)
	var up, down []string
	for _, name := range names {
		if kafkax.PartitionOf([]byte(name), 2) == away {
			down = append(down, name)
		} else {
			up = append(up, name)
		}
	}
	log.setFaults(func(p int, _ []kafkax.Message) fault {
		if p == away {
			return refused
		}
		return none
	})
	calls := newSettler(store, nil)
	calls.settle(t.Context(), t, 100, down...) // many batches
	calls.settle(t.Context(), t, 100, up...)
	run(t, relay.New(store.Outbox(), quick(relay.Options{Publisher: log})))
	eventually(t, "the other partition's events", func() bool { return waiting(t, store.Outbox()) == int64(100*len(down)) })
	log.setFaults(nil)
	eventually(t, "an empty outbox", func() bool { return waiting(t, store.Outbox()) == 0 })
	log.audit(t, 100, names...)
}

// A topic that takes less at once than is usual gets less at once.
func TestSmallRequests(t *testing.T) {
	store, log := newStore(t), newTopic(1)
	var largest atomic.Int64
	log.setFaults(func(_ int, messages []kafkax.Message) fault {
		if len(messages) > 5 {
			return large
		}
		largest.Store(max(largest.Load(), int64(len(messages))))
		return none
	})
	newSettler(store, nil).settle(t.Context(), t, 40, "t")
	run(t, relay.New(store.Outbox(), quick(relay.Options{Publisher: log})))
	eventually(t, "an empty outbox", func() bool { return waiting(t, store.Outbox()) == 0 })
	if repeats := log.audit(t, 40, "t"); repeats != 0 || largest.Load() < 2 {
		t.Errorf("%d repeats, at most %d at once", repeats, largest.Load())
	}
}

// A relay that stops publishes what there is, and the next one begins at once.
func TestHandsOver(t *testing.T) {
	store, log := newStore(t), newTopic(2)
	calls := newSettler(store, nil)
	calls.settle(t.Context(), t, 5, "t")
	stop := run(t, relay.New(store.Outbox(), relay.Options{Publisher: log, Term: time.Hour, PollEvery: time.Hour}))
	eventually(t, "an empty outbox", func() bool { return waiting(t, store.Outbox()) == 0 })
	calls.settle(t.Context(), t, 5, "t") // nobody wakes it
	stop()
	if n := waiting(t, store.Outbox()); n != 0 {
		t.Errorf("%d events wait after the stop", n)
	}
	second := relay.New(store.Outbox(), relay.Options{Publisher: log, Term: time.Hour})
	calls.settle(t.Context(), t, 5, "t")
	run(t, second)
	eventually(t, "an empty outbox", func() bool { return waiting(t, store.Outbox()) == 0 })
	if repeats := log.audit(t, 15, "t"); repeats != 0 {
		t.Errorf("%d events came twice", repeats)
	}
}

// Without Kafka events stay, for as long as they are to.
func TestKeepsWithoutKafka(t *testing.T) {
	store, told := newStore(t), &seen{}
	calls := newSettler(store, nil)
	calls.settle(t.Context(), t, 5, "t")
	stop := run(t, relay.New(store.Outbox(), relay.Options{Observer: told, SampleEvery: time.Millisecond}))
	eventually(t, "a measured backlog", func() bool { return told.get().pending == 5 })
	stop()
	run(t, relay.New(store.Outbox(), relay.Options{Observer: told, SampleEvery: time.Millisecond, Retention: time.Nanosecond}))
	eventually(t, "a trimmed outbox", func() bool { return told.get().pending == 0 })
}
