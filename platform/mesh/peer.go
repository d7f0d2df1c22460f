package mesh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
)

const (
	probeEvery   = 500 * time.Millisecond
	resolveEvery = 5 * time.Second
	// lookupTimeout bounds one look-up of a name.
	lookupTimeout = 3 * time.Second
)

// Observer is told what a peer sees. Its methods return at once.
type Observer interface {
	// Retried counts an attempt of a call that follows another one.
	Retried(service string)
	// Endpoints is how many endpoints of a service are known, at how many of them it is ready, and
	// at how many there is another service's process.
	Endpoints(service string, ready, misdirected, known int)
}

// PeerOptions say where a service is.
type PeerOptions struct {
	// Service is its name, for errors, logs and metrics: "router".
	Service string
	// Name is its full name: "tollgate.router.v1.RouterService". A process that does not serve it
	// is not ready for its calls.
	Name string
	// URLs are where its replicas are, as http://host:port, or https:// with certificates. A name
	// that has several addresses stands for as many replicas.
	URLs []string
	// Credentials prove this process to the service.
	Credentials Credentials
	// Clock says when to look at names and endpoints again.
	Clock clock.Clock
	// Log is told of endpoints that come and go.
	Log *slog.Logger
	// Observer is optional.
	Observer Observer

	lookup lookupFunc // in tests
}

// Peer is a service that runs in other processes. Each call goes to the endpoint, of those that
// are ready, that has the fewest under way. It is safe for concurrent use. Run it, and close it
// when done.
type Peer struct {
	opts          PeerOptions
	authorization []string
	client        *connect.Client
	// targets are Run's alone.
	targets []*target
	// left are endpoints that no call is sent to any more; Run's alone, then Close's.
	left      []*endpoint
	endpoints atomic.Pointer[[]*endpoint] // never empty
	turn      atomic.Uint64
	// counting has the observer told of one count after the other.
	counting sync.Mutex
}

// NewPeer returns a peer that can be called at once; before Run, nothing is known of its
// endpoints. Errors are of its names and URLs.
func NewPeer(opts PeerOptions) (*Peer, error) {
	if len(opts.URLs) == 0 {
		return nil, fmt.Errorf("mesh: the %s service has no URL", opts.Service)
	}
	if opts.Name == "" {
		return nil, fmt.Errorf("mesh: the %s service has no full name", opts.Service)
	}
	if opts.lookup == nil {
		opts.lookup = lookup
	}
	p := &Peer{opts: opts, authorization: opts.Credentials.authorization()}
	for _, raw := range opts.URLs {
		t, err := newTarget(raw, opts.Credentials.Certificates)
		if err != nil {
			return nil, fmt.Errorf("mesh: the %s service: %w", opts.Service, err)
		}
		p.targets = append(p.targets, t)
	}
	p.publish()
	p.client = rpc.NewClient(newTransport(p))
	return p, nil
}

// Client is what generated clients of the service are made of. Its errors are domain errors.
// Where no endpoint can be reached they are service_unavailable, and [errs.NotSent] if it is
// certain that none of them has heard of the call.
func (p *Peer) Client() *connect.Client { return p.client }

// Run asks every endpoint every 500 ms whether it is ready, and looks names up every 5 s, until
// ctx ends.
func (p *Peer) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	probes, names := p.opts.Clock.NewTicker(probeEvery), p.opts.Clock.NewTicker(resolveEvery)
	defer probes.Stop()
	defer names.Stop()
	answers := make(chan []answer, 1)
	looking := false
	look := func() {
		if looking {
			return
		}
		named := slices.DeleteFunc(slices.Clone(p.targets), func(t *target) bool { return !t.named() })
		if looking = len(named) > 0; looking {
			running.Go(func() { answers <- p.look(ctx, named) })
		}
	}
	look()
	p.probe(ctx, &running)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-names.C():
			look()
		case found := <-answers:
			looking = false
			if p.take(ctx, found) {
				p.probe(ctx, &running)
			}
		case <-probes.C():
			p.probe(ctx, &running)
		}
	}
}

// answer is which endpoints a target has.
type answer struct {
	target    *target
	endpoints []*endpoint
	err       error
}

func (p *Peer) look(ctx context.Context, targets []*target) []answer {
	out := make([]answer, 0, len(targets))
	for _, t := range targets {
		within, cancel := context.WithTimeout(ctx, lookupTimeout)
		found, err := t.resolve(within, p.opts.lookup, p.opts.Credentials.Certificates)
		cancel()
		out = append(out, answer{t, found, err})
	}
	return out
}

// take takes over what names stand for, and reports whether that is new. A name that cannot be
// looked up stands for what it did.
func (p *Peer) take(ctx context.Context, found []answer) (changed bool) {
	var left []*endpoint
	for _, a := range found {
		if a.err != nil {
			p.opts.Log.WarnContext(ctx, "a peer's name cannot be looked up", "service", p.opts.Service, "error", a.err)
			continue
		}
		for _, e := range a.target.endpoints {
			if !slices.Contains(a.endpoints, e) {
				left = append(left, e)
			}
		}
		changed = changed || !slices.Equal(a.target.endpoints, a.endpoints)
		a.target.endpoints = a.endpoints
	}
	if changed {
		p.publish()
		p.count()
	}
	for _, e := range left {
		e.retire()
	}
	p.left = append(p.left, left...)
	return changed
}

// publish has calls go to the endpoints of the targets.
func (p *Peer) publish() {
	var all []*endpoint
	for _, t := range p.targets {
		all = append(all, t.endpoints...)
	}
	p.endpoints.Store(&all)
}

// probe asks the endpoints that are not being asked.
func (p *Peer) probe(ctx context.Context, running *sync.WaitGroup) {
	for _, e := range p.watched() {
		e.links.watch()
		if !e.probing.CompareAndSwap(false, true) {
			continue
		}
		running.Go(func() {
			defer e.probing.Store(false)
			s, err := e.ask(ctx, p.opts.Name, p.authorization)
			if ctx.Err() == nil {
				s, err = e.judge(s, err)
				p.becomes(ctx, e, s, err)
			}
		})
	}
}

func (p *Peer) becomes(ctx context.Context, e *endpoint, s readiness, err error) {
	was := e.readiness()
	if !e.becomes(s) {
		return
	}
	p.count()
	switch {
	case s == ready:
		p.opts.Log.InfoContext(ctx, "a peer is ready", "service", p.opts.Service, "address", e.address)
	case s == misdirected:
		p.opts.Log.WarnContext(ctx, "a peer's address is another service's", "service", p.opts.Service, "address", e.address, "error", err)
	case s == refused:
		p.opts.Log.WarnContext(ctx, "a peer refuses this process's credentials: it has another token, or certificates of another authority", "service", p.opts.Service, "address", e.address)
	case err != nil:
		p.opts.Log.WarnContext(ctx, "a peer is away", "service", p.opts.Service, "address", e.address, "error", err)
	case was == ready:
		p.opts.Log.InfoContext(ctx, "a peer takes no more calls", "service", p.opts.Service, "address", e.address)
	}
}

// count tells the observer how many endpoints are ready.
func (p *Peer) count() {
	if p.opts.Observer == nil {
		return
	}
	p.counting.Lock()
	defer p.counting.Unlock()
	all := *p.endpoints.Load()
	var are [hanging + 1]int
	for _, e := range all {
		are[e.readiness()]++
	}
	p.opts.Observer.Endpoints(p.opts.Service, are[ready], are[misdirected], len(all))
}

// Check is nil when at least one endpoint is ready: a health check of the service.
func (p *Peer) Check(context.Context) error {
	if slices.ContainsFunc(*p.endpoints.Load(), func(e *endpoint) bool { return e.readiness() == ready }) {
		return nil
	}
	return errs.Newf(errs.ServiceUnavailable, "no endpoint of the %s service is ready", p.opts.Service)
}

// Close ends the calls on links, and closes the connections that have no call; those of streams
// close after theirs. Run has ended.
func (p *Peer) Close() error {
	for _, e := range append(slices.Clone(*p.endpoints.Load()), p.left...) {
		e.retire()
		e.links.close()
	}
	return nil
}

// repeats bounds how often an idempotent call is sent again.
const repeats = 2

// attempt is one try of a call at one endpoint. Its errors say what became of it: a
// [*dialError], errUnheard and those that refuse that nobody has heard of the call, errUnavailable
// that it was answered with that, and may be asked of another one.
type attempt func(ctx context.Context, e *endpoint, patience *impatient) error

// try asks one endpoint after the other until one answers, or until a repetition could do twice
// what is to be done once. rewind prepares another attempt after one that was not dialled, if
// there can be one.
func (p *Peer) try(ctx context.Context, idempotent bool, ask attempt, rewind func(error) bool) error {
	var (
		dead          []*endpoint // nothing can be sent to them
		last          *endpoint
		sent, unheard int
		again         bool // it was asked of another one because of an answer
		err           error
	)
	if ended := ctx.Err(); ended != nil {
		return ctxError(ended, errs.ErrNotSent)
	}
	for {
		e := p.pick(dead, last)
		if e == nil {
			return p.away(err, sent > 0)
		}
		if last != nil && p.opts.Observer != nil {
			p.opts.Observer.Retried(p.opts.Service)
		}
		within, patience := ctx, (*impatient)(nil)
		if idempotent && sent == 0 && p.another(e) {
			within, patience = p.impatience(ctx)
		}
		e.calls.Add(1)
		err = ask(within, e, patience)
		if errors.Is(err, errUnavailable) && !again && ctx.Err() == nil && p.another(e) {
			again, last = true, e
			sent++
			continue
		}
		if err == nil || errors.Is(err, errUnavailable) {
			return nil // whoever asked counts the call's end
		}
		e.calls.Add(-1)
		patience.end()
		if errors.Is(err, errNoLinks) {
			return err
		}
		e.doubt(within)
		_, undialled := errors.AsType[*dialError](err)
		if ended := ctx.Err(); ended != nil {
			if sent == 0 && (undialled || refuses(err) || errors.Is(err, errUnheard)) {
				err = errors.Join(errs.ErrNotSent, err)
			}
			return ctxError(ended, err)
		}
		last = e
		switch {
		case undialled && within.Err() == nil:
			p.becomes(ctx, e, unreachable, err)
		case errors.Is(err, errMisdirected):
			p.becomes(ctx, e, misdirected, err)
		}
		switch {
		case undialled || refuses(err):
			dead = append(dead, e)
		case errors.Is(err, errUnheard):
			// Its process may have been followed by another one. Not for ever, though.
			if unheard++; unheard > repeats {
				dead = append(dead, e)
			}
		default:
			if within.Err() == nil {
				e.failures.add(p.opts.Clock.Now())
			}
			if sent++; !idempotent || sent > repeats {
				return p.away(err, true)
			}
		}
		if !undialled && !rewind(err) {
			return p.away(err, sent > 0)
		}
	}
}

// pick chooses an endpoint for a call's attempt: of the most ready ones that are not dead, the
// one with the fewest calls under way, in turn where several have. It avoids last unless there
// is no other. It returns nil when all are dead, or hang.
func (p *Peer) pick(dead []*endpoint, last *endpoint) *endpoint {
	all := *p.endpoints.Load()
	first := p.turn.Add(1)
	var best *endpoint
	var state readiness
	var calls int64
	for i := range uint64(len(all)) {
		e := all[(first+i)%uint64(len(all))]
		s, c := e.rank(p.opts.Clock), e.calls.Load()
		if e == last || s == hanging || slices.Contains(dead, e) {
			continue
		}
		if best == nil || s < state || s == state && c < calls {
			best, state, calls = e, s, c
		}
	}
	if best == nil && last != nil && last.rank(p.opts.Clock) != hanging && !slices.Contains(dead, last) {
		best = last
	}
	if best != nil {
		best.failures.try(p.opts.Clock)
	}
	return best
}

// away is the error of a call that nobody answered.
func (p *Peer) away(cause error, sent bool) error {
	if errors.Is(cause, io.EOF) {
		cause = errors.New(cause.Error()) // Connect would put an error of its own in place of this one
	}
	if !sent {
		cause = errors.Join(errs.ErrNotSent, cause)
	}
	e := errs.Newf(errs.ServiceUnavailable, "the %s service is away", p.opts.Service)
	return connect.NewError(connect.CodeUnavailable, e.Message).WithCause(e.WithCause(cause))
}
