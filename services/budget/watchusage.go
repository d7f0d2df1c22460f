package budget

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/errs"
)

const (
	// watchPage is how many records are sent together. It is all that a watcher holds in
	// memory, beside one number for each tenant.
	watchPage = 500
	// maxPositions bounds where a watcher may begin.
	maxPositions = 100_000
	// heartbeat is how often a watcher hears that nothing happens.
	heartbeat = 15 * time.Second
)

// UsageWatch says whose records are wanted and from where on.
type UsageWatch struct {
	// TenantID is the tenant; empty is every tenant.
	TenantID string
	// Positions are the last records that the watcher has.
	Positions map[string]int64
	// FromNow begins other tenants with their next record, not with their first one.
	FromNow bool
}

// WatchUsage calls send with the records of the ledger, first those that are there, then
// those that come: each tenant's in the order of its sequence and without gaps, one tenant
// at a call. A call without records says that all that were there have been given, and
// after that that the watch is alive. It goes on until ctx ends (it then returns nil), Run
// ends or EndUsageWatches is called (service_unavailable), or send fails (its error). While send waits nothing is kept
// for the watcher but which tenants have more. Errors: invalid_request.
func (s *Service) WatchUsage(ctx context.Context, q UsageWatch, send func([]*eventv1.UsageRecord) error) error {
	if len(q.Positions) > maxPositions {
		return errs.Newf(errs.InvalidRequest, "more than %d positions", maxPositions).WithParam("positions")
	}
	if !validText(q.TenantID) {
		return errs.New(errs.InvalidRequest, "the tenant's id is too long or no text").WithParam("tenant_id")
	}
	w := &usageWatcher{tenant: q.TenantID, wake: make(chan struct{}, 1), behind: map[string]int64{}}
	s.usage.add(w) // before the first look, so that nothing falls between
	defer s.usage.remove(w)
	heads, err := s.store.Heads(ctx, nonEmpty(q.TenantID))
	if err != nil {
		return err
	}
	follow := follower{store: s.store, sent: make(map[string]int64, len(heads)), send: send}
	for tenant, sequence := range q.Positions {
		if sequence < 0 || sequence > heads[tenant] && (q.TenantID == "" || q.TenantID == tenant) {
			return errs.Newf(errs.InvalidRequest, "the ledger of tenant %q has no record %d", tenant, sequence).WithParam("positions")
		}
		follow.sent[tenant] = sequence
	}
	if q.FromNow {
		for tenant, head := range heads {
			if _, ok := q.Positions[tenant]; !ok {
				follow.sent[tenant] = head
			}
		}
	}
	beat := s.opts.Clock.NewTicker(heartbeat)
	defer beat.Stop()
	if err = follow.to(ctx, heads); err == nil {
		err = send(nil)
	}
	for err == nil {
		select {
		case <-ctx.Done():
			return cutShort(ctx)
		case <-s.usage.ended:
			return errs.New(errs.ServiceUnavailable, "the budget service stops")
		case <-beat.C():
			err = send(nil)
		case <-w.wake:
			err = follow.to(ctx, s.usage.take(w))
		}
	}
	if ctx.Err() != nil {
		return cutShort(ctx)
	}
	return err
}

// cutShort is why a watch ends before its watcher wants it to: nil, unless the process says so.
func cutShort(ctx context.Context) error {
	if e, ok := errors.AsType[*errs.Error](context.Cause(ctx)); ok {
		return e
	}
	return nil
}

// follower gives a watcher its records.
type follower struct {
	store Store
	sent  map[string]int64
	send  func([]*eventv1.UsageRecord) error
}

// to sends what is missing up to some heads.
func (f *follower) to(ctx context.Context, heads map[string]int64) error {
	for _, tenant := range slices.Sorted(maps.Keys(heads)) {
		for f.sent[tenant] < heads[tenant] {
			records, err := f.store.Usage(ctx, UsageQuery{
				TenantID: tenant, AfterTenant: tenant, AfterSequence: f.sent[tenant], Limit: watchPage,
			})
			if err != nil {
				return err
			}
			// Calls without a tenant have an empty one, which does not limit a query.
			if i := slices.IndexFunc(records, func(r *eventv1.UsageRecord) bool { return r.GetTenantId() != tenant }); i >= 0 {
				records = records[:i]
			}
			if len(records) == 0 {
				break // a head is never ahead of its records; but never loop on it
			}
			if err := f.send(records); err != nil {
				return err
			}
			f.sent[tenant] = records[len(records)-1].GetSequence()
		}
	}
	return nil
}

// EndUsageWatches ends all calls of WatchUsage, and every later one: at the beginning of a
// shutdown, which would else wait for them. Run's end does it too.
func (s *Service) EndUsageWatches() { s.usage.end.Do(func() { close(s.usage.ended) }) }

// usageHub tells watchers which tenants have new records.
type usageHub struct {
	ended    chan struct{}
	end      sync.Once
	mu       sync.Mutex
	watchers map[*usageWatcher]struct{}
	known    map[string]int64 // heads that the watchers were told of
}

type usageWatcher struct {
	tenant string
	wake   chan struct{}
	behind map[string]int64 // tenants with records that the watcher may not have
}

func (h *usageHub) add(w *usageWatcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers == nil {
		h.watchers, h.known = map[*usageWatcher]struct{}{}, map[string]int64{}
	}
	h.watchers[w] = struct{}{}
}

func (h *usageHub) remove(w *usageWatcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
	if len(h.watchers) == 0 {
		h.watchers, h.known = nil, nil // nobody asks: nothing is kept
	}
}

// watched reports whether anybody watches.
func (h *usageHub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

// tell tells of the tenants' heads.
func (h *usageHub) tell(heads map[string]int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.watchers) == 0 {
		return
	}
	for tenant, head := range heads {
		if head <= h.known[tenant] {
			continue
		}
		h.known[tenant] = head
		for w := range h.watchers {
			if w.tenant != "" && w.tenant != tenant {
				continue
			}
			w.behind[tenant] = head
			select {
			case w.wake <- struct{}{}:
			default:
			}
		}
	}
}

// take gives a watcher what it was told since it last asked.
func (h *usageHub) take(w *usageWatcher) map[string]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	behind := w.behind
	w.behind = map[string]int64{}
	return behind
}

// pollUsage tells watchers of records that other processes wrote.
func (s *Service) pollUsage(ctx context.Context) error {
	if !s.usage.watched() {
		return nil
	}
	heads, err := s.store.Heads(ctx, nil)
	if err != nil {
		return err
	}
	s.usage.tell(heads)
	return nil
}
