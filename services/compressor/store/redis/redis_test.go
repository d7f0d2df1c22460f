package redis_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/compressor/prompt"
	"tollgate.dev/services/compressor/store/redis"
	"tollgate.dev/services/compressor/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB) (*redis.Store, *goredis.Client, string) {
	t.Helper()
	client, prefix := redisxtest.New(t)
	s, err := redis.New(client, redis.Options{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	return s, client, prefix
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Rig {
		t.Helper()
		s, _, _ := open(t)
		return storetest.Rig{Store: s, Clock: clock.Real()}
	})
}

// The layout is a contract between releases, and between replicas of a cluster.
func TestLayout(t *testing.T) {
	s, client, prefix := open(t)
	part := storetest.Part("what was left out")
	for range 2 {
		if kept, err := s.Put(t.Context(), "acme:{x}", []prompt.Omission{part}, time.Now().Add(time.Hour)); kept != 1 || err != nil {
			t.Fatal(kept, err)
		}
		keys, err := client.Keys(t.Context(), prefix+"*").Result()
		want := prefix + "{acme%3A%7Bx%7D}:" + part.Name
		if err != nil || len(keys) != 1 || keys[0] != want {
			t.Fatalf("keys %q, %v; want %q", keys, err, want)
		}
		if text, err := client.Get(t.Context(), want).Result(); err != nil || text != part.Text {
			t.Errorf("%q, %v", text, err)
		}
		if left, err := client.PTTL(t.Context(), want).Result(); err != nil || left <= 50*time.Minute || left > time.Hour {
			t.Errorf("it lives %v, %v", left, err)
		}
		// Shortened from outside: the second time it lives as long again.
		if err := client.PExpire(t.Context(), want, time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReplicasSeeEachOther(t *testing.T) {
	client, prefix := redisxtest.New(t)
	second, _ := redisxtest.New(t)
	var stores []*redis.Store
	for _, c := range []*goredis.Client{client, second} {
		s, err := redis.New(c, redis.Options{Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, s)
	}
	part := storetest.Part("x")
	if _, err := stores[0].Put(t.Context(), "t", []prompt.Omission{part}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if text, ok, err := stores[1].Get(t.Context(), "t", part.Name); err != nil || !ok || text != "x" {
		t.Errorf("%q, %t, %v", text, ok, err)
	}
}

func TestErrors(t *testing.T) {
	for _, prefix := range []string{"{", "a}"} {
		if _, err := redis.New(nil, redis.Options{Prefix: prefix}); err == nil {
			t.Errorf("the prefix %q is taken", prefix)
		}
	}
	s, client, prefix := open(t)
	part := storetest.Part("x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if kept, err := s.Put(ctx, "t", []prompt.Omission{part}, time.Now().Add(time.Hour)); kept != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("put without time: %d, %v", kept, err)
	}
	if _, ok, err := s.Get(ctx, "t", part.Name); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("get without time: %t, %v", ok, err)
	}
	// Of another type, which is what a shared Redis may hold under any name.
	if err := client.LPush(t.Context(), prefix+"{t}:"+part.Name, "no string").Err(); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.Get(t.Context(), "t", part.Name); ok || err == nil || !strings.HasSuffix(err.Error(), "the server answers WRONGTYPE") {
		t.Errorf("get of a list: %t, %v", ok, err)
	}
}

// A server that does not know a command quotes its arguments. Errors go into logs.
func TestErrorsQuoteNoText(t *testing.T) {
	const words = "words of a prompt"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			wg.Go(func() {
				defer func() { _ = c.Close() }()
				// Each command is an array of strings, and begins with its length.
				for lines := bufio.NewScanner(c); lines.Scan(); {
					if strings.HasPrefix(lines.Text(), "*") {
						if _, err := c.Write([]byte("-ERR unknown command 'SET', with args beginning with: '" + words + "'\r\n")); err != nil {
							return
						}
					}
				}
			})
		}
	})
	client, err := redisx.Open(redisx.Options{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		_ = l.Close()
		wg.Wait()
	})
	s, err := redis.New(client, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, put := s.Put(t.Context(), "t", []prompt.Omission{storetest.Part(words)}, time.Now().Add(time.Hour))
	_, _, get := s.Get(t.Context(), "t", prompt.NameOf(words))
	for _, err := range []error{put, get} {
		if err == nil || strings.Contains(err.Error(), words) || !strings.HasSuffix(err.Error(), "the server answers ERR") {
			t.Errorf("it says %v", err)
		}
	}
}
