package threshold

import "testing"

// resting is a learner that found n wrong answers of 10 until it rests, and how many comparisons it took.
func resting(t *testing.T, replica string, n int) (l *Learner, compared int) {
	t.Helper()
	l = counted(t, replica, 0, 0)
	for ; l.Phase() != Resting; compared++ {
		if l.Phase() != Learning || l.Rate() != 1 || compared > 100_000 {
			t.Fatalf("phase %d at rate %v after %d comparisons", l.Phase(), l.Rate(), compared)
		}
		l.Observe(l.Decide(0.9, 0, true), compared%10 < n)
	}
	return l, compared
}

// Where answers don't agree, all are compared until no level can be proven any more, and then a fifth.
func TestItRestsWhereNothingCanBeProven(t *testing.T) {
	for wrong, most := range map[int]int{10: 850, 5: 900, 1: 5000} {
		l, n := resting(t, "a", wrong)
		if n < 400 || n > most {
			t.Errorf("%d of 10 wrong: it rests after %d comparisons, want at most %d", wrong, n, most)
		}
		if l.Rate() != 0.2 || l.Threshold() != Nothing {
			t.Errorf("rate %v, threshold %v at rest", l.Rate(), l.Threshold())
		}
		if c, p := l.Decide(0.9, 0.19, true).Verdict, l.Decide(0.9, 0.21, true).Verdict; c != Compare || p != Pass {
			t.Errorf("verdicts %d and %d at rest, want Compare and Pass", c, p)
		}
		// It rests on, for as long as that is so, whichever windows come.
		before := l.evidence.window
		for i := range 20_000 {
			if l.Observe(l.Decide(0.9, 0, true), i%10 < wrong); l.Phase() != Resting {
				t.Fatalf("%d of 10 wrong: phase %d after %d more comparisons", wrong, l.Phase(), i)
			}
		}
		if l.evidence.window < before+2 {
			t.Errorf("window %d after %d: old comparisons would hide that the world has changed", l.evidence.window, before)
		}
	}
}

// When answers agree again, half of a proof ends the rest, and then it takes little more than any proof.
func TestItWakesWhenAnswersAgree(t *testing.T) {
	for _, after := range []int{0, 100, 700, 5000} {
		l, _ := resting(t, "a", 5)
		for i := range after {
			l.Observe(l.Decide(0.9, 0, true), i%2 == 0)
		}
		woken, served := 0, 0
		for n := 1; n < 20_000 && served == 0; n++ {
			switch l.Observe(l.Decide(0.9, 0, true), false); {
			case l.Phase() == Learning && woken == 0:
				woken = n
				if l.Rate() != 1 {
					t.Errorf("rate %v after the rest", l.Rate())
				}
			case l.Phase() == Serving:
				served = n
			}
		}
		// A quarter of a window is what may be left of before.
		if woken == 0 || woken > 12_800/4+600 || served == 0 || served > woken+800 {
			t.Errorf("%d comparisons at rest: it woke after %d right answers and served after %d", after, woken, served)
		}
	}
}

// What is nearly good enough, and what few would-be hits reach, is not given up.
func TestWhatCouldBeProvenIsNotGivenUp(t *testing.T) {
	nearly, few := counted(t, "a", 0, 0), counted(t, "a", 0, 0)
	for i := range 60_000 {
		if nearly.Observe(nearly.Decide(0.9, 0, true), i%50 == 0); nearly.Phase() == Resting {
			t.Fatalf("it rests after %d comparisons of which as many are wrong as the bound says", i)
		}
		score := 0.6
		if i%20 == 0 {
			score = 0.95
		}
		if few.Observe(few.Decide(score, 0, true), score < 0.9); few.Phase() == Resting {
			t.Fatalf("it rests after %d comparisons though every 20th, at 0.95, is right", i)
		}
	}
	if few.Threshold() <= 0.6 || few.Threshold() > 0.95 {
		t.Errorf("threshold %v, want 0.95", few.Threshold())
	}
}

// Replicas rest and wake together, and one that starts anew does what it did.
func TestReplicasRestTogether(t *testing.T) {
	a, _ := resting(t, "a", 5)
	b, again := counted(t, "b", 3, 0.9), counted(t, "a", 0, 0)
	merge(t, b, a.OwnState())
	merge(t, again, a.OwnState())
	if b.Phase() != Resting || again.Phase() != Resting {
		t.Fatalf("phases %d and %d, want both at rest", b.Phase(), again.Phase())
	}
	for n := 0; a.Phase() == Resting; n++ {
		if n > 1000 {
			t.Fatal("it doesn't wake")
		}
		a.Observe(a.Decide(0.9, 0, true), false)
	}
	merge(t, b, a.OwnState())
	if b.Phase() != Learning {
		t.Errorf("phase %d after another replica woke", b.Phase())
	}
}
