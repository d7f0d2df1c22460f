package redis_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/redis"
)

// collating returns a client of a Redis that orders strings as English does, where the
// machine has that locale, and otherwise by bytes.
func collating(t *testing.T) *goredis.Client {
	t.Helper()
	o := redisxtest.Own(t).Options()
	o.Timeout = 5 * time.Second
	client, err := redisx.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if err := client.ConfigSet(t.Context(), "locale-collate", "en_US.UTF-8").Err(); err != nil {
		t.Logf("strings are ordered by bytes: %v", err)
	}
	return client
}

// The larger token keeps, whatever order the server's locale has for the bytes that it is written in.
func TestLeasesAreOrderedByNumber(t *testing.T) {
	s, err := redis.New(collating(t), redis.Options{Prefix: "test:"})
	if err != nil {
		t.Fatal(err)
	}
	// Beside each other, with bytes that are 0, letters of either case, digits, signs, and no UTF-8.
	tokens := []uint64{1, '9', 'A', 'a', 'B', 0x7f, 0x80, 0xc3a9, 0x100, 0x4161, 1_790_000_000_065, 1_790_000_000_097, 1<<53 - 2, 1<<53 - 1}
	for i, before := range tokens {
		for j, after := range tokens {
			ns := cache.Namespace{Tenant: "t", Provider: fmt.Sprint(i), Model: fmt.Sprint(j)}
			for _, token := range []uint64{before, after} {
				var want error
				if token == after && after < before {
					want = cache.ErrLost
				}
				// Reading fences as writing does.
				for _, state := range []string{"", "state"} {
					if _, err := s.Exchange(t.Context(), ns, cache.Lease{Name: "a", Token: token}, []byte(state)); !errors.Is(err, want) {
						t.Errorf("%#x after %#x: %v, want %v", token, before, err, want)
					}
				}
			}
		}
	}
}
