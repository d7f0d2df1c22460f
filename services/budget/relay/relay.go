// Package relay publishes the outbox to a Kafka topic, each tenant's events in the order
// of their sequence, at least once.
//
// # Order
//
// Three rules make it safe to run any number of relays over one outbox:
//
//  1. A row leaves the outbox only after all in-sync replicas have its event.
//  2. A relay always takes the lowest rows of the outbox, and writes a partition's events
//     one batch after the other: the next one goes out only after the broker has taken
//     the one before. A batch stands in the log as a whole or not at all.
//  3. A tenant's events are all in the partition of its key.
//
// So at the moment in which any batch is sent, every event of its tenants that came before
// it is in the log, and stays there. When the batch arrives, however late, twice, or from a
// relay that was paused for an hour, each event in it comes after its predecessors. A
// consumer that leaves out what it has already seen (a sequence that is not above the last
// one) therefore sees each tenant's sequence rise by exactly one.
//
// That needs no lock. A lease in the database still makes one relay at a time do the work,
// because two would publish everything twice. Its epoch fences: a relay whose lease went to
// another can neither take rows nor remove any. What it had in flight arrives as duplicates.
//
// An event that cannot be published, now or later, is no reason for its partition to stand
// still: its row is set aside, in a transaction that is fenced like all others, before the
// ones behind it go out. Its tenant's sequence then has a gap in the topic and none in the
// ledger, from where consumers fill it.
//
// The rules end where the number of the topic's partitions changes while events wait: a
// tenant's key may then belong to another partition, and a consumer may read the two in any
// order. Drain the outbox before, or rely on a consumer that fills gaps from the ledger.
package relay

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/services/budget/event"
)

// ErrFenced says that another relay has taken the lease since.
var ErrFenced = errors.New("the outbox belongs to another relay")

// Outbox is the table of events that wait, in the database of the ledger.
type Outbox interface {
	// Claim takes the lease for a term, or renews it, and returns its epoch: another one
	// each time that it changes hands. It returns 0 while somebody else holds it. Time is
	// the database's.
	Claim(ctx context.Context, holder string, term time.Duration) (epoch int64, err error)
	// Release ends a lease, so that another relay need not wait for its end. One that
	// is another's by now stays.
	Release(ctx context.Context, epoch int64) error
	// Pending reads the first rows of all tenants but those to skip, in the order of
	// their positions; a tenant's rows come in the order of its sequence and without
	// gaps. A row whose entry of the ledger cannot be read comes with its Fault.
	// Errors: ErrFenced.
	Pending(ctx context.Context, epoch int64, skip []string, limit int) ([]Row, error)
	// Remove removes rows, all or none. Errors: ErrFenced.
	Remove(ctx context.Context, epoch int64, positions []int64) error
	// SetAside moves rows to those that are kept for an operator, all or none; those that
	// are not in the outbox (any more) are left out. Errors: ErrFenced.
	SetAside(ctx context.Context, epoch int64, rows []Aside) error
	// Backlog says what waits.
	Backlog(ctx context.Context) (Backlog, error)
	// Trim removes those of the first rows whose events were made before an instant,
	// at most limit, and returns how many.
	Trim(ctx context.Context, before time.Time, limit int) (int, error)
}

// Backlog is what waits in the outbox.
type Backlog struct {
	// Rows is how many rows there are; above 100,000 it may count some that are gone.
	Rows int64
	// OldestEventID is the first row's, empty without one. It holds the event's time.
	OldestEventID string
}

// Publisher writes to one topic.
type Publisher interface {
	// Partitions makes sure that the topic exists, and says how many partitions it has.
	Partitions(ctx context.Context) (int, error)
	// Publish writes one batch to one partition and returns once all in-sync replicas
	// have it. After an error the batch may be in the log as a whole, now or later.
	Publish(ctx context.Context, partition int, messages []kafkax.Message) error
}

// Observer is told of what happens. Its methods return at once and are safe for concurrent
// use.
type Observer interface {
	// Outbox is told how many rows wait and how old the first one's event is.
	Outbox(pending int, oldest time.Duration)
	// Published is told of n events that were published, or that failed to be.
	Published(n int, ok bool)
	// SetAside is told of each row that was set aside.
	SetAside()
}

type noObserver struct{}

func (noObserver) Outbox(int, time.Duration) {}
func (noObserver) Published(int, bool)       {}
func (noObserver) SetAside()                 {}

// Options tune a Relay. The zero value of each field means its default.
type Options struct {
	// Publisher is where events go; without one they stay in the outbox.
	Publisher Publisher
	// Retention is how long events stay in the outbox while there is no Publisher;
	// default: for ever.
	Retention time.Duration
	// Clock is the time; default: the system's.
	Clock clock.Clock
	// Log takes what an operator should see; default: nothing is logged.
	Log *slog.Logger
	// Observer is told of what happens; default: nobody.
	Observer Observer
	// Batch is how many rows are taken at once; default 2000.
	Batch int
	// BatchBytes bounds the messages of one request to a broker; default 512 KiB, half
	// of what a broker takes unless told otherwise.
	BatchBytes int
	// OrdinaryBytes is what every topic has to take as one message; default 16 KiB, several
	// times what most events have. Where a topic refuses less as too large it is set wrongly:
	// its events wait, and are not set aside one after the other.
	OrdinaryBytes int
	// Term is how long a lease lasts without being renewed; default 15 s. The next relay
	// begins so long after one that was killed.
	Term time.Duration
	// PollEvery is how often rows are looked for when nobody wakes the relay, those of
	// other processes for example; default 250 ms.
	PollEvery time.Duration
	// SampleEvery is how often the backlog is measured; default 5 s.
	SampleEvery time.Duration
	// Backoff is the first wait after a failure, doubled each time up to BackoffMax, with
	// jitter; default 100 ms and 5 s.
	Backoff, BackoffMax time.Duration
	// Timeout bounds one step: taking, publishing, removing; default 10 s.
	Timeout time.Duration
	// DrainTimeout bounds the last round at the end of Run; default 3 s.
	DrainTimeout time.Duration
}

func (o *Options) setDefaults() {
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	o.Batch = cmp.Or(o.Batch, 2000)
	o.BatchBytes = cmp.Or(o.BatchBytes, 512<<10)
	o.OrdinaryBytes = cmp.Or(o.OrdinaryBytes, 16<<10)
	o.Term = cmp.Or(o.Term, 15*time.Second)
	o.PollEvery = cmp.Or(o.PollEvery, 250*time.Millisecond)
	o.SampleEvery = cmp.Or(o.SampleEvery, 5*time.Second)
	o.Backoff = cmp.Or(o.Backoff, 100*time.Millisecond)
	o.BackoffMax = cmp.Or(o.BackoffMax, 5*time.Second)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.DrainTimeout = cmp.Or(o.DrainTimeout, 3*time.Second)
}

// Relay moves events from an outbox to a topic.
type Relay struct {
	outbox Outbox
	opts   Options
	holder string
	wake   chan struct{}
	render func(*eventv1.UsageRecord) ([]byte, error)

	// What follows belongs to Run.
	epoch      int64     // of the lease, 0 without it
	until      time.Time // when it ends, by this process's clock and on the safe side
	renew      time.Time // when it is to be renewed
	partitions int       // of the topic; 0 is unknown
	counted    time.Time // when they were last counted
	recount    bool      // a partition failed since
	failures   int       // of whole rounds in a row
	resting    map[int]rest
}

// rest is a partition that failed: its tenants wait.
type rest struct {
	until    time.Time
	failures int
	tenants  map[string]bool
}

// New returns a relay over an outbox.
func New(outbox Outbox, opts Options) *Relay {
	opts.setDefaults()
	return &Relay{
		outbox: outbox, opts: opts, holder: id.NewGenerator(opts.Clock).NewString(),
		wake: make(chan struct{}, 1), resting: map[int]rest{}, render: event.Envelope,
	}
}

// Wake tells the relay that there are new rows. It returns at once.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run publishes until ctx ends; then it publishes what still waits, for a moment, and
// gives its lease back. Without a Publisher it only trims.
func (r *Relay) Run(ctx context.Context) error {
	sample := r.opts.Clock.NewTicker(r.opts.SampleEvery)
	defer sample.Stop()
	next := r.opts.Clock.NewTimer(0)
	defer next.Stop()
	defer r.end(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sample.C():
			r.sample(ctx)
			continue
		case <-r.wake:
			if r.failures > 0 || r.epoch == 0 {
				continue // the timer is a backoff, or looks at another relay's lease
			}
		case <-next.C():
		}
		next.Reset(r.round(ctx))
	}
}

// logEvery is how many failures in a row lead to one line in the log.
const logEvery = 20

// round does one round of work and returns when the next one is due.
func (r *Relay) round(ctx context.Context) time.Duration {
	if r.opts.Publisher == nil {
		r.trim(ctx)
		return r.opts.SampleEvery
	}
	next, err := r.work(ctx)
	switch {
	case err == nil:
		r.failures = 0
		return next
	case ctx.Err() != nil:
		return 0
	case errors.Is(err, ErrFenced):
		r.epoch, r.failures = 0, 0
		r.opts.Log.InfoContext(ctx, "outbox: the lease ended")
		return r.opts.Backoff
	}
	r.failures++
	wait := r.backoff(r.failures)
	if r.failures%logEvery == 1 {
		r.opts.Log.WarnContext(ctx, "outbox: publishing failed and is tried again; events wait",
			"failures", r.failures, "wait", wait.String(), "error", err)
	}
	return wait
}

// work claims the lease if it must and moves one batch. It returns when to go on.
func (r *Relay) work(ctx context.Context) (next time.Duration, err error) {
	if err := r.claim(ctx); err != nil {
		return 0, err
	}
	if r.epoch == 0 {
		return r.opts.Term / 4, nil // somebody else works
	}
	if err := r.countPartitions(ctx); err != nil {
		return 0, err
	}
	return r.move(ctx)
}

func (r *Relay) claim(ctx context.Context) error {
	now := r.opts.Clock.Now()
	if r.epoch != 0 && now.Before(r.renew) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	epoch, err := r.outbox.Claim(ctx, r.holder, r.opts.Term)
	if err != nil {
		return err
	}
	if epoch != r.epoch && epoch != 0 {
		r.partitions = 0
		clear(r.resting)
		r.opts.Log.InfoContext(ctx, "outbox: this relay publishes", "epoch", epoch)
	}
	r.epoch = epoch
	r.until, r.renew = now.Add(r.opts.Term), now.Add(r.opts.Term/3)
	return nil
}

// countEvery is how often the topic's partitions are counted.
const countEvery = time.Minute

func (r *Relay) countPartitions(ctx context.Context) error {
	now := r.opts.Clock.Now()
	if r.partitions > 0 && !r.recount && r.failures == 0 && now.Sub(r.counted) < countEvery {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	n, err := r.opts.Publisher.Partitions(ctx)
	if err != nil {
		return err
	}
	if r.partitions != 0 && n != r.partitions {
		r.opts.Log.WarnContext(ctx, "outbox: the topic's partitions changed: events of a tenant may stand in two of them",
			"before", r.partitions, "now", n)
	}
	if r.failures > 0 || n != r.partitions {
		clear(r.resting) // that was another cluster, so to say
	}
	r.partitions, r.counted, r.recount = n, now, false
	return nil
}

// backoff is a wait between half of and the whole of what doubles with each failure.
func (r *Relay) backoff(failures int) time.Duration {
	wait := r.opts.BackoffMax
	if failures < 20 {
		wait = min(wait, r.opts.Backoff<<(failures-1))
	}
	return wait/2 + rand.N(wait/2+1) //nolint:gosec // spreads retries, decides nothing
}

// end publishes what the process has settled on its way down, and lets the next relay begin.
func (r *Relay) end(ctx context.Context) {
	if r.epoch == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.opts.DrainTimeout)
	defer cancel()
	if r.failures == 0 {
		for next := time.Duration(0); next == 0; {
			var err error
			if next, err = r.work(ctx); err != nil {
				r.opts.Log.WarnContext(ctx, "outbox: events wait for the next start", "error", err)
				break
			}
		}
	}
	if err := r.outbox.Release(ctx, r.epoch); err != nil {
		r.opts.Log.WarnContext(ctx, "outbox: the lease was not given back and runs out by itself", "error", err)
	}
	r.sample(ctx)
}

// sample tells the observer how much waits.
func (r *Relay) sample(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	backlog, err := r.outbox.Backlog(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.opts.Log.WarnContext(ctx, "outbox: measuring the backlog failed", "error", err)
		}
		return
	}
	var age time.Duration
	if made, ok := id.Time(backlog.OldestEventID); ok {
		age = max(0, r.opts.Clock.Now().Sub(made))
	}
	r.opts.Observer.Outbox(int(backlog.Rows), age)
}

// trimBatch is how many rows one transaction trims.
const trimBatch = 5000

// trim removes what is older than the retention while there is nowhere to publish to.
func (r *Relay) trim(ctx context.Context) {
	if r.opts.Retention <= 0 {
		return
	}
	before := r.opts.Clock.Now().Add(-r.opts.Retention)
	for n := trimBatch; n == trimBatch; {
		step, cancel := context.WithTimeout(ctx, r.opts.Timeout)
		var err error
		n, err = r.outbox.Trim(step, before, trimBatch)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				r.opts.Log.WarnContext(ctx, "outbox: trimming failed", "error", err)
			}
			return
		}
	}
}
