package spend_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/edge/spend"
	"tollgate.dev/services/edge/spend/journal"
)

func TestReserveSettleReleaseReturn(t *testing.T) {
	w := newWorld(t, budget.Options{})
	for _, scope := range []budget.Scope{r1, acme, user, key} {
		w.put(t, budget.Budget{Scope: scope, Limit: 1000, Window: "1d"})
	}
	m := w.start(t, spend.Options{})
	released := reserve(t, m, 50)
	m.Release(released)
	res := reserve(t, m, 50)
	m.Settle(res, call(20))
	state := m.State(scopes)
	if len(state) != 4 || state[0].Spent != 20 || state[0].Remaining != 980 || state[0].Limit != 1000 {
		t.Fatalf("state is %+v", state)
	}
	m.close(t)
	for _, scope := range []budget.Scope{r1, acme, user, key} {
		if st := w.state(t, scope); st.Spent != 20 || st.Leased != 0 {
			t.Errorf("%v: spent %d, leased %d", scope, st.Spent, st.Leased)
		}
	}
	if cost, n := w.ledger(t, "acme"); cost != 20 || n != 1 {
		t.Fatalf("the ledger has %d in %d entries", cost, n)
	}
	rec := w.entries(t, "acme")[0]
	if rec.GetEventId() == "" || rec.GetOccurredMillis() == 0 || len(rec.GetDraws()) != 4 || rec.GetWindow().GetSpentNanos() != 20 {
		t.Errorf("settled as %v", rec)
	}
	for _, d := range rec.GetDraws() {
		if d.GetNanos() != 20 || d.GetLeaseId() == "" {
			t.Errorf("a draw of %v", d)
		}
	}
	if _, err := m.Reserve(t.Context(), caller, 1); !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("a closed meter says %v", err)
	}
}

// All scopes hold at once: a call that one of them refuses takes nothing from the others.
func TestPartialReservationsAreRolledBack(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 1000})
	w.put(t, budget.Budget{Scope: key, Limit: 1000, Window: "1d"})
	w.put(t, budget.Budget{Scope: acme, Limit: 100, Window: "1h"})
	m := w.start(t, spend.Options{})
	for range 20 {
		_, err := m.Reserve(t.Context(), caller, 101)
		e := exceeded(t, err)
		if e.Details["limit"] != "0.0000001" || e.Details["spent"] != "0" || e.RetryAfter <= 0 || e.RetryAfter > time.Hour {
			t.Fatalf("refused with %+v", e)
		}
	}
	m.Settle(reserve(t, m, 100), call(100))
	_, err := m.Reserve(t.Context(), caller, 1)
	e := exceeded(t, err)
	if want := "Budget has been exceeded! Team=acme Current cost: 0.0000001, Max budget: 0.0000001"; e.Message != want {
		t.Errorf("message is %q, want %q", e.Message, want)
	}
	m.close(t)
	if st := w.state(t, acme); st.Spent != 100 || st.Leased != 0 {
		t.Errorf("spent %d, leased %d", st.Spent, st.Leased)
	}
}

// A refusal by the platform's budget says nothing of what others spent.
func TestPlatformsBudgetIsNotTold(t *testing.T) {
	w := newWorld(t, budget.Options{})
	state := w.put(t, budget.Budget{Scope: r1, Limit: 1234})
	m := w.start(t, spend.Options{})
	m.Settle(reserve(t, m, 1000), call(1000))
	other := caller
	other.Scopes = spend.Scopes{Platform: caller.Scopes.Platform, Tenant: "other", Key: "k-other"}
	_, err := m.Reserve(t.Context(), other, 500)
	e := exceeded(t, err)
	if len(e.Details) > 0 || e.RetryAfter <= 0 {
		t.Errorf("refused with %+v", e)
	}
	for _, secret := range []string{state.ID, "r1", money.Nano(1234).Dollars(), money.Nano(1000).Dollars()} {
		if strings.Contains(e.Message, secret) {
			t.Errorf("%q tells %s", e.Message, secret)
		}
	}
}

func TestReserveUpTo(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 1000})
	w.put(t, budget.Budget{Scope: acme, Limit: 700})
	m := w.start(t, spend.Options{})
	for _, c := range []struct{ minimum, wanted, got money.Nano }{
		{10, 400, 400},
		{10, 400, 300}, // what the tenant has left
		{10, 400, -1},
		{0, 0, 0},
	} {
		res, err := m.ReserveUpTo(t.Context(), caller, c.minimum, c.wanted)
		if c.got < 0 {
			_ = exceeded(t, err)
			continue
		}
		if err != nil || res.Amount != c.got {
			t.Fatalf("%+v: got %d, %v", c, res.Amount, err)
		}
	}
	for _, c := range [][2]money.Nano{{-1, 5}, {5, 4}} {
		if _, err := m.ReserveUpTo(t.Context(), caller, c[0], c[1]); !errs.Is(err, errs.InvalidRequest) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if st := m.State(scopes); st[0].Remaining != 1000 || st[1].Remaining != 700 {
		t.Errorf("state is %+v", st)
	}
}

func TestScopesWithoutBudgetsAskOnce(t *testing.T) {
	w := newWorld(t, budget.Options{})
	m := w.start(t, spend.Options{})
	m.Settle(reserve(t, m, 50), call(20))
	eventually(t, "the first look at the changes", func() bool { // it makes everything known once more
		before := w.client.count("lease")
		for range 100 {
			m.Settle(reserve(t, m, 50), call(20))
		}
		return w.client.count("lease") == before
	})
	if len(m.State(scopes)) != 0 {
		t.Error("there is no budget")
	}
}

// A budget that is made, changed or removed counts on every replica as soon as it has heard.
func TestChangesWorkEverywhere(t *testing.T) {
	w := newWorld(t, budget.Options{})
	a, b := w.start(t, spend.Options{}), w.start(t, spend.Options{})
	reserve(t, a, 1)
	reserve(t, b, 1)
	allowed := func(m *running, upper money.Nano) bool {
		res, err := m.Reserve(context.Background(), caller, upper)
		if err == nil {
			m.Release(res)
		}
		return err == nil
	}
	both := func(what string, upper money.Nano, want bool) {
		t.Helper()
		eventually(t, what, func() bool { return allowed(a, upper) == want && allowed(b, upper) == want })
	}
	w.put(t, budget.Budget{Scope: key, Limit: 1000})
	both("a new budget", 1001, false)
	w.put(t, budget.Budget{Scope: key, Limit: 5000})
	both("a raised limit", 4000, true)
	w.put(t, budget.Budget{Scope: key, Limit: 10})
	both("a lowered limit", 11, false)
	if _, err := w.svc.DeleteBudgets(t.Context(), nil, []budget.Scope{key}); err != nil {
		t.Fatal(err)
	}
	both("a removed budget", 1_000_000, true)
}

func TestWindowsRollOver(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 100, Window: "1s"})
	m := w.start(t, spend.Options{})
	last := reserve(t, m, 10)
	began, begun := time.Now(), map[int64]bool{}
	for len(begun) < 4 && time.Since(began) < 20*time.Second {
		res, err := m.Reserve(t.Context(), caller, 10)
		if err != nil {
			e := exceeded(t, err)
			if e.RetryAfter > time.Second {
				t.Fatalf("retry after %v in a window of a second", e.RetryAfter)
			}
			continue
		}
		for _, st := range m.State(scopes) {
			begun[st.Start] = true
		}
		m.Settle(res, call(10))
	}
	m.Settle(last, call(10)) // a call that began in a window that is over is paid by that one
	m.close(t)
	spent := map[int64]money.Nano{}
	for _, e := range w.entries(t, "acme") {
		if e.GetNotice() == nil {
			spent[e.GetWindow().GetStartMillis()] += money.Nano(e.GetCostNanos())
		}
	}
	if len(spent) < 4 {
		t.Fatalf("only %d windows in 20 s", len(spent))
	}
	for start, sum := range spent {
		if sum > 100 {
			t.Errorf("the window of %d spent %d of 100", start, sum)
		}
	}
	if st := w.state(t, key); st.Spent > 100 || st.Leased != 0 {
		t.Errorf("spent %d, leased %d", st.Spent, st.Leased)
	}
}

func TestOverdrawnCallsAreSpentInFull(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 100})
	m := w.start(t, spend.Options{})
	m.Settle(reserve(t, m, 10), call(70))
	if got := m.Stats().Overdrawn; got != 1 {
		t.Errorf("%d overdrawn calls were counted", got)
	}
	_, err := m.Reserve(t.Context(), caller, 31)
	_ = exceeded(t, err)
	m.Settle(reserve(t, m, 30), call(30))
	m.close(t)
	if st := w.state(t, key); st.Spent != 100 || st.Leased != 0 {
		t.Errorf("spent %d, leased %d", st.Spent, st.Leased)
	}
}

// The budget service goes away in the middle: slices are used up, records wait, and then
// calls are refused. Nothing is lost and nothing is spent twice.
func TestBudgetServiceAway(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 8000})
	m := w.start(t, spend.Options{QueueLimit: 5})
	m.Release(reserve(t, m, 200)) // the slice is for some such calls
	m.Settle(reserve(t, m, 10), call(10))
	eventually(t, "the first delivery", func() bool { return m.Stats().Queued == 0 })
	reserve(t, m, 10) // loads what the first notice unloaded
	w.client.fail(down, nil)
	settled := 1
	for m.Stats().Queued < 5 {
		m.Settle(reserve(t, m, 10), call(10))
		settled++
	}
	_, err := m.Reserve(t.Context(), caller, 10)
	if e := errs.Of(err); !errs.Is(err, errs.ServiceUnavailable) || e.RetryAfter <= 0 {
		t.Fatalf("with a full queue: %v", err)
	}
	w.client.fail(nil, nil)
	eventually(t, "delivery", func() bool { return m.Stats().Queued == 0 })
	w.client.fail(func(call string) error {
		if call == "lease" {
			return errDown
		}
		return nil
	}, nil)
	if _, err := m.Reserve(t.Context(), caller, 7000); !errs.Is(err, errs.ServiceUnavailable) {
		t.Fatalf("without a lease: %v", err)
	}
	if _, err := m.Reserve(t.Context(), spend.Call{Scopes: spend.Scopes{Key: "never seen"}}, 1); !errs.Is(err, errs.ServiceUnavailable) {
		t.Fatalf("for an unknown key: %v", err)
	}
	w.client.fail(nil, nil)
	if cost, n := w.ledger(t, "acme"); n != settled || cost != money.Nano(10*settled) {
		t.Errorf("the ledger has %d in %d entries, not %d", cost, n, settled)
	}
}

// Answers that are lost after the service did its work change nothing: records and leases
// are told again.
func TestLostAnswers(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 10_000})
	m := w.start(t, spend.Options{Patience: -1})
	var lost atomic.Int64
	flaky := func(string) error {
		if dice(3) == 0 {
			lost.Add(1)
			return errDown
		}
		return nil
	}
	w.client.fail(flaky, flaky)
	var settled money.Nano
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range 8 {
		wg.Go(func() {
			for {
				res, err := m.Reserve(context.Background(), caller, 25)
				if errs.Is(err, errs.BudgetExceeded) {
					return
				}
				if err != nil {
					continue
				}
				m.Settle(res, call(20))
				mu.Lock()
				settled += 20
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	w.client.fail(nil, nil)
	m.close(t)
	if lost.Load() == 0 {
		t.Fatal("nothing was lost")
	}
	if settled > 10_000 || settled < 9_900 {
		t.Errorf("settled %d of 10,000", settled)
	}
	if st := w.state(t, key); st.Spent != settled || st.Leased != 0 {
		t.Errorf("spent %d and leased %d, settled %d", st.Spent, st.Leased, settled)
	}
	if cost, _ := w.ledger(t, "acme"); cost != settled {
		t.Errorf("the ledger has %d, settled %d", cost, settled)
	}
}

// A replica that was given up begins anew; what it settled late replaces the charge.
func TestReplicaThatWasGivenUp(t *testing.T) {
	w := newWorld(t, budget.Options{Term: 40 * time.Millisecond, Grace: 10 * time.Millisecond, ExpireEvery: 10 * time.Millisecond})
	w.put(t, budget.Budget{Scope: key, Limit: 8000})
	m := w.start(t, spend.Options{})
	res := reserve(t, m, 100)
	w.client.fail(down, nil)
	eventually(t, "the charge", func() bool { return w.state(t, key).Spent >= 100 })
	m.Settle(res, call(70))
	w.client.fail(nil, nil)
	eventually(t, "the correction", func() bool {
		again, err := m.Reserve(context.Background(), caller, 1)
		if err == nil {
			m.Release(again)
		}
		return w.state(t, key).Spent == 70
	})
	m.close(t)
	if st := w.state(t, key); st.Spent != 70 || st.Leased != 0 {
		t.Errorf("spent %d, leased %d", st.Spent, st.Leased)
	}
	if cost, n := w.ledger(t, "acme"); cost != 70 || n < 3 {
		t.Errorf("the ledger has %d in %d entries", cost, n)
	}
}

// Who waits is told how long: until the window ends for what is spent, and for less where
// calls under way hold what may come back.
func TestRetryAfterOfANearlySpentBudget(t *testing.T) {
	for name, tc := range map[string]struct {
		window          string
		here, there     money.Nano // held by calls under way, in two replicas
		spent           money.Nano
		atLeast, atMost time.Duration
	}{
		"spent, without end":           {"", 0, 0, 95, time.Hour, time.Hour},
		"spent, with an end":           {"7d", 0, 0, 95, time.Millisecond, 7 * 24 * time.Hour},
		"spent, and others hold a bit": {"", 3, 0, 95, time.Hour, time.Hour},
		"held here":                    {"", 60, 0, 35, time.Second, time.Second},
		"held elsewhere":               {"", 0, 60, 35, 10 * time.Second, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, budget.Options{})
			w.put(t, budget.Budget{Scope: key, Limit: 100, Window: tc.window})
			// The other one waits for what the first one has to give back.
			m, other := w.start(t, spend.Options{Patience: -1}), w.start(t, spend.Options{})
			m.Settle(reserve(t, m, tc.spent), call(tc.spent))
			if tc.there > 0 {
				held := reserve(t, other, tc.there)
				defer other.Release(held)
			}
			if tc.here > 0 {
				held := reserve(t, m, tc.here)
				defer m.Release(held)
			}
			_, err := m.Reserve(context.Background(), caller, 50)
			if e := errs.Of(err); !errs.Is(err, errs.BudgetExceeded) || e.RetryAfter < tc.atLeast || e.RetryAfter > tc.atMost {
				t.Errorf("%v, retry after %v; want from %v to %v", err, e.RetryAfter, tc.atLeast, tc.atMost)
			}
		})
	}
}

// Callers that do not wait when they are told to, and come again at once, find what came back
// to the budget in the meantime.
func TestImpatientCallersFindWhatComesBack(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 100})
	m, other := w.start(t, spend.Options{Patience: -1}), w.start(t, spend.Options{})
	m.Settle(reserve(t, m, 35), call(35))
	held := reserve(t, other, 60)
	for range 300 {
		if _, err := m.Reserve(t.Context(), caller, 50); !errs.Is(err, errs.BudgetExceeded) {
			t.Fatalf("50 of 5: %v", err)
		}
		pause(t.Context(), time.Millisecond)
	}
	other.Release(held)
	other.close(t) // gives everything back, and nobody is told
	eventually(t, "the rest is paid", func() bool {
		_, err := m.Reserve(t.Context(), caller, 50)
		return err == nil
	})
}

// One record that the service refuses does not hold up the others.
func TestInvalidRecordIsSetApart(t *testing.T) {
	w := newWorld(t, budget.Options{})
	m := w.start(t, spend.Options{FlushEvery: 20 * time.Millisecond})
	for i := range 10 {
		rec := call(1)
		if i == 6 {
			rec.Usage = &usagev1.Usage{Output: -1}
		}
		m.Settle(reserve(t, m, 1), rec)
	}
	eventually(t, "delivery", func() bool { return m.Stats().Queued == 0 })
	if _, n := w.ledger(t, "acme"); n != 9 || m.Stats().Rejected != 1 {
		t.Errorf("%d entries, %d rejected", n, m.Stats().Rejected)
	}
}

// A scope that nobody uses gives its slices back.
func TestIdleScopesAreForgotten(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 8000})
	m := w.start(t, spend.Options{IdleAfter: 1100 * time.Millisecond})
	m.Release(reserve(t, m, 10))
	if w.state(t, key).Leased == 0 {
		t.Fatal("nothing is leased")
	}
	eventually(t, "the return", func() bool { return w.state(t, key).Leased == 0 && m.Stats().Leases == 0 })
	m.Settle(reserve(t, m, 10), call(10))
	m.close(t)
	if st := w.state(t, key); st.Spent != 10 || st.Leased != 0 {
		t.Errorf("spent %d, leased %d", st.Spent, st.Leased)
	}
}

// A scope that was forgotten and is used again has what is left of its budget and no more,
// however often that happens, and gives all of that back again.
func TestForgottenScopesSpendNothingTwice(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 1000})
	w.put(t, budget.Budget{Scope: acme, Limit: 5000})
	m := w.start(t, spend.Options{IdleAfter: 20 * time.Millisecond, Patience: -1})
	settled := money.Nano(0)
	for round := 1; round <= 4; round++ {
		for range 30 { // 300 of the key's 1000
			res, err := m.Reserve(t.Context(), caller, 10)
			if errs.Is(err, errs.BudgetExceeded) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			m.Settle(res, call(10))
			settled += 10
		}
		eventually(t, "oblivion", func() bool { return m.Stats().Leases == 0 })
		for _, scope := range []budget.Scope{key, acme} {
			if st := w.state(t, scope); st.Spent != settled || st.Leased != 0 {
				t.Fatalf("round %d: %v has spent %d and leased %d, settled %d", round, scope, st.Spent, st.Leased, settled)
			}
		}
	}
	if settled != 1000 {
		t.Errorf("settled %d of 1000", settled)
	}
	m.close(t)
	if cost, _ := w.ledger(t, "acme"); cost != settled {
		t.Errorf("the ledger has %d", cost)
	}
}

// What a scope drew is not forgotten before the budget service knows of it.
func TestNothingIsForgottenUntold(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 1000})
	m := w.start(t, spend.Options{IdleAfter: 20 * time.Millisecond, Patience: -1})
	w.client.fail(func(call string) error {
		if call == "record" {
			return errDown
		}
		return nil
	}, nil)
	m.Settle(reserve(t, m, 600), call(600))
	eventually(t, "the return", func() bool { return w.state(t, key).Leased == 600 })
	for range 3 {
		if _, err := m.Reserve(t.Context(), caller, 401); !errs.Is(err, errs.BudgetExceeded) {
			t.Fatalf("401 of 400: %v", err)
		}
		was := w.client.count("lease")
		eventually(t, "a few looks at the idle scope", func() bool { return w.client.count("lease") > was+3 })
		if m.Stats().Leases != 1 {
			t.Fatal("the scope is forgotten with its records")
		}
	}
	w.client.fail(nil, nil)
	eventually(t, "oblivion", func() bool { return m.Stats().Leases == 0 })
	if st := w.state(t, key); st.Spent != 600 || st.Leased != 0 {
		t.Errorf("spent %d, leased %d", st.Spent, st.Leased)
	}
}

func TestEndedMeterRefuses(t *testing.T) {
	w := newWorld(t, budget.Options{})
	m := w.start(t, spend.Options{})
	m.crash(t)
	if _, err := m.Reserve(t.Context(), caller, 1); !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("after Run ended: %v", err)
	}
	if err := m.Run(t.Context()); err == nil {
		t.Error("a meter runs once")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fresh := w.start(t, spend.Options{})
	if _, err := fresh.Reserve(ctx, caller, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: %v", err)
	}
}

func TestNoSecretInRefusal(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: user, Limit: 0})
	m := w.start(t, spend.Options{})
	_, err := m.Reserve(t.Context(), caller, 1)
	e := exceeded(t, err)
	if !strings.HasPrefix(e.Message, "Budget has been exceeded! User=u1 ") || e.RetryAfter != time.Hour {
		t.Errorf("refused with %+v", e)
	}
}

// Answers from the cache settle without a reservation, so nothing holds them back. While the
// ledger is away they take no room that calls need, and everything that cost something arrives.
func TestFreeRecordsLeaveRoom(t *testing.T) {
	for name, opts := range map[string]spend.Options{
		"the queue's half": {QueueLimit: 100, BatchSize: 10},
		"the log's half":   {BatchSize: 10},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, budget.Options{})
			w.put(t, budget.Budget{Scope: key, Limit: 1_000_000})
			if opts.QueueLimit == 0 {
				log, err := journal.Open(journal.Options{Dir: t.TempDir(), Name: "a", SegmentBytes: 8 << 10, MaxBytes: 256 << 10})
				if err != nil {
					t.Fatal(err)
				}
				opts.Journal = log
			}
			m := w.start(t, opts)
			m.Release(reserve(t, m, 10_000)) // the slice is for some such calls
			w.client.fail(down, nil)
			const free, paid = 5000, 20
			for range free {
				m.Settle(spend.Reservation{}, call(0))
			}
			kept := m.Stats().Queued
			if dropped := m.Stats().Dropped; kept < 10 || kept > free/2 || int(dropped) != free-kept {
				t.Fatalf("%d records are kept and %d dropped", kept, dropped)
			}
			for range paid {
				m.Settle(reserve(t, m, 10), call(10))
			}
			m.Settle(spend.Reservation{}, call(7)) // of an unknown kind, but it costs
			m.Settle(reserve(t, m, 10), call(0))   // a call that was reserved, and cost nothing
			if st := m.Stats(); st.Queued != kept+paid+2 || st.Unlogged != 0 {
				t.Errorf("with %d free records kept: %+v", kept, st)
			}
			w.client.fail(nil, nil)
			eventually(t, "delivery", func() bool { return m.Stats().Queued == 0 })
			if cost, n := w.ledger(t, "acme"); n != kept+paid+2 || cost != 10*paid+7 {
				t.Errorf("the ledger has %d in %d entries, with %d free ones kept", cost, n, kept)
			}
			m.Settle(spend.Reservation{}, call(0))
			eventually(t, "a free record's delivery", func() bool { _, n := w.ledger(t, "acme"); return n == kept+paid+3 })
		})
	}
}
