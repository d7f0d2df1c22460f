package edge

import (
	"net/http"
	"strconv"
	"strings"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/id"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/services/edge/spend"
)

func (c *completion) costOf(served *routerv1.Served, u *usagev1.Usage) (money.Nano, bool) {
	price := c.model.prices[served.GetDeploymentId()]
	if price == nil || u == nil {
		return 0, price != nil
	}
	// A lane that the table does not know is charged as the standard one.
	tier, ok := pricing.ParseServiceTier(u.GetServiceTier())
	if !ok {
		tier = pricing.Standard
	}
	return price.Cost(pricing.UsageOf(u), pricing.Options{ServiceTier: tier, Regional: u.GetRegion() != ""}), true
}

// callType is what the ledger calls a chat completion.
const callType = "chat.completions"

// told is what the call is reserved for, and what the ledger shows of it should this
// process die before it is settled.
func (c *completion) told() spend.Call {
	return spend.Call{
		Scopes: c.principal.Scopes(), PlatformID: c.platform(), UserID: c.user(), RequestID: c.requestID,
		CorrelationID: c.correlation(), Model: c.model.name, CallType: callType, StartedMillis: c.started.UnixMilli(),
	}
}

// settle gives back what was reserved beyond the cost, and hands the call to the
// ledger. A call for which no provider was asked leaves no entry, whatever it is told: that all
// of them rest, or that its budget is spent.
func (c *completion) settle(r spend.Reservation) {
	o := &c.outcome
	if o.served == nil {
		c.e.Meter.Release(r)
		if c.found == nil {
			c.e.Metrics.Reservation(obs.ReservationReleased)
		}
		return
	}
	now := c.e.Clock.Now()
	p := c.principal
	compressed, saved := c.compressionRecord()
	if compressed != nil {
		c.e.Metrics.CompressionSaved(compressed.GetEngine(), saved)
	}
	record := &eventv1.UsageRecord{
		OccurredMillis: now.UnixMilli(),
		TenantId:       p.TenantID, PlatformId: c.platform(), KeyId: p.KeyID, UserId: c.user(),
		RequestId: c.requestID, CorrelationId: c.correlation(),
		Provider: o.served.GetProvider(), Model: c.model.name, UpstreamModel: o.served.GetUpstreamModel(),
		DeploymentId: o.served.GetDeploymentId(), Usage: o.usage, CostNanos: int64(o.cost),
		SavedCacheNanos: int64(o.saved), SavedCompressionNanos: int64(saved), LatencyMillis: now.Sub(c.started).Milliseconds(),
		Cache: c.cache, CallType: callType, StartedMillis: c.started.UnixMilli(),
		Unpriced: o.unpriced, Simulated: o.served.GetSimulated(), Tags: p.Tags, Compression: compressed,
		CacheHit: c.found,
	}
	if !o.firstByte.IsZero() {
		record.FirstByteMillis = o.firstByte.UnixMilli()
	}
	if o.failure != nil {
		record.Error = string(o.failure.Reason)
	}
	c.e.Meter.Settle(r, record)
	if c.found == nil {
		c.e.Metrics.Reservation(obs.ReservationSettled)
	}
}

func (c *completion) platform() string {
	if h := callerID(c.r.Header, "X-Platform-Id"); h != "" && c.principal.PlatformID == "" {
		return h
	}
	if c.principal.PlatformID != "" {
		return c.principal.PlatformID
	}
	return c.e.opts.PlatformID
}

// user is whom the call is made for: the key's user, or the one that the caller names.
func (x *exchange) user() string {
	if x.principal.UserID != "" {
		return x.principal.UserID
	}
	return callerUser(x.r.Header, "X-User-Id")
}

// correlation is the caller's trace, or else the request's id.
func (c *completion) correlation() string {
	if trace := c.trace(); trace != "" {
		return trace
	}
	return c.requestID
}

// trace is the caller's trace: `X-Trace-Id`, or the trace of W3C's `traceparent`
// (https://www.w3.org/TR/trace-context/#traceparent-header); empty when it names none.
func (x *exchange) trace() string {
	if h := callerID(x.r.Header, "X-Trace-Id"); h != "" {
		return h
	}
	const version, trace = len("00-"), len("00-0af7651916cd43dd8448eb211c80319c")
	if h := x.r.Header.Get("Traceparent"); len(h) >= trace && id.ValidRequestID(h) {
		return h[version:trace]
	}
	return ""
}

// answerHeaders says what served the call, how, and at what cost. Names are written in
// their canonical form, and all values share one block: an answer has some twenty.
func (c *completion) answerHeaders(h http.Header) {
	o := &c.outcome
	values := make([]string, 0, 24)
	set := func(name, value string) {
		values = append(values, value)
		h[name] = values[len(values)-1:]
		values = values[len(values):]
	}
	set("X-Cache", c.cache)
	set("X-Tollgate-Model", c.model.name)
	set("X-Litellm-Call-Id", c.requestID)
	set("X-Litellm-Model-Group", c.model.name)
	set("X-Litellm-Version", c.e.opts.Version)
	if s := o.served; s != nil {
		set("X-Tollgate-Provider", s.GetProvider())
		set("X-Tollgate-Upstream-Model", s.GetUpstreamModel())
		set("X-Litellm-Model-Id", s.GetDeploymentId())
		if c.principal.Admin && s.GetApiBase() != "" { // as in `/health`
			set("X-Litellm-Model-Api-Base", s.GetApiBase())
		}
		if s.GetRetries() > 0 {
			set("X-Litellm-Attempted-Retries", strconv.Itoa(int(s.GetRetries())))
		}
		if s.GetSimulated() {
			set("X-Tollgate-Simulated", "true")
		}
		if len(s.GetDroppedParams()) > 0 {
			h["X-Tollgate-Dropped-Params"] = s.GetDroppedParams()
		}
		for name, value := range s.GetProviderHeaders() {
			if shown := providerHeaders[name]; shown != "" {
				set(shown, value)
			} else {
				h.Set(providerPrefix+name, value)
			}
		}
	}
	if how := c.found; how != nil {
		score := strconv.FormatFloat(how.GetScore(), 'f', 4, 64)
		set("X-Tollgate-Cache-Tier", how.GetTier())
		set("X-Tollgate-Cache-Score", score)
		if c.cache == cacheSemantic {
			set("X-Litellm-Semantic-Similarity", score)
		}
		if how.GetEntryId() != "" { // a call under way has none yet
			set("X-Tollgate-Cache-Entry", how.GetEntryId())
			set("X-Tollgate-Cache-Saved", o.saved.Dollars())
			set("Age", itoa(how.GetAgeMillis()/1000))
			set("X-Litellm-Cache-Key", how.GetEntryId())
		}
	}
	if ignored := append(c.untaken(), c.req.ignored...); len(ignored) > 0 {
		h[headerIgnored] = ignored
	}
	if c.capped > 0 {
		set("X-Tollgate-Max-Tokens", itoa(c.capped))
	}
	if r := c.compressed; r != nil {
		set("X-Tollgate-Compression", c.compression.profile)
		set("X-Tollgate-Compression-Engine", r.GetEngine())
		set("X-Tollgate-Compression-Micros", itoa(r.GetMicros()))
		set("X-Tollgate-Original-Tokens", itoa(r.GetOriginalTokens()))
		set("X-Tollgate-Compressed-Tokens", itoa(r.GetCompressedTokens()))
		set("X-Tollgate-Compression-Saved", c.savedByCompression().Dollars())
		// Of a key without a team nothing is kept that could be fetched, nor where nothing may be.
		if omitted := r.GetOmitted(); len(omitted) > 0 && c.principal.TenantID != "" && !c.forgets() {
			set("X-Tollgate-Omitted", strings.Join(omitted[:min(len(omitted), omittedShown)], ","))
		}
	}
	if why := c.compressionSkipped; why != "" {
		set("X-Tollgate-Compression-Skipped", why)
	}
	if !c.req.stream {
		cost := c.cost().Dollars()
		set("X-Tollgate-Cost", cost)
		set("X-Litellm-Response-Cost", cost)
	}
	c.permit.Headers(h)
	c.budgetHeaders(h)
}

// omittedShown is how many of the parts that were left out an answer names: a header has to
// stay short.
const omittedShown = 32

// failureHeaders says of a call without an answer what it was sent to, and what its attempts
// cost all the same. Also a stream that has not begun says it here: it has no trailer.
func (c *completion) failureHeaders(h http.Header) {
	c.answerHeaders(h)
	h["X-Tollgate-Cost"] = costHeader(c.cost())
	h["X-Litellm-Response-Cost"] = costHeader(c.cost())
}

// providerPrefix is LiteLLM's, for headers that are a provider's own.
const providerPrefix = "Llm_provider-"

// providerHeaders are the usual ones as they are shown, so that no answer has to put
// their names together.
var providerHeaders = func() map[string]string {
	names := []string{"x-request-id", "request-id", "openai-processing-ms", "openai-version", "retry-after"}
	for _, kind := range []string{"limit", "remaining", "reset"} {
		for _, of := range []string{"requests", "tokens"} {
			names = append(names, "x-ratelimit-"+kind+"-"+of, "anthropic-ratelimit-"+of+"-"+kind)
		}
		names = append(names, "anthropic-ratelimit-input-tokens-"+kind, "anthropic-ratelimit-output-tokens-"+kind)
	}
	shown := make(map[string]string, len(names))
	for _, name := range names {
		shown[name] = http.CanonicalHeaderKey(providerPrefix + name)
	}
	return shown
}()

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
