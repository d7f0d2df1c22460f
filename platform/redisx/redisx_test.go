package redisx_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"tollgate.dev/platform/redisx"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/secret/secrettest"
)

func TestParseURL(t *testing.T) {
	for text, want := range map[string]redisx.Options{
		"redis://h":                {Host: "h"},
		"redis://h:7000/3":         {Host: "h", Port: 7000, DB: 3},
		"redis://h/?db=4":          {Host: "h", DB: 4},
		"redis://:pa%40ss@h":       {Host: "h", Password: secret.New("pa@ss")},
		"rediss://u:p@[::1]:7000/": {Host: "::1", Port: 7000, Username: "u", Password: secret.New("p"), TLS: true},
	} {
		got, err := redisx.ParseURL(secret.New(text))
		if err != nil || !got.Password.Equal(want.Password) {
			t.Errorf("%s: %v", text, err)
		}
		got.Password = want.Password
		if got != want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestParseURLRefusesWithoutQuoting(t *testing.T) {
	const password = "hunter2-very-secret"
	for _, text := range []string{
		"", "h:6379", "http://u:" + password + "@h", "redis://u:" + password + "@", "redis://u:" + password + "@h:x",
		"redis://u:" + password + "@h:0", "redis://u:" + password + "@h:65536", "redis://u:" + password + "@h/x",
		"redis://u:" + password + "@h/-1", "redis://u:" + password + "@h/1?db=2", "redis://u:" + password + "@h?pool=2",
		"redis://u:" + password + "%zz@h",
	} {
		_, err := redisx.ParseURL(secret.New(text))
		if err == nil {
			t.Errorf("%s was accepted", text)
			continue
		}
		secrettest.AssertNoLeak(t, err.Error(), password)
	}
}

func TestClientWorks(t *testing.T) {
	c, prefix := redisxtest.New(t)
	if err := c.Set(t.Context(), prefix+"k", "v", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if v, err := c.Get(t.Context(), prefix+"k").Result(); err != nil || v != "v" {
		t.Errorf("%q, %v", v, err)
	}
	if name, err := c.ClientGetName(t.Context()).Result(); err != nil || name != "tollgate" {
		t.Errorf("client name %q, %v", name, err)
	}
}

// silent is a server that takes connections and never answers.
func silent(t *testing.T) redisx.Options {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed
			}
			wg.Go(func() {
				<-stop
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		close(stop)
		wg.Wait()
	})
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal("no TCP address")
	}
	return redisx.Options{Host: "127.0.0.1", Port: addr.Port}
}

func TestASilentServerCostsNoMoreThanTheTimeout(t *testing.T) {
	for name, tc := range map[string]struct {
		timeout, deadline time.Duration
	}{
		"its own timeout":   {20 * time.Millisecond, time.Hour},
		"the context's end": {time.Hour, 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			o := silent(t)
			o.Timeout = tc.timeout
			c, err := redisx.Open(o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			ctx, cancel := context.WithTimeout(t.Context(), tc.deadline)
			defer cancel()
			start := time.Now()
			err = redisx.Ping(ctx, c)
			var timeout net.Error
			if !errors.Is(err, context.DeadlineExceeded) && !(errors.As(err, &timeout) && timeout.Timeout()) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestOpenNeedsNoServerButAHost(t *testing.T) {
	if _, err := redisx.Open(redisx.Options{}); err == nil {
		t.Error("no host was accepted")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, _ := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := redisx.Open(redisx.Options{Host: "127.0.0.1", Port: addr.Port, Password: secret.New("hunter2-very-secret")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	err = redisx.Ping(t.Context(), c)
	if err == nil {
		t.Fatal("nobody answered a ping")
	}
	secrettest.AssertNoLeak(t, err.Error(), "hunter2-very-secret")
}
