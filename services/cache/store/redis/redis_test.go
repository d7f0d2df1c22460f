package redis_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/redis"
	"tollgate.dev/services/cache/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, c clock.Clock) (*redis.Store, *goredis.Client, string) {
	t.Helper()
	client, prefix := redisxtest.New(t)
	s, err := redis.New(client, redis.Options{Prefix: prefix, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	return s, client, prefix
}

func openOn(t *testing.T, v redisxtest.Version, c clock.Clock) *redis.Store {
	t.Helper()
	client, prefix := v.New(t)
	s, err := redis.New(client, redis.Options{Prefix: prefix, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	redisxtest.Each(t, func(t *testing.T, v redisxtest.Version) {
		t.Helper()
		storetest.Run(t, func(t *testing.T, c clock.Clock) cache.Store { t.Helper(); return openOn(t, v, c) })
		storetest.RunFeed(t, func(t *testing.T, c clock.Clock) storetest.SharedStore { t.Helper(); return openOn(t, v, c) })
		storetest.RunEvidence(t, func(t *testing.T, c clock.Clock) cache.Evidence { t.Helper(); return openOn(t, v, c) })
	})
}

func put(t testing.TB, s cache.Store, key cache.Key, rec cache.Record) {
	t.Helper()
	if ok, err := s.Put(t.Context(), key, rec); err != nil || !ok {
		t.Fatalf("put: %t, %v", ok, err)
	}
}

func has(t testing.TB, s cache.Store, key cache.Key) bool {
	t.Helper()
	_, ok, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func keys(t *testing.T, client *goredis.Client, prefix string) []string {
	t.Helper()
	all, err := client.Keys(t.Context(), prefix+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The layout is a contract between releases, and between replicas of a cluster.
func TestLayout(t *testing.T) {
	s, client, prefix := open(t, nil)
	key := storetest.Key("acme:{x}", "*", "gpt-4o", "", "r")
	expires := time.UnixMilli(time.Now().Add(time.Hour).UnixMilli())
	put(t, s, key, cache.Record{Entry: storetest.Entry("answer"), Expires: expires})

	const name = "%2A:gpt-4o::RUNJ5CLwUpcZHq0T4h09tSDlq-9SBV5JZLgvshP1k6E"
	index := prefix + "{acme%3A%7Bx%7D}:index"
	entry := prefix + "{acme%3A%7Bx%7D}:" + name
	for _, k := range keys(t, client, prefix) {
		if k != index && k != entry && k != prefix+"{acme%3A%7Bx%7D}:namespaces" {
			t.Errorf("another key: %s", k)
		}
		if tag := k[strings.Index(k, "{")+1 : strings.Index(k, "}")]; tag != "acme%3A%7Bx%7D" {
			t.Errorf("%s has the hash tag %s", k, tag)
		}
	}
	raw, err := client.Get(t.Context(), entry).Bytes()
	if err != nil || len(raw) == 0 || raw[0] != 2 {
		t.Errorf("the entry is %q, %v", raw, err)
	}
	score, err := client.ZScore(t.Context(), index, name).Result()
	if err != nil || int64(score) != expires.UnixMilli() {
		t.Errorf("the index says %v, %v", score, err)
	}
	// Redis forgets by itself: both keys end with the entry.
	for _, k := range []string{entry, index} {
		if left, err := client.PTTL(t.Context(), k).Result(); err != nil || left <= 59*time.Minute || left > time.Hour {
			t.Errorf("%s lives %v, %v", k, left, err)
		}
	}
	// A shorter entry does not shorten the index, a longer one lengthens it.
	put(t, s, storetest.Key("acme:{x}", "p", "m", "", "short"), cache.Record{Entry: storetest.Entry("x"), Expires: time.Now().Add(time.Second)})
	if left, err := client.PTTL(t.Context(), index).Result(); err != nil || left < 59*time.Minute {
		t.Errorf("the index lives %v, %v", left, err)
	}
	put(t, s, storetest.Key("acme:{x}", "p", "m", "", "long"), cache.Record{Entry: storetest.Entry("x"), Expires: time.Now().Add(3 * time.Hour)})
	if left, err := client.PTTL(t.Context(), index).Result(); err != nil || left < 2*time.Hour {
		t.Errorf("the index lives %v, %v", left, err)
	}
}

// What an entry answers stands beside it, and ends with it. The stream has names alone.
func TestLayoutOfChanges(t *testing.T) {
	s, client, prefix := open(t, nil)
	key := storetest.Key("acme:{x}", "*", "gpt-4o", "", "r")
	expires := time.UnixMilli(time.Now().Add(time.Hour).UnixMilli())
	put(t, s, key, cache.Record{Entry: storetest.Entry("answer"), Expires: expires, Announce: storetest.Kept(key, "who am I?", expires)})
	const name = "%2A:gpt-4o::RUNJ5CLwUpcZHq0T4h09tSDlq-9SBV5JZLgvshP1k6E"
	question, stream := prefix+"{acme%3A%7Bx%7D}:"+name+":q", prefix+"changes"
	for _, k := range []string{question, stream} {
		if left, err := client.PTTL(t.Context(), k).Result(); err != nil || left <= 59*time.Minute || left > time.Hour {
			t.Errorf("%s lives %v, %v", k, left, err)
		}
	}
	if raw, err := client.Get(t.Context(), question).Bytes(); err != nil || len(raw) == 0 || raw[0] != 2 {
		t.Errorf("the question is %q, %v", raw, err)
	}
	sel := cache.Selector{Tenant: "acme:{x}", Model: "gpt-4o", Entry: key.Fingerprint}
	if n, err := s.Invalidate(t.Context(), sel, time.Now().Add(time.Minute)); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if left, err := client.PTTL(t.Context(), question).Result(); err != nil || left > time.Minute {
		t.Errorf("the question of a shortened entry lives %v, %v", left, err)
	}
	if n, err := s.Invalidate(t.Context(), sel, time.Now()); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	tenant := prefix + "{acme%3A%7Bx%7D}:"
	left := keys(t, client, prefix)
	if slices.Sort(left); !slices.Equal(left, []string{stream, tenant + "index", tenant + "namespaces", tenant + "purged"}) {
		t.Errorf("a purge leaves %q", left)
	}
	for _, k := range []string{tenant + "purged", tenant + "index"} {
		if life, err := client.PTTL(t.Context(), k).Result(); err != nil || life < cache.PurgeLife-time.Minute || life > cache.PurgeLife {
			t.Errorf("that there was a purge is remembered for %v, %v", life, err)
		}
	}
	messages, err := client.XRange(t.Context(), stream, "-", "+").Result()
	if err != nil || len(messages) != 2 {
		t.Fatalf("%d changes, %v", len(messages), err)
	}
	for i, want := range []map[string]any{
		{"v": "1", "kept": "acme%3A%7Bx%7D:" + name},
		{"v": "1", "gone": "acme%3A%7Bx%7D::gpt-4o::RUNJ5CLwUpcZHq0T4h09tSDlq-9SBV5JZLgvshP1k6E"},
	} {
		if !maps.Equal(messages[i].Values, want) {
			t.Errorf("change %d is %v", i, messages[i].Values)
		}
	}
}

// What was learned ends when nobody learns any more, and what isn't a state is forgotten.
func TestLayoutOfEvidence(t *testing.T) {
	s, client, prefix := open(t, nil)
	ns := cache.Namespace{Tenant: "a:b", Provider: "p", Model: "*", Partition: "x"}
	key := prefix + "{a%3Ab}:p:%2A:x:learned"
	if _, err := s.Exchange(t.Context(), ns, cache.Lease{Name: "r", Token: 1}, []byte("state")); err != nil {
		t.Fatal(err)
	}
	if left, err := client.PTTL(t.Context(), key).Result(); err != nil || left <= cache.EvidenceLife-time.Minute || left > cache.EvidenceLife {
		t.Errorf("it lives %v, %v", left, err)
	}
	if err := client.HSet(t.Context(), key, "cut", "1234567").Err(); err != nil {
		t.Fatal(err)
	}
	if states, err := s.Exchange(t.Context(), ns, cache.Lease{Name: "r", Token: 1}, nil); err != nil || len(states) != 1 || string(states[0]) != "state" {
		t.Errorf("%q, %v", states, err)
	}
	if left, err := client.HKeys(t.Context(), key).Result(); err != nil || !slices.Equal(left, []string{"r"}) {
		t.Errorf("%q, %v", left, err)
	}
}

// A full Redis evicts what it likes. An index that is gone must not bring purged
// entries back, and a value that is gone is a miss.
func TestEvictionIsSafe(t *testing.T) {
	s, client, prefix := open(t, nil)
	key, other := storetest.Key("t", "p", "m", "", "r"), storetest.Key("t", "p", "m", "", "other")
	rec := cache.Record{Entry: storetest.Entry("x"), Expires: time.Now().Add(time.Hour)}
	put(t, s, key, rec)
	put(t, s, other, rec)
	if err := client.Del(t.Context(), prefix+"{t}:index").Err(); err != nil {
		t.Fatal(err)
	}
	if has(t, s, key) {
		t.Error("an entry without a name in the index is found")
	}
	put(t, s, other, rec)
	if has(t, s, key) || !has(t, s, other) {
		t.Error("a new index brings old entries back, or not its own")
	}
	for _, k := range keys(t, client, prefix) {
		if k != prefix+"{t}:index" {
			if err := client.Del(t.Context(), k).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if has(t, s, other) {
		t.Error("a name without a value is found")
	}
}

// That there was a purge is all that is left of it, for a while.
func TestPurgeLeavesNothing(t *testing.T) {
	s, client, prefix := open(t, nil)
	put(t, s, storetest.Key("t", "p", "m", "", "r"), cache.Record{Entry: storetest.Entry("x"), Expires: time.Now().Add(time.Hour)})
	if n, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t"}, time.Now()); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	left := keys(t, client, prefix)
	if slices.Sort(left); !slices.Equal(left, []string{prefix + "{t}:index", prefix + "{t}:namespaces", prefix + "{t}:purged"}) {
		t.Errorf("left: %q", left)
	}
	members, err := client.ZRange(t.Context(), prefix+"{t}:index", 0, -1).Result()
	if err != nil || !slices.Equal(members, []string{"!at", "!last"}) {
		t.Errorf("the index has %q, %v", members, err)
	}
}

// An answer to a call from before a purge is not kept afterwards, whichever of the keys that tell of the
// purge Redis evicts, and though another purge is told of since; answers to later calls are.
func TestEvictedPurgesAreKnown(t *testing.T) {
	const index, purged = "{t}:index", "{t}:purged"
	all := cache.Selector{Tenant: "t"}
	one := storetest.Key("t", "p", "m", "", "r")
	for name, tc := range map[string]struct {
		before bool // something is kept before the purge
		sel    cache.Selector
		evict  string
		then   cache.Selector // purged after the eviction
	}{
		"what was purged":                            {true, all, purged, cache.Selector{}},
		"what was purged, of an empty tenant":        {false, all, purged, cache.Selector{}},
		"what was purged, of one entry":              {true, one.Selector(), purged, cache.Selector{}},
		"what was purged, before another purge":      {true, all, purged, cache.Selector{Tenant: "t", Model: "n"}},
		"the index":                                  {true, all, index, cache.Selector{}},
		"the index, of an empty tenant":              {false, all, index, cache.Selector{}},
		"the index, before another purge":            {true, all, index, cache.Selector{Tenant: "t", Model: "n"}},
		"the index, before a purge of another entry": {true, one.Selector(), index, storetest.Key("t", "p", "m", "", "s").Selector()},
	} {
		t.Run(name, func(t *testing.T) {
			c := clocktest.New()
			s, client, prefix := open(t, c)
			rec := func() cache.Record {
				return cache.Record{Entry: storetest.Entry("x"), Expires: c.Now().Add(time.Minute), Asked: c.Now()}
			}
			late := rec()
			if tc.before {
				put(t, s, one, late)
			}
			c.Advance(time.Millisecond)
			refused := func(when string) {
				t.Helper()
				if ok, err := s.Put(t.Context(), one, late); ok || err != nil || has(t, s, one) {
					t.Errorf("%s: an earlier call's answer is kept: %t, %v", when, ok, err)
				}
			}
			if _, err := s.Invalidate(t.Context(), tc.sel, c.Now()); err != nil {
				t.Fatal(err)
			}
			refused("after the purge")
			if err := client.Del(t.Context(), prefix+tc.evict).Err(); err != nil {
				t.Fatal(err)
			}
			refused("after the eviction")
			c.Advance(time.Millisecond)
			put(t, s, storetest.Key("t", "p", "m", "", "another"), rec())
			if tc.then.Tenant != "" {
				if _, err := s.Invalidate(t.Context(), tc.then, c.Now()); err != nil {
					t.Fatal(err)
				}
			}
			refused("after it went on")
			c.Advance(time.Millisecond)
			put(t, s, one, rec())
			if !has(t, s, one) {
				t.Error("a later call's answer is not kept")
			}
		})
	}
}

// commands counts what a client sends, by its first word.
type commands struct {
	mu   sync.Mutex
	sent map[string]int
}

func (*commands) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (c *commands) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		c.mu.Lock()
		c.sent[cmd.Name()]++
		c.mu.Unlock()
		return next(ctx, cmd)
	}
}

func (c *commands) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

// One entry of which the whole name is known is not searched for in the tenant's index.
func TestOneEntryIsAddressed(t *testing.T) {
	for name, tc := range map[string]struct {
		life    time.Duration
		missing bool // the entry that is selected
		entries int64
		lives   bool
	}{
		"purged":                 {0, false, 1, false},
		"shortened":              {time.Minute, false, 1, true},
		"not to be lengthened":   {2 * time.Hour, false, 0, true},
		"purged, and not there":  {0, true, 0, true},
		"shortened, but missing": {time.Minute, true, 0, true},
	} {
		for _, partition := range []string{"mine", ""} { // the common one has no name
			t.Run(fmt.Sprintf("%s in %q", name, partition), func(t *testing.T) {
				c := clocktest.New()
				s, client, _ := open(t, c)
				key := storetest.Key("t", "p", "m", partition, "r")
				alike := []cache.Key{
					storetest.Key("t", "p", "m", partition+"=", "r"), storetest.Key("t", "p", "m", "other", "r"), storetest.Key("t", "p", "n", partition, "r"),
					storetest.Key("t", "q", "m", partition, "r"), storetest.Key("u", "p", "m", partition, "r"), storetest.Key("t", "p", "m", partition, "s"),
				}
				for _, k := range append(alike, key) {
					put(t, s, k, cache.Record{Entry: storetest.Entry("answer"), Expires: c.Now().Add(time.Hour)})
				}
				sel := key.Selector()
				if tc.missing {
					sel.Entry[0]++
				}
				count := &commands{sent: map[string]int{}}
				client.AddHook(count)
				n, err := s.Invalidate(t.Context(), sel, c.Now().Add(tc.life))
				if n != tc.entries || err != nil {
					t.Errorf("%d, %v; want %d", n, err, tc.entries)
				}
				if count.sent["evalsha"]+count.sent["eval"] == 0 || count.sent["zscan"] != 0 {
					t.Errorf("it sent %v", count.sent)
				}
				if has(t, s, key) != tc.lives {
					t.Errorf("the entry is there: %t", !tc.lives)
				}
				for _, k := range alike {
					if !has(t, s, k) {
						t.Errorf("%v is gone as well", k.Namespace)
					}
				}
				if tc.entries == 1 && tc.life > 0 {
					c.Advance(tc.life)
					if has(t, s, key) {
						t.Error("the entry outlives its shortened life")
					}
				}
			})
		}
	}
}

// Names of expired entries leave the index as new ones come.
func TestIndexDoesNotGrow(t *testing.T) {
	c := clocktest.New()
	s, client, prefix := open(t, c)
	for i := range 50 {
		put(t, s, storetest.Key("t", "p", "m", "", string(rune('a'+i))), cache.Record{Entry: storetest.Entry("x"), Expires: c.Now().Add(10 * time.Second)})
		c.Advance(time.Second)
	}
	if n, err := client.ZCard(t.Context(), prefix+"{t}:index").Result(); err != nil || n > 11 {
		t.Errorf("%d names, %v", n, err)
	}
}

// However many entries have ended since the last was put, one that comes doesn't hold up the server, nor does
// a purge: a few names leave with each, more than come.
func TestWhatEndedLeavesAFewAtATime(t *testing.T) {
	c := clocktest.New()
	s, client, prefix := open(t, c)
	last := c.Now().Add(time.Hour)
	put(t, s, storetest.Key("t", "p", "m", "", "first"), cache.Record{Entry: storetest.Entry("x"), Expires: last})
	const ended, most = 5000, 64
	sets := []string{prefix + "{t}:index", prefix + "{t}:namespaces"}
	for _, set := range sets {
		members := make([]goredis.Z, ended)
		for i := range members {
			members[i] = goredis.Z{Score: float64(c.Now().UnixMilli() - 1), Member: fmt.Sprintf("p:m:%d:", i)}
		}
		if err := client.ZAdd(t.Context(), set, members...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	count := func(set string) int64 {
		n, err := client.ZCount(t.Context(), set, "-inf", "("+strconv.FormatInt(c.Now().UnixMilli(), 10)).Result()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range 3 {
		put(t, s, storetest.Key("t", "p", "m", "", strconv.Itoa(i)), cache.Record{Entry: storetest.Entry("x"), Expires: last})
		for _, set := range sets {
			if n, want := count(set), int64(ended-most*(i+1)); n != want {
				t.Errorf("%s has %d that have ended after %d were put, want %d", set, n, i+1, want)
			}
		}
	}
	if _, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t"}, c.Now()); err != nil {
		t.Fatal(err)
	}
	if names, err := client.ZRange(t.Context(), sets[1], 0, -1).Result(); err != nil || len(names) != 1 || names[0] != "!" {
		t.Errorf("%d namespaces after a purge of all, %v", len(names), err)
	}
	if left, err := client.PTTL(t.Context(), sets[1]).Result(); err != nil || left < 50*time.Minute {
		t.Errorf("they are known for %v, %v", left, err)
	}
}

// A replica whose clock is fast takes no entries from the others.
func TestFastClockForgetsNothing(t *testing.T) {
	now := time.Now()
	right, fast := clocktest.NewAt(now), clocktest.NewAt(now.Add(61*time.Second))
	s, client, prefix := open(t, right)
	other, err := redis.New(client, redis.Options{Prefix: prefix, Clock: fast})
	if err != nil {
		t.Fatal(err)
	}
	key := storetest.Key("t", "p", "m", "", "r")
	put(t, s, key, cache.Record{Entry: storetest.Entry("x"), Expires: right.Now().Add(time.Minute)})
	put(t, other, storetest.Key("t", "p", "m", "", "another"), cache.Record{Entry: storetest.Entry("x"), Expires: fast.Now().Add(time.Minute)})
	if !has(t, s, key) {
		t.Error("an entry that lives is gone")
	}
}

// Nor does it whatever it does: end other lives, keep a vector, or bar a question.
func TestFastClockTakesNothing(t *testing.T) {
	now := time.Now()
	right, fast := clocktest.NewAt(now), clocktest.NewAt(now.Add(61*time.Second))
	key := storetest.Key("t", "p", "m", "", "r")
	for name, do := range map[string]func(t *testing.T, s *redis.Store){
		"a shorter life": func(t *testing.T, s *redis.Store) {
			t.Helper()
			for _, sel := range []cache.Selector{{Tenant: "t"}, {Tenant: "t", Entry: key.Fingerprint}, key.Selector()} {
				if n, err := s.Invalidate(t.Context(), sel, fast.Now().Add(time.Minute)); n != 0 || err != nil {
					t.Errorf("%d, %v", n, err)
				}
			}
		},
		"a vector": func(t *testing.T, s *redis.Store) {
			t.Helper()
			place(t, s, fast, scope(), "another", direction(90), time.Hour)
			near(t, s, scope(), direction(0), 3, 0)
		},
		"a bar": func(t *testing.T, s *redis.Store) {
			t.Helper()
			if err := s.Bar(t.Context(), cache.Barred{Tenant: "t", Question: [16]byte{2}, Until: fast.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, client, prefix := open(t, right)
			other, err := redis.New(client, redis.Options{Prefix: prefix, Clock: fast})
			if err != nil {
				t.Fatal(err)
			}
			place(t, s, right, scope(), "r", direction(0), time.Minute)
			bar := cache.Barred{Tenant: "t", Question: [16]byte{1}, Until: right.Now().Add(time.Minute).Truncate(time.Millisecond)}
			if err := s.Bar(t.Context(), bar); err != nil {
				t.Fatal(err)
			}
			do(t, other)
			if !has(t, s, key) {
				t.Error("an entry that lives is gone")
			}
			if got := near(t, s, scope(), direction(0), 1, 0.9); !slices.Equal(got, []string{"r"}) {
				t.Errorf("of vectors that live %q is found", got)
			}
			if n, err := client.ZCard(t.Context(), prefix+"{t}:vectorsets").Result(); n != 1 || err != nil {
				t.Errorf("%d vector sets have a name, %v", n, err)
			}
			for _, set := range []string{"{t}:barred", "barred"} {
				if n, err := client.ZCount(t.Context(), prefix+set, fmt.Sprint(bar.Until.UnixMilli()), "+inf").Result(); n == 0 || err != nil {
					t.Errorf("%s has no bar that lives, %v", set, err)
				}
			}
			if got, err := client.ZScore(t.Context(), prefix+"{t}:barred", "AQAAAAAAAAAAAAAAAAAAAA").Result(); int64(got) != bar.Until.UnixMilli() {
				t.Errorf("a bar that lives ends at %v, %v", got, err)
			}
			// It lives by Redis's clock, so a purge counts it, whoever asks for it.
			if n, err := other.Invalidate(t.Context(), key.Selector(), fast.Now()); n != 1 || err != nil || has(t, s, key) {
				t.Errorf("a purge takes %d, %v", n, err)
			}
		})
	}
}

// Shortening reaches Redis's own clock too.
func TestShortenedValuesEnd(t *testing.T) {
	s, client, prefix := open(t, nil)
	put(t, s, storetest.Key("t", "p", "m", "", "r"), cache.Record{Entry: storetest.Entry("x"), Expires: time.Now().Add(time.Hour)})
	if n, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t"}, time.Now().Add(time.Minute)); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	for _, k := range keys(t, client, prefix) {
		left, err := client.PTTL(t.Context(), k).Result()
		if k != prefix+"{t}:index" && k != prefix+"{t}:namespaces" && (err != nil || left > time.Minute) {
			t.Errorf("%s lives %v, %v", k, left, err)
		}
	}
}

func TestForeignValuesAreMisses(t *testing.T) {
	s, client, prefix := open(t, nil)
	key := storetest.Key("t", "p", "m", "", "r")
	put(t, s, key, cache.Record{Entry: storetest.Entry("x"), Expires: time.Now().Add(time.Hour)})
	for name, value := range map[string]string{"nothing": "", "another version": "\x02\x0a\x01x", "a cut value": "\x01\x0a\x7fx"} {
		for _, k := range keys(t, client, prefix) {
			if k != prefix+"{t}:index" && k != prefix+"{t}:namespaces" {
				if err := client.Set(t.Context(), k, value, time.Hour).Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if has(t, s, key) {
			t.Errorf("%s is found", name)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, prefix := range []string{"{", "a}"} {
		if _, err := redis.New(nil, redis.Options{Prefix: prefix}); err == nil {
			t.Errorf("the prefix %q is taken", prefix)
		}
	}
	s, client, prefix := open(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	key := storetest.Key("t", "p", "m", "", "r")
	rec := cache.Record{Entry: storetest.Entry("x"), Expires: time.Now().Add(time.Hour)}
	if ok, err := s.Put(t.Context(), key, cache.Record{Entry: rec.Entry, Expires: time.Now()}); ok || err != nil {
		t.Errorf("an entry at its end: %t, %v", ok, err)
	}
	// Of another type, which is what a shared Redis may hold under any name.
	put(t, s, key, rec)
	for name, call := range map[string]func(ctx context.Context) error{
		"get": func(ctx context.Context) error { _, _, err := s.Get(ctx, key); return err },
		"put": func(ctx context.Context) error { _, err := s.Put(ctx, key, rec); return err },
		"invalidate": func(ctx context.Context) error {
			_, err := s.Invalidate(ctx, cache.Selector{Tenant: "t"}, time.Now())
			return err
		},
	} {
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s without time: %v", name, err)
		}
		index := prefix + "{t}:index"
		if err := client.Del(t.Context(), index).Err(); err != nil {
			t.Fatal(err)
		}
		if err := client.Set(t.Context(), index, "no set", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if err := call(t.Context()); err == nil || strings.Contains(err.Error(), "answer") {
			t.Errorf("%s with a wrong type: %v", name, err)
		}
		if err := client.Del(t.Context(), index).Err(); err != nil {
			t.Fatal(err)
		}
		put(t, s, key, rec)
	}
}

// A look-up of 4 KB beside a bare GET of as much, taken in turns; both with the time that 99 %
// stay below.
func BenchmarkGet(b *testing.B) {
	s, client, prefix := open(b, nil)
	key := storetest.Key("t", "openai", "gpt-4o", "", "r")
	body := strings.Repeat("x", 4<<10)
	put(b, s, key, cache.Record{Entry: storetest.Entry(body), Expires: time.Now().Add(time.Hour)})
	if err := client.Set(b.Context(), prefix+"raw", body, time.Hour).Err(); err != nil {
		b.Fatal(err)
	}
	var raw, ours []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		if err := client.Get(b.Context(), prefix+"raw").Err(); err != nil {
			b.Fatal(err)
		}
		between := time.Now()
		if !has(b, s, key) {
			b.Fatal("a miss")
		}
		raw, ours = append(raw, between.Sub(began)), append(ours, time.Since(between))
	}
	for name, took := range map[string][]time.Duration{"raw": raw, "hit": ours} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs-"+name)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs-"+name)
	}
}
