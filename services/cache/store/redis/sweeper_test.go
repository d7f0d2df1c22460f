package redis_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/redis"
	"tollgate.dev/services/cache/storetest"
)

// gate counts the pages that a client reads, and calls a test before each of them.
type gate struct {
	mu     sync.Mutex
	pages  int
	dead   bool // nothing reaches the server any more
	before func(page int)
}

func (g *gate) kill(dead bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead = dead
}

func (g *gate) read() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pages
}

func (*gate) DialHook(next goredis.DialHook) goredis.DialHook { return next }

func (g *gate) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if cmd.Name() == "zscan" {
			g.mu.Lock()
			g.pages++
			page := g.pages
			g.mu.Unlock()
			if g.before != nil {
				g.before(page)
			}
		}
		g.mu.Lock()
		dead := g.dead
		g.mu.Unlock()
		if dead {
			cmd.SetErr(errors.New("ERR it is dead"))
			return cmd.Err()
		}
		return next(ctx, cmd)
	}
}

func (*gate) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

// sweepers are two processes that know that a purge left most of a tenant's entries, and what is in Redis.
type sweepers struct {
	client       *goredis.Client
	here, there  *redis.Store
	gates        [2]*gate
	index, lease string
}

const sweepPages = 20 // at least, of what is left

func openSweepers(t *testing.T, v redisxtest.Version, terms [2]time.Duration) *sweepers {
	t.Helper()
	c := clocktest.New()
	client, prefix := v.New(t)
	two := &sweepers{client: client, index: prefix + "{t}:index", lease: prefix + "{t}:sweeper"}
	var stores [2]*redis.Store
	for i := range stores {
		own, _ := v.New(t)
		two.gates[i] = &gate{}
		var err error
		if stores[i], err = redis.New(own, redis.Options{Prefix: prefix, Clock: c}.Small(1, 100, terms[i])); err != nil {
			t.Fatal(err)
		}
		own.AddHook(two.gates[i])
		t.Cleanup(func() { two.gates[i].kill(false) }) // the client deletes what the test leaves
	}
	two.here, two.there = stores[0], stores[1]
	rec := cache.Record{Entry: storetest.Entry("x"), Expires: c.Now().Add(time.Hour)}
	one := storetest.Key("t", "p", "m", "", "one")
	put(t, two.here, one, rec)
	fill(t, client, prefix, one, (sweepPages+4)*100, rec.Expires)
	if _, err := two.here.Invalidate(t.Context(), cache.Selector{Tenant: "t"}, c.Now()); err != nil {
		t.Fatal(err)
	}
	put(t, two.there, one, rec) // by which it hears of it
	if n := client.ZCard(t.Context(), two.index).Val(); n < sweepPages*100 {
		t.Fatalf("%d names are left: the test shows nothing", n)
	}
	for _, g := range two.gates {
		g.pages = 0
	}
	return two
}

func (two *sweepers) swept(t *testing.T) bool {
	t.Helper()
	return errors.Is(two.client.ZScore(t.Context(), two.index, "!open").Err(), goredis.Nil)
}

// finish has the second process sweep, and looks at what is left then.
func (two *sweepers) finish(t *testing.T) {
	t.Helper()
	tidyUntil(t, two.there, func() bool { return two.swept(t) })
	if left, err := two.client.ZRange(t.Context(), two.index, 0, -1).Result(); len(left) != 3 || err != nil {
		t.Errorf("there are %d names, %v: want what was put since, and two of purges", len(left), err)
	}
	if n, err := two.client.Exists(t.Context(), two.lease).Result(); n != 0 || err != nil {
		t.Errorf("the lease of who has finished is there: %d, %v", n, err)
	}
}

// One process sweeps at a time. When it stops in the middle another goes on, at once where it could say so and else
// when its lease has ended.
func TestSweepingGoesOn(t *testing.T) {
	redisxtest.Each(t, func(t *testing.T, v redisxtest.Version) {
		t.Helper()
		for name, killed := range map[string]bool{"cancelled": false, "killed": true} {
			t.Run(name, func(t *testing.T) {
				const term = 2 * time.Second
				two := openSweepers(t, v, [2]time.Duration{term, 0})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var token string
				two.gates[0].before = func(page int) {
					if page != 3 {
						return
					}
					if life, err := two.client.PTTL(ctx, two.lease).Result(); life <= 0 || life > term || err != nil {
						t.Errorf("the lease lives %v, %v", life, err)
					}
					token = two.client.Get(ctx, two.lease).Val()
					// It may not, as long as another does. If it did, it would wait for more to do when it has swept.
					alone, stop := context.WithCancel(ctx)
					two.gates[1].before = func(int) { stop() }
					if err := two.there.Tidy(alone); err == nil || two.gates[1].read() > 0 {
						t.Errorf("two sweep at a time: %v", err)
					}
					stop()
					if killed {
						two.gates[0].kill(true)
					}
					cancel()
				}
				if err := two.here.Tidy(ctx); err == nil || token == "" {
					t.Fatalf("it ended with %v, of the token %q", err, token)
				}
				if two.swept(t) {
					t.Fatal("nothing is left: the test shows nothing")
				}
				if is := two.client.Get(t.Context(), two.lease).Val(); (is == token) != killed {
					t.Errorf("killed is %t, and the lease %q", killed, is)
				}
				two.gates[1].before = func(int) {
					if is := two.client.Get(t.Context(), two.lease).Val(); is == token || is == "" {
						t.Errorf("it sweeps while the lease is %q", is)
					}
				}
				two.finish(t)
			})
		}
	})
}

// Who was so slow that its lease has ended stops, and leaves the lease of who sweeps by then.
func TestSlowSweeperStops(t *testing.T) {
	redisxtest.Each(t, func(t *testing.T, v redisxtest.Version) {
		t.Helper()
		two := openSweepers(t, v, [2]time.Duration{100 * time.Millisecond, time.Hour})
		slow, on, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		two.gates[0].before = func(page int) {
			if page == 1 {
				close(slow)
				<-on
			}
		}
		go func() {
			// It ends by itself, and long before.
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			ended <- two.here.Tidy(ctx)
		}()
		<-slow
		for two.client.Exists(t.Context(), two.lease).Val() > 0 {
			<-time.After(10 * time.Millisecond)
		}
		two.gates[1].before = func(page int) {
			if page != 3 {
				return
			}
			token := two.client.Get(t.Context(), two.lease).Val()
			close(on)
			if err := <-ended; errors.Is(err, context.DeadlineExceeded) {
				t.Error("who has no lease any more finds nothing wrong")
			}
			if is := two.client.Get(t.Context(), two.lease).Val(); token == "" || is != token {
				t.Errorf("the lease was %q, and is %q", token, is)
			}
			if n := two.gates[0].read(); n != 1 {
				t.Errorf("it read %d pages, the last of them without a lease", n)
			}
		}
		two.finish(t)
		if two.gates[1].read() < sweepPages {
			t.Errorf("the other read %d pages", two.gates[1].read())
		}
	})
}

// A lease is renewed at each page; there is none where nothing is left.
func TestLeaseIsRenewed(t *testing.T) {
	redisxtest.Each(t, func(t *testing.T, v redisxtest.Version) {
		t.Helper()
		two := openSweepers(t, v, [2]time.Duration{0, time.Hour})
		two.gates[1].before = func(page int) {
			if life, err := two.client.PTTL(t.Context(), two.lease).Result(); life <= time.Minute || life > time.Hour || err != nil {
				t.Errorf("at page %d it lives %v, %v", page, life, err)
			}
			if err := two.client.PExpire(t.Context(), two.lease, time.Minute).Err(); err != nil {
				t.Error(err)
			}
		}
		two.finish(t)
		// The first knows of it still, and is told that nothing is left.
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := two.here.Tidy(ctx); !errors.Is(err, context.DeadlineExceeded) || two.gates[0].read() > 0 {
			t.Errorf("it reads %d pages for nothing, %v", two.gates[0].read(), err)
		}
	})
}
