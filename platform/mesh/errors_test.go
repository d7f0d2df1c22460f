package mesh_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/mesh"
)

// Each reason that there is comes over the network with all that belongs to it: of a call, at a
// stream's beginning and in its middle, and over two hops.
func TestErrorsKeepTheirReasons(t *testing.T) {
	first := newReplica(t)
	first.complete = func(_ context.Context, model string) error {
		return errs.New(errs.Reason(model), "in its words").WithParam("model").WithRetryAfter(1500*time.Millisecond).
			WithDetail("budget", "b").WithCause(errors.New("its own secret"))
	}
	first.lookup = func(ctx context.Context, req *cachev1.LookupRequest) (*cachev1.LookupResponse, error) {
		return nil, first.complete(ctx, string(req.GetFingerprint()))
	}
	behind := running(t, mesh.PeerOptions{}, first)
	second := newReplica(t)
	second.complete = func(ctx context.Context, model string) error {
		_, err := behind.cache.Lookup(ctx, &cachev1.LookupRequest{Fingerprint: []byte(model)})
		return err
	}
	for _, r := range []*replica{first, second} {
		r.stream = func(ctx context.Context, model string, send func(string) error) error {
			reason := model[1:]
			if model[0] == '+' {
				if err := send("begun"); err != nil {
					return err
				}
			}
			return r.complete(ctx, reason)
		}
	}
	ahead := running(t, mesh.PeerOptions{}, second)

	streams := func(p *peer, model string) error {
		s, err := p.router.StreamComplete(t.Context(), streamOf(model))
		if err != nil {
			return err
		}
		if model[0] == '+' {
			if _, err := s.Receive(); err != nil {
				t.Errorf("%s: the stream does not begin: %v", model, err)
			}
		}
		_, err = s.Receive()
		return errors.Join(err, s.Close())
	}
	for _, reason := range errs.Reasons() {
		want := errs.Of(first.complete(t.Context(), string(reason)))
		for name, err := range map[string]error{
			"a call":                          behind.complete(t.Context(), string(reason)),
			"a call, two hops":                ahead.complete(t.Context(), string(reason)),
			"a stream's beginning":            streams(behind, "-"+string(reason)),
			"a stream's middle":               streams(behind, "+"+string(reason)),
			"a stream's beginning, two hops":  streams(ahead, "-"+string(reason)),
			"a stream's middle, and two hops": streams(ahead, "+"+string(reason)),
		} {
			got := errs.Of(err)
			if got == nil || got.Reason != want.Reason || got.Message != want.Message || got.Param != want.Param ||
				got.RetryAfter != want.RetryAfter || !maps.Equal(got.Details, want.Details) {
				t.Errorf("%s, %s: %+v", reason, name, got)
			}
			if !errs.Answered(err) || errs.NotSent(err) {
				t.Errorf("%s, %s: it is not the service's word", reason, name)
			}
		}
	}
	if n, _, _ := behind.now(); n != 0 {
		t.Errorf("%d errors of services were tried again", n)
	}
}

// An error of another service that was never sent is this service's answer all the same.
func TestAnAnswerIsNoUnsentCall(t *testing.T) {
	gone := newReplica(t)
	behind := newPeer(t, mesh.PeerOptions{}, gone)
	gone.kill()
	r := newReplica(t)
	r.complete = func(ctx context.Context, _ string) error { return behind.look(ctx) }
	p := running(t, mesh.PeerOptions{}, r)
	if err := p.complete(t.Context(), "m"); !errs.Is(err, errs.ServiceUnavailable) || errs.NotSent(err) || !errs.Answered(err) {
		t.Errorf("it ends with %v", errs.Chain(err))
	}
}
