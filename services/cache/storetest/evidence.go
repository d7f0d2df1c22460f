package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/cache"
)

// OpenEvidence returns evidence that is empty and tells the time by the clock.
type OpenEvidence func(t *testing.T, c clock.Clock) cache.Evidence

// RunEvidence holds an implementation to [cache.Evidence]'s contract.
func RunEvidence(t *testing.T, open OpenEvidence) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *evidenceFixture){
		"Exchange":    testExchange,
		"Isolation":   testEvidenceIsolation,
		"Age":         testEvidenceAge,
		"Bound":       testEvidenceBound,
		"Concurrency": testEvidenceConcurrency,
	} {
		t.Run(name, func(t *testing.T) {
			c := clocktest.New()
			test(t, &evidenceFixture{Evidence: open(t, c), clock: c})
		})
	}
}

type evidenceFixture struct {
	cache.Evidence
	clock *clocktest.Fake
}

// exchange returns the states in order.
func (f *evidenceFixture) exchange(t *testing.T, ns cache.Namespace, replica, state string) []string {
	t.Helper()
	states, err := f.Exchange(t.Context(), ns, replica, []byte(state))
	if err != nil {
		t.Fatal(err)
	}
	texts := make([]string, len(states))
	for i, s := range states {
		texts[i] = string(s)
	}
	slices.Sort(texts)
	return texts
}

func (f *evidenceFixture) want(t *testing.T, ns cache.Namespace, replica, state string, want ...string) {
	t.Helper()
	if got := f.exchange(t, ns, replica, state); !slices.Equal(got, want) {
		t.Errorf("%s got %q of %q, want %q", replica, got, ns, want)
	}
}

func testExchange(t *testing.T, f *evidenceFixture) {
	t.Helper()
	ns := cache.Namespace{Tenant: "t", Provider: "p", Model: "m"}
	f.want(t, ns, "a", "")
	f.want(t, ns, "a", "a1", "a1")
	f.want(t, ns, "b", "", "a1")
	f.want(t, ns, "b", "b1 \x00\xff", "a1", "b1 \x00\xff")
	f.want(t, ns, "a", "a2", "a2", "b1 \x00\xff")
	f.want(t, ns, "a", "", "a2", "b1 \x00\xff")
	long := string(bytes.Repeat([]byte("x"), 64<<10))
	f.want(t, ns, "b", long, "a2", long)
}

func testEvidenceIsolation(t *testing.T, f *evidenceFixture) {
	t.Helper()
	var all []cache.Namespace
	for _, name := range hostile() {
		all = append(all,
			cache.Namespace{Tenant: name, Provider: "p", Model: "m"}, cache.Namespace{Tenant: "t", Provider: name, Model: "m"},
			cache.Namespace{Tenant: "t", Provider: "p", Model: name}, cache.Namespace{Tenant: "t", Provider: "p", Model: "m", Partition: name})
	}
	for i, ns := range all {
		f.want(t, ns, ":", fmt.Sprint(i), fmt.Sprint(i))
	}
	for i, ns := range all {
		f.want(t, ns, "other", "", fmt.Sprint(i))
	}
}

// The state of a replica that is long gone ends, each by itself.
func testEvidenceAge(t *testing.T, f *evidenceFixture) {
	t.Helper()
	ns := cache.Namespace{Tenant: "t", Provider: "p", Model: "m"}
	f.want(t, ns, "gone", "gone", "gone")
	f.clock.Advance(cache.EvidenceLife / 2)
	f.want(t, ns, "here", "here", "gone", "here")
	f.clock.Advance(cache.EvidenceLife / 2)
	f.want(t, ns, "here", "", "gone", "here")
	f.clock.Advance(time.Millisecond)
	f.want(t, ns, "here", "", "here")
	f.want(t, ns, "new", "new", "here", "new")
	f.clock.Advance(cache.EvidenceLife + time.Millisecond)
	f.want(t, ns, "here", "")
}

func testEvidenceBound(t *testing.T, f *evidenceFixture) {
	t.Helper()
	ns, other := cache.Namespace{Tenant: "t", Provider: "p", Model: "m"}, cache.Namespace{Tenant: "t", Provider: "p", Model: "n"}
	f.exchange(t, other, "r", "other")
	var want []string
	for i := range cache.MaxEvidence + 5 {
		state := fmt.Sprintf("%03d", i)
		if i >= 5 {
			want = append(want, state)
		}
		f.exchange(t, ns, fmt.Sprint("replica ", i), state)
		f.clock.Advance(time.Second)
	}
	f.want(t, ns, "r", "", want...)
	f.want(t, other, "r", "", "other")
}

func testEvidenceConcurrency(t *testing.T, f *evidenceFixture) {
	t.Helper()
	ns := cache.Namespace{Tenant: "t", Provider: "p", Model: "m"}
	var wg sync.WaitGroup
	var want []string
	for w := range 8 {
		want = append(want, fmt.Sprint(w, " 19"))
		wg.Go(func() {
			for i := range 20 {
				if _, err := f.Exchange(t.Context(), ns, fmt.Sprint(w), fmt.Append(nil, w, " ", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f.want(t, ns, "r", "", want...)
}

// Evidence is kept in memory, for tests.
type Evidence struct {
	clock clock.Clock

	mu     sync.Mutex
	kept   map[cache.Namespace][]replicaState // the last kept one last
	faults error
}

type replicaState struct {
	replica string
	at      time.Time
	state   []byte
}

// NewEvidence returns evidence without a state.
func NewEvidence(c clock.Clock) *Evidence {
	return &Evidence{clock: c, kept: make(map[cache.Namespace][]replicaState)}
}

// Fail has each exchange fail with that error, until it is nil.
func (e *Evidence) Fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = err
}

// Exchange is [cache.Evidence]'s.
func (e *Evidence) Exchange(ctx context.Context, ns cache.Namespace, replica string, state []byte) (states [][]byte, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.faults != nil || ctx.Err() != nil {
		return nil, errors.Join(e.faults, ctx.Err())
	}
	now := e.clock.Now()
	kept := slices.DeleteFunc(e.kept[ns], func(r replicaState) bool {
		return now.Sub(r.at) > cache.EvidenceLife || len(state) > 0 && r.replica == replica
	})
	if len(state) > 0 {
		kept = append(kept, replicaState{replica, now, bytes.Clone(state)})
	}
	if more := len(kept) - cache.MaxEvidence; more > 0 {
		kept = kept[more:]
	}
	e.kept[ns] = kept
	for _, r := range kept {
		states = append(states, bytes.Clone(r.state))
	}
	return states, nil
}
