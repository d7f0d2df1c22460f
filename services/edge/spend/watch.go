package spend

import (
	"context"
	"errors"
	"io"
	"strings"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/clock"
)

// watchLoop listens for changes of budgets. After each interruption everything that is
// known is asked for again when it is next used.
func (m *Meter) watchLoop(ctx context.Context) {
	for ctx.Err() == nil {
		err := m.watch(ctx)
		if ctx.Err() != nil {
			return
		}
		m.opts.Logger.WarnContext(ctx, "spend: watching budgets was interrupted", "error", err)
		if clock.Sleep(ctx, m.opts.Clock, retryAfter) != nil {
			return
		}
	}
}

func (m *Meter) watch(ctx context.Context) (err error) {
	stream, err := m.client.WatchBudgets(ctx, &budgetv1.WatchBudgetsRequest{ReplicaId: m.opts.ReplicaID})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	for {
		res, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
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
	a := m.find(key)
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
		if p.giveBack() {
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
	for key, a := range s.accounts {
		if a.used.Load() > before {
			continue
		}
		a.mu.Lock()
		busy := a.waiting != nil || a.sent != nil
		for _, p := range a.pools {
			busy = busy || p.reserved > 0
		}
		if !busy {
			a.forgotten = true
			m.abandon(a)
			delete(s.accounts, key)
		}
		a.mu.Unlock()
	}
}
