package mesh

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"tollgate.dev/platform/clock"
)

// A process that hangs, or that a network has cut off, still has open connections: nothing
// that waits for it would ever end. So whoever leaves as many probes in a row unanswered is
// taken to hang: calls to it are broken off, and none is sent to it until it answers.
const hangsAfter = 3

// errHangs is why the calls to an endpoint are broken off.
var errHangs = errors.New("it does not answer, and its calls were broken off")

// judge takes a probe's result for what it says beside the ones before it.
func (e *endpoint) judge(s readiness, err error) (readiness, error) {
	if err == nil || !unanswered(err) {
		e.missed = 0
		if err == nil {
			e.doubted.Store(false)
		}
		return s, err
	}
	if e.missed++; e.missed < hangsAfter {
		return s, err
	}
	e.connections.hangUp()
	return hanging, errors.Join(errHangs, err)
}

// unanswered says that a probe failed for its time, and not because somebody refused it.
func unanswered(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// doubt notes that a call to an endpoint ended for its time. Until the endpoint has answered a
// probe, others are preferred.
func (e *endpoint) doubt(ctx context.Context) {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		e.doubted.Store(true)
	}
}

// rank is what pick goes by.
func (e *endpoint) rank(clk clock.Clock) readiness {
	switch s := e.readiness(); {
	case e.doubted.Load() || e.links.silent.Load():
		return max(s, unreachable)
	case e.failures.rests(clk):
		return max(s, resting)
	default:
		return s
	}
}

// idleRounds is after how many probes without a call an endpoint that left is forgotten: a call
// that is about to be sent there counts before that.
const idleRounds = 2

// watched are the endpoints that calls go to, and those that have left while they have calls: an
// orchestrator takes a replica out of its name first, and its node away after that.
func (p *Peer) watched() []*endpoint {
	p.left = slices.DeleteFunc(p.left, func(e *endpoint) bool {
		if e.calls.Load() > 0 {
			e.idle = 0
			return false
		}
		e.idle++
		forgotten := e.idle >= idleRounds
		if forgotten {
			e.retire()
		}
		return forgotten
	})
	return append(slices.Clone(*p.endpoints.Load()), p.left...)
}

// another reports whether there is an endpoint beside e that a call may go to as well.
func (p *Peer) another(e *endpoint) bool {
	for _, other := range *p.endpoints.Load() {
		if other != e && other.rank(p.opts.Clock) == ready {
			return true
		}
	}
	return false
}

// impatient is a call that gives an endpoint half of its time, because it may ask another one.
type impatient struct {
	timer  *time.Timer
	cancel context.CancelFunc
}

// impatience bounds a call to half of the time that it has. It returns nil for one that has no
// deadline.
func (p *Peer) impatience(ctx context.Context) (context.Context, *impatient) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, nil
	}
	within, cancel := context.WithCancelCause(ctx)
	half := deadline.Sub(p.opts.Clock.Now()) / 2
	i := &impatient{cancel: func() { cancel(nil) }}
	i.timer = time.AfterFunc(half, func() { cancel(context.DeadlineExceeded) })
	return within, i
}

// heard says that the answer has begun: it may take the rest of the time. It reports whether
// that was in time.
func (i *impatient) heard() bool { return i == nil || i.timer.Stop() }

// end is called when the answer, or the attempt, is over.
func (i *impatient) end() {
	if i != nil {
		i.timer.Stop()
		i.cancel()
	}
}

// connections are an endpoint's open ones.
type connections struct {
	mu   sync.Mutex
	open map[*connection]struct{}
}

// connection is one of them, until it is closed.
type connection struct {
	net.Conn
	of *connections
}

// add has a connection closed by hangUp.
func (c *connections) add(conn net.Conn) net.Conn {
	out := &connection{Conn: conn, of: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = make(map[*connection]struct{})
	}
	c.open[out] = struct{}{}
	return out
}

// Close is net.Conn's.
func (c *connection) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// hangUp closes all connections, and so ends what waits for an answer.
func (c *connections) hangUp() {
	c.mu.Lock()
	open := c.open
	c.open = nil
	c.mu.Unlock()
	for conn := range open {
		_ = conn.Conn.Close() // whoever uses it hears of it
	}
}
