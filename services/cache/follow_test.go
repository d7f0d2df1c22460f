package cache_test

import (
	"context"
	"errors"
	"fmt"
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

// scripted is a feed of which a test says what comes, and when it breaks.
type scripted struct {
	cache.Feed
	changes chan cache.Change
	breaks  chan struct{}
	after   chan string // what Follow was called with
}

func newScripted(feed cache.Feed) *scripted {
	return &scripted{feed, make(chan cache.Change), make(chan struct{}), make(chan string, 10)}
}

func (f *scripted) Follow(ctx context.Context, after string, apply func(cache.Change), current func()) error {
	f.after <- after
	current()
	for {
		select {
		case c := <-f.changes:
			apply(c)
		case <-f.breaks:
			return errors.New("away")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell hands changes over, and returns when they are applied.
func (f *scripted) tell(changes ...cache.Change) {
	for _, c := range append(changes, cache.Change{ID: "last", Purged: cache.Selector{Tenant: "nobody"}}) {
		f.changes <- c
	}
}

// What one replica calls wrong, another one bars in whatever order it hears of the question, of the
// report and of the purge, and if it hears of the report alone.
func TestBarsNeedNoOrder(t *testing.T) {
	c := clocktest.New()
	var told []cache.Change
	record := func() *storetest.Shared {
		store := storetest.NewShared(memory.New(memory.Options{Clock: c}), c)
		f := newFixture(t, store, cache.Options{Clock: c, Feed: store})
		f.answer(t, guitar)
		key := cache.Key{Namespace: cache.Namespace{Tenant: "t", Provider: "openai", Model: "gpt-4o"}, Fingerprint: cache.Fingerprint(fingerprintOf(question("c", guitar)))}
		asked, err := store.Question(t.Context(), key)
		if err != nil || asked == nil {
			t.Fatal(asked, err)
		}
		f.callWrong(t, guitar, near)
		told = []cache.Change{{ID: "0", Kept: asked}}
		ctx, stop := context.WithCancel(t.Context())
		_ = store.Follow(ctx, "", func(c cache.Change) { told = append(told, c) }, stop)
		return store
	}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}, {1}, {2}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			store := record()
			if len(told) != 3 || told[1].Barred == nil || told[2].Purged.Tenant == "" {
				t.Fatalf("told %+v", told)
			}
			feed := newScripted(store)
			f := newFixture(t, store, cache.Options{Clock: c, Feed: feed})
			f.run(t)
			for _, i := range order {
				feed.tell(told[i])
			}
			f.answer(t, guitar)
			want := miss
			if len(order) == 1 && order[0] == 2 { // the report itself did not come
				want = near
			}
			if got := f.ask(t, "how can i learn to play the guitar", upToNear, nil); got.GetHit() != want {
				t.Errorf("%v, want %v", got.GetHit(), want)
			}
			if got := f.ask(t, guitar, upToNear, nil); got.GetHit() != exact {
				t.Errorf("%v for the same request", got.GetHit())
			}
		})
	}
}

// A replica that was away goes on behind what it has heard, and bars what was called wrong
// meanwhile; so does one that begins later. One that never heard of the question reports it.
func TestBarsReachWhoWasAway(t *testing.T) {
	c := clocktest.New()
	store := storetest.NewShared(memory.New(memory.Options{Clock: c}), c)
	deaf := newFixture(t, store, cache.Options{Clock: c, Feed: store}) // it does not run
	feed := newScripted(store)
	f := newFixture(t, store, cache.Options{Clock: c, Feed: feed})
	f.run(t)
	if after := <-feed.after; after != "" {
		t.Errorf("it begins after %q", after)
	}
	newFixture(t, store, cache.Options{Clock: c, Feed: store}).answer(t, guitar)
	feed.tell()
	feed.changes <- cache.Change{ID: "the last heard", Purged: cache.Selector{Tenant: "nobody"}}
	feed.breaks <- struct{}{}
	deaf.callWrong(t, guitar, near)
	c.WaitForTimers(t, 3) // the index's and the learners' as well
	c.Advance(100 * time.Millisecond)
	if after := <-feed.after; after != "the last heard" {
		t.Errorf("it goes on after %q", after)
	}
	ctx, stop := context.WithCancel(t.Context())
	_ = store.Follow(ctx, "", func(c cache.Change) { feed.changes <- c }, stop)
	feed.tell()

	seen := &counts{}
	late := newFixture(t, store, cache.Options{Clock: c, Feed: store, Observer: seen})
	late.run(t)
	until(t, "the late one follows", func() bool { return seen.of("follows true") == 1 })
	for name, f := range map[string]*fixture{"that was away": f, "that begins later": late, "that reported": deaf} {
		f.answer(t, guitar)
		if got := f.ask(t, "how can i learn to play the guitar", upToNear, nil); got.GetHit() != miss {
			t.Errorf("the one %s: %v", name, got.GetHit())
		}
	}
}

// replaying is a feed that each time begins with a change of an hour ago, then has one of a second ago,
// and fails once before the next.
type replaying struct {
	failing
	now   time.Time
	fails chan struct{}
}

func (f *replaying) Follow(ctx context.Context, _ string, apply func(cache.Change), current func()) error {
	apply(cache.Change{ID: "old", Purged: cache.Selector{Tenant: "nobody"}, At: f.now.Add(-time.Hour)})
	current()
	apply(cache.Change{ID: "new", Purged: cache.Selector{Tenant: "nobody"}, At: f.now.Add(-time.Second)})
	select {
	case <-f.fails:
		return errors.New("away")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// What a replica is told when it begins to follow, or does so again, is old, and says nothing of how
// long changes take to it.
func TestLagIsOfWhatComesWhileFollowing(t *testing.T) {
	c, seen := clocktest.New(), &counts{}
	feed := &replaying{now: c.Now(), fails: make(chan struct{})}
	f := newFixture(t, nil, cache.Options{Clock: c, Feed: feed, Observer: seen})
	f.run(t)
	feed.fails <- struct{}{}
	c.WaitForTimers(t, 3) // the index's and the learners' as well
	c.Advance(100 * time.Millisecond)
	until(t, "it is followed again", func() bool { return seen.of("followed") >= 2 })
	if n, lag := seen.of("followed"), time.Duration(seen.of("lag")); n != 2 || lag != 2*time.Second+100*time.Millisecond {
		t.Errorf("it counts %d changes, with a lag of %v", n, lag)
	}
}

// failing is a feed that fails as often as it is told to.
type failing struct {
	mu    sync.Mutex
	fails int
	began chan struct{}
}

func (*failing) Bar(context.Context, cache.Barred) error { return nil }

func (*failing) Question(context.Context, cache.Key) (*cache.Kept, error) { return nil, nil }

func (f *failing) Follow(ctx context.Context, _ string, _ func(cache.Change), current func()) error {
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
