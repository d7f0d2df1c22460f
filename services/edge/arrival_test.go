package edge_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tollgate.dev/gen/tollgate/budget/v1/budgetv1connect"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/rpc"
	"tollgate.dev/services/edge"
)

// dial opens a connection to the rig and sends text on it.
func (r *rig) dial(t *testing.T, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.url, "http://"))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, text)
	must(t, err)
	return conn, bufio.NewReader(conn)
}

// TestLongHeaders has headers that are too long, on routes of every kind: the refusal is the
// envelope, with the request's id, and comes before the key is looked at.
func TestLongHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	long := strings.Repeat("x", edge.MaxHeaderBytes)
	for name, c := range map[string]struct {
		path   string
		header map[string]string
		status int
	}{
		"a route":                      {"/v1/models", map[string]string{"X-Long": long, "X-Request-Id": "req-long"}, 413},
		"no route":                     {"/v1/nothing", map[string]string{"X-Long": long, "X-Request-Id": "req-long"}, 413},
		"a path":                       {"/v1/models/" + long, map[string]string{"X-Request-Id": "req-long"}, 413},
		"long, and not too long":       {"/v1/models", map[string]string{"X-Long": long[:len(long)-1000], "X-Request-Id": "req-long"}, 200},
		"many, together":               {"/v1/models", map[string]string{"X-A": long[:40_000], "X-B": long[:40_000], "X-Request-Id": "req-long"}, 413},
		"the name of no known request": {"/v1/models", map[string]string{"X-Long": long}, 413},
	} {
		a := r.do(http.MethodGet, c.path, call{key: acmeKey, header: c.header})
		if a.status != c.status || c.status == 413 && a.reason() != "request_too_large" {
			t.Errorf("%s: %d %.200s", name, a.status, a.body)
		}
		if got := a.header.Get("X-Request-Id"); got == "" || c.header["X-Request-Id"] != "" && got != "req-long" {
			t.Errorf("%s: the answer's request is %q", name, got)
		}
	}
}

// TestUnsentBodiesHoldNothing announces bodies that never come, on routes of every kind:
// each is answered, and its connection is closed.
func TestUnsentBodiesHoldNothing(t *testing.T) {
	t.Parallel()
	server := rpc.NewServer()
	budgetv1connect.RegisterBudgetServiceHandler(server, newBudget())
	r := newRig(t, func(s *setup) { s.options.BodyTimeout, s.real, s.procedures = 50*time.Millisecond, true, server })
	const spend = "/tollgate.budget.v1.BudgetService/GetSpend"
	for name, tc := range map[string]struct {
		request, key string
		status       int
	}{
		"an unknown key":     {"POST " + chatPath, "sk-unknown-0123456789abcdef", 401},
		"no key":             {"POST " + chatPath, "", 401},
		"a tenant's key":     {"POST " + chatPath, acmeKey, 400},
		"a management route": {"POST /key/generate", masterKey, 400},
		"an unknown route":   {"POST /v1/nothing", acmeKey, 404},
		"an untidy path":     {"POST /v1//models", acmeKey, 404},
		"another method":     {"PUT /v1/models", acmeKey, 405},
		"a route without":    {"GET /v1/models", acmeKey, 200},
		"the probe":          {"GET /health/liveness", "", 200},
		"the metrics":        {"GET /metrics", "", 200},
		"RPC, no key":        {"POST " + spend, "", 200}, // gRPC-Web's refusals are in its trailers
		"RPC":                {"POST " + spend, masterKey, 200},
	} {
		for framing, header := range map[string]string{
			"by length": "Content-Length: 1000\r\n\r\n", "by length, in part": "Content-Length: 1000\r\n\r\n{",
			"in chunks": "Transfer-Encoding: chunked\r\n\r\n", "in chunks, in part": "Transfer-Encoding: chunked\r\n\r\n5\r\n{",
		} {
			t.Run(name+" "+framing, func(t *testing.T) {
				t.Parallel()
				authorization := ""
				if tc.key != "" {
					authorization = "Authorization: Bearer " + tc.key + "\r\n"
				}
				_, answers := r.dial(t, tc.request+" HTTP/1.1\r\nHost: tollgate\r\nContent-Type: application/grpc-web+json\r\n"+authorization+header)
				resp, err := http.ReadResponse(answers, nil)
				if err != nil {
					t.Fatalf("no answer: %v", err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					t.Error(err)
				}
				if resp.StatusCode != tc.status {
					t.Errorf("%d, want %d", resp.StatusCode, tc.status)
				}
				if _, err := answers.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the connection is still open: %v", err)
				}
			})
		}
	}
}

// TestRefusedBodiesKeepTheirConnection refuses a request whose body has come, and answers
// the next one on the same connection.
func TestRefusedBodiesKeepTheirConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	request := func(key string) string {
		body := chat("Hi")
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: tollgate\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", chatPath, key, len(body), body)
	}
	_, answers := r.dial(t, request("sk-unknown-0123456789abcdef")+request(acmeKey))
	for _, want := range []int{401, 200} {
		resp, err := http.ReadResponse(answers, nil)
		must(t, err)
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != want {
			t.Errorf("%d, %v, want %d", resp.StatusCode, err, want)
		}
	}
}

// TestBodyTimeEndsWithTheBody has an answer that takes longer than a body may.
func TestBodyTimeEndsWithTheBody(t *testing.T) {
	t.Parallel()
	const patience = 200 * time.Millisecond
	r := newRig(t, func(s *setup) { s.options.BodyTimeout, s.real = patience, true })
	r.router.whole = func(ctx context.Context, _ *routerv1.Call) (*routerv1.CompleteResponse, error) {
		timer := time.NewTimer(2 * patience)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
			return &routerv1.CompleteResponse{Body: []byte(answerBody), Usage: answerUsage(), Served: servedByM()}, nil
		}
	}
	for range 2 {
		if a := r.complete(chat("Hi", `"cache":{"no-cache":true}`)); a.status != http.StatusOK {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}
