package redis_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/edge/ratelimit"
	"tollgate.dev/services/edge/ratelimit/store/memory"
	"tollgate.dev/services/edge/ratelimit/store/redis"
	"tollgate.dev/services/edge/ratelimit/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, clk clock.Clock) (*redis.Store, *goredis.Client, string) {
	t.Helper()
	client, prefix := redisxtest.New(t)
	s, err := redis.New(client, redis.Options{Prefix: prefix, Term: storetest.Term, Clock: clk})
	if err != nil {
		t.Fatal(err)
	}
	return s, client, prefix
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, clk clock.Clock) ratelimit.Shared {
		t.Helper()
		s, _, _ := open(t, clk)
		return s
	})
}

// The script and the Go code of the rules give the same answers to the same reports.
func TestAgreesWithMemory(t *testing.T) {
	for seed := uint64(100); seed < 130; seed++ {
		here, there := clocktest.New(), clocktest.New()
		s, _, _ := open(t, there)
		want := storetest.Draw(t, here, memory.New(memory.Options{Term: storetest.Term, Clock: here}), seed, 400)
		got := storetest.Draw(t, there, s, seed, 400)
		if len(want) != len(got) {
			t.Fatalf("seed %d: %d answers, want %d", seed, len(got), len(want))
		}
		for i := range want {
			for _, a := range []*ratelimit.Answer{&got[i], &want[i]} {
				// What comes at the same time has no order.
				slices.SortFunc(a.Requests.Coming, func(a, b ratelimit.Coming) int {
					if a.In != b.In {
						return int(min(max(a.In-b.In, -1), 1))
					}
					return int(a.N - b.N)
				})
			}
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("seed %d, answer %d:\n%+v, want\n%+v", seed, i, got[i], want[i])
			}
		}
	}
}

func report(id string, need int64) ratelimit.Report {
	return ratelimit.Report{
		Account: ratelimit.AccountID{Scope: ratelimit.ScopeTenant, ID: id, Model: "m/1"}, Seq: 1, Full: true,
		Requests: ratelimit.Counted{Limit: 100, Need: need, Want: need, Spent: []ratelimit.Spent{{Quantum: 1, N: 3}}},
		Tokens:   ratelimit.Counted{Limit: ratelimit.Unlimited},
		Parallel: ratelimit.Slots{Limit: ratelimit.Unlimited},
	}
}

// The layout is a contract between replicas of two releases. An account is one key, in
// one slot of a cluster, and ends by itself.
func TestLayout(t *testing.T) {
	s, client, prefix := open(t, nil)
	if _, err := s.Sync(t.Context(), "r1", []ratelimit.Report{report("acme:{x}", 5)}); err != nil {
		t.Fatal(err)
	}
	keys, err := client.Keys(t.Context(), prefix+"*").Result()
	key := prefix + "{tenant:acme%3A%7Bx%7D:m%2F1}"
	if err != nil || !slices.Equal(keys, []string{key}) {
		t.Fatalf("keys %q, %v", keys, err)
	}
	fields, err := client.HKeys(t.Context(), key).Result()
	slices.Sort(fields)
	if err != nil || !slices.Equal(fields, []string{"leases", "q:r1"}) {
		t.Errorf("fields %q, %v", fields, err)
	}
	if left, err := client.PTTL(t.Context(), key).Result(); err != nil || left <= ratelimit.Window+storetest.Term || left > 2*ratelimit.Window+storetest.Term {
		t.Errorf("it lives %v, %v", left, err)
	}
	if kind, err := client.Type(t.Context(), key).Result(); err != nil || kind != "hash" {
		t.Errorf("it is a %s, %v", kind, err)
	}
}

// Scripts get lost when Redis restarts, or when somebody flushes them.
func TestLostScripts(t *testing.T) {
	s, client, _ := open(t, nil)
	reports := []ratelimit.Report{report("a", 5), report("b", 6), report("c", 200)}
	for i := range int64(3) {
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		for j := range reports {
			reports[j].Seq = i + 1
		}
		answers, err := s.Sync(t.Context(), "r1", reports)
		if err != nil {
			t.Fatal(err)
		}
		if answers[0].Requests.Granted == 0 || answers[1].Requests.Granted == 0 || answers[2].Requests.Granted != 0 {
			t.Errorf("%+v", answers)
		}
	}
}

// Redis's own clock decides when nothing stands in for it.
func TestRedisTellsTheTime(t *testing.T) {
	s, _, _ := open(t, nil)
	r := report("a", 98)
	r.Requests.Spent = []ratelimit.Spent{{Quantum: 1, Age: ratelimit.Window - 50*time.Millisecond, N: 3}}
	began := time.Now()
	for r.Seq = 1; ; r.Seq++ {
		answers, err := s.Sync(t.Context(), "r1", []ratelimit.Report{r})
		if err != nil || !answers[0].Known {
			t.Fatalf("%+v, %v", answers, err)
		}
		if answers[0].Requests.Granted == 98 {
			break
		}
		if c := answers[0].Requests.Coming; len(c) > 0 && (c[0].N != 3 || c[0].In > 50*time.Millisecond) {
			t.Fatalf("to come is %+v", c)
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("nothing leaves the window")
		}
		r.Full, r.Requests.Spent = false, nil
	}
	if took := time.Since(began); took < 49*time.Millisecond {
		t.Errorf("it left the window after %v", took)
	}
}

func TestErrors(t *testing.T) {
	for _, prefix := range []string{"{", "a}"} {
		if _, err := redis.New(nil, redis.Options{Prefix: prefix}); err == nil {
			t.Errorf("the prefix %q is taken", prefix)
		}
	}
	s, client, prefix := open(t, nil)
	if err := client.Set(t.Context(), prefix+"{tenant:a:m%2F1}", "of another kind", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sync(t.Context(), "r1", []ratelimit.Report{report("a", 1)}); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("a foreign value: %v", err)
	}
}
