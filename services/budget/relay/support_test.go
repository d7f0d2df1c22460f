package relay_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/kafkax"
	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/relay"
	"tollgate.dev/services/budget/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come; a busy machine is no failure.
const patience = time.Minute

func newStore(t testing.TB) *sqlite.Store {
	t.Helper()
	store, _ := newStoreOver(t)
	return store
}

// newStoreOver returns a store and its database.
func newStoreOver(t testing.TB) (*sqlite.Store, *platform.DB) {
	t.Helper()
	db, err := platform.Open(t.Context(), filepath.Join(t.TempDir(), "budget.db"), platform.Options{Synchronous: platform.Normal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	store, err := sqlite.New(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return store, db
}

// settler settles calls.
type settler struct {
	svc *budget.Service
	ids *id.Generator
}

func newSettler(store budget.Store, appended func()) *settler {
	return &settler{svc: budget.New(store, budget.Options{Appended: appended}), ids: id.NewGenerator(clock.Real())}
}

// settle records n calls of each tenant in one transaction.
func (s *settler) settle(ctx context.Context, t testing.TB, n int, tenants ...string) {
	t.Helper()
	var records []*eventv1.UsageRecord
	for range n {
		for _, tenant := range tenants {
			records = append(records, &eventv1.UsageRecord{
				EventId: s.ids.NewString(), TenantId: tenant, KeyId: "k", RequestId: "r", Model: "m", Provider: "p", CostNanos: 1,
			})
		}
	}
	if _, err := s.svc.Record(ctx, records); err != nil {
		t.Error(err)
	}
}

// run starts a relay; the function that it returns stops it and waits.
func run(t testing.TB, r *relay.Relay) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !ok() {
		if err := clock.Sleep(ctx, clock.Real(), 2*time.Millisecond); err != nil {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

func waiting(t testing.TB, o relay.Outbox) int64 {
	t.Helper()
	b, err := o.Backlog(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	return b.Rows
}

// seen are counts that an observer was told.
type seen struct {
	mu                 sync.Mutex
	published, failed  int
	aside              int
	pending, maxPended int
	oldest, maxOldest  time.Duration
}

func (s *seen) Outbox(pending int, oldest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending, s.oldest = pending, oldest
	s.maxPended, s.maxOldest = max(s.maxPended, pending), max(s.maxOldest, oldest)
}

func (s *seen) Published(n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok {
		s.published += n
	} else {
		s.failed += n
	}
}

func (s *seen) SetAside() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aside++
}

func (s *seen) get() seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return seen{published: s.published, failed: s.failed, aside: s.aside, pending: s.pending, oldest: s.oldest, maxPended: s.maxPended, maxOldest: s.maxOldest}
}

// topic is a log that fails in the ways that a broker does.
type topic struct {
	mu         sync.Mutex
	partitions [][]kafkax.Message
	faults     func(partition int, messages []kafkax.Message) fault
	late       sync.WaitGroup
}

type fault int

const (
	none    fault = iota
	refused       // not in the log, and the relay is told
	lost          // in the log, and the answer is lost
	delayed       // an error now, in the log some time later
	slow          // in the log after a while, as if the relay was paused
	large         // refused for its size
)

var errBroker = errors.New("the broker is away")

func newTopic(partitions int) *topic {
	return &topic{partitions: make([][]kafkax.Message, partitions)}
}

func (l *topic) setFaults(f func(int, []kafkax.Message) fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = f
}

func (l *topic) Partitions(context.Context) (int, error) { return len(l.partitions), nil }

func (l *topic) append(partition int, messages []kafkax.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partitions[partition] = append(l.partitions[partition], messages...)
}

func (l *topic) Publish(ctx context.Context, partition int, messages []kafkax.Message) error {
	l.mu.Lock()
	f := none
	if l.faults != nil {
		f = l.faults(partition, messages)
	}
	l.mu.Unlock()
	wait := func(most time.Duration) { // what happens in the world outside takes real time
		_ = clock.Sleep(context.WithoutCancel(ctx), clock.Real(), rand.N(most)) //nolint:gosec // chance, not secrets
	}
	switch f {
	case refused:
		return errBroker
	case large:
		return fmt.Errorf("refused: %w", kafkax.ErrTooLarge)
	case delayed:
		l.late.Go(func() {
			wait(300 * time.Millisecond)
			l.append(partition, messages)
		})
		return errBroker
	case slow:
		wait(300 * time.Millisecond)
		l.append(partition, messages)
		return nil
	case lost:
		l.append(partition, messages)
		return errBroker
	case none:
	}
	l.append(partition, messages)
	return nil
}

// audit holds the log to what is promised: of each tenant, all n events, and the first
// delivery of each after that of the one before. It returns how many came twice.
func (l *topic) audit(t *testing.T, n int, tenants ...string) (repeats int) {
	t.Helper()
	l.late.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ids := map[string]int64{}, map[string]string{}
	for p, messages := range l.partitions {
		for _, m := range messages {
			tenant, sequence, eventID := parse(t, m.Value)
			if tenant != string(m.Key) || kafkax.PartitionOf(m.Key, len(l.partitions)) != p {
				t.Fatalf("%s stands under key %s in partition %d", tenant, m.Key, p)
			}
			key := fmt.Sprint(tenant, "/", sequence)
			switch {
			case sequence <= last[tenant]:
				if ids[key] != eventID {
					t.Fatalf("%s has ids %s and %s", key, ids[key], eventID)
				}
				repeats++
			case sequence == last[tenant]+1:
				last[tenant], ids[key] = sequence, eventID
			default:
				t.Fatalf("%s: sequence %d after %d", tenant, sequence, last[tenant])
			}
		}
	}
	for _, tenant := range tenants {
		if last[tenant] != int64(n) {
			t.Errorf("%s: %d events, want %d", tenant, last[tenant], n)
		}
	}
	return repeats
}
