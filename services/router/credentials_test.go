package router

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/secret/secrettest"
)

type keystoreFake struct {
	keystorev1connect.UnimplementedKeystoreServiceHandler
	calls int
	base  string
	err   error
}

func (k *keystoreFake) OpenCredential(_ context.Context, req *keystorev1.OpenCredentialRequest) (*keystorev1.OpenCredentialResponse, error) {
	k.calls++
	return &keystorev1.OpenCredentialResponse{
		ApiKey: fmt.Sprintf("sk-%s-%s-%d", req.GetTenantId(), req.GetProvider(), k.calls), ApiBase: k.base,
	}, k.err
}

func newCredentials(t *testing.T) (*TenantCredentials, *keystoreFake, *clocktest.Fake) {
	t.Helper()
	store, clk := &keystoreFake{}, clocktest.New()
	server := rpc.NewServer()
	keystorev1connect.RegisterKeystoreServiceHandler(server, store)
	return NewTenantCredentials(keystorev1connect.NewKeystoreServiceClient(rpc.InProcess(server)), clk), store, clk
}

func TestTenantCredentials(t *testing.T) {
	c, store, clk := newCredentials(t)
	want := func(tenant, provider, key string) {
		t.Helper()
		got, err := c.Open(t.Context(), tenant, provider)
		if err != nil || got.APIKey.Reveal() != key || got.APIBase != nil {
			t.Errorf("got %q at %v, %v, want %q", got.APIKey.Reveal(), got.APIBase, err, key)
		}
	}
	want("t1", "openai", "sk-t1-openai-1")
	want("t1", "openai", "sk-t1-openai-1") // held
	want("t1", "groq", "sk-t1-groq-2")
	want("t2", "openai", "sk-t2-openai-3") // nobody gets another's
	clk.Advance(credentialLife - 1)
	want("t1", "openai", "sk-t1-openai-1")
	clk.Advance(1)
	want("t1", "openai", "sk-t1-openai-4") // it may have been replaced

	store.err = errs.New(errs.NotFound, "no such credential")
	want("t1", "openai", "sk-t1-openai-4") // what is held needs no keystore
	clk.Advance(credentialLife)
	for range 2 { // an error is not held
		if _, err := c.Open(t.Context(), "t1", "openai"); !errs.Is(err, errs.NotFound) {
			t.Errorf("got %v", err)
		}
	}
	store.err = errors.New("sk-secret-in-a-fault")
	_, err := c.Open(t.Context(), "t1", "openai")
	if !errs.Is(err, errs.Internal) {
		t.Errorf("got %v", err)
	}
	secrettest.AssertNoLeak(t, err.Error(), "sk-secret-in-a-fault")
	secrettest.AssertRedacts(t, c.held, "sk-t1-openai-4", "sk-t2-openai-3")
}

// A base URL is taken without what does not belong into one, and is held with its key.
func TestTenantBases(t *testing.T) {
	c, store, _ := newCredentials(t)
	store.base = "https://user:pass@models.example:8443/v1/?key=x#y"
	for range 2 {
		got, err := c.Open(t.Context(), "t1", "openai")
		if err != nil || got.APIBase == nil || got.APIBase.String() != "https://models.example:8443/v1" {
			t.Errorf("got %v, %v", got.APIBase, err)
		}
	}
	store.base = "https://%zz"
	if _, err := c.Open(t.Context(), "t2", "openai"); !errs.Is(err, errs.Internal) || store.calls != 2 {
		t.Errorf("%v after %d calls", err, store.calls)
	}
}

func TestHeldCredentialsAreBounded(t *testing.T) {
	c, _, clk := newCredentials(t)
	for n := range maxCredentials {
		c.held[credentialName{fmt.Sprint(n), "openai"}] = heldCredential{until: clk.Now().Add(time.Hour)}
	}
	if _, err := c.Open(t.Context(), "t", "openai"); err != nil || len(c.held) > maxCredentials {
		t.Errorf("%d are held, %v", len(c.held), err)
	}
}
