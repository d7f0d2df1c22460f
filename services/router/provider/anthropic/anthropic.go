package anthropic

import (
	"net/http"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/services/router/chat"
)

const (
	baseURL = "https://api.anthropic.com"
	path    = "/v1/messages"
	version = "2023-06-01"
	// betaBinding makes the API take `thinking.block_binding`,
	// https://platform.claude.com/docs/en/build-with-claude/preserved-thinking/fix-bound-to-a-different-conversation
	// (read 2026-11-28).
	betaBinding = "thinking-binding-controls-2026-08-01"
	headerBeta  = "Anthropic-Beta"
)

// DefaultMaxTokens limits an answer, in tokens, when neither the caller nor the
// model's description names a limit: the API demands one, and every model can do
// as much.
const DefaultMaxTokens = 4096

// Codec is the wire format. It is stateless; make one with [New].
type Codec struct {
	// now dates answers, which the API does not, and tells how far away a reset is.
	now func() time.Time
}

// New returns the codec.
func New() Codec { return Codec{now: clock.Real().Now} }

// BaseURL is the public API.
func (Codec) BaseURL() string { return baseURL }

// Authorize sets the API key.
func (Codec) Authorize(header http.Header, apiKey string) { header.Set("X-Api-Key", apiKey) }

// Encode translates a call into a request to create a message. Its errors are
// invalid_request and unsupported_parameter.
func (c Codec) Encode(call *chat.Call) (chat.Outbound, chat.Decoder, error) {
	req, err := call.Request()
	if err != nil {
		return chat.Outbound{}, nil, err
	}
	e := encoder{call: call, req: req, model: parseModel(call.Model)}
	body, err := e.encode()
	if err != nil {
		return chat.Outbound{}, nil, err
	}
	header := make(http.Header, 2)
	header.Set("Anthropic-Version", version)
	if e.think.binding != nil {
		// Beside what the deployment has in this header.
		header[headerBeta] = append(call.Headers.Values(headerBeta), betaBinding)
	}
	return chat.Outbound{Path: path, Header: header, Body: body},
		&decoder{created: c.now().Unix(), includeUsage: req.IncludeUsage}, nil
}
