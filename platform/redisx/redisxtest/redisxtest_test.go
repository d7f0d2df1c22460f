package redisxtest_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/redisx/redisxtest"
)

func TestEachTestHasItsOwnKeysUntilItEnds(t *testing.T) {
	var used string
	t.Run("writes", func(t *testing.T) {
		c, prefix := redisxtest.New(t)
		_, other := redisxtest.New(t)
		if prefix == other || !strings.HasSuffix(prefix, ":") {
			t.Fatalf("prefixes %s, %s", prefix, other)
		}
		for i := range 1200 { // more than one page of a scan
			if err := c.Set(t.Context(), fmt.Sprint(prefix, i), "x", 0).Err(); err != nil {
				t.Fatal(err)
			}
		}
		used = prefix
	})
	c, _ := redisxtest.New(t)
	if left, err := c.Keys(t.Context(), used+"*").Result(); err != nil || len(left) != 0 {
		t.Errorf("%d keys are left, %v", len(left), err)
	}
}

// fatal is a testing.TB that notes a failure and ends the goroutine, as Fatalf does.
type fatal struct {
	testing.TB
	message string
}

func (*fatal) Helper() {}
func (f *fatal) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestWithoutAServerTheTestFails(t *testing.T) {
	t.Setenv(redisxtest.Variable, "")
	tb := &fatal{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		redisxtest.New(tb)
	}()
	<-done
	if !strings.Contains(tb.message, "make test") {
		t.Errorf("message %q", tb.message)
	}
}

// A server of a test's own can be killed, comes back where it was with what it had, and
// can be silent.
func TestOwn(t *testing.T) {
	s := redisxtest.Own(t)
	o := s.Options()
	if shared := redisxtest.Options(t); o.Host == shared.Host && o.Port == shared.Port {
		t.Fatal("that is the shared server")
	}
	o.Timeout = 5 * time.Second
	c, err := redisx.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := redisx.Ping(t.Context(), c); err == nil {
		t.Error("a killed server answers")
	}
	s.Start()
	if again := s.Options(); again.Port != o.Port {
		t.Errorf("it came back at %d, not %d", again.Port, o.Port)
	}
	if v, err := c.Get(t.Context(), "k").Result(); err != nil || v != "v" {
		t.Errorf("%q, %v", v, err)
	}
	s.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := redisx.Ping(ctx, c); err == nil {
		t.Error("a frozen server answers")
	}
	s.Thaw()
	if err := redisx.Ping(t.Context(), c); err != nil {
		t.Error(err)
	}
}

// A server is of the version that it is taken for.
func TestVersions(t *testing.T) {
	redisxtest.Each(t, func(t *testing.T, v redisxtest.Version) {
		t.Helper()
		client, _ := v.New(t)
		info, err := client.Info(t.Context(), "server").Result()
		if err != nil || !strings.Contains(info, fmt.Sprintf("redis_version:%d.", v.Major)) {
			t.Errorf("%s names another version, %v:\n%s", v.Variable, err, info)
		}
	})
}
