package app

import (
	"log/slog"

	"connectrpc.com/connect/v2"
	"go.uber.org/fx"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/background"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/mesh"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/router"
)

// clients are the services as others see them: the generated clients, over a transport to
// this process or to another.
func clients() fx.Option {
	return fx.Provide(
		newCredentials, newTransports,
		func(t transports) routerv1connect.RouterServiceClient {
			return routerv1connect.NewRouterServiceClient(t.to(config.ServiceRouter))
		},
		func(t transports) cachev1connect.CacheServiceClient {
			return cachev1connect.NewCacheServiceClient(t.to(config.ServiceCache))
		},
		func(t transports) compressorv1connect.CompressorServiceClient {
			return compressorv1connect.NewCompressorServiceClient(t.to(config.ServiceCompressor))
		},
		func(t transports) keystorev1connect.KeystoreServiceClient {
			return keystorev1connect.NewKeystoreServiceClient(t.to(config.ServiceKeystore))
		},
		func(t transports) budgetv1connect.BudgetServiceClient {
			return budgetv1connect.NewBudgetServiceClient(t.to(config.ServiceBudget))
		},
	)
}

// transports are the ways to the services.
type transports struct {
	local *connect.Client
	peers map[config.Service]*mesh.Peer
}

// to is the way to a service. Without a peer it runs here.
func (t transports) to(s config.Service) *connect.Client {
	if peer := t.peers[s]; peer != nil {
		return peer.Client()
	}
	return t.local
}

// fullName is a service's name in the contracts; the edge has none.
func fullName(s config.Service) string {
	switch s {
	case config.ServiceRouter:
		return routerv1connect.RouterServiceName
	case config.ServiceCache:
		return cachev1connect.CacheServiceName
	case config.ServiceCompressor:
		return compressorv1connect.CompressorServiceName
	case config.ServiceKeystore:
		return keystorev1connect.KeystoreServiceName
	case config.ServiceBudget:
		return budgetv1connect.BudgetServiceName
	case config.ServiceEdge:
	}
	return ""
}

// remote are the ways to services that run elsewhere, with their health checks.
type remote struct {
	fx.Out

	Transports transports
	Checks     []obs.Check `group:"checks,flatten"`
}

// newTransports makes a way to each service that is called here. The services at the other
// ends may be away at the start, as at any time.
func newTransports(lc fx.Lifecycle, work *background.Work, server *connect.Server, cfg *config.Config, credentials mesh.Credentials, metrics *obs.Metrics, clk clock.Clock, log *slog.Logger) (remote, error) {
	out := remote{Transports: transports{
		local: rpc.InProcess(server, router.Share, cache.Share), peers: make(map[config.Service]*mesh.Peer),
	}}
	for _, s := range cfg.Mesh.Needs() {
		peer, err := mesh.NewPeer(mesh.PeerOptions{
			Service: string(s), Name: fullName(s), URLs: cfg.Mesh.URLs[s], Credentials: credentials, Clock: clk, Log: log, Observer: metrics,
		})
		if err != nil {
			return remote{}, err
		}
		out.Transports.peers[s] = peer
		lc.Append(fx.StopHook(peer.Close)) // after its watch: what is begun last stops first
		inBackground(lc, work.Loop("the watch over replicas of the "+string(s)+" service", peer.Run))
		out.Checks = append(out.Checks, obs.Check{
			Name: string(s), Run: peer.Check,
			// Without another one calls go on for a while: with keys and slices that are known, and
			// without the cache and the compressor.
			Required: s == config.ServiceRouter, Behind: func() []obs.Result { return behind(peer) },
		})
	}
	return out, nil
}

// behind are what a service depends on that runs elsewhere. It is named here as well, since it is
// the edges that operators ask.
func behind(peer *mesh.Peer) []obs.Result {
	var out []obs.Result
	for _, d := range peer.Behind() {
		out = append(out, obs.Result{Name: d.Name, Healthy: d.Healthy, Error: d.Error})
	}
	return out
}

// inBackground runs a loop from the start to the stop of the process.
func inBackground(lc fx.Lifecycle, loop *background.Loop) {
	lc.Append(fx.StartStopHook(loop.Start, loop.Stop))
}

// newCredentials are what this process proves itself to others by.
func newCredentials(lc fx.Lifecycle, work *background.Work, cfg *config.Config, clk clock.Clock, log *slog.Logger) (mesh.Credentials, error) {
	m := &cfg.Mesh
	out := mesh.Credentials{Token: m.Token, Previous: m.PreviousToken}
	if m.CertFile == "" {
		return out, nil
	}
	certificates, err := mesh.LoadCertificates(m.CertFile, m.KeyFile, m.CAFile, clk, log)
	if err != nil {
		return out, err
	}
	inBackground(lc, work.Loop("the renewal of the mesh's certificates", certificates.Run))
	out.Certificates = certificates
	return out, nil
}
