package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/secret"
	"tollgate.dev/services/keystore"
)

// newReplica is a service over a store, with the secrets that all replicas share.
func newReplica(t *testing.T, store keystore.Store) *keystore.Service {
	t.Helper()
	master := secret.New("a master secret for tests")
	pepper, err := secret.Derive(master, secret.VirtualKeyPepper)
	if err != nil {
		t.Fatal(err)
	}
	kek, err := secret.Derive(master, secret.CredentialKEK)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := secret.NewEnvelope(secret.KEK{ID: 1, Key: kek})
	if err != nil {
		t.Fatal(err)
	}
	service, err := keystore.New(store, keystore.Options{Hasher: secret.NewHasher(pepper), Envelope: envelope})
	if err != nil {
		t.Fatal(err)
	}
	return service
}

func byID(id string) *keystorev1.KeyRef {
	return &keystorev1.KeyRef{Ref: &keystorev1.KeyRef_Id{Id: id}}
}

// A key that one replica revokes stops working on every other within a second.
func testRevocation(begin begin) {
	t, one, other := begin()
	here, there := newReplica(t, one), newReplica(t, other)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	w := there.Watch()
	defer w.Close()
	hear := func(covers func(keystore.Update) bool) {
		t.Helper()
		for {
			update, err := w.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if covers(update) {
				return
			}
		}
	}
	isReset := func(u keystore.Update) bool { return u.Reset }
	hear(isReset) // of the watch
	var wg sync.WaitGroup
	running, stop := context.WithCancel(ctx)
	for _, s := range []*keystore.Service{here, there} {
		wg.Go(func() {
			if err := s.Run(running); err != nil {
				t.Error(err)
			}
		})
	}
	defer wg.Wait()
	defer stop()
	hear(isReset) // of Run, which follows every change from here

	for range 5 {
		key, value, err := here.Issue(ctx, nil, secret.String{})
		if err != nil {
			t.Fatal(err)
		}
		handle := keystore.Handle(value)
		isKey := func(u keystore.Update) bool { return slices.Contains(u.KeyIDs, key.GetId()) }
		hear(isKey)
		if grant, err := there.Resolve(ctx, handle[:]); err != nil || grant.GetKey().GetBlocked() {
			t.Fatalf("got %v, %v", grant, err)
		}
		began := clock.Real().Now()
		if _, err := here.SetBlocked(ctx, byID(key.GetId()), true, "root"); err != nil {
			t.Fatal(err)
		}
		hear(isKey)
		if took := clock.Real().Now().Sub(began); took > time.Second {
			t.Errorf("the revocation took %v", took)
		}
		if grant, err := there.Resolve(ctx, handle[:]); err != nil || !grant.GetKey().GetBlocked() {
			t.Errorf("got %v, %v", grant, err)
		}
	}
}

// Updates of different fields and rotations, all of one key, through two replicas:
// none undoes another.
func testReplicasWriteAtOnce(begin begin) {
	t, one, other := begin()
	replicas := []*keystore.Service{newReplica(t, one), newReplica(t, other)}
	key, first, err := replicas[0].Issue(t.Context(), &keystorev1.Key{Alias: "k"}, secret.String{})
	if err != nil {
		t.Fatal(err)
	}
	const each = 25
	var mu sync.Mutex
	secrets := []secret.String{first}
	kinds := []func(s *keystore.Service, value string) error{
		func(s *keystore.Service, value string) error {
			_, err := s.Update(t.Context(), byID(key.GetId()), &keystorev1.Key{UserId: value}, []string{"user_id"})
			return err
		},
		func(s *keystore.Service, value string) error {
			_, err := s.Update(t.Context(), byID(key.GetId()), &keystorev1.Key{Tags: []string{value}}, []string{"tags"})
			return err
		},
		func(s *keystore.Service, value string) error {
			_, err := s.Update(t.Context(), byID(key.GetId()),
				&keystorev1.Key{Limits: &keystorev1.Limits{Models: []string{value}}}, []string{"limits.models"})
			return err
		},
		func(s *keystore.Service, _ string) error {
			_, value, err := s.Rotate(t.Context(), byID(key.GetId()), 0, secret.String{}, "root")
			mu.Lock()
			defer mu.Unlock()
			secrets = append(secrets, value)
			return err
		},
	}
	var wg sync.WaitGroup
	for i := range each * len(kinds) {
		wg.Go(func() {
			// Both replicas make every kind of change.
			s := replicas[i/len(kinds)%2]
			if err := kinds[i%len(kinds)](s, fmt.Sprintf("v%d", i)); err != nil {
				t.Errorf("change %d: %v", i, err)
			}
		})
	}
	wg.Wait()

	got, err := replicas[1].Key(t.Context(), byID(key.GetId()))
	if err != nil || got.GetAlias() != "k" || !strings.HasPrefix(got.GetUserId(), "v") ||
		len(got.GetTags()) != 1 || len(got.GetLimits().GetModels()) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	working := 0
	for _, value := range secrets {
		handle := keystore.Handle(value)
		if _, err := replicas[0].Resolve(t.Context(), handle[:]); err == nil {
			working++
		}
	}
	if working != 1 || len(secrets) != 1+each {
		t.Errorf("%d secrets of %d work", working, len(secrets))
	}
	if rec := find(t, one, keystore.KeyQuery{ID: key.GetId()}).Records[0]; rec.Version != int64(1+each*len(kinds)) {
		t.Errorf("the version is %d: updates were lost, or made twice", rec.Version)
	}
}
