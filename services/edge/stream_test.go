package edge_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/sse"
)

// events reads a stream by the rules of event streams, and joins its data by `|`.
func events(t *testing.T, stream string) string {
	t.Helper()
	var all []string
	for r := sse.NewReader(bytes.NewReader([]byte(stream)), sse.Options{}); ; {
		event, err := r.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(all, "|")
		}
		must(t, err)
		all = append(all, string(event.Data))
	}
}

// TestChunksOfSeveralLines has a provider whose events have several lines of data: every
// line reaches the caller, and the cache has what they say.
func TestChunksOfSeveralLines(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	chunks := []string{"{\n\"id\": \"1\", \"choices\": []}", "{\r\n\"choices\":\r[{\"index\": 0, \"delta\": {\n\"content\": \"Hi\"}, \"finish_reason\": \"stop\"}]}", "{}"}
	r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
		for i, chunk := range chunks {
			msg := &routerv1.StreamCompleteResponse{Chunks: [][]byte{[]byte(chunk)}}
			if i == 0 {
				msg.Served = servedByM()
			}
			if err := send(msg); err != nil {
				return err
			}
		}
		return send(&routerv1.StreamCompleteResponse{Usage: answerUsage(), End: &routerv1.StreamEnd{}})
	}
	want := strings.ReplaceAll(strings.ReplaceAll(strings.Join(append(chunks, "[DONE]"), "|"), "\r\n", "\n"), "\r", "\n")
	if a := r.complete(chat("Hi", streamed)); events(t, a.body) != want || a.header.Get("X-Cache") != "miss" {
		t.Errorf("%s: the caller read %q, want %q", a.header.Get("X-Cache"), events(t, a.body), want)
	}
	if a := r.complete(chat("Hi", streamed)); said(t, a.body) != "Hi" || a.header.Get("X-Cache") != "hit" {
		t.Errorf("%s: the caller read %q", a.header.Get("X-Cache"), a.body)
	}
}

// TestBrokenStreams says what a stream that breaks looks like, and that what it brought
// is charged and not kept.
func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	broken := errs.New(errs.ProviderError, "the provider broke off")
	const none = -1
	for name, tc := range map[string]struct {
		stream func(send func(*routerv1.StreamCompleteResponse) error) error
		status int
		want   string // of the events, or the error's reason where no stream began
		cost   int64  // more than nothing, nothing, or no entry
	}{
		"before its first chunk": {func(func(*routerv1.StreamCompleteResponse) error) error { return broken }, 502, "provider_error", none},
		"before a provider is asked": {func(send func(*routerv1.StreamCompleteResponse) error) error {
			return send(&routerv1.StreamCompleteResponse{End: &routerv1.StreamEnd{Error: broken.Info(), ErrorMessage: broken.Message}})
		}, 502, "provider_error", none},
		"at its first message": {func(send func(*routerv1.StreamCompleteResponse) error) error {
			return send(&routerv1.StreamCompleteResponse{Served: servedByM(), End: &routerv1.StreamEnd{Error: broken.Info(), ErrorMessage: broken.Message}})
		}, 502, "provider_error", 0},
		"in the middle": {func(send func(*routerv1.StreamCompleteResponse) error) error {
			if err := send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{delta("Hello")}}); err != nil {
				return err
			}
			return send(&routerv1.StreamCompleteResponse{End: &routerv1.StreamEnd{Error: broken.Info(), ErrorMessage: broken.Message}})
		}, 200, string(delta("Hello")) + `|{"error":{"code":"provider_error"`, 1},
		"without an end": {func(send func(*routerv1.StreamCompleteResponse) error) error {
			return send(&routerv1.StreamCompleteResponse{Served: servedByM(), Chunks: [][]byte{delta("Hello")}})
		}, 200, string(delta("Hello")) + `|{"error":{"code":"service_unavailable"`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.router.stream = func(_ context.Context, _ *routerv1.Call, send func(*routerv1.StreamCompleteResponse) error) error {
				return tc.stream(send)
			}
			a := r.complete(chat("Hi", streamed))
			if a.status != tc.status {
				t.Fatalf("%d %s", a.status, a.body)
			}
			if tc.status == http.StatusOK {
				if got := events(t, a.body); !strings.HasPrefix(got, tc.want) || strings.Contains(got, "[DONE]") {
					t.Errorf("the caller read %q", got)
				}
			} else if a.reason() != tc.want {
				t.Errorf("%d %s", a.status, a.body)
			}
			if tc.cost == none {
				r.router.stream = newRouter().stream
				r.complete(chat("there", streamed)) // stands in the ledger behind all before it
				if rec := r.ledger(1)[0]; rec.GetError() != "" {
					t.Errorf("the ledger has %v", rec)
				}
				return
			}
			rec := r.ledger(1)[0]
			if (rec.GetCostNanos() > 0) != (tc.cost > 0) || rec.GetError() == "" || r.cache.kept() > 0 {
				t.Errorf("the ledger has %v, and %d answers are kept", rec, r.cache.kept())
			}
		})
	}
}
