package upstream

import (
	"bufio"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// conn is one HTTP/1.1 connection to a provider. It carries one exchange at a time.
type conn struct {
	net  net.Conn
	raw  syscall.RawConn // of the TCP connection, below TLS; nil when there is none
	pool *pool

	in     inbound
	reader *bufio.Reader
	head   []byte // reused for the request's header
	served int
	idle   time.Time // since when it waits in the pool
}

// inbound reads from a connection, up to a bound while a header is read.
type inbound struct {
	net       net.Conn
	remaining int64
}

var errHeaderSize = errors.New("the answer's header is too large")

func (in *inbound) Read(p []byte) (int, error) {
	if in.remaining <= 0 {
		return 0, errHeaderSize
	}
	if int64(len(p)) > in.remaining {
		p = p[:in.remaining]
	}
	n, err := in.net.Read(p)
	in.remaining -= int64(n)
	return n, err
}

func newConn(c, tcp net.Conn, p *pool) *conn {
	out := &conn{net: c, pool: p, in: inbound{net: c}}
	out.reader = bufio.NewReaderSize(&out.in, readBuffer)
	if sys, ok := tcp.(syscall.Conn); ok {
		// Without it, a connection that the provider has closed is found at its next use.
		out.raw, _ = sys.SyscallConn()
	}
	return out
}

const (
	readBuffer = 4 << 10
	// joinBelow is up to which size a body is copied behind its header, to go out in one
	// write; above it, the copy would cost more than the second piece.
	joinBelow = 8 << 10
	// maxKeptHead bounds the header's buffer that is kept, in bytes.
	maxKeptHead = 16 << 10
)

var errHeaderValue = errors.New("a header holds a line break")

// write sends a request whose header is encoded. all says that it left whole, none that
// nothing of it did.
func (c *conn) write(head []byte, req *Request) (all, none bool, err error) {
	joined := len(req.Body) <= joinBelow
	if joined {
		head = append(head, req.Body...)
	}
	if cap(head) <= maxKeptHead {
		c.head = head
	}
	if joined {
		n, err := c.net.Write(head)
		return n == len(head), n == 0, err
	}
	size := int64(len(head) + len(req.Body))
	// One system call on TCP; TLS makes records of each piece.
	pieces := net.Buffers{head, req.Body}
	n, err := pieces.WriteTo(c.net)
	return n == size, n == 0, err
}

// heldBack says that TLS has read a record with the last answer that is no part of it, or
// the connection's end: it hands out one at a time. A read that must not wait brings them
// out, without a system call. What the reader has itself kept the connection out of the pool.
func (c *conn) heldBack() bool {
	if !c.pool.tls {
		return false
	}
	if c.net.SetReadDeadline(longPast) != nil {
		return true
	}
	_, err := c.reader.Peek(1)
	timeout, ok := errors.AsType[net.Error](err)
	return !ok || !timeout.Timeout() || c.net.SetReadDeadline(time.Time{}) != nil
}

// appendHead appends the request line and the header (RFC 9112 §3 and §5).
func appendHead(dst []byte, req *Request) ([]byte, error) {
	dst = append(dst, "POST "...)
	dst = append(dst, req.URL.RequestURI()...)
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, req.URL.Host...)
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(req.Body)), 10)
	dst = append(dst, "\r\n"...)
	for name, values := range req.Header {
		for _, value := range values {
			if strings.ContainsAny(name, "\r\n: ") || strings.ContainsAny(value, "\r\n\x00") {
				return dst, errHeaderValue
			}
			dst = append(dst, name...)
			dst = append(dst, ": "...)
			dst = append(dst, value...)
			dst = append(dst, "\r\n"...)
		}
	}
	return append(dst, "\r\n"...), nil
}

var errProvisional = errors.New("too many provisional answers")

// readHeader reads an answer's header, past provisional ones (RFC 9110 §15.2). began
// says that something of an answer came.
func (c *conn) readHeader(request *http.Request) (resp *http.Response, began bool, err error) {
	c.in.remaining = maxHeader
	defer func() {
		began = began || c.in.remaining < maxHeader
		c.in.remaining = math.MaxInt64
	}()
	const most = 5
	for range most {
		if resp, err = http.ReadResponse(c.reader, request); err != nil {
			return nil, began, err
		}
		if resp.StatusCode >= http.StatusOK {
			return resp, true, nil
		}
		began = true
	}
	return nil, true, errProvisional
}

func (c *conn) close() {
	// Whatever it says, the connection is of no use any more.
	_ = c.net.Close()
}

// unexpected names the end of a connection before an answer.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
