// Package storetest is the one suite that every [ratelimit.Shared] must pass.
package storetest

import (
	"context"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/edge/ratelimit"
)

// Term is the term of the stores under test.
const Term = 10 * time.Second

// Open makes an empty store with [Term] that goes by the clock.
type Open func(t *testing.T, clk clock.Clock) ratelimit.Shared

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *rig){
		"grants":             testGrants,
		"returns":            testReturns,
		"window":             testWindow,
		"corrections":        testCorrections,
		"coming":             testComing,
		"repeats":            testRepeats,
		"full reports":       testFullReports,
		"lost replicas":      testLostReplicas,
		"slots":              testSlots,
		"kinds and accounts": testKindsAndAccounts,
		"lowered limits":     testLoweredLimits,
		"batches":            testBatches,
		"concurrent callers": testConcurrentCallers,
		"random":             testRandom,
		"errors":             testErrors,
	} {
		t.Run(name, func(t *testing.T) {
			clk := clocktest.New()
			test(t, &rig{t: t, clk: clk, store: open(t, clk)})
		})
	}
}

// rig is a store under test with its clock, and what its replicas would keep in mind.
type rig struct {
	t     *testing.T
	clk   *clocktest.Fake
	store ratelimit.Shared
	seq   int64
}

var account = ratelimit.AccountID{Scope: ratelimit.ScopeKey, ID: "k"}

// requests is a report of requests alone; tokens, and parallel, of theirs.
func requests(limit, keep, need, want int64, spent ...ratelimit.Spent) ratelimit.Report {
	return ratelimit.Report{
		Account:  account,
		Requests: ratelimit.Counted{Limit: limit, Keep: keep, Need: need, Want: want, Spent: spent},
		Tokens:   ratelimit.Counted{Limit: ratelimit.Unlimited},
		Parallel: ratelimit.Slots{Limit: ratelimit.Unlimited},
	}
}

func parallel(limit, keep, want int64) ratelimit.Report {
	r := requests(ratelimit.Unlimited, 0, 0, 0)
	r.Parallel = ratelimit.Slots{Limit: limit, Keep: keep, Want: want}
	return r
}

// full makes a report one that tells all.
func full(r ratelimit.Report) ratelimit.Report {
	r.Full = true
	return r
}

// sync sends one report with the next number.
func (g *rig) sync(replica string, r ratelimit.Report) ratelimit.Answer {
	g.t.Helper()
	g.seq++
	r.Seq = g.seq
	return g.send(replica, r)
}

func (g *rig) send(replica string, r ratelimit.Report) ratelimit.Answer {
	g.t.Helper()
	answers, err := g.store.Sync(g.t.Context(), replica, []ratelimit.Report{r})
	if err != nil || len(answers) != 1 {
		g.t.Fatalf("%d answers, %v", len(answers), err)
	}
	return answers[0]
}

// requests sends a report of requests, and wants this of the answer.
func (g *rig) requests(replica string, r ratelimit.Report, granted, free, others int64) ratelimit.Grant {
	g.t.Helper()
	a := g.sync(replica, r)
	if !a.Known {
		g.t.Fatalf("%s is not known", replica)
	}
	if got := a.Requests; got.Granted != granted || got.Free != free || got.Others != others {
		g.t.Errorf("%s: granted %d, free %d, others %d; want %d, %d, %d", replica, got.Granted, got.Free, got.Others, granted, free, others)
	}
	return a.Requests
}

func (g *rig) slots(replica string, r ratelimit.Report, granted, free, others int64) {
	g.t.Helper()
	a := g.sync(replica, r)
	if got := a.Parallel; !a.Known || got.Granted != granted || got.Free != free || got.Others != others {
		g.t.Errorf("%s: known %t, granted %d, free %d, others %d; want %d, %d, %d", replica, a.Known, got.Granted, got.Free, got.Others, granted, free, others)
	}
}

func spent(quantum int64, age time.Duration, n int64) ratelimit.Spent {
	return ratelimit.Spent{Quantum: quantum, Age: age, N: n}
}

// Slices are a part of what is free, what is wanted as far as a replica may have it, and
// what is needed at least; or nothing.
func testGrants(t *testing.T, g *rig) {
	t.Helper()
	g.requests("a", full(requests(800, 0, 1, 1)), 100, 700, 0)
	g.requests("b", full(requests(800, 0, 1, 300)), 300, 400, 100)
	g.requests("b", requests(800, 300, 0, 0), 0, 400, 100)
	g.requests("b", requests(800, 300, 0, 1), 25, 375, 100)
	g.requests("c", full(requests(800, 0, 375, 375)), 375, 0, 425)
	refused := g.requests("a", requests(800, 100, 1, 5), 0, 0, 700)
	if len(refused.Coming) != 0 {
		t.Errorf("nothing was spent, and %v is to come", refused.Coming)
	}
	if a := g.sync("d", full(requests(800, 0, 1, 1))); a.Replicas != 4 {
		t.Errorf("%d replicas", a.Replicas)
	}
}

func testReturns(_ *testing.T, g *rig) {
	g.requests("a", full(requests(80, 0, 80, 80)), 80, 0, 0)
	g.requests("b", full(requests(80, 0, 1, 1)), 0, 0, 80)
	g.requests("a", requests(80, 70, 0, 0), 0, 10, 0)
	g.requests("b", requests(80, 0, 11, 11), 0, 10, 70)
	g.requests("b", requests(80, 0, 10, 10), 10, 0, 70)
	g.requests("a", requests(80, 0, 0, 0, spent(1, 0, 70)), 0, 0, 10)
	g.requests("b", requests(80, 0, 0, 0), 0, 10, 0)
}

// What was spent leaves the window when it was spent a window ago, wherever it was and
// whenever it was reported.
func testWindow(_ *testing.T, g *rig) {
	g.requests("a", full(requests(10, 0, 6, 6)), 6, 4, 0)
	g.clk.Advance(3 * time.Second)
	g.requests("a", requests(10, 0, 0, 0, spent(1, 2*time.Second, 6)), 0, 4, 0)
	g.requests("b", full(requests(10, 0, 4, 4)), 4, 0, 0)
	g.requests("b", requests(10, 0, 0, 0, spent(7, 0, 4)), 0, 0, 0)
	g.clk.Advance(ratelimit.Window - 2*time.Second - time.Microsecond)
	g.requests("c", full(requests(10, 0, 1, 1)), 0, 0, 0)
	g.clk.Advance(time.Microsecond)
	g.requests("c", requests(10, 0, 7, 7), 0, 6, 0)
	g.requests("c", requests(10, 0, 6, 6), 6, 0, 0)
	g.clk.Advance(2 * time.Second)
	g.requests("c", requests(10, 0, 0, 0, spent(9, 2*time.Second, 6)), 0, 4, 0)
}

// A quantum is told of as often as it changes, up and down.
func testCorrections(_ *testing.T, g *rig) {
	g.requests("a", full(requests(100, 0, 60, 60)), 60, 40, 0)
	g.requests("a", requests(100, 0, 0, 0, spent(1, 0, 60)), 0, 40, 0)
	g.clk.Advance(10 * time.Second)
	g.requests("b", full(requests(100, 0, 0, 0)), 0, 40, 0)
	g.requests("a", full(requests(100, 0, 0, 0, spent(1, 10*time.Second, 20))), 0, 80, 0)
	// Beyond the limit, because it was longer than estimated: less than nothing is free.
	g.requests("a", requests(100, 0, 0, 0, spent(11, 0, 130)), 0, 0, 0)
	g.clk.Advance(ratelimit.Window - 10*time.Second)
	g.requests("a", full(requests(100, 0, 1, 1, spent(11, ratelimit.Window-10*time.Second, 130))), 0, 0, 0)
	// More of a quantum makes it younger, less of it does not.
	g.requests("a", requests(100, 0, 0, 0, spent(11, 5*time.Second, 90)), 0, 10, 0)
	g.clk.Advance(10 * time.Second)
	g.requests("b", full(requests(100, 0, 0, 0)), 0, 100, 0)
	g.requests("b", requests(100, 0, 0, 0, spent(1, 5*time.Second, 50)), 0, 50, 0)
	g.requests("b", requests(100, 0, 0, 0, spent(1, time.Second, 60)), 0, 40, 0)
	g.clk.Advance(ratelimit.Window - time.Second - time.Microsecond)
	g.requests("a", full(requests(100, 0, 0, 0)), 0, 40, 0)
	g.clk.Advance(time.Microsecond)
	g.requests("a", requests(100, 0, 0, 0), 0, 100, 0)
}

// Whoever is refused hears what is to come, soonest first.
func testComing(t *testing.T, g *rig) {
	t.Helper()
	g.requests("a", full(requests(10, 0, 1, 1)), 1, 9, 0)
	g.requests("a", requests(10, 0, 0, 0, spent(1, 0, 3)), 0, 7, 0)
	g.clk.Advance(20 * time.Second)
	g.requests("b", full(requests(10, 0, 0, 0, spent(5, 0, 4), spent(6, 0, 1))), 0, 2, 0)
	g.clk.Advance(5 * time.Second)
	g.requests("a", full(requests(10, 0, 0, 0, spent(1, 25*time.Second, 3), spent(9, time.Second, 1))), 0, 1, 0)
	got := g.requests("a", requests(10, 0, 2, 2), 0, 1, 0).Coming
	want := []ratelimit.Coming{{N: 3, In: 35 * time.Second}, {N: 4, In: 55 * time.Second}, {N: 1, In: 55 * time.Second}, {N: 1, In: 59 * time.Second}}
	if len(got) == 4 && got[1].N == 1 {
		got[1], got[2] = got[2], got[1] // both come at once
	}
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// A report counts once however often it arrives, and one that arrives late not at all.
func testRepeats(t *testing.T, g *rig) {
	t.Helper()
	g.requests("a", full(requests(100, 0, 40, 40)), 40, 60, 0)
	r := requests(100, 10, 0, 0, spent(1, 0, 30))
	r.Seq = 10
	if a := g.send("a", r); !a.Known || a.Requests.Free != 60 {
		t.Errorf("%+v", a)
	}
	for _, seq := range []int64{10, 9, 1} {
		late := full(requests(100, 90, 50, 50))
		late.Seq = seq
		if a := g.send("a", late); a.Known || a.Requests.Granted != 0 {
			t.Errorf("report %d was carried out: %+v", seq, a)
		}
	}
	// The answer to this one is lost. The next report says what is really held.
	g.seq = 10
	g.requests("a", requests(100, 10, 20, 20), 20, 40, 0)
	g.requests("a", requests(100, 10, 0, 0, spent(1, 0, 30)), 0, 60, 0)
}

// A replica that the store does not know tells all first.
func testFullReports(t *testing.T, g *rig) {
	t.Helper()
	if a := g.sync("a", requests(100, 50, 1, 1, spent(1, 0, 5))); a.Known || a.Requests.Granted != 0 {
		t.Errorf("a stranger was granted %+v", a)
	}
	g.requests("b", full(requests(100, 0, 0, 0)), 0, 100, 0)
	g.requests("a", full(requests(100, 0, 0, 0, spent(1, 0, 5), spent(2, 0, 6))), 0, 89, 0)
	g.requests("a", full(requests(100, 0, 0, 0, spent(2, 0, 7))), 0, 93, 0)
}

// What is not heard of for a term was spent at its end, as far as anybody can tell. Its
// replica can.
func testLostReplicas(t *testing.T, g *rig) {
	t.Helper()
	g.requests("a", full(requests(100, 0, 40, 40)), 40, 60, 0)
	g.requests("a", requests(100, 30, 0, 0, spent(1, 0, 10)), 0, 60, 0)
	g.clk.Advance(Term - time.Microsecond)
	g.requests("b", full(requests(100, 0, 0, 0)), 0, 60, 30)
	g.clk.Advance(time.Microsecond)
	g.requests("b", requests(100, 0, 0, 0), 0, 60, 0)
	if a := g.sync("a", requests(100, 30, 1, 1)); a.Known {
		t.Errorf("the lost replica goes on: %+v", a)
	}
	g.clk.Advance(ratelimit.Window - Term)
	g.requests("b", full(requests(100, 0, 0, 0)), 0, 70, 0) // what it had reported
	g.clk.Advance(Term - time.Microsecond)
	g.requests("b", full(requests(100, 0, 0, 0)), 0, 70, 0)
	g.clk.Advance(time.Microsecond)
	g.requests("b", requests(100, 0, 0, 0), 0, 100, 0)

	g.requests("a", full(requests(100, 0, 40, 40)), 40, 60, 0)
	g.clk.Advance(Term)
	g.requests("b", full(requests(100, 0, 0, 0)), 0, 60, 0)
	g.requests("a", full(requests(100, 0, 0, 0, spent(80, time.Second, 3))), 0, 97, 0)
}

func testSlots(_ *testing.T, g *rig) {
	g.slots("a", full(parallel(16, 0, 1)), 2, 14, 0)
	g.slots("b", full(parallel(16, 0, 9)), 7, 7, 2)
	g.slots("a", parallel(16, 2, 4), 3, 4, 7)
	g.slots("b", parallel(16, 7, 0), 0, 4, 5)
	g.slots("b", parallel(16, 7, 1), 1, 3, 5)
	g.slots("c", full(parallel(16, 0, 1)), 1, 2, 13)
	g.slots("c", parallel(16, 1, 1), 1, 1, 13)
	g.slots("c", parallel(16, 2, 1), 1, 0, 13)
	g.slots("c", parallel(16, 3, 1), 0, 0, 13)
	g.slots("a", parallel(16, 4, 0), 0, 1, 11)
	// Calls that a replica let through by itself count as well.
	g.slots("c", parallel(16, 9, 1), 0, 0, 12)
	g.clk.Advance(Term / 2)
	g.slots("a", parallel(16, 0, 0), 0, 0, 17)
	// That c has let requests through as well, which stay counted, makes no difference.
	both := requests(10, 0, 1, 1, spent(1, 0, 5))
	both.Parallel = ratelimit.Slots{Limit: 16, Keep: 9}
	g.requests("c", full(both), 1, 4, 0)
	g.clk.Advance(Term) // b and c are gone
	g.slots("a", full(parallel(17, 0, 17)), 17, 0, 0)
}

func testKindsAndAccounts(t *testing.T, g *rig) {
	t.Helper()
	both := full(requests(10, 0, 10, 10))
	both.Tokens = ratelimit.Counted{Limit: 1000, Need: 1000, Want: 1000}
	both.Parallel = ratelimit.Slots{Limit: 3, Want: 3}
	for _, id := range []ratelimit.AccountID{
		account,
		{Scope: ratelimit.ScopeTenant, ID: "k"},
		{Scope: ratelimit.ScopeKey, ID: "k", Model: "m"},
		{Scope: ratelimit.ScopeKey, ID: "k:m"},
		{Scope: ratelimit.ScopeKey, ID: "k}{:%3A/ é"},
		{Scope: ratelimit.ScopeKey, ID: "", Model: "k"},
	} {
		both.Account = id
		if a := g.sync("a", both); a.Requests.Granted != 10 || a.Tokens.Granted != 1000 || a.Parallel.Granted != 3 {
			t.Errorf("%+v: %+v", id, a)
		}
	}
	one := full(requests(ratelimit.Unlimited, 7, 5, 5))
	one.Tokens = ratelimit.Counted{Limit: 2000, Keep: 1000, Need: 1, Want: 500}
	if a := g.sync("a", one); a.Requests.Granted != 0 || a.Parallel.Granted != 0 || a.Tokens.Granted != 500 {
		t.Errorf("%+v", a)
	}
	g.requests("b", full(requests(10, 0, 10, 10)), 10, 0, 0) // a has given back what is not limited any more
	huge := full(requests(1<<62, 0, 1<<40, 1<<62))
	huge.Account.ID = "huge"
	if a := g.sync("a", huge); a.Requests.Granted < 1<<40 || a.Requests.Free < 0 {
		t.Errorf("%+v", a)
	}
}

func testLoweredLimits(_ *testing.T, g *rig) {
	g.requests("a", full(requests(100, 0, 50, 50)), 50, 50, 0)
	g.requests("b", full(requests(20, 0, 1, 1)), 0, 0, 50)
	g.requests("a", requests(20, 10, 0, 0), 0, 10, 0)
	g.requests("a", requests(200, 10, 0, 0), 0, 190, 0)
}

// Reports of one exchange are carried out each by itself.
func testBatches(t *testing.T, g *rig) {
	t.Helper()
	reports := make([]ratelimit.Report, 100)
	for i := range reports {
		reports[i] = full(requests(100, 0, int64(i+1), int64(i+1)))
		reports[i].Seq = int64(i + 1)
		reports[i].Account.ID = string(rune('a' + i))
		reports[i].Full = i != 7
	}
	answers, err := g.store.Sync(t.Context(), "a", reports)
	if err != nil || len(answers) != len(reports) {
		t.Fatalf("%d answers, %v", len(answers), err)
	}
	for i, a := range answers {
		if a.Known != (i != 7) || a.Known && a.Requests.Granted != max(int64(i+1), 100/8) {
			t.Errorf("answer %d: %+v", i, a)
		}
	}
	if answers, err := g.store.Sync(t.Context(), "a", nil); err != nil || len(answers) != 0 {
		t.Errorf("%v, %v", answers, err)
	}
}

func testErrors(t *testing.T, g *rig) {
	t.Helper()
	if err := g.store.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.store.Sync(ctx, "a", []ratelimit.Report{full(requests(1, 0, 1, 1))}); err == nil {
		t.Error("a call after its end went through")
	}
	if err := g.store.Ping(ctx); err == nil {
		t.Error("a ping after its end went through")
	}
}
