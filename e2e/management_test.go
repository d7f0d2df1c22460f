package e2e_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
)

// TestKeyTypes tries each of LiteLLM's key types on routes of each kind. What a type may
// not call it may not call over RPC either.
func TestKeyTypes(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	team := g.NewTeam(nil)
	type route struct{ method, path string }
	chat, models := route{http.MethodPost, completions}, route{http.MethodGet, "/v1/models"}
	list, issue, own := route{http.MethodGet, "/key/list"}, route{http.MethodPost, "/key/generate"}, route{http.MethodGet, "/key/info"}
	complete := route{http.MethodPost, "/tollgate.router.v1.RouterService/Complete"}
	spend := route{http.MethodPost, "/tollgate.budget.v1.BudgetService/GetSpend"}
	routes := []route{chat, models, list, issue, own, complete, spend}
	for name, tc := range map[string]struct {
		fields map[string]any
		may    []route
	}{
		"default":            {map[string]any{"key_type": "default"}, []route{chat, models, own}},
		"llm_api":            {map[string]any{"key_type": "llm_api"}, []route{chat, models}},
		"management":         {map[string]any{"key_type": "management"}, []route{list, issue, own, spend}},
		"read_only":          {map[string]any{"key_type": "read_only"}, []route{models, own}},
		"the admin scope":    {map[string]any{"scopes": []string{"admin"}}, []route{chat, models, list, issue, own, complete, spend}},
		"admin, and reading": {map[string]any{"scopes": []string{"admin", "read_only"}}, []route{models, list, own, spend}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := g.For(t)
			tc.fields["team_id"] = team
			key := g.NewKey(tc.fields)
			for _, r := range routes {
				var body any
				switch r {
				case chat:
					body = harness.Chat("gpt-4o-mini", g.Prompt(t))
				case issue, complete, spend:
					body = map[string]any{}
				}
				answer := g.Call(r.method, r.path, harness.Call{Key: key.Secret, Body: body})
				if may := answer.Status != http.StatusForbidden; may != slices.Contains(tc.may, r) {
					t.Errorf("%s %s is answered by %d: %s", r.method, r.path, answer.Status, answer.Body)
				}
				if r == issue && answer.Status == http.StatusOK {
					var made harness.Key
					answer.JSON(t, &made)
					g.Secret(made.Secret)
				}
			}
		})
	}
	t.Run("a type that changes", func(t *testing.T) {
		g := g.For(t)
		key := g.NewKey(map[string]any{"key_type": "management"})
		g.Call(http.MethodPost, "/key/update", harness.Call{Body: map[string]any{"key": key.Secret, "key_type": "default"}}).MustBe(t, http.StatusOK)
		harness.Eventually(t, "the key may call models", func() error {
			return g.Complete(key.Secret, harness.Chat("gpt-4o-mini", g.Prompt(t))).Is(http.StatusOK)
		})
		g.Call(http.MethodGet, "/key/list", harness.Call{Key: key.Secret}).MustBe(t, http.StatusForbidden, "route_not_allowed")
	})
}

// TestPoliciesAreShown has keys and teams show how their answers are cached and their prompts
// compressed, as they were set.
func TestPoliciesAreShown(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	type shown struct {
		Cache       any
		Compression any
	}
	caching := map[string]any{
		"disabled": false, "ttl": 60.0, "tier": "semantic", "similarity_threshold": 0.9,
		"models": map[string]any{"gpt-4o": map[string]any{"tier": "near", "similarity_threshold": 0.0}},
	}
	policies := map[string]any{"cache": caching, "compression": "rag"}
	want := shown{caching, "rag"}
	var team struct {
		Info shown `json:"team_info"`
	}
	id := g.NewTeam(policies)
	g.Call(http.MethodGet, "/team/info?team_id="+id, harness.Call{}).MustBe(t, http.StatusOK).JSON(t, &team)
	if !reflect.DeepEqual(team.Info, want) {
		t.Errorf("the team shows %v, want %v", team.Info, want)
	}
	for name, tc := range map[string]struct {
		body map[string]any
		want shown
	}{"a key's own": {policies, want}, "the team's": {map[string]any{"team_id": id}, shown{}}} {
		var made shown
		g.Call(http.MethodPost, "/key/generate", harness.Call{Body: tc.body}).MustBe(t, http.StatusOK).JSON(t, &made)
		if !reflect.DeepEqual(made, tc.want) {
			t.Errorf("%s: the new key shows %v, want %v", name, made, tc.want)
		}
	}
}

// TestManagementFaults sends management requests that are wrong. Each is refused with the
// name that the caller gave the member at fault, and changes nothing.
func TestManagementFaults(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	team := g.NewTeam(map[string]any{"team_id": "taken"})
	key := g.NewKey(map[string]any{"team_id": team, "key_alias": "taken"})
	type body = map[string]any
	long := strings.Repeat("x", 300)
	limits := map[string]struct {
		body  body
		param string
	}{
		"a negative limit":              {body{"rpm_limit": -1}, "rpm_limit"},
		"negative tokens":               {body{"tpm_limit": -1}, "tpm_limit"},
		"negative parallel requests":    {body{"max_parallel_requests": -1}, "max_parallel_requests"},
		"a model's negative limit":      {body{"model_rpm_limit": body{"gpt-4o": -1}}, "model_rpm_limit"},
		"a model's negative tokens":     {body{"model_tpm_limit": body{"gpt-4o": -1}}, "model_tpm_limit"},
		"a limit that is a text":        {body{"rpm_limit": "many"}, "rpm_limit"},
		"a tier that there is not":      {body{"cache": body{"tier": "fuzzy"}}, "cache.tier"},
		"a threshold above all":         {body{"cache": body{"similarity_threshold": 1.5}}, "cache.similarity_threshold"},
		"a model's negative life":       {body{"cache": body{"models": body{"m": body{"ttl": -1}}}}, "cache.models.m.ttl"},
		"a negative budget":             {body{"max_budget": -0.5}, "max_budget"},
		"a budget beyond all":           {body{"max_budget": 1e12}, "max_budget"},
		"a budget beyond its bound":     {body{"max_budget": 9e9}, "max_budget"},
		"a soft budget beyond its own":  {body{"soft_budget": 9e9}, "soft_budget"},
		"a window that is none":         {body{"max_budget": 1, "budget_duration": "fortnight"}, "budget_duration"},
		"a soft budget's window":        {body{"soft_budget": 1, "budget_duration": "0d"}, "budget_duration"},
		"a window without a budget":     {body{"budget_duration": "1d"}, "budget_duration"},
		"a time zone that is none":      {body{"max_budget": 1, "budget_duration": "1d", "time_zone": "Moon/Tycho"}, "time_zone"},
		"a time zone without a budget":  {body{"time_zone": "Europe/Paris"}, "time_zone"},
		"the second of several windows": {body{"budget_limits": []any{body{"budget_duration": "1d", "max_budget": 1}, body{"budget_duration": "?", "max_budget": 1}}}, "budget_limits[1].budget_duration"},
		"two budgets for one window":    {body{"budget_limits": []any{body{"budget_duration": "1mo", "max_budget": 1}, body{"budget_duration": "month", "max_budget": 2}}}, "budget_limits[1].budget_duration"},
		"two, one of them by itself":    {body{"max_budget": 1, "budget_duration": "1d", "budget_limits": []any{body{"budget_duration": "1d", "max_budget": 2}}}, "budget_limits[0].budget_duration"},
		"a member by a service's name":  {body{"secret": "sk-1234567890123456789"}, "secret"},
		"a window without an amount":    {body{"budget_limits": []any{body{"budget_duration": "1d"}}}, "budget_limits[0]"},
		"a star within a model's name":  {body{"models": []string{"gpt-4o", "gpt-*-mini"}}, "models[1]"},
		"an empty model":                {body{"models": []string{""}}, "models[0]"},
		"a tag that is too long":        {body{"tags": []string{long}}, "tags[0]"},
		"metadata that is no object":    {body{"metadata": []int{1}}, "metadata"},
		"a profile that is no name":     {body{"compression": "a b"}, "compression"},
		"a profile that nobody has":     {body{"compression": "tiny"}, "compression"},
		"a model's limit that is null":  {body{"model_rpm_limit": body{"gpt-4o": nil}}, "model_rpm_limit.gpt-4o"},
		"a negative life of answers":    {body{"cache": body{"ttl": -1}}, "cache.ttl"},
		"an endless life of answers":    {body{"cache": body{"ttl": int64(1) << 60}}, "cache.ttl"},
		"a route that nobody has":       {body{"allowed_routes": []string{"llm_api_routes", "chat"}}, "allowed_routes[1]"},
		"a slip in a route":             {body{"allowed_routes": []string{"/chat/completion"}}, "allowed_routes[0]"},
		"a group that nobody has":       {body{"allowed_routes": []string{"llm_routes"}}, "allowed_routes[0]"},
		"a member that nobody knows":    {body{"rpm_limt": 1}, "rpm_limt"},
		"a limit that is not kept":      {body{"model_max_budget": body{"gpt-4o": 1}}, "model_max_budget"},
		"two kinds of budget":           {body{"max_budget": 1, "soft_budget": 1}, "soft_budget"},
	}
	keys := map[string]struct {
		body  body
		param string
	}{
		"an alias that is too long":    {body{"key_alias": long}, "key_alias"},
		"an alias of another type":     {body{"key_alias": 7}, "key_alias"},
		"an alias with a line's end":   {body{"key_alias": "a\nb"}, "key_alias"},
		"a taken alias":                {body{"key_alias": "taken", "team_id": team}, "key_alias"},
		"an unknown team":              {body{"team_id": "nobody"}, "team_id"},
		"a team that cannot be":        {body{"team_id": "a b"}, "team_id"},
		"a life that is none":          {body{"duration": "-5d"}, "duration"},
		"a life beyond all":            {body{"duration": "99999999999999999999d"}, "duration"},
		"a scope that nobody has":      {body{"scopes": []string{"admin", "root"}}, "scopes[1]"},
		"a type that nobody has":       {body{"key_type": "root"}, "key_type"},
		"a type with routes beside":    {body{"key_type": "llm_api", "allowed_routes": []string{"/key/*"}}, "allowed_routes"},
		"a type with scopes beside":    {body{"key_type": "read_only", "scopes": []string{"admin"}}, "scopes"},
		"aliases of no model":          {body{"aliases": body{"": "gpt-4o"}}, "aliases"},
		"a team's member":              {body{"model_aliases": body{"a": "b"}}, "model_aliases"},
		"a secret that is too short":   {body{"key": "sk-short"}, "key"},
		"a secret that is taken":       {body{"key": key.Secret}, "key"},
		"a secret of the wrong letter": {body{"key": "sk-" + strings.Repeat("é", 20)}, "key"},
	}
	teams := map[string]struct {
		body  body
		param string
	}{
		"a taken id":                 {body{"team_id": "taken"}, "team_id"},
		"an id with a slash":         {body{"team_id": "a/b"}, "team_id"},
		"an alias that is too long":  {body{"team_alias": long}, "team_alias"},
		"a platform that cannot be":  {body{"platform_id": "a b"}, "platform_id"},
		"a role that nobody has":     {body{"members_with_roles": []any{body{"user_id": "u", "role": "king"}}}, "members_with_roles[0].role"},
		"a member without a name":    {body{"members_with_roles": []any{body{"role": "user"}}}, "members_with_roles[0].user_id"},
		"a member's unknown member":  {body{"members_with_roles": []any{body{"role": "user", "user_id": "u", "rank": 1}}}, "members_with_roles[0].rank"},
		"aliases of no model":        {body{"model_aliases": body{"": "gpt-4o"}}, "model_aliases"},
		"a limit of members":         {body{"team_member_budget": 1}, "team_member_budget"},
		"an alias list of the key's": {body{"aliases": body{"a": "b"}}, "aliases"},
	}
	check := func(name, path string, b any, param string) {
		t.Helper()
		t.Run(path+" "+name, func(t *testing.T) {
			answer := g.For(t).Call(http.MethodPost, path, harness.Call{Body: b})
			if answer.Status/100 != 4 {
				t.Fatalf("answered by %d: %s", answer.Status, answer.Body)
			}
			e := answer.Error(t)
			got := ""
			if e.Param != nil {
				got = *e.Param
			}
			if got != param || e.Message == "" || strings.HasPrefix(e.Message, "it ") {
				t.Errorf("%s blames %q, want %q: %s", e.Code, got, param, e.Message)
			}
		})
	}
	for name, tc := range limits {
		check(name, "/key/generate", tc.body, tc.param)
		check(name, "/team/new", tc.body, tc.param)
	}
	for name, tc := range keys {
		check(name, "/key/generate", tc.body, tc.param)
	}
	for name, tc := range teams {
		check(name, "/team/new", tc.body, tc.param)
	}
	for name, tc := range map[string]struct {
		path  string
		body  any
		param string
	}{
		"no key":                        {"/key/update", body{"rpm_limit": 1}, "key"},
		"an unknown key":                {"/key/update", body{"key": "sk-nobody-has-this-key", "rpm_limit": 1}, "key"},
		"an unknown key, no change":     {"/key/update", body{"key": "nobody"}, "key"},
		"a negative limit":              {"/key/update", body{"key": key.ID, "rpm_limit": -1}, "rpm_limit"},
		"a team that nobody has":        {"/key/update", body{"key": key.ID, "team_id": "nobody"}, "team_id"},
		"nothing to delete":             {"/key/delete", body{}, "keys"},
		"an unknown key of two":         {"/key/delete", body{"keys": []string{key.ID, "nobody"}}, "keys[1]"},
		"an unknown alias":              {"/key/delete", body{"keys": []string{key.ID}, "key_aliases": []string{"taken", "nobody"}}, "key_aliases[1]"},
		"a slip":                        {"/key/delete", body{"key": key.ID}, "key"},
		"no key to block":               {"/key/block", body{}, "key"},
		"an unknown key to block":       {"/key/block", body{"key": "nobody"}, "key"},
		"an unknown key to regenerate":  {"/key/regenerate", body{"key": "nobody"}, "key"},
		"a new secret that is short":    {"/key/regenerate", body{"key": key.ID, "new_key": "sk-short"}, "new_key"},
		"a grace period that is none":   {"/key/regenerate", body{"key": key.ID, "grace_period": "soon"}, "grace_period"},
		"a grace period that is long":   {"/key/regenerate", body{"key": key.ID, "grace_period": "91d"}, "grace_period"},
		"a limit with a new secret":     {"/key/" + key.ID + "/regenerate", body{"rpm_limit": -1}, "rpm_limit"},
		"no team":                       {"/team/update", body{"rpm_limit": 1}, "team_id"},
		"an unknown team":               {"/team/update", body{"team_id": "nobody", "rpm_limit": 1}, "team_id"},
		"an unknown team, no change":    {"/team/update", body{"team_id": "nobody"}, "team_id"},
		"no team to delete":             {"/team/delete", body{}, "team_ids"},
		"an unknown team to delete":     {"/team/delete", body{"team_ids": []string{team, "nobody"}}, "team_ids[1]"},
		"an unknown team's credential":  {"/team/credential", body{"team_id": "nobody", "provider": "openai", "api_key": "x"}, "team_id"},
		"an unknown provider":           {"/team/credential", body{"team_id": team, "provider": "oracle", "api_key": "x"}, "provider"},
		"a credential without a key":    {"/team/credential", body{"team_id": team, "provider": "openai"}, "api_key"},
		"no credential to delete":       {"/team/credential/delete", body{"team_id": team, "provider": "openai"}, "provider"},
		"a namespace of the wrong type": {"/cache/invalidate", body{"namespace": 5}, "namespace"},
		"a namespace with a gap":        {"/cache/invalidate", body{"namespace": team + "::gpt-4o"}, "namespace"},
		"a namespace cut short":         {"/cache/invalidate", body{"namespace": team + ":"}, "namespace"},
		"a member of the cache's":       {"/cache/invalidate", body{"namespace": "t", "ttl_override": 5}, "ttl_override"},
		"an entry that is none":         {"/cache/invalidate", body{"namespace": "t", "entryId": "x"}, "entryId"},
		"feedback without a verdict":    {"/cache/feedback", body{"model": "gpt-4o", "entryId": strings.Repeat("A", 43)}, "wrong"},
		"feedback on no entry":          {"/cache/feedback", body{"model": "gpt-4o", "entryId": "x", "wrong": true}, "entryId"},
		"no object":                     {"/key/generate", "[]", ""},
		"null":                          {"/key/generate", "null", ""},
		"more than an object":           {"/key/generate", "{} {}", ""},
		"half an object":                {"/team/new", `{"team_id": "half"`, ""},
	} {
		check(name, tc.path, tc.body, tc.param)
	}
	// Nothing was made, and nothing changed.
	var made struct {
		Total int `json:"total_count"`
	}
	g.Call(http.MethodGet, "/key/list", harness.Call{}).MustBe(t, http.StatusOK).JSON(t, &made)
	var listed []struct {
		ID string `json:"team_id"`
	}
	g.Call(http.MethodGet, "/team/list", harness.Call{}).MustBe(t, http.StatusOK).JSON(t, &listed)
	if made.Total != 1 || len(listed) != 1 {
		t.Errorf("there are %d keys and the teams %+v, want one of each", made.Total, listed)
	}
	g.Complete(key.Secret, harness.Chat("gpt-4o-mini", g.Prompt(t))).MustBe(t, http.StatusOK)
}

// TestIgnoredMembers sends members of LiteLLM's that have no effect here: the answer names
// them, and those that say nothing are not named.
func TestIgnoredMembers(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	type body = map[string]any
	crowd := body{}
	for i := range 17 {
		crowd[fmt.Sprint("no-model-", i)] = body{"tier": "exact"}
	}
	for path, tc := range map[string]struct {
		body body
		want []string
	}{
		"/key/update": {body{"key": g.NewKey(nil).Secret, "cache": body{"models": crowd}}, []string{"cache.models"}},
		"/team/update": {body{"team_id": g.NewTeam(nil), "cache": body{"models": body{"gpt-4o": body{"tier": "exact"}, "gpt-4o-minni": body{"disabled": true}}},
			"model_rpm_limit": body{"gpt-4o-mini": 5, "gpt-0": 5}, "model_tpm_limit": body{"gpt-0": 5}}, []string{"cache.models.gpt-4o-minni", "model_rpm_limit.gpt-0", "model_tpm_limit.gpt-0"}},
		"/key/generate": {body{"organization_id": "o", "guardrails": []string{"g"}, "permissions": body{}, "config": nil, "spend": 0}, []string{"guardrails", "organization_id"}},
		"/team/new":     {body{"organization_id": "o", "admins": []string{}, "members_with_roles": []any{body{"role": "user", "user_id": "u", "user_email": "e"}}}, []string{"members_with_roles[0].user_email", "organization_id"}},
		"/key/regenerate": {body{"key": g.NewKey(nil).Secret, "rpm_limit": 5, "send_invite_email": true,
			"allowed_routes": []string{"llm_api_routes", "/v1/audio/speech"}}, []string{"allowed_routes[1]", "send_invite_email"}},
	} {
		answer := g.Call(http.MethodPost, path, harness.Call{Body: tc.body}).MustBe(t, http.StatusOK)
		var view struct {
			Key string `json:"key"`
			RPM int    `json:"rpm_limit"`
		}
		answer.JSON(t, &view)
		if view.Key != "" && path != "/key/update" { // which answers with the key's id
			g.Secret(view.Key)
		}
		if path == "/key/regenerate" && view.RPM != 5 {
			t.Errorf("a limit that came with a new secret is %d", view.RPM)
		}
		if got := slices.Sorted(slices.Values(answer.Header["X-Tollgate-Ignored-Params"])); !slices.Equal(got, tc.want) {
			t.Errorf("%s: ignored are %q, want %q", path, got, tc.want)
		}
	}
	if got := g.Call(http.MethodPost, "/key/generate", harness.Call{Body: body{"rpm_limit": 1}}).Header["X-Tollgate-Ignored-Params"]; got != nil {
		t.Errorf("a plain request is answered with %q", got)
	}
}

// TestListQueries asks for keys and teams with filters: each holds, is named as one that
// has no effect, or is refused.
func TestListQueries(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{})
	team := g.NewTeam(nil)
	one := g.NewKey(map[string]any{"team_id": team, "key_alias": "one", "user_id": "u"})
	two := g.NewKey(nil)
	for query, want := range map[string]struct {
		ids     []string
		ignored []string
	}{
		"":                                      {[]string{two.ID, one.ID}, nil},
		"key_alias=one":                         {[]string{one.ID}, nil},
		"user_id=u&team_id=" + team:             {[]string{one.ID}, nil},
		"user_id=nobody":                        {[]string{}, nil},
		"key_hash=" + two.ID:                    {[]string{two.ID}, nil},
		"key_hash=" + one.ID + "&team_id=other": {[]string{}, nil},
		"key_hash=nobody":                       {[]string{}, nil},
		"size=1&page=2":                         {[]string{one.ID}, nil},
		"sort_by=spend&include_team_keys=false": {[]string{two.ID, one.ID}, []string{"sort_by"}},
	} {
		answer := g.Call(http.MethodGet, "/key/list?"+query, harness.Call{}).MustBe(t, http.StatusOK)
		var list struct {
			Keys  []string `json:"keys"`
			Total int      `json:"total_count"`
		}
		answer.JSON(t, &list)
		if !slices.Equal(list.Keys, want.ids) || !slices.Equal(answer.Header["X-Tollgate-Ignored-Params"], want.ignored) {
			t.Errorf("%s: the keys %q, ignored %q; want %+v", query, list.Keys, answer.Header["X-Tollgate-Ignored-Params"], want)
		}
	}
	var full struct {
		Keys []harness.Key `json:"keys"`
	}
	g.Call(http.MethodGet, "/key/list?return_full_object=True&key_alias=one", harness.Call{}).MustBe(t, http.StatusOK).JSON(t, &full)
	if len(full.Keys) != 1 || full.Keys[0].ID != one.ID || full.Keys[0].Secret != "" {
		t.Errorf("whole keys: %+v", full.Keys)
	}
	for query, param := range map[string]string{
		"/key/list?team=" + team: "team", "/key/list?keyhash=x": "keyhash", "/key/list?page=0": "page", "/key/list?page=1.5": "page",
		"/key/list?size=101": "size", "/key/list?size=-1": "size", "/key/list?page=99999999999999999999": "page",
		"/key/list?return_full_object=maybe": "return_full_object", "/key/list?page=1&page=2": "page", "/key/list?a=%zz": "",
		"/key/info?id=x": "id", "/team/info?id=x": "id", "/team/list?limit=1001": "limit", "/team/list?cursor=x!": "cursor",
	} {
		e := g.Call(http.MethodGet, query, harness.Call{}).MustBe(t, http.StatusBadRequest, "invalid_request").Error(t)
		if (e.Param == nil) != (param == "") || e.Param != nil && *e.Param != param {
			t.Errorf("%s blames %v: %s", query, e.Param, e.Message)
		}
	}
}
