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

	"tollgate.dev/platform/config"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/edge"
)

// server is the listener that everything is served on.
type server struct {
	http  *http.Server
	addr  string
	grace config.Server
	log   *slog.Logger

	// base is the context of every request; ending it ends the streams that outlive
	// the grace period.
	base   context.Context //nolint:containedctx // net/http takes it by a function, not by a call
	cancel context.CancelCauseFunc
	done   sync.WaitGroup
	bound  string
}

func newServer(cfg config.Server, handler http.Handler, log *slog.Logger) *server {
	// HTTP/1.1 for applications; HTTP/2 without TLS for gRPC clients.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	base, cancel := context.WithCancelCause(context.Background())
	return &server{
		addr: cfg.Addr, grace: cfg, log: log, base: base, cancel: cancel,
		http: &http.Server{
			Handler: handler, Protocols: protocols,
			// ReadTimeout would end long answers as well: the edge bounds bodies itself.
			ReadHeaderTimeout: cfg.ReadHeaderTimeout, IdleTimeout: cfg.IdleTimeout,
			// Up to that the edge refuses headers itself, in its own words.
			MaxHeaderBytes: 4 * edge.MaxHeaderBytes,
			BaseContext:    func(net.Listener) context.Context { return base },
			ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		},
	}
}

// start binds the address, so that a port in use is an error of the start, and serves.
func (s *server) start(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("the address %s is in use: stop what listens there, or set TOLLGATE_ADDR", s.addr)
	case err != nil:
		return fmt.Errorf("listen on %s: %w", s.addr, err)
	}
	s.bound = listener.Addr().String()
	s.done.Go(func() {
		if err := s.http.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.log.ErrorContext(s.base, "the listener failed", "error", err)
		}
	})
	return nil
}

// stop takes no new connections and lets open calls finish within the grace period.
func (s *server) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.grace.GracePeriod)
	defer cancel()
	err := s.http.Shutdown(ctx)
	s.cancel(errs.New(errs.ServiceUnavailable, "the gateway is stopping"))
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.WarnContext(ctx, "calls were still open at the end of the grace period")
		// They tell their callers, settle what they used, and end.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
		defer cancel()
		if err = s.http.Shutdown(last); err != nil {
			err = s.http.Close()
		}
	}
	s.done.Wait()
	return err
}

// settleTime is how long calls that outlive the grace period have to settle.
const settleTime = 5 * time.Second
