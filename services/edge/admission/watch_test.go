package admission

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
)

// Where the watch alone is broken, a revoked key stops within a second.
func TestWithoutAWatchKeysAreCheckedEachSecond(t *testing.T) {
	s := newKeystore()
	s.put(alice, &keystorev1.Grant{Key: keyOf(alice)})
	k, clk := unwatched(s, Options{})
	admit(t, k, alice)
	s.remove(alice)
	clk.Advance(time.Second - time.Nanosecond)
	admit(t, k, alice)
	clk.Advance(time.Nanosecond)
	refuse(t, k, alice, errs.InvalidAPIKey)
	if n := s.resolves.Load(); n != 2 {
		t.Errorf("the keystore was asked %d times", n)
	}
}

// A watch that promised heartbeats and is silent is broken, though its connection is open: a
// key that was revoked elsewhere stops within a second of that.
func TestASilentWatchIsBroken(t *testing.T) {
	s := newKeystore()
	s.put(alice, &keystorev1.Grant{Key: keyOf(alice)})
	k, clk := watched(t, s, Options{})
	beats := func(n int64) {
		t.Helper()
		tell(t, s, k, &keystorev1.WatchResponse{HeartbeatMillis: 300, KeyIds: []string{fmt.Sprint(n)}})
	}
	for n := range int64(5) { // far longer than the silence that is allowed
		beats(n)
		clk.Advance(900 * time.Millisecond)
	}
	beats(5)
	admit(t, k, alice)
	s.remove(alice) // and nobody tells
	clk.Advance(time.Second - 1)
	admit(t, k, alice)
	if n := s.watches.Load(); n != 1 || !k.live() {
		t.Fatalf("%d watches, live %v, before the silence was too long", n, k.live())
	}
	clk.Advance(1)
	eventually(t, "the end of the watch", func() bool { return !k.live() })
	refuse(t, k, alice, errs.InvalidAPIKey)
	clk.WaitForTimers(t, 1) // the pause before the next watch
	clk.Advance(minBackoff)
	eventually(t, "another watch", func() bool { return s.watches.Load() == 2 && k.live() })
}

// In a process that was stopped and goes on, calls may come before the watch's timer, and so may
// a heartbeat that has lain in the socket, in front of the change that counts.
func TestAStoppedProcessTrustsNoOldWord(t *testing.T) {
	beat := func() *keystorev1.WatchResponse { return &keystorev1.WatchResponse{HeartbeatMillis: 300} }
	stopped := func(t *testing.T, d time.Duration) (*Keys, *clocktest.Fake, *keystore) {
		t.Helper()
		s := newKeystore()
		s.put(alice, &keystorev1.Grant{Key: keyOf(alice), Tenant: &keystorev1.Tenant{Id: "acme"}})
		k, clk := watched(t, s, Options{})
		tell(t, s, k, beat())
		eventually(t, "the promise", func() bool { return k.current.Load().until.Load() != math.MaxInt64 })
		admit(t, k, alice)
		if _, err := k.ForTenant(t.Context(), admit(t, k, master), "acme", clk.Now()); err != nil {
			t.Fatal(err)
		}
		clk.Skip(d)
		return k, clk, s
	}
	block := func(s *keystore) { // and the word of it is on its way
		acme := &keystorev1.Tenant{Id: "acme", Blocked: true}
		s.put(alice, &keystorev1.Grant{Key: &keystorev1.Key{Id: keyOf(alice).GetId(), Blocked: true}, Tenant: acme})
	}
	t.Run("a call comes first", func(t *testing.T) {
		k, clk, s := stopped(t, time.Second)
		block(s)
		refuse(t, k, alice, errs.KeyBlocked)
		if _, err := k.ForTenant(t.Context(), admit(t, k, master), "acme", clk.Now()); !errs.Is(err, errs.KeyBlocked) {
			t.Errorf("its tenant: %v", err)
		}
		if n := s.watches.Load(); n != 1 || k.current.Load().ended.Load() != 0 {
			t.Errorf("the watch ended by itself: the test shows nothing")
		}
	})
	t.Run("a heartbeat comes first", func(t *testing.T) {
		k, clk, s := stopped(t, 8*time.Second)
		block(s)
		s.tell(beat())
		eventually(t, "the end of the watch", func() bool { return k.current.Load().ended.Load() != 0 })
		refuse(t, k, alice, errs.KeyBlocked)
		clk.WaitForTimers(t, 1) // the pause before the next watch
		clk.Advance(minBackoff)
		eventually(t, "another watch", func() bool { return s.watches.Load() == 2 && k.live() })
		refuse(t, k, alice, errs.KeyBlocked)
	})
	t.Run("not stopped for long", func(t *testing.T) {
		k, _, s := stopped(t, time.Second-1)
		s.resolves.Store(0)
		admit(t, k, alice)
		tell(t, s, k, beat())
		admit(t, k, alice)
		if n := s.resolves.Load(); n != 0 || s.watches.Load() != 1 {
			t.Errorf("%d questions, %d watches", n, s.watches.Load())
		}
	})
	// What is known held until the last word, and not until the process went on.
	t.Run("the keystore is away", func(t *testing.T) {
		for over, want := range map[time.Duration]errs.Reason{0: "", time.Nanosecond: errs.ServiceUnavailable} {
			k, _, s := stopped(t, time.Second+10*time.Minute+over)
			s.setAway(true)
			eventually(t, "the end of the watch", func() bool { return k.current.Load().ended.Load() != 0 })
			if want == "" {
				admit(t, k, alice)
			} else {
				refuse(t, k, alice, want)
			}
		}
	})
}

// breaks counts how often a watch was said to be broken.
type breaks struct {
	slog.Handler

	n *atomic.Int64
}

func (breaks) Enabled(context.Context, slog.Level) bool { return true }

func (b breaks) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "the watch of keys broke") {
		b.n.Add(1)
	}
	return nil
}

func TestTheWatchComesBackWithGrowingPauses(t *testing.T) {
	s := newKeystore()
	broke := breaks{slog.DiscardHandler, new(atomic.Int64)}
	_, clk := watched(t, s, Options{Log: slog.New(broke)})
	s.setAway(true)
	tries := int64(0)
	for pause := minBackoff; pause < 2*maxBackoff; pause *= 2 {
		most := min(pause, maxBackoff)
		tries++
		eventually(t, "the end of the watch", func() bool { return broke.n.Load() == tries })
		clk.WaitForTimers(t, 1) // the pause: the watch has none any more
		before := s.watches.Load()
		clk.Advance(most/2 - time.Nanosecond)
		if n := s.watches.Load(); n != before {
			t.Fatalf("it came back before %v", most/2)
		}
		clk.Advance(most/2 + time.Nanosecond)
		eventually(t, "another try", func() bool { return s.watches.Load() == before+1 })
	}
}
