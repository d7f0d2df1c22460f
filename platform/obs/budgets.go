package obs

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tollgate.dev/platform/money"
)

type budgetMetrics struct {
	outcomes     [len(reservations)]prometheus.Counter
	open         prometheus.Gauge
	used         [len(budgetScopes)]prometheus.Observer
	outboxLag    prometheus.Gauge
	outboxLength prometheus.Gauge
	published    *prometheus.CounterVec
	setAside     prometheus.Counter

	recorded, overdrawn, rejected, lostLeases, lostDollars prometheus.Counter
	meter                                                  *meterGauges

	logKept      prometheus.Counter
	logRecovered [2]prometheus.Counter // settled, charged
}

// publications are the results of publishing events.
var publications = [...]string{"ok", "error"}

// meterGauges are what an edge's meter says of itself when the page is read.
type meterGauges struct {
	stats atomic.Pointer[func() MeterStats]
}

// MeterStats are what a meter of budgets holds.
type MeterStats struct {
	// Queued are settled calls that the ledger does not have yet.
	Queued int
	// Leases are the slices of budgets that are held.
	Leases int
	// Overdrawn calls cost more than was set aside for them.
	Overdrawn int64
	// LogRecords are calls in the local log, which has LogBytes on the disk.
	LogRecords int
	LogBytes   int64
	// Unlogged calls were settled while the log had no room.
	Unlogged int64
	// Dropped records of answers that cost nothing never came to the ledger.
	Dropped int64
}

func (g *meterGauges) read(of func(MeterStats) int) func() float64 {
	return func() float64 {
		if stats := g.stats.Load(); stats != nil {
			return float64(of((*stats)()))
		}
		return 0
	}
}

func newBudgetMetrics(f *factory) (b budgetMetrics) {
	outcomes := f.counter("budget_reservations_total", "Budget reservations by outcome.", "outcome")
	for i, o := range reservations {
		b.outcomes[i] = outcomes.WithLabelValues(o)
	}
	used := f.histogram("budget_used_ratio", "Spent share of a budget's limit at each answer, by the budget's scope.", ratioBuckets, "scope")
	for i, s := range budgetScopes {
		b.used[i] = used.WithLabelValues(s)
	}
	b.open = f.gauge("budget_open_reservations", "Reservations that are neither settled nor released.")
	b.outboxLag = f.gauge("outbox_lag_seconds", "Age of the oldest event that is not published.")
	b.outboxLength = f.gauge("outbox_pending_events", "Events that are not published.")
	b.published = f.counter("outbox_published_total", "Attempts to publish events by result.", "result")
	for _, result := range publications {
		b.published.WithLabelValues(result)
	}
	b.setAside = f.plain("outbox_set_aside_total", "Events that cannot be published and were set aside.")
	b.recorded = f.plain("budget_records_total", "Settled calls that were written into the ledger.")
	b.overdrawn = f.plain("budget_overdrawn_leases_total", "Settled calls that cost more than their lease held.")
	b.rejected = f.plain("budget_rejected_records_total", "Records that cannot be settled and were set aside.")
	b.lostLeases = f.plain("budget_lost_leases_total", "Leases of lost replicas that were charged.")
	b.lostDollars = f.plain("budget_lost_leases_dollars_total", "What was charged for them in dollars, before corrections.")
	b.meter = &meterGauges{}
	f.function("budget_queued_records", "Settled calls of this edge that the ledger does not have yet.",
		b.meter.read(func(s MeterStats) int { return s.Queued }))
	f.counted("budget_overdrawn_calls_total", "Settled calls of this edge that cost more than was set aside for them.",
		b.meter.read(func(s MeterStats) int { return int(s.Overdrawn) }))
	f.counted("budget_dropped_records_total", "Records of answers that cost nothing, dropped because too many records waited for the ledger.",
		b.meter.read(func(s MeterStats) int { return int(s.Dropped) }))
	f.function("budget_held_leases", "Slices of budgets that this edge holds.", b.meter.read(func(s MeterStats) int { return s.Leases }))
	f.function("spend_log_records", "Calls in the local log: in flight, or settled and not yet in the ledger.",
		b.meter.read(func(s MeterStats) int { return s.LogRecords }))
	f.function("spend_log_bytes", "Size of the local log on the disk.", b.meter.read(func(s MeterStats) int { return int(s.LogBytes) }))
	f.counted("spend_log_unlogged_total", "Calls that were settled while the local log had no room.",
		b.meter.read(func(s MeterStats) int { return int(s.Unlogged) }))
	b.logKept = f.plain("spend_log_kept_total", "Logs of dead processes that are kept because they are damaged or of a newer release.")
	recovered := f.counter("spend_log_recovered_total", "Calls delivered from the logs of dead processes, by kind.", "kind")
	b.logRecovered[0], b.logRecovered[1] = recovered.WithLabelValues("settled"), recovered.WithLabelValues("charged")
	return b
}

// BudgetScope is whom a budget limits.
type BudgetScope int

// The scopes of budgets.
const (
	ScopePlatform BudgetScope = iota
	ScopeTenant
	ScopeUser
	ScopeKey
)

// Reservation counts an outcome; the number of open ones follows from it.
func (m *Metrics) Reservation(outcome ReservationOutcome) {
	pick(m.budget.outcomes[:], int(outcome)).Inc()
	switch outcome {
	case ReservationGranted:
		m.budget.open.Inc()
	case ReservationSettled, ReservationReleased:
		m.budget.open.Dec()
	case ReservationDenied:
	}
}

// BudgetUsed notes which share of its limit a budget has spent.
func (m *Metrics) BudgetUsed(scope BudgetScope, ratio float64) {
	pick(m.budget.used[:], int(scope)).Observe(ratio)
}

// Recorded counts settled calls that were written into the ledger, and those of them that
// cost more than their lease held.
func (m *Metrics) Recorded(records, overdrawn int) {
	m.budget.recorded.Add(float64(records))
	m.budget.overdrawn.Add(float64(overdrawn))
}

// Rejected counts a record that cannot be settled.
func (m *Metrics) Rejected() { m.budget.rejected.Inc() }

// LeaseLost counts a lost replica's lease and what was charged for it.
func (m *Metrics) LeaseLost(amount money.Nano) {
	m.budget.lostLeases.Inc()
	m.budget.lostDollars.Add(float64(amount) / 1e9)
}

// Meter has the page show what an edge's meter holds.
func (m *Metrics) Meter(stats func() MeterStats) { m.budget.meter.stats.Store(&stats) }

// LogRecovered counts the calls of a dead process's log: those that were settled, and those
// in flight that were charged at their reservation.
func (m *Metrics) LogRecovered(settled, charged int) {
	add(m.budget.logRecovered[0], float64(settled))
	add(m.budget.logRecovered[1], float64(charged))
}

// LogKept counts a dead process's log that is kept because it could not be delivered whole.
func (m *Metrics) LogKept() { m.budget.logKept.Inc() }

// Outbox notes how many events wait and the age of the oldest.
func (m *Metrics) Outbox(pending int, oldest time.Duration) {
	m.budget.outboxLength.Set(float64(pending))
	m.budget.outboxLag.Set(oldest.Seconds())
}

// Published counts n events that were published, or that failed to be.
func (m *Metrics) Published(n int, ok bool) {
	result := publications[0]
	if !ok {
		result = publications[1]
	}
	add(m.budget.published.WithLabelValues(result), float64(n))
}

// SetAside counts an event that cannot be published and was set aside.
func (m *Metrics) SetAside() { m.budget.setAside.Inc() }
