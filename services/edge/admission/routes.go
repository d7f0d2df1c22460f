package admission

import (
	"maps"
	"slices"
	"strings"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
)

// group is one of LiteLLM's groups of routes.
type group int

const (
	noGroup group = iota
	llmAPIRoutes
	anthropicRoutes
	infoRoutes
	managementRoutes
	keyManagementRoutes
	spendRoutes
	globalSpendRoutes
)

// groups are the names that allowed_routes gives them
// (https://github.com/BerriAI/litellm, litellm/proxy/_types.py, class LiteLLMRoutes,
// November 2026).
var groups = map[string]group{
	"llm_api_routes": llmAPIRoutes, "openai_routes": llmAPIRoutes,
	"anthropic_routes":             anthropicRoutes,
	"info_routes":                  infoRoutes,
	"management_routes":            managementRoutes,
	"key_management_routes":        keyManagementRoutes,
	"spend_tracking_routes":        spendRoutes,
	"global_spend_tracking_routes": globalSpendRoutes,

	// Groups of what is not served here, or is open to everyone.
	"openai_route_names": noGroup, "google_routes": noGroup, "azure_routes": noGroup, "mcp_routes": noGroup,
	"agent_routes": noGroup, "litellm_native_routes": noGroup, "mapped_pass_through_routes": noGroup,
	"passthrough_routes_wildcard": noGroup, "apply_guardrail_routes": noGroup, "master_key_only_routes": noGroup,
	"public_routes": noGroup, "ui_routes": noGroup, "internal_user_routes": noGroup,
	"internal_user_view_only_routes": noGroup, "self_managed_routes": noGroup, "org_admin_only_routes": noGroup,
	"admin_viewer_routes": noGroup, "org_admin_allowed_routes": noGroup,
}

// groupOf finds a group by name.
func groupOf(name string) group { return groups[name] }

// RouteGroups are the names of groups that allowed_routes may hold.
func RouteGroups() []string { return slices.Sorted(maps.Keys(groups)) }

// elsewhere are where LiteLLM serves what is not served here, by the first segment of the
// path, without `/v1`.
var elsewhere = map[string]bool{
	"a2a": true, "agents": true, "anthropic": true, "assistants": true, "audio": true, "azure": true, "batches": true, "bedrock": true,
	"budget": true, "completions": true, "config": true, "containers": true, "customer": true, "embeddings": true, "end_user": true,
	"engines": true, "evals": true, "files": true, "fine_tuning": true, "gemini": true, "global": true, "guardrails": true,
	"images": true, "interactions": true, "mcp": true, "messages": true, "model": true, "model_group": true, "moderations": true,
	"ocr": true, "openai": true, "organization": true, "prompts": true, "rag": true, "realtime": true, "rerank": true,
	"responses": true, "search": true, "skills": true, "spend": true, "tag": true, "threads": true, "user": true, "utils": true,
	"v1beta": true, "v2": true, "vector_stores": true, "vertex_ai": true, "vertex-ai": true, "videos": true,
}

// KnowsRoute tells what an entry of allowed_routes is: known when it is a group, a path
// of LiteLLM's or one that is served, and served when it names at least one of the routes
// that are.
func KnowsRoute(entry string, routes []string) (known, served bool) {
	for _, route := range routes {
		if matchesRoute(entry, route) {
			return true, true
		}
	}
	if _, ok := groups[entry]; ok {
		return true, false
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(withoutVersion(entry), "/"), "/")
	return strings.HasPrefix(entry, "/") && elsewhere[strings.TrimSuffix(first, "*")], false
}

// The paths of the services that manage keys and read spend, for typed clients.
const (
	keystoreRPC = "/" + keystorev1connect.KeystoreServiceName + "/"
	budgetRPC   = "/" + budgetv1connect.BudgetServiceName + "/"
)

// readsOnly are the procedures that change nothing and reveal no answer and no secret.
var readsOnly = map[string]bool{
	routerv1connect.RouterServiceCheckProcedure:           true,
	routerv1connect.RouterServiceListModelsProcedure:      true,
	keystorev1connect.KeystoreServiceGetKeyProcedure:      true,
	keystorev1connect.KeystoreServiceListKeysProcedure:    true,
	keystorev1connect.KeystoreServiceGetTenantProcedure:   true,
	keystorev1connect.KeystoreServiceListTenantsProcedure: true,
	budgetv1connect.BudgetServiceListBudgetsProcedure:     true,
	budgetv1connect.BudgetServiceListUsageProcedure:       true,
	budgetv1connect.BudgetServiceGetSpendProcedure:        true,
	budgetv1connect.BudgetServiceWatchUsageProcedure:      true,
	budgetv1connect.BudgetServiceAuditLedgerProcedure:     true,
}

// has reports whether the route is a member, as far as a gateway for chat serves such
// routes. The route has neither `/v1` nor names in its placeholders.
func (g group) has(route string) bool {
	switch g {
	case noGroup:
	case llmAPIRoutes:
		switch route {
		case "/chat/completions", "/completions", "/embeddings", "/models", "/models/{}",
			"/responses", "/responses/{}", "/moderations", "/rerank", "/compressions/omitted/{}", "/cache/feedback":
			return true
		}
		return anthropicRoutes.has(route)
	case anthropicRoutes:
		return route == "/messages" || route == "/messages/count_tokens"
	case infoRoutes:
		switch route {
		case "/key/info", "/key/list", "/team/info", "/team/list", "/user/info", "/model/info", "/model_group/info",
			"/models", "/models/{}", "/health":
			return true
		}
		return readsOnly[route]
	case managementRoutes:
		switch route {
		case "/team/new", "/team/update", "/team/delete", "/team/list", "/team/info", "/team/block", "/team/unblock",
			"/team/credential", "/team/credential/delete",
			"/user/new", "/user/update", "/user/delete", "/user/info", "/user/list",
			"/model/new", "/model/update", "/model/delete", "/model/info", "/cache/invalidate":
			return true
		}
		return keyManagementRoutes.has(route) || strings.HasPrefix(route, keystoreRPC) || strings.HasPrefix(route, budgetRPC)
	case keyManagementRoutes:
		switch route {
		case "/key/generate", "/key/update", "/key/delete", "/key/regenerate", "/key/{}/regenerate",
			"/key/block", "/key/unblock", "/key/info", "/key/list", "/key/aliases", "/spend/logs":
			return true
		}
	case spendRoutes:
		switch route {
		case "/spend/keys", "/spend/users", "/spend/tags", "/spend/calculate", "/spend/logs":
			return true
		}
	case globalSpendRoutes:
		switch route {
		case "/global/spend", "/global/spend/logs", "/global/spend/keys", "/global/spend/teams", "/global/spend/models",
			"/global/spend/report", "/global/spend/provider", "/global/spend/tags":
			return true
		}
	}
	return false
}

func inGroup(g group, route string) bool { return g.has(withoutNames(withoutVersion(route))) }

// withoutNames empties the placeholders of a pattern: `/models/{id...}` is `/models/{}`.
func withoutNames(route string) string {
	before, rest, ok := strings.Cut(route, "{")
	if !ok {
		return route
	}
	_, after, _ := strings.Cut(rest, "}")
	return before + "{}" + withoutNames(after)
}

func listsRoute(list []string, route string) bool {
	if len(list) == 0 {
		return true
	}
	for _, entry := range list {
		if matchesRoute(entry, route) {
			return true
		}
	}
	return false
}

// matchesRoute reports whether an entry of allowed_routes names the route.
func matchesRoute(entry, route string) bool {
	if g := groupOf(entry); g != noGroup {
		return inGroup(g, route)
	}
	if prefix, ok := strings.CutSuffix(entry, "*"); ok {
		return below(prefix, route)
	}
	if entry == "" || entry == "/" {
		return entry == route
	}
	return samePath(withoutVersion(entry), withoutVersion(route)) || below(strings.TrimSuffix(entry, "/")+"/", route)
}

// below reports whether the route begins with the prefix, in one of its two spellings.
// `/v1/` is a prefix of all that callers of models use, and not of the management
// routes, which are served without it alone.
func below(prefix, route string) bool {
	if strings.HasPrefix(route, prefix) || strings.HasPrefix(withoutVersion(route), prefix) {
		return true
	}
	return strings.HasPrefix("/v1"+route, prefix) && inGroup(llmAPIRoutes, route)
}

func withoutVersion(path string) string {
	if strings.HasPrefix(path, "/v1/") {
		return path[len("/v1"):]
	}
	return path
}

// samePath compares segment by segment. A placeholder of the pattern stands for any
// one segment, and for the route's own placeholder whatever its name.
func samePath(pattern, route string) bool {
	for {
		p, pRest, pMore := strings.Cut(pattern, "/")
		r, rRest, rMore := strings.Cut(route, "/")
		if p != r && (!strings.HasPrefix(p, "{") || r == "") || pMore != rMore {
			return false
		}
		if !pMore {
			return true
		}
		pattern, route = pRest, rRest
	}
}

// MatchRoute tells whether a list of allowed routes, in the form of a key's, holds a
// route.
func MatchRoute(list []string, route string) bool { return listsRoute(list, route) }
