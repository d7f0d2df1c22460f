package redis_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/redis"
	"tollgate.dev/services/cache/storetest"
)

// fillScript puts entries (from ARGV 2 to 3) of one model into an index (KEYS 1), as copies of the value in KEYS 2,
// whose key begins as in ARGV 1; they end at ARGV 4.
const fillScript = `
local value = redis.call('GET', KEYS[2])
for i = ARGV[2], ARGV[3] do
  local name = string.format('p:m::%043d', i)
  redis.call('ZADD', KEYS[1], ARGV[4], name)
  redis.call('SET', ARGV[1] .. name, value, 'PX', 3600000)
end
return 0`

// A purge of very many entries is done for every replica when it answers, after a number of steps that does
// not grow with them; what it left is removed by whoever tidies, and nothing else is.
func TestPurgeOfMany(t *testing.T) {
	for name, sel := range map[string]cache.Selector{"a tenant": {Tenant: "t"}, "a model": {Tenant: "t", Model: "m"}, "the common partition": {Tenant: "t", Model: "m", Common: true}} {
		t.Run(name, func(t *testing.T) {
			c := clocktest.New()
			client, prefix := redisxtest.New(t)
			count := &commands{sent: map[string]int{}}
			var replicas [2]*redis.Store
			for i := range replicas {
				var err error
				if replicas[i], err = redis.New(client, redis.Options{Prefix: prefix, Clock: c}); err != nil {
					t.Fatal(err)
				}
			}
			here, there := replicas[0], replicas[1]
			rec := func(body string) cache.Record {
				return cache.Record{Entry: storetest.Entry(body), Expires: c.Now().Add(time.Hour)}
			}
			other := storetest.Key("t", "p", "n", "", "other")
			put(t, here, other, rec("other"))
			var keys []cache.Key
			for i := range 50 {
				keys = append(keys, storetest.Key("t", "p", "m", "", fmt.Sprint(i)))
				put(t, here, keys[i], rec("before"))
			}
			const n = 60_000
			one := prefix + "{t}:p:n::" + element(other)
			for i := 0; i < n; i += 10_000 {
				if err := client.Eval(t.Context(), fillScript, []string{prefix + "{t}:index", one}, prefix+"{t}:", i, i+9_999, rec("").Expires.UnixMilli()).Err(); err != nil {
					t.Fatal(err)
				}
			}
			client.AddHook(count)
			entries, err := here.Invalidate(t.Context(), sel, c.Now())
			if entries == 0 || err != nil {
				t.Fatalf("%d, %v", entries, err)
			}
			sum := 0
			for _, sent := range count.sent {
				sum += sent
			}
			if sum > 100 {
				t.Errorf("it sent %v", count.sent)
			}
			if left, err := client.ZCard(t.Context(), prefix+"{t}:index").Result(); left < n/3 || err != nil {
				t.Fatalf("%d names are left, %v: the test shows nothing", left, err)
			}
			// What was before is there for nobody.
			for _, s := range replicas {
				for _, key := range keys {
					if has(t, s, key) {
						t.Fatal("an entry from before the purge is found")
					}
				}
				if has(t, s, other) != (sel.Model != "") {
					t.Errorf("what was not purged is found: %t", sel.Model == "")
				}
			}
			// What comes afterwards is, with or without what is left, and at the other replica too.
			put(t, there, keys[0], rec("after"))
			if !has(t, here, keys[0]) || !has(t, there, keys[0]) || has(t, there, keys[1]) {
				t.Error("it is not what was put after the purge that is found")
			}
			// The replica that put it knows that something is left.
			tidyUntil(t, there, func() bool {
				return client.ZScore(t.Context(), prefix+"{t}:index", "!open").Err() != nil
			})
			if !has(t, here, keys[0]) || has(t, here, keys[1]) {
				t.Error("it is not what was put after the purge that is left")
			}
			left, err := client.Keys(t.Context(), prefix+"{t}:p:*").Result()
			want := []string{prefix + "{t}:p:m::" + element(keys[0])}
			if sel.Model != "" {
				want = append(want, one)
			}
			if slices.Sort(left); !slices.Equal(left, want) || err != nil {
				t.Errorf("%d keys are left, %v", len(left), err)
			}
		})
	}
}

// tidyUntil has a store tidy up, again where the server was too slow, as its owner does.
func tidyUntil(t *testing.T, s *redis.Store, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	ended := make(chan error, 1)
	go func() {
		for {
			if err := s.Tidy(ctx); ctx.Err() != nil {
				ended <- err
				return
			}
		}
	}()
	for !done() {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

// element is an entry's name in its namespace.
func element(key cache.Key) string { return key.Fingerprint.EntryID() }

// Whatever is selected, it hides at once what was put before and nothing else, though nothing of it is removed.
func TestMarksOfPurges(t *testing.T) {
	key := storetest.Key("t", "p", "m:x", "b", "r")
	for name, tc := range map[string]struct {
		sel   cache.Selector
		found bool
	}{
		"the tenant":       {cache.Selector{Tenant: "t"}, false},
		"the provider":     {cache.Selector{Tenant: "t", Provider: "p"}, false},
		"the model":        {cache.Selector{Tenant: "t", Model: "m:x"}, false},
		"the partition":    {cache.Selector{Tenant: "t", Partition: "b"}, false},
		"the namespace":    {cache.Selector{Tenant: "t", Provider: "p", Model: "m:x", Partition: "b"}, false},
		"the entry":        {cache.Selector{Tenant: "t", Entry: key.Fingerprint}, false},
		"another provider": {cache.Selector{Tenant: "t", Provider: "m:x"}, true},
		"another model":    {cache.Selector{Tenant: "t", Model: "m"}, true},
		"the common one":   {cache.Selector{Tenant: "t", Common: true}, true},
		"another entry":    {cache.Selector{Tenant: "t", Entry: storetest.Key("", "", "", "", "s").Fingerprint}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := clocktest.New()
			s, client, prefix := open(t, c)
			rec := cache.Record{Entry: storetest.Entry("x"), Expires: c.Now().Add(time.Hour)}
			put(t, s, key, rec)
			raw, err := client.Get(t.Context(), prefix+"{t}:p:m%3Ax:b:"+element(key)).Result()
			if err != nil {
				t.Fatal(err)
			}
			put(t, s, storetest.Key("t", "q", "q", "q", "q"), rec)
			if _, err := s.Invalidate(t.Context(), tc.sel, c.Now()); err != nil {
				t.Fatal(err)
			}
			// As if nothing had been swept out yet.
			index := prefix + "{t}:index"
			member := "!" + selectorName(tc.sel)
			if err := client.Eval(t.Context(), `
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2], 4503599627370497, '!last', 4503599627370497, '!open', 4503599627370497, ARGV[3])
return redis.call('SET', KEYS[2], ARGV[4])`, []string{index, prefix + "{t}:p:m%3Ax:b:" + element(key)},
				rec.Expires.UnixMilli(), "p:m%3Ax:b:"+element(key), member, raw).Err(); err != nil {
				t.Fatal(err)
			}
			if got := has(t, s, key); got != tc.found {
				t.Errorf("found: %t", got)
			}
			put(t, s, key, rec)
			if !has(t, s, key) {
				t.Error("what was put afterwards is not found")
			}
			tidyUntil(t, s, func() bool { return client.ZScore(t.Context(), index, "!open").Err() != nil })
			if !has(t, s, key) {
				t.Error("what was put afterwards is swept out")
			}
		})
	}
}

func selectorName(sel cache.Selector) string {
	entry := ""
	if sel.Entry != (cache.Fingerprint{}) {
		entry = sel.Entry.EntryID()
	}
	esc := func(s string) string { return string(cache.AppendEscaped(nil, s)) }
	partition := esc(sel.Partition)
	if sel.Common {
		partition = "="
	}
	return esc(sel.Provider) + ":" + esc(sel.Model) + ":" + partition + ":" + entry
}

// failing has a command fail as the server's do.
type failing struct{ command string }

func (failing) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (f failing) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if cmd.Name() == f.command {
			cmd.SetErr(errors.New("ERR it fails"))
			return cmd.Err()
		}
		return next(ctx, cmd)
	}
}

func (failing) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

// A purge that was marked holds, though what it took can't be removed: that is logged, and does not
// look as if nothing had been there.
func TestPurgeThatCannotSweep(t *testing.T) {
	for name, tc := range map[string]struct{ kept, entries, warnings int }{
		"with entries": {50, 1, 1},
		"with none":    {0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := clocktest.New()
			client, prefix := redisxtest.New(t)
			var log bytes.Buffer
			s, err := redis.New(client, redis.Options{Prefix: prefix, Clock: c, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			key := func(i int) cache.Key { return storetest.Key("t", "p", "m", "", fmt.Sprint(i)) }
			for i := range tc.kept {
				put(t, s, key(i), cache.Record{Entry: storetest.Entry("x"), Expires: c.Now().Add(time.Hour)})
			}
			client.AddHook(failing{"zscan"})
			if n, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t"}, c.Now()); n != int64(tc.entries) || err != nil {
				t.Errorf("%d, %v; want %d", n, err, tc.entries)
			}
			if strings.Count(log.String(), "level=WARN") != tc.warnings || strings.Count(log.String(), "it fails") != tc.warnings {
				t.Errorf("the log: %q", log.String())
			}
			for i := range tc.kept {
				if has(t, s, key(i)) {
					t.Fatal("what was purged is found")
				}
			}
		})
	}
}

// everything counts what a client sends, in pipelines too.
type everything struct{ commands }

func (c *everything) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error {
		c.mu.Lock()
		for _, cmd := range cmds {
			c.sent[cmd.Name()]++
		}
		c.mu.Unlock()
		return next(ctx, cmds)
	}
}

func (c *everything) sum() (sum int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.sent {
		sum += n
	}
	return sum
}

// fill puts entries of one namespace, `p:m::`, in numbers, as copies of an entry that is there.
func fill(t *testing.T, client *goredis.Client, prefix string, like cache.Key, n int, end time.Time) {
	t.Helper()
	const batch = 10_000
	one := prefix + "{t}:" + like.Namespace.Provider + ":" + like.Namespace.Model + "::" + element(like)
	for i := 0; i < n; i += batch {
		err := client.Eval(t.Context(), fillScript, []string{prefix + "{t}:index", one}, prefix+"{t}:", i, min(n, i+batch)-1, end.UnixMilli()).Err()
		if err != nil {
			t.Fatal(err)
		}
	}
}

// To end nothing costs as much in a tenant of many entries as in one of few, whether nothing was ever there, or it
// was purged; what Redis evicted is gone through, so that nothing is missed.
func TestNothingIsNotSearched(t *testing.T) {
	there := storetest.Key("t", "p", "m", "", "there")
	for name, tc := range map[string]struct {
		sel   cache.Selector
		purge bool // it is purged before, of what was there
		evict bool
		ended bool
	}{
		"a provider":                   {sel: cache.Selector{Tenant: "t", Provider: "none"}},
		"a model":                      {sel: cache.Selector{Tenant: "t", Model: "none"}},
		"a partition":                  {sel: cache.Selector{Tenant: "t", Partition: "none"}},
		"a namespace":                  {sel: cache.Selector{Tenant: "t", Provider: "p", Model: "m", Partition: "none"}},
		"an entry":                     {sel: cache.Selector{Tenant: "t", Entry: cache.Fingerprint{1}}},
		"a model that was purged":      {sel: cache.Selector{Tenant: "t", Model: "m"}, purge: true},
		"a namespace that was purged":  {sel: cache.Selector{Tenant: "t", Provider: "p", Model: "m", Common: true}, purge: true},
		"a model, evicted":             {sel: cache.Selector{Tenant: "t", Model: "m"}, evict: true, ended: true},
		"a namespace, evicted":         {sel: cache.Selector{Tenant: "t", Provider: "p", Model: "m", Common: true}, evict: true, ended: true},
		"an entry, evicted":            {sel: cache.Selector{Tenant: "t", Model: "m", Entry: there.Fingerprint}, evict: true, ended: true},
		"a model, purged and evicted":  {sel: cache.Selector{Tenant: "t", Model: "m"}, purge: true, evict: true},
		"an entry of a purged model":   {sel: cache.Selector{Tenant: "t", Entry: there.Fingerprint}, purge: true},
		"the entry of a purged model":  {sel: there.Selector(), purge: true},
		"the tenant that has one left": {sel: cache.Selector{Tenant: "t"}, purge: true, ended: true, evict: true},
	} {
		for _, life := range []time.Duration{0, time.Minute} {
			t.Run(fmt.Sprintf("%s, %v", name, life), func(t *testing.T) {
				c := clocktest.New()
				s, client, prefix := open(t, c)
				rec := cache.Record{Entry: storetest.Entry("x"), Expires: c.Now().Add(time.Hour)}
				other := storetest.Key("t", "q", "n", "", "other")
				put(t, s, there, rec)
				put(t, s, other, rec)
				fill(t, client, prefix, there, 12_000, rec.Expires)
				if tc.purge {
					if n, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t", Model: "m"}, c.Now()); n == 0 || err != nil {
						t.Fatalf("%d, %v", n, err)
					}
				}
				if tc.evict {
					if err := client.Del(t.Context(), prefix+"{t}:namespaces").Err(); err != nil {
						t.Fatal(err)
					}
					put(t, s, other, rec) // it notes its own namespace alone
				}
				count := &everything{commands{sent: map[string]int{}}}
				client.AddHook(count)
				n, err := s.Invalidate(t.Context(), tc.sel, c.Now().Add(life))
				if err != nil || (n > 0) != tc.ended {
					t.Errorf("%d, %v", n, err)
				}
				if !tc.evict && count.sum() > 10 {
					t.Errorf("it sent %v", count.sent)
				}
				if tc.purge && tc.ended && n != 1 {
					t.Errorf("%d are counted of one that was left", n)
				}
				if life == 0 && tc.ended && has(t, s, there) {
					t.Error("an entry that was purged is found")
				}
				if !tc.ended && !has(t, s, other) {
					t.Error("another entry is gone")
				}
				// What is put into a namespace after its purge is purged with the next.
				put(t, s, there, rec)
				if n, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t", Model: "m"}, c.Now()); n == 0 || err != nil || has(t, s, there) {
					t.Errorf("what came afterwards is there: %d, %v", n, err)
				}
			})
		}
	}
}

// What was purged and not removed yet is shortened by nobody, and counts for nothing; what came
// afterwards is and does. The same holds for an entry that is named.
func TestWhatWasPurgedIsNotShortened(t *testing.T) {
	c := clocktest.New()
	client, prefix := redisxtest.New(t)
	s, err := redis.New(client, redis.Options{Prefix: prefix, Clock: c}.Small(2, 100, 0))
	if err != nil {
		t.Fatal(err)
	}
	rec := func() cache.Record {
		return cache.Record{Entry: storetest.Entry("x"), Expires: c.Now().Add(time.Hour)}
	}
	after := storetest.Key("t", "p", "m", "", "after")
	put(t, s, after, rec())
	fill(t, client, prefix, after, 2_000, rec().Expires)
	if _, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t", Provider: "p"}, c.Now()); err != nil {
		t.Fatal(err)
	}
	put(t, s, after, rec())
	left, err := client.ZRangeArgs(t.Context(), goredis.ZRangeArgs{
		Key: prefix + "{t}:index", ByScore: true, Start: "-inf", Stop: rec().Expires.UnixMilli(),
	}).Result()
	if len(left) < 1_000 || err != nil {
		t.Fatalf("%d are left, %v: the test shows nothing", len(left), err)
	}
	for _, sel := range []cache.Selector{{Tenant: "t"}, {Tenant: "t", Model: "m"}, after.Selector()} {
		put(t, s, after, rec())
		if n, err := s.Invalidate(t.Context(), sel, c.Now().Add(time.Minute)); n != 1 || err != nil {
			t.Errorf("of %+v %d are shortened, %v; want the one that lives", sel, n, err)
		}
		if n, err := client.ZCount(t.Context(), prefix+"{t}:index", "-inf", fmt.Sprint(c.Now().Add(time.Minute).UnixMilli())).Result(); n != 1 || err != nil {
			t.Errorf("of %+v %d end sooner, %v", sel, n, err)
		}
	}
	name := slices.IndexFunc(left, func(name string) bool { return !strings.HasSuffix(name, element(after)) })
	old := after
	if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(left[name], "p:m::")); err != nil || copy(old.Fingerprint[:], raw) != len(raw) {
		t.Fatal(err)
	}
	if n, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t"}, c.Now()); n != 1 || err != nil {
		t.Errorf("another purge takes %d, %v; want the one that lives", n, err)
	}
	for _, life := range []time.Duration{time.Minute, 0} {
		if n, err := s.Invalidate(t.Context(), old.Selector(), c.Now().Add(life)); n != 0 || err != nil {
			t.Errorf("%v: of an entry that was purged %d are ended, %v", life, n, err)
		}
	}
}
