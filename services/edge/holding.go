package edge

import "tollgate.dev/platform/errs"

// noRoom is what a call is told whose answer there is no memory for.
func noRoom() error {
	return errs.New(errs.ServiceUnavailable, "the gateway holds too many answers").WithRetryAfter(bodyTaken)
}

// holdBody counts a whole answer that is here. It is the flight's where others may read it.
func (c *completion) holdBody() {
	n := int64(len(c.outcome.body))
	if c.flight != nil {
		c.flight.mu.Lock()
		defer c.flight.mu.Unlock()
		c.flight.add(n)
		return
	}
	c.holdMore(n)
}

// holdMore counts what is in memory for this exchange alone.
func (c *completion) holdMore(n int64) {
	c.holds += n
	c.e.Answers.Add(n)
}

// add counts what is in memory already. The flight's lock is held, as by all of these.
func (f *flight) add(n int64) {
	f.memory.Add(n)
	f.bytes += n
	f.counted = true
}

// hold counts what is to be kept, if there is room.
func (f *flight) hold(n int64) bool {
	if !f.memory.Hold(n) {
		return false
	}
	f.bytes += n
	f.counted = true
	return true
}

// drop forgets what is kept.
func (f *flight) drop() {
	f.uncount()
	f.chunks, f.bytes = nil, 0
}

// recount counts for a caller that boards what nobody was reading any more.
func (f *flight) recount() {
	if !f.counted && f.bytes > 0 {
		f.counted = true
		f.memory.Add(f.bytes)
	}
}

// unread counts what is kept no more when nobody reads it.
func (f *flight) unread() {
	if f.landed && f.followers == 0 {
		f.uncount()
	}
}

func (f *flight) uncount() {
	if f.counted {
		f.counted = false
		f.memory.Release(f.bytes)
	}
}

// disembark ends the leader's part: its answer is written.
func (f *flight) disembark() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.landed = true
	f.unread()
}
