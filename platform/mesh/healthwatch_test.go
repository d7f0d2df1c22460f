package mesh_test

import (
	"context"
	"errors"
	"testing"

	connectv1 "connectrpc.com/connect"
	"connectrpc.com/grpchealth"

	"tollgate.dev/gen/tollgate/router/v1/routerv1connect"
)

// unknownService is SERVICE_UNKNOWN, for which the library has no name.
const unknownService grpchealth.Status = 3

// next is a watch's next status, or its end.
func next(t *testing.T, events <-chan grpchealth.WatchEvent) (grpchealth.Status, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case event, ok := <-events:
		switch {
		case !ok:
			return 0, errors.New("the stream ended without an error")
		case event.Err != nil:
			return 0, event.Err
		}
		return event.Response.Status, nil
	case <-ctx.Done():
		t.Fatal("the watch is told nothing")
		return 0, nil
	}
}

func tells(t *testing.T, events <-chan grpchealth.WatchEvent, want grpchealth.Status) {
	t.Helper()
	if got, err := next(t, events); err != nil || got != want {
		t.Fatalf("the watch is told %v, %v; want %v", got, err, want)
	}
}

// TestHealthWatch follows a process's health from its start to its end, without credentials: what
// is so is told at once, each change once, and the drain before the end of the stream.
func TestHealthWatch(t *testing.T) {
	for name, options := range map[string][]connectv1.ClientOption{"gRPC": {connectv1.WithGRPC()}, "Connect": nil} {
		t.Run(name, func(t *testing.T) {
			r := newReplica(t, with(tokens("right", "")))
			client := grpchealth.NewClient(h2c(t, ""), r.url(), options...)
			watch := func(service string) <-chan grpchealth.WatchEvent {
				return client.Watch(t.Context(), &grpchealth.CheckRequest{Service: service})
			}
			process, service, other := watch(""), watch(routerv1connect.RouterServiceName), watch("tollgate.none")
			tells(t, process, grpchealth.StatusServing)
			tells(t, service, grpchealth.StatusServing)
			tells(t, other, unknownService)

			r.down.Store(reason{errors.New("no database")})
			tells(t, process, grpchealth.StatusNotServing)
			tells(t, service, grpchealth.StatusNotServing)
			tells(t, watch(""), grpchealth.StatusNotServing)

			r.down.Store(reason{})
			tells(t, process, grpchealth.StatusServing)
			tells(t, service, grpchealth.StatusServing)

			r.draining.Store(true)
			close(r.drained)
			tells(t, process, grpchealth.StatusNotServing)
			tells(t, service, grpchealth.StatusNotServing)
			late := watch("")
			tells(t, late, grpchealth.StatusNotServing)
			for what, events := range map[string]<-chan grpchealth.WatchEvent{"process": process, "service": service, "unknown": other, "late": late} {
				if got, err := next(t, events); connectv1.CodeOf(err) != connectv1.CodeUnavailable {
					t.Errorf("%s: the watch is told %v, %v; want its end", what, got, err)
				}
			}
			// Nothing holds up the process's end.
			must(t, r.http.Shutdown(t.Context()))
		})
	}
}

// TestHealthWatchesAreBounded opens as many as there may be. One that ends makes room.
func TestHealthWatchesAreBounded(t *testing.T) {
	const most = 256
	r := newReplica(t)
	client := grpchealth.NewClient(h2c(t, ""), r.url(), connectv1.WithGRPC())
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for range most {
		tells(t, client.Watch(ctx, &grpchealth.CheckRequest{}), grpchealth.StatusServing)
	}
	if got, err := next(t, client.Watch(t.Context(), &grpchealth.CheckRequest{})); connectv1.CodeOf(err) != connectv1.CodeResourceExhausted {
		t.Errorf("one more is told %v, %v", got, err)
	}
	leave()
	eventually(t, "there is room again", func() bool {
		got, err := next(t, client.Watch(t.Context(), &grpchealth.CheckRequest{}))
		return err == nil && got == grpchealth.StatusServing
	})
}
