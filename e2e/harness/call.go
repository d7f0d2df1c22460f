package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// NoKey is the key of a call that sends none.
const NoKey = "\x00none"

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// Call is what a request is made of.
type Call struct {
	// Key is presented as a bearer token: the master key when empty, nothing for NoKey.
	Key string
	// Body is sent as it is when it is a string or bytes, else as JSON.
	Body any
	// Header are further headers.
	Header http.Header
	// Context ends the call early; without one it ends with the test.
	Context context.Context //nolint:containedctx // an optional argument
}

// Answer is a whole answer.
type Answer struct {
	Status int
	Header http.Header
	// Trailer is what came after the body, such as a stream's cost.
	Trailer http.Header
	Body    []byte
}

// Error is the one error envelope.
type Error struct {
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Type    string            `json:"type"`
	Param   *string           `json:"param"`
	Details map[string]string `json:"details"`
}

// Open sends a request and returns the answer with its body still to be read and
// closed.
func (g *Gateway) Open(method, path string, call Call) (*http.Response, error) {
	g.tb.Helper()
	ctx := call.Context
	if ctx == nil {
		ctx = g.tb.Context()
		// A clean-up runs after the test's own context has ended.
		if ctx.Err() != nil {
			ctx = context.Background()
		}
	}
	var body io.Reader = http.NoBody
	switch b := call.Body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	case io.Reader:
		body = b
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, g.URL+path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range call.Header {
		req.Header[name] = values
	}
	if call.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	switch call.Key {
	case NoKey:
	case "":
		req.Header.Set("Authorization", "Bearer "+g.Master)
	default:
		req.Header.Set("Authorization", "Bearer "+call.Key)
	}
	return g.client.Do(req)
}

// Call sends a request and reads the whole answer. A fault of the transport fails
// the test.
func (g *Gateway) Call(method, path string, call Call) Answer {
	g.tb.Helper()
	answer, err := g.Try(method, path, call)
	if err != nil {
		g.tb.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// Try is Call for use beside the test's own goroutine: it returns the fault.
func (g *Gateway) Try(method, path string, call Call) (Answer, error) {
	g.tb.Helper()
	resp, err := g.Open(method, path, call)
	if err != nil {
		return Answer{}, err
	}
	body, err := readAll(resp)
	if err != nil {
		return Answer{}, fmt.Errorf("read the answer: %w", err)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Trailer: resp.Trailer, Body: body}, nil
}

func readAll(resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return body, errors.Join(err, resp.Body.Close())
}

// JSON decodes the body.
func (a Answer) JSON(tb testing.TB, into any) {
	tb.Helper()
	if err := json.Unmarshal(a.Body, into); err != nil {
		tb.Fatalf("the answer %d %s is not the JSON that was expected: %v", a.Status, a.Body, err)
	}
}

// Error decodes the error envelope.
func (a Answer) Error(tb testing.TB) Error {
	tb.Helper()
	var envelope struct {
		Error *Error `json:"error"`
	}
	a.JSON(tb, &envelope)
	if envelope.Error == nil {
		tb.Fatalf("the answer %d holds no error: %s", a.Status, a.Body)
	}
	return *envelope.Error
}

// MustBe fails the test unless the answer has the status, and, when a code is given,
// the error code.
func (a Answer) MustBe(tb testing.TB, status int, code ...string) Answer {
	tb.Helper()
	if a.Status != status {
		tb.Fatalf("the answer is %d, not %d: %s", a.Status, status, a.Body)
	}
	if len(code) > 0 {
		if e := a.Error(tb); e.Code != code[0] {
			tb.Fatalf("the error is %q, not %q: %s", e.Code, code[0], e.Message)
		}
	}
	return a
}

// Is returns an error unless the answer has the status, for use with [Eventually].
func (a Answer) Is(status int) error {
	if a.Status != status {
		return fmt.Errorf("the answer is %d, not %d: %s", a.Status, status, a.Body)
	}
	return nil
}

// RetryAfter is the header Retry-After in seconds; the test fails when there is no
// such whole number, or none above 0.
func (a Answer) RetryAfter(tb testing.TB) time.Duration {
	tb.Helper()
	seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		tb.Errorf("Retry-After is %q: want a whole number of seconds, 1 or more", a.Header.Get("Retry-After"))
	}
	return time.Duration(seconds) * time.Second
}

// Completion is a chat completion's answer, as far as the tests look at it.
type Completion struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Model   string `json:"model"`
	Choices []struct {
		Message struct {
			Content string `json:"content"`
		} `json:"message"`
		Delta struct {
			Content string `json:"content"`
		} `json:"delta"`
		FinishReason *string `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		Prompt     int64 `json:"prompt_tokens"`
		Completion int64 `json:"completion_tokens"`
		Total      int64 `json:"total_tokens"`
	} `json:"usage"`
}

// Chat is the body of a plain chat completion.
func Chat(model, prompt string) map[string]any {
	return map[string]any{"model": model, "messages": []any{map[string]any{"role": "user", "content": prompt}}}
}

// ChatStream is the body of a streamed chat completion.
func ChatStream(model, prompt string) map[string]any {
	body := Chat(model, prompt)
	body["stream"] = true
	return body
}

// With adds a member to a body, and returns the body.
func With(body map[string]any, name string, value any) map[string]any {
	body[name] = value
	return body
}

// Complete asks for a chat completion and reads its whole answer.
func (g *Gateway) Complete(key string, body map[string]any) Answer {
	g.tb.Helper()
	return g.Call(http.MethodPost, "/v1/chat/completions", Call{Key: key, Body: body})
}

// Stream is an answer in server-sent events, read one by one.
type Stream struct {
	Header http.Header

	resp   *http.Response
	reader *bufio.Reader
}

// OpenStream asks for a streamed chat completion. The test fails unless it begins.
func (g *Gateway) OpenStream(call Call) *Stream {
	g.tb.Helper()
	resp, err := g.Open(http.MethodPost, "/v1/chat/completions", call)
	if err != nil {
		g.tb.Fatalf("stream: %v", err)
	}
	g.tb.Cleanup(func() { _ = resp.Body.Close() }) // it may be closed already
	if resp.StatusCode != http.StatusOK {
		body, _ := readAll(resp) // what there is of it is all there is to show
		g.tb.Fatalf("the stream is answered by %d: %s", resp.StatusCode, body)
	}
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		g.tb.Errorf("a stream's Content-Type is %q", got)
	}
	return &Stream{Header: resp.Header, resp: resp, reader: bufio.NewReader(resp.Body)}
}

// Next returns the next event's data; io.EOF at the end of the body.
func (s *Stream) Next() (string, error) {
	var data []string
	for {
		line, err := s.reader.ReadString('\n')
		if err != nil {
			if errors.Is(err, io.EOF) && (line != "" || len(data) > 0) {
				return "", io.ErrUnexpectedEOF // the body ended within an event
			}
			return "", err
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			if len(data) > 0 {
				return strings.Join(data, "\n"), nil
			}
			continue
		}
		if d, ok := strings.CutPrefix(line, "data: "); ok {
			data = append(data, d)
		}
	}
}

// Rest returns the data of all events up to the end of the body.
func (s *Stream) Rest(tb testing.TB) []string {
	tb.Helper()
	var events []string
	for {
		event, err := s.Next()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			tb.Fatalf("after %d events: %v", len(events), err)
		}
		events = append(events, event)
	}
}

// Trailer is what came after the body; it is complete once the body has ended.
func (s *Stream) Trailer() http.Header { return s.resp.Trailer }

// HangUp closes the connection, as a caller does that has left.
func (s *Stream) HangUp() { _ = s.resp.Body.Close() } // nothing more is read
