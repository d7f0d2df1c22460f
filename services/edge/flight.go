package edge

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"sync"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/memory"
	"tollgate.dev/services/edge/spend"
)

// flightShards spreads the flights over locks.
const flightShards = 64

// flights are the calls that are under way, by what they ask. An identical request
// waits for the answer instead of paying for another.
type flights struct {
	shards [flightShards]struct {
		mu     sync.Mutex
		flying map[flightKey]*flight
	}
}

// flightKey is a namespace and a fingerprint in it, the form in which the callers hear the
// answer, and how long they want to wait: none is to hear that another one's time is over.
type flightKey struct {
	tenant, provider, model, partition string
	fingerprint                        [sha256.Size]byte
	form                               string
	timeoutMillis                      int64
}

// key is the call's place on the board.
func (c *completion) key() flightKey {
	ns := &c.asked.namespace
	return flightKey{ns.GetTenantId(), ns.GetProvider(), ns.GetModel(), ns.GetPartition(), c.asked.fingerprint, c.req.form(), c.req.timeoutMillis}
}

// flight is one call with everyone who waits for it.
type flight struct {
	cancel context.CancelFunc

	mu sync.Mutex
	// waiting is how many callers still want the answer, the leader included; followers is
	// how many of them do not lead.
	waiting, followers int
	// chunks are what a stream has brought so far, and size how long they are. full says that
	// it is too long to be kept for callers that are yet to come.
	chunks [][]byte
	size   int64
	full   bool
	// bytes is what is kept of the answer, and memory what bounds that: it is counted while
	// the leader, who is in landed no more, or a follower reads it.
	memory  *memory.Bound
	bytes   int64
	counted bool
	landed  bool
	// served is what serves a stream, from its first chunks on.
	served *routerv1.Served
	// over says that nothing follows; outcome is then final.
	over    bool
	outcome outcome
	// pump receives the rest of a stream; nil before there is one. It runs from the first
	// follower on, as soon as the leader is not receiving itself: nobody who follows waits
	// for the leader's connection.
	pump              func()
	receiving, pumped bool
	// pumping is what the leader waits for.
	pumping sync.WaitGroup
	// changed is closed, and replaced, whenever something above changes.
	changed chan struct{}
}

// join finds the flight to wait for, or starts one that the caller leads.
func (f *flights) join(key flightKey, start func() *flight) (fl *flight, leads bool) {
	shard := &f.shards[key.fingerprint[0]%flightShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if fl, ok := shard.flying[key]; ok && fl.board() {
		return fl, false
	}
	fl = start()
	if shard.flying == nil {
		shard.flying = make(map[flightKey]*flight)
	}
	shard.flying[key] = fl
	return fl, true
}

// find boards the flight of a call that is under way, or over and not yet in the cache; nil
// when there is none.
func (f *flights) find(key flightKey) *flight {
	shard := &f.shards[key.fingerprint[0]%flightShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if fl, ok := shard.flying[key]; ok && fl.board() {
		return fl
	}
	return nil
}

// land takes a flight off the board.
func (f *flights) land(key flightKey, fl *flight) {
	shard := &f.shards[key.fingerprint[0]%flightShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.flying[key] == fl {
		delete(shard.flying, key)
	}
}

// ground takes the flights off the board whose answers a purge selects: who asks from then on hears
// none that was asked for before. Those who wait already hear theirs.
func (f *flights) ground(sel *cachev1.InvalidateRequest) {
	entry, _ := base64.RawURLEncoding.DecodeString(sel.GetEntryId()) // of another form it selects nothing
	selects := func(key *flightKey) bool {
		return key.tenant == sel.GetTenantId() && (sel.GetProvider() == "" || key.provider == sel.GetProvider()) &&
			(sel.GetModel() == "" || key.model == sel.GetModel()) && (sel.GetPartition() == "" || key.partition == sel.GetPartition()) &&
			(sel.GetEntryId() == "" || string(key.fingerprint[:]) == string(entry))
	}
	for i := range f.shards {
		shard := &f.shards[i]
		shard.mu.Lock()
		maps.DeleteFunc(shard.flying, func(key flightKey, _ *flight) bool { return selects(&key) })
		shard.mu.Unlock()
	}
}

// board adds a caller. It fails for a flight that everyone has left, or that brought no
// answer. One that is over and not landed has its answer, and the cache has not yet.
func (f *flight) board() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full || f.over && f.outcome.failure != nil || !f.over && f.waiting == 0 {
		return false
	}
	f.waiting++
	f.followers++
	f.recount()
	f.launch()
	return true
}

// lead says that the leader receives a stream, and what would receive the rest of it.
func (f *flight) lead(pump func()) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pump, f.receiving = pump, true
}

// receive says that the leader is to receive the next message itself.
func (f *flight) receive() bool {
	if f == nil {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.receiving = !f.pumped
	return f.receiving
}

// launch starts the pump if there are followers, and the leader is not receiving.
func (f *flight) launch() {
	if f.pump != nil && f.followers > 0 && !f.receiving && !f.pumped && !f.over {
		f.pumped = true
		f.pumping.Go(f.pump)
	}
}

// stopPump ends a pump that still runs, and lets none begin: it works on the leader's call,
// whose memory serves another one when the leader's handler has ended.
func (f *flight) stopPump() {
	if f == nil {
		return
	}
	f.mu.Lock()
	f.pump = nil
	pumped := f.pumped
	f.mu.Unlock()
	if pumped {
		f.cancel()
		f.pumping.Wait()
	}
}

// alight takes a follower away.
func (f *flight) alight() {
	f.mu.Lock()
	f.followers--
	f.unread()
	f.mu.Unlock()
	f.leave()
}

// leave takes a caller away. The last one ends the provider's call.
func (f *flight) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	// Also a call that is its leader's alone by now ends with its last caller; after the
	// end there is nothing to cancel.
	if f.waiting--; f.waiting == 0 {
		f.cancel()
	}
}

// publish hands a message's chunks to the followers. Unless the message is the last one, the
// leader is about to write to its caller, and others may receive. A stream that is longer
// than what the cache takes is kept for those that follow it by then, and no longer than
// they do. It reports whether there was memory for those who follow; without any, nothing is
// kept where there is none. The last message is taken in any case.
func (f *flight) publish(served *routerv1.Served, chunks [][]byte, last bool) bool {
	if f == nil {
		return true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.served = served
	if !last {
		f.receiving = false
		f.launch()
	}
	if len(chunks) == 0 {
		return true
	}
	n := int64(0)
	for _, chunk := range chunks {
		n += int64(len(chunk))
	}
	f.size += n
	f.full = f.full || f.size > maxCached
	alone := f.followers == 0 && !f.pumped
	if f.full && alone {
		f.drop() // nobody is to read them any more
		return true
	}
	if last {
		f.add(n)
	} else if !f.hold(n) {
		f.full = f.full || alone
		if alone {
			f.drop()
		}
		return alone
	}
	f.chunks = append(f.chunks, chunks...)
	f.wake()
	return true
}

// finish hands the outcome to the followers. Only the first one counts.
func (f *flight) finish(o outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over {
		return
	}
	f.over, f.outcome = true, o
	f.wake()
}

// wake tells the followers. Without any, there is no channel to close.
func (f *flight) wake() {
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// servedBy is what serves the stream; nil before its first chunks.
func (f *flight) servedBy() *routerv1.Served {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.served
}

// next returns what is new since seen, and a channel to wait on when nothing is.
func (f *flight) next(seen int) (chunks [][]byte, over bool, wait <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.chunks) > seen || f.over {
		return f.chunks[seen:len(f.chunks):len(f.chunks)], f.over, nil
	}
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	return nil, false, f.changed
}

// share leads the call, or follows an identical one that is under way.
func (c *completion) share(ctx context.Context) error {
	key := c.key()
	// The call goes on while anyone waits for it, also after its leader has left.
	flown, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	fl, leads := c.e.flights.join(key, func() *flight { return &flight{cancel: cancel, waiting: 1, memory: c.e.Answers} })
	if !leads {
		return c.follow(ctx, fl)
	}
	defer c.compare(ctx) // after all that follows
	stop := context.AfterFunc(ctx, fl.leave)
	defer stop()
	c.flight, c.flightKey = fl, key
	defer fl.disembark()
	defer c.land() // also after a panic
	c.e.Metrics.CacheMiss(c.missed)
	e, err := c.e, c.forward(flown)
	if err != nil && c.outcome.failure == nil {
		c.outcome.failure = errs.Of(err) // refused before it went out: nobody is answered
	}
	c.finish()
	if err == nil && !c.req.stream {
		c.answerWhole()
	}
	if keep := c.remember(); keep != nil && c.flight != nil {
		// Whoever asks in the meantime boards the flight that is over, and whoever asks from its
		// landing on finds the answer in the cache.
		c.flight = nil
		c.afterwards(ctx, c.outcome.inMemory(), func(ctx context.Context) {
			defer e.flights.land(key, fl)
			keep(ctx)
		})
	}
	return err
}

// finish ends the call's flight, unless those who waited were dismissed.
func (c *completion) finish() {
	if c.flight == nil {
		return
	}
	if c.outcome.served == nil && c.outcome.failure == nil {
		c.outcome.failure = errs.New(errs.Internal, "an internal error occurred")
	}
	c.flight.finish(c.outcome)
}

// land takes the call's flight off the board.
func (c *completion) land() {
	c.finish()
	if c.flight != nil {
		c.e.flights.land(c.flightKey, c.flight)
	}
}

// dismiss sends those who wait for this call's answer on their own way, because it is
// made for its own budget alone.
func (c *completion) dismiss() {
	if c.flight == nil {
		return
	}
	c.flight.finish(outcome{failure: errs.New(errs.BudgetExceeded, "the answer is cut to what a budget can pay")})
	c.e.flights.land(c.flightKey, c.flight)
	c.flight = nil
}

// follow answers from another caller's call. It costs nothing; what it saved is
// what the other one paid.
func (c *completion) follow(ctx context.Context, fl *flight) error {
	left := false
	leave := func() {
		if !left {
			left = true
			fl.alight()
		}
	}
	defer leave()
	var out *streamWriter
	seen := 0
	for {
		chunks, over, wait := fl.next(seen)
		if wait != nil {
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				c.outcome.failure = errs.Of(ctx.Err())
				c.compare(ctx)
				return ctx.Err()
			}
		}
		seen += len(chunks)
		if len(chunks) > 0 {
			if out == nil {
				out = c.followStream(fl.servedBy())
			}
			out.write(chunks)
		}
		if !over {
			continue
		}
		if f := fl.outcome.failure; f != nil && out == nil && ownFailure(f.Reason) {
			// What stopped the leader need not stop this caller.
			leave()
			return c.alone(ctx)
		}
		defer c.compare(ctx) // where the flight began after the look-up
		return c.landed(fl.outcome, out)
	}
}

// ownFailure says that a call failed for its caller's sake, not for what it asked.
func ownFailure(r errs.Reason) bool {
	return r == errs.BudgetExceeded || r == errs.RateLimitExceeded || r == errs.ModelNotAllowed || r == errs.ClientClosed
}

// followStream begins a follower's stream.
func (c *completion) followStream(served *routerv1.Served) *streamWriter {
	c.hit(underWay())
	c.outcome.served = served
	c.outcome.firstByte = c.e.Clock.Now()
	return newStreamWriter(c)
}

// landed ends a follower with its leader's outcome.
func (c *completion) landed(o outcome, out *streamWriter) error {
	c.outcome.served, c.outcome.usage, c.outcome.failure = o.served, o.usage, o.failure
	switch {
	case o.failure == nil:
		c.hit(underWay())
		c.outcome.saved = o.cost
		c.outcome.body, c.outcome.chunks, c.outcome.cut = o.body, o.chunks, o.cut
		c.outcome.firstByte = c.e.Clock.Now()
		c.settle(spend.Reservation{})
	case out == nil:
		c.e.Metrics.CacheMiss(c.missed)
	}
	switch {
	case out != nil:
		out.end(o.failure)
		return nil
	case o.failure != nil:
		return o.failure
	case c.req.stream:
		out = newStreamWriter(c)
		out.write(o.chunks)
		out.end(nil)
	default:
		c.answerWhole()
	}
	return nil
}
