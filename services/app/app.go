// Package app is the composition root: it alone knows every service, where each of
// them runs, and which transport lies between them.
package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/edge"
	"tollgate.dev/services/keystore"
	"tollgate.dev/services/router"
)

// Options are what a process is started with.
type Options struct {
	// Config is the validated configuration.
	Config *config.Config
	// Version is the product's version.
	Version string
	// Out takes what a person at the terminal reads.
	Out io.Writer
	// Log takes the structured log.
	Log *slog.Logger
}

// Process is one running process: every service, on one listener.
type Process struct {
	fx        *fx.App
	opened    *opened
	cfg       *config.Config
	server    *server
	secrets   secrets
	simulator simulated
}

// startTimeout bounds the start: databases are migrated in it, once they are there.
const startTimeout = 60 * time.Second

// stopTime bounds what a stop does beyond the grace period.
const stopTime = 60 * time.Second

// New puts a process together and opens what it needs: its database, which it waits for
// until ctx ends or the configured time is over, and the simulator's listener. When it
// fails, nothing stays open. Nothing serves callers before Start.
func New(ctx context.Context, opts Options) (*Process, error) {
	p := &Process{cfg: opts.Config, opened: &opened{}}
	p.fx = fx.New(graph(ctx, opts, p.opened), fx.Populate(&p.server, &p.secrets, &p.simulator))
	if err := p.fx.Err(); err != nil {
		return nil, p.abandon(ctx, rootCause(err))
	}
	return p, nil
}

// abandonTimeout bounds the closing of what a failed start had opened.
const abandonTimeout = 10 * time.Second

// abandon closes what a start that failed with err had opened.
func (p *Process) abandon(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	return errors.Join(err, p.opened.close(ctx))
}

// graph is the whole wiring of a process. Constructors that wait do so under ctx, and add
// what they open to opened.
func graph(ctx context.Context, opts Options, open *opened) fx.Option {
	return fx.Options(
		fx.Supply(opts, opts.Config, opts.Log, open),
		fx.Provide(func() context.Context { return ctx }),
		fx.WithLogger(func() fxevent.Logger {
			quiet := &fxevent.SlogLogger{Logger: opts.Log}
			quiet.UseLogLevel(slog.LevelDebug)
			// What fails is returned, and said once, by whoever started the process; fx would
			// say it before, several times, and with the constructors that led to it.
			quiet.UseErrorLevel(slog.LevelDebug)
			return quiet
		}),
		fx.StartTimeout(startTimeout),
		fx.StopTimeout(opts.Config.Server.GracePeriod+stopTime),
		fx.Provide(
			clock.Real,
			prometheus.NewRegistry,
			newMetrics,
			obs.NewFaults,
			func(m *obs.Metrics) router.Metrics { return m },
			// The server is made empty, then the clients on it, then the services that use
			// them, which register at last: so nothing waits for itself.
			func(faults *obs.Faults) *connect.Server { return rpc.NewServer(rpc.ReportFaults(faults)) },
			func(server *connect.Server) *connect.Client { return rpc.InProcess(server, router.Share, cache.Share) },
			routerv1connect.NewRouterServiceClient,
			cachev1connect.NewCacheServiceClient,
			compressorv1connect.NewCompressorServiceClient,
			keystorev1connect.NewKeystoreServiceClient,
			budgetv1connect.NewBudgetServiceClient,
		),
		fx.Provide(newSecrets, newSimulator, newPrices, newRouting, newOutbound),
		fx.Provide(openStores, newEvents, newHealth),
		fx.Provide(keystoreOptions, budgetOptions, openCache, compressorOptions),
		fx.Provide(newKeys, newLimiter, newMeter, newGuard, edgeOptions, edgeParts),
		keystore.Module(), budget.Module(), cache.Module(), compressor.Module(), router.Module(), edge.Module(),
		fx.Invoke(platformBudget, warnAtStart),
		// Last to start and first to stop: it takes calls.
		fx.Provide(func(cfg *config.Config, e *edge.Edge, log *slog.Logger) *server {
			return newServer(cfg.Server, e.Handler(), log)
		}),
		fx.Invoke(func(s *server, b *budget.Service) { s.http.RegisterOnShutdown(b.EndUsageWatches) }),
		fx.Invoke(func(lc fx.Lifecycle, s *server) { lc.Append(fx.Hook{OnStart: s.start, OnStop: s.stop}) }),
	)
}

// Start runs everything and takes calls. When it fails, nothing runs and nothing is open.
func (p *Process) Start(ctx context.Context) error {
	starting, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := p.fx.Start(starting); err != nil {
		return p.abandon(ctx, rootCause(err))
	}
	return nil
}

// Addr is the address that calls are taken on, once started.
func (p *Process) Addr() string { return p.server.bound }

// Stop takes no new calls, lets open ones finish within the grace period, and closes
// everything. It ends a minute after that period at the latest, also when a database is
// away.
func (p *Process) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.fx.StopTimeout())
	defer cancel()
	err := rootCause(p.fx.Stop(ctx))
	return errors.Join(err, p.opened.close(ctx))
}

// newMetrics makes the process's metrics. Only configured names become labels.
func newMetrics(reg *prometheus.Registry, cfg *config.Config) (*obs.Metrics, error) {
	var models []string
	var served []obs.Served
	for _, d := range cfg.Deployments {
		models = append(models, d.ModelName)
		served = append(served, obs.Served{Model: d.ModelName, Provider: string(d.Provider)})
	}
	for name := range cfg.Router.Aliases {
		models = append(models, name)
	}
	var providers, codes []string
	for name := range router.Providers() {
		providers = append(providers, name)
	}
	for _, reason := range errs.Reasons() {
		codes = append(codes, string(reason))
	}
	return obs.NewMetrics(reg, obs.MetricsOptions{
		Namespace: cfg.Metrics.Namespace, Models: models, Providers: providers, Codes: codes,
		Routes: edge.Routes(), Served: served,
		ProviderCodes: []string{
			string(errs.ProviderError), string(errs.ProviderTimeout), string(errs.ProviderUnavailable), string(errs.ProviderRateLimited),
		},
	})
}

func metricsHandler(reg *prometheus.Registry) http.Handler { return obs.Handler(reg) }

// rootCause drops fx's account of who needed what: the operator wants the fault.
func rootCause(err error) error {
	if err == nil {
		return nil
	}
	return unwrapDig(err)
}
