package edge

import (
	"context"
	"crypto/sha256"
	"net/http"

	"tollgate.dev/platform/errs"
	"tollgate.dev/services/edge/idempotency"
)

// begin starts a request with an Idempotency-Key; see [idempotency.Guard.Begin]. The key
// belongs to who calls, and to what is called.
func (x *exchange) begin(keys []string, what string, body []byte, repeat func(context.Context) error) (*idempotency.Run, *idempotency.Answer, error) {
	if len(keys) > 1 {
		return nil, nil, errs.New(errs.InvalidRequest, "Idempotency-Key is given more than once").WithParam("Idempotency-Key")
	}
	run, answer, err := x.e.Idempotency.Begin(x.r.Context(), x.principal.TenantID+"/"+x.principal.KeyID, keys[0], what, sha256.Sum256(body), repeat)
	if run != nil {
		x.r = x.r.WithContext(run.Within(x.r.Context())) // what has lost its key must not go on
	}
	return run, answer, err
}

// repeatable answers a management request: one with an Idempotency-Key that changes
// something the first time by its handler, then with what that answered. The answer goes out
// when it is kept, sealed: it may hold a secret that is told once, and a caller that did not
// get it is told again.
func (x *exchange) repeatable(rt route) error {
	keys := x.r.Header["Idempotency-Key"]
	if len(keys) == 0 || rt.method != http.MethodPost {
		return rt.handler(x)
	}
	if err := x.admin(); err != nil { // as all of these routes do
		return err
	}
	body, err := x.managementBody()
	if err != nil {
		return err
	}
	unlimited := func(context.Context) error { return nil } // management has no rate limits
	run, answer, err := x.begin(keys, x.r.URL.Path, body, unlimited)
	if err != nil {
		return asMisread(err)
	}
	if answer != nil {
		x.wrote = true
		x.deadline()
		answer.WriteTo(x.w)
		return nil
	}
	ending := func(end func(context.Context)) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), finishTimeout)
		defer cancel()
		end(ctx)
	}
	defer ending(run.Abandon) // after Finish this does nothing
	first, err := x.withhold(rt)
	if err != nil {
		return err
	}
	ending(func(ctx context.Context) { run.Finish(ctx, first) })
	x.deadline()
	x.w.WriteHeader(first.Status)
	// A caller that is gone asks again.
	_, _ = x.w.Write(first.Body)
	return nil
}

// withhold runs a handler and returns its answer, of which the headers alone are set.
func (x *exchange) withhold(rt route) (idempotency.Answer, error) {
	w := x.w
	defer func() { x.w = w }() // also after a panic
	recorder := x.e.Idempotency.Record(withheld{w.Header()}, nil)
	x.w = recorder
	err := rt.handler(x)
	return recorder.Answer(), err
}

// withheld is an answer that does not go out yet. Its headers are those of the one that will.
type withheld struct{ header http.Header }

// Header is what the answer will have.
func (w withheld) Header() http.Header { return w.header }

// WriteHeader does nothing yet.
func (w withheld) WriteHeader(int) {}

// Write does nothing yet.
func (w withheld) Write(p []byte) (int, error) { return len(p), nil }
