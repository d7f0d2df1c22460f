package cache_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/memory"
	"tollgate.dev/services/cache/storetest"
)

// run runs a service until the test ends.
func (f *fixture) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
}

// Replicas find what any of them keeps, from before they began as well, and nothing that any of
// them purged.
func TestReplicasFollowEachOther(t *testing.T) {
	c := clocktest.New()
	store := storetest.NewShared(memory.New(memory.Options{Clock: c}), c)
	seen := []*counts{{}, {}}
	replica := func(i int) *fixture {
		f := newFixture(t, store, cache.Options{Clock: c, Feed: store, Embedder: staticEmbedder(t), Threshold: &half, Observer: seen[i]})
		f.run(t)
		return f
	}
	first := replica(0)
	first.answer(t, guitar)
	second := replica(1)
	until(t, "what was kept before it began", func() bool { return seen[1].questions() == 1 })
	for text, want := range map[string]cachev1.HitKind{"how can i learn to play the guitar": near, lute: semantic} {
		if got := second.ask(t, text, upToSemantic, nil); got.GetHit() != want {
			t.Errorf("%q: %v", text, got.GetHit())
		}
	}
	second.answer(t, "Why is the sky blue?")
	until(t, "what is kept meanwhile", func() bool { return seen[0].questions() == 2 })

	// A purge holds at once, before anybody hears of it.
	if _, err := first.Invalidate(t.Context(), &cachev1.InvalidateRequest{TenantId: "t"}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"how can i learn to play the guitar", lute, "why is the sky blue"} {
		if got := second.ask(t, text, upToSemantic, nil); got.GetHit() != miss {
			t.Errorf("%q: %v", text, got.GetHit())
		}
	}
	until(t, "the questions go", func() bool { return seen[0].questions()+seen[1].questions() == 0 })
}

// What is called wrong at one replica is not served again at another, where it was kept again.
func TestReplicasHearOfWrongAnswers(t *testing.T) {
	c := clocktest.New()
	store := storetest.NewShared(memory.New(memory.Options{Clock: c}), c)
	seen := []*counts{{}, {}}
	var replicas []*fixture
	for i := range seen {
		f := newFixture(t, store, cache.Options{Clock: c, Feed: store, Observer: seen[i]})
		f.run(t)
		replicas = append(replicas, f)
	}
	replicas[0].answer(t, guitar)
	until(t, "the question is known to both", func() bool { return seen[0].questions() == 1 && seen[1].questions() == 1 })
	replicas[0].callWrong(t, guitar, near)
	until(t, "the purge is known", func() bool { return seen[1].questions() == 0 })
	for i, f := range replicas {
		f.answer(t, guitar)
		if got := f.ask(t, "how can i learn to play the guitar", upToNear, nil); got.GetHit() != miss {
			t.Errorf("replica %d: %v", i, got.GetHit())
		}
		if got := f.ask(t, guitar, upToNear, nil); got.GetHit() != exact {
			t.Errorf("replica %d: %v for the same request", i, got.GetHit())
		}
	}
}

// failing is a feed that fails as often as it is told to.
type failing struct {
	mu    sync.Mutex
	fails int
	began chan struct{}
}

func (*failing) CallWrong(context.Context, cache.Selector) {}

func (f *failing) Follow(ctx context.Context, _ func(cache.Change), current func()) error {
	f.began <- struct{}{}
	f.mu.Lock()
	f.fails--
	fails := f.fails >= 0
	f.mu.Unlock()
	if fails {
		return errors.New("away")
	}
	current()
	<-ctx.Done()
	return ctx.Err()
}

// A feed that fails is followed anew after pauses that double, and a line is logged when it
// goes and when it comes back.
func TestAFeedThatFails(t *testing.T) {
	c, feed, seen := clocktest.New(), &failing{fails: 8, began: make(chan struct{})}, &counts{}
	f := newFixture(t, nil, cache.Options{Clock: c, Feed: feed, Observer: seen})
	f.run(t)
	for _, millis := range []int{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		pause := time.Duration(millis) * time.Millisecond
		<-feed.began
		c.WaitForTimers(t, 3) // the index's and the learners' as well
		c.Advance(pause - 1)
		select {
		case <-feed.began:
			t.Fatalf("tried again before %v", pause)
		default:
		}
		c.Advance(1)
	}
	<-feed.began
	until(t, "it is followed", func() bool { return f.log.lines("followed again") == 1 })
	if f.log.lines("can't be followed") != 1 || seen.of("follows false") != 8 || seen.of("follows true") != 1 {
		t.Errorf("counted %v, logged\n%s", seen.seen, f.log)
	}
}

// What has expired leaves the index by itself.
func TestExpiredQuestionsGo(t *testing.T) {
	c, seen := clocktest.New(), &counts{}
	f := newFixture(t, nil, cache.Options{Clock: c, Observer: seen})
	f.run(t)
	f.answer(t, guitar)
	c.Advance(time.Hour - time.Minute)
	if seen.questions() != 1 {
		t.Fatal("it went before its time")
	}
	until(t, "the question goes", func() bool {
		c.Advance(time.Minute)
		return seen.questions() == 0
	})
}
