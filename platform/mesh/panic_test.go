package mesh_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/reflect/protoreflect"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/rpc"
)

// unencodable is a message whose encoding panics.
type unencodable struct{ *cachev1.LookupResponse }

func (unencodable) ProtoReflect() protoreflect.Message { panic("encoding panics") }

// sends sends another message in place of each.
type sends struct {
	connect.ServerStream

	msg any
}

func (s sends) Send(any) error { return s.ServerStream.Send(s.msg) }

// What fails in an answer's encoding, where no interceptor is, is reported like any fault of a
// handler, and its call is answered: nobody asks again.
func TestFaultsOfAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		msg  any
		says string
	}{
		"a panic":               {unencodable{}, "panic: a value of type string"},
		"no message":            {"text", "string is no message"},
		"one that is too large": {&cachev1.LookupResponse{Entry: &cachev1.Entry{Body: make([]byte, rpc.MaxMessageBytes)}}, "is larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			faults := obs.NewFaults(slog.New(slog.NewTextHandler(&log, nil)), clock.Real())
			r := newReplica(t, func(r *replica) {
				r.options.Faults = faults
				r.interceptors = append(r.interceptors, rpc.ReportFaults(faults), func(next connect.ServerFunc) connect.ServerFunc {
					return func(ctx context.Context, spec connect.Spec, s connect.ServerStream) error {
						return next(ctx, spec, sends{s, tc.msg})
					}
				})
			})
			p := running(t, mesh.PeerOptions{}, r)
			err := p.look(t.Context()) // which may be repeated
			if err == nil || errs.Is(err, errs.ServiceUnavailable) || errs.NotSent(err) || r.calls.Load() != 1 {
				t.Errorf("after %d calls: %v", r.calls.Load(), errs.Chain(err))
			}
			r.kill() // whatever it logs is written
			if line := log.String(); strings.Count(line, "internal fault") != 1 || !strings.Contains(line, tc.says) || !strings.Contains(line, "CacheService/Lookup") {
				t.Errorf("the log has %q", line)
			}
		})
	}
}

// A call that broke off in its handler would do so elsewhere.
func TestWhatBreaksOffIsNotRepeated(t *testing.T) {
	var calls atomic.Int64
	r := newReplica(t, func(r *replica) {
		r.interceptors = append(r.interceptors, func(connect.ServerFunc) connect.ServerFunc {
			return func(context.Context, connect.Spec, connect.ServerStream) error {
				calls.Add(1)
				panic("breaks off")
			}
		})
	})
	p := running(t, mesh.PeerOptions{}, r)
	if err := p.look(t.Context()); !errs.Is(err, errs.ServiceUnavailable) || errs.NotSent(err) || calls.Load() != 1 {
		t.Errorf("after %d calls: %v", calls.Load(), errs.Chain(err))
	}
}
