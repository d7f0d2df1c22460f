package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// exchange is one request and its answer on a connection. All of it happens on the
// caller's goroutine: the write, the read of the header, and later that of the body.
// net/http's transport has two goroutines a connection and hands each piece over.
type exchange struct {
	conn *conn
	resp *http.Response
	// unwatch ends the watch on the context, which bounds the body as well. It reports
	// false when the context ended first.
	unwatch func() bool
	// end is what ended the body: io.EOF for its proper end.
	end  error
	once sync.Once
}

// longPast, as a deadline, ends every read and write at once.
var longPast = time.Unix(1, 0)

// post makes an exchange on a connection. stale says that a connection that had served
// before took nothing of the request: the provider had closed it. Of a request that left,
// nobody knows whether the provider works on it, however soon the connection dies. An error
// of a request that did not leave whole is marked: nobody works on the half of a JSON
// document.
func (c *conn) post(ctx context.Context, req *Request) (_ *exchange, stale bool, err error) {
	head, err := appendHead(c.head[:0], req)
	if err != nil {
		c.close()
		return nil, false, MarkUnsent(err)
	}
	x := &exchange{conn: c}
	x.unwatch = context.AfterFunc(ctx, func() {
		// It ends what the connection waits for; whoever waits gives the connection up.
		_ = c.net.SetDeadline(longPast)
	})
	whole, none, written := c.write(head, req)
	// Also after a failed write: a provider that refuses a large body answers and closes.
	resp, began, err := c.readHeader(c.pool.client.request) //nolint:bodyclose // the exchange closes it
	if err != nil {
		x.unwatch()
		c.close()
		if written != nil {
			err = written
		}
		stale = c.served > 0 && none && !began && ctx.Err() == nil
		if err = unexpected(err); !whole {
			err = MarkUnsent(err)
		}
		return nil, stale, err
	}
	c.served++
	x.resp = resp
	if written != nil || resp.Close {
		c.served = -1 // not again
	}
	return x, false, nil
}

// Read reads the answer's body.
func (x *exchange) Read(p []byte) (int, error) {
	if x.end != nil {
		return 0, x.end
	}
	n, err := x.resp.Body.Read(p)
	if err != nil {
		x.end = err
		x.release()
	}
	return n, err
}

// Close ends the exchange. Before the body's end it gives the connection up, which tells
// the provider to stop.
func (x *exchange) Close() error {
	if x.end == nil && x.resp.ContentLength == 0 {
		x.end = io.EOF
	}
	x.release()
	return nil
}

// Finish lets go of a body of which all that matters has been read. What is left of it is
// read in the background, within lingerTime and lingerBytes, so that the connection can
// serve the next call: the end of a stream's body comes a moment after its last event.
func (x *exchange) Finish() {
	if x.end != nil || !x.unwatch() {
		x.release()
		return
	}
	// The context's end means nothing any more.
	client := x.conn.pool.client
	timer := client.opts.Clock.AfterFunc(lingerTime, func() { _ = x.conn.net.SetDeadline(longPast) })
	x.unwatch = timer.Stop
	client.background(func() {
		// Whatever comes, the call is served.
		_, _ = io.CopyN(io.Discard, x, lingerBytes)
		x.release()
	})
}

const (
	lingerTime  = 100 * time.Millisecond
	lingerBytes = 4 << 10
)

// release gives the connection back after a whole answer, and up otherwise.
func (x *exchange) release() {
	x.once.Do(func() {
		c := x.conn
		if x.unwatch() && errors.Is(x.end, io.EOF) && c.served > 0 && c.reader.Buffered() == 0 {
			c.pool.put(c)
			return
		}
		c.close()
	})
}
