package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	keystorev1 "tollgate.dev/gen/tollgate/keystore/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/services/keystore"
)

// position is where the log stands.
func position(t *testing.T, s keystore.Store) int64 {
	t.Helper()
	changes, err := s.Changes(t.Context(), keystore.FromNow)
	if err != nil {
		t.Fatal(err)
	}
	return changes.Next
}

// follow reads the log from a position until it has n changes.
func follow(t *testing.T, s keystore.Store, after int64, n int) []keystore.Change {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []keystore.Change
	for len(all) < n {
		changes, err := s.Changes(ctx, after)
		if err != nil {
			t.Fatalf("after %d of %d changes: %v", len(all), n, err)
		}
		if changes.Reset || changes.Next != after+int64(len(changes.Items)) {
			t.Fatalf("after position %d come %d changes up to %d, reset %v", after, len(changes.Items), changes.Next, changes.Reset)
		}
		after = changes.Next
		all = append(all, changes.Items...)
	}
	return all
}

func list(changes []keystore.Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, fmt.Sprintf("%d:%s", c.Kind, strings.TrimLeft(c.ID, "0")))
	}
	return strings.Join(out, " ")
}

func testChangesReset(begin begin) {
	t, one, other := begin()
	apply(t, one, tenant("t1"), tenant("t2"))
	head := position(t, other)
	for _, after := range []int64{keystore.FromNow, head + 1, head + 1000} {
		changes, err := other.Changes(t.Context(), after)
		if err != nil || !changes.Reset || len(changes.Items) != 0 || changes.Next != head {
			t.Errorf("after %d: %+v, %v", after, changes, err)
		}
	}
	if changes, err := one.Changes(t.Context(), 0); err != nil || list(changes.Items) != "2:t1 2:t2" || changes.Reset {
		t.Errorf("the whole log is %+v, %v", changes, err)
	}
}

func testChangesOrder(begin begin) {
	t, one, other := begin()
	start := position(t, one)
	apply(t, one, tenant("t1"))
	apply(t, other, put(key(1, of("t1")), key(2))...)
	rec := find(t, one, keystore.KeyQuery{ID: hash(1)}).Records[0]
	apply(t, one, put(rec)...)
	apply(t, other, keystore.PutCredential{TenantID: "t1", Provider: "p", Sealed: []byte("x")}) // told by its tenant, or not at all
	apply(t, one, keystore.DropKey{ID: hash(2), Version: 1})
	apply(t, other, keystore.DropTenant{ID: "t1", Version: 1})
	const want = "2:t1 1:1 1:2 1:1 1:2 2:t1"
	for _, s := range []keystore.Store{one, other} {
		if got := list(follow(t, s, start, 6)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func testChangesSeenAcross(begin begin) {
	t, one, other := begin()
	for name, pair := range map[string][2]keystore.Store{"own": {one, one}, "other's": {one, other}} {
		start := position(t, pair[1])
		type answer struct {
			changes keystore.Changes
			err     error
		}
		answers := make(chan answer, 1)
		go func() {
			var a answer
			for a.err == nil && len(a.changes.Items) == 0 { // it returns with nothing after a while
				a.changes, a.err = pair[1].Changes(t.Context(), start)
			}
			answers <- a
		}()
		began := clock.Real().Now()
		apply(t, pair[0], tenant("tenant "+name))
		a := <-answers
		if a.err != nil || list(a.changes.Items) != "2:tenant "+name {
			t.Fatalf("%s: %+v, %v", name, a.changes, a.err)
		}
		if took := clock.Real().Now().Sub(began); took > time.Second {
			t.Errorf("%s change was seen after %v", name, took)
		}
	}
}

func testChangesWait(begin begin) {
	t, one, _ := begin()
	start := position(t, one)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if changes, err := one.Changes(ctx, start); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %+v, %v", changes, err)
	}
	// With nothing to tell it says so: its caller knows that the log was read.
	for range 2 {
		if changes, err := one.Changes(t.Context(), start); err != nil || len(changes.Items) != 0 || changes.Reset || changes.Next != start {
			t.Errorf("got %+v, %v", changes, err)
		}
	}
	apply(t, one, tenant("t1")) // and the store works on
	if got := list(follow(t, one, start, 1)); got != "2:t1" {
		t.Errorf("got %s", got)
	}
}

// manyTenants is a batch of n new tenants.
func manyTenants(from, n int) []keystore.Mutation {
	batch := make([]keystore.Mutation, n)
	for i := range batch {
		batch[i] = tenant(fmt.Sprintf("t%06d", from+i))
	}
	return batch
}

func testChangesLong(begin begin) {
	t, one, other := begin()
	start := position(t, one)
	apply(t, one, manyTenants(0, 2500)...)
	all := follow(t, other, start, 2500)
	if len(all) != 2500 || !slices.IsSortedFunc(all, func(a, b keystore.Change) int { return strings.Compare(a.ID, b.ID) }) {
		t.Errorf("%d changes, from %v to %v", len(all), all[0], all[len(all)-1])
	}
}

func testChangesCut(begin begin) {
	t, one, other := begin()
	start := position(t, one)
	for i := range 6 {
		apply(t, one, manyTenants(1000*i, 1000)...)
	}
	changes, err := other.Changes(t.Context(), start)
	if err != nil || !changes.Reset || changes.Next != start+6000 {
		t.Errorf("got %d changes up to %d, reset %v, %v", len(changes.Items), changes.Next, changes.Reset, err)
	}
	if got := list(follow(t, other, start+5999, 1)); got != "2:t005999" {
		t.Errorf("the last change is %s", got)
	}
}

// Each of many writers adds itself to one record, starting again when another was
// faster.
func testConcurrentUpdates(begin begin) {
	t, one, other := begin()
	const writers = 20
	apply(t, one, put(key(1))...)
	var wg sync.WaitGroup
	for i := range writers {
		s := []keystore.Store{one, other}[i%2]
		wg.Go(func() {
			for {
				page, err := s.Keys(t.Context(), keystore.KeyQuery{ID: hash(1), Limit: 1})
				if err != nil || len(page.Records) != 1 {
					t.Errorf("writer %d reads %d keys: %v", i, len(page.Records), err)
					return
				}
				rec := page.Records[0]
				rec.Key.Tags = append(rec.Key.Tags, fmt.Sprintf("w%02d", i))
				_, err = s.Apply(t.Context(), put(rec))
				if err == nil {
					return
				}
				if !errors.Is(err, keystore.ErrStale) {
					t.Errorf("writer %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	rec := find(t, one, keystore.KeyQuery{ID: hash(1)}).Records[0]
	slices.Sort(rec.Key.Tags)
	if len(slices.Compact(rec.Key.GetTags())) != writers || rec.Version != writers+1 {
		t.Errorf("version %d holds %v", rec.Version, rec.Key.GetTags())
	}
}

// A reader follows the log while both stores write to it. A log whose numbers are
// given before the commit would let it run past a change.
func testConcurrentChanges(begin begin) {
	t, one, other := begin()
	const writers, each = 6, 15
	start := position(t, one)
	var wg sync.WaitGroup
	for i := range writers {
		s := []keystore.Store{one, other}[i%2]
		wg.Go(func() {
			for n := range each {
				rec := key(1000*i+n+1, func(k *keystorev1.Key) { k.UserId = "u" })
				if _, err := s.Apply(t.Context(), put(rec)); err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
			}
		})
	}
	seen := map[string]bool{}
	for _, c := range follow(t, other, start, writers*each) {
		seen[c.ID] = true
	}
	wg.Wait()
	if len(seen) != writers*each {
		t.Errorf("saw %d keys of %d", len(seen), writers*each)
	}
}
