// Package chat is what providers' codecs have in common: a call in the OpenAI
// chat-completions dialect on its way in, an answer in the same dialect on its way
// out. The dialect is documented at
// https://platform.openai.com/docs/api-reference/chat (November 2026).
//
// Codecs are pure: they turn bytes into bytes, and do no I/O.
package chat

import (
	"errors"
	"net/http"
	"slices"
	"time"

	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/sse"
)

// Call is one chat completion, as a codec gets it.
type Call struct {
	// Body is the caller's JSON object, already validated. It is never written to.
	Body []byte
	// Fields are the members of Body.
	Fields *jsonscan.Fields
	// Model is the model's name at the provider.
	Model string
	// Stream says that the answer is wanted in chunks. It decides, not Body's
	// `stream`.
	Stream bool
	// MaxOutput caps the generated tokens below what the caller asked for; 0 does not.
	MaxOutput int64
	// ModelMaxOutput is the most that the model can generate, in tokens; 0 is
	// unknown. A provider that needs a limit gets it when the caller names none.
	ModelMaxOutput int64
	// DropParams drops what the provider cannot honour, instead of refusing it.
	DropParams bool
	// Headers are the deployment's own additional request headers.
	Headers http.Header
	// Buffer is memory that a codec may write the request's body into, and then leaves
	// here as it has become. It is used again once the request has been sent.
	Buffer []byte

	dropped []string
	request *Request
}

// Request is Body in typed form, parsed on first use. A codec for an
// OpenAI-format provider does not need it.
func (c *Call) Request() (*Request, error) {
	if c.request == nil {
		r, err := Parse(c.Body)
		if err != nil {
			return nil, err
		}
		c.request = r
	}
	return c.request, nil
}

// Unsupported is called for each parameter that the provider cannot honour. It
// returns [errs.UnsupportedParameter], or nil after noting the parameter when the
// call drops such parameters.
func (c *Call) Unsupported(param, why string) error {
	if !c.DropParams {
		return errs.Newf(errs.UnsupportedParameter, "%s: %s", param, why).WithParam(param)
	}
	c.drop(param)
	return nil
}

// LeftOut is called for each member that is kept from the provider without being refused,
// because it means nothing there. It notes the member at its place, unless the value says
// nothing.
func (c *Call) LeftOut(place string, name, value []byte) {
	switch string(jsonscan.AppendCanonical(nil, value)) {
	case "null", "false", `""`, "[]", "{}":
	default:
		c.drop(place + string(name))
	}
}

func (c *Call) drop(param string) {
	if !slices.Contains(c.dropped, param) {
		c.dropped = append(c.dropped, param)
	}
}

// Dropped are the parameters that were dropped or left out.
func (c *Call) Dropped() []string { return c.dropped }

// Outbound is a request to a provider, without its credentials.
type Outbound struct {
	// Path is appended to the deployment's base URL; it may hold a query.
	Path string
	// Header holds what the wire format needs beyond `Content-Type: application/json`; it may be nil.
	Header http.Header
	// Body is the request's JSON.
	Body []byte
}

// Answer is a whole answer.
type Answer struct {
	// Body is a chat.completion object.
	Body []byte
	// Usage is what was consumed; nil when the provider did not say.
	Usage *usagev1.Usage
}

// Decoder turns a provider's answer to one call into the OpenAI dialect. A decoder
// serves one answer: either Response once, or Event for each server-sent event and
// then End.
type Decoder interface {
	// Response decodes a whole answer. What cannot be decoded is a provider_error; an error
	// of the provider's own is a [Verdict].
	Response(body []byte) (Answer, error)
	// Event decodes one event of a stream into none, one or more chunks. The event
	// is not kept. An error event of the provider, which is a [Verdict], or one that
	// cannot be decoded, is an error; what is in the sink by then still counts.
	Event(event sse.Event, sink *Sink) error
	// End is called when the provider's bytes are over. It returns an error unless
	// the stream's own end was seen.
	End(sink *Sink) error
}

// Sink takes the chunks of a stream.
type Sink struct {
	// Chunks are chat.completion.chunk objects. They are not written to again.
	Chunks [][]byte
	// Usage is the latest that the provider said; nil until then. Each report
	// replaces the one before, so it always covers the whole answer so far.
	Usage *usagev1.Usage
	// Done says that the dialect's own end was seen; nothing follows it.
	Done bool

	block []byte
}

// blockSize is the size of the blocks that chunks are copied into, in bytes: one
// allocation serves many chunks.
const blockSize = 4 << 10

// Add copies a chunk into the sink.
func (s *Sink) Add(chunk []byte) {
	if len(chunk) > cap(s.block)-len(s.block) {
		s.block = make([]byte, 0, max(blockSize, len(chunk)))
	}
	start := len(s.block)
	s.block = append(s.block, chunk...)
	s.Chunks = append(s.Chunks, s.block[start:len(s.block):len(s.block)])
}

// Take returns the chunks so far and empties the sink of them.
func (s *Sink) Take() [][]byte {
	chunks := s.Chunks
	s.Chunks = nil
	return chunks
}

// Verdict marks an error that the provider itself gave in place of an answer, or of its
// rest, although its status promised one. A call that ends so before anything of an answer
// came is no more billed than one with an error's status.
//
// elsewhere is [Failure]'s.
func Verdict(err error, elsewhere bool) error { return verdict{err, elsewhere} }

// IsVerdict says that err is a provider's own.
func IsVerdict(err error) bool {
	_, ok := errors.AsType[verdict](err)
	return ok
}

// IsElsewhere says that err is a verdict whose cause the deployment's operator has to mend.
func IsElsewhere(err error) bool {
	v, ok := errors.AsType[verdict](err)
	return ok && v.elsewhere
}

type verdict struct {
	error
	elsewhere bool
}

func (v verdict) Unwrap() error { return v.error }

// Failure is what an unsuccessful answer of a provider means.
type Failure struct {
	// Err is what the caller is told if this attempt is the last.
	Err *errs.Error
	// Retry says that another attempt, here or at another deployment, may succeed.
	Retry bool
	// Elsewhere says that of those only one at another deployment may: here the operator has
	// to mend something first, such as a credential that the provider refuses.
	Elsewhere bool
	// Refused is the member of the request that the provider cannot honour, where its error
	// says so beyond doubt: without it the call may be answered.
	Refused Refused
	// Cooldown says that the deployment itself is at fault and may need a rest.
	Cooldown bool
	// RetryAfter is how long the provider asks to be left alone; 0 is unknown.
	RetryAfter time.Duration
}
