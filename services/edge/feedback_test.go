package edge_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
)

const feedbackPath = "/v1/cache/feedback"

// TestWhoMaySpeakForWhat calls the answers of acme and of a key without a tenant wrong: a key
// speaks for its own tenant's entries, an administrator for anybody's.
func TestWhoMaySpeakForWhat(t *testing.T) {
	t.Parallel()
	keys := map[string]*keystorev1.Key{
		"sk-globex-0123456789abcdef": {Id: "key-of-globex", TenantId: "globex"},
		"sk-ops-0123456789abcdef":    {Id: "key-of-ops", Scopes: []string{"admin"}},
		"sk-acts-0123456789abcdef":   {Id: "key-that-acts", TenantId: "globex", Scopes: []string{"act_as_tenant"}},
		"sk-looks-0123456789abcdef":  {Id: "key-that-looks", TenantId: "acme", Scopes: []string{"read_only"}},
		"sk-models-0123456789abcdef": {Id: "key-of-models", TenantId: "acme", Limits: &keystorev1.Limits{Routes: []string{"llm_api_routes"}}},
		"sk-other-0123456789abcdef":  {Id: "key-of-another", TenantId: "acme", Limits: &keystorev1.Limits{Models: []string{"embedder"}}},
	}
	asAcme := map[string]string{"X-Tenant-Id": "acme"}
	const loner = "key/key-of-loner"
	for name, tc := range map[string]struct {
		key, of, more string
		header        map[string]string
		reason        errs.Reason // empty for none
		forgotten     string
	}{
		"its tenant's":                     {acmeKey, "acme", "", nil, "", "1"},
		"its tenant's, which it names":     {acmeKey, "acme", `,"tenant_id":"acme"`, nil, "", "1"},
		"by a key for models alone":        {"sk-models-0123456789abcdef", "acme", "", nil, "", "1"},
		"its own":                          {lonerKey, loner, "", nil, "", "1"},
		"its own, which it names":          {lonerKey, loner, `,"tenant_id":"key/key-of-loner"`, nil, "", "1"},
		"another's":                        {"sk-globex-0123456789abcdef", "acme", "", nil, "", "0"},
		"another's, which it names":        {"sk-globex-0123456789abcdef", "acme", `,"tenant_id":"acme"`, nil, errs.TenantMismatch, ""},
		"another's, for which it asks":     {"sk-globex-0123456789abcdef", "acme", "", asAcme, errs.TenantMismatch, ""},
		"for whom it may act":              {"sk-acts-0123456789abcdef", "acme", "", asAcme, "", "1"},
		"for whom it may act, in the body": {"sk-acts-0123456789abcdef", "acme", `,"tenant_id":"acme"`, nil, errs.TenantMismatch, ""},
		"a tenant's, by an administrator":  {"sk-ops-0123456789abcdef", "acme", `,"tenant_id":"acme"`, nil, "", "1"},
		"a key's, by the master key":       {masterKey, loner, `,"tenant_id":"key/key-of-loner"`, nil, "", "1"},
		"of whom the master key acts for":  {masterKey, "acme", "", asAcme, "", "1"},
		"nobody's, by the master key":      {masterKey, "acme", "", nil, "", "0"},
		"by a key that may only look":      {"sk-looks-0123456789abcdef", "acme", "", nil, errs.RouteNotAllowed, ""},
		"by a key for other models":        {"sk-other-0123456789abcdef", "acme", "", nil, errs.ModelNotAllowed, ""},
		"without a key":                    {"", "acme", "", nil, errs.InvalidAPIKey, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.keystore.tenant(&keystorev1.Tenant{Id: "acme"})
			for secret, key := range keys {
				g := &keystorev1.Grant{Key: key}
				if key.GetTenantId() != "" {
					g.Tenant = &keystorev1.Tenant{Id: key.GetTenantId()}
				}
				r.keystore.put(secret, g)
			}
			for _, key := range []string{acmeKey, lonerKey} {
				r.do(http.MethodPost, chatPath, call{key: key, body: chat("Hi")})
			}
			eventually(t, "the entries", func() bool { return r.cache.kept() == 2 })
			id := r.cache.entryOf(t, tc.of)
			a := r.do(http.MethodPost, feedbackPath, call{tc.key, tc.header, `{"model":"m","entryId":"` + id + `","wrong":true` + tc.more + `}`})
			if tc.reason != "" {
				if a.reason() != string(tc.reason) || r.cache.kept() != 2 {
					t.Errorf("%d %s, want %s", a.status, a.body, tc.reason)
				}
				return
			}
			if want := `{"entryId":"` + id + `","forgotten":` + tc.forgotten + `}`; a.status != http.StatusOK || a.body != want {
				t.Errorf("%d %s, want %s", a.status, a.body, want)
			}
			if there := r.cache.entryOf(t, tc.of) != ""; there != (tc.forgotten == "0") {
				t.Errorf("the entry is there: %v", there)
			}
		})
	}
}

// TestWhatFeedbackSays is told to the cache as it was said, and nothing that was not.
func TestWhatFeedbackSays(t *testing.T) {
	t.Parallel()
	const id = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
	ns := func(partition string) *cachev1.Namespace {
		return &cachev1.Namespace{TenantId: "acme", Provider: "openai", Model: "m", Partition: partition}
	}
	for name, tc := range map[string]struct {
		more string
		want *cachev1.FeedbackRequest
	}{
		"wrong": {`,"wrong":true`, &cachev1.FeedbackRequest{Namespace: ns(""), EntryId: id, Wrong: true}},
		"right": {`,"wrong":false,"score":0,"tier":"near"`, &cachev1.FeedbackRequest{
			Namespace: ns(""), EntryId: id, Hit: cachev1.HitKind_HIT_KIND_NEAR, Score: proto.Float64(0),
		}},
		"in a namespace": {`,"wrong":true,"score":0.9731,"tier":"semantic","cache":{"namespace":"run-7"}`, &cachev1.FeedbackRequest{
			Namespace: ns("run-7"), EntryId: id, Hit: cachev1.HitKind_HIT_KIND_SEMANTIC, Score: proto.Float64(0.9731), Wrong: true,
		}},
		"in a partition":        {`,"wrong":true,"partition":"run-7"`, &cachev1.FeedbackRequest{Namespace: ns("run-7"), EntryId: id, Wrong: true}},
		"in a partition, twice": {`,"wrong":true,"partition":"run-7","cache":{"namespace":"run-7"}`, &cachev1.FeedbackRequest{Namespace: ns("run-7"), EntryId: id, Wrong: true}},
		"exact": {`,"wrong":true,"score":null,"tier":"exact","cache":null`, &cachev1.FeedbackRequest{
			Namespace: ns(""), EntryId: id, Hit: cachev1.HitKind_HIT_KIND_EXACT, Wrong: true,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			a := r.do(http.MethodPost, strings.TrimPrefix(feedbackPath, "/v1"), call{key: acmeKey, body: `{"model":"m","entryId":"` + id + `"` + tc.more + `}`})
			if a.status != http.StatusOK || len(r.cache.feedback) != 1 || !proto.Equal(r.cache.feedback[0], tc.want) {
				t.Errorf("%d %s: the cache was told %v", a.status, a.body, r.cache.feedback)
			}
		})
	}
}

// TestWhatFeedbackCannotMean is refused with the name of the member that is wrong, and the cache
// hears nothing of it.
func TestWhatFeedbackCannotMean(t *testing.T) {
	t.Parallel()
	const entry = `"entryId":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"`
	const short = `"entryId":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuF"`
	r := newRig(t)
	for name, tc := range map[string]struct {
		body, param string
		reason      errs.Reason
	}{
		"no model":                  {`{` + entry + `,"wrong":true}`, "model", errs.InvalidRequest},
		"a model that is none":      {`{"model":"nobody",` + entry + `,"wrong":true}`, "model", errs.ModelNotFound},
		"no entry":                  {`{"model":"m","wrong":true}`, "entryId", errs.InvalidRequest},
		"an empty entry":            {`{"model":"m","entryId":"","wrong":true}`, "entryId", errs.InvalidRequest},
		"a short entry":             {`{"model":"m",` + short + `,"wrong":true}`, "entryId", errs.InvalidRequest},
		"an entry with padding":     {`{"model":"m","entryId":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=","wrong":true}`, "entryId", errs.InvalidRequest},
		"an entry in base64":        {`{"model":"m","entryId":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU","wrong":true}`, "entryId", errs.InvalidRequest},
		"an entry in two spellings": {`{"model":"m","entryId":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFV","wrong":true}`, "entryId", errs.InvalidRequest},
		"an entry that is no text":  {`{"model":"m","entryId":5,"wrong":true}`, "entryId", errs.InvalidRequest},
		"no verdict":                {`{"model":"m",` + entry + `}`, "wrong", errs.InvalidRequest},
		"a verdict in words":        {`{"model":"m",` + entry + `,"wrong":"true"}`, "wrong", errs.InvalidRequest},
		"a score above 1":           {`{"model":"m",` + entry + `,"wrong":true,"score":1.01}`, "score", errs.InvalidRequest},
		"a score below 0":           {`{"model":"m",` + entry + `,"wrong":true,"score":-0.01}`, "score", errs.InvalidRequest},
		"a score in words":          {`{"model":"m",` + entry + `,"wrong":true,"score":"high"}`, "score", errs.InvalidRequest},
		"an unknown tier":           {`{"model":"m",` + entry + `,"wrong":true,"tier":"far"}`, "tier", errs.InvalidRequest},
		"a namespace elsewhere":     {`{"model":"m",` + entry + `,"wrong":true,"namespace":"run-7"}`, "namespace", errs.InvalidRequest},
		"a partition in words":      {`{"model":"m",` + entry + `,"wrong":true,"partition":7}`, "partition", errs.InvalidRequest},
		"a partition too long":      {`{"model":"m",` + entry + `,"wrong":true,"partition":"` + strings.Repeat("x", 129) + `"}`, "partition", errs.InvalidRequest},
		"a namespace too long":      {`{"model":"m",` + entry + `,"wrong":true,"cache":{"namespace":"` + strings.Repeat("x", 129) + `"}}`, "cache.namespace", errs.InvalidRequest},
		"two partitions":            {`{"model":"m",` + entry + `,"wrong":true,"partition":"a","cache":{"namespace":"b"}}`, "partition", errs.InvalidRequest},
		"a member of the cache's":   {`{"model":"m",` + entry + `,"wrong":true,"cache":{"ttl":5}}`, "cache.ttl", errs.InvalidRequest},
		"another spelling":          {`{"model":"m","entry_id":"x","wrong":true}`, "entry_id", errs.InvalidRequest},
	} {
		a := r.do(http.MethodPost, feedbackPath, call{key: acmeKey, body: tc.body})
		if a.reason() != string(tc.reason) || !strings.Contains(a.body, `"param":"`+tc.param+`"`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for _, body := range []string{``, `[]`, `no JSON`} {
		if a := r.do(http.MethodPost, feedbackPath, call{key: acmeKey, body: body}); a.status != http.StatusBadRequest || a.reason() != string(errs.InvalidRequest) {
			t.Errorf("%q: %d %s", body, a.status, a.body)
		}
	}
	if len(r.cache.feedback) > 0 {
		t.Errorf("the cache was told %v", r.cache.feedback)
	}
}

// TestFeedbackIsLimited counts reports as requests, with the calls of the key: beyond its limit the
// cache hears of none, be they right or wrong, and one that cannot be meant counts nowhere.
func TestFeedbackIsLimited(t *testing.T) {
	t.Parallel()
	const key, id = "sk-limited-0123456789abcdef", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
	three := int64(3)
	r := newRig(t)
	r.keystore.put(key, &keystorev1.Grant{
		Key:    &keystorev1.Key{Id: "key-of-limited", TenantId: "acme", Limits: &keystorev1.Limits{RequestsPerMinute: &three}},
		Tenant: &keystorev1.Tenant{Id: "acme"},
	})
	report := func(wrong, more string) answer {
		return r.do(http.MethodPost, feedbackPath, call{key: key, body: `{"model":"m","entryId":"` + id + `","wrong":` + wrong + more + `}`})
	}
	for _, bad := range []string{`,"score":2`, `,"tenant_id":"globex"`} {
		if a := report("true", bad); a.status != http.StatusBadRequest && a.status != http.StatusForbidden {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	for left, wrong := range []string{"false", "true"} {
		a := report(wrong, "")
		if got := a.header.Get("X-Ratelimit-Remaining-Requests"); a.status != http.StatusOK || got != fmt.Sprint(2-left) {
			t.Errorf("%d %s, %q are left", a.status, a.body, got)
		}
	}
	if a := r.do(http.MethodPost, chatPath, call{key: key, body: chat("Hi")}); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, wrong := range []string{"true", "false"} {
		if a := report(wrong, ""); a.reason() != string(errs.RateLimitExceeded) || a.header.Get("Retry-After") == "" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if n := len(r.cache.feedback); n != 2 {
		t.Errorf("the cache heard of %d", n)
	}
}

// TestPartitionsAreActedInAlone calls the answer wrong that was given in one partition, or purges
// it: the same question's answer in another stays.
func TestPartitionsAreActedInAlone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path, body string
		left       []string
	}{
		"feedback":               {feedbackPath, `{"model":"m","entryId":"%s","wrong":true,"partition":"b"}`, []string{"", "a"}},
		"feedback by the call":   {feedbackPath, `{"model":"m","entryId":"%s","wrong":true,"cache":{"namespace":"b"}}`, []string{"", "a"}},
		"feedback in the common": {feedbackPath, `{"model":"m","entryId":"%s","wrong":true}`, []string{"a", "b"}},
		"purge":                  {invalidatePath, `{"namespace":"acme:openai:m","entryId":"%s","partition":"b"}`, []string{"", "a"}},
		"purge of all":           {invalidatePath, `{"namespace":"acme:openai:m","entryId":"%s"}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			all := []string{"", "a", "b"}
			for _, partition := range all {
				r.complete(chat("Hi", `"cache":{"namespace":"`+partition+`"}`))
			}
			eventually(t, "the entries", func() bool { return r.cache.kept() == len(all) })
			id := r.complete(chat("Hi")).header.Get("X-Tollgate-Cache-Entry")
			if a := r.do(http.MethodPost, tc.path, call{key: acmeKey, body: fmt.Sprintf(tc.body, id)}); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if got := r.cache.partitions(); !slices.Equal(got, tc.left) {
				t.Errorf("left are %q, want %q", got, tc.left)
			}
		})
	}
}

// TestOneEntryIsPurged invalidates the answer to one of two prompts, by the tenant's name alone or
// within its namespace; another tenant's entry of the same id stays.
func TestOneEntryIsPurged(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		key, more, body string
		status          int
		gone            bool
	}{
		"of a tenant":       {acmeKey, `"namespace":"acme"`, `{"namespace":"acme","entries":1}`, 200, true},
		"of a model":        {acmeKey, `"namespace":"acme:openai:m"`, `{"namespace":"acme:openai:m","entries":1}`, 200, true},
		"of another model":  {acmeKey, `"namespace":"acme:openai:n"`, "", 404, false},
		"of another tenant": {lonerKey, `"namespace":"acme"`, "", 403, false},
		"of the key's own":  {lonerKey, `"namespace":"key/key-of-loner"`, `{"namespace":"key/key-of-loner","entries":1}`, 200, false},
		"of nobody":         {acmeKey, `"entryId":"x"`, "", 400, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for _, key := range []string{acmeKey, lonerKey} {
				r.do(http.MethodPost, chatPath, call{key: key, body: chat("Hi")})
			}
			eventually(t, "the entries", func() bool { return r.cache.kept() == 2 })
			id := r.cache.entryOf(t, "acme")
			r.complete(chat("Ho"))
			body := `{` + tc.more + `,"entryId":"` + id + `"}`
			if tc.status == http.StatusBadRequest {
				body = `{"namespace":"acme",` + tc.more + `}`
			}
			a := r.do(http.MethodPost, invalidatePath, call{key: tc.key, body: body})
			if a.status != tc.status || tc.body != "" && a.body != tc.body {
				t.Errorf("%d %s, want %s", a.status, a.body, tc.body)
			}
			if gone := r.complete(chat("Hi")).header.Get("X-Cache") == "miss"; gone != tc.gone {
				t.Errorf("the entry is gone: %v", gone)
			}
			if a := r.complete(chat("Ho")); a.header.Get("X-Cache") != "hit" {
				t.Error("the other answer is gone")
			}
		})
	}
	r := newRig(t)
	for _, id := range []string{`""`, `"x"`, `5`} { // an empty one would stand for all
		if a := r.do(http.MethodPost, invalidatePath, call{key: acmeKey, body: `{"namespace":"acme","entryId":` + id + `}`}); a.status != http.StatusBadRequest || !strings.Contains(a.body, `"param":"entryId"`) {
			t.Errorf("%s: %d %s", id, a.status, a.body)
		}
	}
}

// TestFeedbackReachesWhatIsStillStored calls an answer wrong that the cache has not got yet: it
// waits for the storing.
func TestFeedbackReachesWhatIsStillStored(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.complete(chat("Hi"))
	eventually(t, "the entry", func() bool { return r.cache.kept() == 1 })
	id := r.cache.entryOf(t, "acme")
	r.do(http.MethodPost, invalidatePath, call{key: acmeKey, body: `{"namespace":"acme"}`})
	began, stored := make(chan struct{}, 1), make(chan struct{})
	release := sync.OnceFunc(func() { close(stored) })
	t.Cleanup(release)
	r.cache.mu.Lock()
	r.cache.storing = func() {
		began <- struct{}{}
		<-stored
	}
	r.cache.mu.Unlock()
	if a := r.complete(chat("Hi")); a.body != first.body {
		t.Fatal(a.body)
	}
	wait(t, "the answer's storing", began)
	said := make(chan answer, 1)
	go func() {
		said <- r.do(http.MethodPost, feedbackPath, call{key: acmeKey, body: `{"model":"m","entryId":"` + id + `","wrong":true}`})
	}()
	eventually(t, "the feedback", func() bool {
		r.cache.mu.Lock()
		defer r.cache.mu.Unlock()
		return r.edge.HeldBytes() > 0 || len(r.cache.feedback) > 0
	})
	release()
	if a := <-said; a.body != `{"entryId":"`+id+`","forgotten":1}` || r.cache.kept() > 0 {
		t.Errorf("%d %s, and %d answers are kept", a.status, a.body, r.cache.kept())
	}
}
