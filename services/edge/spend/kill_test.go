package spend_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/money"
	platformpostgres "tollgate.dev/platform/postgres"
	"tollgate.dev/platform/postgres/postgrestest"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/secret"
	platform "tollgate.dev/platform/sqlite"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/store/postgres"
	"tollgate.dev/services/budget/store/sqlite"
	"tollgate.dev/services/edge/spend"
	"tollgate.dev/services/edge/spend/journal"
)

// childVariable makes the test's program a process that TestKilled kills: it says which
// store, which folder for the log, and what its requests' ids begin with.
const childVariable = "TOLLGATE_SPEND_TEST_CHILD"

func TestMain(m *testing.M) {
	if args := os.Getenv(childVariable); args != "" {
		if err := child(strings.Split(args, "\n")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// openStore opens a store in a file or at a URL.
func openStore(ctx context.Context, where string) (budget.Store, func() error, error) {
	if strings.HasPrefix(where, "postgres") {
		pool, err := platformpostgres.Open(ctx, secret.New(where), platformpostgres.Options{MaxConns: 4})
		if err != nil {
			return nil, nil, err
		}
		store, err := postgres.New(ctx, pool)
		return store, func() error { pool.Close(); return nil }, err
	}
	db, err := platform.Open(ctx, where, platform.Options{})
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlite.New(ctx, db)
	return store, db.Close, err
}

// crowd are the callers of the test: keys of users of two tenants.
var crowd = func() (all []spend.Scopes) {
	for _, tenant := range []string{"acme", "zeta"} {
		for _, user := range []string{"u1", "u2"} {
			for _, key := range []string{"a", "b"} {
				all = append(all, spend.Scopes{Platform: "r1", Tenant: tenant, User: user, Key: tenant + "-" + user + "-" + key})
			}
		}
	}
	return all
}()

// crowdBudgets are a budget for each of their scopes. A key's and a user's are soon spent.
func crowdBudgets() []budget.Budget {
	limits := map[budget.Scope]money.Nano{}
	for _, c := range crowd {
		limits[budget.Scope{Kind: budget.Platform, ID: c.Platform}] = 400_000_000
		limits[budget.Scope{Kind: budget.Tenant, ID: c.Tenant}] = 150_000_000
		limits[budget.Scope{Kind: budget.User, ID: c.Tenant + "/" + c.User}] = 60_000_000
		limits[budget.Scope{Kind: budget.Key, ID: c.Key}] = 40_000_000
	}
	limits[budget.Scope{Kind: budget.Key, ID: crowd[0].Key}] = 40_000
	limits[budget.Scope{Kind: budget.User, ID: crowd[7].Tenant + "/" + crowd[7].User}] = 60_000
	out := make([]budget.Budget, 0, len(limits))
	for scope, limit := range limits {
		out = append(out, budget.Budget{Scope: scope, Limit: limit})
	}
	return out
}

// child is a gateway's process in small: a budget service, a meter with its log, and
// callers. Before and after each step of a call it says so on its output. It runs until it
// is killed.
func child(args []string) error {
	where, dir, prefix := args[0], args[1], args[2]
	ctx := context.Background()
	store, _, err := openStore(ctx, where)
	if err != nil {
		return err
	}
	svc := budget.New(store, budget.Options{})
	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, budget.Handler(svc))
	log, err := journal.Open(journal.Options{Dir: dir, Name: "replica-" + prefix, SegmentBytes: 32 << 10, Boot: "this boot"})
	if err != nil {
		return err
	}
	m := spend.New(budgetv1connect.NewBudgetServiceClient(rpc.InProcess(server)), spend.Options{
		ReplicaID: "replica-" + prefix, Journal: log, FlushEvery: 20 * time.Millisecond, Heartbeat: 50 * time.Millisecond,
	})
	var all sync.WaitGroup
	all.Go(func() { _ = svc.Run(ctx) })
	all.Go(func() { _ = m.Run(ctx) })
	m.WaitRecovered(ctx)
	var n atomic.Int64
	for range 24 {
		all.Go(func() {
			for {
				calls(ctx, m, fmt.Sprintf("%s-%d", prefix, n.Add(1)))
			}
		})
	}
	all.Wait()
	return nil
}

// say writes one line, in one piece.
func say(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stdout, format+"\n", args...)
}

// calls makes one call.
func calls(ctx context.Context, m *spend.Meter, request string) {
	scopes := crowd[dice(int64(len(crowd)))]
	c := spend.Call{
		Scopes: scopes, PlatformID: scopes.Platform, UserID: scopes.User, RequestID: request, CorrelationID: request,
		Model: "m", CallType: "chat.completions", StartedMillis: 1,
	}
	least := money.Nano(1 + dice(2000))
	say("start %s %d", request, least+500)
	res, err := m.ReserveUpTo(ctx, c, least, least+500)
	if err != nil {
		say("refused %s 0", request)
		return
	}
	say("reserved %s %d", request, res.Amount)
	pause(ctx, time.Duration(dice(int64(3*time.Millisecond))))
	if dice(10) == 0 {
		say("releasing %s 0", request)
		m.Release(res)
		say("released %s 0", request)
		return
	}
	cost := dice(int64(res.Amount) + 1)
	say("settling %s %d", request, cost)
	rec := &eventv1.UsageRecord{
		TenantId: scopes.Tenant, PlatformId: scopes.Platform, KeyId: scopes.Key, UserId: scopes.User, RequestId: request,
		CorrelationId: request, Model: "m", CallType: "chat.completions", StartedMillis: 1, CostNanos: cost, Cache: "miss",
	}
	if dice(4) == 0 {
		rec.CorrelationId = "" // the whole record takes the reservation's place
	}
	m.Settle(res, rec)
	say("settled %s %d", request, cost)
}

// fate is how far a call is known to have come, and with what amounts.
type fate struct {
	stage                 string
	upper, amount, charge int64
}

// Gateways are killed in the middle of their calls, again and again. In the end each call
// that was settled is in the ledger once at its cost, each that was in flight once at its
// reservation, nothing else is, the budgets' balances are the sums of their entries, and
// nothing is leased.
func TestKilled(t *testing.T) {
	killed(t, filepath.Join(t.TempDir(), "budget.db"), 1, 8)
}

// With PostgreSQL two processes share the folder and the database, and the survivor
// recovers the other one's log.
func TestKilledOnPostgreSQL(t *testing.T) {
	killed(t, postgrestest.URL(t).Reveal(), 2, 8)
}

func killed(t *testing.T, where string, together, kills int) {
	t.Helper()
	store, closeStore, err := openStore(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closeStore(); err != nil {
			t.Error(err)
		}
	})
	w := worldOver(t, store, budget.Options{})
	budgets := crowdBudgets()
	for _, b := range budgets {
		w.put(t, b)
	}
	dir := filepath.Join(t.TempDir(), "wal")
	fates := &fates{calls: map[string]*fate{}}
	var living []*victim
	for n := range kills {
		for len(living) < together {
			living = append(living, newVictim(t, fates, where, dir, fmt.Sprint(n, "x", len(living))))
		}
		next := living[0]
		living = living[1:]
		next.kill(t, 200+int(dice(1000)))
	}
	for _, v := range living {
		v.kill(t, 50)
	}

	last := logged(t, dir)
	last.CallTimeout = time.Minute
	var said bytes.Buffer
	last.Logger = slog.New(slog.NewTextHandler(&said, nil))
	m := w.recovered(t, last)
	m.close(t)
	entries := map[string][]*eventv1.UsageRecord{}
	sums := map[budget.Scope]money.Nano{}
	charged := 0
	for _, tenant := range []string{"acme", "zeta"} {
		for _, e := range w.entries(t, tenant) {
			if e.GetNotice() != nil {
				continue // what a budget told of itself
			}
			entries[e.GetRequestId()] = append(entries[e.GetRequestId()], e)
			if e.GetError() == spend.ReservationCharged {
				charged++
			} else if e.GetError() != "" {
				t.Errorf("an entry of %q: %v", e.GetError(), e)
			}
			for _, scope := range []budget.Scope{
				{Kind: budget.Platform, ID: e.GetPlatformId()}, {Kind: budget.Tenant, ID: tenant},
				{Kind: budget.User, ID: tenant + "/" + e.GetUserId()}, {Kind: budget.Key, ID: e.GetKeyId()},
			} {
				sums[scope] += money.Nano(e.GetCostNanos())
			}
		}
	}
	for _, b := range budgets {
		if st := w.state(t, b.Scope); st.Spent != sums[b.Scope] || st.Leased != 0 || st.Spent > b.Limit {
			t.Errorf("%v: spent %d, its entries %d, leased %d, limit %d", b.Scope, st.Spent, sums[b.Scope], st.Leased, b.Limit)
		}
	}
	stages := fates.check(t, entries)
	if t.Failed() {
		t.Logf("the last process said: %s", said.String())
	}
	t.Logf("%d kills, calls by how far they came: %v; %d charged at their reservation", kills+together-1, stages, charged)
	if stages["settled"] < 100 || stages["refused"] == 0 || charged == 0 {
		t.Error("the test shows too little")
	}
}

// fates are what the processes said of their calls.
type fates struct {
	mu    sync.Mutex
	calls map[string]*fate
}

func (f *fates) hear(line string) error {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return fmt.Errorf("a line of %q", line)
	}
	amount, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.calls[fields[1]]
	if c == nil {
		c = &fate{}
		f.calls[fields[1]] = c
	}
	switch c.stage = fields[0]; c.stage {
	case "start":
		c.upper = amount
	case "reserved":
		c.amount = amount
	case "settling", "settled":
		c.charge = amount
	}
	return nil
}

// check holds the ledger to what the processes said.
func (f *fates) check(t *testing.T, entries map[string][]*eventv1.UsageRecord) map[string]int {
	t.Helper()
	stages := map[string]int{}
	for request, c := range f.calls {
		stages[c.stage]++
		found := entries[request]
		delete(entries, request)
		if len(found) > 1 {
			t.Errorf("%s has %d entries: %v", request, len(found), found)
			continue
		}
		settled := len(found) == 1 && found[0].GetError() == ""
		charged := len(found) == 1 && !settled
		cost := int64(-1)
		if len(found) == 1 {
			cost = found[0].GetCostNanos()
		}
		ok := false
		switch c.stage {
		case "start": // perhaps reserved, and killed before it could say so
			ok = len(found) == 0 || charged && cost <= c.upper
		case "refused", "released":
			ok = len(found) == 0
		case "reserved":
			ok = charged && cost == c.amount
		case "releasing":
			ok = len(found) == 0 || charged && cost == c.amount
		case "settling":
			ok = charged && cost == c.amount || settled && cost == c.charge
		case "settled":
			ok = settled && cost == c.charge
		}
		if !ok {
			t.Errorf("%s came as far as %q (%+v) and its entries are %v", request, c.stage, *c, found)
		}
	}
	for request, found := range entries {
		t.Errorf("nobody called %q: %v", request, found)
	}
	return stages
}

// victim is a process that is going to be killed.
type victim struct {
	cmd   *exec.Cmd
	heard atomic.Int64
	fail  chan error
}

func newVictim(t *testing.T, fates *fates, where, dir, prefix string) *victim {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{cmd: exec.CommandContext(t.Context(), self), fail: make(chan error, 1)}
	v.cmd.Env = append(os.Environ(), childVariable+"="+strings.Join([]string{where, dir, prefix}, "\n"))
	v.cmd.Stderr = os.Stderr
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { v.fail <- v.listen(out, fates) }()
	return v
}

// listen hears all that the process says until its end. A line that the kill cut off was
// said by nobody.
func (v *victim) listen(out io.Reader, fates *fates) error {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = fates.hear(line)
		}
		if err != nil {
			return err
		}
		v.heard.Add(1)
	}
}

// kill waits until the process has said so much, and kills it.
func (v *victim) kill(t *testing.T, lines int) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); v.heard.Load() < int64(lines); {
		if time.Now().After(deadline) {
			t.Fatalf("the process said %d lines of %d", v.heard.Load(), lines)
		}
		pause(t.Context(), time.Millisecond)
	}
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-v.fail; err != nil {
		t.Error(err)
	}
	var exit *exec.ExitError
	if err := v.cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		t.Errorf("the process ended by itself: %v", err)
	}
}
