package edge_test

import (
	"context"
	"net/http"
	"testing"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/edge"
)

func (*keystoreFake) PutCredential(context.Context, *keystorev1.PutCredentialRequest) (*keystorev1.PutCredentialResponse, error) {
	return &keystorev1.PutCredentialResponse{}, nil
}

func (*keystoreFake) DeleteCredential(context.Context, *keystorev1.DeleteCredentialRequest) (*keystorev1.DeleteCredentialResponse, error) {
	return &keystorev1.DeleteCredentialResponse{}, nil
}

// A team whose credential changes, by a route or a typed client, may be answered by another server from
// then on, and hears none of the former one's answers. Nor does a team that is made again hear those of
// one that was removed. Other teams' stay, and a cache that is away stops nobody.
func TestACredentialsAnswersGoWithIt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path, body string
		away       error
	}{
		"put":     {"/team/credential", `{"team_id":"acme","provider":"openai","api_key":"sk-own"}`, nil},
		"deleted": {"/team/credential/delete", `{"team_id":"acme","provider":"openai"}`, nil},
		"away":    {"/team/credential", `{"team_id":"acme","provider":"openai","api_key":"sk-own"}`, errs.New(errs.ServiceUnavailable, "away")},

		"put by a typed client":     {"/" + keystorev1connect.KeystoreServiceName + "/PutCredential", `{"tenantId":"acme","provider":"openai","apiKey":"sk-own"}`, nil},
		"deleted by a typed client": {"/" + keystorev1connect.KeystoreServiceName + "/DeleteCredential", `{"tenantId":"acme","provider":"openai"}`, nil},
		"away from a typed client": {
			"/" + keystorev1connect.KeystoreServiceName + "/PutCredential", `{"tenantId":"acme","provider":"openai","apiKey":"sk-own"}`, errs.New(errs.ServiceUnavailable, "away"),
		},
		"a team that a typed client removes": {"/" + keystorev1connect.KeystoreServiceName + "/DeleteTenants", `{"ids":["acme"]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := rpc.NewServer(edge.FollowOperators)
			keystorev1connect.RegisterKeystoreServiceHandler(server, &keystoreFake{})
			r := newRig(t, func(s *setup) { s.procedures = server })
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
			if a := r.do(http.MethodPost, tc.path, call{key: masterKey, header: map[string]string{"Content-Type": "application/json"}, body: tc.body}); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if tc.away == nil {
				ask(acmeKey, "miss")
				ask(lonerKey, "hit")
			}
		})
	}
}

// What a typed client asks for and is refused changes nothing.
func TestARefusedRemovalPurgesNothing(t *testing.T) {
	t.Parallel()
	server := rpc.NewServer(edge.FollowOperators)
	keystorev1connect.RegisterKeystoreServiceHandler(server, &keystoreFake{deleting: errs.New(errs.ServiceUnavailable, "away")})
	r := newRig(t, func(s *setup) { s.procedures = server })
	r.complete(chat("Hi"))
	a := r.do(http.MethodPost, keystorev1connect.KeystoreServiceDeleteTenantsProcedure, call{
		key: masterKey, header: map[string]string{"Content-Type": "application/json"}, body: `{"ids":["acme"]}`,
	})
	if a.status == http.StatusOK {
		t.Fatal(a.body)
	}
	if a := r.complete(chat("Hi")); a.header.Get("X-Cache") != "hit" {
		t.Errorf("%d %s", a.status, a.header.Get("X-Cache"))
	}
}
