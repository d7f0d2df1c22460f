package budget

import (
	"context"
	"sync"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
)

// maxPendingScopes bounds what a slow watcher is told one by one; beyond it everything may
// have changed.
const maxPendingScopes = 10_000

// hub tells watchers which scopes changed.
type hub struct {
	ended    chan struct{}
	end      sync.Once
	mu       sync.Mutex
	watchers map[*watcher]struct{}
}

type watcher struct {
	wake    chan struct{}
	changed map[Scope]struct{}
	reset   bool
}

func newHub() *hub { return &hub{ended: make(chan struct{}), watchers: map[*watcher]struct{}{}} }

func (h *hub) tell(scopes []Scope) {
	if len(scopes) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		for _, scope := range scopes {
			w.changed[scope] = struct{}{}
		}
		if len(w.changed) > maxPendingScopes {
			w.reset = true
			clear(w.changed)
		}
		w.notify()
	}
}

func (h *hub) tellReset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.reset = true
		w.notify()
	}
}

func (w *watcher) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Watch calls send with a reset at once, then with the scopes whose budgets changed or are
// called back, and with none every [rpc.Heartbeat], until ctx ends (it then returns nil), Run ends (service_unavailable: a
// watcher must not hold up a shutdown), or send fails (its error).
func (s *Service) Watch(ctx context.Context, send func(changed []Scope, reset bool) error) error {
	w := &watcher{wake: make(chan struct{}, 1), changed: map[Scope]struct{}{}, reset: true}
	w.notify()
	s.watch.mu.Lock()
	s.watch.watchers[w] = struct{}{}
	s.watch.mu.Unlock()
	defer func() {
		s.watch.mu.Lock()
		delete(s.watch.watchers, w)
		s.watch.mu.Unlock()
	}()
	beat := s.opts.Clock.NewTicker(rpc.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.watch.ended:
			return errs.New(errs.ServiceUnavailable, "the budget service stops")
		case <-w.wake:
		case <-beat.C():
		}
		s.watch.mu.Lock()
		reset := w.reset
		changed := make([]Scope, 0, len(w.changed))
		for scope := range w.changed {
			changed = append(changed, scope)
		}
		w.reset = false
		clear(w.changed)
		s.watch.mu.Unlock()
		if err := send(changed, reset); err != nil {
			return err
		}
	}
}

// passOn tells watchers of a change that was just made. If that fails, Run's next look does it.
func (s *Service) passOn(ctx context.Context) {
	if err := s.pollChanges(ctx); err != nil {
		s.opts.Logger.WarnContext(ctx, "budget: passing on a change failed", "error", err)
	}
}

func (s *Service) pollChanges(ctx context.Context) error {
	s.pollMu.Lock()
	defer s.pollMu.Unlock()
	changed, revision, err := s.store.Changes(ctx, s.revision)
	if err != nil {
		return err
	}
	if s.revision < 0 {
		s.watch.tellReset() // what changed before the first look is unknown
	}
	s.revision = revision
	s.watch.tell(changed)
	return nil
}
