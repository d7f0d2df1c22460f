package admission

import "strings"

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

// groupOf finds a group by the name that allowed_routes gives it
// (https://github.com/BerriAI/litellm, litellm/proxy/_types.py, class LiteLLMRoutes,
// November 2026).
func groupOf(name string) group {
	switch name {
	case "llm_api_routes", "openai_routes":
		return llmAPIRoutes
	case "anthropic_routes":
		return anthropicRoutes
	case "info_routes":
		return infoRoutes
	case "management_routes":
		return managementRoutes
	case "key_management_routes":
		return keyManagementRoutes
	case "spend_tracking_routes":
		return spendRoutes
	case "global_spend_tracking_routes":
		return globalSpendRoutes
	}
	return noGroup
}

// has reports whether the route is a member, as far as a gateway for chat serves such
// routes. The route has neither `/v1` nor names in its placeholders.
func (g group) has(route string) bool {
	switch g {
	case noGroup:
	case llmAPIRoutes:
		switch route {
		case "/chat/completions", "/completions", "/embeddings", "/models", "/models/{}",
			"/responses", "/responses/{}", "/moderations", "/rerank":
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
	case managementRoutes:
		switch route {
		case "/team/new", "/team/update", "/team/delete", "/team/list", "/team/info", "/team/block", "/team/unblock",
			"/team/credential", "/team/credential/delete",
			"/user/new", "/user/update", "/user/delete", "/user/info", "/user/list",
			"/model/new", "/model/update", "/model/delete", "/model/info", "/cache/invalidate":
			return true
		}
		return keyManagementRoutes.has(route)
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
