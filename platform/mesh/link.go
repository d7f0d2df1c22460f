package mesh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// linkPath is where a link is asked for, by HTTP/1.1's Upgrade to linkProtocol (RFC 9110
	// §7.8), with the credentials of all of its calls.
	linkPath     = "/tollgate.mesh.v1/link"
	linkProtocol = "tollgate-link"
)

var (
	// errNoLinks is of an endpoint that takes calls over HTTP alone: something between that
	// passes no upgrades, or another release.
	errNoLinks = errors.New("it takes no links")
	// errUnheard is of a call that nobody has heard of.
	errUnheard = errors.New("it is about to stop")
	// errBrokenOff is of a call whose handler ended without an answer.
	errBrokenOff = errors.New("the call broke off")
)

// link is the client's end of a link.
type link struct {
	*wire

	of *links
	// heard counts the frames that came; pulse is the watch's.
	heard atomic.Uint64
	pulse pulse

	mu    sync.Mutex
	calls map[uint32]*linkCall
	last  uint32
	// retired says that it takes no more calls, and ends with its last one.
	retired bool
}

// linkCall is a call that waits for its answer.
type linkCall struct {
	// answered has one answer, or none if the link ends before.
	answered chan answered
}

// answered is what a call was answered with. The buffer is the caller's.
type answered struct {
	kind kind
	data *[]byte
}

// bytes are the answer's.
func (a answered) bytes() []byte {
	if a.data == nil {
		return nil
	}
	return *a.data
}

// read hands the answers to those who wait for them, until the link's end.
func (l *link) read() {
	defer l.of.remove(l)
	unfinished := make(parts)
	for {
		k, number, data, err := l.wire.read()
		if err != nil {
			l.end(fmt.Errorf("%w: %w", errLinkEnded, err))
			return
		}
		l.heard.Add(1)
		switch k {
		case kindFarewell:
			giveBuffer(data)
			l.retire()
			continue
		case kindPong:
			giveBuffer(data)
			continue
		default:
		}
		if data, err = unfinished.join(k, number, data); err != nil {
			l.end(err)
			return
		}
		if data == nil {
			continue
		}
		if c := l.forget(number); c != nil {
			c.answered <- answered{k, data}
		} else {
			giveBuffer(data) // its caller has left
		}
	}
}

// begin takes a call on; nil if the link takes none.
func (l *link) begin() (*linkCall, uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired {
		return nil, 0
	}
	select {
	case <-l.over:
		return nil, 0
	default:
	}
	l.last++
	c := &linkCall{answered: make(chan answered, 1)}
	l.calls[l.last] = c
	return c, l.last
}

// forget ends a call; nil if it has ended. A retired link ends with its last one.
func (l *link) forget(number uint32) *linkCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.calls[number]
	delete(l.calls, number)
	if l.retired && len(l.calls) == 0 {
		l.end(errLinkEnded)
	}
	return c
}

// retire has the link end with its last call.
func (l *link) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired = true; len(l.calls) == 0 {
		l.end(errLinkEnded)
	}
}

// call sends a request and waits for its answer, which is one of kindAnswer and kindFailure.
// begun reports whether anybody may have heard of the call.
func (l *link) call(ctx context.Context, c *linkCall, number uint32, request []byte) (_ answered, begun bool, _ error) {
	start, err := l.send(ctx, kindCall, number, request)
	var out answered
	if err == nil {
		select {
		case out = <-c.answered:
		case <-l.over:
			err = l.why
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		if l.forget(number) != nil {
			l.tell(kindGone, number)
			return answered{}, l.began(start), err
		}
		out = <-c.answered // it came at the same time
	}
	switch out.kind {
	case kindAnswer, kindFailure:
		return out, true, nil
	case kindUnheard:
		giveBuffer(out.data)
		return answered{}, false, errUnheard
	default:
		giveBuffer(out.data)
		return answered{}, true, errBrokenOff
	}
}

// links are an endpoint's: one at a time, beside those that are about to end.
type links struct {
	mu      sync.Mutex
	current *link
	// opening is the one that is being opened; nil for none.
	opening *opening
	// open are all whose connection is.
	open map[*link]struct{}
	// running are their readers and writers.
	running sync.WaitGroup
	closed  bool
	// silent says that a link that takes calls is not heard of.
	silent atomic.Bool
	// plain is until when the endpoint is not asked for links, in nanoseconds since 1970.
	plain atomic.Int64
}

// opening is what those who want a link wait for.
type opening struct {
	done chan struct{}
	link *link
	err  error
	// alone says that the error is of the caller who opened it, not of the endpoint.
	alone bool
}

// begin takes a call on, on the open link or a new one.
func (e *endpoint) begin(ctx context.Context, p *Peer) (*link, *linkCall, uint32, error) {
	if p.opts.Clock.Now().UnixNano() < e.links.plain.Load() {
		return nil, nil, 0, errNoLinks
	}
	for {
		e.links.mu.Lock()
		if e.links.closed {
			e.links.mu.Unlock()
			return nil, nil, 0, &dialError{errClosed}
		}
		if l := e.links.current; l != nil {
			if c, number := l.begin(); c != nil {
				e.links.mu.Unlock()
				return l, c, number, nil
			}
			e.links.current = nil
		}
		o := e.links.opening
		if o == nil {
			o = &opening{done: make(chan struct{})}
			e.links.opening = o
			e.links.mu.Unlock()
			o.link, o.err = e.open(ctx, p)
			o.alone = ctx.Err() != nil
			if errors.Is(o.err, errNoLinks) {
				e.links.plain.Store(p.opts.Clock.Now().Add(plainFor).UnixNano())
			}
			var c *linkCall
			var number uint32
			if o.err == nil {
				// Before anything is read: the other end may want no calls but this one.
				c, number = o.link.begin()
				if !e.links.start(o.link) {
					o.link.end(errClosed)
				}
			}
			e.links.mu.Lock()
			e.links.opening, e.links.current = nil, o.link
			e.links.mu.Unlock()
			close(o.done)
			return o.link, c, number, o.err
		}
		e.links.mu.Unlock()
		select {
		case <-o.done:
		case <-ctx.Done():
			return nil, nil, 0, &dialError{ctx.Err()}
		}
		if o.err != nil && !o.alone {
			return nil, nil, 0, o.err
		}
	}
}

// retire has the open link end with its last call.
func (ls *links) retire() {
	ls.mu.Lock()
	l := ls.current
	ls.current = nil
	ls.mu.Unlock()
	if l != nil {
		l.retire()
	}
}

// start has a link carry calls, and be watched until its end, unless the peer is closed.
func (ls *links) start(l *link) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return false
	}
	ls.add(l)
	ls.running.Go(l.write)
	ls.running.Go(l.read)
	return true
}

func (ls *links) add(l *link) {
	if ls.open == nil {
		ls.open = make(map[*link]struct{})
	}
	ls.open[l] = struct{}{}
}

// close ends all links with their calls, and those that are still being opened with theirs.
func (ls *links) close() {
	ls.mu.Lock()
	ls.closed = true
	for l := range ls.open {
		l.end(errClosed)
	}
	ls.mu.Unlock()
	ls.running.Wait()
}

func (ls *links) remove(l *link) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	delete(ls.open, l)
}

// open makes a link. Errors are of one that was not made, a [*dialError], errNoLinks or one
// that refuses: nothing of a call was sent.
func (e *endpoint) open(ctx context.Context, p *Peer) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var conn net.Conn
	var err error
	if certificates := p.opts.Credentials.Certificates; certificates != nil {
		conn, err = e.dialTLS(ctx, certificates.Client())
	} else {
		conn, err = e.dial(ctx)
	}
	if err != nil {
		return nil, err
	}
	w := newWire(conn, conn)
	// Whoever does not answer is waited for no longer than a connection takes.
	stop := context.AfterFunc(ctx, func() { w.end(ctx.Err()) })
	err = w.upgrade(ctx, e.target, p.opts.Name, p.authorization)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	switch {
	case err == nil:
		return &link{wire: w, of: &e.links, calls: make(map[uint32]*linkCall)}, nil
	case refuses(err), errors.Is(err, errNoLinks):
	default:
		err = &dialError{fmt.Errorf("link with %s: %w", e.address, err)}
	}
	w.end(err)
	return nil, err
}

// upgrade asks for a link to a service on a new connection.
func (w *wire) upgrade(ctx context.Context, t *target, service string, authorization []string) error {
	u := url.URL{Scheme: t.scheme, Host: t.authority, Path: linkPath}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return fmt.Errorf("ask for a link: %w", err)
	}
	req.Header["Connection"], req.Header["Upgrade"] = []string{"Upgrade"}, []string{linkProtocol}
	req.Header[serviceHeader] = []string{service}
	if authorization != nil {
		req.Header["Authorization"] = authorization
	}
	if err := req.Write(w.conn); err != nil {
		return fmt.Errorf("ask for a link: %w", err)
	}
	resp, err := http.ReadResponse(w.in, req)
	if err != nil {
		return fmt.Errorf("ask for a link: %w", err)
	}
	_ = resp.Body.Close() // of an upgrade there is none, and what a refusal says is known
	err = misdirectedBy(resp, service)
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusSwitchingProtocols && resp.Header.Get("Upgrade") == linkProtocol:
		return nil
	case len(resp.Header[challenge]) > 0:
		return errRefused
	case resp.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("ask for a link: %s", resp.Status) //nolint:err113 // nobody tells it from others
	}
	return errNoLinks
}

// plainFor is how long an endpoint that takes no links is called over HTTP before it is asked
// again.
const plainFor = 30 * time.Second
