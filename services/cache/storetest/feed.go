package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache"
)

// SharedStore is a store with a feed of its changes.
type SharedStore interface {
	cache.Store
	cache.Feed
}

// OpenShared returns an empty store that tells the time by the clock, and remembers at least
// the last 1000 changes.
type OpenShared func(t *testing.T, c clock.Clock) SharedStore

// RunFeed holds a store's feed to [cache.Feed]'s contract.
func RunFeed(t *testing.T, open OpenShared) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *feedFixture){
		"Kept":     testFeedKept,
		"Replay":   testFeedReplay,
		"Purged":   testFeedPurged,
		"Barred":   testFeedBarred,
		"Question": testFeedQuestion,
		"After":    testFeedAfter,
		"Expired":  testFeedExpired,
		"Many":     testFeedMany,
		"Silent":   testFeedSilent,
		"Isolated": testFeedNames,
	} {
		t.Run(name, func(t *testing.T) {
			c := clocktest.New()
			test(t, &feedFixture{SharedStore: open(t, c), clock: c})
		})
	}
}

type feedFixture struct {
	SharedStore
	clock *clocktest.Fake
}

// Kept is what tests announce: the same names give the same question.
func Kept(key cache.Key, text string, expires time.Time) *cache.Kept {
	return &cache.Kept{
		Key: key, Question: cache.Question{Context: key.Fingerprint, Text: text, Bare: len(text)%2 == 1},
		Vector: []int8{1, -2, 127, -128, 0}, Embedder: "static-1", Expires: expires, Value: 1_250_000,
	}
}

// ask keeps a record with a question.
func (f *feedFixture) ask(t *testing.T, key cache.Key, text string, life time.Duration) {
	t.Helper()
	expires := f.clock.Now().Add(life)
	rec := cache.Record{Entry: &cachev1.Entry{Body: []byte("answer")}, Expires: expires, Announce: Kept(key, text, expires)}
	if ok, err := f.Put(t.Context(), key, rec); err != nil || !ok {
		t.Fatalf("put: %t, %v", ok, err)
	}
}

func (f *feedFixture) purge(t *testing.T, sel cache.Selector) {
	t.Helper()
	if _, err := f.Invalidate(t.Context(), sel, f.clock.Now()); err != nil {
		t.Fatal(err)
	}
}

// follower is one who follows a feed in the background, until the test ends.
type follower struct {
	changes chan cache.Change
	current chan struct{}
	ended   chan error
	stop    context.CancelFunc
}

func follow(t *testing.T, feed cache.Feed) *follower {
	t.Helper()
	return followAfter(t, feed, "")
}

func followAfter(t *testing.T, feed cache.Feed, after string) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{changes: make(chan cache.Change, 2000), current: make(chan struct{}), ended: make(chan error, 1), stop: cancel}
	go func() {
		f.ended <- feed.Follow(ctx, after, func(c cache.Change) { f.changes <- c }, func() { close(f.current) })
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-f.ended:
			if err == nil || ctx.Err() == nil {
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("it does not end")
		}
	})
	return f
}

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func (f *follower) next(t *testing.T) cache.Change {
	t.Helper()
	select {
	case c := <-f.changes:
		if c.At.IsZero() || c.ID == "" {
			t.Errorf("a change without a time or an ID: %+v", c)
		}
		return c
	case err := <-f.ended:
		t.Fatalf("it ended: %v", err)
	case <-time.After(patience):
		t.Fatal("no change comes")
	}
	return cache.Change{}
}

func (f *follower) wantKept(t *testing.T, want *cache.Kept) {
	t.Helper()
	got := f.next(t)
	if got.Kept == nil {
		t.Fatalf("got %v purged, want %q kept", got.Purged, want.Question.Text)
	}
	k := got.Kept
	if k.Key != want.Key || k.Question != want.Question || !slices.Equal(k.Vector, want.Vector) || k.Embedder != want.Embedder ||
		!k.Expires.Equal(want.Expires) || k.Value != want.Value {
		t.Errorf("got %+v, want %+v", *k, *want)
	}
}

func (f *follower) wantPurged(t *testing.T, want cache.Selector) {
	t.Helper()
	if got := f.next(t); got.Kept != nil || got.Barred != nil || got.Purged != want {
		t.Errorf("got %+v, want %v purged", got, want)
	}
}

func (f *follower) wantCurrent(t *testing.T) {
	t.Helper()
	select {
	case <-f.current:
	case err := <-f.ended:
		t.Fatalf("it ended: %v", err)
	case <-time.After(patience):
		t.Fatal("it is never current")
	}
}

// What is kept comes to all who follow, whole; what has no vector as well.
func testFeedKept(t *testing.T, f *feedFixture) {
	t.Helper()
	a, b := follow(t, f), follow(t, f)
	a.wantCurrent(t)
	b.wantCurrent(t)
	key := Key("t", "p", "m", "", "r")
	f.ask(t, key, "what is \x00 é?", time.Hour)
	for _, who := range []*follower{a, b} {
		who.wantKept(t, Kept(key, "what is \x00 é?", f.clock.Now().Add(time.Hour)))
	}
	bare := Kept(key, "bare", f.clock.Now().Add(time.Minute))
	bare.Vector, bare.Embedder, bare.Value = nil, "", 0
	rec := cache.Record{Entry: &cachev1.Entry{Body: []byte("answer")}, Expires: bare.Expires, Announce: bare}
	if ok, err := f.Put(t.Context(), key, rec); err != nil || !ok {
		t.Fatalf("put: %t, %v", ok, err)
	}
	a.wantKept(t, bare)
	if rec, ok, err := f.Get(t.Context(), key); err != nil || !ok || rec.Announce != nil {
		t.Errorf("the record comes back with its question: %+v, %t, %v", rec.Announce, ok, err)
	}
}

// Who begins to follow later gets what is there, and then is current.
func testFeedReplay(t *testing.T, f *feedFixture) {
	t.Helper()
	for i := range 3 {
		f.ask(t, Key("t", "p", "m", "", fmt.Sprint(i)), fmt.Sprint("question ", i), time.Hour)
	}
	who := follow(t, f)
	who.wantCurrent(t)
	if n := len(who.changes); n != 3 {
		t.Errorf("%d changes when it is current, want 3", n)
	}
	for i := range 3 {
		who.wantKept(t, Kept(Key("t", "p", "m", "", fmt.Sprint(i)), fmt.Sprint("question ", i), f.clock.Now().Add(time.Hour)))
	}
}

// Purges come as they were asked for, behind what they purge and before what follows. What
// only has its life shortened is no purge.
func testFeedPurged(t *testing.T, f *feedFixture) {
	t.Helper()
	who := follow(t, f)
	who.wantCurrent(t)
	plain := Key("t", "p", "m", "", "r")
	for _, tc := range []struct {
		sel cache.Selector
		key cache.Key // that is selected: a purge of nothing may be left out
	}{
		{cache.Selector{Tenant: "t"}, plain},
		{cache.Selector{Tenant: "t", Provider: "p"}, plain},
		{cache.Selector{Tenant: "t", Model: "*"}, Key("t", "p", "*", "", "r")},
		{cache.Selector{Tenant: "t", Partition: "a:b"}, Key("t", "p", "m", "a:b", "r")},
		{cache.Selector{Tenant: "t", Common: true}, plain},
		{cache.Selector{Tenant: "t", Provider: "p", Model: "m", Entry: plain.Fingerprint}, plain},
		{plain.Selector(), plain},
		{Key("t", "p", "m", "=", "r").Selector(), Key("t", "p", "m", "=", "r")},
	} {
		f.ask(t, tc.key, "question", time.Hour)
		if _, err := f.Invalidate(t.Context(), cache.Selector{Tenant: "t"}, f.clock.Now().Add(2*time.Hour)); err != nil {
			t.Fatal(err)
		}
		who.wantKept(t, Kept(tc.key, "question", f.clock.Now().Add(time.Hour)))
		f.purge(t, tc.sel)
		who.wantPurged(t, tc.sel)
	}
	// Whoever comes later is told of no record that is gone.
	f.purge(t, cache.Selector{Tenant: "t"})
	late := follow(t, f)
	late.wantCurrent(t)
	for n := len(late.changes); n > 0; n-- {
		if c := late.next(t); c.Kept != nil {
			t.Errorf("%q is handed over, which was purged", c.Kept.Question.Text)
		}
	}
}

// What is barred comes as it was told, whether or not anything was kept, and to who comes later too, in
// whatever order.
func testFeedBarred(t *testing.T, f *feedFixture) {
	t.Helper()
	early := follow(t, f)
	early.wantCurrent(t)
	wants := make(map[cache.Barred]bool)
	for i, name := range hostile() {
		want := cache.Barred{Tenant: name, Question: [16]byte{byte(i), ':', 255}, Until: f.clock.Now().Add(time.Hour).Truncate(time.Millisecond)}
		if err := f.Bar(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		want.Until = time.UnixMilli(want.Until.UnixMilli())
		wants[want] = true
	}
	for _, who := range []*follower{early, follow(t, f)} {
		told := make(map[cache.Barred]bool)
		for len(told) < len(wants) {
			got := who.next(t)
			if got.Kept != nil || got.Barred == nil {
				t.Fatalf("got %+v", got)
			}
			b := *got.Barred
			b.Until = time.UnixMilli(b.Until.UnixMilli())
			if !wants[b] {
				t.Fatalf("got %+v", b)
			}
			told[b] = true
		}
	}
}

// The question of a record that lives can be read by who did not follow.
func testFeedQuestion(t *testing.T, f *feedFixture) {
	t.Helper()
	want := func(key cache.Key, text string) {
		t.Helper()
		kept, err := f.Question(t.Context(), key)
		if err != nil || (kept == nil) != (text == "") || kept != nil && (kept.Question.Text != text || kept.Key != key) {
			t.Errorf("%+v, %v; want %q", kept, err, text)
		}
	}
	key, bare := Key("t", "p", "m", "", "r"), Key("t", "p", "m", "", "bare")
	want(key, "")
	f.ask(t, key, "question", time.Hour)
	if ok, err := f.Put(t.Context(), bare, cache.Record{Entry: Entry("a"), Expires: f.clock.Now().Add(time.Hour)}); err != nil || !ok {
		t.Fatalf("put: %t, %v", ok, err)
	}
	want(key, "question")
	want(bare, "")
	for _, other := range []cache.Key{Key("u", "p", "m", "", "r"), Key("t", "p", "m", "mine", "r")} {
		want(other, "")
	}
	f.purge(t, key.Selector())
	want(key, "")
	f.ask(t, key, "again", time.Minute)
	want(key, "again")
	f.clock.Advance(time.Minute)
	want(key, "")
}

// Who was away goes on behind the last change that he has; who has one that nobody knows begins anew.
func testFeedAfter(t *testing.T, f *feedFixture) {
	t.Helper()
	who := follow(t, f)
	ids := make([]string, 0, 4)
	for i := range cap(ids) {
		f.ask(t, Key("t", "p", "m", "", fmt.Sprint(i)), fmt.Sprint(i), time.Hour)
		ids = append(ids, who.next(t).ID)
	}
	texts := func(after string) (texts []string) {
		who := followAfter(t, f, after)
		who.wantCurrent(t)
		for range len(who.changes) {
			texts = append(texts, who.next(t).Kept.Question.Text)
		}
		return texts
	}
	for after, want := range map[string][]string{
		"": {"0", "1", "2", "3"}, ids[0]: {"1", "2", "3"}, ids[2]: {"3"}, ids[3]: nil,
		"no ID": {"0", "1", "2", "3"}, "9" + ids[3]: {"0", "1", "2", "3"},
	} {
		if got := texts(after); !slices.Equal(got, want) {
			t.Errorf("after %q it gets %q, want %q", after, got, want)
		}
	}
	late := followAfter(t, f, ids[3])
	late.wantCurrent(t)
	f.ask(t, Key("t", "p", "m", "", "4"), "4", time.Hour)
	late.wantKept(t, Kept(Key("t", "p", "m", "", "4"), "4", f.clock.Now().Add(time.Hour)))
}

func testFeedExpired(t *testing.T, f *feedFixture) {
	t.Helper()
	f.ask(t, Key("t", "p", "m", "", "short"), "short", time.Second)
	f.ask(t, Key("t", "p", "m", "", "long"), "long", time.Hour)
	end := f.clock.Now().Add(time.Hour)
	f.clock.Advance(time.Second)
	who := follow(t, f)
	who.wantKept(t, Kept(Key("t", "p", "m", "", "long"), "long", end))
	who.wantCurrent(t)
}

// More than a feed reads in one go, in the order in which they were made.
func testFeedMany(t *testing.T, f *feedFixture) {
	t.Helper()
	const n = 700
	early := follow(t, f)
	for i := range n {
		f.ask(t, Key("t", "p", "m", "", fmt.Sprint(i)), fmt.Sprint(i), time.Hour)
	}
	for _, who := range []*follower{early, follow(t, f)} {
		who.wantCurrent(t)
		for i := range n {
			if c := who.next(t); c.Kept == nil || c.Kept.Question.Text != fmt.Sprint(i) {
				t.Fatalf("got %+v, want question %d", c.Kept, i)
			}
		}
	}
}

// A record without a question, and one that was not kept, are told to nobody.
func testFeedSilent(t *testing.T, f *feedFixture) {
	t.Helper()
	key := Key("t", "p", "m", "", "r")
	entry := &cachev1.Entry{Body: []byte("answer")}
	if ok, err := f.Put(t.Context(), key, cache.Record{Entry: entry, Expires: f.clock.Now().Add(time.Hour)}); err != nil || !ok {
		t.Fatalf("put: %t, %v", ok, err)
	}
	f.ask(t, Key("t", "p", "m", "", "other"), "other", time.Hour)
	who := follow(t, f)
	who.wantKept(t, Kept(Key("t", "p", "m", "", "other"), "other", f.clock.Now().Add(time.Hour)))
	who.wantCurrent(t)
}

// Names come back as they were, whatever they hold.
func testFeedNames(t *testing.T, f *feedFixture) {
	t.Helper()
	who := follow(t, f)
	for _, name := range hostile() {
		key := Key(name, name, name, name, name)
		f.ask(t, key, name, time.Hour)
		who.wantKept(t, Kept(key, name, f.clock.Now().Add(time.Hour)))
		sel := cache.Selector{Tenant: name, Provider: name, Model: name, Partition: name}
		f.purge(t, sel)
		who.wantPurged(t, sel)
	}
}
