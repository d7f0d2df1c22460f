// Package storetest is what every cache.Store must do, as tests.
package storetest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache"
)

// Open returns an empty store that tells the time by the clock and has room for some
// megabytes.
type Open func(t *testing.T, c clock.Clock) cache.Store

// Run holds a store to [cache.Store]'s contract.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *fixture){
		"RoundTrip":   testRoundTrip,
		"Isolation":   testIsolation,
		"Replace":     testReplace,
		"Expiry":      testExpiry,
		"Invalidate":  testInvalidate,
		"OneEntry":    testOneEntry,
		"Shorten":     testShorten,
		"Purged":      testPurged,
		"ManyEntries": testManyEntries,
		"Concurrency": testConcurrency,
	} {
		t.Run(name, func(t *testing.T) {
			c := clocktest.New()
			test(t, &fixture{Store: open(t, c), clock: c})
		})
	}
}

// Key is a key of tests: the same names give the same key.
func Key(tenant, provider, model, partition, request string) cache.Key {
	return cache.Key{
		Namespace:   cache.Namespace{Tenant: tenant, Provider: provider, Model: model, Partition: partition},
		Fingerprint: sha256.Sum256([]byte(request)),
	}
}

// Entry is an entry with everything in it, and a body that tells it from others.
func Entry(body string) *cachev1.Entry {
	return &cachev1.Entry{
		Body: []byte(body), Chunks: [][]byte{[]byte(`{"chunk":1}`), {}, []byte(`{"chunk":2}`)},
		Usage:     &usagev1.Usage{Input: 12, CachedInput: 3, Output: 1 << 40, Estimated: true, ServiceTier: "flex"},
		CostNanos: 1_250_000, Provider: "openai", UpstreamModel: "gpt-4o-2024-11-20",
		CreatedMillis: clocktest.Start.UnixMilli(), DeploymentId: "d1", Simulated: true, DroppedParams: []string{"seed", "logit_bias"},
	}
}

type fixture struct {
	cache.Store
	clock *clocktest.Fake
}

func (f *fixture) put(t *testing.T, key cache.Key, body string, life time.Duration) {
	t.Helper()
	ok, err := f.Put(t.Context(), key, cache.Record{Entry: Entry(body), Expires: f.clock.Now().Add(life)})
	if err != nil || !ok {
		t.Fatalf("put: %t, %v", ok, err)
	}
}

// body is the body under the key, or "" for none.
func (f *fixture) body(t *testing.T, key cache.Key) string {
	t.Helper()
	rec, ok, err := f.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return ""
	}
	return string(rec.Entry.GetBody())
}

func (f *fixture) want(t *testing.T, key cache.Key, body string) {
	t.Helper()
	if got := f.body(t, key); got != body {
		t.Errorf("%q has %q, want %q", key.Namespace, got, body)
	}
}

func (f *fixture) invalidate(t *testing.T, sel cache.Selector, life time.Duration, want int64) {
	t.Helper()
	n, err := f.Invalidate(t.Context(), sel, f.clock.Now().Add(life))
	if err != nil || n != want {
		t.Errorf("invalidating %+v: %d, %v; want %d", sel, n, err, want)
	}
}

// testPurged puts answers to calls that were made before a purge and come after it.
func testPurged(t *testing.T, f *fixture) {
	t.Helper()
	key := Key("t", "openai", "gpt-4o", "p", "r")
	for name, tc := range map[string]struct {
		sel  cache.Selector
		kept bool
	}{
		"the tenant":       {cache.Selector{Tenant: "t"}, false},
		"the provider":     {cache.Selector{Tenant: "t", Provider: "openai"}, false},
		"the model":        {cache.Selector{Tenant: "t", Provider: "openai", Model: "gpt-4o"}, false},
		"the partition":    {cache.Selector{Tenant: "t", Partition: "p"}, false},
		"the entry":        {cache.Selector{Tenant: "t", Entry: key.Fingerprint}, false},
		"all of it":        {cache.Selector{Tenant: "t", Provider: "openai", Model: "gpt-4o", Partition: "p", Entry: key.Fingerprint}, false},
		"another tenant":   {cache.Selector{Tenant: "u"}, true},
		"another provider": {cache.Selector{Tenant: "t", Provider: "groq"}, true},
		"another model":    {cache.Selector{Tenant: "t", Model: "gpt-4o-mini"}, true},
		"another entry":    {cache.Selector{Tenant: "t", Entry: Key("t", "", "", "", "s").Fingerprint}, true},
		"the common one":   {cache.Selector{Tenant: "t", Common: true}, true},
	} {
		before := f.clock.Now()
		f.clock.Advance(time.Millisecond)
		if _, err := f.Invalidate(t.Context(), tc.sel, f.clock.Now()); err != nil {
			t.Fatal(err)
		}
		put := func(asked time.Time) bool {
			ok, err := f.Put(t.Context(), key, cache.Record{Entry: Entry(name), Expires: f.clock.Now().Add(time.Minute), Asked: asked})
			if err != nil {
				t.Fatal(err)
			}
			if there := f.body(t, key) == name; ok != there {
				t.Errorf("%s is purged: stored is %t, and there %t", name, ok, there)
			}
			return ok
		}
		f.clock.Advance(time.Millisecond)
		if kept := put(before); kept != tc.kept {
			t.Errorf("%s is purged: an earlier call's answer is kept: %t", name, kept)
		}
		if !put(f.clock.Now()) || !put(time.Time{}) {
			t.Errorf("%s is purged: a later call's answer is not kept", name)
		}
		if stale, err := f.Put(t.Context(), key, cache.Record{Entry: Entry("stale"), Expires: f.clock.Now().Add(time.Minute), Asked: before}); err != nil || stale != tc.kept {
			t.Errorf("%s is purged: an earlier call's answer is kept after a later one's: %t, %v", name, stale, err)
		}
		if got := f.body(t, key); (got == "stale") != tc.kept || got == "" {
			t.Errorf("%s is purged: a later call's answer became %q by an earlier one's", name, got)
		}
		if _, err := f.Invalidate(t.Context(), cache.Selector{Tenant: "t"}, f.clock.Now()); err != nil {
			t.Fatal(err)
		}
		f.clock.Advance(time.Millisecond)
	}
	// So many purges that they are not remembered one by one.
	asked := f.clock.Now()
	f.clock.Advance(time.Millisecond)
	for i := range 5000 {
		if _, err := f.Invalidate(t.Context(), cache.Selector{Tenant: "t", Entry: Key("t", "", "", "", fmt.Sprint(i)).Fingerprint}, f.clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	first := Key("t", "openai", "gpt-4o", "p", "0")
	if ok, err := f.Put(t.Context(), first, cache.Record{Entry: Entry("a"), Expires: f.clock.Now().Add(time.Minute), Asked: asked}); ok || err != nil {
		t.Errorf("the first of many purges is forgotten: %t, %v", ok, err)
	}
}

func testRoundTrip(t *testing.T, f *fixture) {
	t.Helper()
	key := Key("t", "openai", "gpt-4o", "", "r")
	f.want(t, key, "")
	for _, entry := range []*cachev1.Entry{
		Entry("answer"), {Body: []byte{0, 255, 1}}, {Chunks: [][]byte{[]byte("x")}}, Entry(string(bytes.Repeat([]byte("long "), 100_000))),
	} {
		want := proto.Clone(entry)
		expires := f.clock.Now().Add(90 * time.Second)
		if ok, err := f.Put(t.Context(), key, cache.Record{Entry: entry, Expires: expires}); err != nil || !ok {
			t.Fatalf("put: %t, %v", ok, err)
		}
		rec, ok, err := f.Get(t.Context(), key)
		if err != nil || !ok {
			t.Fatalf("get: %t, %v", ok, err)
		}
		if !proto.Equal(rec.Entry, want) || !rec.Expires.Equal(expires) {
			t.Errorf("got %d bytes until %v, want %d until %v", proto.Size(rec.Entry), rec.Expires, proto.Size(want), expires)
		}
	}
}

// Names that run into each other when joined, and that mean something to a store.
func hostile() []string {
	return []string{"a", "b", "a:b", "b:a", ":", "a:", ":a", "*", "?", "a*", "[a]", "a\\", "{a}", "}", "{", "%3A", "%", "a%3Ab", "\x00", "é", "\xff", "index", " ", "="}
}

func testIsolation(t *testing.T, f *fixture) {
	t.Helper()
	var keys []cache.Key
	for _, a := range hostile() {
		keys = append(keys, Key(a, "p", "m", "", "r"), Key("t", a, "m", "", "r"), Key("t", "p", a, "", "r"), Key("t", "p", "m", a, "r"))
		for _, b := range []string{"a", ":", "a:b", "b:a", "%3A"} {
			keys = append(keys, Key(a, b, "m", "", "r"), Key("t", a, b, "", "r"), Key("t", "p", a, b, "r"))
		}
	}
	keys = append(keys, Key("t", "p", "m", "", "r"), Key("t", "p", "m", "", "other"))
	seen := map[cache.Key]bool{}
	var unique []cache.Key
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			unique = append(unique, k)
		}
	}
	for i, k := range unique {
		f.want(t, k, "")
		f.put(t, k, fmt.Sprint(i), time.Hour)
	}
	for i, k := range unique {
		f.want(t, k, fmt.Sprint(i))
	}
	// And a purge takes what is its own, whatever the names hold.
	for i, k := range unique {
		if f.body(t, k) == "" {
			continue // an earlier one took it
		}
		sel := cache.Selector{Tenant: k.Namespace.Tenant, Provider: k.Namespace.Provider, Model: k.Namespace.Model, Partition: k.Namespace.Partition}
		sel.Common = sel.Partition == "" && i%2 == 0
		var want int64
		for _, other := range unique[i:] {
			if sel.Matches(other.Namespace) && f.body(t, other) != "" {
				want++
			}
		}
		f.invalidate(t, sel, 0, want)
		for j, other := range unique[i:] {
			if gone := f.body(t, other) == ""; sel.Matches(other.Namespace) != gone && !gone {
				t.Fatalf("%q is left of %+v, entry %d", other.Namespace, sel, i+j)
			}
		}
		if i > 40 {
			break // it goes by the square
		}
	}
}

func testReplace(t *testing.T, f *fixture) {
	t.Helper()
	key := Key("t", "p", "m", "", "r")
	f.put(t, key, "first", time.Hour)
	f.put(t, key, "second", time.Minute)
	f.want(t, key, "second")
	f.clock.Advance(time.Minute)
	f.want(t, key, "")
	f.put(t, key, "third", 2*time.Hour)
	f.clock.Advance(time.Hour)
	f.want(t, key, "third")
	f.invalidate(t, cache.Selector{Tenant: "t"}, 0, 1)
}

func testExpiry(t *testing.T, f *fixture) {
	t.Helper()
	short, long := Key("t", "p", "m", "", "short"), Key("t", "p", "m", "", "long")
	f.put(t, short, "short", time.Second)
	f.put(t, long, "long", time.Hour)
	f.clock.Advance(time.Second - time.Millisecond)
	f.want(t, short, "short")
	f.clock.Advance(time.Millisecond)
	f.want(t, short, "")
	f.want(t, long, "long")
	f.put(t, Key("t", "p", "m", "", "another"), "another", time.Hour) // may clear up
	f.invalidate(t, cache.Selector{Tenant: "t"}, 0, 2)                // the expired one is not counted
	f.want(t, long, "")
}

func testInvalidate(t *testing.T, f *fixture) {
	t.Helper()
	fill := func() (keys []cache.Key) {
		for _, tenant := range []string{"t1", "t2"} {
			for _, provider := range []string{"openai", "*"} {
				for _, model := range []string{"gpt-4o", "gpt-4o-mini"} {
					for _, partition := range []string{"", "blue", "gpt-4o"} { // one has a model's name
						for _, request := range []string{"a", "b"} {
							keys = append(keys, Key(tenant, provider, model, partition, request))
						}
					}
				}
			}
		}
		for _, k := range keys {
			f.put(t, k, "x", time.Hour)
		}
		return keys
	}
	for _, tc := range []struct {
		sel  cache.Selector
		want int64
	}{
		{cache.Selector{Tenant: "t1"}, 24},
		{cache.Selector{Tenant: "t1", Provider: "openai"}, 12},
		{cache.Selector{Tenant: "t1", Provider: "*"}, 12},
		{cache.Selector{Tenant: "t1", Model: "gpt-4o"}, 12},
		{cache.Selector{Tenant: "t1", Partition: "blue"}, 8},
		{cache.Selector{Tenant: "t1", Common: true}, 8},
		{cache.Selector{Tenant: "t1", Provider: "openai", Model: "gpt-4o", Common: true}, 2},
		{cache.Selector{Tenant: "t1", Provider: "openai", Model: "gpt-4o"}, 6},
		{cache.Selector{Tenant: "t1", Provider: "openai", Model: "gpt-4o", Partition: "gpt-4o"}, 2},
		{cache.Selector{Tenant: "t1", Model: "gpt-4"}, 0},
		{cache.Selector{Tenant: "t3"}, 0},
		{cache.Selector{Tenant: "*"}, 0},
	} {
		keys := fill()
		f.invalidate(t, tc.sel, 0, tc.want)
		for _, k := range keys {
			want := "x"
			if tc.sel.Matches(k.Namespace) {
				want = ""
			}
			f.want(t, k, want)
		}
		f.invalidate(t, tc.sel, 0, 0)
	}
	// What is stored afterwards is found.
	f.put(t, Key("t1", "openai", "gpt-4o", "", "a"), "new", time.Hour)
	f.want(t, Key("t1", "openai", "gpt-4o", "", "a"), "new")
}

// A single entry is named by its fingerprint, in all of a tenant's namespaces or in those
// that are given.
func testOneEntry(t *testing.T, f *fixture) {
	t.Helper()
	var keys []cache.Key
	for _, tenant := range []string{"t1", "t2"} {
		for _, model := range []string{"a", "b"} {
			for _, partition := range []string{"", "blue"} {
				for _, request := range []string{"one", "other", "third"} {
					keys = append(keys, Key(tenant, "p", model, partition, request))
				}
			}
		}
	}
	one := Key("", "", "", "", "one").Fingerprint
	for _, tc := range []struct {
		sel  cache.Selector
		want int64
	}{
		{cache.Selector{Tenant: "t1", Entry: one}, 4},
		{cache.Selector{Tenant: "t1", Provider: "p", Entry: one}, 4},
		{cache.Selector{Tenant: "t1", Model: "a", Entry: one}, 2},
		{cache.Selector{Tenant: "t1", Provider: "p", Model: "a", Partition: "blue", Entry: one}, 1},
		{cache.Selector{Tenant: "t1", Common: true, Entry: one}, 2},
		{Key("t1", "p", "a", "", "one").Selector(), 1},
		{Key("t1", "p", "a", "red", "one").Selector(), 0},
		{cache.Selector{Tenant: "t1", Model: "c", Entry: one}, 0},
		{cache.Selector{Tenant: "t1", Entry: cache.Fingerprint{1}}, 0},
	} {
		for _, life := range []time.Duration{time.Minute, 0} {
			for _, k := range keys {
				f.put(t, k, "x", time.Hour)
			}
			f.invalidate(t, tc.sel, life, tc.want)
			f.clock.Advance(life)
			for _, k := range keys {
				want := "x"
				if tc.sel.Selects(k) {
					want = ""
				}
				f.want(t, k, want)
			}
			f.invalidate(t, tc.sel, 0, 0)
		}
	}
}

func testShorten(t *testing.T, f *fixture) {
	t.Helper()
	long, short, other := Key("t", "p", "m", "", "long"), Key("t", "p", "m", "", "short"), Key("t", "p", "other", "", "long")
	f.put(t, long, "long", time.Hour)
	f.put(t, short, "short", time.Second)
	f.put(t, other, "other", time.Hour)
	sel := cache.Selector{Tenant: "t", Model: "m"}
	f.invalidate(t, sel, time.Minute, 1) // the short one ends earlier anyway
	f.invalidate(t, sel, time.Hour, 0)   // nothing is made longer
	rec, _, err := f.Get(t.Context(), long)
	if want := f.clock.Now().Add(time.Minute); err != nil || !rec.Expires.Equal(want) {
		t.Errorf("ends at %v, %v; want %v", rec.Expires, err, want)
	}
	f.clock.Advance(time.Second)
	f.want(t, short, "")
	f.clock.Advance(time.Minute - time.Second - time.Millisecond)
	f.want(t, long, "long")
	f.clock.Advance(time.Millisecond)
	f.want(t, long, "")
	f.want(t, other, "other")
	f.put(t, long, "again", time.Hour) // a new entry has its own life
	f.clock.Advance(2 * time.Minute)
	f.want(t, long, "again")
}

// More than a store looks at in one go.
func testManyEntries(t *testing.T, f *fixture) {
	t.Helper()
	const n = 2500
	for i := range n {
		f.put(t, Key("t", "p", fmt.Sprint("m", i%3), "", fmt.Sprint(i)), "x", time.Duration(1+i%2)*time.Hour)
	}
	f.invalidate(t, cache.Selector{Tenant: "t"}, time.Hour, n/2)
	f.invalidate(t, cache.Selector{Tenant: "t", Model: "m0"}, 0, (n+2)/3)
	f.invalidate(t, cache.Selector{Tenant: "t"}, 0, n-(n+2)/3)
	for i := range n {
		f.want(t, Key("t", "p", fmt.Sprint("m", i%3), "", fmt.Sprint(i)), "")
	}
}

func testConcurrency(t *testing.T, f *fixture) {
	t.Helper()
	const workers, rounds = 8, 60
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			tenant := fmt.Sprint("t", w%4)
			for i := range rounds {
				key := Key(tenant, "p", "m", "", fmt.Sprint(i%10))
				rec := cache.Record{Entry: Entry(tenant), Expires: f.clock.Now().Add(time.Hour)}
				if _, err := f.Put(t.Context(), key, rec); err != nil {
					t.Error(err)
				}
				if rec, ok, err := f.Get(t.Context(), key); err != nil || ok && string(rec.Entry.GetBody()) != tenant {
					t.Errorf("%s got %q, %v", tenant, rec.Entry.GetBody(), err)
				}
				if i%20 == 19 {
					if _, err := f.Invalidate(t.Context(), cache.Selector{Tenant: tenant}, f.clock.Now().Add(time.Duration(i%2)*time.Minute)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	for w := range 4 {
		tenant := fmt.Sprint("t", w)
		if _, err := f.Invalidate(t.Context(), cache.Selector{Tenant: tenant}, f.clock.Now()); err != nil {
			t.Error(err)
		}
		for i := range 10 {
			f.want(t, Key(tenant, "p", "m", "", fmt.Sprint(i)), "")
		}
	}
}
