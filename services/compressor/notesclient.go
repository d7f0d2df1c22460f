package compressor

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/compressor/loglimit"
)

// DefaultNotesTimeout is how long one exchange with [Notes] may take.
const DefaultNotesTimeout = 5 * time.Millisecond

// notesClient reads and writes notes in the time that a call has for it: notes that do not answer are
// left alone for a while, and writing is done beside the calls.
type notesClient struct {
	notes   Notes
	timeout time.Duration
	clock   clock.Clock
	logger  *slog.Logger
	lines   *loglimit.Limit

	running atomic.Bool // run takes from the queue
	queue   chan jotting

	mu     sync.Mutex
	failed int       // exchanges in a row
	quiet  time.Time // until when nothing is asked
}

// newNotesClient returns nil where there are no notes.
func newNotesClient(opts *Options) *notesClient {
	if opts.Notes == nil {
		return nil
	}
	return &notesClient{
		notes: opts.Notes, timeout: cmp.Or(opts.NotesTimeout, DefaultNotesTimeout), clock: opts.Clock, logger: opts.Logger,
		lines: loglimit.New(opts.Clock, sayAgain), queue: make(chan jotting, maxJottings),
	}
}

// read asks for notes. Where they do not answer in time nothing is known.
func (n *notesClient) read(ctx context.Context, tenant string, notes []Note) ([]string, bool) {
	bounded, cancel := n.bounded(ctx)
	defer cancel()
	texts, err := n.notes.Read(bounded, tenant, notes)
	n.told(ctx, err)
	return texts, err == nil && len(texts) == len(notes)
}

// bounded is ctx for the time of an exchange.
func (n *notesClient) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if n.timeout < 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, n.timeout)
}

// jotting is what is to be written.
type jotting struct {
	tenant string
	notes  []Note
}

// maxJottings is how many prompts' notes wait at most: some 10 KiB each at the most.
const maxJottings = 1024

var errJottings = errors.New("too much waits to be noted")

// write is done also where the caller has gone: what was decided may be sent again. Nobody waits
// for notes that may take time.
func (n *notesClient) write(ctx context.Context, tenant string, notes []Note) {
	if !n.awake() {
		return
	}
	if n.timeout < 0 || !n.running.Load() {
		_ = n.jot(context.WithoutCancel(ctx), jotting{tenant, notes}) // it has been told
		return
	}
	select {
	case n.queue <- jotting{strings.Clone(tenant), notes}: // a piece of the request would keep all of it
	default:
		n.told(ctx, errJottings)
	}
}

func (n *notesClient) jot(ctx context.Context, j jotting) error {
	bounded, cancel := n.bounded(ctx)
	defer cancel()
	err := n.notes.Write(bounded, j.tenant, j.notes)
	n.told(ctx, err)
	return err
}

// run writes what waits until ctx ends, and what still waits then, as long as notes answer.
func (n *notesClient) run(ctx context.Context) {
	n.running.Store(true)
	for {
		select {
		case j := <-n.queue:
			_ = n.jot(context.WithoutCancel(ctx), j) // it has been told, and what comes next may fare better
			continue
		case <-ctx.Done():
		}
		break
	}
	n.running.Store(false)
	for {
		select {
		case j := <-n.queue:
			if n.jot(context.WithoutCancel(ctx), j) != nil {
				return
			}
		default:
			return
		}
	}
}

const (
	// failures in a row are how many it takes until notes are left alone for a while, of
	// restTime.
	failures = 3
	restTime = time.Second
)

// awake tells whether notes are to be asked.
func (n *notesClient) awake() bool {
	now := n.clock.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failed < failures {
		return true
	}
	if now.Before(n.quiet) {
		return false
	}
	n.quiet = now.Add(restTime) // this one tries
	return true
}

// told takes in how an exchange went, and says so once in a while.
func (n *notesClient) told(ctx context.Context, err error) {
	if err == nil {
		n.mu.Lock()
		n.failed = 0
		n.mu.Unlock()
		return
	}
	if ctx.Err() != nil {
		return // the caller has gone, or the compression's time is over
	}
	now := n.clock.Now()
	n.mu.Lock()
	n.failed++
	n.quiet = now.Add(restTime)
	n.mu.Unlock()
	if n.lines.Allow() {
		n.logger.WarnContext(ctx, "how prompts began is not known; their documents may be paid in full again", "error", err)
	}
}
