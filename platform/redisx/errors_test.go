package redisx_test

import (
	"bufio"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/platform/secret/secrettest"
)

// answering is a server that answers whatever it is asked with the same lines.
func answering(t *testing.T, lines string) redisx.Options {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			in := bufio.NewScanner(c)
			for in.Scan() {
				if in.Text()[:1] == "*" { // a command begins
					_, _ = c.Write([]byte(lines))
				}
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no TCP address")
	}
	return redisx.Options{Host: "127.0.0.1", Port: addr.Port, Timeout: 5 * time.Second}
}

// No error quotes what a command was given, be it one of a server that does not know the command,
// alone or among others.
func TestErrorsDoNotQuoteArguments(t *testing.T) {
	const said = "quillwort-prompt-of-a-caller"
	redisxtest.Each(t, func(t *testing.T, v redisxtest.Version) {
		t.Helper()
		c, prefix := v.New(t)
		err := c.Do(t.Context(), "NOSUCH", prefix, said).Err()
		if !redis.HasErrorPrefix(err, "unknown command 'NOSUCH'") {
			t.Errorf("one command: %v", err)
		}
		pipe := c.Pipeline()
		last := pipe.Do(t.Context(), "NOSUCH", prefix, said)
		tx := c.TxPipeline()
		within := tx.Do(t.Context(), "NOSUCH", prefix, said)
		_, piped := pipe.Exec(t.Context())
		_, whole := tx.Exec(t.Context())
		for what, err := range map[string]error{
			"one command": err, "a pipeline": piped, "a pipeline's command": last.Err(),
			"a transaction": whole, "a transaction's command": within.Err(),
		} {
			if err == nil {
				t.Errorf("%s is understood", what)
				continue
			}
			secrettest.AssertNoLeak(t, err.Error(), said)
		}
	})
}

// Nor does one quote what was answered, where the driver can't read it.
func TestErrorsDoNotQuoteAnswers(t *testing.T) {
	const said = "larkspur-answer"
	for _, lines := range []string{":" + said + "\r\n", said + "\r\n", "*" + said + "\r\n", "$" + said + "\r\n"} {
		c, err := redisx.Open(answering(t, lines))
		if err != nil {
			t.Fatal(err)
		}
		pipe := c.Pipeline()
		pipe.Incr(t.Context(), "k")
		_, piped := pipe.Exec(t.Context())
		for _, err := range []error{c.Incr(t.Context(), "k").Err(), c.Get(t.Context(), "k").Err(), piped} {
			if err == nil {
				t.Errorf("%q is understood", lines)
				continue
			}
			secrettest.AssertNoLeak(t, err.Error(), said)
		}
		_ = c.Close()
	}
}

// A server that refuses a connection refuses each command of a pipeline: none looks as if it went
// well.
func TestARefusedConnectionIsEachCommandsError(t *testing.T) {
	c, err := redisx.Open(answering(t, "-WRONGPASS invalid username-password pair\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	pipe := c.Pipeline()
	first, second := pipe.Set(t.Context(), "k", "v", 0), pipe.Get(t.Context(), "k")
	_, whole := pipe.Exec(t.Context())
	for _, err := range []error{whole, first.Err(), second.Err()} {
		if !redis.HasErrorPrefix(err, "WRONGPASS") {
			t.Errorf("got %v", err)
		}
	}
}

// Errors that quote nothing are the driver's own.
func TestOtherErrorsStay(t *testing.T) {
	c, prefix := redisxtest.New(t)
	if err := c.Get(t.Context(), prefix+"k").Err(); err != redis.Nil { //nolint:errorlint // the very one
		t.Errorf("got %v", err)
	}
	if err := c.Set(t.Context(), prefix+"k", "v", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.HGet(t.Context(), prefix+"k", "f").Err(); !redis.HasErrorPrefix(err, "WRONGTYPE") {
		t.Errorf("got %v", err)
	}
}
