package keystore_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
	"tollgate.dev/services/keystore"
)

// faulty is a store that fails as a test says.
type faulty struct {
	keystore.Store
	read, write error
}

func (f *faulty) Keys(ctx context.Context, q keystore.KeyQuery) (keystore.KeyPage, error) {
	if f.read != nil {
		return keystore.KeyPage{}, f.read
	}
	return f.Store.Keys(ctx, q)
}

func (f *faulty) Tenants(ctx context.Context, q keystore.TenantQuery) ([]keystore.TenantRecord, error) {
	if f.read != nil {
		return nil, f.read
	}
	return f.Store.Tenants(ctx, q)
}

func (f *faulty) Credential(ctx context.Context, tenantID, provider string) ([]byte, error) {
	if f.read != nil {
		return nil, f.read
	}
	return f.Store.Credential(ctx, tenantID, provider)
}

func (f *faulty) Apply(ctx context.Context, batch []keystore.Mutation) (keystore.Applied, error) {
	if f.write != nil {
		return keystore.Applied{}, f.write
	}
	return f.Store.Apply(ctx, batch)
}

// calls are all that a caller can ask, each right by itself.
func calls(ctx context.Context, s *keystore.Service, keyID string) (reads, writes map[string]error) {
	handle := keystore.Handle(secret.New("sk-unknown-unknown-unknown"))
	reads, writes = map[string]error{}, map[string]error{}
	_, reads["key"] = s.Key(ctx, byID(keyID))
	_, reads["list"] = s.List(ctx, keystore.KeyFilter{})
	_, reads["resolve"] = s.Resolve(ctx, handle[:])
	_, reads["tenant"] = s.Tenant(ctx, "t1")
	_, _, reads["tenants"] = s.Tenants(ctx, 0, "")
	_, reads["open"] = s.OpenCredential(ctx, "t1", "openai")
	_, _, writes["issue"] = s.Issue(ctx, nil, secret.String{})
	_, writes["update"] = s.Update(ctx, byID(keyID), &keystorev1.Key{UserId: "u"}, []string{"user_id"})
	_, _, writes["rotate"] = s.Rotate(ctx, byID(keyID), 0, secret.String{}, "root")
	_, writes["block"] = s.SetBlocked(ctx, byID(keyID), true, "root")
	_, writes["delete"] = s.Delete(ctx, []*keystorev1.KeyRef{byID(keyID)})
	_, writes["put tenant"] = s.PutTenant(ctx, nil, nil)
	_, _, writes["delete tenants"] = s.DeleteTenants(ctx, []string{"t1"})
	writes["put credential"] = s.PutCredential(ctx, "t1", "openai", keystore.Credential{APIKey: secret.New("sk-x")})
	writes["delete credential"] = s.DeleteCredential(ctx, "t1", "openai")
	return reads, writes
}

func TestAnAbsentStoreIsUnavailable(t *testing.T) {
	f := newFixture(t)
	f.tenant(t, "t1")
	key, _ := f.issue(t, nil)
	store := &faulty{Store: openStore(t, f.path)}
	service, err := keystore.New(store, options(t))
	if err != nil {
		t.Fatal(err)
	}
	away := errors.New("postgres says: row (secret stuff)")

	unavailable := func(name string, err error) {
		t.Helper()
		wantError(t, name, err, errs.ServiceUnavailable, "")
		if !errors.Is(err, away) || strings.Contains(err.Error(), "secret stuff") {
			t.Errorf("%s: the cause is lost, or told: %v", name, err)
		}
	}
	store.read, store.write = away, away
	reads, writes := calls(t.Context(), service, key.GetId())
	for name, err := range reads {
		unavailable(name, err)
	}
	for name, err := range writes {
		unavailable(name, err)
	}
	store.read = nil
	_, writes = calls(t.Context(), service, key.GetId())
	for name, err := range writes {
		unavailable(name, err)
	}

	store.write = keystore.ErrStale // another replica is always faster
	_, writes = calls(t.Context(), service, key.GetId())
	for name, err := range writes {
		wantError(t, name, err, errs.Conflict, "")
	}

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	store.read, store.write = context.Canceled, context.Canceled
	reads, writes = calls(gone, service, key.GetId())
	for _, answers := range []map[string]error{reads, writes} {
		for name, err := range answers {
			if !errors.Is(err, context.Canceled) || errs.Of(err).Reason != errs.ClientClosed {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
