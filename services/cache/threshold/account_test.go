package threshold

import (
	"math/rand/v2"
	"testing"
)

// Whatever happens, what was paid for is at most the bound's share of the hits, the first spare
// and what restarts gave; and no found wrong answer costs more than its part of the spare.
func TestAccountNeverPaysMoreThanItHas(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // the same each time
		bound, least := 0.005+0.05*r.Float64(), 0.01+0.2*r.Float64()
		a := newAccount(bound, least)
		var hits int64
		paid, given := 0.0, patience+0.0
		for range 2000 {
			n := r.Int64N(int64(10 / bound))
			hits += n
			a.earn(n)
			if r.IntN(3) == 0 {
				rate, before := a.rate(), a.spare
				if rate < least || rate > 1 {
					t.Fatalf("seed %d: rate %v", seed, rate)
				}
				paid += charge(rate)
				a.pay(charge(rate))
				if before-a.spare > before/patience*(1+1e-9) {
					t.Fatalf("seed %d: %v of %v were paid for one wrong answer", seed, before-a.spare, before)
				}
			}
			if a.overdrawn() {
				before := a.spare
				a.restart()
				given += a.spare - before
			}
			if most := bound*float64(hits) + given; paid > most+1e-6 {
				t.Fatalf("seed %d: %v paid, %v allowed", seed, paid, most)
			}
			if a.spare > a.most {
				t.Fatalf("seed %d: spare %v above %v", seed, a.spare, a.most)
			}
		}
	}
}

func TestAccountBeginsByComparingHalf(t *testing.T) {
	a := newAccount(0.01, 0.05)
	if got := a.rate(); got != 0.5 {
		t.Errorf("the first rate is %v, want 0.5", got)
	}
	a.earn(1_000_000)
	if got := a.rate(); got != 0.05 {
		t.Errorf("the rate after a million hits is %v, want the least: 0.05", got)
	}
	a.pay(2 * a.spare)
	if got := a.rate(); got != 1 {
		t.Errorf("the rate in debt is %v, want 1", got)
	}
}

// Evidence is forgotten when more than 35 % of the highest spare was paid, and no sooner.
func TestAccountIsOverdrawnBelowAPartOfItsPeak(t *testing.T) {
	for _, hits := range []int64{0, 1000, 100_000} {
		a := newAccount(0.01, 0.05)
		a.earn(hits)
		peak := a.spare
		if a.pay(0.34 * peak); a.overdrawn() {
			t.Errorf("%d hits: overdrawn with 66 %% of the peak", hits)
		}
		if a.pay(0.02 * peak); !a.overdrawn() {
			t.Errorf("%d hits: not overdrawn with 64 %% of the peak", hits)
		}
		// It begins anew with what is left, from which on as much may be lost again.
		a.restart()
		if left := a.spare; a.overdrawn() || left > max(0.65*peak, regain*patience) {
			t.Errorf("%d hits: %v of %v after a restart", hits, left, peak)
		}
		if a.pay(0.36 * a.spare); !a.overdrawn() {
			t.Errorf("%d hits: not overdrawn after a restart", hits)
		}
	}
}
