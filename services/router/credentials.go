package router

import (
	"context"
	"net/url"
	"sync"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
)

const (
	// credentialLife is how long an opened credential is held. It bounds how long a
	// replaced one is still used.
	credentialLife = 30 * time.Second
	// maxCredentials bounds how many are held.
	maxCredentials = 10_000
)

// TenantCredentials opens tenants' credentials at the keystore and holds each for a
// short while.
type TenantCredentials struct {
	keystore keystorev1connect.KeystoreServiceClient
	clock    clock.Clock

	mu   sync.Mutex
	held map[credentialName]heldCredential
}

type credentialName struct{ tenant, provider string }

type heldCredential struct {
	Credential
	until time.Time
}

// NewTenantCredentials returns credentials from the keystore.
func NewTenantCredentials(keystore keystorev1connect.KeystoreServiceClient, clk clock.Clock) *TenantCredentials {
	return &TenantCredentials{keystore: keystore, clock: clk, held: make(map[credentialName]heldCredential)}
}

// Open returns a tenant's own credential for a provider.
func (c *TenantCredentials) Open(ctx context.Context, tenant, provider string) (Credential, error) {
	name := credentialName{tenant, provider}
	now := c.clock.Now()
	c.mu.Lock()
	held, ok := c.held[name]
	c.mu.Unlock()
	if ok && now.Before(held.until) {
		return held.Credential, nil
	}
	resp, err := c.keystore.OpenCredential(ctx, &keystorev1.OpenCredentialRequest{TenantId: tenant, Provider: provider})
	if err != nil {
		return Credential{}, err
	}
	held = heldCredential{Credential: Credential{APIKey: secret.New(resp.GetApiKey())}, until: now.Add(credentialLife)}
	if text := resp.GetApiBase(); text != "" {
		base, err := url.Parse(text)
		if err != nil { // the keystore takes none that is no URL
			return Credential{}, errs.New(errs.Internal, "a tenant's base URL cannot be read")
		}
		plain := plainBase(base)
		held.APIBase = &plain
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) >= maxCredentials {
		clear(c.held)
	}
	c.held[name] = held
	return held.Credential, nil
}
