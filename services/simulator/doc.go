// Package simulator is a real HTTP server that speaks the wire formats of four
// model providers, streaming included. It calls no model: every answer is a
// deterministic function of the request and of what the server has seen
// before, and says that it is simulated. It is what Tollgate routes to when no
// provider key is configured, and what tests and benchmarks call.
//
// It shares no code with the gateway's codecs, so that it is an independent
// view of the formats. It checks requests as strictly as the providers do, as
// far as their documentation and their public error messages tell, so that a
// wrong translation shows as a 400. The files of each dialect name the sources.
//
// # Routes
//
// With the server at http://host:port, a provider's base URL is
//
//	OpenAI     http://host:port/openai/v1        chat/completions, embeddings, models
//	Groq       http://host:port/groq/openai/v1   chat/completions, models
//	Anthropic  http://host:port/anthropic        v1/messages, v1/messages/count_tokens
//	Gemini     http://host:port/gemini/v1beta    models/{model}:generateContent, :streamGenerateContent
//
// Any key is accepted, none is not.
//
// # Answers
//
//   - Text begins "This is a simulated answer from", and tells the number of
//     messages and images, the seed, and the last tool results.
//   - Tools are called when the last message is a user's that contains "call",
//     or when the request forces it; twice when the text contains "parallel"
//     and parallel calls are permitted. Arguments satisfy the tool's schema.
//   - A JSON schema is answered by an instance of it; see instance for what is
//     honoured.
//   - Tokens are counted as four bytes each, rounded up, over all text, tool
//     definitions, calls and results of the prompt; an image is ImageTokens. They
//     are not the gateway's own counts, on purpose: only where the two differ do
//     tests see that what is billed is what the provider reported. It also lets
//     answers have an exact size, and costs benchmarks no time.
//   - A prompt of at least Options.MinCacheTokens, or what the model's provider
//     documents, whose beginning was seen before reads that beginning from the
//     cache: implicitly at OpenAI, Groq and Gemini, in whole messages and steps
//     of 128 tokens; by cache_control and its ttl at Anthropic.
//   - Thinking is one fixed sentence, or Reasoning tokens of text. Signatures
//     are verified on the next turn, and a damaged one is refused. Anthropic
//     answers with redacted_thinking to its documented magic string.
//   - OpenAI's reasoning models have only hidden reasoning tokens: minimal 16,
//     low 32, medium 64, high 128, xhigh 256, max 512.
//
// # Directives
//
// What the simulator is to do otherwise is written into the model name, or
// into the header X-Simulate, which counts where both speak:
//
//	model     = name *( ";" directive ) | "sim-" directives
//	header    = directives
//	directives = directive *( ( "," | ";" ) directive )
//	directive = key [ "=" value ]
//
// so "gpt-4o;status=429;retry-after=2" and "sim-chunks=50,chunk-delay=10ms" are
// models. The answer names the model without its directives. An unknown or bad
// directive is refused with 400. Durations are Go's, or seconds.
//
//	status=N           answer with this error, 400 to 599, in the provider's form
//	error=WHICH        context-length or quota: the provider's own error for it
//	retry-after=D      announced with the error
//	fail-times=N       only the first N calls fail (status, else 500); counted by
//	                   provider, model and directives
//	key=TEXT           separates one count of fail-times from another
//	delay=D            before the response headers
//	first-byte=D       between the headers and the first byte of the body
//	chunk-delay=D      between events
//	hang, hang-at=N    never answer; send nothing after N events
//	cut=N, cut-bytes=N close the connection after N events, or bytes of the body
//	malformed-chunk=N  damage event N
//	error-at=N         the provider's error event after N events, then the end
//	split=N            write and flush the body in pieces of N bytes
//	crlf               end lines of the event stream by CR LF (Gemini always does)
//	keepalive          a comment before each event
//	no-done            leave out [DONE] or message_stop
//	chunks=N           stream the text in N pieces
//	tokens=N, bytes=N  the size of the text, exactly
//	reasoning=N        the number of thinking tokens
//	no-usage           leave usage out
//	usage-mid          report usage in mid-stream as well
//	echo               repeat the last user text
//	refusal            end as the provider's content filter does
//	redacted           Anthropic's thinking is redacted_thinking
//	lenient            accept members that the provider does not know
//
// Events are counted from 1; an answer that is not a stream is one event, and
// cut=0 closes the connection before any answer.
package simulator
