package router

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	routerv1 "tollgate.dev/gen/tollgate/router/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/services/router/chat"
	"tollgate.dev/services/router/upstream"
)

// maxErrorBody is how much of an error's body is looked at, in bytes.
const maxErrorBody = 64 << 10

// Header values that never change are shared; nobody writes to them.
var (
	jsonContent = []string{"application/json"}
	userAgent   = []string{"tollgate"}
)

// maxDropped is how many members a call drops, one after another, because its provider
// refuses them.
const maxDropped = 4

// send encodes a call for a deployment and sends it. The response has a 2xx status;
// any other has become the error. A member that the provider refuses is dropped where the
// call drops such members, and the rest is sent again: nothing has been answered by then.
func (s *Service) send(ctx context.Context, d *deployment, in *input, stream bool, served *routerv1.Served) (*upstream.Response, chat.Decoder, *attemptError) {
	call, buffer := s.callOf(d, in, stream)
	defer s.encoded(call, buffer)
	for dropped := 0; ; dropped++ {
		req, decoder, failure := s.request(ctx, d, in, call, served)
		if failure != nil {
			return nil, nil, failure
		}
		if served.GetRetries() > 0 && dropped == 0 {
			s.metrics.ProviderRetry(d.Provider)
		}
		resp, failure := s.ask(ctx, d, in, req, served)
		if failure == nil {
			return resp, decoder, nil
		}
		if dropped == maxDropped || ctx.Err() != nil || !call.Without(failure.Refused) {
			return nil, nil, failure
		}
	}
}

// request is a call as its deployment's provider takes it, with a credential.
func (s *Service) request(ctx context.Context, d *deployment, in *input, call *chat.Call, served *routerv1.Served) (*upstream.Request, chat.Decoder, *attemptError) {
	out, decoder, err := d.provider.Encode(call)
	if err != nil {
		failure := unsent(ctx, err)
		failure.unable = failure.Err.Reason == errs.UnsupportedParameter
		return nil, nil, failure
	}
	served.DroppedParams = call.Dropped()
	key, base := d.APIKey, d.base
	if in.own, in.elsewhere = false, false; in.brings(d) {
		own, err := s.credentials.Open(ctx, in.call.GetTenantId(), d.Provider)
		if err != nil {
			return nil, nil, unsent(ctx, err)
		}
		if own.APIBase != nil {
			in.elsewhere, base = true, *own.APIBase
			served.ApiBase = base.String()
		}
		if in.own = in.elsewhere || d.ProviderHost; in.own {
			key = own.APIKey
		}
	}
	u, err := d.url(base, out.Path)
	if err != nil {
		return nil, nil, unsent(ctx, err)
	}
	header := d.header(out.Header, in)
	d.provider.Authorize(header, key.Reveal())
	return &upstream.Request{URL: u, Header: header, Body: out.Body}, decoder, nil
}

// ask sends a request. The response has a 2xx status; any other has become the error.
func (s *Service) ask(ctx context.Context, d *deployment, in *input, req *upstream.Request, served *routerv1.Served) (*upstream.Response, *attemptError) {
	begun := s.clock.Now()
	resp, err := s.exchange.Do(ctx, req)
	if err != nil {
		failure := failed(ctx, err)
		if !upstream.Unsent(err) {
			failure = s.owes(ctx, failure, tollUnknown, begun)
		}
		return nil, failure
	}
	served.ProviderHeaders = visible(resp.Header)
	if resp.Status/100 == 2 {
		return resp, nil
	}
	// The status says enough if the body does not come.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	_ = resp.Body.Close()
	if err != nil && ctx.Err() != nil {
		return nil, failed(ctx, err)
	}
	return nil, &attemptError{
		Failure: d.provider.Classify(resp.Status, resp.Header, body),
		// A key that was refused, a limit that was reached: all but the provider's own faults.
		private: in.own && resp.Status < http.StatusInternalServerError,
		cause:   "status " + strconv.Itoa(resp.Status),
	}
}

// callOf is a call as a deployment's codec takes it, in memory that [Service.encoded] takes
// back.
func (s *Service) callOf(d *deployment, in *input, stream bool) (*chat.Call, *[]byte) {
	buffer, _ := s.bodies.Get().(*[]byte)
	return &chat.Call{
		Body: in.body, Fields: &in.fields, Model: d.UpstreamModel, Stream: stream,
		MaxOutput: in.call.GetMaxOutputTokens(), ModelMaxOutput: d.MaxOutput,
		DropParams: d.DropParams || in.call.GetDropParams(), Headers: d.Headers,
		Buffer: *buffer,
	}, buffer
}

// encoded takes a call's memory back, once the request that it became is not needed any more.
func (s *Service) encoded(call *chat.Call, buffer *[]byte) {
	if cap(call.Buffer) <= maxKeptBuffer {
		*buffer = call.Buffer
		s.bodies.Put(buffer)
	}
}

// Check refuses a call that no deployment of its model can honour, as far as their codecs
// tell: nothing is sent. Of several refusals it returns the first.
func (s *Service) Check(call *routerv1.Call, stream bool) error {
	g, err := s.group(call.GetModel())
	if err != nil {
		return err
	}
	var in input
	if err := in.read(call); err != nil {
		return err
	}
	var first error
	for _, d := range g.deployments {
		if err := s.check(d, &in, stream); err == nil {
			return nil
		} else if first == nil {
			first = err
		}
	}
	return first
}

func (s *Service) check(d *deployment, in *input, stream bool) error {
	call, buffer := s.callOf(d, in, stream)
	defer s.encoded(call, buffer)
	call.MaxOutput = 0 // what a budget can pay says nothing of the call
	_, _, err := d.provider.Encode(call)
	return err
}

// organization names an account of OpenAI's, and is of no use with another account's key.
const organization = "Openai-Organization"

// header is a request's whole header but for the credential. The operator's own headers may
// hold credentials, and do not go to a tenant's base URL.
func (d *deployment) header(more http.Header, in *input) http.Header {
	header := make(http.Header, 4+len(d.Headers)+len(more))
	header["Content-Type"] = jsonContent
	header["User-Agent"] = userAgent
	for name, values := range d.Headers {
		if !in.elsewhere && (!in.own || name != organization) {
			header[name] = values
		}
	}
	for name, values := range more {
		header[name] = values
	}
	return header
}

// brings says that the tenant brings its own credential for a deployment's provider. A real
// credential is not for the simulator.
func (in *input) brings(d *deployment) bool {
	return !d.Simulated && slices.Contains(in.call.GetTenantProviders(), d.Provider)
}

// unsent is the failure of a request that could not be made.
func unsent(ctx context.Context, err error) *attemptError {
	f := failed(ctx, err)
	f.unsent, f.Retry = true, false
	return f
}

// visible picks the answer headers that tell a caller about the provider's limits
// and name the provider's own request.
func visible(header http.Header) map[string]string {
	var out map[string]string
	for name, values := range header {
		shown := visibleName(name)
		if shown == "" || len(values) == 0 {
			continue
		}
		if out == nil {
			out = make(map[string]string, 4)
		}
		out[shown] = values[0]
	}
	return out
}

// visibleName is a header's name as callers see it; empty when they do not.
func visibleName(name string) string {
	if shown := usualNames[name]; shown != "" {
		return shown
	}
	if strings.HasPrefix(name, "X-Ratelimit-") || strings.HasPrefix(name, "Anthropic-Ratelimit-") {
		return strings.ToLower(name)
	}
	return ""
}

// usualNames are the names that are met again and again, so that no answer has to make
// them.
var usualNames = func() map[string]string {
	names := []string{"x-request-id", "request-id", "openai-processing-ms", "openai-version", "retry-after"}
	for _, kind := range []string{"limit", "remaining", "reset"} {
		names = append(names, "x-ratelimit-"+kind+"-requests", "x-ratelimit-"+kind+"-tokens")
	}
	shown := make(map[string]string, len(names))
	for _, name := range names {
		shown[http.CanonicalHeaderKey(name)] = name
	}
	return shown
}()
