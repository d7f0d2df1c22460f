package quota_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"go.uber.org/goleak"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/quota"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func eventID(tenant string, sequence int64) string { return fmt.Sprint(tenant, "-", sequence) }

func record(tenant string, sequence int64) *eventv1.UsageRecord {
	return &eventv1.UsageRecord{EventId: eventID(tenant, sequence), TenantId: tenant, Sequence: sequence, CostNanos: sequence}
}

// source is a log in memory that starts again where it was committed.
type source struct {
	log       []*quota.Event // nil stands for a message that is no event
	next      int
	committed int
	fail      func() error
	block     bool // at the end, until the context ends
}

func (s *source) Fetch(ctx context.Context) (*quota.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return nil, err
		}
	}
	if s.next == len(s.log) {
		if s.block {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, io.EOF
	}
	e := s.log[s.next]
	s.next++
	if e == nil {
		return nil, &quota.MalformedError{Offset: int64(s.next - 1), Err: errors.New("no event")}
	}
	return e, nil
}

func (s *source) Commit(context.Context) error {
	s.committed = s.next
	return nil
}

// restart is what a new member gets.
func (s *source) restart() { s.next = s.committed }

// book is a handler in memory, with effects that can be held to account.
type book struct {
	mu      sync.Mutex
	last    map[string]int64
	effects map[string][]int64
	costs   int64
	before  func() error // fails before the transaction
	after   func() error // fails although it was committed
}

func newBook() *book { return &book{last: map[string]int64{}, effects: map[string][]int64{}} }

func (b *book) Last(_ context.Context, tenant string) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last[tenant], nil
}

func (b *book) Apply(_ context.Context, e *quota.Event, at quota.Position) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.before != nil {
		if err := b.before(); err != nil {
			return err
		}
	}
	if b.last[at.TenantID] != at.Previous {
		return quota.ErrMoved
	}
	if e.TenantID != at.TenantID || e.Payload.Sequence != at.Sequence || e.EventID == "" {
		return fmt.Errorf("event %+v at %+v", e, at)
	}
	b.last[at.TenantID] = at.Sequence
	b.effects[at.TenantID] = append(b.effects[at.TenantID], at.Sequence)
	b.costs += int64(e.Payload.Cost)
	if b.after != nil {
		return b.after()
	}
	return nil
}

// audit holds the book to one effect of each of a tenant's n events, in order.
func (b *book) audit(t *testing.T, n int64, tenants ...string) {
	t.Helper()
	for _, tenant := range tenants {
		got := b.effects[tenant]
		if int64(len(got)) != n {
			t.Errorf("%s: %d effects of %d events", tenant, len(got), n)
			continue
		}
		for i, sequence := range got {
			if sequence != int64(i+1) {
				t.Errorf("%s: effect %d is that of event %d", tenant, i, sequence)
				break
			}
		}
	}
}

// ledger has a number of events of every tenant.
type ledger struct {
	n    int64
	page int32 // gives fewer than asked for
	fail func() error
	asks int
}

func (l *ledger) ListUsage(_ context.Context, req *budgetv1.ListUsageRequest) (*budgetv1.ListUsageResponse, error) {
	l.asks++
	if l.fail != nil {
		if err := l.fail(); err != nil {
			return nil, err
		}
	}
	res := &budgetv1.ListUsageResponse{}
	limit := req.GetLimit()
	if l.page > 0 {
		limit = min(limit, l.page)
	}
	for s := req.GetAfterSequence() + 1; s <= l.n && limit > 0; s++ {
		res.Records = append(res.Records, record(req.GetTenantId(), s))
		limit--
	}
	return res, nil
}
