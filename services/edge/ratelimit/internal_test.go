package ratelimit

import (
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
)

// Accounts that nothing counts in go away; one with a call in flight stays.
func TestIdleAccountsAreEvicted(t *testing.T) {
	clk := clocktest.New()
	l := New(clk)
	limits := &keystorev1.Limits{RequestsPerMinute: proto.Int64(5)}
	for i := range 20_000 {
		p, err := l.Acquire(t.Context(), NewSubject(strconv.Itoa(i), limits, "", nil), "m", 0)
		if err != nil {
			t.Fatal(err)
		}
		p.Done(0)
	}
	if n := l.table.size(); n != 20_000 {
		t.Fatalf("%d accounts", n)
	}
	long, err := l.Acquire(t.Context(), NewSubject("long", limits, "", nil), "m", 0)
	if err != nil {
		t.Fatal(err)
	}
	clk.Advance(2 * Window)
	for i := range 20_000 { // so many that every shard is touched
		p, err := l.Acquire(t.Context(), NewSubject("x"+strconv.Itoa(i), limits, "", nil), "m", 0)
		if err != nil {
			t.Fatal(err)
		}
		p.Done(0)
	}
	if n := l.table.size(); n != 20_001 {
		t.Errorf("%d accounts are left, want the 20,000 new ones and the one in flight", n)
	}
	if a := l.table.get(AccountID{ScopeKey, "long", ""}, l.now()); a.inFlight != 1 {
		t.Error("the account in flight was replaced")
	}
	long.Done(0)
}

func TestAWindowStaysSmall(t *testing.T) {
	var w window
	for now := int64(0); now < int64(10*Window); now += int64(7 * time.Millisecond) {
		w.expire(now)
		w.add(now, 1)
		if n := len(w.slots) - w.head; n > 62 {
			t.Fatalf("%d slots", n)
		}
	}
	if cap(w.slots) > 256 {
		t.Errorf("room for %d slots", cap(w.slots))
	}
	var total int64
	for _, s := range w.slots[w.head:] {
		total += s.n
	}
	if total != w.used {
		t.Errorf("the slots hold %d, used is %d", total, w.used)
	}
}

func TestAClockThatIsReadOutOfOrder(t *testing.T) {
	var w window
	name := w.add(int64(5*time.Second), 1)
	if again := w.add(int64(4*time.Second), 1); again != name {
		t.Error("an earlier reading made a slot behind a later one")
	}
	w.expire(int64(Window + 4*time.Second))
	if w.used != 2 {
		t.Errorf("%d are left, want 2", w.used)
	}
}

func TestResetText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 6 * time.Minute: "6m0s", 12 * time.Millisecond: "12ms",
		59*time.Second + 1: "59.001s", time.Minute - 1: "1m0s",
	} {
		if got := resetText(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func BenchmarkRefused(b *testing.B) {
	l := New(clock.Real())
	s := NewSubject("k", &keystorev1.Limits{RequestsPerMinute: proto.Int64(0)}, "", nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Acquire(b.Context(), s, "m", 10); err == nil {
			b.Fatal("passed")
		}
	}
}

// size is how many accounts there are.
func (t *table) size() int {
	n := 0
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		n += len(s.accounts)
		s.mu.RUnlock()
	}
	return n
}
