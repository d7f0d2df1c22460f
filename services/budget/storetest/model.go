package storetest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/money"
	"tollgate.dev/services/budget"
)

// Model has replicas spend budgets through services whose clocks are wrong, over a network
// that loses requests and answers, is cut for a while and delivers again what was delivered
// long ago. Replicas crash, with their logs or without them. All of it is chance by the
// seed, which a failure names; the same seed does the same again. The store is empty.
//
// At every moment what replicas spent of a window is covered by what is spent or leased of
// it, both together are within the limit, and each balance is the sum of its entries. In
// the end nothing is leased, and where no log was lost, what is spent is what was spent, to
// the nano-dollar.
func Model(t *testing.T, store budget.Store, books budget.Books, seed uint64) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("the seed is %d", seed)
		}
	}()
	m := newModel(t, store, books, seed)
	for range modelSteps {
		m.step()
		if t.Failed() {
			return
		}
	}
	m.end()
	if m.calls == 0 {
		t.Error("no call was made")
	}
}

const (
	modelSteps    = 250
	modelServices = 3
	modelReplicas = 4
	// maxSkew is how wrong a clock may be. With what the model lasts it is less than the
	// time for which the service keeps what late records correct.
	maxSkew = 48 * time.Hour
)

// skewed is a clock that is off.
type skewed struct {
	clock.Clock
	now *time.Time
	off time.Duration
}

func (s *skewed) Now() time.Time { return s.now.Add(s.off) }

type model struct {
	t      *testing.T
	random *rand.Rand
	now    time.Time // the true one

	clocks   []*skewed
	services []*budget.Service
	auditor  *budget.Service // its clock is right
	ids      *id.Generator
	budgets  []budget.Budget
	keepLogs bool

	replicas []*modelReplica
	logs     []*modelReplica // of crashed ones
	born     int
	// late are messages that were delivered and may be again.
	late []lateMessage

	windows map[string]modelWindow // of leases, by id
	spent   map[modelWindow]money.Nano
	calls   int
}

type modelWindow struct {
	budget string
	start  int64
}

// modelReplica is what a replica of the edge does, in small.
type modelReplica struct {
	id      string
	service int
	cut     bool
	// slow is how much longer than the term this replica's clock lets it spend.
	slow   float64
	until  time.Time
	leases map[string]*modelLease
	usedOf map[string]string // the lease in use, by budget
	queue  []*eventv1.UsageRecord
	over   bool
}

// lateMessage is one that was delivered and may come again at any time. An ask of a replica
// that is over gets nothing by then.
type lateMessage struct {
	from    *modelReplica
	records bool
	deliver func(*budget.Service) error
}

type modelLease struct{ granted, drawn, returned money.Nano }

func (l *modelLease) free() money.Nano { return l.granted - l.drawn - l.returned }

func newModel(t *testing.T, store budget.Store, books budget.Books, seed uint64) *model {
	t.Helper()
	m := &model{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), //nolint:gosec // chance, no secrets
		// The night in which Berlin's clocks go back, at a month's end for some of them.
		now:     time.Date(2026, time.October, 25, 0, 40, 0, 0, time.UTC),
		windows: map[string]modelWindow{}, spent: map[modelWindow]money.Nano{},
	}
	m.keepLogs = m.random.IntN(2) == 0
	service := func(books budget.Books) (*skewed, *budget.Service) {
		c := &skewed{Clock: clock.Real(), now: &m.now}
		return c, budget.New(store, budget.Options{Clock: c, Books: books})
	}
	for range modelServices {
		c, svc := service(nil)
		m.clocks, m.services = append(m.clocks, c), append(m.services, svc)
	}
	right, auditor := service(books)
	m.auditor, m.ids = auditor, id.NewGenerator(right)
	for _, b := range []budget.Budget{
		{Scope: budget.Scope{Kind: budget.Platform, ID: "p"}, Limit: 12_000},
		{Scope: budget.Scope{Kind: budget.Tenant, ID: "t0"}, Limit: 8_000, Window: "1d", TimeZone: "Europe/Berlin"},
		{Scope: budget.Scope{Kind: budget.Tenant, ID: "t1"}, Limit: 9_000},
		{Scope: budget.Scope{Kind: budget.Key, ID: "k0"}, Limit: 3_000, Window: "1h"},
		{Scope: budget.Scope{Kind: budget.Key, ID: "k0"}, Limit: 6_000, Window: "1mo", TimeZone: "America/Santiago"},
		{Scope: budget.Scope{Kind: budget.Key, ID: "k1"}, Limit: 5_000},
	} {
		state, err := m.auditor.PutBudget(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		m.budgets = append(m.budgets, state.Budget)
	}
	for range modelReplicas {
		m.replicas = append(m.replicas, m.newReplica())
	}
	return m
}

func (m *model) newReplica() *modelReplica {
	m.born++
	return &modelReplica{
		id: fmt.Sprint("replica", m.born), service: m.random.IntN(modelServices), slow: 0.5 + 3*m.random.Float64(),
		leases: map[string]*modelLease{}, usedOf: map[string]string{},
	}
}

func (m *model) dice(n int64) money.Nano { return money.Nano(m.random.Int64N(n)) }
func (m *model) once(in int) bool        { return m.random.IntN(in) == 0 }

// step does something.
func (m *model) step() {
	m.t.Helper()
	at := m.random.IntN(len(m.replicas))
	r := m.replicas[at]
	switch m.random.IntN(20) {
	case 0:
		m.now = m.now.Add(time.Duration(m.random.Int64N(int64(2 * time.Minute))))
	case 1: // a clock is set, forwards or backwards
		m.clocks[m.random.IntN(modelServices)].off = time.Duration(m.random.Int64N(int64(2*maxSkew))) - maxSkew
	case 2:
		r.cut = !r.cut
	case 3: // the replica's connections go to another process
		r.service = m.random.IntN(modelServices)
	case 4, 5, 6:
		m.deliver(r)
	case 7:
		m.crash(at)
	case 8:
		m.recover()
	case 9:
		svc := m.services[m.random.IntN(modelServices)]
		m.hear(svc, 1+m.random.IntN(20))
		_, err := svc.CloseWindows(m.t.Context())
		m.must(err)
	case 10:
		b := &m.budgets[m.random.IntN(len(m.budgets))]
		b.Limit += m.dice(1_000)
		_, err := m.services[m.random.IntN(modelServices)].PutBudget(m.t.Context(), *b)
		m.must(err)
	case 11:
		if len(m.late) > 0 {
			again := m.late[m.random.IntN(len(m.late))]
			err := again.deliver(m.services[m.random.IntN(modelServices)])
			if !again.records && again.from.over {
				wantReason(m.t, err, errs.Conflict, "replica_id")
				return
			}
			m.must(err)
		}
	case 12:
		m.audit()
	default:
		m.now = m.now.Add(time.Duration(m.random.Int64N(int64(5 * time.Second))))
		if m.once(5) {
			m.hit(r)
		}
		m.call(r)
	}
}

// hear has a service look for lost replicas again and again. For as long it hears of none.
func (m *model) hear(svc *budget.Service, times int) {
	m.t.Helper()
	for range times {
		_, err := svc.Expire(m.t.Context())
		m.must(err)
		m.now = m.now.Add(5 * time.Second)
	}
}

func (m *model) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// budgetsOf are those of a tenant's call: of its key, itself and its platform.
func (m *model) budgetsOf(tenant int) (scopes []budget.Scope, budgets []budget.Budget) {
	scopes = []budget.Scope{
		{Kind: budget.Key, ID: fmt.Sprint("k", tenant)}, {Kind: budget.Tenant, ID: fmt.Sprint("t", tenant)}, {Kind: budget.Platform, ID: "p"},
	}
	for _, b := range m.budgets {
		if slices.Contains(scopes, b.Scope) {
			budgets = append(budgets, b)
		}
	}
	return scopes, budgets
}

// hit makes a call that the cache answers: it saves what another cost, draws from no lease, and
// moves no balance.
func (m *model) hit(r *modelReplica) {
	scopes, _ := m.budgetsOf(m.random.IntN(2))
	tier := []string{"exact", "near", "semantic"}[m.random.IntN(3)]
	cache := map[string]string{"exact": "hit"}[tier]
	if cache == "" {
		cache = "semantic"
	}
	r.queue = append(r.queue, &eventv1.UsageRecord{
		EventId: m.ids.NewString(), OccurredMillis: m.now.UnixMilli(), TenantId: scopes[1].ID, PlatformId: "p", KeyId: scopes[0].ID,
		RequestId: fmt.Sprint("call", m.calls), Model: "m", SavedCacheNanos: int64(m.dice(400)), Cache: cache,
		CacheHit: &eventv1.CacheHit{Tier: tier, Score: m.random.Float64(), AgeMillis: int64(m.dice(1000)), EntryId: "entry"},
	})
	m.calls++
}

// call makes one call, if all its budgets have slices that pay it.
func (m *model) call(r *modelReplica) {
	tenant := m.random.IntN(2)
	scopes, budgets := m.budgetsOf(tenant)
	amount := 1 + m.dice(400)
	short := func() bool {
		return !m.now.Before(r.until) || slices.ContainsFunc(budgets, func(b budget.Budget) bool {
			l := r.leases[r.usedOf[b.ID]]
			return l == nil || l.free() < amount
		})
	}
	if short() {
		m.ask(r, tenant, scopes, amount)
	}
	if short() {
		return
	}
	cost := m.dice(int64(amount) + 1)
	if m.once(20) {
		cost = amount // as one that is charged at its reservation
	}
	rec := &eventv1.UsageRecord{
		EventId: m.ids.NewString(), OccurredMillis: m.now.UnixMilli(), TenantId: scopes[1].ID, PlatformId: "p", KeyId: scopes[0].ID,
		RequestId: fmt.Sprint("call", m.calls), Model: "m", CostNanos: int64(cost), Cache: "miss",
	}
	for _, b := range budgets {
		lease := r.usedOf[b.ID]
		r.leases[lease].drawn += cost
		rec.Draws = append(rec.Draws, draw(lease, cost))
		m.spent[m.windows[lease]] += cost
	}
	r.queue = append(r.queue, rec)
	m.calls++
}

// ask asks for slices, and gives back what leases that are out of use hold, and some of others.
func (m *model) ask(r *modelReplica, tenant int, scopes []budget.Scope, amount money.Nano) {
	var asks []budget.Ask
	for _, scope := range scopes {
		asks = append(asks, budget.Ask{Scope: scope, Need: amount, Ahead: m.dice(5_000), TenantID: fmt.Sprint("t", tenant), PlatformID: "p"})
	}
	var returns []budget.Return
	inUse := slices.Collect(maps.Values(r.usedOf))
	for _, lease := range slices.Sorted(maps.Keys(r.leases)) {
		l, back := r.leases[lease], money.Nano(0)
		if !slices.Contains(inUse, lease) {
			back = l.free()
		} else if m.once(3) {
			back = m.dice(int64(l.free()) + 1)
		}
		if back > 0 {
			l.returned += back
			returns = append(returns, budget.Return{LeaseID: lease, Total: l.returned})
		}
	}
	var got budget.Leases
	send := func(svc *budget.Service) (err error) {
		got, err = svc.Lease(context.Background(), r.id, asks, returns)
		return err
	}
	if !m.send(lateMessage{from: r, deliver: send}) {
		return
	}
	r.until = m.now.Add(time.Duration(r.slow * float64(time.Minute)))
	if got.Reset {
		clear(r.leases)
		clear(r.usedOf)
	}
	for _, grants := range got.Grants {
		for _, s := range grants {
			l := r.leases[s.Lease.ID]
			if l == nil {
				l = &modelLease{drawn: s.Lease.Drawn, returned: s.Lease.Returned}
				r.leases[s.Lease.ID] = l
			}
			l.granted = max(l.granted, s.Lease.Granted)
			r.usedOf[s.Budget.ID] = s.Lease.ID
			m.windows[s.Lease.ID] = modelWindow{s.Budget.ID, s.Window.Start}
		}
	}
}

// send sends a message, and reports whether its answer came. One that was sent may come again.
func (m *model) send(message lateMessage) (answered bool) {
	m.t.Helper()
	if message.from.cut || m.once(10) {
		return false
	}
	m.must(message.deliver(m.services[message.from.service]))
	m.late = append(m.late, message)
	return !m.once(10)
}

// deliver delivers some of what was settled, perhaps not for the first time.
func (m *model) deliver(r *modelReplica) {
	m.t.Helper()
	if len(r.queue) == 0 {
		return
	}
	n := 1 + m.random.IntN(len(r.queue))
	batch := slices.Clone(r.queue[:n])
	send := func(svc *budget.Service) error {
		got, err := svc.Record(context.Background(), batch)
		if err == nil && got.Rejected > 0 {
			err = fmt.Errorf("%d records were set aside", got.Rejected) //nolint:err113 // ends the test
		}
		return err
	}
	if m.send(lateMessage{from: r, records: true, deliver: send}) {
		r.queue = r.queue[n:]
	}
}

// crash ends a replica in the middle of everything; another one starts.
func (m *model) crash(at int) {
	if m.keepLogs || m.once(2) {
		m.logs = append(m.logs, m.replicas[at])
	}
	m.replicas[at] = m.newReplica()
}

// recover delivers a crashed replica's log, if there is one, and returns its leases.
func (m *model) recover() {
	m.t.Helper()
	if len(m.logs) == 0 {
		return
	}
	r := m.logs[0]
	r.cut = false
	for tries := 0; len(r.queue) > 0 && tries < 3; tries++ {
		m.deliver(r)
	}
	if len(r.queue) > 0 {
		return
	}
	m.finish(r)
	m.logs = m.logs[1:]
}

// finish ends a replica whose calls were all recorded.
func (m *model) finish(r *modelReplica) {
	m.t.Helper()
	_, err := m.services[r.service].EndReplica(m.t.Context(), r.id)
	m.must(err)
	r.over = true
}

// audit holds the books to each other, to the limits and to what was really spent.
func (m *model) audit() *budget.Audit {
	m.t.Helper()
	audit, err := m.auditor.AuditLedger(m.t.Context(), "")
	m.must(err)
	for _, text := range disagreements(audit) {
		m.t.Error(text)
	}
	kept := map[modelWindow]bool{}
	for _, w := range audit.Windows {
		key := modelWindow{w.BudgetID, w.Start}
		kept[key] = true
		if w.Leased < 0 || w.Spent+w.Leased > w.Limit {
			m.t.Errorf("%v from %d: %d spent and %d leased of %d", w.Scope, w.Start, w.Spent, w.Leased, w.Limit)
		}
		if m.spent[key] > w.Spent+w.Leased {
			m.t.Errorf("%v from %d: replicas spent %d, the books have %d spent and %d leased", w.Scope, w.Start, m.spent[key], w.Spent, w.Leased)
		}
	}
	for key := range m.spent {
		if !kept[key] {
			m.t.Errorf("the window %v is gone", key)
		}
	}
	return audit
}

// end lets everything come to an end: the network heals, clocks are right, replicas stop,
// logs are delivered, and what is lost is charged.
func (m *model) end() {
	m.t.Helper()
	for _, c := range m.clocks {
		c.off = 0
	}
	m.logs = append(m.logs, m.replicas...)
	for len(m.logs) > 0 {
		m.recover()
	}
	m.now = m.now.Add(maxSkew + time.Hour)
	m.hear(m.auditor, 20)
	for _, w := range m.audit().Windows {
		spent := m.spent[modelWindow{w.BudgetID, w.Start}]
		if w.Leased != 0 || w.Spent < spent || m.keepLogs && w.Spent != spent {
			m.t.Errorf("%v from %d: %d are spent and %d leased; replicas spent %d, and logs were kept: %t", w.Scope, w.Start, w.Spent, w.Leased, spent, m.keepLogs)
		}
	}
}
