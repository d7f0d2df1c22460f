package gemini

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/router/chat"
)

// Codec translates between the OpenAI dialect and the Gemini API's.
type Codec struct {
	// now dates answers, which the API does not, and tells how far away a date is.
	now func() time.Time
}

// New returns the codec.
func New() Codec { return Codec{now: clock.Real().Now} }

// BaseURL is the public API.
func (Codec) BaseURL() string { return "https://generativelanguage.googleapis.com/v1beta" }

// Authorize adds the API key. The API takes it in the query as well, where it would
// end up in logs.
func (Codec) Authorize(header http.Header, apiKey string) {
	header.Set("X-Goog-Api-Key", apiKey)
}

// Encode translates a call. Its errors are invalid_request and unsupported_parameter.
func (c Codec) Encode(call *chat.Call) (chat.Outbound, chat.Decoder, error) {
	req, err := call.Request()
	if err != nil {
		return chat.Outbound{}, nil, err
	}
	e := &encoder{call: call, req: req, model: describe(call.Model)}
	body, err := e.request()
	if err != nil {
		return chat.Outbound{}, nil, err
	}
	d := &decoder{
		model: call.Model, created: c.now().Unix(), tier: e.tier,
		want: int(max(req.N, 1)), includeUsage: req.IncludeUsage, logprobs: req.Logprobs,
	}
	return chat.Outbound{Path: path(call.Model, call.Stream), Body: body}, d, nil
}

// path is the method's; a model may be named with its collection (models/…,
// tunedModels/…).
func path(model string, stream bool) string {
	collection, name, ok := strings.Cut(model, "/")
	if !ok || (collection != "models" && collection != "tunedModels") {
		collection, name = "models", model
	}
	if stream {
		return "/" + collection + "/" + url.PathEscape(name) + ":streamGenerateContent?alt=sse"
	}
	return "/" + collection + "/" + url.PathEscape(name) + ":generateContent"
}
