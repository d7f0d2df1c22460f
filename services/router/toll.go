package router

import (
	"context"
	"time"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
)

// toll is whether an attempt that brought no answer cost money, as far as anybody can tell.
// What it says decides whether another attempt may follow: one reservation pays for one.
type toll uint8

const (
	// tollFree is that of a request that did not leave, and of one that the provider refused,
	// by its status or by an error in place of the whole answer: no provider bills those.
	tollFree toll = iota
	// tollUnknown is that of a request that left, and of which nothing came back. The
	// provider may have worked on it, and may bill it.
	tollUnknown
	// tollOwed is that of an answer that came, in part or in a form that cannot be read.
	tollOwed
)

// owes notes what an attempt may have cost that began at some time. Where the provider
// ended it, it worked on it no longer than until now; where this side did, nobody knows.
func (s *Service) owes(ctx context.Context, f *attemptError, t toll, begun time.Time) *attemptError {
	f.toll, f.incomplete = t, true
	if ctx.Err() == nil {
		f.worked = max(s.clock.Now().Sub(begun), time.Millisecond)
	}
	return f
}

// bill is what a call without an answer may have cost, and how it can go on once that is paid.
type bill struct {
	attempts   []*routerv1.BilledAttempt
	resumption *routerv1.Resumption
	// served is the last attempt that a provider was asked for; nil when none was.
	served *routerv1.Served
}

// billOf is the bill for an attempt; it is empty for one that cost nothing.
func billOf(served *routerv1.Served, f *attemptError) bill {
	if f.toll == tollFree {
		return bill{}
	}
	worked := (f.worked + time.Millisecond - 1).Milliseconds()
	return bill{attempts: []*routerv1.BilledAttempt{
		{Served: served, Usage: f.usage, Incomplete: f.incomplete, WorkedMillis: worked},
	}}
}

// resumption says where a call stands after so many attempts. It is nil where none may follow.
func (p *passage) resumption(ctx context.Context, f *attemptError, attempts int) *routerv1.Resumption {
	remaining := p.deadline.Sub(p.s.clock.Now())
	if f.toll != tollUnknown || !f.Retry || attempts > p.s.opts.Retries || ctx.Err() != nil || remaining <= 0 {
		return nil
	}
	return &routerv1.Resumption{
		Failed: ids(p.tried), Unable: ids(p.unable), Attempts: small(attempts), Waits: small(p.repeats),
		RemainingMillis: remaining.Milliseconds(), Error: f.Err.Info(), ErrorMessage: f.Err.Message,
	}
}

func ids(of []*deployment) (out []string) {
	for _, d := range of {
		out = append(out, d.ID)
	}
	return out
}

// resume puts the passage where the call stood, and returns how many attempts were made and
// why the last one failed.
func (p *passage) resume(at *routerv1.Resumption) (attempts int, last *attemptError) {
	if at == nil {
		return 0, nil
	}
	for _, d := range p.g.deployments {
		for _, id := range at.GetFailed() {
			if d.ID == id {
				p.tried = append(p.tried, d)
			}
		}
		for _, id := range at.GetUnable() {
			if d.ID == id {
				p.unable = append(p.unable, d)
			}
		}
	}
	p.repeats = int(max(at.GetWaits(), 0))
	last = &attemptError{}
	last.Err, last.Retry = errs.FromInfo(at.GetError(), at.GetErrorMessage()), true
	return int(max(at.GetAttempts(), 0)), last
}

// small is a count as messages hold it.
func small(n int) int32 {
	const most = 1 << 20
	return int32(max(0, min(n, most)))
}
