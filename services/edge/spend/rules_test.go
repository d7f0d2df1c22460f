package spend_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/edge/spend"
	"tollgate.dev/services/edge/spend/journal"
)

// scripted is a budget service that says what a test has it say of one key, and of no other
// scope anything. Its watch is silent, so that a meter loads nothing for other reasons than
// its own.
type scripted struct {
	generous

	mu       sync.Mutex
	away     bool
	now, end int64 // in milliseconds; the window's end is 0 where there is none
	lease    string
	granted  int64
	returned map[string]int64
	drawn    []string // leases, by record
}

// termMillis is how long a lease of the script may be spent.
const termMillis = 60_000

func (s *scripted) say(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *scripted) Lease(_ context.Context, req *budgetv1.LeaseRequest) (*budgetv1.LeaseResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return nil, errDown
	}
	for _, r := range req.GetReturns() {
		s.returned[r.GetLeaseId()] = r.GetReturnedNanos()
	}
	res := &budgetv1.LeaseResponse{NowMillis: s.now, TermMillis: s.now + termMillis}
	for _, ask := range req.GetAsks() {
		grant := &budgetv1.LeaseGrant{}
		if ask.GetScope().GetKind() == budgetv1.ScopeKind_SCOPE_KIND_KEY {
			grant.Slices = []*budgetv1.Slice{{
				LeaseId: s.lease, GrantedNanos: s.granted, EndMillis: s.end,
				Budget: &budgetv1.Budget{Id: "b", LimitNanos: 1_000_000},
			}}
		}
		res.Grants = append(res.Grants, grant)
	}
	return res, nil
}

func (s *scripted) Record(_ context.Context, req *budgetv1.RecordRequest) (*budgetv1.RecordResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return nil, errDown
	}
	for _, r := range req.GetRecords() {
		for _, d := range r.GetDraws() {
			s.drawn = append(s.drawn, d.GetLeaseId())
		}
	}
	return &budgetv1.RecordResponse{Recorded: int32(len(req.GetRecords()))}, nil
}

func (s *scripted) start(t *testing.T, opts spend.Options) *running {
	t.Helper()
	s.returned = map[string]int64{}
	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, s)
	return run(t, budgetv1connect.NewBudgetServiceClient(rpc.InProcess(server)), opts)
}

// A replica that cannot renew stops at its term, to the millisecond, although its slice has
// money: the budget service may have charged that, and granted the rest to others.
func TestTermEndsWhatTheSliceStillHas(t *testing.T) {
	s, clk := &scripted{now: 1, lease: "l1", granted: 1000}, clocktest.New()
	m := s.start(t, spend.Options{Clock: clk, IdleAfter: time.Hour}) // nothing goes back meanwhile
	reserve(t, m, 1)
	s.say(func() { s.away = true })
	clk.Advance(termMillis*time.Millisecond - time.Millisecond)
	reserve(t, m, 1) // from the slice: nobody answers
	clk.Advance(time.Millisecond)
	if _, err := m.Reserve(t.Context(), caller, 1); !errs.Is(err, errs.ServiceUnavailable) {
		t.Fatalf("after the term: %v", err)
	}
	s.say(func() { s.away = false })
	reserve(t, m, 998) // nothing of the slice was lost
}

// What is left of a window's slice when the window ends pays for no call that begins later.
func TestNothingIsSpentFromAWindowThatIsOver(t *testing.T) {
	s, clk := &scripted{now: 1, end: 1 + 30_000, lease: "first", granted: 1000}, clocktest.New()
	m := s.start(t, spend.Options{Clock: clk})
	m.Settle(reserve(t, m, 1), call(1))
	s.say(func() { s.now, s.end, s.lease = 30_001, 90_001, "second" })
	clk.Advance(30*time.Second - time.Millisecond)
	m.Settle(reserve(t, m, 1), call(1))
	clk.Advance(time.Millisecond)
	m.Settle(reserve(t, m, 1), call(1))
	m.close(t)
	if want := []string{"first", "first", "second"}; !slices.Equal(s.drawn, want) {
		t.Errorf("the calls were paid from %q, want %q", s.drawn, want)
	}
}

// What a call did not use of a lease that was replaced while it was under way goes back: nobody
// asks for that lease again.
func TestRestOfAReplacedLeaseGoesBack(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*running, spend.Reservation)
		want int64
	}{
		"released": {func(m *running, r spend.Reservation) { m.Release(r) }, 1000},
		"settled":  {func(m *running, r spend.Reservation) { m.Settle(r, call(100)) }, 900},
		"unlogged": {func(m *running, r spend.Reservation) { m.Settle(r, wide(100, 5000)) }, 900},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scripted{now: 1, lease: "old", granted: 1000}
			m := s.start(t, logged(t, t.TempDir(), func(o *journal.Options) { o.SegmentBytes = 4 << 10 }))
			res := reserve(t, m, 900)
			s.say(func() { s.lease, s.granted = "new", 5000 })
			m.Release(reserve(t, m, 2000))
			back := func(want int64) {
				eventually(t, "the return", func() (yes bool) {
					s.say(func() { yes = s.returned["old"] == want })
					return yes
				})
			}
			back(100)
			c.end(m, res)
			back(c.want)
		})
	}
}

// A process may be killed after it wrote a settlement in its reservation's place, and before it
// marked that as over. The call is charged what it cost.
func TestReservationThatCouldNotBeMarked(t *testing.T) {
	w := newWorld(t, budget.Options{})
	w.put(t, budget.Budget{Scope: key, Limit: 100_000})
	dir := t.TempDir()
	opts := logged(t, dir)
	m := w.start(t, opts)
	m.Settle(reserve(t, m, 50), call(1))
	eventually(t, "delivery", func() bool { return m.Stats().Log.Records == 0 })
	lease := w.entries(t, "acme")[0].GetDraws()[0].GetLeaseId()
	for _, kind := range []journal.Kind{1, 3} { // of the release before, and today's
		event := newEventID()
		for _, r := range []struct {
			kind journal.Kind
			cost int64
		}{{kind, 40}, {2, 20}} {
			if _, err := opts.Journal.Append(r.kind, loggedCall(t, event, lease, r.cost), 0, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.die(t, opts.Journal)
	var told seen
	next := logged(t, dir)
	next.Observer = &told
	w.recovered(t, next).close(t)
	if told.settled != 2 || told.charged != 0 {
		t.Errorf("told %+v", &told)
	}
	if st := w.state(t, key); st.Spent != 1+20+20 || st.Leased != 0 {
		t.Errorf("spent %d, leased %d", st.Spent, st.Leased)
	}
}

// Who is refused for another reason than a budget is told the reason.
func TestRefusalsNameTheirCause(t *testing.T) {
	hears := func(t *testing.T, m *running, want string) {
		t.Helper()
		_, err := m.Reserve(t.Context(), caller, 1)
		if e := errs.Of(err); !errs.Is(err, errs.ServiceUnavailable) || e.Message != want || e.RetryAfter <= 0 {
			t.Errorf("it says %q, %v; want %q", e.Message, err, want)
		}
	}
	t.Run("budget service", func(t *testing.T) {
		s := &scripted{away: true}
		hears(t, s.start(t, spend.Options{}), "the budget service is away")
		s.say(func() { s.away = false })
	})
	t.Run("closed", func(t *testing.T) {
		s := &scripted{now: 1, lease: "l1", granted: 1000}
		m := s.start(t, spend.Options{})
		m.close(t)
		hears(t, m, "this gateway is about to stop")
	})
	t.Run("ended", func(t *testing.T) {
		s := &scripted{now: 1, lease: "l1", granted: 1000}
		m := s.start(t, spend.Options{})
		m.crash(t)
		hears(t, m, "this gateway is about to stop")
	})
	t.Run("queue", func(t *testing.T) {
		s := &scripted{now: 1, lease: "l1", granted: 1000}
		m := s.start(t, spend.Options{QueueLimit: 1})
		res := reserve(t, m, 1)
		s.say(func() { s.away = true })
		m.Settle(res, call(1))
		hears(t, m, "too many settled calls wait for the ledger")
		s.say(func() { s.away = false })
	})
	t.Run("full log", func(t *testing.T) {
		s := &scripted{now: 1, lease: "l1", granted: 1000}
		opts := logged(t, t.TempDir(), func(o *journal.Options) { o.SegmentBytes, o.MaxBytes = 4<<10, 8<<10 })
		m := s.start(t, opts)
		var held []spend.Reservation
		for {
			res, err := m.Reserve(t.Context(), caller, 1)
			if err != nil {
				break
			}
			held = append(held, res)
		}
		hears(t, m, "the local log of calls has no room")
		for _, res := range held {
			m.Release(res)
		}
		reserve(t, m, 1)
	})
	t.Run("closed log", func(t *testing.T) {
		s := &scripted{now: 1, lease: "l1", granted: 1000}
		opts := logged(t, t.TempDir())
		m := s.start(t, opts)
		opts.Journal.Seal()
		hears(t, m, "this gateway is about to stop")
	})
}
