package keystore

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
)

// maxPending is how many changes a watcher may be behind. One that is further behind
// is told to forget all that it knows instead.
const maxPending = 1024

// Update tells a watcher what changed since the one before.
type Update struct {
	// KeyIDs are keys that are new, different or gone.
	KeyIDs []string
	// TenantIDs are tenants that are new, different or gone, with all of their keys.
	TenantIDs []string
	// Reset says that everything may have changed.
	Reset bool
}

// Watcher hears of every change, whichever replica made it. It never holds up a
// writer or another watcher. Close it when done.
type Watcher struct {
	hub    *hub
	signal chan struct{} // holds one value while something is pending or the hub is closed

	mu      sync.Mutex
	pending Update
	seen    map[Change]struct{} // what pending names already
	closed  bool
}

// Watch returns a watcher. Its first update is a reset, there at once: what the
// watcher's owner learned before may be old, what it learns after is followed.
func (s *Service) Watch() *Watcher {
	w := &Watcher{hub: &s.watchers, signal: make(chan struct{}, 1), seen: make(map[Change]struct{})}
	w.deliver(Changes{Reset: true})
	s.watchers.add(w)
	return w
}

// Next waits for changes and returns them together, each once. It fails with ctx's
// error, or with service_unavailable when the service has stopped watching.
func (w *Watcher) Next(ctx context.Context) (Update, error) {
	for {
		select {
		case <-w.signal:
		case <-ctx.Done():
			return Update{}, ctx.Err()
		}
		w.mu.Lock()
		update, closed := w.pending, w.closed
		w.pending = Update{}
		clear(w.seen)
		w.mu.Unlock()
		if closed {
			w.wake() // for every further call
			return Update{}, errs.New(errs.ServiceUnavailable, "the keystore is stopping")
		}
		if update.Reset || len(update.KeyIDs) > 0 || len(update.TenantIDs) > 0 {
			return update, nil
		}
	}
}

// Close ends the watch; further calls of Next fail.
func (w *Watcher) Close() {
	w.hub.remove(w)
	w.end()
}

// deliver adds changes to what is pending.
func (w *Watcher) deliver(changes Changes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range changes.Items {
		if _, known := w.seen[c]; known || w.pending.Reset {
			continue
		}
		w.seen[c] = struct{}{}
		switch c.Kind {
		case KeyChanged:
			w.pending.KeyIDs = append(w.pending.KeyIDs, c.ID)
		case TenantChanged:
			w.pending.TenantIDs = append(w.pending.TenantIDs, c.ID)
		}
	}
	if changes.Reset || len(w.seen) > maxPending {
		w.pending = Update{Reset: true} // covers everything else
		clear(w.seen)
	}
	w.wake()
}

func (w *Watcher) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.wake()
}

// wake makes Next look.
func (w *Watcher) wake() {
	select {
	case w.signal <- struct{}{}:
	default:
	}
}

// hub hands changes to every watcher.
type hub struct {
	mu       sync.Mutex
	watchers map[*Watcher]struct{}
	open     bool
	running  bool
}

func (h *hub) add(w *Watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.open {
		w.end()
		return
	}
	if h.watchers == nil {
		h.watchers = make(map[*Watcher]struct{})
	}
	h.watchers[w] = struct{}{}
}

func (h *hub) remove(w *Watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.watchers, w)
}

func (h *hub) publish(changes Changes) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		w.deliver(changes)
	}
}

func (h *hub) start() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running || !h.open {
		return errors.New("keystore: the service runs once")
	}
	h.running = true
	return nil
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = false
	for w := range h.watchers {
		w.end()
	}
	clear(h.watchers)
}

// How long to wait before asking a store again that failed to tell its changes.
const (
	firstPause = 50 * time.Millisecond
	longPause  = 500 * time.Millisecond
)

// Run follows the store's changes, this process's own among them, and tells the
// watchers, until ctx ends; then it ends every watch and returns nil. While the store
// is away nothing is lost: the log is read on from where it stopped. It runs once;
// running it again is an error.
func (s *Service) Run(ctx context.Context) error {
	if err := s.watchers.start(); err != nil {
		return err
	}
	defer s.watchers.close()
	after, pause := FromNow, firstPause
	for {
		changes, err := s.store.Changes(ctx, after)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			if pause == firstPause {
				s.log.LogAttrs(ctx, slog.LevelWarn, "keystore: changes cannot be followed; trying on", slog.Any("error", err))
			}
			if clock.Sleep(ctx, s.clock, pause) != nil {
				return nil
			}
			pause = min(2*pause, longPause)
			continue
		}
		if pause != firstPause {
			s.log.LogAttrs(ctx, slog.LevelInfo, "keystore: changes are followed again")
			pause = firstPause
		}
		after = changes.Next
		s.watchers.publish(changes)
	}
}
