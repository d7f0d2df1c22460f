package obs_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/secret/secrettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func checker(t *testing.T, c clock.Clock, checks ...obs.Check) *obs.Checker {
	t.Helper()
	out, err := obs.NewChecker(c, checks...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	return out
}

func well(context.Context) error { return nil }

func TestReport(t *testing.T) {
	const password = "hunter2-very-secret"
	c := checker(t, clock.Real(),
		obs.Check{Name: "database", Required: true, Run: well},
		obs.Check{Name: "redis", Run: func(context.Context) error {
			return errors.New("dial redis://u:" + password + "@h: refused")
		}},
		obs.Check{Name: "kafka", Run: func(context.Context) error { panic(password) }},
	)
	r := c.Run(t.Context())
	if r.Healthy || !r.Ready || len(r.Results) != 3 {
		t.Fatalf("%+v", r)
	}
	if d := r.Results[0]; d.Name != "database" || !d.Healthy || !d.Required || d.Error != "" {
		t.Errorf("%+v", d)
	}
	for _, d := range r.Results[1:] {
		if d.Healthy || d.Error == "" {
			t.Errorf("%+v", d)
		}
		secrettest.AssertNoLeak(t, d.Error, password)
	}
	down := checker(t, clock.Real(), obs.Check{Name: "database", Required: true, Run: func(context.Context) error { return errors.New("down") }})
	if r := down.Run(t.Context()); r.Ready || r.Healthy {
		t.Errorf("a required dependency is down: %+v", r)
	}
	if r := checker(t, clock.Real()).Run(t.Context()); !r.Ready || !r.Healthy {
		t.Errorf("nothing to check: %+v", r)
	}
}

func TestChecksRunInParallel(t *testing.T) {
	var meet sync.WaitGroup
	meet.Add(2)
	both := func(ctx context.Context) error {
		meet.Done()
		met := make(chan struct{})
		go func() { meet.Wait(); close(met) }()
		select {
		case <-met:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c := checker(t, clock.Real(), obs.Check{Name: "a", Timeout: 10 * time.Second, Run: both}, obs.Check{Name: "b", Timeout: 10 * time.Second, Run: both})
	if r := c.Run(t.Context()); !r.Healthy {
		t.Errorf("%+v", r)
	}
}

// A check that ignores its context costs a caller its timeout, and runs once only.
func TestAHangingCheck(t *testing.T) {
	fake := clocktest.New()
	release, started := make(chan struct{}), make(chan struct{}, 10)
	var runs atomic.Int32
	c := checker(t, fake,
		obs.Check{Name: "hangs", Timeout: time.Second, Run: func(context.Context) error {
			runs.Add(1)
			started <- struct{}{}
			<-release
			return nil
		}},
	)
	for range 3 {
		done := make(chan obs.Report)
		go func() { done <- c.Run(t.Context()) }()
		fake.WaitForTimers(t, 1)
		fake.Advance(time.Second)
		r := <-done
		if r.Healthy || r.Results[0].Error != obs.ErrCheckTimeout.Error() {
			t.Errorf("%+v", r)
		}
	}
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := c.Run(ctx); r.Results[0].Error != context.Canceled.Error() {
		t.Errorf("%+v", r)
	}
	if n := runs.Load(); n != 1 {
		t.Errorf("the check runs %d times at once", n)
	}
	close(release)
}

func TestNewCheckerRefuses(t *testing.T) {
	for name, checks := range map[string][]obs.Check{
		"no name":     {{Run: well}},
		"no function": {{Name: "a"}},
		"twice":       {{Name: "a", Run: well}, {Name: "a", Run: well}},
	} {
		if _, err := obs.NewChecker(clock.Real(), checks...); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// What dependencies depend on stands behind them, once each, is required by nobody here, and never
// takes the place of what this process has found out itself.
func TestBehind(t *testing.T) {
	behind := func(results ...obs.Result) func() []obs.Result { return func() []obs.Result { return results } }
	c := checker(t, clock.Real(),
		obs.Check{Name: "database", Required: true, Run: well},
		obs.Check{Name: "keystore", Run: well, Behind: behind(obs.Result{Name: "database"}, obs.Result{Name: "cluster", Healthy: true, Required: true})},
		obs.Check{Name: "budget", Run: well, Behind: behind(obs.Result{Name: "kafka", Healthy: true}, obs.Result{Name: "cluster", Required: true, Error: "refused"})},
	)
	r := c.Run(t.Context())
	if r.Healthy || !r.Ready || len(r.Results) != 5 {
		t.Fatalf("%+v", r)
	}
	for i, want := range []obs.Result{
		{Name: "database", Healthy: true, Required: true}, {Name: "keystore", Healthy: true}, {Name: "budget", Healthy: true},
		{Name: "cluster", Error: "refused", Through: "budget"}, {Name: "kafka", Healthy: true, Through: "budget"},
	} {
		got := r.Results[i]
		if got.Latency = 0; got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}
