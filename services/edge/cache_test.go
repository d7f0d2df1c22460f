package edge_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
)

// TestWhoMayPurgeWhat invalidates answers: a tenant's key its tenant's, a key without a
// tenant its own, an administrator anybody's.
func TestWhoMayPurgeWhat(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		key, namespace string
		status         int
		gone           string // whose answer is gone
	}{
		"its tenant's":                {acmeKey, "acme", 200, acmeKey},
		"its tenant's, of a provider": {acmeKey, "acme:openai", 200, acmeKey},
		"its tenant's, of a model":    {acmeKey, "acme:openai:m", 200, acmeKey},
		"its tenant's, of another":    {acmeKey, "acme:openai:n", 404, ""},
		"another's":                   {acmeKey, "key/key-of-loner", 403, ""},
		"its own":                     {lonerKey, "key/key-of-loner", 200, lonerKey},
		"its own, of a model":         {lonerKey, "key/key-of-loner:openai:m", 200, lonerKey},
		"a tenant's":                  {lonerKey, "acme", 403, ""},
		"a key's, by the master key":  {masterKey, "key/key-of-loner", 200, lonerKey},
		"the master key's":            {masterKey, "key/master", 200, masterKey},
		"nobody's":                    {masterKey, ":openai", 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			ask := func(key string) string {
				return r.do(http.MethodPost, chatPath, call{key: key, body: chat("Hi")}).header.Get("X-Cache")
			}
			callers := []string{acmeKey, lonerKey, masterKey}
			for _, key := range callers {
				ask(key)
			}
			a := r.do(http.MethodPost, invalidatePath, call{key: tc.key, body: `{"namespace":"` + tc.namespace + `"}`})
			entries := `"entries":0`
			if tc.gone != "" {
				entries = `"entries":1`
			}
			if a.status != tc.status || tc.status == http.StatusOK && a.body != `{"namespace":"`+tc.namespace+`",`+entries+`}` {
				t.Errorf("%d %s", a.status, a.body)
			}
			for _, key := range callers {
				want := "hit"
				if key == tc.gone {
					want = "miss"
				}
				if got := ask(key); got != want {
					t.Errorf("then %s has a %s, want a %s", key, got, want)
				}
			}
		})
	}
}

const invalidatePath = "/v1/cache/invalidate"

// TestPurgesOfNothing tells what can't be meant from what is merely empty.
func TestPurgesOfNothing(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("x", n) }
	for name, tc := range map[string]struct {
		key, body string
		reason    errs.Reason // empty for none
		param     string
		says      string
	}{
		"nothing of one's own":          {acmeKey, `{"namespace":"acme"}`, "", "", ""},
		"nothing of a provider":         {acmeKey, `{"namespace":"acme:openai"}`, "", "", ""},
		"nothing of several providers":  {acmeKey, `{"namespace":"acme:*"}`, "", "", ""},
		"nothing of a model":            {acmeKey, `{"namespace":"acme:openai:m"}`, "", "", ""},
		"nothing of a team":             {masterKey, `{"namespace":"acme"}`, "", "", ""},
		"nothing of a key":              {masterKey, `{"namespace":"key/key-of-loner"}`, "", "", ""},
		"nothing of the master key":     {masterKey, `{"namespace":"key/master"}`, "", "", ""},
		"no such entry":                 {acmeKey, `{"namespace":"acme","entryId":"` + long(42) + `A"}`, "", "", ""},
		"an entry of null":              {acmeKey, `{"namespace":"acme","entryId":null}`, errs.InvalidRequest, "entryId", "43 characters"},
		"an entry without a name":       {acmeKey, `{"namespace":"acme","entryId":""}`, errs.InvalidRequest, "entryId", "43 characters"},
		"an entry of another type":      {acmeKey, `{"namespace":"acme","entryId":7}`, errs.InvalidRequest, "entryId", "43 characters"},
		"nothing in a partition":        {acmeKey, `{"namespace":"acme","partition":"run-7"}`, "", "", ""},
		"nothing of one that is gone":   {masterKey, `{"namespace":"gone:older:model"}`, errs.NotFound, "namespace", `\"gone\"`},
		"no such team":                  {masterKey, `{"namespace":"acmee"}`, errs.NotFound, "namespace", `\"acmee\"`},
		"no such key":                   {masterKey, `{"namespace":"key/nobody"}`, errs.NotFound, "namespace", `\"key/nobody\"`},
		"no such model":                 {acmeKey, `{"namespace":"acme:openai:gtp"}`, errs.ModelNotFound, "namespace", `\"gtp\"`},
		"a model of another provider":   {acmeKey, `{"namespace":"acme:anthropic:m"}`, errs.InvalidRequest, "namespace", `\"openai\"`},
		"no such provider":              {acmeKey, `{"namespace":"acme:opneai"}`, errs.InvalidRequest, "namespace", `\"opneai\"`},
		"a model in the place of both":  {acmeKey, `{"namespace":"acme:m"}`, errs.InvalidRequest, "namespace", `\"m\"`},
		"a gap":                         {acmeKey, `{"namespace":"acme::m"}`, errs.InvalidRequest, "namespace", "{tenant}"},
		"a team's name too long":        {masterKey, `{"namespace":"` + long(1025) + `"}`, errs.InvalidRequest, "namespace", "1024 bytes"},
		"a model's name too long":       {acmeKey, `{"namespace":"acme:openai:` + long(1025) + `"}`, errs.InvalidRequest, "namespace", "1024 bytes"},
		"a name as long as it may be":   {acmeKey, `{"namespace":"acme:openai:` + long(1024) + `"}`, errs.ModelNotFound, "namespace", ""},
		"a partition too long":          {acmeKey, `{"namespace":"acme","partition":"` + long(129) + `"}`, errs.InvalidRequest, "partition", "128 bytes"},
		"a partition as long as it may": {acmeKey, `{"namespace":"acme","partition":"` + long(128) + `"}`, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.keystore.tenant(&keystorev1.Tenant{Id: "acme"})
			r.keystore.keys = map[string]*keystorev1.Key{"key-of-loner": {Id: "key-of-loner"}}
			a := r.do(http.MethodPost, invalidatePath, call{key: tc.key, body: tc.body})
			if tc.reason == "" {
				if a.status != http.StatusOK || !strings.Contains(a.body, `"entries":0`) {
					t.Errorf("%d %s", a.status, a.body)
				}
				return
			}
			if a.reason() != string(tc.reason) || !strings.Contains(a.body, `"param":"`+tc.param+`"`) || !strings.Contains(a.body, tc.says) {
				t.Errorf("%d %s, want %s of %s with %s", a.status, a.body, tc.reason, tc.param, tc.says)
			}
		})
	}
}

// TestPurgesOfWhatIsGone takes answers away whose team, or model, is there no more.
func TestPurgesOfWhatIsGone(t *testing.T) {
	t.Parallel()
	for _, ns := range []*cachev1.Namespace{
		{TenantId: "gone", Provider: "openai", Model: "m"},
		{TenantId: "acme", Provider: "older", Model: "model"},
	} {
		r := newRig(t)
		r.keystore.tenant(&keystorev1.Tenant{Id: "acme"})
		if _, err := r.cache.Store(t.Context(), &cachev1.StoreRequest{Namespace: ns, Entry: &cachev1.Entry{}}); err != nil {
			t.Fatal(err)
		}
		named := ns.GetTenantId() + ":" + ns.GetProvider() + ":" + ns.GetModel()
		a := r.do(http.MethodPost, invalidatePath, call{key: masterKey, body: `{"namespace":"` + named + `"}`})
		if want := `{"namespace":"` + named + `","entries":1}`; a.status != http.StatusOK || a.body != want {
			t.Errorf("%d %s, want %s", a.status, a.body, want)
		}
	}
}

// TestPurgesOfNothingWithoutTheKeystore: who the answers are of is not known then, which is no
// fault of the caller's.
func TestPurgesOfNothingWithoutTheKeystore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.keystore.hangs.at("GetTenant")
	if a := r.do(http.MethodPost, invalidatePath, call{key: masterKey, body: `{"namespace":"acmee"}`}); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestPurgesAreLimited counts purges as requests, with the calls of the key, and those that name a
// model with that model's: beyond a limit the cache hears of none, and one that cannot be meant
// counts nowhere.
func TestPurgesAreLimited(t *testing.T) {
	t.Parallel()
	const key = "sk-limited-0123456789abcdef"
	three := int64(3)
	for name, tc := range map[string]struct {
		limits    *keystorev1.Limits
		namespace string
		left      []string // after each purge that goes through
		called    bool     // before the last one
	}{
		"by the key's limit": {&keystorev1.Limits{RequestsPerMinute: &three}, "acme", []string{"2", "1"}, true},
		"by a model's limit": {&keystorev1.Limits{ModelRequestsPerMinute: map[string]int64{"m": 1}}, "acme:openai:m", []string{"0"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.keystore.put(key, &keystorev1.Grant{
				Key: &keystorev1.Key{Id: "key-of-limited", TenantId: "acme", Limits: tc.limits}, Tenant: &keystorev1.Tenant{Id: "acme"},
			})
			purge := func(body string) answer { return r.do(http.MethodPost, invalidatePath, call{key: key, body: body}) }
			for _, bad := range []string{`{"namespace":"acme:"}`, `{"namespace":"acme","ttlOverride":-1}`, `{"namespace":"globex"}`} {
				if a := purge(bad); a.status != http.StatusBadRequest && a.status != http.StatusForbidden {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
			for _, want := range tc.left {
				a := purge(`{"namespace":"` + tc.namespace + `"}`)
				if got := a.header.Get("X-Ratelimit-Remaining-Requests"); a.status != http.StatusOK || got != want {
					t.Errorf("%d %s, %q are left, want %s", a.status, a.body, got, want)
				}
			}
			if tc.called {
				if a := r.do(http.MethodPost, chatPath, call{key: key, body: chat("Hi")}); a.status != http.StatusOK {
					t.Errorf("%d %s", a.status, a.body)
				}
				eventually(t, "the entry", func() bool { return r.cache.kept() == 1 })
			}
			for _, more := range []string{"", `,"ttlOverride":60`} {
				if a := purge(`{"namespace":"` + tc.namespace + `"` + more + `}`); a.reason() != string(errs.RateLimitExceeded) || a.header.Get("Retry-After") == "" {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
			if tc.called && r.cache.kept() != 1 {
				t.Error("the entry is gone")
			}
		})
	}
}

// TestPurgesReachWhatIsStillStored purges what a caller was answered just now, and what the
// cache has not got yet.
func TestPurgesReachWhatIsStillStored(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	began, stored := make(chan struct{}, 1), make(chan struct{})
	release := sync.OnceFunc(func() { close(stored) })
	t.Cleanup(release)
	r.cache.storing = func() {
		began <- struct{}{}
		<-stored
	}
	r.complete(chat("Hi"))
	wait(t, "the answer's storing", began)
	purged := make(chan answer, 1)
	go func() {
		purged <- r.do(http.MethodPost, invalidatePath, call{key: acmeKey, body: `{"namespace":"acme"}`})
	}()
	eventually(t, "the purge", func() bool {
		r.cache.mu.Lock()
		defer r.cache.mu.Unlock()
		return r.edge.HeldBytes() > 0 || r.cache.purges > 0
	})
	release()
	if a := <-purged; a.body != `{"namespace":"acme","entries":1}` || r.cache.kept() > 0 {
		t.Errorf("%d %s, and %d answers are kept", a.status, a.body, r.cache.kept())
	}
}

// TestASlowCacheHoldsLittle has as many answers on their way into the cache as may wait in
// memory. The next caller has its answer all the same, and may call again; its call ends with
// the storing.
func TestASlowCacheHoldsLittle(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	free := r.edge.FillAfterwards()
	began, stored := make(chan struct{}, 1), make(chan struct{})
	release := sync.OnceFunc(func() { close(stored); free() })
	t.Cleanup(release)
	r.cache.storing = func() {
		began <- struct{}{}
		<-stored
	}
	one := int64(1)
	const single = "sk-single-0123456789abcdef"
	r.keystore.put(single, &keystorev1.Grant{Key: &keystorev1.Key{Id: "single", Limits: &keystorev1.Limits{ParallelRequests: &one}}})
	for _, prompt := range []string{"Hi", "Ho"} {
		a := r.do(http.MethodPost, chatPath, call{single, map[string]string{"Connection": "close"}, chat(prompt)})
		if a.status != http.StatusOK || a.body != answerBody {
			t.Errorf("%d %s", a.status, a.body)
		}
		wait(t, "the answer's storing", began)
	}
	if r.cache.kept() > 0 {
		t.Error("the cache was not held back")
	}
	release()
	eventually(t, "the entries", func() bool { return r.cache.kept() == 2 })
}

// TestAnotherModelBehindAName gives a model's name to another one: what the first answered is
// not found any more, and is again when the name is given back.
func TestAnotherModelBehindAName(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ask := func() string { return r.complete(chat("Hi")).header.Get("X-Cache") }
	name := func(upstream string) {
		r.router.mu.Lock()
		r.router.models = []*routerv1.Model{{Name: "m", Deployments: []*routerv1.Deployment{{Id: "d1", Provider: "openai", UpstreamModel: upstream}}}}
		r.router.mu.Unlock()
		must(t, r.edge.RefreshModels(t.Context()))
	}
	name("gpt-4o")
	ask()
	eventually(t, "the answer is kept", func() bool { return r.cache.kept() == 1 })
	name("gpt-4o-mini")
	if got := ask(); got != "miss" {
		t.Errorf("another model's answer is a %s", got)
	}
	name("gpt-4o")
	if got := ask(); got != "hit" {
		t.Errorf("the model's own answer is a %s", got)
	}
}
