package spend

import (
	"testing"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	"tollgate.dev/platform/clock/clocktest"
)

// A scope whose ask was not answered may hold a slice that nobody here knows of. It is not
// forgotten until one is: the account that takes its place would be given the same lease, and
// both would spend it or give it back.
func TestDoubtfulScopesAreNotForgotten(t *testing.T) {
	t.Parallel()
	clk := clocktest.New()
	m := New(nil, Options{Clock: clk})
	key := scopeKey{kind: budgetv1.ScopeKind_SCOPE_KIND_KEY, id: "k1"}
	asked := []sentAsk{{account: m.account(&key, &Scopes{Key: "k1"})}}
	s, _ := m.shard(&key)
	clk.Advance(time.Hour)
	m.leasing.doubt(asked)
	for range 2 {
		if m.sweep(s, m.now()); m.find(&key) == nil {
			t.Fatal("a scope is forgotten while its ask may have been heard")
		}
		m.leasing.take() // it is asked about
	}
	m.leasing.trust(asked)
	if m.sweep(s, m.now()); m.find(&key) != nil {
		t.Error("an idle scope that holds nothing is kept")
	}
}

// However often the answers to a scope's asks are lost, it is asked about once more, and not
// at all when a later ask of its own was answered.
func TestLostAsksAreAskedOnce(t *testing.T) {
	t.Parallel()
	l := leasing{doubtful: make(map[*account]bool)}
	const scopes, answered = 3 * maxAsks, 10
	sent := make([]sentAsk, scopes)
	for i := range sent {
		sent[i].account = &account{}
	}
	for range 20 {
		l.doubt(sent)
	}
	l.trust(sent[:answered])
	asked := make(map[*account]int)
	for more := true; more; {
		var asks []*account
		if asks, _, more = l.take(); len(asks) > maxAsks {
			t.Fatalf("%d asks in one call", len(asks))
		}
		for _, a := range asks {
			asked[a]++
		}
	}
	for i, s := range sent {
		want := 1
		if i < answered {
			want = 0
		}
		if n := asked[s.account]; n != want {
			t.Errorf("scope %d is asked about %d times", i, n)
		}
	}
}
