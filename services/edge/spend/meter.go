// Package spend holds an edge replica's part of the budgets: it reserves and settles calls
// in memory, and talks to the budget service in the background.
//
// For each scope that has budgets, the Meter holds a lease on a slice of each. A
// reservation takes its amount from the slices of all scopes of a call, or from none. A
// settlement puts back what was not used and queues the record, which is delivered in
// batches until the budget service has it. Slices are renewed before they run out; a
// reservation waits for the budget service only when a slice is short of it, or for the
// first call of a scope.
//
// With a log (package journal), what a Meter has promised and settled survives its process:
// each reservation is written to it before Reserve returns, and each settlement is added to
// its reservation before Settle does. Whoever starts beside such a log delivers it. Money is
// set aside before the log says so, and free again only after it does: what a log charges at
// any moment is no more than what its Meter holds.
//
// When the budget service is away, calls go on until their slices are used up or their term
// is over, and those of scopes without budgets go on until the queue of records is full; then
// Reserve fails with service_unavailable. A record of a call that was reserved, or that cost
// something, is never dropped. Those of answers that cost nothing (from the cache, or from an
// identical call) take no reservation, so that nothing would stop them: they may take half of
// the queue and of the log, and are dropped and counted beyond.
package spend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/id"
	"tollgate.dev/services/edge/spend/journal"
)

// Options tune a Meter. The zero value of each field means its default.
type Options struct {
	// ReplicaID names this process's life to the budget service; default: a new UUID. It
	// is never used again after the process ended.
	ReplicaID string
	// Clock is the time; default: the system's.
	Clock clock.Clock
	// Logger takes what an operator should see; default: nothing is logged.
	Logger *slog.Logger
	// BatchSize is how many records are sent together at most; default 500, at most 10,000.
	BatchSize int
	// FlushEvery is how long a record waits for others; default 5 ms.
	FlushEvery time.Duration
	// QueueLimit is how many records may wait before Reserve refuses calls; default 65,536.
	// Calls that hold a reservation by then still settle. Records that cost nothing and were
	// not reserved are dropped when half of that many wait.
	QueueLimit int
	// Patience is how long a reservation waits for money that other calls of this replica
	// hold but have not spent; default 100 ms, negative: not at all.
	Patience time.Duration
	// RecallPatience is how long it waits for what other replicas hold, which are asked to
	// give back what they do not use: they may have their budget service in another
	// process, which looks for such calls every 250 ms. Default 1 s, or nothing with a
	// negative Patience; negative: not at all.
	RecallPatience time.Duration
	// Heartbeat is how often leases are renewed at least; default 15 s. A third of the
	// term is used when that is shorter.
	Heartbeat time.Duration
	// IdleAfter is how long a scope may go unused before its slices are given back and
	// it is forgotten; default 1 minute.
	IdleAfter time.Duration
	// CallTimeout bounds one call of the budget service; default 5 s.
	CallTimeout time.Duration
	// Journal is the Meter's log; default: what is not delivered dies with the process. It
	// is the Meter's from then on: Run runs it, and Close removes it when all of it was
	// delivered.
	Journal *journal.Log
	// Observer is told of what came of the logs of dead processes; default: nobody.
	Observer Observer
}

// Observer counts what is found in the logs of processes that died. Its methods return at
// once and are safe for concurrent use.
type Observer interface {
	// LogRecovered is called for each log that was delivered: with the calls that were
	// settled, and with those in flight that were charged at their reservation.
	LogRecovered(settled, charged int)
	// LogKept is called for each log that is kept because it is damaged or newer.
	LogKept()
}

type noObserver struct{}

func (noObserver) LogRecovered(int, int) {}
func (noObserver) LogKept()              {}

// Scopes name whom a call is counted for. Empty ones do not apply.
type Scopes struct {
	// Platform, Tenant and Key are ids; User is the user's id within the tenant.
	Platform, Tenant, User, Key string
}

// Call is what a reservation is for: whose budgets it counts against, and what the ledger
// shows of it if this process dies before it is settled.
type Call struct {
	Scopes
	// PlatformID and UserID are the call's own; they may have no budget.
	PlatformID, UserID string
	// RequestID, CorrelationID, Model and CallType are those of the call's record.
	RequestID, CorrelationID, Model, CallType string
	// StartedMillis is when the request came in, in Unix milliseconds.
	StartedMillis int64
}

const shardCount = 64

// maxBatch is how many records the budget service takes in one call.
const maxBatch = 10_000

// Meter reserves and settles calls. Its methods are safe for concurrent use. Run must run.
type Meter struct {
	client budgetv1connect.BudgetServiceClient
	opts   Options
	ids    *id.Generator
	base   time.Time

	seed   maphash.Seed
	shards [shardCount]shard

	// epoch changes when everything that is known of budgets may be wrong.
	epoch atomic.Uint64
	// until is the local time in nanoseconds after base up to which leases may be spent.
	until atomic.Int64
	// term is the length of a lease in nanoseconds, as the budget service last said.
	term  atomic.Int64
	pools atomic.Int64

	leasing leasing
	queue   queue
	holds   holds

	overdrawn, rejected, unlogged, dropped atomic.Int64

	// encoders are buffers for the log's records.
	encoders sync.Pool

	// recovered is closed when the logs that were there at the start are delivered.
	recovered chan struct{}

	life    sync.Mutex
	kept    batch // whose delivery was interrupted
	running bool
	closed  atomic.Bool
	stop    context.CancelFunc
	stopped chan struct{}
}

// shard holds accounts by the hash of their keys: a map of numbers is smaller than one of
// names, and costs the garbage collector less.
type shard struct {
	mu       sync.RWMutex
	accounts map[uint64]*account
}

func (s *shard) find(hash uint64, key *scopeKey) *account {
	a := s.accounts[hash]
	for a != nil && a.key != *key {
		a = a.next
	}
	return a
}

// forget removes the accounts that may go. The shard's lock is held.
func (s *shard) forget(mayGo func(*account) bool) {
	for hash, a := range s.accounts {
		var first *account
		for a != nil {
			next := a.next
			if a.next = nil; !mayGo(a) {
				a.next, first = first, a
			}
			a = next
		}
		if first == nil {
			delete(s.accounts, hash)
		} else {
			s.accounts[hash] = first
		}
	}
}

// New returns a Meter over the budget service.
func New(client budgetv1connect.BudgetServiceClient, opts Options) *Meter {
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	ids := id.NewGenerator(opts.Clock)
	if opts.ReplicaID == "" {
		opts.ReplicaID = ids.NewString()
	}
	opts.BatchSize = min(cmp.Or(opts.BatchSize, 500), maxBatch)
	opts.FlushEvery = cmp.Or(opts.FlushEvery, 5*time.Millisecond)
	opts.QueueLimit = cmp.Or(opts.QueueLimit, 65_536)
	switch {
	case opts.RecallPatience != 0:
	case opts.Patience < 0:
		opts.RecallPatience = -1
	default:
		opts.RecallPatience = time.Second
	}
	if opts.Patience == 0 {
		opts.Patience = 100 * time.Millisecond
	}
	opts.Heartbeat = cmp.Or(opts.Heartbeat, 15*time.Second)
	opts.IdleAfter = cmp.Or(opts.IdleAfter, time.Minute)
	opts.CallTimeout = cmp.Or(opts.CallTimeout, 5*time.Second)
	if opts.Observer == nil {
		opts.Observer = noObserver{}
	}
	m := &Meter{
		client: client, opts: opts, ids: ids, base: opts.Clock.Now(), seed: maphash.MakeSeed(),
		encoders:  sync.Pool{New: func() any { b := make([]byte, 0, usualRecord); return &b }},
		recovered: make(chan struct{}),
	}
	m.epoch.Store(1)
	m.leasing.wake, m.leasing.doubtful = make(chan struct{}, 1), make(map[*account]bool)
	m.queue.wake = make(chan struct{}, 1)
	for i := range m.shards {
		m.shards[i].accounts = make(map[uint64]*account)
	}
	return m
}

// Run does the Meter's background work until ctx ends or Close is called, and returns nil.
func (m *Meter) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m.life.Lock()
	if m.closed.Load() {
		m.life.Unlock()
		return nil
	}
	if m.running {
		m.life.Unlock()
		return errors.New("spend: a meter runs once")
	}
	m.running, m.stop, m.stopped = true, cancel, make(chan struct{})
	m.life.Unlock()
	defer close(m.stopped)
	var loops sync.WaitGroup
	loops.Go(func() { m.leaseLoop(ctx) })
	loops.Go(func() { m.flushLoop(ctx) })
	loops.Go(func() { m.watchLoop(ctx) })
	loops.Go(func() { m.sweepLoop(ctx) })
	loops.Go(func() { m.recoverLoop(ctx) })
	if m.opts.Journal != nil {
		loops.Go(func() { m.journalLoop(ctx) })
	}
	loops.Wait()
	return nil
}

// Close refuses new reservations, stops Run, delivers the records that wait and gives
// the slices back. Call it when all calls are settled. If ctx ends first, its error tells
// that records were left, or that leases were not returned: the next process delivers the
// log; without one, leases will be charged and the records are lost. Calls that are settled
// later stay in the log as well.
func (m *Meter) Close(ctx context.Context) error {
	m.life.Lock()
	if m.closed.Swap(true) {
		m.life.Unlock()
		return nil
	}
	stop, stopped := m.stop, m.stopped
	m.life.Unlock()
	if stop != nil {
		stop()
		<-stopped
	}
	m.leasing.end(stopping(errClosed))
	if m.opts.Journal == nil {
		if err := m.drain(ctx); err != nil {
			return err
		}
		return m.returnAll(ctx)
	}
	// What cannot be delivered in the time of one call is safe in the log.
	drain, cancel := context.WithTimeout(ctx, m.opts.CallTimeout)
	defer cancel()
	return m.closeLogged(ctx, m.drain(drain))
}

// closeLogged gives the slices back and removes the log if nothing is left in it, and else
// leaves both to the next process. The log is sealed first: a reservation that began before
// Close is in it by then, and holds on to the slices, or is refused.
func (m *Meter) closeLogged(ctx context.Context, err error) error {
	log := m.opts.Journal
	if living := log.Seal(); err == nil && living == 0 {
		call, cancel := context.WithTimeout(ctx, m.opts.CallTimeout)
		defer cancel()
		if _, err = m.client.EndReplica(call, &budgetv1.EndReplicaRequest{ReplicaId: m.opts.ReplicaID}); err == nil {
			return log.Remove()
		}
		err = fmt.Errorf("spend: the leases are not returned yet: %w", err)
	}
	return errors.Join(err, log.Close())
}

// journalLoop runs the log.
func (m *Meter) journalLoop(ctx context.Context) {
	if err := m.opts.Journal.Run(ctx); err != nil {
		m.opts.Logger.ErrorContext(ctx, "spend: the log stopped", "error", err)
	}
}

// Stats are counts of what a Meter holds and did.
type Stats struct {
	// Queued records wait to be delivered.
	Queued int
	// Leases are held at the moment.
	Leases int
	// Overdrawn calls cost more than they had reserved.
	Overdrawn int64
	// Rejected records were refused by the budget service as invalid.
	Rejected int64
	// Dropped records cost nothing, and came when half of the queue or of the log was taken.
	Dropped int64
	// Unlogged calls were settled and the log had no room for it: should the process die
	// before they are delivered, they are charged at their reservation, which stays set aside
	// until then.
	Unlogged int64
	// Log is the log's own.
	Log journal.Stats
}

// Stats returns the counts as they stand.
func (m *Meter) Stats() Stats {
	st := Stats{
		Queued: int(m.queue.length.Load()), Leases: int(m.pools.Load()),
		Overdrawn: m.overdrawn.Load(), Rejected: m.rejected.Load(), Unlogged: m.unlogged.Load(),
		Dropped: m.dropped.Load(),
	}
	if m.opts.Journal != nil {
		st.Log = m.opts.Journal.Stats()
	}
	return st
}

// now is the local time in nanoseconds after base: steps of the wall clock do not move it.
func (m *Meter) now() int64 { return m.local(m.opts.Clock.Now()) }

func (m *Meter) local(at time.Time) int64 { return int64(at.Sub(m.base)) }

const forever = math.MaxInt64
