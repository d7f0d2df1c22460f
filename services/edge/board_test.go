package edge

import "testing"

// A call that everyone has left is about to end without an answer: who asks the same then
// leads a call of their own, and the old one's end takes nothing away from it.
func TestNobodyBoardsACallThatAllHaveLeft(t *testing.T) {
	t.Parallel()
	var all flights
	var key flightKey
	cancelled := false
	left, leads := all.join(key, func() *flight { return &flight{cancel: func() { cancelled = true }, waiting: 1} })
	if !leads {
		t.Fatal("the first caller does not lead")
	}
	if left.leave(); !cancelled {
		t.Fatal("the call goes on for nobody")
	}
	if all.find(key) != nil {
		t.Error("a caller waits for a call that was cancelled")
	}
	next, leads := all.join(key, func() *flight { return &flight{cancel: func() {}, waiting: 1} })
	if !leads || next == left {
		t.Error("a caller follows a call that was cancelled")
	}
	all.land(key, left)
	if all.find(key) != next {
		t.Error("the call that is under way is not found")
	}
}
