package router

import (
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/services/router/chat"
)

// deployment is a deployment with what the router learns about it.
type deployment struct {
	Deployment
	provider Provider
	base     url.URL
	baseText string

	inFlight atomic.Int64
	// latency is a moving average of the time to an answer's first byte, in
	// nanoseconds; 0 until there is one.
	latency atomic.Int64
	// restUntil is when the deployment may be used again, in Unix nanoseconds.
	restUntil atomic.Int64

	mu          sync.Mutex
	fails       int
	failsWindow time.Time
}

// url is where a call goes.
func (d *deployment) url(path string) *url.URL {
	u := d.base
	query := ""
	for i := range path {
		if path[i] == '?' {
			path, query = path[:i], path[i+1:]
			break
		}
	}
	u.Path += path
	u.RawQuery = query
	return &u
}

func (d *deployment) resting(now time.Time) bool { return d.restUntil.Load() > now.UnixNano() }

func (d *deployment) full() bool {
	return d.MaxParallel > 0 && d.inFlight.Load() >= d.MaxParallel
}

// succeeded notes an answer.
func (d *deployment) succeeded(took time.Duration) {
	// One eighth of the difference, as TCP smooths round-trip times (RFC 6298 §2).
	for {
		old := d.latency.Load()
		updated := old + (int64(took)-old)/8
		if old == 0 {
			updated = int64(took)
		}
		if d.latency.CompareAndSwap(old, max(updated, 1)) {
			return
		}
	}
}

// failed notes a failure and decides whether the deployment rests. A deployment that
// is alone is spared, unless the provider itself asked for a pause: refusing calls
// without trying would only lengthen an outage.
func (d *deployment) failed(f chat.Failure, now time.Time, alone bool, allowed int, cooldown time.Duration) {
	if f.RetryAfter > 0 {
		d.rest(now.Add(f.RetryAfter))
		return
	}
	if !f.Cooldown || alone {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.failsWindow) >= time.Minute {
		d.failsWindow, d.fails = now, 0
	}
	d.fails++
	if d.fails > allowed {
		d.fails = 0
		d.rest(now.Add(cooldown))
	}
}

func (d *deployment) rest(until time.Time) {
	for {
		old := d.restUntil.Load()
		if old >= until.UnixNano() || d.restUntil.CompareAndSwap(old, until.UnixNano()) {
			return
		}
	}
}
