package ratelimit

import "time"

// Window is the time over which requests and tokens are counted.
const Window = time.Minute

// quantum is how finely a window tells apart what it counted. It bounds a window to
// 61 slots however busy it is.
const quantum = time.Second

// slot is what was counted within one quantum.
type slot struct {
	// at is when the last of it was counted, in nanoseconds of the limiter's time.
	at int64
	n  int64
	// told is how much of it the shared store is known to have counted.
	told int64
}

// window counts what happened within the last [Window].
//
// It is a sliding window log whose entries of one quantum are merged into one that
// carries the latest time of them. So it never counts too little: in no span of one
// minute does more than the limit pass, wherever the span begins. What it counts too
// much is bounded: merged entries leave together with their last one, less than a
// quantum late; an entry that stands alone leaves to the nanosecond.
//
// GCRA (https://brandur.org/rate-limiting, November 2026) and the two-counter sliding
// window (https://blog.cloudflare.com/counting-things-a-lot-of-different-things/,
// November 2026) need fewer bytes, but each lets a burst of the whole limit be
// followed by almost the whole limit again within the same minute.
type window struct {
	slots []slot
	head  int
	used  int64
}

// expire forgets what has left the window.
func (w *window) expire(now int64) {
	for w.head < len(w.slots) && w.slots[w.head].at+int64(Window) <= now {
		w.used -= w.slots[w.head].n
		w.head++
	}
	if w.head == len(w.slots) {
		w.slots, w.head = w.slots[:0], 0
	}
}

// add counts n, and returns the slot's name for refund. The caller has expired.
func (w *window) add(now, n int64) int64 {
	w.used += n
	if last := len(w.slots) - 1; last >= w.head {
		// Two callers may read the clock in one order and come here in the other.
		now = max(now, w.slots[last].at)
		if now/int64(quantum) == w.slots[last].at/int64(quantum) {
			w.slots[last].at = now
			w.slots[last].n += n
			return now / int64(quantum)
		}
	}
	if len(w.slots) == cap(w.slots) && w.head > 0 {
		w.slots = w.slots[:copy(w.slots, w.slots[w.head:])]
		w.head = 0
	}
	w.slots = append(w.slots, slot{at: now, n: n})
	return now / int64(quantum)
}

// refund takes n back from the slot, unless it has left.
func (w *window) refund(name, n int64) {
	for i := len(w.slots) - 1; i >= w.head; i-- {
		if w.slots[i].at/int64(quantum) == name {
			n = min(n, w.slots[i].n)
			w.slots[i].n -= n
			w.used -= n
			return
		}
	}
}

// wait is how long until n more fit under the limit: 0 is now, and ok is false when
// they never will. The caller has expired.
func (w *window) wait(now, n, limit int64) (_ time.Duration, ok bool) {
	// A call of unknown size still needs room, so that a limit that is used up stops it.
	n = max(n, 1)
	if n > limit {
		return 0, false
	}
	excess := w.used - (limit - n)
	if excess <= 0 {
		return 0, true
	}
	for _, s := range w.slots[w.head:] {
		if excess -= s.n; excess <= 0 {
			return time.Duration(s.at + int64(Window) - now), true
		}
	}
	return Window, true
}

// reset is how long until nothing is counted, if nothing is added.
func (w *window) reset(now int64) time.Duration {
	if w.head == len(w.slots) {
		return 0
	}
	return time.Duration(w.slots[len(w.slots)-1].at + int64(Window) - now)
}

// state is how the window stands under a limit.
func (w *window) state(limit, now int64) state {
	return state{true, limit, max(limit-w.used, 0), w.reset(now)}
}

// spent lists what the shared store is yet to be told, or all.
func (w *window) spent(now int64, all bool) []Spent {
	var out []Spent
	for _, s := range w.slots[w.head:] {
		if s.n != s.told || all && s.n != 0 {
			out = append(out, Spent{s.at / int64(quantum), time.Duration(max(now-s.at, 0)), s.n})
		}
	}
	return out
}

// tell notes what the shared store has counted. Both lists are in order.
func (w *window) tell(counted []Spent) {
	slots := w.slots[w.head:]
	for _, c := range counted {
		for len(slots) > 0 && slots[0].at/int64(quantum) < c.Quantum {
			slots = slots[1:]
		}
		if len(slots) > 0 && slots[0].at/int64(quantum) == c.Quantum {
			slots[0].told = c.N
		}
	}
}
