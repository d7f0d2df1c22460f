package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/platform/postgres/postgrestest"
)

// within is a context for calls that must not hang. Its end is far beyond what any of them may
// take, also on a busy machine.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longPatience)
	t.Cleanup(cancel)
	return ctx
}

// TestServicesOfAFleetAreAway stops all processes of a service, by SIGSTOP, after which their
// connections stay open and nobody answers, and by SIGKILL. What can do without goes on, what
// cannot is refused, the edge's health says which it is, and all is as before once they are back.
func TestServicesOfAFleetAreAway(t *testing.T) { //nolint:tparallel // its subtests stop one deployment in turn
	t.Parallel()
	f := harness.StartFleet(t, fleetOptions(t, postgrestest.URL(t).Reveal(), ""))
	edge := f.Edge(0)
	key := edge.NewTenantKey(map[string]any{"max_budget": ample})
	ask := func(secret string, header http.Header) (harness.Answer, error) {
		return edge.Try(http.MethodPost, completions, harness.Call{
			Key: secret, Body: harness.Chat("short", edge.Prompt(t)), Header: header, Context: within(t),
		})
	}
	answers := func(status int, code string) func() error {
		return func() error {
			answer, err := ask(key.Secret, http.Header{"X-Compress": {"default"}})
			switch {
			case err != nil:
				return err
			case code != "" && answer.Status == status && answer.Error(t).Code != code:
				return fmt.Errorf("the code is %q", answer.Error(t).Code)
			}
			return answer.Is(status)
		}
	}
	goesOn := func(t *testing.T) {
		t.Helper()
		for range 20 {
			if err := answers(http.StatusOK, "")(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		service string
		check   func(*testing.T)
	}{
		{"cache", goesOn},
		{"compressor", goesOn},
		{"keystore", func(t *testing.T) {
			t.Helper()
			goesOn(t)
			answer, err := ask("sk-nobody-knows-this-key-0123456789", nil)
			if err != nil {
				t.Fatal(err)
			}
			answer.MustBe(t, http.StatusServiceUnavailable, "service_unavailable")
		}},
		{"budget", goesOn},
		{"router", func(t *testing.T) {
			t.Helper()
			harness.Eventually(t, "calls are refused", answers(http.StatusServiceUnavailable, "service_unavailable"))
		}},
	} {
		for how, end := range map[string]struct{ stop, back func(*harness.Node) }{
			"they hang":       {(*harness.Node).Pause, (*harness.Node).Resume},
			"they are killed": {(*harness.Node).Kill, (*harness.Node).Start},
		} {
			t.Run(test.service+", "+how, func(t *testing.T) {
				goesOn(t)
				for _, n := range f.Of(test.service) {
					end.stop(n)
				}
				test.check(t)
				harness.Eventually(t, "the health says so", func() error { return saysAway(t, f, test.service) })
				test.check(t)
				for _, n := range f.Of(test.service) {
					end.back(n)
				}
				for _, n := range f.Nodes {
					n.AwaitReady()
				}
				harness.Eventually(t, "the health says that all is well", func() error { return saysAway(t, f) })
				goesOn(t)
			})
		}
	}
	t.Run("one of two keystores hangs, and a key is revoked", func(t *testing.T) { revoke(t, f) })
}

var errHealth = errors.New("the health says otherwise")

// saysAway holds both edges' health to name these as away, and nothing else. They are ready
// unless one of those is the router.
func saysAway(t *testing.T, f *harness.Fleet, away ...string) error {
	t.Helper()
	for i, n := range f.Of("edge") {
		var health struct {
			Dependencies []struct{ Name, Status string }
		}
		f.Edge(i).Call(http.MethodGet, "/health", harness.Call{Context: within(t)}).MustBe(t, http.StatusOK).JSON(t, &health)
		for _, d := range health.Dependencies {
			if (d.Status == "up") == slices.Contains(away, d.Name) {
				return fmt.Errorf("%w: %s is %q", errHealth, d.Name, d.Status)
			}
		}
		want := http.StatusOK
		if slices.Contains(away, "router") {
			want = http.StatusServiceUnavailable
		}
		if got := n.Readiness(); got != want {
			return fmt.Errorf("%w: readiness is %d", errHealth, got)
		}
	}
	return nil
}

// revoke blocks keys through one of two keystores while the other one hangs. The keys stop at
// both edges: each within 10 s, and the best of several within a second, which is all that a busy
// machine can be held to. The watches of the edges are open to the one that hangs, or not.
func revoke(t *testing.T, f *harness.Fleet) {
	t.Helper()
	const least, most = 4, 10
	best := 10 * time.Second
	ask := func(i int, key harness.Key) (harness.Answer, error) {
		g := f.Edge(i)
		return g.Try(http.MethodPost, completions, harness.Call{Key: key.Secret, Body: harness.Chat("short", g.Prompt(t)), Context: within(t)})
	}
	for n := 0; n < least || n < most && best > time.Second; n++ {
		keystore, key := f.Of("keystore")[n%2], f.Edge(0).NewTenantKey(nil)
		for i := range f.Of("edge") {
			answer, err := ask(i, key)
			if err != nil {
				t.Fatal(err)
			}
			answer.MustBe(t, http.StatusOK)
		}
		keystore.Pause()
		f.Edge(1).Call(http.MethodPost, "/key/block", harness.Call{Body: map[string]any{"key": key.ID}, Context: within(t)}).MustBe(t, http.StatusOK)
		blocked := time.Now()
		for i := range f.Of("edge") {
			harness.Eventually(t, "the key stops", func() error {
				answer, err := ask(i, key)
				if err != nil {
					return err
				}
				return answer.Is(http.StatusUnauthorized)
			})
		}
		took := time.Since(blocked)
		if best = min(best, took); took > 10*time.Second {
			t.Errorf("a key is refused %s after it was blocked", took)
		}
		t.Logf("both edges refuse the key %s after it was blocked", took.Round(10*time.Millisecond))
		keystore.Resume()
		harness.Eventually(t, "the health says that all is well", func() error { return saysAway(t, f) })
	}
	if best > time.Second {
		t.Errorf("while a keystore hangs, a key is refused %s after it was blocked at the best of %d times", best, most)
	}
}

// TestDatabaseOfAFleetIsAway kills the PostgreSQL of a deployment. What is known and leased goes
// on, until its term; then, and for whoever needs the database at once, there is 503. All is as
// before once it is back.
func TestDatabaseOfAFleetIsAway(t *testing.T) {
	t.Parallel()
	database := postgrestest.StartOwn(t)
	f := harness.StartFleet(t, fleetOptions(t, database.URL().Reveal(), ""))
	edge := f.Edge(0)
	key := edge.NewTenantKey(map[string]any{"max_budget": ample})
	ask := func(secret string, header http.Header, status int, code ...string) error {
		answer, err := edge.Try(http.MethodPost, completions, harness.Call{
			Key: secret, Body: harness.Chat("short", edge.Prompt(t)), Header: header, Context: within(t),
		})
		if err != nil {
			return err
		}
		if err := answer.Is(status); err == nil && len(code) > 0 && answer.Error(t).Code != code[0] {
			t.Errorf("the code is %q", answer.Error(t).Code)
		} else if err != nil {
			return err
		}
		return nil
	}
	goesOn := func() {
		t.Helper()
		for range 20 {
			if err := ask(key.Secret, nil, http.StatusOK); err != nil {
				t.Fatal(err)
			}
		}
	}
	wellAgain := func() {
		t.Helper()
		harness.Within(t, longPatience, "the health says that all is well", func() error { return saysAway(t, f) })
		harness.Within(t, longPatience, "calls are answered", func() error { return ask(key.Secret, nil, http.StatusOK) })
		goesOn()
	}
	goesOn()

	database.Kill()
	goesOn()
	for name, err := range map[string]error{
		"an unknown key":     ask("sk-nobody-knows-this-key-0123456789", nil, http.StatusServiceUnavailable, "service_unavailable"),
		"an Idempotency-Key": ask(key.Secret, http.Header{"Idempotency-Key": {"once"}}, http.StatusServiceUnavailable, "service_unavailable"),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	harness.Eventually(t, "the health says so", func() error { return saysAway(t, f, "database", "keystore", "budget") })
	goesOn()
	harness.Within(t, 2*longPatience, "the leases' term is over", func() error {
		return ask(key.Secret, nil, http.StatusServiceUnavailable, "service_unavailable")
	})
	database.Start()
	wellAgain()
}
