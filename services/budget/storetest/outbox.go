package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/budget/relay"
)

// Tamper changes what the ledger has of an event, behind the store's back; nil removes it.
type Tamper func(t *testing.T, eventID string, record []byte)

// RunOutbox holds the outboxes that open makes, each with the store that fills it, to the
// contract of relay.Outbox. The stores are also budget.Books.
func RunOutbox(t *testing.T, open func(t *testing.T) (budget.Store, relay.Outbox, Tamper)) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, *fixture, relay.Outbox)
	}{
		{"one relay holds the lease", outboxLease},
		{"a fenced relay moves nothing", outboxFence},
		{"rows come in order and go", outboxRows},
		{"tenants are skipped", outboxSkip},
		{"what waits is measured", outboxBacklog},
		{"old rows are trimmed", outboxTrim},
		{"a tenant's rows have no gap while others write", outboxConcurrent},
		{"rows are set aside", outboxSetAside},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, outbox, _ := open(t)
			c.test(t, newFixture(t, store), outbox)
		})
	}
	t.Run("what cannot be read comes as a fault", func(t *testing.T) {
		store, outbox, tamper := open(t)
		outboxFaults(t, newFixture(t, store), outbox, tamper)
	})
}

func claim(t *testing.T, o relay.Outbox, holder string, term time.Duration) int64 {
	t.Helper()
	epoch, err := o.Claim(t.Context(), holder, term)
	if err != nil {
		t.Fatal(err)
	}
	return epoch
}

func pending(t *testing.T, o relay.Outbox, epoch int64, limit int, skip ...string) []relay.Row {
	t.Helper()
	rows, err := o.Pending(t.Context(), epoch, skip, limit)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func outboxLease(t *testing.T, _ *fixture, o relay.Outbox) {
	t.Helper()
	first := claim(t, o, "a", time.Hour)
	if first == 0 || claim(t, o, "b", time.Hour) != 0 || claim(t, o, "a", time.Hour) != first {
		t.Fatal("the lease is not the first one's alone")
	}
	if err := o.Release(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	second := claim(t, o, "b", time.Hour)
	if second <= first || claim(t, o, "a", time.Hour) != 0 {
		t.Fatalf("epoch %d after %d", second, first)
	}
	if err := o.Release(t.Context(), first); err != nil { // late
		t.Fatal(err)
	}
	if claim(t, o, "a", time.Hour) != 0 {
		t.Fatal("a late release took the lease from another")
	}
	claim(t, o, "b", time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for third := int64(0); third == 0; { // until the millisecond is over
		var err error
		if third, err = o.Claim(ctx, "c", time.Hour); err != nil {
			t.Fatalf("the lease does not end: %v", err)
		}
		if third != 0 && third <= second {
			t.Fatalf("epoch %d after %d", third, second)
		}
	}
}

func outboxFence(t *testing.T, f *fixture, o relay.Outbox) {
	t.Helper()
	f.record(t, f.usage("acme", 1))
	old := claim(t, o, "a", time.Hour)
	rows := pending(t, o, old, 10)
	if err := o.Release(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	epoch := claim(t, o, "b", time.Hour)
	if _, err := o.Pending(t.Context(), old, nil, 10); !errors.Is(err, relay.ErrFenced) {
		t.Errorf("reading: %v", err)
	}
	if err := o.Remove(t.Context(), old, []int64{rows[0].Position}); !errors.Is(err, relay.ErrFenced) {
		t.Errorf("removing: %v", err)
	}
	err := o.SetAside(t.Context(), old, []relay.Aside{{Position: rows[0].Position, Reason: relay.TooLarge}})
	if !errors.Is(err, relay.ErrFenced) {
		t.Errorf("setting aside: %v", err)
	}
	if n := len(pending(t, o, epoch, 10)); n != 1 || len(aside(t, f, "acme")) != 0 {
		t.Errorf("%d rows wait", n)
	}
}

func outboxRows(t *testing.T, f *fixture, o relay.Outbox) {
	t.Helper()
	for i := range 7 {
		f.record(t, f.usage("acme", 1), f.usage(fmt.Sprint("other", i%2), 1))
	}
	ledger := f.ledger(t, "acme")
	epoch := claim(t, o, "a", time.Hour)
	rows := pending(t, o, epoch, 100)
	if len(rows) != 14 {
		t.Fatalf("%d rows", len(rows))
	}
	last := map[string]int64{}
	for i, r := range rows {
		if i > 0 && r.Position <= rows[i-1].Position {
			t.Errorf("position %d after %d", r.Position, rows[i-1].Position)
		}
		if last[r.Record.GetTenantId()]++; r.Record.GetSequence() != last[r.Record.GetTenantId()] {
			t.Errorf("%s: sequence %d, want %d", r.Record.GetTenantId(), r.Record.GetSequence(), last[r.Record.GetTenantId()])
		}
	}
	if r := rows[0]; r.Record.GetTenantId() != "acme" || r.Record.GetEventId() != ledger[0].GetEventId() || r.Record.GetCostNanos() != 1 {
		t.Errorf("the first row is %+v", r)
	}
	if err := o.Remove(t.Context(), epoch, []int64{rows[0].Position, rows[3].Position, 1 << 60}); err != nil {
		t.Fatal(err)
	}
	left := pending(t, o, epoch, 2)
	if len(left) != 2 || left[0].Position != rows[1].Position || left[1].Position != rows[2].Position {
		t.Errorf("left %+v", left)
	}
	if len(f.ledger(t, "acme")) != 7 {
		t.Error("the ledger went with the outbox")
	}
}

func outboxSkip(t *testing.T, f *fixture, o relay.Outbox) {
	t.Helper()
	hostile := `'"],[\` // a tenant's id is the caller's own text
	f.record(t, f.usage("acme", 1), f.usage(hostile, 1), f.usage("zeta", 1), f.usage("", 1))
	epoch := claim(t, o, "a", time.Hour)
	rows := pending(t, o, epoch, 10, "acme", hostile)
	if len(rows) != 2 || rows[0].Record.GetTenantId() != "zeta" || rows[1].Record.GetTenantId() != "" {
		t.Fatalf("got %+v", rows)
	}
}

func outboxBacklog(t *testing.T, f *fixture, o relay.Outbox) {
	t.Helper()
	measure := func() relay.Backlog {
		t.Helper()
		b, err := o.Backlog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if b := measure(); b != (relay.Backlog{}) {
		t.Fatalf("empty: %+v", b)
	}
	first := f.usage("acme", 1)
	f.record(t, first)
	f.record(t, f.usage("zeta", 1), f.usage("acme", 1))
	if b := measure(); b.Rows != 3 || b.OldestEventID != first.GetEventId() {
		t.Fatalf("got %+v", b)
	}
}

func outboxTrim(t *testing.T, f *fixture, o relay.Outbox) {
	t.Helper()
	for range 5 {
		f.record(t, f.usage("acme", 1))
		f.clock.Advance(time.Hour)
	}
	for _, want := range []int{2, 1, 0} { // three are two hours old or more
		n, err := o.Trim(t.Context(), f.clock.Now().Add(-150*time.Minute), 2)
		if err != nil || n != want {
			t.Fatalf("trimmed %d, %v; want %d", n, err, want)
		}
	}
	if rows := pending(t, o, claim(t, o, "a", time.Hour), 10); len(rows) != 2 || rows[0].Record.GetSequence() != 4 {
		t.Fatalf("left %+v", rows)
	}
}

// Transactions commit in another order than they took their positions in; a reader that
// takes and removes rows at the same time must still see each tenant's without a gap.
func outboxConcurrent(t *testing.T, f *fixture, o relay.Outbox) {
	t.Helper()
	const writers, each, tenants = 6, 25, 4
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			svc := budget.New(f.store, budget.Options{}) // a process of its own
			for i := range each {
				var records []*eventv1.UsageRecord
				for k := range tenants {
					records = append(records, f.usage(fmt.Sprint("t", (w+i+k)%tenants), 1))
				}
				if _, err := svc.Record(ctx, records); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	epoch := claim(t, o, "a", time.Hour)
	last := map[string]int64{}
	for seen := 0; seen < writers*each*tenants && !t.Failed(); {
		rows, err := o.Pending(ctx, epoch, nil, 37)
		if err != nil {
			t.Fatal(err)
		}
		var positions []int64
		for _, r := range rows {
			if last[r.Record.GetTenantId()]++; r.Record.GetSequence() != last[r.Record.GetTenantId()] {
				t.Fatalf("%s: sequence %d after %d", r.Record.GetTenantId(), r.Record.GetSequence(), last[r.Record.GetTenantId()]-1)
			}
			positions = append(positions, r.Position)
		}
		if err := o.Remove(ctx, epoch, positions); err != nil {
			t.Fatal(err)
		}
		seen += len(rows)
	}
	wg.Wait()
}

// An entry that is gone, damaged, or another event's stands in its place as a fault, and the
// others come as ever.
func outboxFaults(t *testing.T, f *fixture, o relay.Outbox, tamper Tamper) {
	t.Helper()
	for range 5 {
		f.record(t, f.usage("acme", 1), f.usage("zeta", 1))
	}
	acme, zeta := f.ledger(t, "acme"), f.ledger(t, "zeta")
	other, err := proto.Marshal(zeta[0])
	if err != nil {
		t.Fatal(err)
	}
	tamper(t, acme[1].GetEventId(), []byte{0xff})
	tamper(t, acme[2].GetEventId(), other)
	tamper(t, acme[3].GetEventId(), nil)
	tamper(t, acme[4].GetEventId(), []byte{}) // it can be decoded
	epoch := claim(t, o, "a", time.Hour)
	rows := pending(t, o, epoch, 100)
	if len(rows) != 10 {
		t.Fatalf("%d rows", len(rows))
	}
	want := []relay.Reason{"", relay.Unreadable, relay.Unreadable, relay.Missing, relay.Unreadable}
	for i, r := range rows {
		reason, record := relay.Reason(""), zeta[i/2]
		if i%2 == 0 {
			reason, record = want[i/2], acme[i/2]
		}
		if r.TenantID != record.GetTenantId() || r.Sequence != record.GetSequence() || r.EventID != record.GetEventId() {
			t.Errorf("row %d is of %s, %d, %s; want %v", i, r.TenantID, r.Sequence, r.EventID, record)
		}
		switch {
		case reason == "" && (r.Fault != nil || !proto.Equal(r.Record, record)):
			t.Errorf("row %d has %v, %v", i, r.Record, r.Fault)
		case reason != "" && (r.Record != nil || r.Fault == nil || r.Fault.Reason != reason || r.Fault.Err == nil):
			t.Errorf("row %d has %v, %v; want %s", i, r.Record, r.Fault, reason)
		}
	}
	if rows := pending(t, o, epoch, 4); len(rows) != 4 || rows[2].Fault == nil || rows[3].Record == nil {
		t.Errorf("the first rows are %+v", rows)
	}
}

// aside is what was set aside of a tenant.
func aside(t *testing.T, f *fixture, tenant string) []budget.SetAside {
	t.Helper()
	books, ok := f.store.(budget.Books)
	if !ok {
		t.Fatal("the store keeps no books")
	}
	a, err := budget.New(f.store, budget.Options{Clock: f.clock, Books: books}).AuditLedger(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	var out []budget.SetAside
	for _, audited := range a.Tenants {
		if tenant == "" || audited.TenantID == tenant {
			out = append(out, audited.SetAside...)
		}
	}
	return out
}

func outboxSetAside(t *testing.T, f *fixture, o relay.Outbox) {
	t.Helper()
	for range 3 {
		f.record(t, f.usage("acme", 1), f.usage("zeta", 1))
	}
	epoch := claim(t, o, "a", time.Hour)
	rows := pending(t, o, epoch, 100)
	now := clock.Real().Now() // about the database's
	err := o.SetAside(t.Context(), epoch, []relay.Aside{
		{Position: rows[4].Position, Reason: relay.TooLarge}, {Position: rows[0].Position, Reason: relay.Unreadable}, {Position: 1 << 60, Reason: relay.TooLarge},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.SetAside(t.Context(), epoch, []relay.Aside{{Position: rows[0].Position, Reason: relay.TooLarge}}); err != nil {
		t.Fatalf("again: %v", err)
	}
	left := pending(t, o, epoch, 100)
	if len(left) != 4 || left[0].Position != rows[1].Position || left[1].Position != rows[2].Position {
		t.Errorf("left %+v", left)
	}
	got := aside(t, f, "acme")
	if len(got) != 2 || len(aside(t, f, "")) != 2 || len(aside(t, f, "zeta")) != 0 {
		t.Fatalf("set aside: %+v", got)
	}
	for i, want := range []struct {
		row    relay.Row
		reason relay.Reason
	}{{rows[0], relay.Unreadable}, {rows[4], relay.TooLarge}} {
		e := got[i]
		if e.Sequence != want.row.Sequence || e.EventID != want.row.EventID || e.Reason != string(want.reason) {
			t.Errorf("set aside %+v, want %+v", e, want)
		}
		if off := time.UnixMilli(e.At).Sub(now).Abs(); off > time.Hour {
			t.Errorf("set aside %v from now", off)
		}
	}
	if len(f.ledger(t, "acme")) != 3 {
		t.Error("the ledger went with the row")
	}
}
