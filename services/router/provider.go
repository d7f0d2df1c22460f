package router

import (
	"net/http"

	"tollgate.dev/services/router/chat"
)

// Provider is a model provider's wire format: a pure codec between the OpenAI
// chat-completions dialect and the provider's own. Implementations are stateless
// and safe for concurrent use.
type Provider interface {
	// BaseURL is the provider's public API, with the path that every call's path is
	// appended to; empty when each deployment must name its own.
	BaseURL() string
	// Authorize adds the credential to a request.
	Authorize(header http.Header, apiKey string)
	// Encode translates a call. The decoder decodes the answer to exactly this call.
	// A call that the provider cannot honour is an invalid_request or an
	// unsupported_parameter.
	Encode(call *chat.Call) (chat.Outbound, chat.Decoder, error)
	// Classify says what an answer with a status other than 2xx means. The body may
	// be empty or no JSON.
	Classify(status int, header http.Header, body []byte) chat.Failure
}
