package admission

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/gen/tollgate/keystore/v1/keystorev1connect"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/platform/secret"
)

const (
	master = "sk-master-of-the-tests-0000"
	alice  = "sk-alice-0123456789abcdef"
	bob    = "sk-bob-0123456789abcdef00"
)

// keystore is a small one in memory, behind the real RPC machinery.
type keystore struct {
	keystorev1connect.UnimplementedKeystoreServiceHandler

	resolves, reads, watches atomic.Int64

	mu      sync.Mutex
	grants  map[string]*keystorev1.Grant // by secret's hash
	tenants map[string]*keystorev1.Tenant
	away    bool
	// hold, when set, is waited for inside ResolveKey, after the grant was read.
	hold    chan struct{}
	held    chan struct{}
	streams map[chan *keystorev1.WatchResponse]struct{}
}

func newKeystore() *keystore {
	return &keystore{
		grants: map[string]*keystorev1.Grant{}, tenants: map[string]*keystorev1.Tenant{},
		streams: map[chan *keystorev1.WatchResponse]struct{}{},
	}
}

var errAway = errs.New(errs.ServiceUnavailable, "the keystore is away")

func (s *keystore) put(secret string, g *keystorev1.Grant) {
	h := sha256.Sum256([]byte(secret))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grants[string(h[:])] = g
	if t := g.GetTenant(); t != nil {
		s.tenants[t.GetId()] = t
	}
}

func (s *keystore) remove(secret string) {
	h := sha256.Sum256([]byte(secret))
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.grants, string(h[:]))
}

func (s *keystore) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
	if away {
		for ch := range s.streams {
			close(ch)
			delete(s.streams, ch)
		}
	}
}

// tell sends changes to every watcher.
func (s *keystore) tell(changes *keystorev1.WatchResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ch := range s.streams {
		ch <- changes
	}
}

func (s *keystore) ResolveKey(_ context.Context, req *keystorev1.ResolveKeyRequest) (*keystorev1.ResolveKeyResponse, error) {
	s.resolves.Add(1)
	s.mu.Lock()
	away, g, hold, held := s.away, s.grants[string(req.GetSecretSha256())], s.hold, s.held
	s.mu.Unlock()
	if hold != nil {
		held <- struct{}{}
		<-hold
	}
	switch {
	case away:
		return nil, errAway
	case g == nil:
		return nil, errs.New(errs.InvalidAPIKey, "the API key is not known")
	}
	return &keystorev1.ResolveKeyResponse{Grant: proto.CloneOf(g)}, nil
}

func (s *keystore) GetTenant(_ context.Context, req *keystorev1.GetTenantRequest) (*keystorev1.GetTenantResponse, error) {
	s.reads.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tenants[req.GetId()]
	switch {
	case s.away:
		return nil, errAway
	case t == nil:
		return nil, errs.New(errs.NotFound, "there is no such tenant")
	}
	return &keystorev1.GetTenantResponse{Tenant: proto.CloneOf(t)}, nil
}

func (s *keystore) Watch(ctx context.Context, _ *keystorev1.WatchRequest, stream keystorev1connect.KeystoreServiceWatchServerStream) error {
	s.watches.Add(1)
	ch := make(chan *keystorev1.WatchResponse, 64)
	ch <- &keystorev1.WatchResponse{Reset_: true}
	s.mu.Lock()
	if s.away {
		s.mu.Unlock()
		return errAway
	}
	s.streams[ch] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.streams, ch)
		s.mu.Unlock()
	}()
	for {
		select {
		case changes, ok := <-ch:
			if !ok {
				return errAway
			}
			if err := stream.Send(changes); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func client(s keystorev1connect.KeystoreServiceHandler) keystorev1connect.KeystoreServiceClient {
	server := rpc.NewServer()
	keystorev1connect.RegisterKeystoreServiceHandler(server, s)
	return keystorev1connect.NewKeystoreServiceClient(rpc.InProcess(server))
}

// unwatched returns Keys whose Run does not run.
func unwatched(s *keystore, opts Options) (*Keys, *clocktest.Fake) {
	clk := clocktest.New()
	opts.Clock, opts.MasterKey, opts.PlatformID = clk, secret.New(master), "default"
	return New(client(s), opts), clk
}

// watched returns Keys that follow the keystore, once they do.
func watched(t *testing.T, s *keystore, opts Options) (*Keys, *clocktest.Fake) {
	t.Helper()
	k, clk := unwatched(s, opts)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- k.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	eventually(t, "the watch", func() bool { return k.live() })
	return k, clk
}

// live reports whether the watch vouches for what is known.
func (k *Keys) live() bool { return k.current.Load().live(k.now()) }

// tell sends changes and waits until k has heard them.
func tell(t *testing.T, s *keystore, k *Keys, changes *keystorev1.WatchResponse) {
	t.Helper()
	before := k.changes.seq.Load()
	n := uint64(len(changes.GetKeyIds()) + len(changes.GetTenantIds()))
	if changes.GetReset_() {
		n++
	}
	// A key that nobody has comes last, so that the others are applied when it is logged.
	changes.TenantIds = append(changes.TenantIds, "nobody")
	s.tell(changes)
	eventually(t, "the change", func() bool { return k.changes.seq.Load() == before+n+1 })
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s in vain for %s", what)
		}
	}
}

func wantReason(t *testing.T, err error, want errs.Reason) *errs.Error {
	t.Helper()
	e, ok := errors.AsType[*errs.Error](err)
	if !ok || e.Reason != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	return e
}

func admit(t *testing.T, k *Keys, presented string) *Principal {
	t.Helper()
	p, err := k.Admit(t.Context(), presented, k.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func refuse(t *testing.T, k *Keys, presented string, want errs.Reason) {
	t.Helper()
	_, err := k.Admit(t.Context(), presented, k.clock.Now())
	_ = wantReason(t, err, want)
}

func keyOf(secret string) *keystorev1.Key {
	h := sha256.Sum256([]byte("pepper" + secret))
	return &keystorev1.Key{Id: hex.EncodeToString(h[:])}
}
