package rpc_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect/v2"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/rpc"
)

type streamFunc func(ctx context.Context, model string, send func(*routerv1.StreamCompleteResponse) error) error

// streamHandler answers with what a test says.
type streamHandler struct {
	routerv1connect.UnimplementedRouterServiceHandler
	stream streamFunc
}

func (h streamHandler) StreamComplete(ctx context.Context, req *routerv1.StreamCompleteRequest, s routerv1connect.RouterServiceStreamCompleteServerStream) error {
	return h.stream(ctx, req.GetCall().GetModel(), s.Send)
}

// streaming returns a client in process, and one over a network, of the same handler.
func streaming(t testing.TB, f streamFunc) map[string]routerv1connect.RouterServiceClient {
	t.Helper()
	server := rpc.NewServer()
	routerv1connect.RegisterRouterServiceHandler(server, streamHandler{stream: f})
	mux := http.NewServeMux()
	rpc.Mount(mux, server)
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	return map[string]routerv1connect.RouterServiceClient{
		"in process": routerv1connect.NewRouterServiceClient(rpc.InProcess(server)),
		"remote":     routerv1connect.NewRouterServiceClient(rpc.Remote(web.Client(), web.URL)),
	}
}

func message(text string) *routerv1.StreamCompleteResponse {
	return &routerv1.StreamCompleteResponse{Chunks: [][]byte{[]byte(text)}}
}

func request(model string) *routerv1.StreamCompleteRequest {
	return &routerv1.StreamCompleteRequest{Call: &routerv1.Call{Model: model}}
}

// A stream, too, is the same to its consumer in process and over a network.
func TestStreamsAgree(t *testing.T) {
	clients := streaming(t, func(_ context.Context, model string, send func(*routerv1.StreamCompleteResponse) error) error {
		switch model {
		case "refused":
			return errs.New(errs.BudgetExceeded, "spent").WithDetail("budget", "b")
		case "panic":
			panic("on purpose")
		}
		for _, text := range []string{"a", "b", model} {
			if err := send(message(text)); err != nil {
				return err
			}
		}
		if model == "broken" {
			return errs.New(errs.ProviderError, "broke off")
		}
		return nil
	})
	for name, client := range clients {
		for model, want := range map[string]struct {
			messages int
			reason   errs.Reason // empty for a proper end
		}{
			"c":       {messages: 3},
			"broken":  {messages: 3, reason: errs.ProviderError},
			"refused": {reason: errs.BudgetExceeded},
			"panic":   {reason: errs.Internal},
		} {
			if name == "remote" && model == "panic" {
				continue // net/http ends the connection
			}
			t.Run(name+"/"+model, func(t *testing.T) {
				stream, err := client.StreamComplete(t.Context(), request(model))
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for err == nil {
					var msg *routerv1.StreamCompleteResponse
					if msg, err = stream.Receive(); err == nil {
						got = append(got, string(msg.GetChunks()[0]))
					}
				}
				if len(got) != want.messages || len(got) > 0 && got[2] != model {
					t.Errorf("got %q", got)
				}
				if want.reason == "" && !errors.Is(err, io.EOF) || want.reason != "" && !errs.Is(err, want.reason) {
					t.Errorf("ended with %v, want %q", err, want.reason)
				}
				if _, again := stream.Receive(); again == nil {
					t.Error("something follows the end")
				}
				if err := stream.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// However a caller leaves, its handler ends, and Close waits for it.
func TestLeavingEndsTheHandler(t *testing.T) {
	for name, leave := range map[string]func(cancel context.CancelFunc, stream routerv1connect.RouterServiceStreamCompleteClientStream){
		"by closing": func(_ context.CancelFunc, stream routerv1connect.RouterServiceStreamCompleteClientStream) {
			_ = stream.Close()
		},
		"by cancelling": func(cancel context.CancelFunc, _ routerv1connect.RouterServiceStreamCompleteClientStream) { cancel() },
	} {
		for _, received := range []int{1, 2} {
			t.Run(name, func(t *testing.T) {
				ended := make(chan error, 1)
				client := streaming(t, func(ctx context.Context, _ string, send func(*routerv1.StreamCompleteResponse) error) error {
					err := errors.Join(send(message("a")), send(message("b")), send(message("c")))
					if ctx.Err() == nil {
						err = errors.New("the context goes on")
					}
					ended <- err
					return err
				})["in process"]
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				stream, err := client.StreamComplete(ctx, request("m"))
				for i := 0; i < received && err == nil; i++ {
					_, err = stream.Receive()
				}
				if err != nil {
					t.Fatal(err)
				}
				leave(cancel, stream)
				if err := <-ended; !errors.Is(err, context.Canceled) {
					t.Errorf("the handler ended with %v", err)
				}
				if _, err := stream.Receive(); err == nil || errors.Is(err, io.EOF) {
					t.Errorf("a stream that was left ends with %v", err)
				}
			})
		}
	}
}

// Close may come while Receive waits for a handler that waits for its context.
// A caller whose context ends while it waits is told what became of its call, where the
// handler has something to say.
func TestTheLastWordIsHeard(t *testing.T) {
	begun := make(chan struct{})
	client := streaming(t, func(ctx context.Context, _ string, send func(*routerv1.StreamCompleteResponse) error) error {
		close(begun)
		<-ctx.Done()
		return send(message("last"))
	})["in process"]
	ctx, leave := context.WithCancel(t.Context())
	stream, err := client.StreamComplete(ctx, request("m"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-begun
		leave()
	}()
	msg, err := stream.Receive()
	if err != nil || string(msg.GetChunks()[0]) != "last" {
		t.Errorf("got %v, %v", msg, err)
	}
	if _, err := stream.Receive(); err == nil {
		t.Error("the stream goes on after its caller has left")
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseDuringReceive(t *testing.T) {
	waits := make(chan struct{})
	client := streaming(t, func(ctx context.Context, _ string, _ func(*routerv1.StreamCompleteResponse) error) error {
		close(waits)
		<-ctx.Done()
		return ctx.Err()
	})["in process"]
	stream, err := client.StreamComplete(t.Context(), request("m"))
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan error, 1)
	go func() {
		_, err := stream.Receive()
		received <- err
	}()
	<-waits
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	if err := <-received; !errs.Is(err, errs.ClientClosed) {
		t.Errorf("got %v", err)
	}
}

// What a handler says beside its messages reaches the caller.
func TestStreamHeaders(t *testing.T) {
	client := streaming(t, func(ctx context.Context, _ string, send func(*routerv1.StreamCompleteResponse) error) error {
		info, _ := connect.CallInfoForServerContext(ctx)
		info.ResponseTrailer().Set("X-Seen", info.RequestHeader().Get("X-Sent"))
		return send(message("a"))
	})["in process"]
	ctx, info := connect.NewClientContext(t.Context())
	info.RequestHeader().Set("X-Sent", "yes")
	stream, err := client.StreamComplete(ctx, request("m"))
	for err == nil {
		_, err = stream.Receive()
	}
	if !errors.Is(err, io.EOF) || info.ResponseTrailer().Get("X-Seen") != "yes" {
		t.Errorf("ended with %v, trailer %q", err, info.ResponseTrailer().Get("X-Seen"))
	}
}

func BenchmarkInProcessStream(b *testing.B) {
	const messages = 20
	client := streaming(b, func(_ context.Context, _ string, send func(*routerv1.StreamCompleteResponse) error) error {
		msg := message("a")
		for range messages {
			if err := send(msg); err != nil {
				return err
			}
		}
		return nil
	})["in process"]
	b.ReportAllocs()
	for b.Loop() {
		stream, err := client.StreamComplete(b.Context(), request("m"))
		for err == nil {
			_, err = stream.Receive()
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
}
