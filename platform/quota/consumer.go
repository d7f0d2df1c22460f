package quota

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/clock"
)

// Position is where in its tenant's order an event stands.
type Position struct {
	// TenantID is the tenant.
	TenantID string
	// Sequence is the event's. Previous is that of the event that was applied before it: one
	// less, unless a gap was accepted; 0 for the first.
	Sequence, Previous int64
}

// Handler applies events and keeps how far it came. The packages store/postgres and
// store/sqlite have handlers that need nothing but the effect.
type Handler interface {
	// Last is the sequence of the tenant's event that was applied last; 0 for none.
	Last(ctx context.Context, tenantID string) (int64, error)
	// Apply makes the effect of an event, and at.Sequence the tenant's last one, both in
	// one transaction, and only if the last one still is at.Previous. Otherwise it
	// changes nothing and returns ErrMoved: another member of the group was faster. That
	// is what makes deliveries of at least once into effects of exactly once.
	Apply(ctx context.Context, e *Event, at Position) error
}

// ErrMoved says that the tenant's last event is not the one that was expected.
var ErrMoved = errors.New("quota: the tenant's position has moved")

// Source gives events: each tenant's in the order of their sequence, but for repetitions.
// [FromKafka] and [FromWatch] make one.
type Source interface {
	// Fetch waits for the next event. A message that is none is a *MalformedError, and
	// the next call gives what comes after it. io.EOF is the end.
	Fetch(ctx context.Context) (*Event, error)
	// Commit says that everything that was fetched need not come again.
	Commit(ctx context.Context) error
}

// MalformedError is a message that is no event.
type MalformedError struct {
	// Partition and Offset say where it stands.
	Partition int
	Offset    int64
	// Err says what is wrong.
	Err error
}

// Error is error's.
func (e *MalformedError) Error() string {
	return fmt.Sprintf("partition %d, offset %d: %v", e.Partition, e.Offset, e.Err)
}

// Unwrap returns what is wrong.
func (e *MalformedError) Unwrap() error { return e.Err }

// Ledger reads what a topic does not have (any more). A generated client of BudgetService
// is one.
type Ledger interface {
	ListUsage(ctx context.Context, req *budgetv1.ListUsageRequest) (*budgetv1.ListUsageResponse, error)
}

// Gap is a jump in a tenant's sequence.
type Gap struct {
	// TenantID is the tenant.
	TenantID string
	// After and Before are the sequences around what is missing.
	After, Before int64
}

// GapError ends a consumer that cannot fill a gap and was not told to accept it.
type GapError struct{ Gap }

// Error is error's.
func (e *GapError) Error() string {
	return fmt.Sprintf("quota: tenant %q: the events after %d and before %d are missing", e.TenantID, e.After, e.Before)
}

// Options tune a Consumer. The zero value of each field means its default.
type Options struct {
	// Ledger fills gaps: the topic was trimmed, the consumer's database was set back to a
	// backup, partitions were added. Default: gaps are not filled.
	Ledger Ledger
	// OnGap is told of each gap before anything is done about it; an error ends Run.
	// Without a Ledger, nil accepts the gap. Default: without a Ledger a gap ends Run
	// with a *GapError.
	OnGap func(ctx context.Context, gap Gap) error
	// OnMalformed is told of each message that is no event; nil passes over it, an error
	// ends Run. Default: Run ends with the *MalformedError.
	OnMalformed func(ctx context.Context, err *MalformedError) error
	// JoinLate begins a tenant that was never seen with whichever of its events comes
	// first, for a consumer that needs no history. Default: what came before is a gap.
	JoinLate bool
	// CommitEvery is how often the source is told what is done; default 1 s. What is not
	// told comes again and is passed over.
	CommitEvery time.Duration
	// Backoff is the first wait after a failure of the handler, the ledger or the source,
	// doubled each time up to BackoffMax, with jitter; default 100 ms and 10 s.
	Backoff, BackoffMax time.Duration
	// Clock is the time; default: the system's.
	Clock clock.Clock
	// Log takes what an operator should see; default: nothing is logged.
	Log *slog.Logger
}

// Consumer applies the events of a source, each exactly once and each tenant's in order.
type Consumer struct {
	source  Source
	handler Handler
	opts    Options
	last    map[string]int64 // what is known of the tenants' positions; may be behind
	dirty   bool             // something was fetched since the last commit
	due     time.Time        // when the next commit is
}

// maxKnown bounds the positions that are kept in memory.
const maxKnown = 100_000

// NewConsumer returns a consumer. It is for one goroutine; several consumers, in one
// process or many, share the work as members of a group.
func NewConsumer(source Source, handler Handler, opts Options) *Consumer {
	if opts.Clock == nil {
		opts.Clock = clock.Real()
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	opts.CommitEvery = cmp.Or(opts.CommitEvery, time.Second)
	opts.Backoff = cmp.Or(opts.Backoff, 100*time.Millisecond)
	opts.BackoffMax = cmp.Or(opts.BackoffMax, 10*time.Second)
	return &Consumer{source: source, handler: handler, opts: opts, last: map[string]int64{}}
}

// Run consumes until ctx ends or the source does, and then returns nil. Failures of the
// handler, the ledger and the source are tried again, in order, until they pass: what
// cannot be applied holds up everything behind it and is never left out. It ends with a
// *GapError, a *MalformedError, or what OnGap or OnMalformed returned.
func (c *Consumer) Run(ctx context.Context) error {
	defer c.commit(context.WithoutCancel(ctx))
	failures := 0
	for ctx.Err() == nil {
		e, err := c.fetch(ctx)
		var malformed *MalformedError
		switch {
		case err == nil:
			failures = 0
			c.fetched()
			if err := c.take(ctx, e); err != nil {
				c.dirty = false // it was not applied, and must come again
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		case errors.Is(err, errIdle):
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &malformed):
			if c.opts.OnMalformed == nil {
				c.dirty = false
				return err
			}
			if err := c.opts.OnMalformed(ctx, malformed); err != nil {
				c.dirty = false
				return err
			}
			c.fetched()
		case ctx.Err() == nil:
			failures++
			c.wait(ctx, failures, "reading events", err)
		}
		if c.dirty && !c.opts.Clock.Now().Before(c.due) {
			c.commit(ctx)
		}
	}
	return nil
}

func (c *Consumer) fetched() {
	if !c.dirty {
		c.dirty, c.due = true, c.opts.Clock.Now().Add(c.opts.CommitEvery)
	}
}

var errIdle = errors.New("nothing came")

// fetch waits for an event, while something is to be committed not longer than until then.
func (c *Consumer) fetch(ctx context.Context) (*Event, error) {
	if !c.dirty {
		return c.source.Fetch(ctx)
	}
	bounded, cancel := context.WithTimeout(ctx, max(0, c.due.Sub(c.opts.Clock.Now())))
	defer cancel()
	e, err := c.source.Fetch(bounded)
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return nil, errIdle
	}
	return e, err
}

// commit tells the source what is done. That it could not is no failure: what comes again
// is passed over.
func (c *Consumer) commit(ctx context.Context) {
	if !c.dirty {
		return
	}
	c.dirty = false
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := c.source.Commit(ctx); err != nil {
		c.opts.Log.WarnContext(ctx, "quota: committing failed; events will come again", "error", err)
	}
}

// take applies an event unless it was applied before.
func (c *Consumer) take(ctx context.Context, e *Event) error {
	tenant, sequence := e.TenantID, e.Payload.Sequence
	known, ok := c.last[tenant]
	for failures, moved := 0, 0; ; {
		if !ok {
			last, err := c.handler.Last(ctx, tenant)
			if err != nil {
				failures++
				if c.wait(ctx, failures, "reading a position", err) {
					continue
				}
				return ctx.Err()
			}
			known = last
			c.know(tenant, known)
		}
		switch {
		case sequence <= known:
			return nil // it was applied before
		case sequence > known+1 && (known > 0 || !c.opts.JoinLate):
			next, err := c.fill(ctx, Gap{TenantID: tenant, After: known, Before: sequence})
			if errors.Is(err, ErrMoved) {
				ok = false
				continue
			}
			if err != nil {
				return err
			}
			known = next
		}
		err := c.handler.Apply(ctx, e, Position{TenantID: tenant, Sequence: sequence, Previous: known})
		switch {
		case err == nil:
			c.know(tenant, sequence)
			return nil
		case errors.Is(err, ErrMoved):
			ok = false // by another member of the group, or by this one before an error
			if moved++; moved > 3 && !c.wait(ctx, moved-3, "applying event "+e.EventID, err) {
				return ctx.Err()
			}
		default:
			failures++
			if !c.wait(ctx, failures, "applying event "+e.EventID, err) {
				return ctx.Err()
			}
			ok = false // it may have been committed in spite of the error
		}
	}
}

func (c *Consumer) know(tenant string, sequence int64) {
	if len(c.last) >= maxKnown {
		clear(c.last)
	}
	c.last[tenant] = sequence
}

// ledgerTime bounds one question to the ledger.
const ledgerTime = 30 * time.Second

// fill applies what is missing, from the ledger, and returns the sequence that the next
// event follows.
func (c *Consumer) fill(ctx context.Context, gap Gap) (int64, error) {
	// What is known may be old: others may have applied what seems to be missing.
	last, err := c.handler.Last(ctx, gap.TenantID)
	if err == nil && last != gap.After {
		return 0, ErrMoved
	}
	if c.opts.OnGap != nil {
		if err := c.opts.OnGap(ctx, gap); err != nil {
			return 0, err
		}
	}
	if c.opts.Ledger == nil {
		if c.opts.OnGap == nil {
			return 0, &GapError{gap}
		}
		return gap.After, nil // it was accepted
	}
	c.opts.Log.InfoContext(ctx, "quota: filling a gap from the ledger", "tenant", gap.TenantID, "after", gap.After, "before", gap.Before)
	for failures := 0; gap.After+1 < gap.Before; {
		call, cancel := context.WithTimeout(ctx, ledgerTime)
		res, err := c.opts.Ledger.ListUsage(call, &budgetv1.ListUsageRequest{
			TenantId: gap.TenantID, AfterSequence: gap.After, Limit: int32(min(500, gap.Before-gap.After-1)), //nolint:gosec // at most 500
		})
		cancel()
		if err == nil {
			gap.After, err = c.applyRecords(ctx, gap, res)
		}
		var hole *GapError
		switch {
		case err == nil:
			failures = 0
		case errors.Is(err, ErrMoved), errors.As(err, &hole):
			return 0, err
		default:
			failures++
			if !c.wait(ctx, failures, "filling a gap", err) {
				return 0, ctx.Err()
			}
		}
	}
	return gap.After, nil
}

func (c *Consumer) applyRecords(ctx context.Context, gap Gap, res *budgetv1.ListUsageResponse) (after int64, err error) {
	after = gap.After
	for _, r := range res.GetRecords() {
		if r.GetSequence() >= gap.Before {
			break
		}
		if r.GetSequence() != after+1 {
			return after, &GapError{Gap{gap.TenantID, after, r.GetSequence()}}
		}
		if err := c.handler.Apply(ctx, FromRecord(r), Position{TenantID: gap.TenantID, Sequence: after + 1, Previous: after}); err != nil {
			return after, err
		}
		after++
		c.know(gap.TenantID, after)
	}
	if after == gap.After {
		return after, &GapError{gap} // the ledger does not have them either
	}
	return after, nil
}

// wait waits before another try, and reports whether there is to be one.
func (c *Consumer) wait(ctx context.Context, failures int, what string, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	wait := c.opts.BackoffMax
	if failures < 20 {
		wait = min(wait, c.opts.Backoff<<(failures-1))
	}
	wait = wait/2 + rand.N(wait/2+1) //nolint:gosec // spreads retries, decides nothing
	c.opts.Log.WarnContext(ctx, "quota: a step failed and is tried again", "step", what, "failures", failures, "wait", wait.String(), "error", err)
	return clock.Sleep(ctx, c.opts.Clock, wait) == nil
}
