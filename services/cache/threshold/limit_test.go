package threshold

import (
	"math"
	"testing"
)

// The wealth against a limit, averaged over all that may come at that limit, is 1 after every
// number of answers; at higher wrong rates it is less. This is what Ville's inequality needs.
func TestWealthIsFairAtTheLimit(t *testing.T) {
	for _, limit := range []float64{0.005, 0.05, 0.5} {
		for _, n := range []int{1, 2, 10, 300} {
			w := newWager(limit)
			if got := expected(&w, n, limit); math.Abs(got-1) > 1e-9 {
				t.Errorf("limit %v, %d answers: expected wealth %v, want 1", limit, n, got)
			}
			if got := expected(&w, n, 1.5*limit); got >= 1 {
				t.Errorf("limit %v, %d answers: expected wealth %v where more is wrong, want below 1", limit, n, got)
			}
			if got := expected(&w, n, 0.5*limit); got <= 1 {
				t.Errorf("limit %v, %d answers: expected wealth %v where less is wrong, want above 1", limit, n, got)
			}
		}
	}
}

// expected wealth after n answers of which each is wrong with that probability.
func expected(w *wager, n int, wrong float64) float64 {
	sum, ways := 0.0, 0.0 // ways: the logarithm of n over k
	for k := range n + 1 {
		if k > 0 {
			ways += math.Log(float64(n-k+1)) - math.Log(float64(k))
		}
		sum += math.Exp(ways + float64(k)*math.Log(wrong) + float64(n-k)*math.Log1p(-wrong) +
			w.logWealth(uint64(n-k), uint64(k)))
	}
	return sum
}

func TestUpperLimit(t *testing.T) {
	for _, c := range []struct {
		right, wrong uint64
		low, high    float64
	}{
		{0, 0, 1, 1},
		{10, 0, 0.2, 0.5},
		{1000, 0, 0.003, 0.006},
		{990, 10, 0.015, 0.025},
		{99_000, 1000, 0.0105, 0.012},
		{0, 10, 1, 1},
	} {
		got := upperLimit(c.right, c.wrong, 0.05)
		if got < c.low || got > c.high {
			t.Errorf("%d right, %d wrong: upper limit %v, want %v to %v", c.right, c.wrong, got, c.low, c.high)
		}
		// A limit that holds at all times is no lower than the best one that holds at one time.
		if n := float64(c.right); c.wrong == 0 && n > 0 && got < 1-math.Pow(0.05, 1/n) {
			t.Errorf("%d right: upper limit %v is below that for one look", c.right, got)
		}
		if stricter := upperLimit(c.right, c.wrong, 0.001); stricter < got {
			t.Errorf("%d right, %d wrong: limit %v at a smaller error, below %v", c.right, c.wrong, stricter, got)
		}
	}
}
