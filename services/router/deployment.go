package router

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/chat"
)

// failWindow is the time in which failures are counted together.
const failWindow = time.Minute

// deployment is a deployment with what the router learns about it.
type deployment struct {
	Deployment
	provider Provider
	base     url.URL
	baseText string

	inFlight atomic.Int64
	// whole and streamed are how fast it has been of late: the time to a whole answer says
	// nothing about that to a stream's first event.
	whole, streamed pace
	// restUntil is when the deployment may be used again, in Unix nanoseconds.
	restUntil atomic.Int64
	// limited says that it rests because of the provider's rate limit.
	limited atomic.Bool

	mu          sync.Mutex
	fails       int
	failsWindow time.Time
}

// url is where a call goes, below a base. The path is escaped and may have a query.
func (d *deployment) url(base url.URL, path string) (*url.URL, error) {
	u := base
	path, u.RawQuery, _ = strings.Cut(path, "?")
	if !strings.Contains(path, "%") {
		u.Path += path
		return &u, nil
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return nil, fmt.Errorf("path of provider %q: %w", d.Provider, err)
	}
	u.RawPath = u.EscapedPath() + path
	u.Path += plain
	return &u, nil
}

func (d *deployment) resting(now time.Time) bool { return d.restUntil.Load() > now.UnixNano() }

func (d *deployment) full() bool {
	return d.MaxParallel > 0 && d.inFlight.Load() >= d.MaxParallel
}

// acquire counts a call in, unless the deployment is full.
func (d *deployment) acquire() bool {
	if n := d.inFlight.Add(1); d.MaxParallel > 0 && n > d.MaxParallel {
		d.inFlight.Add(-1)
		return false
	}
	return true
}

func (d *deployment) release() { d.inFlight.Add(-1) }

// pace is that of streams or of whole answers.
func (d *deployment) pace(stream bool) *pace {
	if stream {
		return &d.streamed
	}
	return &d.whole
}

// failed notes a failure and decides whether the deployment rests. A deployment that
// is alone is spared, unless the provider itself asked for a pause: refusing calls
// without trying would only lengthen an outage. One that its operator has to mend rests
// at once, since the next call would fare no better.
func (d *deployment) failed(f chat.Failure, now time.Time, alone bool, allowed int, cooldown time.Duration) {
	d.limited.Store(f.Err.Reason == errs.ProviderRateLimited)
	if f.RetryAfter > 0 {
		d.rest(now.Add(f.RetryAfter))
		return
	}
	if !f.Cooldown || alone {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.failsWindow) >= failWindow {
		d.failsWindow, d.fails = now, 0
	}
	d.fails++
	if d.fails > allowed || f.Elsewhere && allowed < NeverRests {
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
