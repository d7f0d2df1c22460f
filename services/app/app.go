// Package app is the composition root: it alone knows every service, where each of
// them runs, and which transport lies between them.
package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"tollgate.dev/platform/background"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/edge"
	"tollgate.dev/services/edge/idempotency"
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

// Process is one running process: the services that its configuration names.
type Process struct {
	fx     *fx.App
	opened *opened
	cfg    *config.Config
	found  found
}

// found is what a process tells of itself; what does not run in it is zero.
type found struct {
	fx.In

	Work      *background.Work
	Serving   serving
	Secrets   secrets   `optional:"true"`
	Simulator simulated `optional:"true"`
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
	p.fx = fx.New(graph(ctx, opts, p.opened), fx.Invoke(func(f found) { p.found = f }))
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

// graph is the whole wiring of a process: what every process has, the clients of all
// services, the services that run here, and the listeners. Constructors that wait do so
// under ctx, and add what they open to opened.
func graph(ctx context.Context, opts Options, open *opened) fx.Option {
	mesh := &opts.Config.Mesh
	parts := []fx.Option{process(ctx, opts, open), clients()}
	for _, s := range hosted() {
		if mesh.Runs(s.name) {
			parts = append(parts, s.parts)
		}
	}
	if mesh.Runs(config.ServiceKeystore) || mesh.Runs(config.ServiceBudget) || mesh.Runs(config.ServiceEdge) {
		parts = append(parts, fx.Provide(openDatabase))
	}
	if mesh.Runs(config.ServiceKeystore) || mesh.Runs(config.ServiceEdge) {
		parts = append(parts, fx.Provide(newSecrets))
	}
	return fx.Options(append(parts, listeners(mesh))...)
}

// process is what every process has, whatever runs in it.
func process(ctx context.Context, opts Options, open *opened) fx.Option {
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
		fx.StopTimeout(opts.Config.Server.DrainDelay+opts.Config.Server.GracePeriod+stopTime),
		fx.Provide(clock.Real, background.NewWork, prometheus.NewRegistry, newMetrics, obs.NewFaults, newHealth, newPrices, newAnswers, newCounter),
		// The server is made empty, then the clients on it, then the services that use
		// them, which register at last: so nothing waits for itself.
		fx.Provide(func(faults *obs.Faults) *connect.Server {
			return rpc.NewServer(rpc.ReportFaults(faults), edge.FollowOperators)
		}),
	)
}

// host is a service that can run in a process.
type host struct {
	name  config.Service
	parts fx.Option
}

// hosted are the services in the order in which they start, each with what it needs beside
// the clients of others.
func hosted() []host {
	return []host{
		{config.ServiceKeystore, fx.Options(
			fx.Provide(keystoreOptions, func(ctx context.Context, _ secrets, db *database) (keystore.Store, error) { return db.keystore(ctx) }),
			keystore.Module(),
		)},
		{config.ServiceBudget, fx.Options(
			fx.Provide(budgetOptions, newEvents, func(ctx context.Context, db *database) (ledger, error) { return db.ledger(ctx) }),
			budget.Module(), fx.Invoke(platformBudget),
		)},
		{config.ServiceCache, fx.Options(fx.Provide(openCache), cache.Module())},
		{config.ServiceCompressor, fx.Options(fx.Provide(compressorOptions, openOmitted, openBeginnings), compressor.Module(), fx.Invoke(vocabularies))},
		{config.ServiceRouter, fx.Options(
			fx.Provide(newSimulator, newRouting, newOutbound, func(m *obs.Metrics) router.Metrics { return m }),
			router.Module(), fx.Invoke(warnAtStart),
		)},
		{config.ServiceEdge, fx.Options(
			fx.Provide(
				newKeys, newLimiter, newMeter, newGuard, edgeOptions, edgeParts,
				func(ctx context.Context, _ secrets, db *database) (idempotency.Store, error) {
					return db.idempotency(ctx)
				},
			),
			// The edge serves what is registered by the time that it is made, and fx invokes
			// modules in their order, before what is in none.
			fx.Module("operators", fx.Invoke(forwardOperators)), edge.Module(),
		)},
	}
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

// Ended gives an error when something ended that runs for as long as the process does, a
// listener or the renewal of leases: without it the process would look well and answer
// wrongly. It is to be stopped then.
func (p *Process) Ended() <-chan error { return p.found.Work.Ended() }

// Addr is the address that calls of applications are taken on, once started; empty in a
// process without the edge.
func (p *Process) Addr() string { return p.found.Serving.Public.address() }

// MeshAddr is the address that calls of other processes are taken on, once started; empty
// where nothing is served to them.
func (p *Process) MeshAddr() string { return p.found.Serving.Inner.address() }

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
		Cache: cacheNames(),
	})
}

// rootCause drops fx's account of who needed what: the operator wants the fault.
func rootCause(err error) error {
	if err == nil {
		return nil
	}
	return unwrapDig(err)
}
