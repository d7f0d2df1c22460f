package redisxtest_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

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
