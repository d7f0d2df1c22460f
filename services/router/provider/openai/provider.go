package openai

import (
	"net/http"
	"sync"

	"tollgate.dev/services/router/chat"
)

const (
	path = "/chat/completions"

	memberMaxCompletion = "max_completion_tokens"
	memberMaxTokens     = "max_tokens"
)

// Action is what becomes of a member of the request.
type Action uint8

// The actions. A refused member is left out where the call drops what cannot be honoured.
const (
	Keep Action = iota
	LeaveOut
	Refuse
)

// Dialect is how a provider's format differs from OpenAI's. The zero Dialect is strict,
// has no base URL of its own and passes every member on.
type Dialect struct {
	// BaseURL is the provider's public API, without a slash at its end; empty when each
	// deployment must name its own.
	BaseURL string
	// LegacyLimit caps the output by `max_tokens` where the caller names none, also in place
	// of a `max_completion_tokens`; otherwise by `max_completion_tokens`.
	LegacyLimit bool
	// Lenient accepts what compatible servers do otherwise: a stream without [DONE],
	// chunks without choices, blank events.
	Lenient bool
	// Member decides what becomes of a member of the request, and gives the reason for
	// Refuse. It is not asked for `model`, `messages`, `tools` and `stream`, nor for
	// what is addressed to the gateway. Nil keeps all.
	Member func(name, value []byte) (Action, string)
	// StreamOption decides about the members of `stream_options` but `include_usage`. Nil
	// keeps all.
	StreamOption func(name, value []byte) (Action, string)
	// Metadata passes `metadata` on; otherwise it is taken to be meant for the gateway.
	Metadata bool
	// Scrub takes members out of messages and tools that only other providers know.
	Scrub bool
	// Turn decides about further members of each message, if Scrub is set. Nil keeps all.
	Turn func(name, value []byte) (Action, string)
	// Part decides about further members of each part of a message's content, if Scrub is
	// set. Nil keeps all.
	Part func(name, value []byte) (Action, string)
	// Tool decides about each tool by its type, if Scrub is set. Nil keeps all.
	Tool func(kind []byte) (Action, string)
	// Suspects are the quoted names that Turn, Part and Tool act on: messages and tools
	// without any of them are not looked at closer.
	Suspects []string
	// DefaultTiers are the service tiers that are billed as no tier at all.
	DefaultTiers []string
}

// Provider is a codec for a dialect of OpenAI's format. It is safe for concurrent use.
type Provider struct {
	dialect  Dialect
	encoders sync.Pool // of *encoder: scratch space, nothing that outlives a call
}

// New returns the codec for OpenAI itself.
func New() *Provider {
	return NewDialect(Dialect{
		BaseURL:      "https://api.openai.com/v1",
		Member:       member,
		Metadata:     true,
		Scrub:        true,
		Turn:         turn,
		Suspects:     []string{`"reasoning"`},
		DefaultTiers: []string{"default", "auto"},
	})
}

// NewCompatible returns the codec for servers that are compatible with OpenAI. Each
// deployment names its own base URL.
func NewCompatible() *Provider {
	return NewDialect(Dialect{
		LegacyLimit:  true,
		Lenient:      true,
		Metadata:     true,
		DefaultTiers: []string{"default", "auto", "standard", "on_demand"},
	})
}

// NewDialect returns the codec for a dialect.
func NewDialect(d Dialect) *Provider {
	return &Provider{dialect: d}
}

// BaseURL is the provider's public API, empty when each deployment must name its own.
func (p *Provider) BaseURL() string { return p.dialect.BaseURL }

// Authorize adds the credential, if there is one: a server of one's own may need none.
func (p *Provider) Authorize(header http.Header, apiKey string) {
	if apiKey != "" {
		header["Authorization"] = []string{"Bearer " + apiKey}
	}
}

// Encode makes the request. It fails with invalid_request for a limit or
// stream_options of the wrong type, and with unsupported_parameter for what the
// provider does not have.
func (p *Provider) Encode(call *chat.Call) (chat.Outbound, chat.Decoder, error) {
	e, ok := p.encoders.Get().(*encoder)
	if !ok {
		e = new(encoder)
	}
	defer func() {
		e.release()
		p.encoders.Put(e)
	}()
	d := &decoder{dialect: &p.dialect}
	body, err := e.encode(&p.dialect, call, d)
	if err != nil {
		return chat.Outbound{}, nil, err
	}
	return chat.Outbound{Path: path, Body: body}, d, nil
}

// member decides about members that clients of other providers send.
func member(name, value []byte) (Action, string) {
	switch string(name) {
	case "top_k":
		if string(value) == "null" {
			return LeaveOut, ""
		}
		return Refuse, "OpenAI's models have no top_k"
	case "thinking":
		if string(value) == "null" {
			return LeaveOut, ""
		}
		return Refuse, "OpenAI's models take reasoning_effort instead"
	}
	return Keep, ""
}

// turn decides about a member of a message: Groq's name for an answer's thinking.
func turn(name, _ []byte) (Action, string) {
	if string(name) == "reasoning" {
		return LeaveOut, ""
	}
	return Keep, ""
}
