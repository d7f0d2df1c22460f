package compressor

import (
	"container/list"
	"sync"
	"time"
)

const (
	// maxWaiting is how many beginnings may come again at most, of all tenants, until they are
	// taken for such as do not. One that comes later is counted then, and that taken back.
	maxWaiting = 4096
	// maxHabits is of how many tenants and models something is learned at most.
	maxHabits = 4096
	// recent is of how many beginnings a habit is made: what is older fades.
	recent = 64
)

// habits are what a process has learned of how tenants ask, by model.
type habits struct {
	mu      sync.Mutex
	of      map[string]*habit
	waiting map[digest]*list.Element
	byAge   *list.List // of *newcomer
}

// habit counts beginnings of prompts, and what compressing them brought.
type habit struct {
	// again are those that came again with another end, so that it had been worth it to leave
	// the first prompt as it was; once those that did not.
	again, once float64
	// hoped are the tokens that estimates said would be saved, saved those that were.
	hoped, saved float64
}

// newcomer is a beginning of which nobody knows yet whether it comes again.
type newcomer struct {
	name  digest
	habit *habit
	since time.Time
}

func newHabits() *habits {
	return &habits{of: map[string]*habit{}, waiting: map[digest]*list.Element{}, byAge: list.New()}
}

// get finds or makes the habit of a tenant's with a model. The lock is held.
func (h *habits) get(key string) *habit {
	own := h.of[key]
	if own == nil {
		for other := range h.of { // any one: who asks often has it back soon
			if len(h.of) < maxHabits {
				break
			}
			delete(h.of, other)
		}
		own = &habit{}
		h.of[key] = own
	}
	return own
}

// share is what of the tokens that an estimate says are saved is saved, as far as is known.
func (h *habits) share(key string) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	own := h.of[key]
	if own == nil || own.hoped == 0 {
		return 1
	}
	return own.saved / own.hoped
}

// brought notes what a compression was to save and what it saved, in tokens.
func (h *habits) brought(key string, hoped, saved float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	own := h.get(key)
	if own.hoped > 1e6 {
		own.hoped, own.saved = own.hoped/2, own.saved/2
	}
	own.hoped += hoped
	own.saved += saved
}

// begins notes a new beginning, and tells whether prompts that begin are to be left as they
// are: when what was lost on those that came again is more than what is gained on the others.
// gain is what is saved where this one does not come again, loss what its next prompt pays
// more if it does. While little is known, there is one more that does not come again; it counts
// for less the more others do.
func (h *habits) begins(key string, n digest, gain, loss float64, now time.Time) (leave bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	own := h.get(key)
	h.settle(now)
	leave = own.again*loss > (1/(1+own.again)+max(own.once, 0))*gain
	if at := h.waiting[n]; at != nil {
		h.byAge.Remove(at)
	}
	h.waiting[n] = h.byAge.PushBack(&newcomer{n, own, now})
	return leave
}

// returns notes that a beginning came again, for the first time or once more.
func (h *habits) returns(key string, n digest, first bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	own := h.get(key)
	h.settle(now)
	if at := h.waiting[n]; at != nil {
		h.byAge.Remove(at)
		delete(h.waiting, n)
	} else if first { // it waits at another replica, or was given up here
		own.once--
	} else {
		return
	}
	own.again++
	own.fade()
}

// settle takes those that have waited long enough for such as do not come again. The lock
// is held.
func (h *habits) settle(now time.Time) {
	for at := h.byAge.Front(); at != nil; at = h.byAge.Front() {
		n, ok := at.Value.(*newcomer)
		if ok && len(h.waiting) < maxWaiting && now.Sub(n.since) < beginningLife {
			return
		}
		h.byAge.Remove(at)
		if ok {
			delete(h.waiting, n.name)
			n.habit.once++
			n.habit.fade()
		}
	}
}

func (b *habit) fade() {
	b.once = max(b.once, -recent)
	if b.again+max(b.once, 0) > recent {
		b.again, b.once = b.again/2, b.once/2
	}
}
