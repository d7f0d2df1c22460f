package mesh

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	connectv1 "connectrpc.com/connect"
	"connectrpc.com/grpchealth"

	"tollgate.dev/platform/clock"
)

const (
	watchProcedure = "/" + grpchealth.HealthV1ServiceName + "/Watch"
	// lookEvery is how often the process is looked at while somebody watches its health.
	lookEvery = 500 * time.Millisecond
	// maxWatches bounds the streams of those who watch: nobody proves anything for them.
	maxWatches = 256
	// statusServiceUnknown is what grpc.health.v1 tells watches alone; the library has no name
	// for it.
	statusServiceUnknown grpchealth.Status = 3
)

var (
	errTooManyWatches = errors.New("too many watch the health of this process")
	errStopping       = errors.New("the process is stopping")
)

// healthWatches serves grpc.health.v1's Watch: the status of a service at once, and then each
// change. Of a service that is not here it says so, and goes on. When the process drains, watches
// are told NOT_SERVING and end, so that they hold up nothing.
type healthWatches struct {
	h       *Handler
	places  chan struct{}
	handler http.Handler
}

func newHealthWatches(h *Handler) *healthWatches {
	w := &healthWatches{h: h, places: make(chan struct{}, maxWatches)}
	_, w.handler = grpchealth.NewHandler(w, connectv1.WithReadMaxBytes(maxQuestion))
	return w
}

// healthWatch is one stream.
type healthWatch struct {
	// look has the status looked at once more.
	look func()
	// told says that the stream has the last status that there will be. Its own goroutine alone
	// uses it.
	told bool
}

type healthWatchKey struct{}

func (w *healthWatches) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.handler.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), healthWatchKey{}, new(healthWatch))))
}

// Watch is grpchealth.Watcher's: it begins a stream.
func (w *healthWatches) Watch(ctx context.Context, _ *grpchealth.CheckRequest, onChange func()) (stop func(), err error) {
	watch, ok := ctx.Value(healthWatchKey{}).(*healthWatch)
	if !ok {
		return nil, connectv1.NewError(connectv1.CodeInternal, errors.New("no stream of a watch"))
	}
	select {
	case w.places <- struct{}{}:
	default:
		return nil, connectv1.NewError(connectv1.CodeResourceExhausted, errTooManyWatches)
	}
	watch.look = onChange
	over := make(chan struct{})
	var looks sync.WaitGroup
	looks.Go(func() {
		tick := clock.Real().NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-over:
				return
			case <-w.h.opts.Drained:
				onChange()
				<-over
				return
			case <-tick.C():
				onChange()
			}
		}
	})
	return func() {
		close(over)
		looks.Wait()
		<-w.places
	}, nil
}

// Check is grpchealth.Checker's: what a stream is told, if it has not been told already, or the
// error that ends it.
func (w *healthWatches) Check(ctx context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	watch, ok := ctx.Value(healthWatchKey{}).(*healthWatch)
	if !ok || watch.told {
		return nil, connectv1.NewError(connectv1.CodeUnavailable, errStopping)
	}
	if w.h.opts.Draining() {
		watch.told = true
		watch.look()
	}
	resp, err := checker{w.h}.Check(ctx, req)
	if connectv1.CodeOf(err) == connectv1.CodeNotFound {
		return &grpchealth.CheckResponse{Status: statusServiceUnknown}, nil
	}
	return resp, err
}
