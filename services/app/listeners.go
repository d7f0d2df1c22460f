package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/background"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
	"tollgate.dev/platform/obs"
	"tollgate.dev/services/edge"
)

// public is the listener that applications and operators call.
type public struct{ *server }

// inner is the listener that the other processes of the deployment call.
type inner struct{ *server }

// listeners are what this process serves on: last to start and first to stop, because they
// take calls.
func listeners(m *config.Mesh) fx.Option {
	var parts []fx.Option
	if m.Runs(config.ServiceEdge) {
		parts = append(parts,
			fx.Provide(newPublic),
			fx.Invoke(func(lc fx.Lifecycle, s public) { lc.Append(fx.StartHook(s.start)) }))
	}
	if m.Addr != "" {
		parts = append(parts,
			fx.Provide(newInner),
			fx.Invoke(func(lc fx.Lifecycle, s inner) { lc.Append(fx.StartHook(s.start)) }))
	}
	return fx.Options(append(parts, fx.Invoke(stopTogether))...)
}

// serving are the listeners that there are.
type serving struct {
	fx.In

	Public public `optional:"true"`
	Inner  inner  `optional:"true"`
}

// stopTogether takes the process out of service: those who choose where to send calls are
// told, and then all listeners close.
func stopTogether(lc fx.Lifecycle, s serving, health *obs.Checker, cfg *config.Config, clk clock.Clock, log *slog.Logger) {
	lc.Append(fx.StopHook(func(ctx context.Context) error {
		health.Drain()
		if delay := cfg.Server.DrainDelay; delay > 0 {
			log.InfoContext(ctx, "draining", "delay", delay.String())
			if err := clock.Sleep(ctx, clk, delay); err != nil {
				return err
			}
		}
		var stops sync.WaitGroup
		failed := make([]error, 2)
		for i, server := range []*server{s.Public.server, s.Inner.server} {
			if server != nil {
				stops.Go(func() { failed[i] = server.stop(ctx) })
			}
		}
		stops.Wait()
		return errors.Join(failed...)
	}))
}

// newPublic makes the listener for applications.
func newPublic(cfg *config.Config, e *edge.Edge, health *obs.Checker, log *slog.Logger, work *background.Work) public {
	// HTTP/1.1 for applications; HTTP/2 without TLS for gRPC clients.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return public{newServer(&http.Server{
		Handler: handOver(health, e.Handler()), Protocols: protocols,
		// ReadTimeout would end long answers as well: the edge bounds bodies itself.
		ReadHeaderTimeout: cfg.Server.ReadHeaderTimeout, IdleTimeout: cfg.Server.IdleTimeout,
		// Up to that the edge refuses headers itself, in its own words.
		MaxHeaderBytes: 4 * edge.MaxHeaderBytes,
	}, cfg.Server.Addr, "TOLLGATE_ADDR", cfg.Server.GracePeriod, health.Draining, log, work)}
}

// newInner makes the listener for other processes: the procedures of the services that run
// here, and what an operator asks of any process.
func newInner(cfg *config.Config, server *connect.Server, credentials mesh.Credentials, health *obs.Checker, faults *obs.Faults, reg *prometheus.Registry, log *slog.Logger, work *background.Work) inner {
	mux := http.NewServeMux()
	var serves []string
	for _, s := range cfg.Mesh.Services {
		if name := fullName(s); name != "" {
			serves = append(serves, name)
		}
	}
	// What an edge here forwards for operators is served to nobody else.
	services := mesh.NewHandler(mesh.HandlerOptions{
		RPC: server, Services: serves, Credentials: credentials, Draining: health.Draining, Drained: health.Drained(), Faults: faults,
		Ready: func(ctx context.Context) error { return ready(health.Run(ctx)) },
	})
	handler := handOver(health, services)
	for _, name := range append(serves, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection") {
		mux.Handle("/"+name+"/", handler)
	}
	mux.Handle(mesh.LinkPath, services)
	mux.Handle("GET /health/liveness", handler)
	mux.Handle("GET /health/readiness", services.Meant(state(health)))
	mux.Handle("GET /health", state(health))
	mux.Handle("GET /metrics", obs.Handler(reg))
	both := mesh.NewServer(mux, services, log)
	out := newServer(both.Server, cfg.Mesh.Addr, "TOLLGATE_MESH_ADDR", cfg.Server.GracePeriod, health.Draining, log, work)
	out.ends = both // with the calls on links
	return inner{out}
}

// ready is the report of a process that takes calls, or says why not.
func ready(report obs.Report) error {
	if report.Ready {
		return nil
	}
	if report.Draining {
		return errs.New(errs.ServiceUnavailable, "the process is stopping")
	}
	return errs.New(errs.ServiceUnavailable, "a dependency is away")
}

// state tells how this process and what it depends on are. What their errors say is logged
// nowhere else and names hosts: this port is for operators.
func state(health *obs.Checker) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), stateTimeout)
		defer cancel()
		report := health.Run(ctx)
		w.Header().Set("Content-Type", "application/json")
		if !report.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(report) // whoever asked has left
	})
}

// stateTimeout is after which time a dependency that does not answer is told to be away. Other
// processes take one that does not tell within a second to hang, and probes of an edge wait no
// longer, so that nothing that it can do without may take more time.
const stateTimeout = 700 * time.Millisecond

// watches are the procedures whose streams have no end of their own.
func watches(path string) bool {
	switch path {
	case keystorev1connect.KeystoreServiceWatchProcedure, budgetv1connect.BudgetServiceWatchBudgetsProcedure,
		budgetv1connect.BudgetServiceWatchUsageProcedure:
		return true
	}
	return false
}

// handOver ends the watches of a process that is about to stop, so that those who watch go
// on at another one before this one takes no more calls.
func handOver(health *obs.Checker, next http.Handler) http.Handler {
	stopping, refuse := errs.New(errs.ServiceUnavailable, "the process is stopping"), connecthttp.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !watches(r.URL.Path):
			next.ServeHTTP(w, r)
			return
		case health.Draining():
			if refuse.Write(w, r, errs.ToConnect(stopping)) != nil {
				w.WriteHeader(http.StatusServiceUnavailable) // it is no RPC client
			}
			return
		}
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		over := make(chan struct{})
		var waiting sync.WaitGroup
		defer waiting.Wait()
		defer close(over)
		waiting.Go(func() {
			select {
			case <-health.Drained():
				cancel(stopping)
			case <-over:
			}
		})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
