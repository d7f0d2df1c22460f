package relay_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/kafkax/kafkaxtest"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/relay"
	"tollgate.dev/services/budget/store/postgres"
)

// topicOf reads a real topic into a log that can be audited.
func topicOf(t testing.TB, client *kafkax.Client, name string) *topic {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ranges, err := client.Ranges(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	log := newTopic(len(ranges))
	for p, r := range ranges {
		err := client.ReadRange(ctx, name, p, r.First, r.End, func(m kafkax.Message) error {
			log.append(p, []kafkax.Message{m})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func newPostgres(t testing.TB) *postgres.Store {
	t.Helper()
	store, err := postgres.New(t.Context(), postgrestest.New(t))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// Relays of two processes over one PostgreSQL, which are stopped and started while others
// settle calls.
func TestPostgresAndKafka(t *testing.T) {
	client, name := kafkaxtest.New(t, 3)
	store := newPostgres(t)
	options := relay.Options{Publisher: client.Writer(kafkax.Topic{Name: name}, false), Term: time.Second, PollEvery: 20 * time.Millisecond}
	first := relay.New(store.Outbox(), options)
	stop := run(t, first)
	run(t, relay.New(store.Outbox(), options))
	const writers, rounds = 4, 25
	var wg sync.WaitGroup
	var half sync.WaitGroup
	for range writers {
		half.Add(1)
		wg.Go(func() {
			calls := newSettler(store, first.Wake) // a process of its own
			for i := range rounds {
				if i == rounds/2 {
					half.Done()
				}
				calls.settle(t.Context(), t, 5, tenants(9)...)
			}
		})
	}
	half.Wait()
	stop()
	wg.Wait()
	eventually(t, "an empty outbox", func() bool { return waiting(t, store.Outbox()) == 0 })
	if repeats := topicOf(t, client, name).audit(t, writers*rounds*5, tenants(9)...); repeats != 0 {
		t.Errorf("%d events came twice, and nothing had failed", repeats)
	}
}

// Kafka is killed under load, again and again, and comes back: no event is lost, none
// overtakes another of its tenant, and calls were settled all the time.
func TestKafkaIsKilled(t *testing.T) {
	kafka := kafkaxtest.StartOwn(t)
	client := kafkaxtest.Open(t, kafka.Brokers()...)
	name := kafkaxtest.Name()
	store, told := newStore(t), &seen{}
	r := relay.New(store.Outbox(), relay.Options{
		Publisher: client.Writer(kafkax.Topic{Name: name, Partitions: 4}, true), Observer: told,
		BackoffMax: 500 * time.Millisecond, SampleEvery: 50 * time.Millisecond, Timeout: 5 * time.Second,
	})
	run(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var settled atomic.Int64
	var load sync.WaitGroup
	load.Go(func() {
		calls := newSettler(store, r.Wake)
		for ctx.Err() == nil {
			calls.settle(context.WithoutCancel(ctx), t, 2, tenants(11)...)
			settled.Add(2)
			_ = clock.Sleep(ctx, clock.Real(), 5*time.Millisecond)
		}
	})
	for round := range 3 {
		before := told.get().published
		eventually(t, fmt.Sprint("events before kill ", round), func() bool { return told.get().published > before+200 })
		kafka.Kill()
		calls := settled.Load()
		eventually(t, "calls and a backlog while Kafka is dead", func() bool {
			return settled.Load() > calls+20 && told.get().pending > 11
		})
		kafka.Start()
	}
	before := told.get().published
	eventually(t, "events after the last kill", func() bool { return told.get().published > before+200 })
	cancel()
	load.Wait()
	eventually(t, "an empty outbox", func() bool { return waiting(t, store.Outbox()) == 0 })
	repeats := topicOf(t, client, name).audit(t, int(settled.Load()), tenants(11)...)
	t.Logf("%d events, of which %d came twice", settled.Load()*11, repeats)
}

// BenchmarkRelay publishes what waits to a real Kafka.
func BenchmarkRelay(b *testing.B) {
	b.Run("postgres", func(b *testing.B) {
		store := newPostgres(b)
		benchmark(b, store, store.Outbox())
	})
	b.Run("sqlite", func(b *testing.B) {
		store := newStore(b)
		benchmark(b, store, store.Outbox())
	})
}

func benchmark(b *testing.B, store budget.Store, outbox relay.Outbox) {
	b.Helper()
	client, name := kafkaxtest.New(b, 12)
	calls := newSettler(store, nil)
	for left := b.N; left > 0; left -= 1000 {
		calls.settle(b.Context(), b, (min(left, 1000)+19)/20, tenants(20)...)
	}
	r := relay.New(outbox, relay.Options{Publisher: client.Writer(kafkax.Topic{Name: name}, false)})
	b.ResetTimer()
	run(b, r)
	eventually(b, "an empty outbox", func() bool { return waiting(b, outbox) == 0 })
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
