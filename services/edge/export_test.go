package edge

// Waiting is how many calls are being answered from a provider, alone or together.
func (e *Edge) Waiting() int {
	n := 0
	for i := range e.flights.shards {
		shard := &e.flights.shards[i]
		shard.mu.Lock()
		for _, fl := range shard.flying {
			fl.mu.Lock()
			n += fl.waiting
			fl.mu.Unlock()
		}
		shard.mu.Unlock()
	}
	return n
}

// Flying is how many calls an identical one would find.
func (e *Edge) Flying() int {
	n := 0
	for i := range e.flights.shards {
		shard := &e.flights.shards[i]
		shard.mu.Lock()
		n += len(shard.flying)
		shard.mu.Unlock()
	}
	return n
}

// FillAfterwards takes all room for what follows answers, until free is called.
func (e *Edge) FillAfterwards() (free func()) {
	var all []chan struct{}
	for done := make(chan struct{}); e.after.begin(done, 0); done = make(chan struct{}) {
		all = append(all, done)
	}
	return func() {
		for _, done := range all {
			e.after.end(done)
		}
	}
}

// HeldBytes is how much memory request bodies take.
func (e *Edge) HeldBytes() int64 { return e.bodies.Held() }
