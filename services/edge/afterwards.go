package edge

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
)

// Bounds of what runs after answers at one time: how many pieces, and how many bytes of
// answers they keep in memory. Beyond them, callers wait for their own.
const (
	maxAfterwards = 256
	maxAfterBytes = 64 << 20
)

// afterwards is the work that follows an answer and that its caller does not wait for:
// keeping the answer for others, and comparing it. Each piece bounds its own time.
type afterwards struct {
	mu sync.Mutex
	// running has a channel for each piece, which is closed at its end, and the bytes that
	// the piece keeps; bytes is their sum.
	running map[chan struct{}]int64
	bytes   int64
}

// afterwards does work on the side that keeps so many bytes of answers. It is a handler's
// last step: where too much is being done already, it does the work itself, with the answer
// flushed.
func (c *completion) afterwards(ctx context.Context, bytes int64, work func(ctx context.Context)) {
	if !c.aside(ctx, bytes, work) {
		_ = c.control.Flush() // a caller that is gone cannot be told
		work(context.WithoutCancel(ctx))
	}
}

// aside does work on the side, if there is room for it. It reports false, and does nothing, where
// too much is being done already.
func (c *completion) aside(ctx context.Context, bytes int64, work func(ctx context.Context)) bool {
	// The caller has its answer; what follows must not end with the caller's connection.
	ctx = context.WithoutCancel(ctx)
	e, route := c.e, c.route
	done := make(chan struct{})
	if !e.after.begin(done, bytes) {
		return false
	}
	go func() {
		defer e.after.end(done)
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // a value of panic
				_ = e.Faults.Panic(ctx, route, v) // it is logged, and there is nobody to be told
			}
		}()
		work(ctx)
	}()
	return true
}

// begin takes a piece in. One that is too large by itself runs when nothing else does.
func (a *afterwards) begin(done chan struct{}, bytes int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.running) >= maxAfterwards || a.bytes > 0 && a.bytes+bytes > maxAfterBytes {
		return false
	}
	if a.running == nil {
		a.running = make(map[chan struct{}]int64)
	}
	a.running[done] = bytes
	a.bytes += bytes
	return true
}

func (a *afterwards) end(done chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bytes -= a.running[done]
	delete(a.running, done)
	close(done)
}

// wait returns when what runs now has ended, or ctx has.
func (a *afterwards) wait(ctx context.Context) error {
	a.mu.Lock()
	running := slices.Collect(maps.Keys(a.running))
	a.mu.Unlock()
	for _, done := range running {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Close waits for what answers have left to do. It comes after the last call.
func (e *Edge) Close(ctx context.Context) error { return e.after.wait(ctx) }
