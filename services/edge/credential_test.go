package edge_test

import (
	"context"
	"net/http"
	"testing"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
)

func (*keystoreFake) PutCredential(context.Context, *keystorev1.PutCredentialRequest) (*keystorev1.PutCredentialResponse, error) {
	return &keystorev1.PutCredentialResponse{}, nil
}

func (*keystoreFake) DeleteCredential(context.Context, *keystorev1.DeleteCredentialRequest) (*keystorev1.DeleteCredentialResponse, error) {
	return &keystorev1.DeleteCredentialResponse{}, nil
}

// A team whose credential changes may be answered by another server from then on, and hears none of
// the former one's answers. Other teams' stay, and a cache that is away stops nobody.
func TestACredentialsAnswersGoWithIt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path, body string
		away       error
	}{
		"put":     {"/team/credential", `{"team_id":"acme","provider":"openai","api_key":"sk-own"}`, nil},
		"deleted": {"/team/credential/delete", `{"team_id":"acme","provider":"openai"}`, nil},
		"away":    {"/team/credential", `{"team_id":"acme","provider":"openai","api_key":"sk-own"}`, errs.New(errs.ServiceUnavailable, "away")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			ask := func(key, want string) {
				t.Helper()
				a := r.do(http.MethodPost, chatPath, call{key: key, body: chat("Hi")})
				if a.status != http.StatusOK || a.header.Get("X-Cache") != want {
					t.Errorf("%s: %d %s, want a %s", key, a.status, a.header.Get("X-Cache"), want)
				}
			}
			ask(acmeKey, "miss")
			ask(lonerKey, "miss")
			ask(acmeKey, "hit")
			r.cache.mu.Lock()
			r.cache.away = tc.away
			r.cache.mu.Unlock()
			if a := r.do(http.MethodPost, tc.path, call{key: masterKey, body: tc.body}); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if tc.away == nil {
				ask(acmeKey, "miss")
				ask(lonerKey, "hit")
			}
		})
	}
}
