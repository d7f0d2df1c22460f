package admission

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
)

func TestTheMasterKey(t *testing.T) {
	s := newKeystore()
	k, _ := unwatched(s, Options{})
	p := admit(t, k, master)
	if p.KeyID != MasterKeyID || !p.Admin || !p.ActAsTenant || p.ReadOnly || p.Key != nil || p.Limits() != nil {
		t.Errorf("%+v", p)
	}
	if p.AllowsModel("any") != nil || p.AllowsRoute("/key/generate") != nil || p.ResolveModel("a") != "a" {
		t.Error("the master key is limited")
	}
	none := New(client(s), Options{Clock: clocktest.New()})
	for _, presented := range []string{"", master, "sk-"} {
		if _, err := none.Admit(t.Context(), presented, k.clock.Now()); err == nil {
			t.Errorf("%q is a master key where there is none", presented)
		}
	}
}

func TestAdmit(t *testing.T) {
	now := clocktest.Start.UnixMilli()
	for name, tc := range map[string]struct {
		presented string
		grant     *keystorev1.Grant
		want      errs.Reason // empty admits
		asks      int64       // for two calls
	}{
		"known":          {alice, &keystorev1.Grant{Key: keyOf(alice)}, "", 1},
		"missing":        {"", nil, errs.InvalidAPIKey, 0},
		"unknown":        {alice, nil, errs.InvalidAPIKey, 1},
		"no key's shape": {"Bearer nonsense", nil, errs.InvalidAPIKey, 0},
		"too long":       {"sk-" + strings.Repeat("x", 300), nil, errs.InvalidAPIKey, 0},
		"not yet expired": {alice,
			&keystorev1.Grant{Key: &keystorev1.Key{Id: "a", ExpiresMillis: now + 1}, SecretExpiresMillis: now + 1}, "", 1},
		"expired": {alice, &keystorev1.Grant{Key: &keystorev1.Key{Id: "a", ExpiresMillis: now}}, errs.KeyExpired, 1},
		"grace is over": {alice,
			&keystorev1.Grant{Key: &keystorev1.Key{Id: "a", ExpiresMillis: now + 9}, SecretExpiresMillis: now}, errs.KeyExpired, 1},
		"key blocked":    {alice, &keystorev1.Grant{Key: &keystorev1.Key{Id: "a", Blocked: true}}, errs.KeyBlocked, 1},
		"tenant blocked": {alice, &keystorev1.Grant{Key: keyOf(alice), Tenant: &keystorev1.Tenant{Id: "t", Blocked: true}}, errs.KeyBlocked, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newKeystore()
			if tc.grant != nil {
				s.put(alice, tc.grant)
			}
			k, _ := watched(t, s, Options{})
			for range 2 {
				p, err := k.Admit(t.Context(), tc.presented, k.clock.Now())
				if tc.want != "" {
					_ = wantReason(t, err, tc.want)
				} else if err != nil || p.KeyID != tc.grant.GetKey().GetId() {
					t.Fatalf("%+v, %v", p, err)
				}
			}
			if n := s.resolves.Load(); n != tc.asks {
				t.Errorf("the keystore was asked %d times, want %d", n, tc.asks)
			}
		})
	}
}

func TestAKeyExpiresInMemory(t *testing.T) {
	s := newKeystore()
	s.put(alice, &keystorev1.Grant{Key: &keystorev1.Key{Id: "a", ExpiresMillis: clocktest.Start.UnixMilli() + 5000}})
	k, clk := watched(t, s, Options{})
	admit(t, k, alice)
	clk.Advance(5*time.Second - time.Nanosecond)
	admit(t, k, alice)
	clk.Advance(time.Nanosecond)
	refuse(t, k, alice, errs.KeyExpired)
}

func TestConcurrentCallersAskOnce(t *testing.T) {
	s := newKeystore()
	s.put(alice, &keystorev1.Grant{Key: keyOf(alice)})
	k, _ := watched(t, s, Options{})
	s.hold, s.held = make(chan struct{}), make(chan struct{}, 64)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := k.Admit(t.Context(), alice, k.clock.Now()); err != nil {
				t.Error(err)
			}
		})
	}
	<-s.held
	left, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Admit(left, alice, k.clock.Now()); !errs.Is(err, errs.ClientClosed) {
		t.Errorf("a caller that left: %v", err)
	}
	close(s.hold)
	wg.Wait()
	if n := s.resolves.Load(); n != 1 {
		t.Errorf("the keystore was asked %d times", n)
	}
}

func TestChangesAreFollowed(t *testing.T) {
	s := newKeystore()
	acme := &keystorev1.Tenant{Id: "acme"}
	aliceKey, bobKey := keyOf(alice), keyOf(bob)
	s.put(alice, &keystorev1.Grant{Key: aliceKey, Tenant: acme})
	s.put(bob, &keystorev1.Grant{Key: bobKey, Tenant: acme})
	rotated := alice + "-rotated"
	s.put(rotated, &keystorev1.Grant{Key: aliceKey, Tenant: acme})
	k, _ := watched(t, s, Options{})
	asks := func(want int64) {
		t.Helper()
		for _, presented := range []string{alice, rotated, bob} {
			admit(t, k, presented)
		}
		if n := s.resolves.Swap(0); n != want {
			t.Errorf("the keystore was asked %d times, want %d", n, want)
		}
	}
	asks(3)
	asks(0)
	if k.grants.get(new(sum(alice))).tenant != k.grants.get(new(sum(bob))).tenant {
		t.Error("keys of one tenant do not share it")
	}
	tell(t, s, k, &keystorev1.WatchResponse{KeyIds: []string{aliceKey.GetId()}})
	asks(2) // both of its secrets
	tell(t, s, k, &keystorev1.WatchResponse{TenantIds: []string{"acme"}})
	asks(3)
	tell(t, s, k, &keystorev1.WatchResponse{Reset_: true})
	asks(3)
	tell(t, s, k, &keystorev1.WatchResponse{KeyIds: []string{"other"}, TenantIds: []string{"other"}})
	asks(0)

	s.put(alice, &keystorev1.Grant{Key: &keystorev1.Key{Id: aliceKey.GetId(), Blocked: true}, Tenant: acme})
	s.remove(bob)
	tell(t, s, k, &keystorev1.WatchResponse{KeyIds: []string{aliceKey.GetId(), bobKey.GetId()}})
	refuse(t, k, alice, errs.KeyBlocked)
	refuse(t, k, bob, errs.InvalidAPIKey)
	s.put(bob, &keystorev1.Grant{Key: bobKey, Tenant: &keystorev1.Tenant{Id: "acme", Blocked: true}})
	tell(t, s, k, &keystorev1.WatchResponse{TenantIds: []string{"acme"}})
	refuse(t, k, bob, errs.KeyBlocked)
}

// An answer that was under way when its key changed admits who asked before, and is
// not kept.
func TestAnAnswerThatAChangeOvertook(t *testing.T) {
	for name, changes := range map[string]*keystorev1.WatchResponse{
		"key":    {KeyIds: []string{keyOf(alice).GetId()}},
		"tenant": {TenantIds: []string{"acme"}},
		"reset":  {Reset_: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newKeystore()
			s.put(alice, &keystorev1.Grant{Key: keyOf(alice), Tenant: &keystorev1.Tenant{Id: "acme"}})
			k, _ := watched(t, s, Options{})
			hold := make(chan struct{})
			s.hold, s.held = hold, make(chan struct{}, 1)
			first := make(chan error, 1)
			go func() {
				_, err := k.Admit(context.Background(), alice, k.clock.Now())
				first <- err
			}()
			<-s.held
			s.mu.Lock()
			s.hold = nil
			s.mu.Unlock()
			s.put(alice, &keystorev1.Grant{Key: &keystorev1.Key{Id: keyOf(alice).GetId(), Blocked: true}, Tenant: &keystorev1.Tenant{Id: "acme"}})
			tell(t, s, k, changes)
			second := make(chan error, 1)
			go func() {
				_, err := k.Admit(context.Background(), alice, k.clock.Now())
				second <- err
			}()
			close(hold)
			if err := <-first; err != nil {
				t.Errorf("who asked before the change: %v", err)
			}
			if err := <-second; !errs.Is(err, errs.KeyBlocked) {
				t.Errorf("who asked after the change: %v", err)
			}
			refuse(t, k, alice, errs.KeyBlocked)
		})
	}
}

func TestUnknownKeys(t *testing.T) {
	s := newKeystore()
	k, clk := watched(t, s, Options{NegativeTTL: time.Second})
	refuse(t, k, alice, errs.InvalidAPIKey)
	refuse(t, k, alice, errs.InvalidAPIKey)
	if n := s.resolves.Load(); n != 1 {
		t.Errorf("the keystore was asked %d times", n)
	}
	// One that is issued now works as soon as the watch tells of it.
	s.put(alice, &keystorev1.Grant{Key: keyOf(alice)})
	tell(t, s, k, &keystorev1.WatchResponse{KeyIds: []string{keyOf(alice).GetId()}})
	admit(t, k, alice)
	// And without a word of it, after the time.
	refuse(t, k, bob, errs.InvalidAPIKey)
	s.put(bob, &keystorev1.Grant{Key: keyOf(bob)})
	refuse(t, k, bob, errs.InvalidAPIKey)
	clk.Advance(time.Second)
	admit(t, k, bob)
}

// A key that is issued while "unknown" is on its way is not refused by that answer.
func TestAKeyIssuedWhileItIsAskedFor(t *testing.T) {
	s := newKeystore()
	k, _ := watched(t, s, Options{})
	hold := make(chan struct{})
	s.hold, s.held = hold, make(chan struct{}, 1)
	first := make(chan error, 1)
	go func() {
		_, err := k.Admit(context.Background(), alice, k.clock.Now())
		first <- err
	}()
	<-s.held
	s.mu.Lock()
	s.hold = nil
	s.mu.Unlock()
	s.put(alice, &keystorev1.Grant{Key: keyOf(alice)})
	tell(t, s, k, &keystorev1.WatchResponse{KeyIds: []string{keyOf(alice).GetId()}})
	close(hold)
	if err := <-first; !errs.Is(err, errs.InvalidAPIKey) {
		t.Errorf("who asked before: %v", err)
	}
	admit(t, k, alice)
}

func TestMemoryIsBounded(t *testing.T) {
	s := newKeystore()
	k, _ := watched(t, s, Options{MaxKeys: 500})
	for i := range 20_000 {
		presented := alice + strconv.Itoa(i)
		if i%10 != 0 {
			refuse(t, k, presented, errs.InvalidAPIKey)
			continue
		}
		s.put(presented, &keystorev1.Grant{Key: keyOf(presented)})
		admit(t, k, presented)
	}
	entries, unknown, indexed := 0, 0, 0
	for i := range shardCount {
		entries += len(k.grants.shards[i].entries)
		unknown += len(k.grants.shards[i].unknown)
		indexed += len(k.grants.indexes[i].byKey)
	}
	if n := k.grants.count.Load(); int(n) != entries || indexed != entries {
		t.Errorf("%d entries, counted %d, indexed %d", entries, n, indexed)
	}
	// A shard never evicts its only entry.
	if entries > 500+shardCount || entries < 400 {
		t.Errorf("%d entries, want about 500", entries)
	}
	if unknown > shardCount*maxNegatives {
		t.Errorf("%d unknown secrets are kept", unknown)
	}
}

func TestTheKeystoreIsAway(t *testing.T) {
	s := newKeystore()
	s.put(alice, &keystorev1.Grant{Key: keyOf(alice), Tenant: &keystorev1.Tenant{Id: "acme"}})
	k, clk := watched(t, s, Options{StaleFor: 10 * time.Minute})
	admit(t, k, alice)
	if _, err := k.ForTenant(t.Context(), admit(t, k, master), "acme", k.clock.Now()); err != nil {
		t.Fatal(err)
	}
	clk.Advance(time.Hour) // the watch vouches for it all the while
	s.setAway(true)
	eventually(t, "the end of the watch", func() bool { return !k.live() })
	s.resolves.Store(0)
	for range 5 {
		admit(t, k, alice)
	}
	if n := s.resolves.Load(); n != 1 {
		t.Errorf("an absent keystore was asked %d times within a second", n)
	}
	_, err := k.Admit(t.Context(), bob, k.clock.Now())
	if e := wantReason(t, err, errs.ServiceUnavailable); e.RetryAfter != time.Second {
		t.Errorf("retry after %v", e.RetryAfter)
	}
	clk.Advance(10*time.Minute - time.Nanosecond)
	admit(t, k, alice)
	if _, err := k.ForTenant(t.Context(), admit(t, k, master), "acme", k.clock.Now()); err != nil {
		t.Error(err)
	}
	clk.Advance(2 * time.Second)
	refuse(t, k, alice, errs.ServiceUnavailable)
	if _, err := k.ForTenant(t.Context(), admit(t, k, master), "acme", k.clock.Now()); !errs.Is(err, errs.ServiceUnavailable) {
		t.Errorf("a tenant known too long ago: %v", err)
	}
	s.setAway(false)
	admit(t, k, alice)
	eventually(t, "the watch", func() bool {
		clk.Advance(time.Second)
		return k.live()
	})
	admit(t, k, alice)
	s.resolves.Store(0)
	admit(t, k, alice)
	if n := s.resolves.Load(); n != 0 {
		t.Errorf("the new watch is not trusted: %d questions", n)
	}
}

func TestForTenant(t *testing.T) {
	s := newKeystore()
	acme := &keystorev1.Tenant{Id: "acme", PlatformId: "p1", Tags: []string{"gold"}, Limits: &keystorev1.Limits{Models: []string{"a", "b"}}}
	s.put(alice, &keystorev1.Grant{Key: &keystorev1.Key{Id: "alice", TenantId: "acme", UserId: "u1"}, Tenant: acme})
	s.put(bob, &keystorev1.Grant{Key: &keystorev1.Key{
		Id: "bob", Alias: "platform", UserId: "u2", Scopes: []string{"act_as_tenant"}, Tags: []string{"own"},
		Limits: &keystorev1.Limits{Models: []string{"b", "c"}},
	}})
	s.tenants["empty"] = &keystorev1.Tenant{Id: "empty", Blocked: true}
	k, _ := watched(t, s, Options{})
	for name, tc := range map[string]struct {
		key, tenant string
		want        errs.Reason
	}{
		"its own":        {alice, "acme", ""},
		"none named":     {alice, "", ""},
		"another's":      {alice, "empty", errs.TenantMismatch},
		"with the scope": {bob, "acme", ""},
		"unknown":        {bob, "nobody", errs.NotFound},
		"too long":       {bob, strings.Repeat("x", 200), errs.NotFound},
		"blocked":        {bob, "empty", errs.KeyBlocked},
		"the master key": {master, "acme", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := admit(t, k, tc.key)
			got, err := k.ForTenant(t.Context(), p, tc.tenant, k.clock.Now())
			if tc.want != "" {
				_ = wantReason(t, err, tc.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tc.tenant == p.TenantID || tc.tenant == "" {
				if got != p {
					t.Error("not the same principal")
				}
				return
			}
			if got.TenantID != tc.tenant || got.KeyID != p.KeyID || got.Admin != p.Admin || got.PlatformID != "p1" || got.UserID != "" {
				t.Errorf("%+v", got)
			}
			if again, _ := k.ForTenant(t.Context(), p, tc.tenant, k.clock.Now()); again != got {
				t.Error("made anew for each call")
			}
		})
	}
	acting, err := k.ForTenant(t.Context(), admit(t, k, bob), "acme", k.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if acting.AllowsModel("b") != nil || acting.AllowsModel("a") == nil || acting.AllowsModel("c") == nil {
		t.Error("both lists must hold")
	}
	if got := strings.Join(acting.Tags, " "); got != "own gold" {
		t.Errorf("tags %q", got)
	}
	if sc := acting.Scopes(); sc.Platform != "p1" || sc.Tenant != "acme" || sc.User != "" || sc.Key != "bob" {
		t.Errorf("%+v", sc)
	}
	s.reads.Store(0)
	tell(t, s, k, &keystorev1.WatchResponse{TenantIds: []string{"acme"}})
	s.mu.Lock()
	s.tenants["acme"] = &keystorev1.Tenant{Id: "acme", Blocked: true}
	s.mu.Unlock()
	if _, err := k.ForTenant(t.Context(), admit(t, k, bob), "acme", k.clock.Now()); !errs.Is(err, errs.KeyBlocked) {
		t.Errorf("a tenant that was blocked since: %v", err)
	}
	if n := s.reads.Load(); n != 1 {
		t.Errorf("the keystore was asked %d times", n)
	}
}

func TestNoSecretIsLogged(t *testing.T) {
	var out bytes.Buffer
	s := newKeystore()
	s.setAway(true)
	k := New(client(s), Options{
		MasterKey: secret.New(master), Clock: clocktest.New(), Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	_, err := k.Admit(t.Context(), alice, k.clock.Now())
	_ = wantReason(t, err, errs.ServiceUnavailable)
	s.setAway(false)
	_, unknown := k.Admit(t.Context(), bob, k.clock.Now())
	text := out.String() + err.Error() + unknown.Error()
	if !strings.Contains(text, "does not answer") {
		t.Errorf("the absence is not logged: %q", text)
	}
	for _, secret := range []string{alice, bob, master} {
		if strings.Contains(text, secret) {
			t.Errorf("a secret in %q", text)
		}
	}
}

// Callers, changes and resets at the same time: nobody who is known is ever refused,
// and what is told last holds in the end.
func TestConcurrentChanges(t *testing.T) {
	s := newKeystore()
	acme := &keystorev1.Tenant{Id: "acme"}
	secrets := make([]string, 64)
	for i := range secrets {
		secrets[i] = alice + strconv.Itoa(i)
		s.put(secrets[i], &keystorev1.Grant{Key: keyOf(secrets[i]), Tenant: acme})
	}
	k, _ := watched(t, s, Options{MaxKeys: 40})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2000 {
				p, err := k.Admit(t.Context(), secrets[(i*7+g)%len(secrets)], k.clock.Now())
				if err != nil {
					t.Error(err)
					return
				}
				if p.KeyID != keyOf(secrets[(i*7+g)%len(secrets)]).GetId() {
					t.Error("another's principal")
					return
				}
			}
		})
	}
	for i := range 300 {
		tell(t, s, k, &keystorev1.WatchResponse{
			KeyIds: []string{keyOf(secrets[i%len(secrets)]).GetId()}, TenantIds: []string{"acme"}, Reset_: i%50 == 0,
		})
	}
	wg.Wait()
	for _, presented := range secrets {
		s.remove(presented)
	}
	tell(t, s, k, &keystorev1.WatchResponse{TenantIds: []string{"acme"}})
	for _, presented := range secrets {
		refuse(t, k, presented, errs.InvalidAPIKey)
	}
}
