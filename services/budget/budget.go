// Package budget keeps what may be spent, what is set aside and what was spent.
//
// A budget is a limit over a window for one scope. Its remaining amount is held in
// escrow: a replica of the edge leases slices of it, spends from them without asking,
// and gives back what it does not need. For each strict budget and window,
//
//	spent + Σ outstanding leases ≤ limit
//
// holds at every grant, because a grant is made under the budget's lock and only from
// what is neither spent nor leased. Every other step keeps the sum or lowers it: a record
// moves an amount from a lease to spent, a return frees it, and the loss of a replica
// moves all that its leases held to spent, from where late records and returns take it
// back. No step depends on a clock, so skew can delay money but never create it. Two
// things can pass a limit, and both say so: a limit that is lowered below what is
// already spent or leased, and a call that cost more than its reservation.
//
// Amounts that cross the network count from a lease's beginning (granted, drawn,
// returned so far) and never shrink, so that a lost, repeated or late message changes
// nothing; records are known by their event id.
package budget

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/money"
)

// Options tune a Service. The zero value of each field means its default.
type Options struct {
	// Clock is the time; default: the system's.
	Clock clock.Clock
	// Logger takes what an operator should see; default: nothing is logged.
	Logger *slog.Logger
	// Term is how long a replica may spend from its leases after it was last heard of;
	// default 60 s.
	Term time.Duration
	// Grace is how long after the term a lost replica's leases are charged; default 30 s. A
	// service that could not be reached for half of it counts silence anew.
	Grace time.Duration
	// Retention is how long closed leases and ended windows are kept, so that late records
	// still correct them, and how long replicas that have ended are refused leases; default 7
	// days.
	Retention time.Duration
	// MaxBatch is how many records are committed together at most; default 2000.
	MaxBatch int
	// CommitTimeout bounds one transaction of a batch, and each step of Run; default 10 s.
	CommitTimeout time.Duration
	// PollEvery is how often changes made by other processes are looked for; default 250 ms.
	PollEvery time.Duration
	// ExpireEvery is how often lost replicas and ended windows are looked for; default 5 s.
	ExpireEvery time.Duration
	// Observer is told of what happens; default: nobody.
	Observer Observer
	// Books is what AuditLedger reads; without it there are no audits.
	Books Books
	// Keystore is asked whom a new budget would limit; without it every scope is taken.
	Keystore Keystore
	// Appended is called after each transaction that added entries to the ledger and the
	// outbox. It returns at once and is safe for concurrent use; default: nobody is told.
	Appended func()
}

// Observer counts what happens in the service. Its methods return at once and are safe for
// concurrent use.
type Observer interface {
	// Recorded is called for each batch with its records and with how many of them cost
	// more than was set aside for them.
	Recorded(records, overdrawn int)
	// Rejected is called for each record that cannot be settled and was set aside.
	Rejected()
	// LeaseLost is called for each lease that is charged, with its nano-dollars.
	LeaseLost(amount money.Nano)
}

type noObserver struct{}

func (noObserver) Recorded(int, int)    {}
func (noObserver) Rejected()            {}
func (noObserver) LeaseLost(money.Nano) {}

// share is the part of what remains that one replica gets at most without needing more:
// remaining / (share · active replicas).
const share = 8

// Service is the budget service. Its methods are safe for concurrent use. Run must run
// for leases to expire and for changes by other processes to be seen.
type Service struct {
	store   Store
	opts    Options
	ids     *id.Generator
	watch   *hub
	usage   usageHub
	pending queue

	pollMu   sync.Mutex
	revision int64 // of the changes that were passed on; below 0 at first

	recallMu sync.Mutex
	recalled map[string]time.Time // budget id → when its leases were last called back

	audit sync.Mutex // held by the one audit that runs

	expire sync.Mutex // held by the one Expire that runs; what follows is its own, in Unix milliseconds
	pruned int64      // when old rows were last removed
	// heardAt is when replicas could last be heard of, heardFrom since when without a gap.
	heardFrom, heardAt int64
}

// New returns a service over a store.
func New(store Store, opts Options) *Service {
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Observer == nil {
		opts.Observer = noObserver{}
	}
	if opts.Appended == nil {
		opts.Appended = func() {}
	}
	opts.Term = cmp.Or(opts.Term, time.Minute)
	opts.Grace = cmp.Or(opts.Grace, 30*time.Second)
	opts.Retention = cmp.Or(opts.Retention, 7*24*time.Hour)
	opts.MaxBatch = cmp.Or(opts.MaxBatch, 2000)
	opts.CommitTimeout = cmp.Or(opts.CommitTimeout, 10*time.Second)
	opts.PollEvery = cmp.Or(opts.PollEvery, 250*time.Millisecond)
	opts.ExpireEvery = cmp.Or(opts.ExpireEvery, 5*time.Second)
	return &Service{
		store: store, opts: opts, ids: id.NewGenerator(opts.Clock),
		watch: newHub(), usage: usageHub{ended: make(chan struct{})}, revision: -1, recalled: map[string]time.Time{},
	}
}

// Run does the service's background work until ctx ends: it charges the leases of lost
// replicas, tells of windows that ended, forgets what is old, and passes on changes that
// other processes made. Its end ends all watches. A step that a database does not answer is
// given up after CommitTimeout, so that the others are done.
func (s *Service) Run(ctx context.Context) error {
	defer s.watch.end.Do(func() { close(s.watch.ended) })
	defer s.EndUsageWatches()
	poll := s.opts.Clock.NewTicker(s.opts.PollEvery)
	defer poll.Stop()
	expire := s.opts.Clock.NewTicker(s.opts.ExpireEvery)
	defer expire.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C():
			s.step(ctx, "reading changes of other processes", s.pollChanges)
			s.step(ctx, "reading what other processes settled", s.pollUsage)
		case <-expire.C():
			s.step(ctx, "charging lost leases", func(ctx context.Context) error {
				_, err := s.Expire(ctx)
				return err
			})
			s.step(ctx, "telling of windows that ended", func(ctx context.Context) error {
				_, err := s.CloseWindows(ctx)
				return err
			})
		}
	}
}

// step does one piece of background work. What fails is done again when its time comes.
func (s *Service) step(ctx context.Context, what string, work func(context.Context) error) {
	bounded, cancel := context.WithTimeout(ctx, s.opts.CommitTimeout)
	defer cancel()
	if err := work(bounded); err != nil && ctx.Err() == nil {
		s.opts.Logger.ErrorContext(ctx, "budget: background work failed", "work", what, "error", err)
	}
}

// update is the store's, and tells of new entries.
func (s *Service) update(ctx context.Context, f Footprint, decide func(*Snapshot) (*Mutation, error)) error {
	var done *Mutation // of the last attempt
	f.Now = s.opts.Clock.Now().UnixMilli()
	err := s.store.Update(ctx, f, func(snap *Snapshot) (*Mutation, error) {
		m, err := decide(snap)
		done = m
		return m, err
	})
	if err == nil && done != nil && len(done.Entries) > 0 {
		s.opts.Appended()
		s.usage.tell(done.Sequences)
	}
	return err
}

// DeleteBudgets removes budgets by id and all those of some scopes, and returns the ids of
// those that existed. What was spent stays in the ledger.
func (s *Service) DeleteBudgets(ctx context.Context, ids []string, scopes []Scope) ([]string, error) {
	for _, scope := range scopes {
		if err := scope.check("scopes"); err != nil {
			return nil, err
		}
	}
	if len(ids) == 0 && len(scopes) == 0 {
		return nil, nil
	}
	var gone []string
	err := s.update(ctx, Footprint{Scopes: scopes, BudgetIDs: ids}, func(snap *Snapshot) (*Mutation, error) {
		gone = nil
		var changed []Scope
		for _, b := range snap.Budgets {
			gone = append(gone, b.ID)
			changed = append(changed, b.Scope)
		}
		return &Mutation{DeleteBudgets: gone, Changed: changed}, nil
	})
	if err != nil {
		return nil, err
	}
	s.passOn(ctx)
	return gone, nil
}

// ListBudgets returns the budgets of some scopes in their current windows, in the order
// of the scopes.
func (s *Service) ListBudgets(ctx context.Context, scopes []Scope) ([]State, error) {
	for _, scope := range scopes {
		if err := scope.check("scopes"); err != nil {
			return nil, err
		}
	}
	if len(scopes) == 0 {
		return nil, nil
	}
	states, err := s.store.Budgets(ctx, scopes)
	if err != nil {
		return nil, err
	}
	now := s.opts.Clock.Now()
	byScope := make(map[Scope][]State, len(scopes))
	for _, st := range states {
		if w := currentWindow(st.Budget, &st.WindowState, now); w.Start != st.Start || w.End != st.End {
			st.WindowState = w
		}
		byScope[st.Scope] = append(byScope[st.Scope], st)
	}
	out := make([]State, 0, len(states))
	for _, scope := range scopes {
		out = append(out, byScope[scope]...)
		delete(byScope, scope)
	}
	return out, nil
}

// currentWindow is the window of b that holds now, given its newest known one. Windows never
// go back: with a slow clock the newest known one holds on.
func currentWindow(b Budget, newest *WindowState, now time.Time) WindowState {
	window, err := ParseWindow(b.Window, b.TimeZone)
	if err != nil {
		// The store holds only what PutBudget checked; a zone that has since vanished
		// from the zone database falls back to UTC.
		window, err = ParseWindow(b.Window, "")
		if err != nil {
			window = Window{}
		}
	}
	start, end := window.Bounds(now)
	if newest != nil && newest.BudgetID != "" && newest.Start >= start.UnixMilli() {
		return *newest
	}
	w := WindowState{BudgetID: b.ID, Start: start.UnixMilli(), End: endMillis(end), CountedFrom: now.UnixMilli()}
	w.TenantID = b.Scope.tenant()
	if b.Scope.Kind == Platform {
		w.PlatformID = b.Scope.ID
	}
	return w
}

func endMillis(end time.Time) int64 {
	if end.IsZero() {
		return 0
	}
	return end.UnixMilli()
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
