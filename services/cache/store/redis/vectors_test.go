package redis_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
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

// direction is a vector at an angle to (1, 0), in degrees.
func direction(degrees float64) []int8 {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	return []int8{int8(math.Round(127 * cos)), int8(math.Round(127 * sin))}
}

func scope() cache.Scope {
	return cache.Scope{Namespace: cache.Namespace{Tenant: "t", Provider: "p", Model: "m"}, Context: [32]byte{1}, Embedder: "e"}
}

// vectorStore is a store in whose vector sets is what [place] puts.
func vectorStore(t *testing.T, v redisxtest.Version, log *bytes.Buffer) (*redis.Store, *clocktest.Fake, func() []string) {
	t.Helper()
	s, c, client, prefix := vectorStoreOver(t, v, log)
	return s, c, func() []string { return keys(t, client, prefix) }
}

func vectorStoreOver(t *testing.T, v redisxtest.Version, log *bytes.Buffer) (*redis.Store, *clocktest.Fake, *goredis.Client, string) {
	t.Helper()
	client, prefix := v.New(t)
	c := clocktest.New()
	s, err := redis.New(client, redis.Options{Prefix: prefix, Clock: c, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s, c, client, prefix
}

func place(t *testing.T, s *redis.Store, c *clocktest.Fake, sc cache.Scope, text string, vector []int8, life time.Duration) {
	t.Helper()
	key := storetest.Key(sc.Namespace.Tenant, sc.Namespace.Provider, sc.Namespace.Model, sc.Namespace.Partition, text)
	kept := &cache.Kept{Question: cache.Question{Context: sc.Context, Text: text}, Vector: vector, Embedder: sc.Embedder}
	put(t, s, key, cache.Record{Entry: storetest.Entry(text), Expires: c.Now().Add(life), Announce: kept})
	if err := s.Keep(t.Context(), []cache.Key{key}); err != nil {
		t.Fatal(err)
	}
}

func near(t *testing.T, s *redis.Store, sc cache.Scope, vector []int8, k int, floor float64) (texts []string) {
	t.Helper()
	found, err := s.Near(t.Context(), sc, vector, k, floor)
	if err != nil {
		t.Fatal(err)
	}
	for _, kept := range found {
		if want := storetest.Key(sc.Namespace.Tenant, sc.Namespace.Provider, sc.Namespace.Model, sc.Namespace.Partition, kept.Question.Text); kept.Key != want {
			t.Errorf("%q has the key %v", kept.Question.Text, kept.Key)
		}
		texts = append(texts, kept.Question.Text)
	}
	return texts
}

func TestNear(t *testing.T) {
	var log bytes.Buffer
	s, c, left := vectorStore(t, redisxtest.Versions()[0], &log)
	if got := near(t, s, scope(), direction(0), 5, 0); got != nil {
		t.Errorf("nothing was kept, and %q is found", got)
	}
	for degrees := 0; degrees <= 90; degrees += 10 {
		place(t, s, c, scope(), fmt.Sprint(degrees), direction(float64(degrees)), time.Duration(degrees+10)*time.Minute)
	}
	if got := near(t, s, scope(), direction(1), 3, 0); !slices.Equal(got, []string{"0", "10", "20"}) {
		t.Errorf("the nearest are %q", got)
	}
	// The cosine of 11° is 0.982, that of 19° 0.946.
	if got := near(t, s, scope(), direction(31), 9, 0.97); !slices.Equal(got, []string{"30", "40", "20"}) {
		t.Errorf("above the floor are %q", got)
	}
	// Nothing of another scope.
	for name, change := range map[string]func(*cache.Scope){
		"tenant":    func(sc *cache.Scope) { sc.Namespace.Tenant = "u" },
		"model":     func(sc *cache.Scope) { sc.Namespace.Model = "n" },
		"partition": func(sc *cache.Scope) { sc.Namespace.Partition = "x" },
		"context":   func(sc *cache.Scope) { sc.Context[31] = 1 },
		"embedder":  func(sc *cache.Scope) { sc.Embedder = "f" },
	} {
		other := scope()
		change(&other)
		if got := near(t, s, other, direction(0), 9, -1); got != nil {
			t.Errorf("another %s finds %q", name, got)
		}
	}
	// What has expired, or was purged, is not found, and makes room for what lives.
	c.Advance(20 * time.Minute)
	if n, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t", Entry: storetest.Key("", "", "", "", "20").Fingerprint}, c.Now()); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if got := near(t, s, scope(), direction(1), 3, 0); !slices.Equal(got, []string{"30", "40", "50"}) {
		t.Errorf("the nearest that live are %q", got)
	}
	if _, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t", Model: "m"}, c.Now()); err != nil {
		t.Fatal(err)
	}
	for _, k := range left() {
		if !strings.HasSuffix(k, ":changes") && !strings.HasSuffix(k, ":purged") && !strings.HasSuffix(k, ":index") && !strings.HasSuffix(k, ":namespaces") {
			t.Errorf("a purge leaves %s", k)
		}
	}
	if log.Len() > 0 {
		t.Errorf("the log: %s", log.String())
	}
}

// A Redis without vector sets does without; the log says so once.
func TestNearWithoutVectorSets(t *testing.T) {
	var log bytes.Buffer
	s, c, _ := vectorStore(t, redisxtest.Versions()[1], &log)
	for i := range 3 {
		place(t, s, c, scope(), fmt.Sprint(i), direction(0), time.Hour)
		if got := near(t, s, scope(), direction(0), 3, 0); got != nil {
			t.Errorf("found %q", got)
		}
	}
	for _, sel := range []cache.Selector{{Tenant: "t", Entry: storetest.Key("", "", "", "", "0").Fingerprint}, {Tenant: "t"}} {
		if n, err := s.Invalidate(t.Context(), sel, c.Now()); n == 0 || err != nil {
			t.Errorf("a purge takes %d, %v", n, err)
		}
	}
	// It is asked again after a while.
	asked := redis.AskAgain(s)
	if near(t, s, scope(), direction(0), 3, 0); redis.AskAgain(s) != asked {
		t.Error("it is asked again at once")
	}
	c.Advance(5 * time.Minute)
	if near(t, s, scope(), direction(0), 3, 0); redis.AskAgain(s) == asked {
		t.Error("it is never asked again")
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "no vector sets") {
		t.Errorf("the log:\n%s", log.String())
	}
}

// What no process had to let go takes no room in vector sets; what is gone, or has no vector, gets none.
func TestKeep(t *testing.T) {
	client, prefix := redisxtest.New(t)
	c := clocktest.New()
	s, err := redis.New(client, redis.Options{Prefix: prefix, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	var all []cache.Key
	for i := range 5 {
		text := fmt.Sprint(i)
		key := storetest.Key("t", "p", "m", "", text)
		kept := &cache.Kept{Question: cache.Question{Context: scope().Context, Text: text}, Vector: direction(float64(i)), Embedder: "e"}
		if i == 2 {
			kept.Vector = nil
		}
		put(t, s, key, cache.Record{Entry: storetest.Entry(text), Expires: c.Now().Add(time.Hour), Announce: kept})
		all = append(all, key)
	}
	if got := near(t, s, scope(), direction(0), 9, 0); got != nil {
		t.Errorf("nothing was let go, and %q is found", got)
	}
	if _, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t", Entry: all[3].Fingerprint}, c.Now()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // once more changes nothing
		if err := s.Keep(t.Context(), append(all[1:], storetest.Key("t", "p", "m", "", "of nobody"))); err != nil {
			t.Fatal(err)
		}
		if got := near(t, s, scope(), direction(0), 9, 0); !slices.Equal(got, []string{"1", "4"}) {
			t.Errorf("found %q", got)
		}
	}
}

// Of real sizes: what is nearest is found among thousands.
func TestNearRecall(t *testing.T) {
	var log bytes.Buffer
	s, c, _ := vectorStore(t, redisxtest.Versions()[0], &log)
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same vectors each time
	random := func() []int8 {
		v := make([]int8, 256)
		for i := range v {
			v[i] = int8(r.IntN(255) - 127)
		}
		return v
	}
	const n, asked = 500, 50
	all := make([][]int8, n)
	for i := range all {
		all[i] = random()
		place(t, s, c, scope(), fmt.Sprint(i), all[i], time.Hour)
	}
	found := 0
	for i := range asked {
		query := slices.Clone(all[i])
		for j := range 32 { // an eighth is another
			query[j] = -query[j]
		}
		if got := near(t, s, scope(), query, 4, 0.6); slices.Contains(got, fmt.Sprint(i)) {
			found++
		}
	}
	t.Logf("%d of %d found", found, asked)
	if found < asked*97/100 {
		t.Errorf("%d of %d found", found, asked)
	}
}

// kept is how many vectors there are, in how many sets, by the sets themselves and by what is noted.
func kept(t *testing.T, client *goredis.Client, prefix string) (vectors, sets int64) {
	t.Helper()
	for _, key := range keys(t, client, prefix) {
		if strings.HasSuffix(key, ":vs") {
			n, err := client.VCard(t.Context(), key).Result()
			if err != nil {
				t.Fatal(err)
			}
			vectors, sets = vectors+n, sets+1
		}
	}
	// The name of a set is there until the last that was in it would have ended.
	if n, err := client.ZCard(t.Context(), prefix+"{t}:vectorsets").Result(); n > sets+1 || err != nil {
		t.Errorf("%d sets have %d names, %v", sets, n, err)
	}
	if n, err := client.ZCard(t.Context(), prefix+"{t}:vectorends").Result(); n != vectors || err != nil {
		t.Errorf("%d vectors have %d ends, %v", vectors, n, err)
	}
	return vectors, sets
}

// Vectors leave with their entries as new ones come, though nobody searches; so do the sets that
// have none any more.
func TestVectorSetsDoNotGrow(t *testing.T) {
	var log bytes.Buffer
	s, c, client, prefix := vectorStoreOver(t, redisxtest.Versions()[0], &log)
	sc := scope()
	for i := range 300 {
		sc.Context = [32]byte{byte(i / 3 % 256), byte(i / 3 / 256)} // three questions in each
		place(t, s, c, sc, fmt.Sprint(i), direction(float64(i%90)), 30*time.Second)
		c.Advance(time.Second)
		if vectors, sets := kept(t, client, prefix); vectors > 30 || sets > 11 {
			t.Fatalf("after %d there are %d vectors in %d sets", i, vectors, sets)
		}
	}
	// What has ended while nothing came leaves some at a time.
	c.Advance(time.Minute)
	before, _ := kept(t, client, prefix)
	place(t, s, c, sc, "next", direction(0), time.Minute)
	if after, _ := kept(t, client, prefix); after >= before || after < before-8 {
		t.Errorf("of %d vectors that ended %d are there when one comes", before, after)
	}
	for i := range 3 {
		place(t, s, c, sc, fmt.Sprint("next", i), direction(0), time.Minute)
	}
	if vectors, sets := kept(t, client, prefix); vectors != 4 || sets != 1 {
		t.Errorf("there are %d vectors in %d sets", vectors, sets)
	}
	// An entry that is put again ends when it says then.
	place(t, s, c, sc, "next", direction(0), time.Hour)
	c.Advance(2 * time.Minute)
	place(t, s, c, sc, "last", direction(90), time.Minute)
	if got := near(t, s, sc, direction(0), 3, 0.9); !slices.Equal(got, []string{"next"}) {
		t.Errorf("found %q", got)
	}
	if vectors, _ := kept(t, client, prefix); vectors != 2 {
		t.Errorf("there are %d vectors", vectors)
	}
}

// What has ended stands in nobody's way, however much of it is nearer.
func TestNearBehindTheDead(t *testing.T) {
	var log bytes.Buffer
	s, c, _ := vectorStore(t, redisxtest.Versions()[0], &log)
	place(t, s, c, scope(), "lives", direction(30), time.Hour)
	for i := range 100 {
		place(t, s, c, scope(), fmt.Sprint(i), direction(float64(i)/10), time.Minute)
	}
	if got := near(t, s, scope(), direction(0), 3, 0.5); len(got) != 3 || slices.Contains(got, "lives") {
		t.Errorf("while they live the nearest are %q", got)
	}
	c.Advance(time.Minute)
	if got := near(t, s, scope(), direction(0), 3, 0.5); !slices.Equal(got, []string{"lives"}) {
		t.Errorf("behind them is %q", got)
	}
}

// A purge takes the vectors of what it purges, and no others.
func TestPurgeTakesVectors(t *testing.T) {
	other, blue := scope(), scope()
	other.Namespace.Model, blue.Namespace.Partition = "n", "blue"
	one := storetest.Key("t", "p", "m", "", "one")
	for name, tc := range map[string]struct {
		sel           cache.Selector
		vectors, sets int64 // that are left of 5 in 3
	}{
		"the tenant":         {cache.Selector{Tenant: "t"}, 0, 0},
		"a model":            {cache.Selector{Tenant: "t", Model: "m"}, 2, 1},
		"a partition":        {cache.Selector{Tenant: "t", Partition: "blue"}, 4, 2},
		"an entry":           {cache.Selector{Tenant: "t", Entry: one.Fingerprint}, 2, 2},
		"an entry with name": {cache.Selector{Tenant: "t", Provider: "p", Model: "m", Partition: "blue", Entry: one.Fingerprint}, 4, 2},
		"another tenant":     {cache.Selector{Tenant: "u"}, 5, 3},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			s, c, client, prefix := vectorStoreOver(t, redisxtest.Versions()[0], &log)
			for _, text := range []string{"one", "two"} {
				place(t, s, c, scope(), text, direction(0), time.Hour)
				place(t, s, c, other, text, direction(10), time.Hour)
			}
			place(t, s, c, blue, "one", direction(0), time.Hour)
			if vectors, sets := kept(t, client, prefix); vectors != 5 || sets != 3 {
				t.Fatalf("there are %d vectors in %d sets", vectors, sets)
			}
			if _, err := s.Invalidate(t.Context(), tc.sel, c.Now()); err != nil {
				t.Fatal(err)
			}
			if vectors, sets := kept(t, client, prefix); vectors != tc.vectors || sets != tc.sets {
				t.Errorf("%d vectors in %d sets are left", vectors, sets)
			}
		})
	}
}

// What an earlier release left under the names that it had is in nobody's way.
func TestEarlierVectorSets(t *testing.T) {
	var log bytes.Buffer
	s, c, client, prefix := vectorStoreOver(t, redisxtest.Versions()[0], &log)
	if err := client.SAdd(t.Context(), prefix+"{t}:vectors", "p:m::hash").Err(); err != nil {
		t.Fatal(err)
	}
	place(t, s, c, scope(), "one", direction(0), time.Hour)
	if got := near(t, s, scope(), direction(0), 3, 0.5); !slices.Equal(got, []string{"one"}) {
		t.Errorf("found %q", got)
	}
	if n, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t"}, c.Now()); n != 1 || err != nil {
		t.Errorf("a purge takes %d, %v", n, err)
	}
}
