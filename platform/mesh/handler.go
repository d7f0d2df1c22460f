package mesh

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"go.opentelemetry.io/otel/propagation"

	"tollgate.dev/platform/rpc"
)

const (
	livenessPath  = "/health/liveness"
	readinessPath = "/health/readiness"

	readHeaderTimeout = 5 * time.Second
	// idleServer is longer than idlePeer: see there.
	idleServer = 5 * time.Minute
	// maxHeaderBytes has room for what the edge lets through and for what a hop adds.
	maxHeaderBytes = 128 << 10
)

// HandlerOptions say what a process serves to the others of its deployment.
type HandlerOptions struct {
	// RPC has the services that run in this process.
	RPC *connect.Server
	// Services are their full names: no others are served.
	Services []string
	// Credentials are asked of every caller.
	Credentials Credentials
	// Faults is told of what fails in the answering of a call on a link, outside its handler;
	// without it nobody is.
	Faults Faults
	// Ready is nil when the process can serve; without it, it always can.
	Ready func(context.Context) error
	// Draining reports whether the process is about to end. Calls are still served, but nobody
	// should begin another; nil is never.
	Draining func() bool
	// Drained is closed once Draining says so; without it, that is found out by asking.
	Drained <-chan struct{}
}

// Faults is where a process's own faults are said with their causes.
type Faults interface {
	// Report says what err is, if it is a fault, and where it arose.
	Report(ctx context.Context, at string, err error)
	// Panic says what was recovered, and returns the error to answer with.
	Panic(ctx context.Context, at string, value any) error
}

// NewHandler serves RPC to callers that prove themselves, over Connect, gRPC and gRPC-Web, with
// gRPC's reflection. To everybody it serves gRPC's health protocol and the routes
// `/health/liveness` and `/health/readiness`: 200, or 503 while the process drains or is not
// ready, or 421 where the question is meant for a service that does not run here. To those who
// prove themselves once it serves calls on links, see [Peer].
func NewHandler(opts HandlerOptions) *Handler {
	if opts.Ready == nil {
		opts.Ready = func(context.Context) error { return nil }
	}
	if opts.Draining == nil {
		opts.Draining = func() bool { return false }
	}
	guarded, procedures := http.NewServeMux(), http.NewServeMux()
	rpc.Mount(procedures, opts.RPC)
	h := &Handler{opts: opts, gatekeeper: newGatekeeper(opts.Credentials), guarded: guarded, errors: connecthttp.NewErrorWriter(), open: http.NewServeMux(), links: served{leaving: make(chan struct{}), none: make(chan struct{})}}
	h.open.HandleFunc("GET "+livenessPath, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	h.open.Handle("GET "+readinessPath, h.Meant(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.ready(r.Context()) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})))
	h.open.Handle(h.grpcHealth())
	h.open.Handle(watchProcedure, newHealthWatches(h))
	h.open.HandleFunc("/", h.guard)
	guarded.Handle("GET "+linkPath, h.meant(http.HandlerFunc(h.link)))
	guarded.Handle("/", h.meant(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.serves(serviceOf(r.URL.Path)) {
			http.NotFound(w, r)
			return
		}
		procedures.ServeHTTP(w, r)
	})))
	h.reflection(guarded)
	return h
}

// LinkPath is the path of links; the others are those of the services, of health and of
// reflection.
const LinkPath = linkPath

// Handler is what a process serves to the others of its deployment: see [NewHandler].
type Handler struct {
	opts          HandlerOptions
	gatekeeper    gatekeeper
	open, guarded *http.ServeMux
	errors        *connecthttp.ErrorWriter
	links         served
}

func (h *Handler) ready(ctx context.Context) bool {
	return !h.opts.Draining() && h.opts.Ready(ctx) == nil
}

// ServeHTTP is http.Handler's.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.opts.Draining() {
		// No call may be written to a connection in the moment in which the process closes it.
		w.Header()["Connection"] = []string{"close"}
	}
	h.open.ServeHTTP(w, r)
}

// guard serves callers that have proved themselves.
func (h *Handler) guard(w http.ResponseWriter, r *http.Request) {
	if h.gatekeeper.admits(r) {
		h.guarded.ServeHTTP(w, r.WithContext(extract(r.Context(), propagation.HeaderCarrier(r.Header))))
		return
	}
	h.refuse(w, r)
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request) {
	w.Header()[challenge] = []string{`Bearer realm="tollgate"`}
	if h.errors.Write(w, r, connect.NewError(connect.CodeUnauthenticated, "the caller has not proved that it belongs to this deployment")) != nil {
		w.WriteHeader(http.StatusUnauthorized) // it is no RPC client
	}
}

// Server is an HTTP server that also waits for the calls on links when it ends: net/http lets go
// of a connection that is no longer HTTP.
type Server struct {
	*http.Server

	mesh *Handler
}

// NewServer returns a server for an HTTP handler that has mesh's paths lead to mesh, with the
// bounds and protocols that a [Peer] and gRPC clients count on: HTTP/1.1 and HTTP/2, over TLS
// where the credentials have certificates. The caller gives it a listener.
func NewServer(handler http.Handler, mesh *Handler, log *slog.Logger) *Server {
	server := &http.Server{
		Handler: handler, Protocols: new(http.Protocols),
		ReadHeaderTimeout: readHeaderTimeout, IdleTimeout: idleServer, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	server.Protocols.SetHTTP1(true)
	if certificates := mesh.opts.Credentials.Certificates; certificates == nil {
		server.Protocols.SetUnencryptedHTTP2(true)
	} else {
		server.Protocols.SetHTTP2(true)
		server.TLSConfig = certificates.Server()
	}
	return &Server{server, mesh}
}

// Shutdown takes no new connections and no new calls, and waits until those that are under way
// have ended, or ctx has.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mesh.links.leave()
	return errors.Join(s.Server.Shutdown(ctx), s.mesh.links.wait(ctx))
}

// Close ends all connections at once, with their calls, and waits for the handlers of those on
// links.
func (s *Server) Close() error {
	err := s.Server.Close()
	s.mesh.links.close()
	return err
}
