package redis

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/storetest"
)

// hashTag is the part of a key by which Redis Cluster chooses its slot: what stands between the first opening
// brace and the next closing one, unless that is nothing; else all (redis.io/docs, cluster specification, read
// November 2026).
func hashTag(key string) string {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			return tag
		}
	}
	return key
}

// slot is CRC16, in its variant XMODEM, of a key's hash tag, modulo the number of slots.
func slot(key string) uint16 {
	const slots = 16384
	var sum uint16
	for _, b := range []byte(hashTag(key)) {
		sum ^= uint16(b) << 8
		for range 8 {
			carry := sum&0x8000 != 0
			if sum <<= 1; carry {
				sum ^= 0x1021
			}
		}
	}
	return sum % slots
}

func TestSlot(t *testing.T) {
	for key, want := range map[string]uint16{
		"123456789": 0x31C3, "foo": 12182, "bar": 5061, // of the specification and of CLUSTER KEYSLOT
		"{foo}.following": 12182, "x{foo}y{bar}": 12182, "x}{foo}": 12182, "": 0,
	} {
		if got := slot(key); got != want {
			t.Errorf("%q is in slot %d, want %d", key, got, want)
		}
	}
	if slot("{}foo") == slot("{}bar") || hashTag("foo{}{bar}") != "foo{}{bar}" || hashTag("foo{{bar}}zap") != "{bar" {
		t.Error("a tag of nothing is one")
	}
}

// recorder notes what a client sends that must lie in one slot: each command, and each transaction as a whole.
type recorder struct {
	mu   sync.Mutex
	sent [][]redis.Cmder
}

func (r *recorder) note(cmds ...redis.Cmder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, cmds)
}

func (*recorder) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r *recorder) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		r.note(cmd)
		return next(ctx, cmd)
	}
}

func (r *recorder) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if cmds[0].Name() == "multi" {
			r.note(cmds...)
		} else {
			for _, cmd := range cmds {
				r.note(cmd)
			}
		}
		return next(ctx, cmds)
	}
}

// All keys that a command, a script or a transaction names lie in one slot, and all that are a tenant's in the
// slot of its own hash tag, which no other tenant has. That holds for all that a store does, and for names that
// look like keys.
func TestTenantsHaveSlotsOfTheirOwn(t *testing.T) {
	client, _ := redisxtest.New(t)
	scripts, shared := map[string]bool{}, map[string]bool{}
	owners, seen := map[string]string{}, map[string]bool{}
	for _, tenant := range []string{"t", "{t}", "t}:p", "{}", "}{", "t:p:m", "t%7D", "%", "index", "ü\x00", strings.Repeat("t", cache.MaxComponentBytes)} {
		sent, s := everything(t, tenant)
		for _, key := range []string{s.changes(), s.barredTenants(), s.replicas()} {
			shared[key] = true
		}
		for _, together := range sent {
			var keys []string
			for _, cmd := range together {
				keys = append(keys, keysNamed(t, client, cmd)...)
				if cmd.Name() == "evalsha" {
					scripts[fmt.Sprint(cmd.Args()[1])] = true
				}
			}
			for _, key := range keys {
				if slot(key) != slot(keys[0]) {
					t.Errorf("%s of %q names %s in slot %d and %s in %d", together[0].Name(), tenant, keys[0], slot(keys[0]), key, slot(key))
				}
				if seen[key] = true; shared[key] {
					continue
				}
				if owner, known := owners[hashTag(key)]; known && owner != tenant {
					t.Errorf("%q and %q have the hash tag %q", tenant, owner, hashTag(key))
				}
				owners[hashTag(key)] = tenant
				if slot(key) != slot(s.index(tenant)) {
					t.Errorf("%s is in slot %d; the tenant's is %d", key, slot(key), slot(s.index(tenant)))
				}
			}
		}
	}
	for key := range shared {
		if !seen[key] {
			t.Errorf("nothing names %s: the test shows less than it says", key)
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		written += strings.Count(string(source), "redis.NewScript(")
	}
	if written == 0 || len(scripts) != written {
		t.Errorf("%d scripts ran of %d: the test shows less than it says", len(scripts), written)
	}
}

// keysNamed are the keys that a command names, as the server reads it.
func keysNamed(t *testing.T, client *redis.Client, cmd redis.Cmder) []string {
	t.Helper()
	keys, err := client.Do(t.Context(), append([]any{"COMMAND", "GETKEYS"}, cmd.Args()...)...).StringSlice()
	if err != nil && !redis.HasErrorPrefix(err, "The command has no key arguments") {
		t.Fatalf("%s: %v", cmd.Name(), err)
	}
	return keys
}

// everything has a store without other tenants do for one all that it can, and returns what it sent.
func everything(t *testing.T, tenant string) ([][]redis.Cmder, *Store) {
	t.Helper()
	client, prefix := redisxtest.New(t)
	plain, _ := redisxtest.New(t)
	record := &recorder{}
	client.AddHook(record)
	c := clocktest.New()
	s, err := New(client, Options{Prefix: prefix, Clock: c})
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	key := func(name string) cache.Key { return storetest.Key(tenant, "p", "m", "b", name) }
	scope := cache.Scope{Namespace: key("").Namespace, Context: [32]byte{1}, Embedder: "e"}
	put := func(name string, life time.Duration, asked time.Time) {
		t.Helper()
		kept := &cache.Kept{Question: cache.Question{Context: scope.Context, Text: name}, Vector: []int8{1, 2}, Embedder: "e"}
		_, err := s.Put(ctx, key(name), cache.Record{Entry: storetest.Entry(name), Expires: c.Now().Add(life), Asked: asked, Announce: kept})
		check(err)
	}
	fill := func() {
		t.Helper()
		for _, name := range []string{"one", "two", "three"} {
			put(name, time.Hour, time.Time{})
		}
		check(s.Keep(ctx, []cache.Key{key("one"), key("two"), key("three")}))
	}
	// In the order of the list: some need what others did.
	steps := []struct {
		method string
		do     func()
	}{
		{"Put", fill},
		{"Keep", func() {
			put("short", time.Second, time.Time{})
			check(s.Keep(ctx, []cache.Key{key("short")}))
			c.Advance(time.Minute)
			check(s.Keep(ctx, []cache.Key{key("one")}))
		}},
		{"Near", func() {
			three := key("three")
			check(plain.Del(ctx, s.question(tenant, member(&three))).Err())
			_, err := s.Near(ctx, scope, []int8{1, 2}, 3, 0)
			check(err)
		}},
		{"Get", func() {
			check(plain.ZAdd(ctx, s.index(tenant), redis.Z{Score: firstMark + 1, Member: openMark}).Err())
			_, ok, err := s.Get(ctx, key("one"))
			if check(err); !ok {
				t.Fatal("it finds nothing")
			}
		}},
		{"Question", func() { _, err := s.Question(ctx, key("one")); check(err) }},
		{"Bar", func() { check(s.Bar(ctx, cache.Barred{Tenant: tenant, Until: c.Now().Add(time.Hour)})) }},
		{"Claim", func() {
			_, err := s.Claim(ctx, cache.Claim{Holder: tenant, Name: tenant, Term: time.Hour})
			check(err)
		}},
		{"Exchange", func() {
			check(plain.HSet(ctx, s.evidence(&scope.Namespace), "cut", "1234567").Err())
			_, err := s.Exchange(ctx, scope.Namespace, cache.Lease{Name: "r", Token: 1}, []byte("state"))
			check(err)
		}},
		{"Follow", func() { // which makes a client of its own
			ending, end := context.WithCancel(ctx)
			defer end()
			_ = s.follow(ending, s.client, "", func(cache.Change) {}, end)
			_ = s.follow(ending, s.client, "1-1", func(cache.Change) {}, end)
			_, err := s.begin(ctx, s.client, "1-1")
			check(err)
		}},
		{"Invalidate", func() {
			for _, sel := range []cache.Selector{
				key("one").Selector(), {Tenant: tenant, Entry: key("two").Fingerprint}, {Tenant: tenant, Provider: "p", Model: "m", Partition: "b"},
				{Tenant: tenant, Model: "m"}, {Tenant: tenant},
			} {
				for _, life := range []time.Duration{time.Minute, 0} {
					fill()
					_, err := s.Invalidate(ctx, sel, c.Now().Add(life))
					check(err)
				}
			}
			put("late", time.Hour, c.Now().Add(-time.Minute))
		}},
		{"Tidy", func() {
			put("one", time.Hour, time.Time{})
			check(plain.ZAdd(ctx, s.index(tenant), redis.Z{Score: firstMark + 99, Member: openMark},
				redis.Z{Score: firstMark + 99, Member: mark(cache.Selector{Tenant: tenant})}).Err())
			check(s.tidy(ctx, tenant))
		}},
	}
	done := map[string]bool{}
	for _, step := range steps {
		step.do()
		done[step.method] = true
	}
	for method := range reflect.TypeFor[*Store]().Methods() {
		if !done[method.Name] {
			t.Errorf("%s is not among what it does, but %q", method.Name, slices.Sorted(maps.Keys(done)))
		}
	}
	return record.sent, s
}
