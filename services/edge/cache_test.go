package edge_test

import (
	"net/http"
	"testing"
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
		"its tenant's, of another":    {acmeKey, "acme:openai:n", 200, ""},
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
			a := r.do(http.MethodPost, "/v1/cache/invalidate", call{key: tc.key, body: `{"namespace":"` + tc.namespace + `"}`})
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
