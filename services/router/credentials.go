package router

import (
	"context"
	"log/slog"
	"net/url"
	"sync"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/secret"
	"tollgate.dev/services/router/upstream"
)

const (
	// credentialFresh is how long an opened credential is used as it is. Whoever uses an
	// older one has it opened again, in the background.
	credentialFresh = 15 * time.Second
	// credentialLife is from when a call waits until it is opened again, unless the
	// keystore's changes are watched. It bounds how long a replaced one is still used.
	credentialLife = 30 * time.Second
	// credentialStale is how long one goes on while the keystore is away, as keys do.
	credentialStale = 10 * time.Minute
	// credentialWait bounds how long a call waits for the keystore.
	credentialWait = 2 * time.Second
	// credentialRetry is the least time between two askings that fail.
	credentialRetry = time.Second
	// maxCredentials bounds how many are held.
	maxCredentials = 10_000
)

// errKeystoreTime ends the wait for the keystore.
var errKeystoreTime = errs.New(errs.ServiceUnavailable, "a service that the gateway needs does not answer")

// TenantCredentials opens tenants' credentials at the keystore and holds them, so that no
// call waits for a credential that this process knows: each is opened again before it is
// old, and dropped when the keystore tells of a change of its tenant.
type TenantCredentials struct {
	keystore keystorev1connect.KeystoreServiceClient
	clock    clock.Clock
	log      *slog.Logger
	// life ends what runs in the background.
	life       context.Context //nolint:containedctx // an opening outlives the call that began it
	end        context.CancelFunc
	background sync.WaitGroup

	mu   sync.Mutex
	held map[credentialName]*heldCredential
	// watched says that changes are told: until then, unless the watch is heard again, or, where
	// that is zero, for as long as the watch is open.
	watched      bool
	watchedUntil time.Time
	closed       bool
}

type credentialName struct{ tenant, provider string }

// heldCredential is what is known of a credential.
type heldCredential struct {
	Credential
	// opened is when the credential was; zero for one that is yet to be opened. sure says
	// that every change since then was watched.
	opened time.Time
	sure   bool
	// tried is when the last opening failed.
	tried time.Time
	// flight is the opening under way; nil for none.
	flight *credentialFlight
}

// credentialFlight is one opening that calls wait for.
type credentialFlight struct {
	done chan struct{}
	// credential and err are final once done is closed.
	credential Credential
	err        error
}

// NewTenantCredentials returns credentials from the keystore. Close them; start them, or
// changes are noticed late.
func NewTenantCredentials(keystore keystorev1connect.KeystoreServiceClient, clk clock.Clock, log *slog.Logger) *TenantCredentials {
	life, end := context.WithCancel(context.Background())
	return &TenantCredentials{
		keystore: keystore, clock: clk, log: log, life: life, end: end, held: make(map[credentialName]*heldCredential),
	}
}

// Start follows the keystore's changes until Close.
func (c *TenantCredentials) Start() { c.background.Go(c.follow) }

// Close ends what runs in the background.
func (c *TenantCredentials) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.end()
	c.background.Wait()
}

// Open returns a tenant's own credential for a provider. It waits for the keystore only for
// one that this process does not hold, or not for certain.
func (c *TenantCredentials) Open(ctx context.Context, tenant, provider string) (Credential, error) {
	name := credentialName{tenant, provider}
	now := c.clock.Now()
	c.mu.Lock()
	h := c.entry(name)
	age := now.Sub(h.opened)
	known := !h.opened.IsZero()
	if known && age < credentialFresh {
		defer c.mu.Unlock()
		return h.Credential, nil
	}
	stale := known && age < credentialStale
	if h.flight == nil && (!stale || now.Sub(h.tried) >= credentialRetry) {
		c.open(name, h) //nolint:contextcheck // an opening outlives the call that begins it
	}
	flight, held := h.flight, h.Credential
	// Nobody waits for a keystore that did not answer just now.
	wait := !stale || flight != nil && age >= credentialLife && !(c.isWatched(now) && h.sure) && h.tried.IsZero()
	c.mu.Unlock()
	if !wait {
		return held, nil
	}
	select {
	case <-flight.done:
	case <-ctx.Done():
		return Credential{}, upstream.Ended(ctx)
	}
	if flight.err != nil && stale && !errs.Is(flight.err, errs.NotFound) {
		return held, nil
	}
	return flight.credential, flight.err
}

// entry is what is held of a name. The lock is held.
func (c *TenantCredentials) entry(name credentialName) *heldCredential {
	h := c.held[name]
	if h != nil {
		return h
	}
	for other, old := range c.held { // any: who needs it opens it again
		if len(c.held) < maxCredentials {
			break
		}
		if old.flight == nil {
			delete(c.held, other)
		}
	}
	h = &heldCredential{}
	c.held[name] = h
	return h
}

// open begins an opening. The lock is held.
func (c *TenantCredentials) open(name credentialName, h *heldCredential) {
	f := &credentialFlight{done: make(chan struct{})}
	if c.closed {
		f.err = errKeystoreTime
		close(f.done)
		h.flight = f
		return
	}
	h.flight = f
	c.background.Go(func() {
		defer close(f.done)
		begun := c.clock.Now()
		f.credential, f.err = c.ask(name)
		c.mu.Lock()
		defer c.mu.Unlock()
		h.flight = nil
		switch {
		case c.held[name] != h: // it was dropped meanwhile: what was opened may be the old one
		case f.err == nil:
			h.Credential, h.opened, h.sure, h.tried = f.credential, begun, c.isWatched(c.clock.Now()), time.Time{}
		case h.opened.IsZero(), errs.Is(f.err, errs.NotFound):
			delete(c.held, name)
		default:
			h.tried = c.clock.Now()
		}
	})
}

// ask opens a credential at the keystore, within its time.
func (c *TenantCredentials) ask(name credentialName) (Credential, error) {
	// The deadline is for the transport, which asks another replica in time.
	life, over := context.WithTimeout(c.life, credentialWait)
	defer over()
	ctx, cancel := context.WithCancelCause(life)
	defer cancel(nil)
	timer := c.clock.AfterFunc(credentialWait, func() { cancel(errKeystoreTime) })
	defer timer.Stop()
	resp, err := c.keystore.OpenCredential(ctx, &keystorev1.OpenCredentialRequest{TenantId: name.tenant, Provider: name.provider})
	switch {
	case err != nil && ctx.Err() != nil:
		return Credential{}, errKeystoreTime
	case errs.Is(err, errs.Internal): // an internal error of the router's own may be one of a call that was sent
		return Credential{}, errs.New(errs.ServiceUnavailable, errKeystoreTime.Message).WithCause(err)
	case err != nil:
		return Credential{}, err
	}
	out := Credential{APIKey: secret.New(resp.GetApiKey())}
	if text := resp.GetApiBase(); text != "" {
		base, err := url.Parse(text)
		if err != nil { // the keystore takes none that is no URL
			return Credential{}, errs.New(errs.ServiceUnavailable, "a tenant's base URL cannot be read")
		}
		plain := plainBase(base)
		out.APIBase = &plain
	}
	return out, nil
}

// watchRetry is the wait before a watch that broke is begun again.
const watchRetry = time.Second

// follow watches the keystore's changes for as long as c lives.
func (c *TenantCredentials) follow() {
	ctx := c.life
	for ctx.Err() == nil {
		err := c.watch(ctx)
		c.mu.Lock()
		c.watched = false
		c.mu.Unlock()
		if ctx.Err() == nil {
			c.log.WarnContext(ctx, "the watch of tenants' credentials broke; they are opened more often until it is back", "error", err)
		}
		if clock.Sleep(ctx, c.clock, watchRetry) != nil {
			return
		}
	}
}

// watch follows one stream to its end, or until it is silent for too long. Before it began everything may have changed.
func (c *TenantCredentials) watch(ctx context.Context) error {
	ctx, vigil := rpc.KeepVigil(ctx, c.clock)
	defer vigil.End()
	stream, err := c.keystore.Watch(ctx, &keystorev1.WatchRequest{})
	if err != nil {
		return vigil.Why(err)
	}
	// It is over, or is being abandoned.
	defer func() { _ = stream.Close() }()
	for heard := false; ; heard = true {
		changes, err := stream.Receive()
		if err != nil {
			return vigil.Why(err)
		}
		until, err := vigil.Heard(changes.GetHeartbeatMillis())
		if err != nil {
			return err
		}
		c.apply(changes, !heard || changes.GetReset_(), until)
	}
}

// isWatched reports whether changes are told at a time. It compares the time itself: in a
// process that was stopped, calls may come before whoever would end the watch. The lock is held.
func (c *TenantCredentials) isWatched(now time.Time) bool {
	return c.watched && (c.watchedUntil.IsZero() || now.Before(c.watchedUntil))
}

// apply drops what has changed. After a reset everything may have: what is held is of no
// more use than without a watch, and what is being opened may be old.
func (c *TenantCredentials) apply(changes *keystorev1.WatchResponse, reset bool, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched, c.watchedUntil = true, until
	if reset {
		for name, h := range c.held {
			if h.opened.IsZero() {
				delete(c.held, name)
			} else {
				c.held[name] = &heldCredential{Credential: h.Credential, opened: h.opened}
			}
		}
	}
	for _, tenant := range changes.GetTenantIds() {
		for name := range c.held {
			if name.tenant == tenant {
				delete(c.held, name)
			}
		}
	}
}
