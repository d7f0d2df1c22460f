// Package storetest is what every idempotency.Store must hold to.
package storetest

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"tollgate.dev/services/edge/idempotency"
)

// Run runs the suite over stores that open makes, each empty.
func Run(t *testing.T, open func(t *testing.T) idempotency.Store) {
	t.Helper()
	t.Run("a slot is claimed once", func(t *testing.T) {
		store := open(t)
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				there, err := store.Claim(t.Context(), record("a", fmt.Sprint("run", i), 1000), 0)
				if err != nil {
					t.Error(err)
				}
				if there == nil {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d claims won", won.Load())
		}
	})
	t.Run("what holds the slot is returned", func(t *testing.T) {
		store := open(t)
		claim(t, store, record("a", "first", 1000), 0)
		there := refused(t, store, record("a", "second", 1000), 0)
		if want := record("a", "first", 1000); there.Owner != want.Owner || there.Digest != want.Digest ||
			there.ExpiresMillis != want.ExpiresMillis || there.Answer != nil {
			t.Errorf("got %+v, want %+v", there, want)
		}
		claim(t, store, record("b", "second", 1000), 0)
	})
	t.Run("an expired record counts no more", func(t *testing.T) {
		store := open(t)
		claim(t, store, record("a", "first", 1000), 0)
		refused(t, store, record("a", "second", 2000), 999)
		claim(t, store, record("a", "second", 2000), 1000)
		if ok, err := store.Finish(t.Context(), slot("a"), "first", 9000, []byte("late")); err != nil || ok {
			t.Errorf("a lost owner finished: %v", err)
		}
	})
	t.Run("an answer is kept and found", func(t *testing.T) {
		store := open(t)
		claim(t, store, record("a", "first", 1000), 0)
		answer := bytes.Repeat([]byte{0, 1, 255}, 1<<16)
		if ok, err := store.Finish(t.Context(), slot("a"), "first", 5000, answer); err != nil || !ok {
			t.Fatal(ok, err)
		}
		there := refused(t, store, record("a", "second", 9000), 4999)
		if !bytes.Equal(there.Answer, answer) || there.ExpiresMillis != 5000 {
			t.Errorf("got %d bytes until %d", len(there.Answer), there.ExpiresMillis)
		}
		if ok, err := store.Extend(t.Context(), slot("a"), "first", 9000); err != nil || ok {
			t.Errorf("a finished record was extended: %v", err)
		}
		claim(t, store, record("a", "second", 9000), 5000)
		if there := refused(t, store, record("a", "third", 9000), 5000); there.Answer != nil {
			t.Error("the old answer is still there")
		}
	})
	t.Run("only the owner changes a record", func(t *testing.T) {
		store := open(t)
		claim(t, store, record("a", "first", 1000), 0)
		if ok, err := store.Finish(t.Context(), slot("a"), "other", 9000, []byte("x")); err != nil || ok {
			t.Errorf("another finished it: %v", err)
		}
		if ok, err := store.Extend(t.Context(), slot("a"), "other", 9000); err != nil || ok {
			t.Errorf("another extended it: %v", err)
		}
		if err := store.Remove(t.Context(), slot("a"), "other"); err != nil {
			t.Fatal(err)
		}
		refused(t, store, record("a", "second", 2000), 0)
		if ok, err := store.Extend(t.Context(), slot("a"), "first", 9000); err != nil || !ok {
			t.Errorf("its owner could not extend it: %v", err)
		}
		refused(t, store, record("a", "second", 9999), 8999)
		if err := store.Remove(t.Context(), slot("a"), "first"); err != nil {
			t.Fatal(err)
		}
		claim(t, store, record("a", "second", 2000), 0)
	})
	t.Run("an owner that is late takes its slot again", func(t *testing.T) {
		store := open(t)
		claim(t, store, record("a", "first", 1000), 0)
		if ok, err := store.Extend(t.Context(), slot("a"), "first", 3000); err != nil || !ok {
			t.Fatalf("after its expiry: %v, %v", ok, err)
		}
		refused(t, store, record("a", "second", 9000), 2000)
		claim(t, store, record("a", "second", 9000), 3000)
		if ok, err := store.Extend(t.Context(), slot("a"), "first", 9999); err != nil || ok {
			t.Errorf("a slot that another has claimed: %v, %v", ok, err)
		}
	})
	t.Run("purge removes what has expired", func(t *testing.T) {
		store := open(t)
		for i := range 10 {
			claim(t, store, record(fmt.Sprint(i), "run", int64(100*i)), -1)
		}
		for _, want := range []int{3, 2, 0} {
			if n, err := store.Purge(t.Context(), 400, 3); err != nil || n != want {
				t.Errorf("purged %d (%v), want %d", n, err, want)
			}
		}
		refused(t, store, record("5", "other", 9999), 400)
	})
}

func record(name, owner string, expires int64) idempotency.Record {
	return idempotency.Record{Slot: slot(name), Digest: [32]byte{1, 2, 3}, Owner: owner, ExpiresMillis: expires}
}

func slot(name string) (s idempotency.Slot) {
	copy(s[:], name)
	return s
}

func claim(t *testing.T, store idempotency.Store, rec idempotency.Record, now int64) {
	t.Helper()
	if there, err := store.Claim(t.Context(), rec, now); err != nil || there != nil {
		t.Fatalf("the slot was not free: %+v %v", there, err)
	}
}

func refused(t *testing.T, store idempotency.Store, rec idempotency.Record, now int64) *idempotency.Record {
	t.Helper()
	there, err := store.Claim(t.Context(), rec, now)
	if err != nil || there == nil {
		t.Fatalf("the slot was free: %v", err)
	}
	return there
}
