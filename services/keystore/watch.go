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
	ended   error               // why there is nothing more to hear
}

// Watch returns a watcher. Its first update is a reset, there at once: what the
// watcher's owner learned before may be old, what it learns after is followed. A watch
// lasts as long as the store's log can be read: see [Service.Run].
func (s *Service) Watch() *Watcher {
	w := &Watcher{hub: &s.watchers, signal: make(chan struct{}, 1), seen: make(map[Change]struct{})}
	w.deliver(Changes{Reset: true})
	s.watchers.add(w)
	return w
}

// Next waits for changes and returns them together, each once. It fails with ctx's
// error, or with service_unavailable when the service has stopped, or when it can no
// longer tell what changes: what the watcher's owner knows may be old from then on.
func (w *Watcher) Next(ctx context.Context) (Update, error) { return w.next(ctx, nil) }

// next is Next, with an empty update where a beat comes before a change.
func (w *Watcher) next(ctx context.Context, beat <-chan time.Time) (Update, error) {
	for {
		select {
		case <-w.signal:
		case <-beat:
			return Update{}, nil
		case <-ctx.Done():
			return Update{}, ctx.Err()
		}
		w.mu.Lock()
		update, ended := w.pending, w.ended
		w.pending = Update{}
		clear(w.seen)
		w.mu.Unlock()
		if ended != nil {
			w.wake() // for every further call
			return Update{}, ended
		}
		if update.Reset || len(update.KeyIDs) > 0 || len(update.TenantIDs) > 0 {
			return update, nil
		}
	}
}

// Close ends the watch; further calls of Next fail.
func (w *Watcher) Close() {
	w.hub.remove(w)
	w.end(errStopped)
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

func (w *Watcher) end(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = why
	w.wake()
}

// Why a watch ends.
var (
	errStopped = errs.New(errs.ServiceUnavailable, "the keystore is stopping")
	errBlind   = errs.New(errs.ServiceUnavailable, "the keystore's database does not tell what changes").WithRetryAfter(time.Second)
)

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
	// ended is why there are no watches; nil while there may be.
	ended   error
	running bool
}

func (h *hub) add(w *Watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended != nil {
		w.end(h.ended)
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
	if h.running || h.ended != nil {
		return errors.New("keystore: the service runs once")
	}
	h.running = true
	return nil
}

// end ends every watch, and those that come.
func (h *hub) end(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended != errStopped { //nolint:errorlint // the very value
		h.ended = why
	}
	for w := range h.watchers {
		w.end(why)
	}
	clear(h.watchers)
}

// sees lets watches begin again, and reports whether they could not.
func (h *hub) sees() (again bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	again = h.ended != nil
	h.ended = nil
	return again
}

// How long to wait before asking a store again that failed to tell its changes.
const (
	firstPause = 50 * time.Millisecond
	longPause  = 500 * time.Millisecond
)

// blindAfter is how long the log may go unread before watchers are told that they
// cannot rely on it: a revoked key stops within a second.
const blindAfter = time.Second

// Run follows the store's changes, this process's own among them, and tells the
// watchers, until ctx ends; then it ends every watch and returns nil. When the log was
// not read for a second, whatever the store does in the meantime, it ends all watches
// and lets none begin until it is read again, so that nobody relies on what it knows.
// It runs once; running it again is an error.
func (s *Service) Run(ctx context.Context) error {
	if err := s.watchers.start(); err != nil {
		return err
	}
	defer s.watchers.end(errStopped)
	blind := s.clock.AfterFunc(blindAfter, func() {
		s.log.LogAttrs(ctx, slog.LevelWarn, "keystore: changes cannot be followed; keys are checked one by one until they can")
		s.watchers.end(errBlind)
	})
	defer blind.Stop()
	after, pause := FromNow, firstPause
	for {
		changes, err := s.store.Changes(ctx, after)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			if pause == firstPause {
				s.log.LogAttrs(ctx, slog.LevelWarn, "keystore: reading changes failed; trying on", slog.Any("error", err))
			}
			if clock.Sleep(ctx, s.clock, pause) != nil {
				return nil
			}
			pause = min(2*pause, longPause)
			continue
		}
		blind.Reset(blindAfter)
		if s.watchers.sees() {
			s.log.LogAttrs(ctx, slog.LevelInfo, "keystore: changes are followed again")
		}
		pause = firstPause
		after = changes.Next
		s.watchers.publish(changes)
	}
}
