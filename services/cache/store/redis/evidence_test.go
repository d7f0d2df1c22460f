package redis_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/redis"
)

// english is a locale whose strings are ordered by letters, not by bytes.
const english = "en_US.UTF-8"

// collating returns a client of a Redis that orders strings as English does. Few servers have the
// locale, so it is compiled where there is what for; elsewhere strings are ordered by bytes, and the
// test shows less.
func collating(t *testing.T) *goredis.Client {
	t.Helper()
	compiled := compileLocale(t)
	o := redisxtest.Own(t).Options()
	o.Timeout = 5 * time.Second
	client, err := redisx.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	switch err := client.ConfigSet(t.Context(), "locale-collate", english).Err(); {
	case err == nil:
	case compiled:
		t.Fatalf("the server takes no locale: %v", err)
	default:
		t.Logf("strings are ordered by bytes: %v", err)
	}
	return client
}

// compileLocale has servers that are started from now on find the locale, where the C library's
// compiler is there.
func compileLocale(t *testing.T) bool {
	t.Helper()
	compiler, err := exec.LookPath("localedef")
	if err != nil {
		return false
	}
	//nolint:usetesting // the server may run as another user, for whom t.TempDir is closed
	folder, err := os.MkdirTemp("", "tollgate-locale-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), compiler, "-c", "-i", "en_US", "-f", "UTF-8", filepath.Join(folder, english)).CombinedOutput(); err != nil {
		t.Logf("no locale could be compiled: %v\n%s", err, out)
		return false
	}
	t.Setenv("LOCPATH", folder)
	return true
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
