package e2e_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"tollgate.dev/e2e/harness"
	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/quota"
	"tollgate.dev/platform/quota/store/sqlite"
	platform "tollgate.dev/platform/sqlite"
)

// ledger is all that a gateway's ledger has.
type ledger struct {
	byRequest map[string][]*eventv1.UsageRecord
	// sums are the tenants' usage, last their last sequences.
	sums map[string]money.Nano
	last map[string]int64
	// balances are what the entries say of budgets, by id.
	balances map[string]money.Nano
}

// readLedger reads the ledger page by page, and holds each tenant's sequence to be without
// gaps.
func readLedger(t *testing.T, g *harness.Gateway) *ledger {
	t.Helper()
	l := &ledger{
		byRequest: map[string][]*eventv1.UsageRecord{}, sums: map[string]money.Nano{}, last: map[string]int64{}, balances: map[string]money.Nano{},
	}
	for cursor := ""; ; {
		page, err := g.Budget().ListUsage(t.Context(), &budgetv1.ListUsageRequest{AllTenants: true, Limit: 1000, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.GetRecords() {
			l.add(t, r)
		}
		if cursor = page.GetNextCursor(); cursor == "" {
			return l
		}
	}
}

func (l *ledger) add(t *testing.T, r *eventv1.UsageRecord) {
	t.Helper()
	tenant, cost := r.GetTenantId(), money.Nano(r.GetCostNanos())
	if l.last[tenant]++; r.GetSequence() != l.last[tenant] {
		t.Fatalf("tenant %q: after %d comes the sequence %d", tenant, l.last[tenant]-1, r.GetSequence())
	}
	counted := map[string]bool{}
	for _, d := range r.GetDraws() {
		if id := d.GetBudgetId(); id != "" && !counted[id] {
			counted[id] = true
			l.balances[id] += cost
		}
	}
	if quota.FromRecord(r).IsUsage() {
		l.sums[tenant] += cost
		l.byRequest[r.GetRequestId()] = append(l.byRequest[r.GetRequestId()], r)
	}
}

// audit ends the bank and compares all books. Every cost that a caller saw is in the ledger
// once; a call that broke off stands there once at most, and says so; balances, topic and a
// consumer's bills agree with the ledger to the nano-dollar; no strict budget is overspent and
// nothing is set aside any more. It returns how many calls had which fate, and how many were
// charged at their reservation.
func (b *bank) audit(bills *bills) (fates map[fate]int, charged int) {
	b.t.Helper()
	b.close()
	for i := range b.gateways {
		b.gateways[i].Load().Stop()
	}
	g := harness.Start(b.t, b.options) // it has made no call: what is leased is somebody else's
	books := b.awaitBooks(g)
	b.reconcile(g)
	l := readLedger(b.t, g)
	fates, charged = b.holdToClaims(l)
	b.holdBalances(g, books, l)
	bills.agree(b.t, l)
	return fates, charged
}

// awaitBooks waits until nothing is leased and no event waits.
func (b *bank) awaitBooks(g *harness.Gateway) (books *budgetv1.AuditLedgerResponse) {
	b.t.Helper()
	harness.Within(b.t, longPatience, "every lease comes back and every event goes out", func() (err error) {
		if books, err = g.Budget().AuditLedger(b.t.Context(), &budgetv1.AuditLedgerRequest{}); err != nil {
			return err
		}
		for _, t := range books.GetTenants() {
			if t.GetWaiting() > 0 {
				return fmt.Errorf("%d events of tenant %q wait", t.GetWaiting(), t.GetTenantId())
			}
		}
		for _, state := range budgetsOf(b.t, g, books) {
			if state.GetLeasedNanos() != 0 {
				return fmt.Errorf("%v has leased %d", state.GetBudget().GetScope(), state.GetLeasedNanos())
			}
		}
		return nil
	})
	return books
}

// budgetsOf are the budgets that the books know, in their current windows.
func budgetsOf(t *testing.T, g *harness.Gateway, books *budgetv1.AuditLedgerResponse) []*budgetv1.BudgetState {
	t.Helper()
	req := &budgetv1.ListBudgetsRequest{}
	seen := map[string]bool{}
	for _, w := range books.GetWindows() {
		if id := w.GetScope().String(); !seen[id] {
			seen[id] = true
			req.Scopes = append(req.Scopes, w.GetScope())
		}
	}
	res, err := g.Budget().ListBudgets(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return res.GetStates()
}

// reconcile runs the operator's own command.
func (b *bank) reconcile(g *harness.Gateway) {
	b.t.Helper()
	code, stdout, stderr := quotaCommand(b.t, g, g.Master, "reconcile", "--brokers", strings.Join(b.brokers, ","), "--topic", b.topic)
	if code != 0 || !strings.Contains(stdout, "all agrees") || !strings.Contains(stdout, "0 events wait") {
		b.t.Errorf("tollgate quota reconcile: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// holdToClaims holds the ledger to what the callers know.
func (b *bank) holdToClaims(l *ledger) (fates map[fate]int, charged int) {
	b.t.Helper()
	fates = map[fate]int{}
	unknown := maps.Clone(l.byRequest)
	var claimed, recorded money.Nano
	for request, c := range b.claims {
		entries := l.byRequest[request]
		delete(unknown, request)
		fates[c.fate]++
		var sum money.Nano
		for _, e := range entries {
			sum += money.Nano(e.GetCostNanos())
		}
		claimed, recorded = claimed+c.cost, recorded+sum
		ok := len(entries) <= 1
		switch c.fate {
		case paid:
			ok = ok && len(entries) == 1 && entries[0].GetError() == "" && sum == c.cost
		case refused:
			ok = ok && sum == 0
		case lost:
			for _, e := range entries {
				if e.GetError() == "reservation_charged" {
					charged++
					ok = ok && e.GetUsage().GetEstimated() && sum > 0
				}
			}
		}
		if !ok {
			b.t.Errorf("%s: the caller knows of %+v, the ledger has %v", request, c, entries)
		}
	}
	for request, entries := range unknown {
		b.t.Errorf("nobody made the call %q: %v", request, entries)
	}
	if claimed > recorded {
		b.t.Errorf("the answers add up to $%s, the ledger to $%s", claimed.Dollars(), recorded.Dollars())
	}
	return fates, charged
}

// holdBalances holds every balance to the ledger and to its limit.
func (b *bank) holdBalances(g *harness.Gateway, books *budgetv1.AuditLedgerResponse, l *ledger) {
	b.t.Helper()
	for _, w := range books.GetWindows() {
		if w.GetUnknown() || w.GetSpentNanos() != w.GetExplainedNanos() {
			b.t.Errorf("%v: $%s are spent, the ledger explains $%s", w.GetScope(), money.Nano(w.GetSpentNanos()), money.Nano(w.GetExplainedNanos()))
		}
	}
	states := budgetsOf(b.t, g, books)
	for _, state := range states {
		id, spent, limit := state.GetBudget().GetId(), money.Nano(state.GetSpentNanos()), money.Nano(state.GetBudget().GetLimitNanos())
		// A day may end in the middle of the test; what is spent is then of the new one.
		if state.GetEndMillis() == 0 && spent != l.balances[id] || spent > limit {
			b.t.Errorf("%v: spent $%s of $%s, its entries add up to $%s", state.GetBudget().GetScope(), spent.Dollars(), limit.Dollars(), l.balances[id].Dollars())
		}
	}
	if len(states) == 0 {
		b.t.Error("there is no budget")
	}
}

// bills are what a consumer of the topic made of the events: it adds up what each tenant
// spent, beside the gateways and while whatever it needs is killed.
type bills struct {
	t       *testing.T
	db      *platform.DB
	handler *sqlite.Handler
	kafka   *kafkax.Client
	topic   string
}

// bill starts a consumer. It runs until the test ends.
func (b *bank) bill() *bills {
	b.t.Helper()
	db, err := platform.Open(b.t.Context(), filepath.Join(b.t.TempDir(), "bills.db"), platform.Options{Synchronous: platform.Normal})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.t.Error(err)
		}
	})
	if _, err := db.Write.ExecContext(b.t.Context(), "CREATE TABLE bills (tenant TEXT PRIMARY KEY, nanos INTEGER, events INTEGER)"); err != nil {
		b.t.Fatal(err)
	}
	handler, err := sqlite.New(b.t.Context(), db, "billing", func(ctx context.Context, tx *sql.Tx, e *quota.Event) error {
		amount := e.Payload.Cost
		if !e.IsUsage() {
			amount = 0
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO bills VALUES (?, ?, 1)
			ON CONFLICT (tenant) DO UPDATE SET nanos = nanos + excluded.nanos, events = events + 1`, e.TenantID, amount)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	out := &bills{t: b.t, db: db, handler: handler, kafka: b.kafka, topic: b.topic}
	out.consume(b.topic, nil)
	return out
}

// consume joins a group that reads the topic from its beginning, and has what comes applied.
func (b *bills) consume(group string, fetched *atomic.Int64) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	g, err := b.kafka.NewGroup(ctx, kafkax.GroupOptions{Group: group, Topic: b.topic})
	if err != nil {
		cancel()
		b.t.Fatal(err)
	}
	done := make(chan error, 1)
	// No ledger to fill a gap from: one would end the consumer.
	go func() {
		done <- quota.NewConsumer(counted{quota.FromKafka(g), fetched}, b.handler, quota.Options{}).Run(ctx)
	}()
	b.t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, g.Close()); err != nil {
			b.t.Errorf("the consumer: %v", err)
		}
	})
}

// counted counts the events that a source gave.
type counted struct {
	quota.Source
	fetched *atomic.Int64
}

func (c counted) Fetch(ctx context.Context) (*quota.Event, error) {
	e, err := c.Source.Fetch(ctx)
	if err == nil && c.fetched != nil {
		c.fetched.Add(1)
	}
	return e, err
}

// agree waits for the events that the ledger has, holds the bills to it, and has all events
// delivered once more: that changes nothing.
func (b *bills) agree(t *testing.T, l *ledger) {
	t.Helper()
	var events int64
	for _, last := range l.last {
		events += last
	}
	harness.Within(t, longPatience, "the consumer has every event", func() error {
		positions, err := b.handler.Positions(t.Context())
		if err != nil {
			return err
		}
		if !maps.Equal(positions, l.last) {
			return fmt.Errorf("it stands at %v, the ledger at %v", positions, l.last)
		}
		return nil
	})
	b.hold(t, l)
	var again atomic.Int64
	b.consume(b.topic+"-again", &again)
	harness.Within(t, longPatience, "every event comes once more", func() error {
		if n := again.Load(); n < events {
			return fmt.Errorf("%w: %d of %d", errNotYet, n, events)
		}
		return nil
	})
	b.hold(t, l)
}

// hold compares the bills with the ledger.
func (b *bills) hold(t *testing.T, l *ledger) {
	t.Helper()
	rows, err := b.db.Read.QueryContext(t.Context(), "SELECT tenant, nanos, events FROM bills")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err says what was wrong
	billed := map[string]bool{}
	for rows.Next() {
		var tenant string
		var nanos, events int64
		if err := rows.Scan(&tenant, &nanos, &events); err != nil {
			t.Fatal(err)
		}
		billed[tenant] = true
		if money.Nano(nanos) != l.sums[tenant] || events != l.last[tenant] {
			t.Errorf("tenant %q is billed %d for %d events, the ledger has %d in %d", tenant, nanos, events, l.sums[tenant], l.last[tenant])
		}
	}
	if err := rows.Err(); err != nil || len(billed) != len(l.last) {
		t.Errorf("%d tenants are billed, the ledger has %d; %v", len(billed), len(l.last), err)
	}
}
