package admission

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
)

// guess is one of many secrets that nobody has.
func guess(n int) string { return fmt.Sprintf("sk-guess-%016d", n) }

// Guesses of secrets ask the keystore so many at a time and no more. The rest wait for a
// second; keys that are known wait for nothing.
func TestGuessesAreBounded(t *testing.T) {
	s := newKeystore()
	s.put(alice, &keystorev1.Grant{Key: keyOf(alice)})
	k, clk := watched(t, s, Options{MaxLookups: 2})
	admit(t, k, alice)
	timers := clk.Timers()
	s.mu.Lock()
	s.hold, s.held = make(chan struct{}), make(chan struct{}, 10)
	s.mu.Unlock()
	refusals := make(chan error, 4)
	var guesses sync.WaitGroup
	for n := range 2 {
		guesses.Go(func() {
			_, err := k.Admit(t.Context(), guess(n), k.clock.Now())
			refusals <- err
		})
	}
	<-s.held
	<-s.held
	asked := s.resolves.Load()
	guesses.Go(func() {
		_, err := k.Admit(t.Context(), guess(2), k.clock.Now())
		refusals <- err
	})
	clk.WaitForTimers(t, timers+1)
	admit(t, k, alice)
	clk.Advance(lookupWait)
	if e := wantReason(t, <-refusals, errs.ServiceUnavailable); e.RetryAfter <= 0 {
		t.Error("who waited in vain is not told when to come back")
	}
	if got := s.resolves.Load(); got != asked {
		t.Errorf("%d questions beyond the bound", got-asked)
	}
	// One that still waits when there is room has its turn.
	s.put(bob, &keystorev1.Grant{Key: keyOf(bob)})
	guesses.Go(func() {
		_, err := k.Admit(t.Context(), bob, k.clock.Now())
		refusals <- err
	})
	clk.WaitForTimers(t, timers+1)
	close(s.hold)
	go func() {
		for range s.held { // later ones say so as well
		}
	}()
	guesses.Wait()
	close(s.held)
	known := 0
	for range 3 {
		var e *errs.Error
		switch err := <-refusals; {
		case err == nil:
			known++
		case !errors.As(err, &e) || e.Reason != errs.InvalidAPIKey:
			t.Errorf("a guess: %v", err)
		}
	}
	if known != 1 {
		t.Error("bob's key did not have its turn")
	}
}

// Nor may any number of guesses wait.
func TestGuessesThatWaitAreBounded(t *testing.T) {
	k, _ := unwatched(newKeystore(), Options{MaxLookups: 1})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(k.lookups.enter())
	k.lookups.waiting.Store(maxWaiting)
	refuse(t, k, guess(0), errs.ServiceUnavailable)
	k.lookups.waiting.Store(0)
	k.lookups.leave()
	refuse(t, k, guess(0), errs.InvalidAPIKey)
}

// A flood of guesses does not wash out what else is known to be unknown, all at once.
func TestUnknownSecretsAreForgottenOneByOne(t *testing.T) {
	g := newGrants(10)
	for n := range 1000 {
		h := handle{0, byte(n), byte(n >> 8)} // of one shard
		g.setUnknown(&h, negative{until: 1 << 60})
		if size := len(g.shards[0].unknown); size != min(n+1, maxNegatives) {
			t.Fatalf("after %d guesses %d are remembered", n+1, size)
		}
	}
}
