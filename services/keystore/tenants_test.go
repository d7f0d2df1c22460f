package keystore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/secret"
	"tollgate.dev/services/keystore"
)

func TestPutTenant(t *testing.T) {
	f := newFixture(t)
	wanted := &keystorev1.Tenant{
		Id: "acme", Alias: "Acme", PlatformId: "p", Limits: &keystorev1.Limits{Models: []string{"m"}},
		Members: []*keystorev1.Member{{UserId: "u", Role: "admin"}}, Metadata: []byte("{}"),
	}
	made, err := f.PutTenant(t.Context(), wanted, nil)
	if err != nil {
		t.Fatal(err)
	}
	wanted.CreatedMillis, wanted.UpdatedMillis = f.in(0), f.in(0)
	if !proto.Equal(made, wanted) {
		t.Errorf("got %v, want %v", made, wanted)
	}
	_, err = f.PutTenant(t.Context(), &keystorev1.Tenant{Id: "acme"}, nil)
	wantError(t, "made twice", err, errs.Conflict, "tenant.id")

	f.clock.Advance(time.Second)
	got, err := f.PutTenant(t.Context(), &keystorev1.Tenant{
		Id: "acme", Alias: "unnamed", Blocked: true, Limits: &keystorev1.Limits{Models: []string{"n"}, Routes: []string{"unnamed"}},
	}, []string{"blocked", "limits.models", "members"})
	wanted.Blocked, wanted.Limits.Models, wanted.Members, wanted.UpdatedMillis = true, []string{"n"}, nil, f.in(0)
	if err != nil || !proto.Equal(got, wanted) {
		t.Errorf("got %v, %v, want %v", got, err, wanted)
	}
	if got, err := f.Tenant(t.Context(), "acme"); err != nil || !proto.Equal(got, wanted) {
		t.Errorf("stored is %v, %v", got, err)
	}

	for _, unnamed := range []*keystorev1.Tenant{nil, {Alias: "x"}} {
		made, err := f.PutTenant(t.Context(), unnamed, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := id.Parse(made.GetId()); err != nil {
			t.Errorf("a made id: %v", err)
		}
	}
	_, err = f.PutTenant(t.Context(), &keystorev1.Tenant{Id: "x"}, []string{"alias"})
	wantError(t, "change of none", err, errs.NotFound, "tenant.id")
	_, err = f.PutTenant(t.Context(), nil, []string{"alias"})
	wantError(t, "change without an id", err, errs.InvalidRequest, "tenant.id")
	for name, param := range map[string]errs.Reason{"": errs.InvalidRequest, "x": errs.NotFound, "\x00": errs.NotFound} {
		_, err := f.Tenant(t.Context(), name)
		wantError(t, name, err, param, "id")
	}
}

func TestTenantPages(t *testing.T) {
	f := newFixture(t)
	for i := range 5 {
		f.tenant(t, fmt.Sprintf("t%d", 4-i))
	}
	var got []string
	cursor := ""
	for first := true; first || cursor != ""; first = false {
		tenants, next, err := f.Tenants(t.Context(), 2, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, tenant := range tenants {
			got = append(got, tenant.GetId())
		}
		cursor = next
	}
	if strings.Join(got, " ") != "t0 t1 t2 t3 t4" {
		t.Errorf("got %v", got)
	}
	_, _, err := f.Tenants(t.Context(), -1, "")
	wantError(t, "limit", err, errs.InvalidRequest, "limit")
	_, _, err = f.Tenants(t.Context(), 0, "%")
	wantError(t, "cursor", err, errs.InvalidRequest, "cursor")
}

func TestDeleteTenants(t *testing.T) {
	f := newFixture(t)
	f.tenant(t, "a")
	f.tenant(t, "b")
	one, secretOne := f.issue(t, &keystorev1.Key{TenantId: "a"})
	two, _ := f.issue(t, &keystorev1.Key{TenantId: "b"})
	_, free := f.issue(t, nil)
	_, _, err := f.DeleteTenants(t.Context(), []string{"a", "x"})
	wantError(t, "one is unknown", err, errs.NotFound, "ids[1]")
	f.works(t, "still there", secretOne, 0)
	_, _, err = f.DeleteTenants(t.Context(), nil)
	wantError(t, "none", err, errs.InvalidRequest, "ids")
	tenants, keys, err := f.DeleteTenants(t.Context(), []string{"b", "a", "b"})
	if err != nil || !slices.Equal(tenants, []string{"b", "a"}) || !slices.Equal(keys, []string{two.GetId(), one.GetId()}) {
		t.Errorf("got %v, %v, %v", tenants, keys, err)
	}
	f.works(t, "gone with its tenant", secretOne, -1)
	f.works(t, "of no tenant", free, 0)
}

func TestCredentials(t *testing.T) {
	f := newFixture(t)
	f.tenant(t, "t1")
	f.tenant(t, "t2")
	put := func(tenantID, provider, value string) {
		t.Helper()
		if err := f.PutCredential(t.Context(), tenantID, provider, keystore.Credential{APIKey: secret.New(value)}); err != nil {
			t.Fatal(err)
		}
	}
	put("t1", "openai", "sk-one")
	put("t1", "openai", "sk-two")
	put("t1", "anthropic", "sk-ant")
	put("t2", "openai", "sk-other")
	for at, want := range map[[2]string]string{
		{"t1", "openai"}: "sk-two", {"t1", "anthropic"}: "sk-ant", {"t2", "openai"}: "sk-other",
	} {
		if got, err := f.OpenCredential(t.Context(), at[0], at[1]); err != nil || got.APIKey.Reveal() != want {
			t.Errorf("%v: %v", at, err)
		}
	}
	providers := func() string {
		tenant, err := f.Tenant(t.Context(), "t1")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(tenant.GetCredentialProviders(), " ")
	}
	if got := providers(); got != "anthropic openai" {
		t.Errorf("the tenant brings %q", got)
	}
	if err := f.DeleteCredential(t.Context(), "t1", "openai"); err != nil {
		t.Fatal(err)
	}
	if got := providers(); got != "anthropic" {
		t.Errorf("the tenant brings %q", got)
	}
	wantError(t, "deleted twice", f.DeleteCredential(t.Context(), "t1", "openai"), errs.NotFound, "provider")
	_, err := f.OpenCredential(t.Context(), "t1", "openai")
	wantError(t, "opened when gone", err, errs.NotFound, "provider")

	based := keystore.Credential{APIKey: secret.New("sk-based"), APIBase: "https://models.example:8443/v1"}
	if err := f.PutCredential(t.Context(), "t1", "groq", based); err != nil {
		t.Fatal(err)
	}
	if got, err := f.OpenCredential(t.Context(), "t1", "groq"); err != nil || got.APIBase != based.APIBase || got.APIKey.Reveal() != "sk-based" {
		t.Errorf("with a base URL: %v, %v", got.APIBase, err)
	}
	put("t1", "groq", "sk-plain")
	if got, err := f.OpenCredential(t.Context(), "t1", "groq"); err != nil || got.APIBase != "" {
		t.Errorf("a credential without one keeps that of the one before: %v, %v", got.APIBase, err)
	}
	for _, base := range []string{
		"models.example/v1", "ftp://models.example", "https://", "https:///v1", "https://user:pass@models.example", "https://models.example?key=x",
		"https://models.example/#x", "https://models.example/a b", "https://models.example/\n", "https://" + strings.Repeat("x", 512),
	} {
		wantError(t, base, f.PutCredential(t.Context(), "t1", "groq", keystore.Credential{APIKey: secret.New("sk-x"), APIBase: base}), errs.InvalidRequest, "api_base")
	}

	ok := secret.New("sk-x")
	for name, tc := range map[string]struct {
		tenant, provider string
		value            secret.String
		reason           errs.Reason
		param            string
	}{
		"no tenant":           {"", "openai", ok, errs.InvalidRequest, "tenant_id"},
		"unknown tenant":      {"x", "openai", ok, errs.NotFound, "tenant_id"},
		"no provider":         {"t1", "", ok, errs.InvalidRequest, "provider"},
		"provider in capital": {"t1", "OpenAI", ok, errs.InvalidRequest, "provider"},
		"empty":               {"t1", "openai", secret.String{}, errs.InvalidRequest, "api_key"},
		"with a line end":     {"t1", "openai", secret.New("sk-x\n"), errs.InvalidRequest, "api_key"},
		"too long":            {"t1", "openai", secret.New(strings.Repeat("x", 8193)), errs.InvalidRequest, "api_key"},
	} {
		wantError(t, name, f.PutCredential(t.Context(), tc.tenant, tc.provider, keystore.Credential{APIKey: tc.value}), tc.reason, tc.param)
	}
}

// A sealed credential that is moved to another row must not open there.
func TestCredentialsStayInTheirPlace(t *testing.T) {
	f := newFixture(t)
	f.tenant(t, "t1")
	f.tenant(t, "t2")
	if err := f.PutCredential(t.Context(), "t1", "openai", keystore.Credential{APIKey: secret.New("sk-one")}); err != nil {
		t.Fatal(err)
	}
	store := openStore(t, f.path)
	sealed, err := store.Credential(t.Context(), "t1", "openai")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Apply(t.Context(), []keystore.Mutation{
		keystore.PutCredential{TenantID: "t2", Provider: "openai", Sealed: sealed},
		keystore.PutCredential{TenantID: "t1", Provider: "groq", Sealed: sealed},
	}); err != nil {
		t.Fatal(err)
	}
	for _, at := range [][2]string{{"t2", "openai"}, {"t1", "groq"}} {
		if got, err := f.OpenCredential(t.Context(), at[0], at[1]); err == nil || got != (keystore.Credential{}) {
			t.Errorf("%v opens", at)
		}
	}
}
