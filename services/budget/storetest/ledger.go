package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
)

func usageQueries(t *testing.T, f *fixture) {
	t.Helper()
	day := f.clock.Now()
	for i := range 25 {
		r := f.usage("acme", money.Nano(i))
		r.RequestId = fmt.Sprint("req", i)
		if i%5 == 0 {
			r.KeyId, r.UserId = "k2", "u2"
		}
		f.record(t, r)
		f.clock.Advance(2 * time.Hour)
	}
	f.record(t, f.usage("zeta", 1000))
	var got []int64
	cursor := ""
	for {
		page, next, err := f.svc.ListUsage(t.Context(), budget.UsageQuery{TenantID: "acme", Limit: 10}, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			got = append(got, r.GetSequence())
		}
		if cursor = next; next == "" {
			break
		}
	}
	if len(got) != 25 || got[0] != 1 || got[24] != 25 {
		t.Fatalf("pages gave %v", got)
	}
	for name, c := range map[string]struct {
		q    budget.UsageQuery
		want int
	}{
		"after":   {budget.UsageQuery{TenantID: "acme", AfterSequence: 20}, 5},
		"request": {budget.UsageQuery{RequestID: "req7"}, 1},
		"key":     {budget.UsageQuery{KeyID: "k2"}, 5},
		"user":    {budget.UsageQuery{TenantID: "acme", UserID: "u1"}, 20},
		"time":    {budget.UsageQuery{TenantID: "acme", From: day.Add(4 * time.Hour).UnixMilli(), To: day.Add(8 * time.Hour).UnixMilli()}, 2},
		"nobody":  {budget.UsageQuery{TenantID: "nobody"}, 0},
		"all":     {budget.UsageQuery{AllTenants: true}, 26},
		"anyone":  {budget.UsageQuery{AllTenants: true, UserID: "u2"}, 5},
	} {
		page, next, err := f.svc.ListUsage(t.Context(), c.q, "")
		if err != nil || len(page) != c.want || next != "" {
			t.Errorf("%s: %d records, cursor %q, %v; want %d", name, len(page), next, err, c.want)
		}
	}
	for name, c := range map[string]struct {
		q    budget.SpendQuery
		want string
	}{
		"all":       {budget.SpendQuery{}, "[{ 1300 26 390}]"},
		"by tenant": {budget.SpendQuery{Group: budget.ByTenant}, "[{zeta 1000 1 15} {acme 300 25 375}]"},
		"by key":    {budget.SpendQuery{Group: budget.ByKey, Scopes: []budget.Scope{acme}}, "[{k1 250 20 300} {k2 50 5 75}]"},
		"by user":   {budget.SpendQuery{Group: budget.ByUser, Scopes: []budget.Scope{{Kind: budget.User, ID: "acme/u2"}}}, "[{u2 50 5 75}]"},
		"by day":    {budget.SpendQuery{Group: budget.ByDay, Scopes: []budget.Scope{acme}}, "[{2026-01-03 198 12 180} {2026-01-02 55 11 165} {2026-01-04 47 2 30}]"},
		"by model":  {budget.SpendQuery{Group: budget.ByModel, Scopes: []budget.Scope{{Kind: budget.Key, ID: "k2"}, {Kind: budget.Platform, ID: "none"}}}, "[{m 50 5 75}]"},
		"of key":    {budget.SpendQuery{Group: budget.ByTenant, KeyID: "k1"}, "[{zeta 1000 1 15} {acme 250 20 300}]"},
		"of user":   {budget.SpendQuery{Group: budget.ByKey, UserID: "u2"}, "[{k2 50 5 75}]"},
		"of both":   {budget.SpendQuery{TenantID: "acme", KeyID: "k1", Scopes: []budget.Scope{{Kind: budget.Key, ID: "k2"}}}, "[]"},
		"time":      {budget.SpendQuery{Scopes: []budget.Scope{acme}, To: day.Add(time.Hour).UnixMilli()}, "[{ 0 1 15}]"},
	} {
		sums, err := f.svc.GetSpend(t.Context(), c.q)
		text := "["
		for i, s := range sums {
			if i > 0 {
				text += " "
			}
			text += fmt.Sprintf("{%s %d %d %d}", s.Group, s.Cost, s.Records, s.Tokens)
		}
		if text += "]"; err != nil || text != c.want {
			t.Errorf("%s: %s, %v; want %s", name, text, err, c.want)
		}
	}
	for _, q := range []budget.UsageQuery{{}, {TenantID: "a", Limit: -1}, {TenantID: "a", Limit: 1001}, {TenantID: "a", AfterSequence: -1}, {TenantID: "a", From: 2, To: 1}} {
		_, _, err := f.svc.ListUsage(t.Context(), q, "")
		wantReason(t, err, errs.InvalidRequest, "")
	}
	_, _, err := f.svc.ListUsage(t.Context(), budget.UsageQuery{TenantID: "acme"}, "%%%")
	wantReason(t, err, errs.InvalidRequest, "cursor")
	_, err = f.svc.GetSpend(t.Context(), budget.SpendQuery{Group: 77})
	wantReason(t, err, errs.InvalidRequest, "group")
}

// cacheHits keeps how the cache found answers, in pages and watches alike, and nothing of calls
// that it answered otherwise.
func cacheHits(t *testing.T, f *fixture) {
	t.Helper()
	miss, exact, near := f.usage("acme", 1000), f.usage("acme", 0), f.usage("acme", 0)
	exact.Cache, exact.SavedCacheNanos = "hit", 1000
	exact.CacheHit = &eventv1.CacheHit{Tier: "exact", Score: 1, EntryId: "one"}
	near.Cache, near.SavedCacheNanos = "semantic", 1000
	near.CacheHit = &eventv1.CacheHit{Tier: "near", Score: 0.98, AgeMillis: 61_000, EntryId: "one"}
	f.record(t, miss, exact, near)
	pages, _, err := f.svc.ListUsage(t.Context(), budget.UsageQuery{TenantID: "acme"}, "")
	if err != nil {
		t.Fatal(err)
	}
	var watched []*eventv1.UsageRecord
	err = f.svc.WatchUsage(t.Context(), budget.UsageWatch{TenantID: "acme"}, func(batch []*eventv1.UsageRecord) error {
		if watched = append(watched, batch...); len(watched) == 3 {
			return io.EOF
		}
		return nil
	})
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	for from, got := range map[string][]*eventv1.UsageRecord{"a page": pages, "a watch": watched} {
		if len(got) != 3 {
			t.Fatalf("%s has %v", from, got)
		}
		for i, want := range []*eventv1.UsageRecord{miss, exact, near} {
			if !proto.Equal(got[i].GetCacheHit(), want.GetCacheHit()) || got[i].GetCache() != want.GetCache() || got[i].GetSavedCacheNanos() != want.GetSavedCacheNanos() {
				t.Errorf("%s: %v, want %v", from, got[i], want)
			}
		}
	}
	sums, err := f.svc.GetSpend(t.Context(), budget.SpendQuery{Scopes: []budget.Scope{acme}})
	if err != nil || len(sums) != 1 || sums[0].Cost != 1000 || sums[0].Records != 3 {
		t.Errorf("the sums are %+v, %v", sums, err)
	}
}

func badCalls(t *testing.T, f *fixture) {
	t.Helper()
	for name, c := range map[string]struct {
		replica string
		asks    []budget.Ask
		returns []budget.Return
	}{
		"no replica":      {"", nil, nil},
		"negative need":   {"a", []budget.Ask{{Scope: acme, Need: -1}}, nil},
		"twice":           {"a", []budget.Ask{{Scope: acme}, {Scope: acme}}, nil},
		"no scope":        {"a", []budget.Ask{{}}, nil},
		"negative return": {"a", nil, []budget.Return{{LeaseID: "x", Total: -1}}},
		"no lease":        {"a", nil, []budget.Return{{Total: 1}}},
	} {
		_, err := f.svc.Lease(t.Context(), c.replica, c.asks, c.returns)
		if !errs.Is(err, errs.InvalidRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A record that cannot be settled holds up no other, is kept with the reason and counted
// once, however often it comes, and moves no balance.
func rejected(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 1000})
	lease := f.lease(t, "a", acme, 500).Lease
	settled := 0
	for name, change := range map[string]func(*eventv1.UsageRecord){
		"no id":               func(r *eventv1.UsageRecord) { r.EventId = "" },
		"another uuid":        func(r *eventv1.UsageRecord) { r.EventId = "019ab000-0000-4000-8000-000000000001" },
		"negative cost":       func(r *eventv1.UsageRecord) { r.CostNanos = -1 },
		"overflow":            func(r *eventv1.UsageRecord) { r.CostNanos = 1 << 62 },
		"negative draw":       func(r *eventv1.UsageRecord) { r.Draws = []*eventv1.LeaseDraw{draw(lease.ID, -1)} },
		"negative count":      func(r *eventv1.UsageRecord) { r.Usage.Output = -1 },
		"a score above 1":     func(r *eventv1.UsageRecord) { r.CacheHit = &eventv1.CacheHit{Tier: "near", Score: 1.5} },
		"a score of no value": func(r *eventv1.UsageRecord) { r.CacheHit = &eventv1.CacheHit{Tier: "near", Score: math.NaN()} },
		"a hit from tomorrow": func(r *eventv1.UsageRecord) { r.CacheHit = &eventv1.CacheHit{Tier: "exact", Score: 1, AgeMillis: -1} },
		"before 1970":         func(r *eventv1.UsageRecord) { r.OccurredMillis = -1 },
		"after 9999":          func(r *eventv1.UsageRecord) { r.OccurredMillis = 1 << 60 },
		"bad text everywhere": func(r *eventv1.UsageRecord) { r.EventId, r.Model, r.Draws[0].LeaseId = "\xff", "\xff", "\xff" },
	} {
		r := f.usage("acme", 1, draw(lease.ID, 1))
		change(r)
		before := f.seen.rejected
		for range 2 {
			got, err := f.svc.Record(t.Context(), []*eventv1.UsageRecord{f.usage("acme", 1), r, f.usage("acme", 1)})
			if err != nil || got != (budget.Recorded{New: 2, Rejected: 1}) {
				t.Fatalf("%s: %+v, %v", name, got, err)
			}
			settled += 2
		}
		if n := f.seen.rejected - before; n != 1 {
			t.Errorf("%s: counted %d times", name, n)
		}
	}
	if n := len(f.ledger(t, "acme")); n != settled {
		t.Errorf("%d entries, want %d", n, settled)
	}
	f.balance(t, acme, 0, lease.Granted)
	if n := f.record(t); n != 0 {
		t.Errorf("%d of no records", n)
	}
	if _, err := f.svc.Record(t.Context(), make([]*eventv1.UsageRecord, 10_001)); !errs.Is(err, errs.InvalidRequest) {
		t.Errorf("too many records: %v", err)
	}
}

func prune(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 100, Window: "1h"})
	s := f.lease(t, "a", acme, 50)
	f.giveBack(t, "a", s.Lease.ID, 50)
	for range 10 {
		f.clock.Advance(24 * time.Hour)
		if _, err := f.svc.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.lease(t, "b", acme, 0)
	}
	f.giveBack(t, "a", s.Lease.ID, 0)
	var windows, leases int
	err := f.store.Update(t.Context(), budget.Footprint{Scopes: []budget.Scope{acme}, LeaseIDs: []string{s.Lease.ID}}, func(snap *budget.Snapshot) (*budget.Mutation, error) {
		windows, leases = len(snap.Windows), len(snap.Leases)
		return nil, nil
	})
	if err != nil || windows != 1 || leases != 0 {
		t.Fatalf("%d windows and %d leases, %v", windows, leases, err)
	}
}

func failedDecision(t *testing.T, f *fixture) {
	t.Helper()
	f.put(t, budget.Budget{Scope: acme, Limit: 100})
	boom := errors.New("boom")
	err := f.store.Update(t.Context(), budget.Footprint{Scopes: []budget.Scope{acme}}, func(*budget.Snapshot) (*budget.Mutation, error) {
		return &budget.Mutation{DeleteBudgets: []string{"x"}}, boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("error is %v", err)
	}
	// A mutation that cannot be applied leaves nothing of itself.
	bad := budget.Mutation{
		Windows: []budget.WindowState{{BudgetID: "w", Start: 1, Leased: 1}, {BudgetID: "w", Start: 2, Leased: -1}},
	}
	if err := f.store.Update(t.Context(), budget.Footprint{}, func(*budget.Snapshot) (*budget.Mutation, error) { return &bad, nil }); err == nil {
		t.Fatal("a negative lease was stored")
	}
	f.balance(t, acme, 0, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.svc.Lease(ctx, "a", nil, nil); err == nil {
		t.Fatal("a cancelled call went on")
	}
}

func budgetAnew(t *testing.T, f *fixture) {
	t.Helper()
	made := f.put(t, budget.Budget{Scope: acme, Limit: 100, Window: "1d"})
	s := f.lease(t, "a", acme, 50)
	f.record(t, f.usage("acme", 10, draw(s.Lease.ID, 10)))
	// Another window begins anew, also one that starts earlier.
	again := f.put(t, budget.Budget{ID: made.ID, Scope: acme, Limit: 100, Window: "30d"})
	if again.ID != made.ID || again.Spent != 0 || again.Leased != 0 {
		t.Fatalf("got %+v", again)
	}
	f.record(t, f.usage("acme", 10, draw(s.Lease.ID, 10)))
	f.balance(t, acme, 0, 0)
	// Back to the first window: it counts from now.
	f.clock.Advance(time.Millisecond)
	f.put(t, budget.Budget{ID: made.ID, Scope: acme, Limit: 100, Window: "1d"})
	s = f.lease(t, "a", acme, 50)
	f.record(t, f.usage("acme", 3, draw(s.Lease.ID, 3)))
	f.explain(t)
	// The same id for another scope would free what was spent there.
	key := budget.Scope{Kind: budget.Key, ID: "k"}
	_, err := f.svc.PutBudget(t.Context(), budget.Budget{ID: made.ID, Scope: key, Limit: 1, Window: "30d"})
	wantReason(t, err, errs.Conflict, "budget.id")
	f.balance(t, acme, 3, 47)
}

// A window in other words is the same window: what is spent in it counts on.
func windowInOtherWords(t *testing.T, f *fixture) {
	t.Helper()
	for i, words := range [][2]budget.Budget{
		{{Window: "1h"}, {Window: "60m"}},
		{{Window: "3600s"}, {Window: "1h"}},
		{{Window: "7d"}, {Window: "1w"}},
		{{Window: "1mo"}, {Window: "month"}},
		{{Window: "1d"}, {Window: "1d", TimeZone: "Etc/UTC"}},
		{{Window: "1d", TimeZone: "UTC"}, {Window: "24h"}},
		{{Window: "1w", TimeZone: "Europe/Berlin"}, {Window: "7d", TimeZone: "Europe/Paris"}},
	} {
		tenant := fmt.Sprintf("t%d", i)
		before, after := words[0], words[1]
		before.Scope, before.Limit = budget.Scope{Kind: budget.Tenant, ID: tenant}, 100
		made := f.put(t, before)
		s := f.lease(t, "a", before.Scope, 50)
		f.record(t, f.usage(tenant, 10, draw(s.Lease.ID, 10)))
		after.ID, after.Scope, after.Limit = made.ID, before.Scope, 100
		got := f.put(t, after)
		if got.ID != made.ID || got.Spent != 10 || got.Leased != made.Leased+40 {
			t.Errorf("%v to %v: %+v", before, after, got)
		}
		f.explain(t)
	}
	_, err := f.svc.SetBudgets(t.Context(), acme, []budget.Budget{{Limit: 1, Window: "7d"}, {Limit: 2, Window: "1w"}}, false, false)
	wantReason(t, err, errs.InvalidRequest, "budgets[1].window")
	week := f.put(t, budget.Budget{Scope: acme, Limit: 5, Window: "7d"})
	if again := f.put(t, budget.Budget{Scope: acme, Limit: 6, Window: "1w"}); again.ID != week.ID {
		t.Errorf("a week is two budgets: %s, %s", week.ID, again.ID)
	}
}

func hostileText(t *testing.T, f *fixture) {
	t.Helper()
	text := `'"; DROP TABLE ledger; -- \ ü 漢 {},NULL`
	scope := budget.Scope{Kind: budget.User, ID: text + "/" + text}
	f.put(t, budget.Budget{ID: text, Scope: scope, Limit: 100})
	s := f.lease(t, text, scope, 10)
	r := f.usage(text, 1, draw(s.Lease.ID, 1))
	r.Model, r.KeyId, r.UserId = "a\x00b", text, text
	r.Error, r.Tags, r.Usage.ServiceTier = "\xff", []string{"ok", "\xfe"}, "\xfd"
	r.CacheHit = &eventv1.CacheHit{Tier: "near\x00", Score: 0.5, EntryId: "\xfc"}
	f.record(t, r)
	long := f.usage(text, 0)
	long.Model = strings.Repeat("漢", 1<<20)
	f.record(t, long)
	got := f.ledger(t, text)
	if len(got) != 2 || len(got[1].GetModel()) != 2046 || got[0].GetKeyId() != text || got[0].GetModel() != "ab" || got[0].GetError() != "\uFFFD" || r.Tags[1] != "\xfe" {
		t.Fatalf("got %v", got)
	}
	if h := got[0].GetCacheHit(); h.GetTier() != "near" || h.GetEntryId() != "\uFFFD" || r.CacheHit.EntryId != "\xfc" {
		t.Errorf("the hit is %v", h)
	}
	f.balance(t, scope, 1, 11)
	sums, err := f.svc.GetSpend(t.Context(), budget.SpendQuery{Group: budget.ByUser, Scopes: []budget.Scope{{Kind: budget.Key, ID: text}}})
	if err != nil || len(sums) != 1 || sums[0].Group != text {
		t.Fatalf("%+v, %v", sums, err)
	}
}
