package edge

import (
	"context"
	"net/http"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/openaiwire"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/edge/admission"
	"tollgate.dev/services/edge/answer"
	"tollgate.dev/services/edge/idempotency"
	"tollgate.dev/services/edge/ratelimit"
	"tollgate.dev/services/edge/spend"
)

// The values of the X-Cache header.
const (
	cacheHit      = "hit"
	cacheSemantic = "semantic"
	cacheMiss     = "miss"
	cacheBypass   = "bypass"
)

// completion is one chat completion on its way through the edge.
type completion struct {
	*exchange
	req   chatRequest
	model *model

	// cache is what X-Cache says.
	cache string
	store bool
	// caching is how answers of the model are cached for who calls.
	caching admission.Caching
	// asked is the call as the cache is asked for it; nil for one that it has no part in.
	asked *inquiry
	// found is how another call's answer was found, in the cache or under way; nil for a call
	// that is answered by itself.
	found *eventv1.CacheHit
	// missed is the last tier that found nothing, and comparison what is to be
	// compared with the provider's answer then, in the cache's own words; nil is nothing.
	missed     cachev1.Tier
	comparison []byte
	// embedding is the question's, where it was paid for.
	embedding *cachev1.Embedding

	// capped is the longest answer that the budgets can pay, in tokens, where that is less
	// than the model's own; 0 is no cap.
	capped int64
	// compression is how the prompt is to be compressed.
	compression compression
	// compressed is what compression did; nil when it changed nothing.
	compressed *compressorv1.CompressResponse
	// compressionSkipped is why text that might have been shortened was not, as headers and the
	// ledger say it; empty without such a reason.
	compressionSkipped string
	// compressorReply is what the compressor said; nil where it was not asked, or failed.
	compressorReply *compressorv1.CompressResponse

	permit ratelimit.Permit
	// running is the run of a call with an Idempotency-Key; nil without one.
	running *idempotency.Run
	// flight is the call that others may wait for; nil when none can.
	flight    *flight
	flightKey flightKey
	// outcome is what came of the call, for the ledger, the metrics and the cache.
	outcome outcome
	// earlier is what attempts before the outcome's cost and used. Each is in the ledger by
	// itself.
	earlier struct {
		cost money.Nano
		used pricing.Usage
	}
}

// outcome is what came of a call.
type outcome struct {
	served *routerv1.Served
	usage  *usagev1.Usage
	// body is a whole answer; transcript is a stream's, as far as it came.
	body []byte
	transcript
	// cost is what the provider charged.
	cost money.Nano
	// saved is what a cached answer would have cost.
	saved money.Nano
	// firstByte is when the answer began.
	firstByte time.Time
	unpriced  bool
	// failure is why the call has no answer, or only a part of one. With a resumption,
	// another attempt may bring one.
	failure    *errs.Error
	resumption *routerv1.Resumption
}

// whole is a finished answer as a whole one, whatever form it came in.
func (o *outcome) whole() ([]byte, error) {
	if len(o.chunks) == 0 {
		return o.body, nil
	}
	return answer.Whole(o.chunks, openaiwire.UsageFrom(o.usage))
}

// inMemory is how many bytes of the answer are in memory.
func (o *outcome) inMemory() int64 { return int64(len(o.body)) + o.kept }

// completions are reused: each has room for the members of its request's body.
var completions = sync.Pool{New: func() any { return &completion{} }}

// chatCompletions answers `POST /v1/chat/completions`.
func (e *Edge) chatCompletions(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	arrival, err := e.arrivals.enter(x.principal)
	if err != nil {
		return err
	}
	defer arrival.leave() // also after a panic
	body, err := x.body(e.opts.MaxBodyBytes)
	arrival.leave()
	if err != nil {
		return err
	}
	c, _ := completions.Get().(*completion) // the pool holds nothing else
	defer func() {
		*c = completion{}
		completions.Put(c)
	}()
	c.exchange, c.cache = x, cacheBypass
	if err := c.req.parse(body); err != nil {
		return err
	}
	if err := c.req.cache.headers(x.r.Header); err != nil {
		return err
	}
	if c.model, err = x.model(c.req.model); err != nil {
		return err
	}
	if err := c.model.chats(); err != nil {
		return err
	}
	if c.compression, err = c.wantedCompression(); err != nil {
		return err
	}
	if keys := x.r.Header["Idempotency-Key"]; len(keys) > 0 {
		err = c.once(keys)
	} else {
		err = c.run()
	}
	if err == nil && c.outcome.failure == nil && !c.req.stream {
		// The answer is whole: whoever read the request has come to its end.
		e.bodies.giveBack(body)
	}
	return err
}

// run admits the call by its limits, and answers it from the cache, from an
// identical call in flight, or from a provider.
func (c *completion) run() (err error) {
	e, ctx := c.e, c.r.Context()
	end := e.Metrics.Begin()
	defer end()
	defer func() { c.observe(err) }()
	c.permit, err = e.Limits.Acquire(ctx, c.principal.Limits(), c.model.name, estimatedPrompt(&c.req))
	defer func() {
		if err != nil && !c.wrote {
			// Whoever is refused wants to know how the limits stand more than others.
			c.failureHeaders(c.w.Header())
		}
	}()
	if err != nil {
		return err
	}
	defer c.release()

	c.caching = c.principal.Caching(c.model.name).Over(e.opts.ModelCaching[c.model.name])
	if !e.opts.Cache || c.caching.Disabled || e.opts.CacheOptIn && !c.req.cache.use {
		return c.alone(ctx)
	}
	c.store = !c.req.cache.noStore && !c.req.cache.noLife
	if c.store || !c.req.cache.noCache {
		c.asked = c.inquire()
	}
	if c.req.cache.noCache {
		return c.alone(ctx)
	}
	c.cache = cacheMiss
	if c.store {
		// Who looks into the cache first would miss an answer that is kept in the meantime.
		if fl := e.flights.find(c.key()); fl != nil {
			return c.follow(ctx, fl)
		}
	}
	embedding := c.reserveEmbedding(ctx)
	began := e.Clock.Now()
	found, err := c.lookUp(ctx, &c.asked.lookup)
	e.Metrics.CacheLookup(e.Clock.Now().Sub(began))
	c.settleEmbedding(embedding, found.GetEmbedded(), err)
	c.embedding = found.GetEmbedding()
	switch {
	case err != nil:
	case found.GetHit() == cachev1.HitKind_HIT_KIND_UNSPECIFIED:
		c.missed, c.comparison = found.GetLast(), found.GetComparison()
	case c.render(found.GetEntry()):
		return c.replay(found)
	}
	if err != nil && ctx.Err() == nil {
		e.Log.WarnContext(ctx, "the cache did not answer", "error", err)
	}
	if !c.store {
		return c.alone(ctx)
	}
	return c.share(ctx)
}

// lookUp asks the cache, which a call does not wait for beyond its time.
func (c *completion) lookUp(ctx context.Context, req *cachev1.LookupRequest) (*cachev1.LookupResponse, error) {
	ctx, cancel := atMost(ctx, c.e.opts.CacheTimeout)
	defer cancel()
	return c.e.Services.Cache.Lookup(ctx, req)
}

// atMost bounds what a call waits for; 0 is no bound.
func atMost(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}

// release gives back what the limits hold for the call.
func (c *completion) release() {
	tokens := int64(0)
	if c.found == nil {
		tokens = c.used().Total()
	}
	c.permit.Done(tokens)
}

// completing comes before the answer's last bytes. Whoever has them may call again at once:
// the parallel slot is free by then, and a repeat waits until the answer is kept for it.
func (c *completion) completing() {
	c.release()
	if c.running != nil {
		c.running.Answered()
	}
}

// alone answers from a provider, and lets nobody wait for the answer.
func (c *completion) alone(ctx context.Context) error {
	if c.cache == cacheBypass {
		c.e.Metrics.CacheBypass()
	} else {
		c.e.Metrics.CacheMiss(c.missed)
	}
	defer c.compare(ctx)
	if err := c.forward(ctx); err != nil {
		return err
	}
	if !c.req.stream {
		c.answerWhole()
	}
	if keep := c.remember(); keep != nil {
		c.afterwards(ctx, c.outcome.inMemory(), keep)
	}
	return nil
}

// answerWhole writes a whole answer.
func (c *completion) answerWhole() {
	h := c.w.Header()
	c.answerHeaders(h)
	h["Content-Type"] = contentJSON
	h["Content-Length"] = []string{itoa(int64(len(c.outcome.body)))}
	c.wrote = true
	c.completing()
	c.deadline()
	c.w.WriteHeader(http.StatusOK)
	// A caller that is gone has been served all the same.
	_, _ = c.w.Write(c.outcome.body)
}

// render puts a kept answer into the form that the caller asked for. It reports false for one
// that cannot be said in it.
func (c *completion) render(entry *cachev1.Entry) bool {
	if !c.req.stream {
		c.outcome.body = entry.GetBody()
		return len(c.outcome.body) > 0
	}
	chunks, err := answer.Stream(entry.GetBody(), c.req.includeUsage)
	c.outcome.chunks = chunks
	return err == nil
}

// replay answers from the cache what was rendered.
func (c *completion) replay(found *cachev1.LookupResponse) error {
	entry := found.GetEntry()
	c.hit(c.foundBy(found))
	c.outcome.served = &routerv1.Served{
		DeploymentId: entry.GetDeploymentId(), Provider: entry.GetProvider(),
		UpstreamModel: entry.GetUpstreamModel(), Simulated: entry.GetSimulated(), DroppedParams: entry.GetDroppedParams(),
	}
	c.outcome.usage, c.outcome.saved = entry.GetUsage(), money.Nano(entry.GetCostNanos())
	c.outcome.firstByte = c.e.Clock.Now()
	c.settle(spend.Reservation{})
	if c.req.stream {
		s := newStreamWriter(c)
		s.write(c.outcome.chunks)
		s.end(nil)
		return nil
	}
	c.answerWhole()
	return nil
}

// remember returns what keeps a whole and proper answer for the next identical request, in
// whatever form that asks for it; nil where there is none to keep. It outlives the completion.
func (c *completion) remember() func(context.Context) {
	// An answer that a nearly spent budget cut short is nobody else's answer. One that was
	// too long to be kept would not be taken.
	if !c.store || c.capped > 0 || c.outcome.cut || c.asked == nil || c.outcome.failure != nil || c.outcome.served == nil {
		return nil
	}
	e, o := c.e, c.outcome
	asked := &c.asked.lookup
	req := &cachev1.StoreRequest{
		Namespace: asked.GetNamespace(), Fingerprint: asked.GetFingerprint(), Question: asked.GetQuestion(), Last: asked.GetLast(), Embedding: c.embedding,
		AskedMicros: c.started.UnixMicro(),
	}
	if ttl := c.ttl(); ttl > 0 {
		req.Ttl = durationpb.New(ttl)
	}
	return func(ctx context.Context) {
		body, err := o.whole()
		if err != nil {
			e.Log.DebugContext(ctx, "a stream cannot be kept as a whole answer", "error", err)
			return
		}
		if !e.opts.keeps(body) {
			return
		}
		req.Entry = &cachev1.Entry{
			Body: body, Usage: o.usage, CostNanos: int64(o.cost),
			Provider: o.served.GetProvider(), UpstreamModel: o.served.GetUpstreamModel(),
			DeploymentId: o.served.GetDeploymentId(), Simulated: o.served.GetSimulated(),
			DroppedParams: o.served.GetDroppedParams(), CreatedMillis: e.Clock.Now().UnixMilli(),
		}
		ctx, cancel := context.WithTimeout(ctx, max(storeTimeout, e.opts.CacheTimeout))
		defer cancel()
		if _, err := e.Services.Cache.Store(ctx, req); err != nil {
			e.Log.WarnContext(ctx, "the answer could not be cached", "error", err)
		}
	}
}

// keeps tells whether an answer may be another caller's: one that was filtered is not, and one
// that calls tools, or was cut by a limit, if the operator says so.
func (o *Options) keeps(body []byte) bool {
	end, err := answer.EndOf(body)
	switch {
	case err != nil || end == answer.Filtered:
		return false
	case end == answer.Truncated:
		return o.CacheTruncated
	case end == answer.Calls:
		return o.CacheToolCalls
	default:
		return true
	}
}

// storeTimeout bounds how long storing an answer may take, where a look-up may not take longer.
const storeTimeout = time.Second

// ttl is the request's own time to live, or the key's or tenant's; 0 is the default.
func (c *completion) ttl() time.Duration {
	if c.req.cache.ttl > 0 {
		return c.req.cache.ttl
	}
	return c.caching.TTL
}

// once answers a call with an Idempotency-Key: the first time by running it, then
// with what was answered.
func (c *completion) once(keys []string) error {
	run, answer, err := c.begin(keys, c.route, c.req.body, c.repeat)
	if err != nil {
		return err
	}
	if answer != nil {
		c.wrote = true
		c.deadline()
		// It is the first one's answer, and nobody is charged for it again.
		answer.Header["X-Tollgate-Cost"] = costHeader(0)
		answer.Header["X-Litellm-Response-Cost"] = costHeader(0)
		answer.WriteTo(c.w)
		return nil
	}
	// A run that nothing ends would hold its key for ever.
	kept := false
	defer func() {
		if kept {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), finishTimeout)
		defer cancel()
		run.Abandon(ctx)
	}()
	c.running = run
	recorder := c.e.Idempotency.Record(c.w, c.e.Answers)
	defer func() {
		if !kept {
			recorder.Release()
		}
	}()
	c.w, c.control = recorder, http.NewResponseController(recorder)
	err = c.run()
	if err != nil || c.outcome.failure != nil {
		return err
	}
	kept = true
	written := recorder.Answer()
	// It is rendered and sealed: three copies, by and by.
	c.afterwards(c.r.Context(), 3*int64(len(written.Body)), func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, finishTimeout)
		defer cancel()
		defer run.Abandon(ctx) // after Finish this does nothing
		defer recorder.Release()
		run.Finish(ctx, written)
	})
	return nil
}

// repeat counts a repeat as a request: it uses no tokens, and an answer that is kept is
// written at once.
func (c *completion) repeat(ctx context.Context) (err error) {
	c.permit, err = c.e.Limits.AcquireRequest(ctx, c.principal.Limits(), c.model.name)
	if err != nil {
		c.permit.Headers(c.w.Header())
	}
	return err
}

// finishTimeout bounds how long keeping an answer for its repeats may take.
const finishTimeout = 5 * time.Second
