package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	"tollgate.dev/e2e/harness"
	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/money"
)

// victim is a tenant that has one of everything, with what must be seen by nobody else.
type victim struct {
	t      *testing.T
	g      *harness.Gateway
	own    *harness.Providers // its own provider
	team   string
	key    harness.Key
	alias  string // its key's
	prompt string
	call   harness.Answer // the first answer to the prompt
	repeat map[string]any // the body that went with idempotencyKey
	// hidden are texts that no other tenant's answer may hold.
	hidden []string
}

const (
	onlyLooks      = "a key that may only look"
	sharedUser     = "carol" // both tenants have one
	idempotencyKey = "the-same-for-all"
)

func newVictim(t *testing.T, g *harness.Gateway, own *harness.Providers) *victim {
	t.Helper()
	v := &victim{t: t, g: g, own: own, alias: "victims-alias", prompt: g.Prompt(t)}
	const teamAlias, metadata, credential = "victims-team-alias", "victims-metadata", "credential-of-the-victim-4711"
	v.hidden = []string{v.alias, teamAlias, metadata, own.Addr, "victims-model-alias"}
	g.Secret(credential)
	v.team = g.NewTeam(map[string]any{
		"team_alias": teamAlias, "max_budget": 5, "metadata": map[string]any{"note": metadata},
		"model_aliases": map[string]any{"victims-model-alias": "private"},
	})
	v.key = g.NewKey(map[string]any{
		"team_id": v.team, "key_alias": v.alias, "user_id": sharedUser, "max_budget": 5, "rpm_limit": 1000, "metadata": map[string]any{"note": metadata},
	})
	v.putCredential(credential)
	harness.Eventually(t, "the victim's calls go to its own provider", func() error {
		g.Complete(v.key.Secret, harness.Chat("m", g.Prompt(t))).MustBe(t, http.StatusOK)
		if own.Totals().Calls == 0 {
			return errNotYet
		}
		return nil
	})
	v.call = g.Complete(v.key.Secret, harness.Chat("m", v.prompt)).MustBe(t, http.StatusOK)
	v.repeat = harness.With(harness.Chat("m", g.Prompt(t)), "cache", map[string]any{"no-cache": true})
	v.again().MustBe(t, http.StatusOK)
	v.hidden = append(v.hidden, v.call.Header.Get("X-Request-Id"))
	g.Usage(t, v.call.Header.Get("X-Request-Id"))
	return v
}

func (v *victim) putCredential(secret string) {
	v.t.Helper()
	v.g.Call(http.MethodPost, "/team/credential", harness.Call{Body: map[string]any{
		"team_id": v.team, "provider": "openai_compatible", "api_key": secret, "api_base": "http://" + v.own.Addr + "/openai/v1",
	}}).MustBe(v.t, http.StatusOK)
}

// again repeats the call that has an Idempotency-Key.
func (v *victim) again() harness.Answer {
	v.t.Helper()
	return v.g.Call(http.MethodPost, completions, harness.Call{
		Key: v.key.Secret, Body: v.repeat, Header: http.Header{"Idempotency-Key": {idempotencyKey}},
	})
}

// limited makes a key of the victim's for one call a minute, and returns what calls by it.
func (v *victim) limited() func(status int) {
	v.t.Helper()
	key := v.g.NewKey(map[string]any{"team_id": v.team, "user_id": sharedUser, "rpm_limit": 1})
	return func(status int) {
		v.t.Helper()
		answer := v.g.Complete(key.Secret, harness.Chat("m", v.g.Prompt(v.t))).MustBe(v.t, status)
		if status == http.StatusOK {
			v.g.Usage(v.t, answer.Header.Get("X-Request-Id"))
		}
	}
}

// state is all that is kept of the victim, as an admin sees it.
func (v *victim) state() string {
	v.t.Helper()
	var b strings.Builder
	for _, path := range []string{"/key/info?key=" + v.key.ID, "/team/info?team_id=" + v.team, "/spend/logs?team_id=" + v.team} {
		fmt.Fprintf(&b, "%s\n", v.g.Call(http.MethodGet, path, harness.Call{}).MustBe(v.t, http.StatusOK).Body)
	}
	budgets, err := v.g.Budget().ListBudgets(v.t.Context(), &budgetv1.ListBudgetsRequest{Scopes: []*budgetv1.Scope{
		{Kind: budgetv1.ScopeKind_SCOPE_KIND_TENANT, Id: v.team}, {Kind: budgetv1.ScopeKind_SCOPE_KIND_KEY, Id: v.key.ID},
		{Kind: budgetv1.ScopeKind_SCOPE_KIND_USER, Id: v.team + "/" + sharedUser},
	}})
	if err != nil {
		v.t.Fatal(err)
	}
	for _, s := range budgets.GetStates() {
		s.LeasedNanos = 0 // it comes and goes without calls
		fmt.Fprintln(&b, prototext.Format(s))
	}
	return b.String()
}

// TestTenantsAreApart tries each route and procedure with another tenant's names, by the keys
// that tenants have: nothing of the other tenant is shown, changed, hit or charged.
func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	shared, own := harness.StartProviders(t), harness.StartProviders(t)
	config := shared.Config("litellm_settings: {cache: true}\n",
		harness.Model{Name: "m", Upstream: "openai/gpt-4o"}, harness.Model{Name: "private", Upstream: "openai/gpt-4o-mini"})
	config = strings.Replace(config, fmt.Sprintf("[%q]", shared.Addr), fmt.Sprintf("[%q, %q]", shared.Addr, own.Addr), 1)
	g := harness.Start(t, harness.Options{Config: config})
	v := newVictim(t, g, own)
	limits := map[string]any{"models": []string{"m"}, "user_id": sharedUser, "max_budget": 5, "rpm_limit": 1000}
	attackers := map[string]harness.Key{
		"a key of another team": g.NewTenantKey(limits),
		"a key of no team":      g.NewKey(limits),
		onlyLooks: g.NewTenantKey(map[string]any{
			"models": []string{"m"}, "user_id": sharedUser, "key_type": "read_only",
		}),
	}
	// One limit of the victim's is used up before, one is not.
	full := v.limited()
	full(http.StatusOK)
	full(http.StatusTooManyRequests)
	free := v.limited()
	before, callsBefore := v.state(), own.Totals().Calls
	for name, attacker := range attackers {
		a := attack{t: t, g: g, v: v, who: name, key: attacker, calls: name != onlyLooks}
		a.looks()
		a.changes()
		a.procedures()
		if a.calls {
			a.completes()
		}
	}
	if n := own.Totals().Calls; n != callsBefore {
		t.Errorf("the victim's own provider was called %d times by others", n-callsBefore)
	}
	if after := v.state(); after != before {
		t.Errorf("the victim was\n%s\nand is\n%s", before, after)
	}
	// What is the victim's is still there.
	free(http.StatusOK)
	free(http.StatusTooManyRequests)
	if hit := g.Complete(v.key.Secret, harness.Chat("m", v.prompt)).MustBe(t, http.StatusOK).Header.Get("X-Cache"); hit != "hit" {
		t.Errorf("the victim's cached answer is a %s", hit)
	}
	if replayed := v.again().MustBe(t, http.StatusOK).Header.Get("Idempotent-Replayed"); replayed != "true" {
		t.Error("the victim's answer is not replayed")
	}
}

// attack is what a key tries at another tenant.
type attack struct {
	t     *testing.T
	g     *harness.Gateway
	v     *victim
	who   string
	key   harness.Key
	calls bool
}

// try makes a request and holds the answer to hide what is the victim's.
func (a *attack) try(method, path string, call harness.Call) harness.Answer {
	a.t.Helper()
	call.Key = a.key.Secret
	answer := a.g.Call(method, path, call)
	sent := fmt.Sprint(path, call.Body, call.Header)
	for _, hidden := range a.v.hidden {
		shown := string(answer.Body) + fmt.Sprint(answer.Header, answer.Trailer)
		if strings.Contains(shown, hidden) && !strings.Contains(sent, hidden) {
			a.t.Errorf("%s: %s %s shows %q: %s", a.who, method, path, hidden, shown)
		}
	}
	return answer
}

// refused holds an answer to be one of a route that is for admins, or of what is another's.
func (a *attack) refused(what string, answer harness.Answer) {
	a.t.Helper()
	if code := answer.Error(a.t).Code; answer.Status != http.StatusForbidden || code != "tenant_mismatch" && code != "route_not_allowed" {
		a.t.Errorf("%s: %s: %d %s", a.who, what, answer.Status, answer.Body)
	}
}

func (a *attack) looks() {
	a.t.Helper()
	v := a.v
	for _, path := range []string{
		"/key/info?key=" + v.key.ID, "/team/info?team_id=" + v.team,
		"/key/list", "/key/list?team_id=" + v.team, "/key/list?key_alias=" + v.alias, "/team/list",
		"/spend/logs?team_id=" + v.team, "/spend/logs?api_key=" + v.key.ID, "/spend/logs?team_id=" + v.team + "&user_id=" + sharedUser,
		"/global/spend", "/global/spend/keys", "/global/spend/models", "/global/spend/teams",
	} {
		a.refused(path, a.try(http.MethodGet, path, harness.Call{}))
	}
	// An alias names a key of one's own, if it names one.
	if answer := a.try(http.MethodGet, "/key/info?key="+v.alias, harness.Call{}); answer.Status == http.StatusOK {
		a.t.Errorf("/key/info by another's alias: %s", answer.Body)
	}
	if a.calls {
		a.looksAtSpend()
	}
	lists := []string{"/v1/models", "/model/info", "/health"}
	for _, path := range lists {
		if answer := a.try(http.MethodGet, path, harness.Call{}).MustBe(a.t, http.StatusOK); strings.Contains(string(answer.Body), `"private"`) {
			a.t.Errorf("%s shows a model that the key may not use: %s", path, answer.Body)
		}
	}
	for _, path := range []string{"/v1/models/private", "/v1/models/victims-model-alias"} {
		if answer := a.try(http.MethodGet, path, harness.Call{}); answer.Status != http.StatusNotFound && answer.Status != http.StatusForbidden {
			a.t.Errorf("%s: %d %s", path, answer.Status, answer.Body)
		}
	}
	// X-Tenant-Id names the caller's own tenant or none, wherever it is read.
	for _, path := range append(lists, "/key/info") {
		answer := a.try(http.MethodGet, path, harness.Call{Header: http.Header{"X-Tenant-Id": {v.team}}})
		answer.MustBe(a.t, http.StatusForbidden, "tenant_mismatch")
	}
}

// looksAtSpend reads the log, which a key has of its own calls and its team's.
func (a *attack) looksAtSpend() {
	a.t.Helper()
	v := a.v
	for _, query := range []url.Values{
		{"request_id": {v.call.Header.Get("X-Request-Id")}}, {"user_id": {sharedUser}}, {},
	} {
		var rows []spendRow
		a.try(http.MethodGet, "/spend/logs?"+query.Encode(), harness.Call{}).MustBe(a.t, http.StatusOK).JSON(a.t, &rows)
		if slices.ContainsFunc(rows, func(r spendRow) bool { return r.APIKey == v.key.ID || r.TeamID == v.team }) {
			a.t.Errorf("/spend/logs?%s shows the victim's rows", query.Encode())
		}
	}
	// The victim's cursor is none of anybody else's.
	page := v.g.Call(http.MethodGet, "/spend/logs?limit=1", harness.Call{Key: v.key.Secret}).MustBe(a.t, http.StatusOK)
	if cursor := page.Header.Get("X-Next-Cursor"); cursor == "" {
		a.t.Error("the victim's log has one page")
	} else if answer := a.try(http.MethodGet, "/spend/logs?limit=1&cursor="+url.QueryEscape(cursor), harness.Call{}); strings.Contains(string(answer.Body), v.key.ID) {
		a.t.Errorf("the victim's cursor shows %s", answer.Body)
	}
	a.try(http.MethodGet, "/spend/logs", harness.Call{Header: http.Header{"X-Tenant-Id": {v.team}}}).MustBe(a.t, http.StatusForbidden, "tenant_mismatch")
}

func (a *attack) changes() {
	a.t.Helper()
	v := a.v
	key, keys := map[string]any{"key": v.key.ID}, map[string]any{"keys": []string{v.key.ID}}
	for _, c := range []struct {
		path string
		body map[string]any
	}{
		{"/key/generate", map[string]any{"team_id": v.team}},
		{"/key/update", map[string]any{"key": v.key.ID, "max_budget": 1000}},
		{"/key/update", map[string]any{"key": a.key.ID, "team_id": v.team}},
		{"/key/delete", keys},
		{"/key/delete", map[string]any{"key_aliases": []string{v.alias}}},
		{"/key/block", key},
		{"/key/unblock", key},
		{"/key/regenerate", key},
		{"/key/" + v.key.ID + "/regenerate", map[string]any{}},
		{"/team/new", map[string]any{"team_id": v.team}},
		{"/team/update", map[string]any{"team_id": v.team, "blocked": true}},
		{"/team/delete", map[string]any{"team_ids": []string{v.team}}},
		{"/team/credential", map[string]any{"team_id": v.team, "provider": "openai", "api_key": "sk-of-the-attacker"}},
		{"/team/credential/delete", map[string]any{"team_id": v.team, "provider": "openai_compatible"}},
	} {
		a.refused(c.path, a.try(http.MethodPost, c.path, harness.Call{Body: c.body}))
		// What was done for the victim under a key of repetition is not told to others.
		a.refused(c.path, a.try(http.MethodPost, c.path, harness.Call{Body: c.body, Header: http.Header{"Idempotency-Key": {idempotencyKey}}}))
	}
	a.refused("feedback", a.try(http.MethodPost, "/v1/cache/feedback", harness.Call{Body: map[string]any{
		"model": "m", "entryId": strings.Repeat("A", 43), "wrong": true, "tenant_id": v.team,
	}}))
	for _, namespace := range []string{v.team, v.team + ":openai", v.team + ":openai:m", v.key.ID, "*", v.team + ":*"} {
		a.refused("invalidate "+namespace, a.try(http.MethodPost, "/v1/cache/invalidate", harness.Call{Body: map[string]any{"namespace": namespace}}))
	}
}

// procedures calls every procedure there is, whoever may.
func (a *attack) procedures() {
	a.t.Helper()
	for _, procedure := range everyProcedure() {
		a.try(http.MethodPost, procedure, harness.Call{Body: "{}"}).MustBe(a.t, http.StatusForbidden)
	}
}

func (a *attack) completes() {
	a.t.Helper()
	v := a.v
	ask := func(call harness.Call) harness.Answer {
		a.t.Helper()
		return a.try(http.MethodPost, completions, call)
	}
	ask(harness.Call{Body: harness.Chat("m", v.prompt), Header: http.Header{"X-Tenant-Id": {v.team}}}).MustBe(a.t, http.StatusForbidden, "tenant_mismatch")
	ask(harness.Call{Body: harness.Chat("private", v.prompt)}).MustBe(a.t, http.StatusForbidden, "model_not_allowed")
	ask(harness.Call{Body: harness.Chat("victims-model-alias", v.prompt)}).MustBe(a.t, http.StatusNotFound, "model_not_found")

	var spent money.Nano
	for what, call := range map[string]harness.Call{
		"the victim's prompt":            {Body: harness.Chat("m", v.prompt)},
		"a partition named as the team":  {Body: harness.With(harness.Chat("m", v.prompt), "cache", map[string]any{"namespace": v.team})},
		"a partition with the team's in": {Body: harness.With(harness.Chat("m", v.prompt), "cache", map[string]any{"namespace": "x:" + v.team + ":openai:m"})},
		"the victim's user and platform": {Body: harness.With(harness.Chat("m", v.prompt), "cache", map[string]any{"namespace": "by-user"}), Header: http.Header{
			"X-User-Id": {sharedUser}, "X-Platform-Id": {v.team},
		}},
		"the victim's Idempotency-Key": {Body: v.repeat, Header: http.Header{"Idempotency-Key": {idempotencyKey}}},
		"the victim's request id": {Body: harness.Chat("m", a.g.Prompt(a.t)), Header: http.Header{
			"X-Request-Id": {v.call.Header.Get("X-Request-Id")},
		}},
	} {
		answer := ask(call).MustBe(a.t, http.StatusOK)
		if answer.Header.Get("X-Cache") == "hit" || answer.Header.Get("Idempotent-Replayed") != "" {
			a.t.Errorf("%s is answered by what is the victim's: %v", what, answer.Header)
		}
		n, err := cost(answer)
		if err != nil || n <= 0 {
			a.t.Errorf("%s cost %v, %v", what, n, err)
		}
		spent += n
	}
	// Another body with the same Idempotency-Key is the attacker's own mismatch.
	ask(harness.Call{Body: harness.Chat("m", v.prompt), Header: http.Header{"Idempotency-Key": {idempotencyKey}}}).
		MustBe(a.t, http.StatusUnprocessableEntity, "idempotency_mismatch")
	harness.Eventually(a.t, "the caller is charged", func() error {
		var sum money.Nano
		for _, r := range a.g.UsageOf(a.t, a.key.ID) {
			sum += money.Nano(r.GetCostNanos())
		}
		if sum != spent {
			return fmt.Errorf("%v of %v", sum, spent)
		}
		return nil
	})
}
