package edge

import (
	"context"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/obs"
	"tollgate.dev/services/edge/admission"
)

// exchange is one request and its answer.
type exchange struct {
	e       *Edge
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	started time.Time
	// requestID is the caller's, or made here. It is echoed.
	requestID string
	// route is the path that the request was routed by, for key limits.
	route string
	// told is what log lines say of the request; the context carries it.
	told *obs.Request
	// principal is who calls; nil until admit.
	principal *admission.Principal
	// read is the body, where it was read before the handler.
	read []byte
	// held is the memory that the body takes.
	held int64
	// holds is the memory that an answer takes which is this exchange's alone.
	holds int64
	// arrived says that the whole body is here, wrote that the answer has begun.
	arrived, wrote bool
}

// serve gives every request its id, then routes it.
func (e *Edge) serve(w http.ResponseWriter, r *http.Request) {
	requestID := callerID(r.Header, "X-Request-Id")
	if requestID == "" {
		requestID = e.ids.NewRequestID()
		r.Header["X-Request-Id"] = []string{requestID}
	}
	w.Header()["X-Request-Id"] = r.Header["X-Request-Id"]
	e.arriving(w, r)
	if headerBytes(r) > MaxHeaderBytes {
		bounded{e, longHeader{}}.ServeHTTP(w, r)
		return
	}
	if !tidy(r.URL.EscapedPath()) {
		// The mux would redirect, and few clients repeat a POST elsewhere.
		bounded{e, notFound{}}.ServeHTTP(w, r)
		return
	}
	e.mux.ServeHTTP(w, r)
}

// MaxHeaderBytes bounds a request's line and headers. A server in front must let more than
// that through: what it refuses itself is no envelope, and has no request id.
const MaxHeaderBytes = 64 << 10

// headerBytes is about how long a request's line and headers were.
func headerBytes(r *http.Request) int {
	const separators = len(": \r\n")
	n := len(r.Method) + len(r.RequestURI) + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value) + separators
		}
	}
	return n
}

type longHeader struct{}

func (longHeader) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	writeError(w, errs.Newf(errs.RequestTooLarge, "the request's headers are longer than %d bytes", MaxHeaderBytes))
}

// tidy reports whether a path begins with a slash and has no empty segment, `.` or `..`
// in it.
func tidy(p string) bool {
	clean := path.Clean(p)
	return strings.HasPrefix(p, "/") && (p == clean || len(p) == len(clean)+1 && strings.HasSuffix(p, "/"))
}

// endpoint is one route's handler.
type endpoint struct {
	e     *Edge
	route route
}

func (p endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	told := &obs.Request{ID: r.Header.Get("X-Request-Id"), Route: p.route.path}
	ctx := obs.WithRequest(obs.WithTrace(r.Context(), r.Header), told)
	x := &exchange{
		e: p.e, w: w, r: r.WithContext(ctx), control: http.NewResponseController(w),
		started: p.e.Clock.Now(), requestID: told.ID, route: p.route.path, told: told,
	}
	defer x.over(r)
	defer x.recovered(ctx)
	if err := p.route.handler(x); err != nil {
		x.fail(ctx, err)
	}
}

// over is the exchange's end, after its answer.
func (x *exchange) over(r *http.Request) {
	x.e.bodies.Release(x.held)
	x.e.Answers.Release(x.holds)
	if !x.arrived {
		x.e.unread(x.control, r)
	}
}

// recovered answers for a handler that panicked. An answer that had begun is cut off.
func (x *exchange) recovered(ctx context.Context) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares it as well
		panic(v)
	}
	err := x.e.Faults.Panic(ctx, x.route, v)
	if x.wrote {
		panic(http.ErrAbortHandler)
	}
	x.fail(ctx, err)
}

// fail answers with an error, if the answer has not begun.
func (x *exchange) fail(ctx context.Context, err error) {
	x.e.Faults.Report(ctx, x.route, err)
	if x.wrote {
		return
	}
	x.wrote = true
	x.deadline()
	writeError(x.w, errs.Of(err))
}

// deadline gives the next piece of the answer its time. A caller that reads more
// slowly is cut off.
func (x *exchange) deadline() {
	// A writer that cannot have a deadline is a test's.
	_ = x.control.SetWriteDeadline(x.e.Clock.Now().Add(x.e.opts.WriteTimeout))
}

// paused ends the time of a piece that is out. Only HTTP/2 looks at it while nothing is being
// written: it would reset a stream whose model thinks for longer.
func (x *exchange) paused() {
	if x.r.ProtoMajor > 1 {
		_ = x.control.SetWriteDeadline(time.Time{})
	}
}

// admit finds out who calls and whether they may call this route, for the tenant
// that they name.
func (x *exchange) admit() error {
	if x.principal != nil {
		return nil
	}
	p, err := x.e.Keys.Admit(x.r.Context(), admission.FromHeader(x.r.Header), x.started)
	if err != nil {
		x.e.Metrics.KeyCheck(keyResult(err))
		return err
	}
	x.e.Metrics.KeyCheck(obs.KeyValid)
	if tenant := x.r.Header.Get("X-Tenant-Id"); tenant != "" {
		if p, err = x.e.Keys.ForTenant(x.r.Context(), p, tenant, x.started); err != nil {
			return err
		}
	}
	if err := p.AllowsRoute(x.route); err != nil {
		return err
	}
	if !p.Admin && !x.e.serves(x.route) {
		return errs.Newf(errs.RouteNotAllowed, "the route %s is not open to keys here", x.route)
	}
	x.principal = p
	x.told.TenantID, x.told.KeyID, x.told.PlatformID = p.TenantID, p.KeyID, p.PlatformID
	x.told.UserID, x.told.TraceID = x.user(), x.trace()
	return nil
}

// keyResult is what the metrics call a refusal.
func keyResult(err error) obs.KeyResult {
	switch errs.Of(err).Reason {
	case errs.KeyExpired:
		return obs.KeyExpired
	case errs.KeyBlocked:
		return obs.KeyBlocked
	default:
		return obs.KeyUnknown
	}
}

// serves says whether the configuration opens a route to keys.
func (e *Edge) serves(route string) bool {
	if len(e.opts.AdminOnlyRoutes) > 0 && admission.MatchRoute(e.opts.AdminOnlyRoutes, route) {
		return false
	}
	return len(e.opts.AllowedRoutes) == 0 || admission.MatchRoute(e.opts.AllowedRoutes, route)
}

// admin admits callers that may manage keys and tenants.
func (x *exchange) admin() error {
	if err := x.admit(); err != nil {
		return err
	}
	if !x.principal.Admin {
		return errs.New(errs.RouteNotAllowed, "this route needs the master key or a key with the admin scope")
	}
	return nil
}

// methodNotAllowed refuses the methods that a path does not have. It holds those that it
// has; a GET serves HEAD as well.
type methodNotAllowed []string

func (m methodNotAllowed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	allow := strings.Join(m, ", ")
	if slices.Contains(m, http.MethodGet) {
		allow += ", " + http.MethodHead
	}
	w.Header().Set("Allow", allow)
	writeError(w, errs.Newf(errs.MethodNotAllowed, "%s is not served here", r.Method))
}

type notFound struct{}

func (notFound) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	writeError(w, errs.New(errs.NotFound, "no such route"))
}
