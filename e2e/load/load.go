// Package load makes steady load over the edges of a deployment, as applications behind a load
// balancer do, and counts what comes of it.
package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
)

// Options are what load is made of. The zero value of each optional field is its default.
type Options struct {
	// Edges are the addresses of the edges, such as http://127.0.0.1:4000.
	Edges []string
	// Key is what the callers present.
	Key string
	// Model answers whole calls, StreamModel streamed ones; the latter is Model by default.
	Model, StreamModel string
	// Callers is how many call at the same time; default 8.
	Callers int
	// Streams is the share of streams among the calls, from 0 to 1.
	Streams float64
	// Calls is how many are made in all; 0 is no bound.
	Calls int64
	// Pause is between a caller's calls.
	Pause time.Duration
	// Timeout bounds one call; default 1 minute.
	Timeout time.Duration
	// Heard, when set, is told the end of each call. It is called by many goroutines.
	Heard func(Call)
}

// Call is what became of one call.
type Call struct {
	// RequestID is the call's X-Request-Id.
	RequestID string
	// Streamed tells a stream from a whole answer.
	Streamed bool
	// Fault is why it failed, in words of which there are few; empty for a proper answer.
	Fault string
	// Cost is what the answer says that it cost, in dollars; empty where nobody said.
	Cost string
	// First is when the answer began, Whole when it ended, Gap the longest wait between two
	// pieces of a stream; all from the beginning of the call.
	First, Whole, Gap time.Duration
}

// Load is running load. Stop it.
type Load struct {
	opts    Options
	client  *http.Client
	edges   []*edge
	turn    atomic.Uint64
	run     string
	serial  atomic.Int64
	cancel  context.CancelFunc
	stop    chan struct{}
	callers sync.WaitGroup
	polls   sync.WaitGroup

	mu    sync.Mutex
	tally tally
}

// edge is one of them, as a balancer sees it.
type edge struct {
	url   string
	ready atomic.Bool
}

// How a balancer looks at its edges.
const (
	pollEvery   = 200 * time.Millisecond
	pollTimeout = time.Second
	// readyWait is how long a call waits for any edge to be ready.
	readyWait = 10 * time.Second
)

// Start begins to call, until Stop or the end of ctx.
func Start(ctx context.Context, opts Options) *Load {
	if opts.Callers <= 0 {
		opts.Callers = 8
	}
	if opts.Timeout <= 0 {
		opts.Timeout = time.Minute
	}
	if opts.StreamModel == "" {
		opts.StreamModel = opts.Model
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &Load{
		opts: opts, cancel: cancel, stop: make(chan struct{}), run: fmt.Sprintf("load-%08x", rand.Uint32()), //nolint:gosec // chance, no secret
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: opts.Callers, DisableCompression: true}},
		tally:  newTally(),
	}
	for _, url := range opts.Edges {
		e := &edge{url: url}
		l.edges = append(l.edges, e)
		l.polls.Go(func() { l.poll(ctx, e) })
	}
	for range opts.Callers {
		l.callers.Go(func() { l.caller(ctx) })
	}
	return l
}

// Stop waits for the calls that are under way, and reports on all.
func (l *Load) Stop() Report {
	close(l.stop)
	return l.Wait()
}

// Wait waits until all of Options.Calls are made, and reports on them. It takes the place of Stop.
func (l *Load) Wait() Report {
	l.callers.Wait()
	l.cancel()
	l.polls.Wait()
	l.client.CloseIdleConnections()
	return l.Report()
}

// Report is how things stand.
func (l *Load) Report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tally.report()
}

// poll asks an edge whether it takes calls, as a balancer does.
func (l *Load) poll(ctx context.Context, e *edge) {
	tick := clock.Real().NewTicker(pollEvery)
	defer tick.Stop()
	for {
		e.ready.Store(l.isReady(ctx, e))
		select {
		case <-tick.C():
		case <-ctx.Done():
			return
		}
	}
}

func (l *Load) isReady(ctx context.Context, e *edge) bool {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url+"/health/readiness", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close()) == nil && resp.StatusCode == http.StatusOK
}

// pick chooses a ready edge, each in its turn, and waits for one if there is none.
func (l *Load) pick(ctx context.Context) *edge {
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	for {
		first := l.turn.Add(1)
		for i := range uint64(len(l.edges)) {
			if e := l.edges[(first+i)%uint64(len(l.edges))]; e.ready.Load() {
				return e
			}
		}
		if clock.Sleep(ctx, clock.Real(), pollEvery/4) != nil {
			return nil
		}
	}
}

func (l *Load) caller(ctx context.Context) {
	for {
		select {
		case <-l.stop:
			return
		case <-ctx.Done():
			return
		default:
		}
		n := l.serial.Add(1)
		if l.opts.Calls > 0 && n > l.opts.Calls {
			return
		}
		c := l.call(ctx, n)
		if ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		l.tally.add(c)
		l.mu.Unlock()
		if l.opts.Heard != nil {
			l.opts.Heard(c)
		}
		if clock.Sleep(ctx, clock.Real(), l.opts.Pause) != nil {
			return
		}
	}
}

// call makes one call. No two ask the same, so that each needs a provider.
func (l *Load) call(ctx context.Context, n int64) Call {
	c := Call{RequestID: fmt.Sprintf("%s-%d", l.run, n), Streamed: rand.Float64() < l.opts.Streams} //nolint:gosec // chance, no secret
	model := l.opts.Model
	if c.Streamed {
		model = l.opts.StreamModel
	}
	body, err := json.Marshal(map[string]any{
		"model": model, "stream": c.Streamed, "messages": []any{map[string]string{"role": "user", "content": "question " + c.RequestID}},
	})
	if err != nil {
		c.Fault = err.Error()
		return c
	}
	for {
		e := l.pick(ctx)
		if e == nil {
			c.Fault = "no edge is ready"
			return c
		}
		err := l.ask(ctx, e, &c, body)
		var dial *net.OpError
		if !errors.As(err, &dial) || dial.Op != "dial" {
			return c
		}
		// A balancer does the same with what nobody has heard.
		e.ready.Store(false)
	}
}

// ask makes a call at an edge, and notes what comes of it. The error is of the connection.
func (l *Load) ask(ctx context.Context, e *edge, c *Call, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, l.opts.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		c.Fault = err.Error()
		return nil
	}
	// A client that repeats by itself would hide what is counted here.
	req.GetBody = nil
	req.Header.Set("Authorization", "Bearer "+l.opts.Key)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Request-Id", c.RequestID)
	began := clock.Real().Now()
	resp, err := l.client.Do(req) //nolint:bodyclose // read closes it
	if err != nil {
		c.Fault, c.Whole = faultOf(err), clock.Real().Now().Sub(began)
		return err
	}
	c.Fault = ""
	read(resp, c, began)
	return nil
}
