package spend

import (
	"context"
	"errors"
	"io"
	"strings"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/rpc"
)

// watchLoop listens for changes of budgets. After each interruption everything that is
// known is asked for again when it is next used.
func (m *Meter) watchLoop(ctx context.Context) {
	away := false // what is away is told of once
	for ctx.Err() == nil {
		heard, err := m.watch(ctx)
		if ctx.Err() != nil {
			return
		}
		if heard || !away {
			m.opts.Logger.WarnContext(ctx, "spend: watching budgets was interrupted", "error", err)
		}
		away = true
		if clock.Sleep(ctx, m.opts.Clock, retryAfter) != nil {
			return
		}
	}
}

var errWatchOver = errors.New("the budget service ended the watch")

// watch follows one stream to its end, or until it is silent for too long, and reports
// whether anything was heard.
func (m *Meter) watch(ctx context.Context) (heard bool, err error) {
	ctx, vigil := rpc.KeepVigil(ctx, m.opts.Clock)
	defer vigil.End()
	stream, err := m.client.WatchBudgets(ctx, &budgetv1.WatchBudgetsRequest{ReplicaId: m.opts.ReplicaID})
	if err != nil {
		return false, vigil.Why(err)
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	for {
		res, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return heard, errWatchOver
		}
		if err != nil {
			return heard, vigil.Why(err)
		}
		if _, err := vigil.Heard(res.GetHeartbeatMillis()); err != nil {
			return heard, err
		}
		heard = true
		if res.GetReset_() {
			m.epoch.Add(1)
		}
		for _, scope := range res.GetChanged() {
			m.notice(scope)
		}
	}
}

// notice gives back what a scope's slices hold unused and has them loaded again.
func (m *Meter) notice(scope *budgetv1.Scope) {
	key := scopeKey{kind: scope.GetKind(), id: scope.GetId()}
	if key.kind == budgetv1.ScopeKind_SCOPE_KIND_USER {
		key.tenant, key.id, _ = strings.Cut(scope.GetId(), "/")
	}
	a := m.find(&key)
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.notices++
	a.epoch = 0
	a.bare.Store(0)
	for _, p := range a.pools {
		p.refused, p.refusedUntil, p.shut = 0, 0, 0
		if p.giveBack(0) {
			m.leasing.giveBack(p)
		}
	}
}

// sweepLoop forgets scopes that are not used.
func (m *Meter) sweepLoop(ctx context.Context) {
	ticker := m.opts.Clock.NewTicker(max(m.opts.IdleAfter/shardCount, 1))
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
			m.sweep(&m.shards[i%shardCount], m.now()-int64(m.opts.IdleAfter))
		}
	}
}

func (m *Meter) sweep(s *shard, before int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(func(a *account) bool {
		used := a.used.Load() > before
		if used && a.bare.Load() != 0 {
			return false
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if used {
			m.shrink(a)
			return false
		}
		return m.dismiss(a)
	})
}

// dismiss gives back what an idle scope holds, and forgets the scope once the budget service
// has answered: a lease that it is given again must count from what the service knows. The
// account's lock is held.
func (m *Meter) dismiss(a *account) (forgotten bool) {
	if a.waiting != nil || a.sent != nil || m.leasing.doubts(a) {
		return false
	}
	busy, told := false, true
	for _, p := range a.pools {
		busy = busy || p.reserved > 0
		if p.giveBack(0) {
			m.leasing.giveBack(p)
		}
		told = told && p.told()
	}
	switch {
	case busy:
		return false
	case !told:
		m.leasing.ask(a, 0, 0) // the answer tells what was drawn
		m.leasing.signal()
		return false
	}
	a.forgotten.Store(true)
	m.abandon(a)
	return true
}

// shrink gives back what a scope holds that is used less than it was. The account's lock
// is held.
func (m *Meter) shrink(a *account) {
	var used money.Nano
	for _, p := range a.pools {
		used = max(used, p.drawn-p.swept)
		p.swept = p.drawn
	}
	if m.now()-a.renewed < int64(late) {
		return
	}
	a.ahead = max(2*used, a.ahead/4)
	for _, p := range a.pools {
		if p.giveBack(a.ahead) {
			m.leasing.giveBack(p)
		}
	}
}
