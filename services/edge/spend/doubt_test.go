package spend

import "testing"

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
