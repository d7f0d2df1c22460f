package router

import (
	"math"
	"sync/atomic"
	"time"
)

// latencyLife is how long a measured latency counts. After it one call finds out anew: a
// deployment that was slow once would otherwise never be tried again.
const latencyLife = time.Minute

// pace is how fast a deployment answers calls of one kind.
type pace struct {
	// inFlight counts the calls that find it out.
	inFlight atomic.Int64
	// latency is a moving average, in nanoseconds; 0 until there is one.
	latency atomic.Int64
	// measured is when latency was measured last, in Unix nanoseconds.
	measured atomic.Int64
}

// expected is the latency to compare with others', in nanoseconds. It is 0 when nobody
// knows and nobody is finding out, and the largest number while the first call is at it.
func (p *pace) expected(now time.Time) int64 {
	latency := p.latency.Load()
	switch {
	case latency > 0 && now.UnixNano()-p.measured.Load() < int64(latencyLife):
		return latency
	case p.inFlight.Load() == 0:
		return 0
	case latency == 0:
		return math.MaxInt64
	}
	return latency
}

// succeeded notes an answer that took that long.
func (p *pace) succeeded(took time.Duration, now time.Time) {
	stale := now.UnixNano()-p.measured.Swap(now.UnixNano()) >= int64(latencyLife)
	// One eighth of the difference, as TCP smooths round-trip times (RFC 6298 §2).
	for {
		old := p.latency.Load()
		updated := old + (int64(took)-old)/8
		if old == 0 || stale {
			updated = int64(took)
		}
		if p.latency.CompareAndSwap(old, max(updated, 1)) {
			return
		}
	}
}
