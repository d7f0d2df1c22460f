// Package redisxtest gives each test a client of a real Redis and keys of its own.
package redisxtest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/secret"
)

// Variable names the environment variable that says where the server is: a redis:// URL.
const Variable = "TEST_REDIS_URL"

// New returns a client and a prefix, ending in ":", that no other test has. The test
// puts the prefix before each of its keys; they are deleted when it ends. Without a
// server the test fails: a test that did not run must not look like one that passed.
func New(tb testing.TB) (client *redis.Client, prefix string) {
	tb.Helper()
	return connect(tb, Variable)
}

func connect(tb testing.TB, variable string) (client *redis.Client, prefix string) {
	tb.Helper()
	client, err := redisx.Open(options(tb, variable))
	if err != nil {
		tb.Fatalf("opening the test's Redis: %v", err)
	}
	prefix = "test-" + strings.ToLower(rand.Text()) + ":"
	tb.Cleanup(func() {
		// Not the test's context: that one has ended when Cleanup runs.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := wipe(ctx, client, prefix); err != nil {
			tb.Errorf("deleting the test's keys: %v", err)
		}
		if err := client.Close(); err != nil {
			tb.Errorf("closing the client: %v", err)
		}
	})
	if err := redisx.Ping(tb.Context(), client); err != nil {
		tb.Fatalf("reaching the server of %s: %v", variable, err)
	}
	return client, prefix
}

// patience is longer than the waits of production, because tests share their processors.
const patience = 5 * time.Second

// Options says where the server is.
func Options(tb testing.TB) redisx.Options {
	tb.Helper()
	return options(tb, Variable)
}

func options(tb testing.TB, variable string) redisx.Options {
	tb.Helper()
	text := os.Getenv(variable)
	if text == "" {
		tb.Fatalf("%s is not set: run `make test`, which starts the database servers", variable)
	}
	o, err := redisx.ParseURL(secret.New(text))
	if err != nil {
		tb.Fatalf("%s: %v", variable, err)
	}
	o.Timeout = patience
	return o
}

func wipe(ctx context.Context, c *redis.Client, prefix string) error {
	keys := c.Scan(ctx, 0, prefix+"*", 500).Iterator()
	for keys.Next(ctx) {
		if err := c.Unlink(ctx, keys.Val()).Err(); err != nil {
			return err
		}
	}
	return keys.Err()
}
