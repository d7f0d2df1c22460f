package edge_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
)

// Who may call what, by procedure. A procedure that is in none of these is a failure of
// the test: whoever adds one decides whom it is for.
var (
	// whatReads is for administrators, read-only ones as well.
	whatReads = []string{
		"router/Check", "router/ListModels", "keystore/GetKey", "keystore/ListKeys", "keystore/GetTenant", "keystore/ListTenants",
		"budget/ListBudgets", "budget/ListUsage", "budget/WatchUsage", "budget/AuditLedger", "budget/GetSpend",
	}
	// whatWrites is for administrators that may write, or read others' prompts.
	whatWrites = []string{
		"router/Complete", "router/StreamComplete", "cache/Lookup", "cache/Store", "cache/Invalidate", "cache/Compare", "cache/Feedback",
		"compressor/Compress", "compressor/Omitted",
		"keystore/IssueKey", "keystore/UpdateKey", "keystore/RotateKey", "keystore/SetKeyBlocked", "keystore/DeleteKeys",
		"keystore/PutTenant", "keystore/DeleteTenants", "keystore/PutCredential", "keystore/DeleteCredential",
		"budget/PutBudget", "budget/SetBudgets", "budget/DeleteBudgets",
	}
	// whatServicesSay is for the services among themselves, and on no public port.
	whatServicesSay = []string{
		"keystore/ResolveKey", "keystore/Watch", "keystore/OpenCredential", "budget/Lease", "budget/EndReplica", "budget/Record", "budget/WatchBudgets",
	}
)

// everyProcedure lists the procedures of all protos, with their streaming types.
func everyProcedure(t *testing.T) map[string]connect.Spec {
	t.Helper()
	all := map[string]connect.Spec{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			if !strings.HasPrefix(string(service.FullName()), "tollgate.") {
				continue
			}
			short := strings.Split(string(service.FullName()), ".")[1]
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				spec := connect.Spec{Procedure: "/" + string(service.FullName()) + "/" + string(method.Name()), Schema: method}
				if method.IsStreamingServer() {
					spec.StreamType = connect.StreamTypeServer
				}
				all[short+"/"+string(method.Name())] = spec
			}
		}
		return true
	})
	if len(all) < 25 {
		t.Fatalf("only %d procedures are known", len(all))
	}
	return all
}

// TestWhoMayCallWhichProcedure asks for every procedure of every service in every role.
func TestWhoMayCallWhichProcedure(t *testing.T) {
	t.Parallel()
	all := everyProcedure(t)
	server := rpc.NewServer()
	for _, spec := range all {
		server.Register(connect.Method{Spec: spec, Handler: func(context.Context, connect.Spec, connect.ServerStream) error {
			return errs.New(errs.RequestTooLarge, "the procedure was reached") // nothing else says that here
		}})
	}
	r := newRig(t, func(s *setup) { s.procedures = server })
	admin := func(routes []string, scopes ...string) *keystorev1.Grant {
		return &keystorev1.Grant{Key: &keystorev1.Key{Id: strings.Join(append(scopes, routes...), "+"), Scopes: scopes, Limits: &keystorev1.Limits{Routes: routes}}}
	}
	const (
		full, reader      = "sk-full-0123456789abcdef", "sk-reader-0123456789abcdef"
		restricted, spend = "sk-restricted-0123456789abcdef", "sk-spend-0123456789abcdef"
		models            = "sk-models-0123456789abcdef"
	)
	r.keystore.put(full, admin(nil, "admin"))
	r.keystore.put(reader, admin(nil, "admin", "read_only"))
	r.keystore.put(restricted, admin([]string{"/key/info"}, "admin", "read_only"))
	r.keystore.put(spend, admin([]string{"/tollgate.budget.v1.BudgetService/GetSpend"}, "admin"))
	r.keystore.put(models, admin([]string{"llm_api_routes"}, "admin"))

	roles := map[string]struct {
		key  string
		may  func(procedure string) bool
		want string // of what it may not, but for the services' own
	}{
		"the master key":               {masterKey, isIn(whatReads, whatWrites), ""},
		"an admin":                     {full, isIn(whatReads, whatWrites), ""},
		"an admin that may only read":  {reader, isIn(whatReads), "route_not_allowed"},
		"an admin of one other route":  {restricted, isIn(), "route_not_allowed"},
		"an admin of one procedure":    {spend, isIn([]string{"budget/GetSpend"}), "route_not_allowed"},
		"an admin of inference routes": {models, isIn(), "route_not_allowed"},
		"a tenant's key":               {acmeKey, isIn(), "route_not_allowed"},
		"an unknown key":               {"sk-unknown-0123456789abcdef", isIn(), "invalid_api_key"},
		"nobody":                       {"", isIn(), "invalid_api_key"},
	}
	for procedure, spec := range all {
		if !isIn(whatReads, whatWrites, whatServicesSay)(procedure) {
			t.Errorf("%s is for nobody", procedure)
		}
		contentType := "application/json"
		if spec.StreamType == connect.StreamTypeServer {
			contentType = "application/grpc-web"
		}
		for who, role := range roles {
			a := r.do(http.MethodPost, spec.Procedure, call{key: role.key, header: map[string]string{"Content-Type": contentType}, body: "{}"})
			said := a.body + a.header.Get("Grpc-Message")
			want := role.want
			switch {
			case role.may(procedure):
				want = "the procedure was reached"
			case isIn(whatServicesSay)(procedure) && isIn([]string{"the master key", "an admin", "an admin that may only read",
				"an admin of one other route", "an admin of one procedure", "an admin of inference routes"})(who):
				want = "no such procedure"
			}
			if !strings.Contains(said, want) && !(want == role.want && hasReason(a, want)) {
				t.Errorf("%s calls %s: %d %s, want %q", who, procedure, a.status, said, want)
			}
		}
	}
	// A path that decodes to a procedure is that procedure.
	if a := r.do(http.MethodPost, "/tollgate.keystore.v1.KeystoreService/Open%43redential", call{
		key: masterKey, header: map[string]string{"Content-Type": "application/json"}, body: "{}",
	}); !strings.Contains(a.body, "no such procedure") {
		t.Errorf("an escaped path reaches it: %d %s", a.status, a.body)
	}
}

func isIn(lists ...[]string) func(string) bool {
	return func(name string) bool { return slices.Contains(slices.Concat(lists...), name) }
}

// hasReason tells an RPC error's reason by its gRPC or Connect status.
func hasReason(a answer, reason string) bool {
	switch reason {
	case "route_not_allowed":
		return a.status == http.StatusForbidden || a.header.Get("Grpc-Status") == "7"
	case "invalid_api_key":
		return a.status == http.StatusUnauthorized || a.header.Get("Grpc-Status") == "16"
	}
	return false
}
