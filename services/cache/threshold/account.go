package threshold

import "math"

// account keeps what wrong hits may still cost. A hit earns the bound. A wrong answer that a
// comparison finds stands for the wrong hits that were served unseen: at a rate of 1 in 20, for
// 19. So the spare is what was allowed, less an unbiased estimate of what went wrong.
//
// The rate of comparing follows from the spare: so many are compared that a found wrong answer
// costs at most a part of it (1/patience, or twice that where some come too late to be compared), and that, if all became wrong at once, one would most
// likely be found before the spare is gone.
type account struct {
	bound    float64 // allowed wrong hits a hit
	patience float64
	least    float64 // rate of comparing
	most     float64 // spare
	spare    float64 // wrong hits
	peak     float64 // highest spare since evidence was last forgotten
}

// patience is how many found wrong answers it takes, about, to use up the spare. It is the spare
// of a new account as well, in wrong hits. It was chosen in simulation: less serves more, and
// passes the bound in more of the worlds that change.
const patience = 12

// drawdown is the part of the peak below which the spare shows that the evidence does not hold.
// What is left of it is what a change may have cost beyond the estimate.
const drawdown = 0.65

// regain is the least spare after that, as a part of patience, so that serving can begin anew.
const regain = 0.25

func newAccount(bound, least float64) account {
	return account{
		bound: bound, patience: patience, least: least,
		// Twice what the least rate needs: more would only let a change go unnoticed longer.
		most:  2 * patience * max(1, charge(least)),
		spare: patience, peak: patience,
	}
}

// charge for a wrong answer found at a rate of comparing, in wrong hits served unseen.
func charge(rate float64) float64 { return (1 - rate) / rate }

// rate of comparing would-be hits, above least and up to 1.
func (a *account) rate() float64 {
	if a.spare <= 0 {
		return 1
	}
	return max(a.least, a.patience/(a.patience+a.spare))
}

// earn for hits.
func (a *account) earn(hits int64) {
	a.spare = min(a.most, a.spare+a.bound*float64(hits))
	a.peak = max(a.peak, a.spare)
}

// pay for wrong hits.
func (a *account) pay(wrong float64) { a.spare -= wrong }

// overdrawn: more went wrong than the evidence allows for.
func (a *account) overdrawn() bool { return a.spare < drawdown*a.peak }

// restart after evidence was forgotten.
func (a *account) restart() {
	a.spare = max(a.spare, regain*a.patience)
	a.peak = a.spare
}

// resume with the spare of before a restart of the process. One that is overdrawn by then gets more as
// any that is does: when evidence is forgotten.
func (a *account) resume(spare float64) {
	if math.IsNaN(spare) {
		return
	}
	a.spare = min(spare, a.most)
	a.peak = max(a.spare, regain*a.patience)
}
