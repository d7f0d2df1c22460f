package threshold

import (
	"bytes"
	"encoding/binary"
	"math"
	"reflect"
	"testing"
)

func counted(t testing.TB, replica string, right int, score float64) *Learner {
	t.Helper()
	l, err := New(Policy{MaxWrongHitRate: 0.02, Confidence: 0.95, Sample: 0.1}, replica)
	if err != nil {
		t.Fatal(err)
	}
	for range right {
		l.Observe(l.Decide(score, 0, true), false)
	}
	return l
}

func merge(t testing.TB, into *Learner, states ...[]byte) {
	t.Helper()
	for _, s := range states {
		if err := into.Merge(s); err != nil {
			t.Fatal(err)
		}
	}
}

// Replicas that know too little each know enough together; in whatever order and however often
// their states arrive, what comes of them is the same.
func TestReplicasLearnTogether(t *testing.T) {
	a, b, c := counted(t, "a", 250, 0.9), counted(t, "b", 250, 0.95), counted(t, "c", 250, 0.9)
	for _, l := range []*Learner{a, b, c} {
		if l.Threshold() != Nothing {
			t.Fatal("one knows enough alone: the test shows nothing")
		}
	}
	one, two := counted(t, "d", 0, 0), counted(t, "d", 0, 0)
	merge(t, one, a.State(), b.State(), c.State())
	merge(t, two, c.State(), a.State(), c.State(), b.State(), a.State())
	if one.Threshold() != 0.9 || two.Threshold() != 0.9 {
		t.Errorf("together they put %v and %v in force, want 0.9", one.Threshold(), two.Threshold())
	}
	if !bytes.Equal(one.State(), two.State()) {
		t.Error("the order of states makes a difference")
	}
	if got := len(one.State()); got > 200 {
		t.Errorf("a state of four replicas has %d bytes", got)
	}
	// Where each replica's own can be had, no more is to be passed on.
	merge(t, two, one.State())
	three := counted(t, "d", 0, 0)
	merge(t, three, a.OwnState(), b.OwnState(), c.OwnState(), two.OwnState())
	if !bytes.Equal(three.State(), one.State()) {
		t.Error("what the replicas' own states tell is not all")
	}
	if len(two.OwnState()) > 50 {
		t.Errorf("a state of one replica has %d bytes", len(two.OwnState()))
	}
	// A state passed on by another counts once.
	merge(t, a, one.State())
	if got := a.Levels()[0].Right; got != 750 {
		t.Errorf("%d right answers count, want 750", got)
	}
}

// What one replica finds to hold no longer, none trusts any more.
func TestForgettingReachesAllReplicas(t *testing.T) {
	a, b := counted(t, "a", 700, 0.9), counted(t, "b", 700, 0.9)
	merge(t, b, a.State())
	if b.Threshold() != 0.9 {
		t.Fatalf("threshold %v before", b.Threshold())
	}
	drawn := Decision{Verdict: Compare, Score: 0.9, Threshold: 0.9, Rate: 0.5, window: 1}
	for range 60 {
		a.Observe(drawn, true)
	}
	merge(t, b, a.State())
	if b.Threshold() != Nothing || b.Levels()[0].Right != 0 {
		t.Errorf("threshold %v with %d right answers after another replica forgot all", b.Threshold(), b.Levels()[0].Right)
	}
	// Its own old state brings nothing back.
	merge(t, a, counted(t, "a", 700, 0.9).State())
	if a.Threshold() != Nothing {
		t.Errorf("threshold %v came back", a.Threshold())
	}
}

func TestRestartedReplicaGoesOn(t *testing.T) {
	before := counted(t, "a", 700, 0.9)
	for range 3000 {
		before.Served()
	}
	before.Observe(before.Decide(0.9, 0, true), false)
	state := before.State()
	after := counted(t, "a", 0, 0)
	merge(t, after, state)
	if after.Threshold() != before.Threshold() || !bytes.Equal(after.State(), state) {
		t.Error("it does not go on where it was")
	}
	if math.Abs(after.account.spare-before.account.spare) > 1e-9 || after.account.spare <= patience {
		t.Errorf("spare %v, was %v", after.account.spare, before.account.spare)
	}
	// Others pass its row on as they had it; the latest one counts, whichever comes first.
	other := counted(t, "b", 0, 0)
	merge(t, other, counted(t, "a", 600, 0.9).State())
	for name, states := range map[string][][]byte{"own first": {state, other.State()}, "own last": {other.State(), state}} {
		late := counted(t, "a", 0, 0)
		if err := late.Merge(states...); err != nil || math.Abs(late.account.spare-before.account.spare) > 1e-9 {
			t.Errorf("%s: spare %v, was %v: %v", name, late.account.spare, before.account.spare, err)
		}
	}
	// What is broken keeps nothing else from counting.
	if late := counted(t, "a", 0, 0); late.Merge([]byte{9}, state) == nil || late.Threshold() != before.Threshold() {
		t.Errorf("threshold %v beside a broken state, want %v", late.Threshold(), before.Threshold())
	}
	// One that has begun keeps its own account.
	begun := counted(t, "a", 1, 0.9)
	merge(t, begun, state)
	if begun.account.spare != patience {
		t.Errorf("spare %v of one that had begun", begun.account.spare)
	}
}

func TestWhatIsNoState(t *testing.T) {
	good := counted(t, "a", 3, 0.9).State()
	spare := func(v float64) []byte {
		b := bytes.Clone(good)
		binary.BigEndian.PutUint64(b[5:], math.Float64bits(v))
		return b
	}
	for name, state := range map[string][]byte{
		"empty":               {},
		"another version":     {3, 0},
		"cut":                 good[:len(good)-1],
		"with a rest":         append(bytes.Clone(good), 0),
		"no name":             {2, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"too many replicas":   binary.AppendUvarint([]byte{2}, maxRows+1),
		"twice the same":      {2, 2, 1, 'a', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'a', 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"window 0":            {2, 1, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"no such band":        {2, 1, 1, 'a', 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, levels, 1, 0, 0},
		"bands out of order":  {2, 1, 1, 'a', 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 5, 1, 0, 4, 1, 0, 0},
		"a band of nothing":   {2, 1, 1, 'a', 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 5, 0, 0, 0},
		"a spare of infinity": spare(math.Inf(1)),
		"no spare":            spare(math.NaN()),
	} {
		l := counted(t, "b", 2, 0.9)
		before := l.State()
		if err := l.Merge(state); err == nil {
			t.Errorf("%s: no error", name)
		}
		if !bytes.Equal(l.State(), before) {
			t.Errorf("%s: changed the learner", name)
		}
	}
}

// Of a state in which each comparison counted the account and the windows hold, and nothing is proven by it.
func TestStateThatCountedEachComparison(t *testing.T) {
	before := counted(t, "a", 700, 0.9)
	for range 3000 {
		before.Served()
	}
	state := before.OwnState()
	l := counted(t, "a", 0, 0)
	state[0] = ofEach
	merge(t, l, state)
	if l.Threshold() != Nothing || l.Levels()[0].Right != 0 {
		t.Errorf("threshold %v with %d right answers", l.Threshold(), l.Levels()[0].Right)
	}
	if l.account.spare != before.account.spare || l.account.spare <= patience {
		t.Errorf("spare %v, was %v", l.account.spare, before.account.spare)
	}
	later := counted(t, "b", 0, 0)
	later.evidence.advance(7)
	state = later.OwnState()
	state[0] = ofEach
	merge(t, l, state)
	if l.evidence.window != 7 {
		t.Errorf("window %d, want 7: its part of the error probability is spent", l.evidence.window)
	}
}

// FuzzState: whatever bytes come, they are refused or are a state that is written as it was read
// and that a learner can take.
func FuzzState(f *testing.F) {
	f.Add(counted(f, "a", 0, 0).State())
	both := counted(f, "a", 30, 0.9)
	merge(f, both, counted(f, "another", 3, 0.6).State())
	f.Add(both.State())
	f.Add([]byte{1, 1, 1, 'a', 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 5, 1, 0, 0})
	f.Add([]byte{2, 1, 1, 'a', 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 5, 1, 0, 0})
	f.Fuzz(func(t *testing.T, state []byte) {
		rows, err := parseState(state)
		if err != nil {
			return
		}
		again, err := parseState(appendState(nil, rows))
		if err != nil || !reflect.DeepEqual(rows, again) {
			t.Fatalf("read back otherwise: %v", err)
		}
		l := counted(t, "a", 1, 0.9)
		merge(t, l, state, state)
		if v := l.Threshold(); !(v >= 0.5) {
			t.Fatalf("threshold %v", v)
		}
		if v := l.Rate(); !(v >= 0.1 && v <= 1) {
			t.Fatalf("rate %v", v)
		}
		if _, err := parseState(l.State()); err != nil {
			t.Fatal(err)
		}
	})
}
