package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/secret/secrettest"
)

// keystoreFake makes a new credential for each asking.
type keystoreFake struct {
	keystorev1connect.UnimplementedKeystoreServiceHandler
	changes chan *keystorev1.WatchResponse // nil breaks the watch; so does closing it

	mu    sync.Mutex
	calls int
	base  string
	err   error
	// hold keeps askings until it is closed; nil does not.
	hold chan struct{}
}

func (k *keystoreFake) OpenCredential(ctx context.Context, req *keystorev1.OpenCredentialRequest) (*keystorev1.OpenCredentialResponse, error) {
	k.mu.Lock()
	k.calls++
	hold := k.hold
	resp, err := &keystorev1.OpenCredentialResponse{
		ApiKey: fmt.Sprintf("sk-%s-%s-%d", req.GetTenantId(), req.GetProvider(), k.calls), ApiBase: k.base,
	}, k.err
	k.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return resp, err
}

func (k *keystoreFake) Watch(ctx context.Context, _ *keystorev1.WatchRequest, stream keystorev1connect.KeystoreServiceWatchServerStream) error {
	for {
		select {
		case change, ok := <-k.changes:
			if !ok {
				return errors.New("the watch broke")
			}
			if err := stream.Send(change); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (k *keystoreFake) set(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

func (k *keystoreFake) called() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.calls
}

func newCredentials(t *testing.T) (*TenantCredentials, *keystoreFake, *clocktest.Fake) {
	t.Helper()
	store, clk := &keystoreFake{changes: make(chan *keystorev1.WatchResponse)}, clocktest.New()
	server := rpc.NewServer()
	keystorev1connect.RegisterKeystoreServiceHandler(server, store)
	c := NewTenantCredentials(keystorev1connect.NewKeystoreServiceClient(rpc.InProcess(server)), clk, slog.New(slog.DiscardHandler))
	t.Cleanup(c.Close)
	return c, store, clk
}

// wantCredential opens a credential, and compares.
func wantCredential(t *testing.T, c *TenantCredentials, tenant, provider, key string) {
	t.Helper()
	got, err := c.Open(t.Context(), tenant, provider)
	if err != nil || got.APIKey.Reveal() != key || got.APIBase != nil {
		t.Errorf("got %q at %v, %v, want %q", got.APIKey.Reveal(), got.APIBase, err, key)
	}
}

// settle waits until nothing is being opened.
func (c *TenantCredentials) settle() {
	for {
		c.mu.Lock()
		busy := false
		for _, h := range c.held {
			busy = busy || h.flight != nil
		}
		c.mu.Unlock()
		if !busy {
			return
		}
		runtime.Gosched()
	}
}

func TestTenantCredentials(t *testing.T) {
	c, store, clk := newCredentials(t)
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-1")
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-1") // held
	wantCredential(t, c, "t1", "groq", "sk-t1-groq-2")
	wantCredential(t, c, "t2", "openai", "sk-t2-openai-3") // nobody gets another's
	clk.Advance(credentialFresh - 1)
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-1")
	c.settle()
	if store.called() != 3 {
		t.Errorf("%d askings for what is fresh", store.called())
	}
	clk.Advance(1)
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-1") // at once, and opened again behind it
	c.settle()
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-4")
	clk.Advance(credentialLife)
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-5") // one that nobody used may have been replaced

	store.set(func() { store.err = errs.New(errs.NotFound, "no such credential") })
	clk.Advance(credentialFresh)
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-5") // it is noticed behind the call
	c.settle()
	for range 2 { // an error is not held
		if _, err := c.Open(t.Context(), "t1", "openai"); !errs.Is(err, errs.NotFound) {
			t.Errorf("got %v", err)
		}
	}
	store.set(func() { store.err = errors.New("sk-secret-in-a-fault") })
	_, err := c.Open(t.Context(), "t1", "openai")
	if !errs.Is(err, errs.ServiceUnavailable) { // nothing was sent: no internal error, which might be charged
		t.Errorf("got %v", err)
	}
	secrettest.AssertNoLeak(t, err.Error(), "sk-secret-in-a-fault")
	secrettest.AssertRedacts(t, c.held, "sk-t1-openai-5", "sk-t2-openai-3")
}

// While the keystore is away, what is known goes on for a while, and few calls wait for it.
func TestCredentialsOutliveTheKeystore(t *testing.T) {
	c, store, clk := newCredentials(t)
	wantCredential(t, c, "t", "openai", "sk-t-openai-1")
	store.set(func() { store.err = errs.New(errs.ServiceUnavailable, "away") })
	clk.Advance(credentialLife)
	wantCredential(t, c, "t", "openai", "sk-t-openai-1")
	asked := store.called()
	wantCredential(t, c, "t", "openai", "sk-t-openai-1")
	if c.settle(); store.called() != asked {
		t.Error("it is asked again at once")
	}
	// One that hangs is waited for by nobody who knows that it is away.
	hold := make(chan struct{})
	store.set(func() { store.err, store.hold = nil, hold })
	clk.Advance(credentialRetry)
	wantCredential(t, c, "t", "openai", "sk-t-openai-1")
	clk.WaitForTimers(t, 1)
	clk.Advance(credentialWait)
	c.settle()
	clk.Advance(credentialStale)
	done := make(chan error, 1)
	go func() {
		_, err := c.Open(t.Context(), "t", "openai")
		done <- err
	}()
	clk.WaitForTimers(t, 1)
	clk.Advance(credentialWait)
	if err := <-done; !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("one that is too old: %v", err)
	}
	close(hold)
	c.settle()
	got, err := c.Open(t.Context(), "t", "openai")
	if err != nil || got.APIKey.Reveal() == "sk-t-openai-1" {
		t.Errorf("the keystore is back: %v", err)
	}
}

// Calls that come together ask once, and none waits longer than it lives itself.
func TestOneOpeningForAll(t *testing.T) {
	c, store, _ := newCredentials(t)
	hold := make(chan struct{})
	store.set(func() { store.hold = hold })
	impatient, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := c.Open(impatient, "t", "openai")
		left <- err
	}()
	const calls = 50
	var wait sync.WaitGroup
	for range calls {
		wait.Go(func() { wantCredential(t, c, "t", "openai", "sk-t-openai-1") })
	}
	leave()
	if err := <-left; !errs.Is(err, errs.ClientClosed) {
		t.Errorf("one that left got %v", err)
	}
	for store.called() == 0 {
		runtime.Gosched()
	}
	close(hold)
	wait.Wait()
	if store.called() != 1 {
		t.Errorf("%d askings for one credential", store.called())
	}
}

// A change that the keystore tells of counts at once, also for what is being opened; with a
// watch, nobody waits for what is old.
func TestWatchedCredentials(t *testing.T) {
	c, store, clk := newCredentials(t)
	c.Start()
	tell := func(change *keystorev1.WatchResponse) {
		t.Helper()
		store.changes <- change
		store.changes <- &keystorev1.WatchResponse{} // it is taken when the one before was applied
	}
	tell(&keystorev1.WatchResponse{Reset_: true})
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-1")
	wantCredential(t, c, "t2", "openai", "sk-t2-openai-2")
	tell(&keystorev1.WatchResponse{TenantIds: []string{"t1"}})
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-3")
	wantCredential(t, c, "t2", "openai", "sk-t2-openai-2")

	hold := make(chan struct{})
	store.set(func() { store.hold = hold })
	clk.Advance(credentialStale - 1)
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-3") // the keystore hangs, and the watch tells of no change
	for store.called() != 4 {
		runtime.Gosched()
	}
	tell(&keystorev1.WatchResponse{TenantIds: []string{"t1"}}) // what is being opened may be the old one
	store.set(func() { store.hold = nil })
	close(hold)
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-5")
	c.settle()
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-5")

	// Whoever begins to watch may have missed a change.
	tell(&keystorev1.WatchResponse{Reset_: true})
	clk.Advance(credentialLife)
	wantCredential(t, c, "t1", "openai", "sk-t1-openai-6")

	close(store.changes)
	clk.WaitForTimers(t, 1) // the pause before the next watch
	c.mu.Lock()
	watched := c.isWatched(clk.Now())
	c.mu.Unlock()
	if watched {
		t.Error("a watch that broke still vouches for what is held")
	}
}

// A watch that promised heartbeats and is silent vouches for nothing, though its connection is
// open.
func TestASilentWatchOfCredentials(t *testing.T) {
	c, store, clk := newCredentials(t)
	c.Start()
	watched := func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.isWatched(clk.Now())
	}
	for range 4 {
		for range 2 { // the second is taken when the first was heard
			store.changes <- &keystorev1.WatchResponse{HeartbeatMillis: 300}
		}
		clk.Advance(900 * time.Millisecond)
		if !watched() {
			t.Fatal("it is not watched between heartbeats")
		}
	}
	clk.Advance(time.Second)
	for watched() {
		runtime.Gosched()
	}
	clk.WaitForTimers(t, 1) // the pause before the next watch
	clk.Advance(watchRetry)
	store.changes <- &keystorev1.WatchResponse{Reset_: true}
	for !watched() {
		runtime.Gosched()
	}
}

// In a process that was stopped and goes on, calls may come before the watch's timer, and so may
// a heartbeat that has lain in the socket: what is old is opened again first.
func TestAStoppedProcessOpensCredentialsAgain(t *testing.T) {
	for name, lain := range map[string]*keystorev1.WatchResponse{"a call comes first": nil, "a heartbeat comes first": {HeartbeatMillis: 300}} {
		t.Run(name, func(t *testing.T) {
			c, store, clk := newCredentials(t)
			c.Start()
			open := func(want bool) {
				t.Helper()
				for deadline := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
					c.mu.Lock()
					watched := c.watched
					c.mu.Unlock()
					if watched == want {
						return
					}
					if time.Now().After(deadline) {
						t.Fatalf("after 20 s the watch is open: %v", watched)
					}
				}
			}
			store.changes <- &keystorev1.WatchResponse{HeartbeatMillis: 300}
			open(true)
			wantCredential(t, c, "t", "openai", "sk-t-openai-1")
			c.settle()
			clk.Skip(credentialLife)
			if lain != nil {
				store.changes <- lain
				open(false)
			}
			wantCredential(t, c, "t", "openai", "sk-t-openai-2")
			c.mu.Lock()
			defer c.mu.Unlock()
			if lain == nil && !c.watched {
				t.Error("the watch ended by itself: the test shows nothing")
			}
		})
	}
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
	store.set(func() { store.base = "https://%zz" })
	if _, err := c.Open(t.Context(), "t2", "openai"); !errs.Is(err, errs.ServiceUnavailable) || store.called() != 2 {
		t.Errorf("%v after %d calls", err, store.called())
	}
}

func TestHeldCredentialsAreBounded(t *testing.T) {
	c, _, clk := newCredentials(t)
	for n := range maxCredentials {
		c.held[credentialName{fmt.Sprint(n), "openai"}] = &heldCredential{opened: clk.Now()}
	}
	if _, err := c.Open(t.Context(), "t", "openai"); err != nil {
		t.Error(err)
	}
	c.settle()
	if len(c.held) != maxCredentials {
		t.Errorf("%d are held", len(c.held))
	}
}

// After the end nothing runs any more, and nobody waits.
func TestClosedCredentials(t *testing.T) {
	c, store, clk := newCredentials(t)
	c.Start()
	hold := make(chan struct{})
	defer close(hold)
	wantCredential(t, c, "t", "openai", "sk-t-openai-1")
	store.set(func() { store.hold = hold })
	clk.Advance(credentialFresh)
	wantCredential(t, c, "t", "openai", "sk-t-openai-1")
	c.Close()
	if _, err := c.Open(t.Context(), "other", "openai"); !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("got %v", err)
	}
}
