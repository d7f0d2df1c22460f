package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"tollgate.dev/platform/background"
	"tollgate.dev/platform/errs"
)

// server is one listener and what is served on it.
type server struct {
	http *http.Server
	// ends is http, or what ends it with the connections that it let go of.
	ends interface {
		Shutdown(ctx context.Context) error
		Close() error
	}
	addr  string
	means string // how an operator sets the address
	grace time.Duration
	log   *slog.Logger
	work  *background.Work

	// base is the context of every request; ending it ends the streams that outlive
	// the grace period.
	base   context.Context //nolint:containedctx // net/http takes it by a function, not by a call
	cancel context.CancelCauseFunc
	done   sync.WaitGroup

	listener net.Listener // once started
}

// newServer serves what an http.Server has on an address. While draining says so, connections
// are closed after their answer, so that those who call go elsewhere.
func newServer(h *http.Server, addr, means string, grace time.Duration, draining func() bool, log *slog.Logger, work *background.Work) *server {
	base, cancel := context.WithCancelCause(context.Background())
	handler := h.Handler
	h.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if draining() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})
	h.BaseContext = func(net.Listener) context.Context { return base }
	h.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	return &server{http: h, ends: h, addr: addr, means: means, grace: grace, log: log, work: work, base: base, cancel: cancel}
}

// start binds the address, so that a port in use is an error of the start, and serves.
func (s *server) start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("the address %s is in use: stop what listens there, or set %s", s.addr, s.means)
	case err != nil:
		return fmt.Errorf("listen on %s: %w", s.addr, err)
	}
	s.listener = listener
	s.done.Go(func() {
		serve := s.http.Serve
		if s.http.TLSConfig != nil {
			serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
		}
		if err := serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.work.Fail(s.base, "the listener on "+listener.Addr().String(), err)
		}
	})
	return nil
}

// address is where the listener is, once started; empty for none.
func (s *server) address() string {
	if s == nil || s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// stop takes no new connections and lets open calls finish within the grace period.
func (s *server) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.grace)
	defer cancel()
	err := s.ends.Shutdown(ctx)
	s.cancel(errs.New(errs.ServiceUnavailable, "the gateway is stopping"))
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.WarnContext(ctx, "calls were still open at the end of the grace period")
		// They tell their callers, settle what they used, and end.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer cancel()
		if err = s.ends.Shutdown(last); err != nil {
			err = s.ends.Close()
		}
	}
	s.done.Wait()
	return err
}

// settleTime is how long calls that outlive the grace period have to settle.
const settleTime = 5 * time.Second
