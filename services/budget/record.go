package budget

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
)

// maxRecords and maxDraws bound one Record call and one record.
const (
	maxRecords = 10_000
	maxDraws   = 64
)

// Record settles calls, oldest first: for each that was not seen before one ledger entry
// and one outbox row, with the changes of balances, in one transaction that is durable when
// Record returns. A cost above what its lease held is spent in full. It returns how many
// were new. A record that cannot be settled is set aside with the reason, where an operator
// finds it: it is counted, it moves no balance, and it holds up no other. Calls that come at
// the same time are committed together. Errors: invalid_request for too many records, and
// what ctx ended with while others were committed; then nothing was written.
func (s *Service) Record(ctx context.Context, records []*eventv1.UsageRecord) (Recorded, error) {
	if len(records) > maxRecords {
		return Recorded{}, errs.Newf(errs.InvalidRequest, "more than %d records", maxRecords).WithParam("records")
	}
	if len(records) == 0 {
		return Recorded{}, nil
	}
	c := &recordCall{done: make(chan struct{}), lead: make(chan struct{}, 1)}
	c.records, c.rejected = s.sort(ctx, records)
	if s.pending.add(c) {
		s.commit(ctx)
	}
	gone := ctx.Done()
	for {
		select {
		case <-c.done:
			return c.result, c.err
		case <-c.lead:
			s.commit(ctx)
		case <-gone:
			if s.pending.remove(c) {
				return Recorded{}, errs.Of(ctx.Err())
			}
			gone = nil // its transaction has begun, and says what came of it
		}
	}
}

// Recorded says what became of the records of a call.
type Recorded struct {
	// New are those that were settled and not seen before.
	New int
	// Rejected are those that were set aside.
	Rejected int
}

// recordCall is one Record call that waits for its transaction.
type recordCall struct {
	records  []*eventv1.UsageRecord
	rejected []Rejection
	result   Recorded
	err      error
	done     chan struct{}
	lead     chan struct{} // tells the call to commit for itself and those behind it
}

// queue holds the calls that wait. One of them leads: it commits as many as fit a batch, then
// hands over to the first that is left.
type queue struct {
	mu      sync.Mutex
	waiting []*recordCall
	led     bool
}

func (q *queue) add(c *recordCall) (leads bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, c)
	leads = !q.led
	q.led = true
	return leads
}

func (q *queue) take(limit int) []*recordCall {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, size := 0, 0
	for n < len(q.waiting) {
		c := q.waiting[n]
		if size += len(c.records) + len(c.rejected); n > 0 && size > limit {
			break
		}
		n++
	}
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch
}

// remove takes a call back that no batch has taken. Should it be the one to lead, the next
// one does.
func (q *queue) remove(c *recordCall) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, c)
	if i < 0 {
		return false
	}
	q.waiting = slices.Concat(q.waiting[:i], q.waiting[i+1:]) // a batch may be a part of the list
	select {
	case <-c.lead:
		q.next()
	default:
	}
	return true
}

func (q *queue) handOver() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next()
}

// next has the first call lead. The lock is held.
func (q *queue) next() {
	if len(q.waiting) == 0 {
		q.waiting, q.led = nil, false
		return
	}
	q.waiting[0].lead <- struct{}{}
}

// commit writes the batch at the head of the queue. Others wait for it, so that it goes on
// when the leading caller goes away.
func (s *Service) commit(ctx context.Context) {
	defer s.pending.handOver()
	batch := s.pending.take(s.opts.MaxBatch)
	for _, c := range batch {
		c.err = errUnsettled // unless something better is known
	}
	defer func() {
		for _, c := range batch {
			close(c.done)
		}
	}()
	err := s.settle(ctx, batch)
	for _, c := range batch {
		c.err = err
		// One call's records may be at fault; the others must not suffer for them. A database
		// that does not answer in time is nobody's.
		if err != nil && len(batch) > 1 && !errors.Is(err, context.DeadlineExceeded) {
			c.err = errUnsettled
			if c.err = s.settle(ctx, []*recordCall{c}); errors.Is(c.err, context.DeadlineExceeded) {
				err = c.err
			}
		}
	}
}

// errUnsettled is what callers are told whose commit panicked; they send their records
// again.
var errUnsettled = errs.New(errs.Internal, "an internal error occurred")

func (s *Service) settle(ctx context.Context, calls []*recordCall) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.CommitTimeout)
	defer cancel()
	var footprint Footprint
	tenants, leases := map[string]bool{}, map[string]bool{}
	for _, c := range calls {
		for _, r := range c.rejected {
			footprint.Digests = append(footprint.Digests, r.Digest)
		}
		for _, r := range c.records {
			footprint.EventIDs = append(footprint.EventIDs, r.GetEventId())
			tenants[clean(r.GetTenantId())] = true
			for _, d := range r.GetDraws() {
				leases[d.GetLeaseId()] = true
			}
		}
	}
	for tenant := range tenants {
		footprint.Tenants = append(footprint.Tenants, tenant)
	}
	for lease := range leases {
		footprint.LeaseIDs = append(footprint.LeaseIDs, lease)
	}
	var recorded, overdrawn int
	var rejected []Rejection
	err := s.update(ctx, footprint, func(snap *Snapshot) (*Mutation, error) {
		recorded, overdrawn, rejected = 0, 0, nil
		m := &Mutation{Sequences: map[string]int64{}}
		b := openBooks(snap)
		for _, c := range calls {
			c.result = Recorded{Rejected: len(c.rejected)}
			for _, r := range c.rejected {
				if !snap.Rejected[r.Digest] {
					snap.Rejected[r.Digest] = true
					rejected = append(rejected, r)
				}
			}
			for _, r := range c.records {
				if snap.Known[r.GetEventId()] {
					continue
				}
				snap.Known[r.GetEventId()] = true
				entry, over := s.enter(b, snap.Sequences, r)
				m.Entries = append(m.Entries, entry)
				m.Sequences[entry.Record.GetTenantId()] = entry.Record.GetSequence()
				s.addThresholds(m, b, snap.Sequences, entry.Record)
				c.result.New++
				recorded++
				if over {
					overdrawn++
				}
			}
		}
		if recorded+len(rejected) == 0 {
			return nil, nil
		}
		m.Rejected = rejected
		s.addCorrections(m, b, snap.Sequences)
		b.close(m)
		return m, nil
	})
	if err != nil {
		// What a store says of its own interruption need not name the cause.
		return errors.Join(ctx.Err(), err)
	}
	s.opts.Observer.Recorded(recorded, overdrawn)
	for _, r := range rejected {
		s.opts.Observer.Rejected()
		s.opts.Logger.ErrorContext(ctx, "budget: a record cannot be settled and was set aside",
			"why", r.Reason, "digest", r.Digest, "tenant_id", r.TenantID, "request_id", r.RequestID, "cost_nanos", int64(r.Cost))
	}
	return nil
}

// enter applies one record to the books and makes its ledger entry. The record itself is the
// sender's and stays as it is.
func (s *Service) enter(b *books, sequences map[string]int64, in *eventv1.UsageRecord) (entry Entry, overdrawn bool) {
	r := new(eventv1.UsageRecord)
	shareRecord(r, in)
	cleanRecord(r)
	sequences[r.TenantId]++
	r.Sequence = sequences[r.TenantId]
	r.Window, r.Notice = nil, nil
	r.Draws = make([]*eventv1.LeaseDraw, len(in.Draws))
	draws := make([]eventv1.LeaseDraw, len(in.Draws))
	cost := money.Nano(r.CostNanos)
	var seen [maxDraws]*WindowState
	var tightest *WindowState
	var limit money.Nano
	for i, d := range in.Draws {
		r.Draws[i] = &draws[i]
		draws[i].LeaseId, draws[i].Nanos = d.GetLeaseId(), d.GetNanos()
		l := b.leases[d.GetLeaseId()]
		if l == nil {
			continue // its budget was removed
		}
		w := b.windows[windowKey{l.BudgetID, l.Start}]
		attribute(&draws[i], w)
		own := cost
		for _, other := range seen[:i] {
			if other == w {
				own = 0 // a second lease of the same budget pays only its draw
			}
		}
		seen[i] = w
		if own != 0 || d.GetNanos() != 0 {
			overdrawn = b.draw(l, w, money.Nano(d.GetNanos()), own) || overdrawn
		}
		budget := b.budgets[l.BudgetID]
		if budget.Scope.Kind == Platform {
			continue // the record is the tenant's, and the platform's spend is that of all tenants
		}
		if tightest == nil || budget.Limit-w.Spent < limit-tightest.Spent {
			tightest, limit = w, budget.Limit
		}
	}
	if tightest != nil {
		r.Window = windowOf(tightest, limit)
	}
	return makeEntry(EntryUsage, r), overdrawn
}

// attribute writes into a draw which window the record's cost was added to.
func attribute(d *eventv1.LeaseDraw, w *WindowState) {
	d.BudgetId, d.StartMillis, d.CountedFromMillis = w.BudgetID, w.Start, w.CountedFrom
}

func windowOf(w *WindowState, limit money.Nano) *eventv1.BudgetWindow {
	return &eventv1.BudgetWindow{
		BudgetId: w.BudgetID, StartMillis: w.Start, EndMillis: w.End,
		LimitNanos: int64(limit), SpentNanos: int64(w.Spent),
	}
}

func makeEntry(kind EntryKind, r *eventv1.UsageRecord) Entry {
	return Entry{Kind: kind, Record: r, Tokens: pricing.UsageOf(r.GetUsage()).Total()}
}

// cleanRecord makes all text of r such that it can be encoded and stored: a record must not
// be lost, nor hold up others, because a caller sent an odd model name. r is a shallow copy.
func cleanRecord(r *eventv1.UsageRecord) {
	for _, text := range []*string{
		&r.TenantId, &r.PlatformId, &r.KeyId, &r.UserId, &r.RequestId, &r.CorrelationId, &r.Provider, &r.Model,
		&r.UpstreamModel, &r.DeploymentId, &r.Cache, &r.Error, &r.CallType,
	} {
		*text = clean(*text)
	}
	if u := r.GetUsage(); u.GetServiceTier() != clean(u.GetServiceTier()) || u.GetRegion() != clean(u.GetRegion()) {
		r.Usage = proto.CloneOf(u)
		r.Usage.ServiceTier, r.Usage.Region = clean(u.GetServiceTier()), clean(u.GetRegion())
	}
	if h := r.GetCacheHit(); h.GetTier() != clean(h.GetTier()) || h.GetEntryId() != clean(h.GetEntryId()) {
		r.CacheHit = proto.CloneOf(h)
		r.CacheHit.Tier, r.CacheHit.EntryId = clean(h.GetTier()), clean(h.GetEntryId())
	}
	for i, tag := range r.Tags {
		if tag != clean(tag) {
			r.Tags = slices.Clone(r.Tags)
			r.Tags[i] = clean(tag)
		}
	}
}

// maxText bounds each text of a record, in bytes, so that every event fits into a message
// of Kafka's. What is longer is cut: ids that the edge takes are far shorter.
const maxText = 2048

// clean takes out what PostgreSQL's text and protobuf's strings cannot hold, and cuts what
// is too long.
func clean(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}
