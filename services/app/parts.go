package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/dig"
	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/memory"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/secret"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/budget"
	"tollgate.dev/services/edge"
	"tollgate.dev/services/edge/admission"
	"tollgate.dev/services/edge/idempotency"
	"tollgate.dev/services/edge/ratelimit"
	"tollgate.dev/services/edge/spend"
	"tollgate.dev/services/keystore"
	"tollgate.dev/services/router"
	"tollgate.dev/services/router/upstream"
	"tollgate.dev/services/simulator"
)

// platformID is the platform that calls belong to when nothing else says so.
const platformID = "default"

func newSecrets(opts Options) (secrets, error) {
	s, err := readSecrets(opts.Config)
	if err == nil && len(s.master.Reveal()) < secret.MinMasterBytes {
		opts.Log.Warn("the master key is short, and may do everything: use one of 16 characters or more")
	}
	return s, err
}

// simulated is the provider simulator of this process; without an address there is
// none.
type simulated struct{ addr string }

// newSimulator starts the provider simulator when no provider key is set.
func newSimulator(open *opened, cfg *config.Config, log *slog.Logger) (simulated, error) {
	if cfg.HasProviderKey() {
		for _, k := range cfg.Keyless() {
			log.Warn("models are off: their provider's key is not set", "provider", string(k.Provider),
				"variables", k.Variables, "models", k.Models)
		}
		return simulated{}, nil
	}
	server := simulator.New(simulator.Options{})
	addr, err := server.Start(context.Background(), "127.0.0.1:0")
	if err != nil {
		return simulated{}, fmt.Errorf("provider simulator: %w", err)
	}
	open.add(server.Shutdown)
	return simulated{addr}, nil
}

func newRouting(cfg *config.Config, p *prices, sim simulated, clk clock.Clock, answers *memory.Bound) (router.Options, error) {
	opts, err := routing(cfg, p, sim.addr, clk)
	opts.Answers = answers
	return opts, err
}

// newAnswers bounds the memory of answers for all services of a process.
func newAnswers(cfg *config.Config) *memory.Bound {
	return memory.NewBound(cfg.Server.MaxBufferedAnswerBytes)
}

// newCounter makes the process's one counter: vocabularies are large.
func newCounter() *tokens.Counter { return new(tokens.Counter) }

func newOutbound(cfg *config.Config, sim simulated) upstream.Options { return outbound(cfg, sim.addr) }

func keystoreOptions(s secrets, clk clock.Clock) (keystore.Options, error) {
	pepper, err := secret.Derive(s.salt, secret.VirtualKeyPepper)
	if err != nil {
		return keystore.Options{}, err
	}
	envelope, err := newEnvelope(s)
	if err != nil {
		return keystore.Options{}, err
	}
	return keystore.Options{Hasher: secret.NewHasher(pepper), Envelope: envelope, Master: s.master, Clock: clk}, nil
}

func newEnvelope(s secrets) (*secret.Envelope, error) {
	kek, err := secret.Derive(s.salt, secret.CredentialKEK)
	if err != nil {
		return nil, err
	}
	// The id tells keys apart after a change of the salt; it is no secret.
	sum := sha256.Sum256(append([]byte("kek-id:"), kek[:]...))
	return secret.NewEnvelope(secret.KEK{ID: uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3]), Key: kek})
}

func budgetOptions(clk clock.Clock, metrics *obs.Metrics, books budget.Books, keys keystorev1connect.KeystoreServiceClient) budget.Options {
	return budget.Options{Clock: clk, Observer: metrics, Books: books, Keystore: keys}
}

func newKeys(s secrets, client keystorev1connect.KeystoreServiceClient, clk clock.Clock, log *slog.Logger) *admission.Keys {
	return admission.New(client, admission.Options{MasterKey: s.master, PlatformID: platformID, Clock: clk, Log: log})
}

func edgeOptions(opts Options) edge.Options {
	cfg := opts.Config
	out := edge.Options{
		Version: opts.Version, MaxBodyBytes: cfg.Server.MaxBodyBytes, MaxBufferedBytes: cfg.Server.MaxBufferedBytes, Cache: cachesAnswers(cfg), CacheOptIn: cfg.Cache.OptIn,
		CacheToolCalls: cfg.Cache.ToolCalls, CacheTruncated: cfg.Cache.Truncated, ModelCaching: modelCaching(cfg),
		Embedder:    paidEmbedder(cfg),
		SharedCache: cfg.Cache.Store == config.CacheRedis,
		Compression: cfg.Compression.Enabled, HiddenModels: hiddenModels(cfg),
		BodyTimeout: cfg.Server.ReadTimeout, ManagementTimeout: cfg.Server.ManagementTimeout, DropParams: cfg.DropParams, PlatformID: platformID,
		AllowedRoutes: cfg.General.AllowedRoutes, AdminOnlyRoutes: cfg.General.AdminOnlyRoutes,
		AllowsBase: outbound(cfg, "").Allowlist.Check,
	}
	if !cfg.Mesh.Runs(config.ServiceCache) {
		out.CacheTimeout = lookUpTime(cfg) + hopTimeout
	}
	if !cfg.Mesh.Runs(config.ServiceCompressor) {
		out.CompressionTimeouts = map[string]time.Duration{}
		for profile := range cfg.Compression.Profiles {
			out.CompressionTimeouts[profile] = cfg.Compression.TimeoutOf(profile) + hopTimeout
		}
	}
	if !cfg.Mesh.Runs(config.ServiceRouter) {
		out.RequestTimeout, out.RouterGrace = cfg.RequestTimeout, routerGrace
	}
	return out
}

// hopTimeout is how much longer a call waits for what it can do without when that runs in
// another process, which may hang.
const hopTimeout = 100 * time.Millisecond

// routerGrace is how much longer than its time a call waits for a router that may hang: long
// enough that one which does not says what it met.
const routerGrace = 5 * time.Second

// called are the services as the edge sees them.
type called struct {
	fx.In

	Router     routerv1connect.RouterServiceClient
	Cache      cachev1connect.CacheServiceClient
	Compressor compressorv1connect.CompressorServiceClient
	Keystore   keystorev1connect.KeystoreServiceClient
	Budget     budgetv1connect.BudgetServiceClient
}

func edgeParts(c called, keys *admission.Keys, limits *ratelimit.Limiter, meter *spend.Meter, guard *idempotency.Guard,
	p *prices, metrics *obs.Metrics, health *obs.Checker, clk clock.Clock, log *slog.Logger, faults *obs.Faults, server *connect.Server, reg *prometheus.Registry,
	answers *memory.Bound, counter *tokens.Counter,
) edge.Parts {
	return edge.Parts{
		Services: edge.Services{Router: c.Router, Cache: c.Cache, Compressor: c.Compressor, Keystore: c.Keystore, Budget: c.Budget},
		Keys:     keys, Limits: limits, Meter: meter, Idempotency: guard, Prices: p, Metrics: metrics, Health: health,
		Clock: clk, Log: log, Faults: faults, RPC: server, MetricsHandler: obs.Handler(reg), Answers: answers, Counter: counter,
	}
}

// unwrapDig finds the fault in what dig says about it.
func unwrapDig(err error) error {
	if root := dig.RootCause(err); root != nil && !errors.Is(root, err) {
		return root
	}
	return err
}
