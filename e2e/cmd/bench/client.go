package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// answerTimeout bounds one call.
const answerTimeout = 30 * time.Second

// client is one keep-alive HTTP/1.1 connection. It writes a request in one piece and
// reads the answer in the same goroutine, so that the generator costs little and its
// times are those of the wire.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	req  request
	// cache is what the X-Cache header has to say, empty for anything.
	cache string
	body  []byte
	post  *http.Request // tells http.ReadResponse the method
}

// timing is how long one call took, from its first byte out.
type timing struct {
	// first is until the first byte of the answer's body, whole until its last.
	first, whole time.Duration
}

func dial(ctx context.Context, addr string, req request, cache string) (*client, error) {
	conn, err := (&net.Dialer{Timeout: answerTimeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return &client{
		conn: conn, in: bufio.NewReaderSize(conn, 16<<10), req: req.clone(), cache: cache,
		body: make([]byte, 32<<10), post: &http.Request{Method: http.MethodPost},
	}, nil
}

func (c *client) close() { _ = c.conn.Close() } // nothing is left to lose

// call sends the request as the n-th and checks its answer.
func (c *client) call(n uint64) (timing, error) {
	c.req.stamp(n)
	start := time.Now()
	if err := c.conn.SetDeadline(start.Add(answerTimeout)); err != nil {
		return timing{}, fmt.Errorf("deadline: %w", err)
	}
	if _, err := c.conn.Write(c.req.bytes); err != nil {
		return timing{}, fmt.Errorf("write: %w", err)
	}
	resp, err := http.ReadResponse(c.in, c.post)
	if err != nil {
		return timing{}, fmt.Errorf("read the answer's head: %w", err)
	}
	t, body, err := c.read(resp, start)
	if err != nil {
		return timing{}, err
	}
	return t, c.check(resp, body)
}

func (c *client) read(resp *http.Response, start time.Time) (t timing, body []byte, err error) {
	size := 0
	for {
		if size == len(c.body) {
			c.body = append(c.body, make([]byte, len(c.body))...)
		}
		n, err := resp.Body.Read(c.body[size:])
		if n > 0 && size == 0 {
			t.first = time.Since(start)
		}
		size += n
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return t, nil, fmt.Errorf("read the answer: %w", err)
		}
	}
	t.whole = time.Since(start)
	return t, c.body[:size], resp.Body.Close()
}

// check tells what is wrong with an answer: fast failures must not count as speed.
func (c *client) check(resp *http.Response, body []byte) error {
	cache := resp.Header.Get("X-Cache")
	switch {
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("status %s: %.300s", resp.Status, body)
	case resp.Close:
		return errors.New("the server closes the connection after its answer")
	case c.cache != "" && cache != c.cache:
		return fmt.Errorf("X-Cache is %q, want %q", cache, c.cache)
	case c.req.stream:
		if !bytes.HasSuffix(bytes.TrimRight(body, "\r\n"), []byte("data: [DONE]")) {
			return fmt.Errorf("the stream of %d bytes has no [DONE] at its end", len(body))
		}
		if n := bytes.Count(body, []byte("data: {")); n < streamChunks {
			return fmt.Errorf("the stream has %d events, want at least %d", n, streamChunks)
		}
	case !bytes.Contains(body, []byte(`"finish_reason":"stop"`)):
		return fmt.Errorf("the answer of %d bytes does not end by stop", len(body))
	case len(body) < answerBytes:
		return fmt.Errorf("the answer has %d bytes, want at least %d", len(body), answerBytes)
	}
	return nil
}
