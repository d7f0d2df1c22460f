package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
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
		"Claim":       testClaim,
		"Adoption":    testAdoption,
		"Lost lease":  testLostLease,
		"Rivals":      testRivals,
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
	lease := f.claim(t, cache.Claim{Holder: replica, Name: replica, Term: time.Hour})
	states, err := f.Exchange(t.Context(), ns, lease, []byte(state))
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
		lease := f.claim(t, cache.Claim{Holder: fmt.Sprint(w), Name: fmt.Sprint(w), Term: time.Hour})
		wg.Go(func() {
			for i := range 20 {
				if _, err := f.Exchange(t.Context(), ns, lease, fmt.Append(nil, w, " ", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	f.want(t, ns, "r", "", want...)
}

func (f *evidenceFixture) claim(t *testing.T, c cache.Claim) cache.Lease {
	t.Helper()
	lease, err := f.Claim(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// after claims until the term of who has the name is over, by the clock or by the store's own.
func (f *evidenceFixture) after(t *testing.T, c cache.Claim) cache.Lease {
	t.Helper()
	for {
		lease, err := f.Claim(t.Context(), c)
		if !errors.Is(err, cache.ErrTaken) {
			if err != nil {
				t.Fatal(err)
			}
			return lease
		}
		f.clock.Advance(time.Millisecond)
	}
}

// A name is one holder's: until it gives it back, or its term is over.
func testClaim(t *testing.T, f *evidenceFixture) {
	t.Helper()
	first := f.claim(t, cache.Claim{Holder: "1", Name: "a", Term: time.Hour})
	if again := f.claim(t, cache.Claim{Holder: "1", Name: "a", Term: time.Hour}); first.Name != "a" || again != first {
		t.Errorf("%v is renewed as %v", first, again)
	}
	if got, err := f.Claim(t.Context(), cache.Claim{Holder: "2", Name: "a", Term: time.Hour}); !errors.Is(err, cache.ErrTaken) {
		t.Errorf("another one got %v, %v", got, err)
	}
	f.claim(t, cache.Claim{Holder: "2", Name: "a"}) // gives back what it doesn't have
	if other := f.claim(t, cache.Claim{Holder: "2", Name: "b", Term: time.Hour}); other.Name != "b" {
		t.Errorf("%v", other)
	}
	f.claim(t, cache.Claim{Holder: "1", Name: "a"})
	second := f.claim(t, cache.Claim{Holder: "2", Name: "a", Term: time.Millisecond})
	if second.Token <= first.Token {
		t.Errorf("%v follows %v", second, first)
	}
	third := f.after(t, cache.Claim{Holder: "3", Name: "a", Term: time.Hour})
	if third.Token <= second.Token {
		t.Errorf("%v follows %v", third, second)
	}
	sole := f.claim(t, cache.Claim{Holder: "4", Name: "a", Term: time.Hour, Sole: true})
	if sole.Name != "a" || sole.Token <= third.Token {
		t.Errorf("%v follows %v", sole, third)
	}
}

// Who asks for no name gets one that a process had which is gone, but none that was asked for by its
// name, and a new one only if there is none.
func testAdoption(t *testing.T, f *evidenceFixture) {
	t.Helper()
	f.claim(t, cache.Claim{Holder: "0", Name: "given", Term: time.Hour})
	f.claim(t, cache.Claim{Holder: "0", Name: "given"})
	first := f.claim(t, cache.Claim{Holder: "1", Term: time.Hour})
	second := f.claim(t, cache.Claim{Holder: "2", Term: time.Hour})
	if first.Name == second.Name || first.Name[:1] != cache.AnyName || second.Name[:1] != cache.AnyName {
		t.Fatalf("%v and %v", first, second)
	}
	if again := f.claim(t, cache.Claim{Holder: "1", Term: time.Hour}); again != first {
		t.Errorf("%v is renewed as %v", first, again)
	}
	f.claim(t, cache.Claim{Holder: "1"})
	third := f.claim(t, cache.Claim{Holder: "3", Term: time.Hour})
	if third.Name != first.Name || third.Token <= first.Token {
		t.Errorf("%v follows %v", third, first)
	}
	if again := f.claim(t, cache.Claim{Holder: "1", Term: time.Hour}); again.Name == first.Name || again.Name == second.Name || again.Name == "given" {
		t.Errorf("who gave %v back has %v", first, again)
	}
}

// Once a name has another holder, who has exchanged, the one before keeps nothing more.
func testLostLease(t *testing.T, f *evidenceFixture) {
	t.Helper()
	ns, empty := cache.Namespace{Tenant: "t", Provider: "p", Model: "m"}, cache.Namespace{Tenant: "t", Provider: "p", Model: "n"}
	old := f.claim(t, cache.Claim{Holder: "old", Name: "a", Term: time.Hour})
	if _, err := f.Exchange(t.Context(), ns, old, []byte("old")); err != nil {
		t.Fatal(err)
	}
	f.claim(t, cache.Claim{Holder: "old", Name: "a"})
	f.want(t, empty, "a", "") // another holder only reads, here and there
	f.want(t, ns, "a", "", "old")
	for _, in := range []cache.Namespace{ns, empty} {
		if _, err := f.Exchange(t.Context(), in, old, []byte("late")); !errors.Is(err, cache.ErrLost) {
			t.Errorf("a state is kept under a lost lease: %v", err)
		}
	}
	f.want(t, ns, "a", "new", "new")
	f.want(t, empty, "a", "")

	// Who has lost it begins anew, as somebody else: under another name, or once this one is free.
	if other := f.claim(t, cache.Claim{Holder: "anew", Term: time.Hour}); other.Name == "a" {
		t.Errorf("%v is another's", other)
	}
	f.claim(t, cache.Claim{Holder: "a", Name: "a"})
	anew := f.claim(t, cache.Claim{Holder: "anew again", Name: "a", Term: time.Hour})
	for _, in := range []cache.Namespace{ns, empty} {
		if _, err := f.Exchange(t.Context(), in, anew, []byte("anew")); err != nil {
			t.Errorf("nothing is kept under the next lease %v: %v", anew, err)
		}
	}
}

// Of many who claim at a time no two have the same name.
func testRivals(t *testing.T, f *evidenceFixture) {
	t.Helper()
	const rivals = 8
	before := f.claim(t, cache.Claim{Holder: "before", Term: time.Hour})
	f.claim(t, cache.Claim{Holder: "before"})
	var wg sync.WaitGroup
	got := make([]cache.Lease, rivals)
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = f.Claim(t.Context(), cache.Claim{Holder: fmt.Sprint(i), Term: time.Hour}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	names := map[string]bool{}
	for _, lease := range got {
		names[lease.Name] = true
	}
	if len(names) != rivals || !names[before.Name] {
		t.Errorf("%v", got)
	}
}

// Evidence is kept in memory, for tests.
type Evidence struct {
	clock clock.Clock

	mu     sync.Mutex
	kept   map[cache.Namespace][]replicaState // the last kept one last
	held   map[string]tenure                  // by name
	least  map[string]uint64                  // token that keeps something, by name
	token  uint64
	faults error
}

type replicaState struct {
	replica string
	at      time.Time
	state   []byte
}

// tenure of a name's last holder.
type tenure struct {
	holder string
	token  uint64
	end    time.Time
}

// NewEvidence returns evidence without a state.
func NewEvidence(c clock.Clock) *Evidence {
	return &Evidence{clock: c, kept: make(map[cache.Namespace][]replicaState), held: make(map[string]tenure), least: make(map[string]uint64)}
}

// Fail has each claim and exchange fail with that error, until it is nil.
func (e *Evidence) Fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = err
}

// FailOver has another holder exchange everything under a name, and forgets that one's lease: what was
// granted before it stands again.
func (e *Evidence) FailOver(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.token++
	e.least[name] = e.token
}

// Claim is [cache.Evidence]'s.
func (e *Evidence) Claim(ctx context.Context, c cache.Claim) (cache.Lease, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.faults != nil || ctx.Err() != nil {
		return cache.Lease{}, errors.Join(e.faults, ctx.Err())
	}
	now := e.clock.Now()
	name := e.candidate(c, now)
	was, there := e.held[name]
	switch {
	case there && was.holder == c.Holder:
	case c.Term == 0:
		return cache.Lease{}, nil
	case there && was.end.After(now) && !c.Sole:
		return cache.Lease{}, cache.ErrTaken
	default:
		e.token++
		was.token = e.token
	}
	e.held[name] = tenure{c.Holder, was.token, now.Add(c.Term)}
	return cache.Lease{Name: name, Token: was.token}, nil
}

// candidate is the name that a claim is of.
func (e *Evidence) candidate(c cache.Claim, now time.Time) string {
	if c.Name != "" {
		return c.Name
	}
	best := cache.AnyName + strconv.FormatUint(e.token+1, 10)
	var last time.Time
	for name, held := range e.held {
		switch {
		case name[:1] != cache.AnyName:
		case held.holder == c.Holder:
			return name
		case !held.end.After(now) && held.end.After(last):
			best, last = name, held.end
		}
	}
	return best
}

// Exchange is [cache.Evidence]'s.
func (e *Evidence) Exchange(ctx context.Context, ns cache.Namespace, lease cache.Lease, state []byte) (states [][]byte, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.faults != nil || ctx.Err() != nil {
		return nil, errors.Join(e.faults, ctx.Err())
	}
	if e.held[lease.Name].token != lease.Token || lease.Token < e.least[lease.Name] {
		return nil, cache.ErrLost
	}
	now := e.clock.Now()
	kept := slices.DeleteFunc(e.kept[ns], func(r replicaState) bool {
		return now.Sub(r.at) > cache.EvidenceLife || len(state) > 0 && r.replica == lease.Name
	})
	if len(state) > 0 {
		kept = append(kept, replicaState{lease.Name, now, bytes.Clone(state)})
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
