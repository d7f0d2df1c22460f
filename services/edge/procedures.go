package edge

import (
	"context"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/gen/tollgate/cache/v1/cachev1connect"
	"tollgate.dev/gen/tollgate/compressor/v1/compressorv1connect"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/edge/admission"
)

// audience is whom a procedure is for.
type audience int

const (
	// services are what Tollgate is made of. What is said to them settles money, hands out
	// credentials or tells of every key: no key opens that, and this port does not serve it.
	services audience = iota + 1 // what the table does not name is for nobody
	// admins are the master key and keys with the admin scope, as far as their routes and
	// scopes let them: a read-only key has the procedures that are in `info_routes`.
	admins
)

// procedures are whom each procedure is for.
var procedures = map[string]audience{
	routerv1connect.RouterServiceCompleteProcedure:       admins,
	routerv1connect.RouterServiceStreamCompleteProcedure: admins,
	routerv1connect.RouterServiceCheckProcedure:          admins,
	routerv1connect.RouterServiceListModelsProcedure:     admins,

	cachev1connect.CacheServiceLookupProcedure:     admins,
	cachev1connect.CacheServiceStoreProcedure:      admins,
	cachev1connect.CacheServiceInvalidateProcedure: admins,
	cachev1connect.CacheServiceCompareProcedure:    admins,
	cachev1connect.CacheServiceFeedbackProcedure:   admins,

	compressorv1connect.CompressorServiceCompressProcedure: admins,
	compressorv1connect.CompressorServiceOmittedProcedure:  admins,

	keystorev1connect.KeystoreServiceIssueKeyProcedure:         admins,
	keystorev1connect.KeystoreServiceGetKeyProcedure:           admins,
	keystorev1connect.KeystoreServiceListKeysProcedure:         admins,
	keystorev1connect.KeystoreServiceUpdateKeyProcedure:        admins,
	keystorev1connect.KeystoreServiceRotateKeyProcedure:        admins,
	keystorev1connect.KeystoreServiceSetKeyBlockedProcedure:    admins,
	keystorev1connect.KeystoreServiceDeleteKeysProcedure:       admins,
	keystorev1connect.KeystoreServicePutTenantProcedure:        admins,
	keystorev1connect.KeystoreServiceGetTenantProcedure:        admins,
	keystorev1connect.KeystoreServiceListTenantsProcedure:      admins,
	keystorev1connect.KeystoreServiceDeleteTenantsProcedure:    admins,
	keystorev1connect.KeystoreServicePutCredentialProcedure:    admins,
	keystorev1connect.KeystoreServiceDeleteCredentialProcedure: admins,
	keystorev1connect.KeystoreServiceResolveKeyProcedure:       services,
	keystorev1connect.KeystoreServiceWatchProcedure:            services,
	keystorev1connect.KeystoreServiceOpenCredentialProcedure:   services,

	budgetv1connect.BudgetServicePutBudgetProcedure:     admins,
	budgetv1connect.BudgetServiceSetBudgetsProcedure:    admins,
	budgetv1connect.BudgetServiceDeleteBudgetsProcedure: admins,
	budgetv1connect.BudgetServiceListBudgetsProcedure:   admins,
	budgetv1connect.BudgetServiceListUsageProcedure:     admins,
	budgetv1connect.BudgetServiceWatchUsageProcedure:    admins,
	budgetv1connect.BudgetServiceAuditLedgerProcedure:   admins,
	budgetv1connect.BudgetServiceGetSpendProcedure:      admins,
	budgetv1connect.BudgetServiceLeaseProcedure:         services,
	budgetv1connect.BudgetServiceEndReplicaProcedure:    services,
	budgetv1connect.BudgetServiceRecordProcedure:        services,
	budgetv1connect.BudgetServiceWatchBudgetsProcedure:  services,
}

// serviceNames are the services that typed clients reach.
func serviceNames() []string {
	return []string{
		routerv1connect.RouterServiceName, cachev1connect.CacheServiceName, compressorv1connect.CompressorServiceName,
		keystorev1connect.KeystoreServiceName, budgetv1connect.BudgetServiceName,
	}
}

// procedureRoutes serves the procedures that are for admins.
func (e *Edge) procedureRoutes(server *connect.Server) {
	inner := http.NewServeMux()
	rpc.Mount(inner, server)
	for _, service := range serviceNames() {
		e.mux.Handle("/"+service+"/", gate{e, inner, connecthttp.NewErrorWriter()})
		e.mux.Handle("/"+service, bounded{e, notFound{}}) // or the mux would redirect to the above
	}
}

// gate lets operators through to the procedures that are for them.
type gate struct {
	e      *Edge
	next   http.Handler
	errors *connecthttp.ErrorWriter
}

func (g gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := g.e.pace(w)
	defer answer.begin()
	body := &inbound{ReadCloser: r.Body, control: answer.control}
	if err := g.admit(r); err == nil {
		// A copy, because net/http looks at its own request's body after the handler.
		in := r.WithContext(context.WithValue(r.Context(), operator{}, g.e))
		in.Body = body
		g.next.ServeHTTP(answer, in)
	} else if g.errors.Write(answer, r, errs.ToConnect(err)) != nil {
		writeError(answer, errs.Of(err)) // it is no RPC client
	}
	if !body.ended {
		g.e.unread(body.control, r)
	}
}

// admit is what an exchange's admit is for routes. What is not for admins is refused
// here, before the mux: it would find every method that is registered.
func (g gate) admit(r *http.Request) error {
	p, err := g.e.Keys.Admit(r.Context(), admission.FromHeader(r.Header), g.e.Clock.Now())
	if err != nil {
		g.e.Metrics.KeyCheck(keyResult(err))
		return err
	}
	g.e.Metrics.KeyCheck(obs.KeyValid)
	if !p.Admin {
		return errs.New(errs.RouteNotAllowed, "RPC needs the master key or a key with the admin scope")
	}
	if procedures[r.URL.Path] != admins {
		return errs.New(errs.NotFound, "no such procedure is served here")
	}
	return p.AllowsRoute(r.URL.Path)
}
