// Package openai speaks OpenAI's chat-completions format: to OpenAI, to servers that
// are compatible with it, and for providers whose format is a dialect of it (see
// [Dialect]).
//
// The caller's dialect is the provider's, so nothing is translated. The request is the
// caller's own bytes with a handful of members changed in one copy; answers and chunks
// pass through as they came, and are scanned once, for validity and for the usage.
//
// # Sources
//
//   - Request, answer and chunk: openapi.yaml of github.com/openai/openai-openapi at
//     f85dbe2 (2026-08-21) and the types of github.com/openai/openai-python at e43b422
//     (2026-08-21).
//   - Errors: https://developers.openai.com/api/docs/guides/error-codes and
//     …/guides/rate-limits, read 2026-11-23.
//   - Cache writes, billed from GPT-5.6 on:
//     https://developers.openai.com/api/docs/guides/prompt-caching, read 2026-11-23.
//
// # Decisions
//
// History that came from another provider carries members that OpenAI's schema does not
// have: `thinking_blocks`, `reasoning_content`, Groq's `reasoning` and
// `provider_specific_fields` of an assistant's turn, Anthropic's `cache_control`, the `index` of a streamed tool call.
// OpenAI refuses some of them depending on model and role (`Unknown parameter:
// 'messages[0].content[0].cache_control'` for developer turns of GPT-5 models, `Unknown
// parameter: 'messages[2].tool_calls[0].index'`, both from public reports, 2026) and has
// no use for any, so [New] takes them out, and a conversation may move between
// providers. A compatible server may need them — DeepSeek wants `reasoning_content` back
// within a tool call, Z.AI and MiniMax honour `cache_control` — so [NewCompatible]
// passes them on.
//
// `stream_options.include_usage` is always asked for, because a stream is billed by its
// usage. The chunk that answers it is withheld from a caller who did not ask.
//
// A stream of OpenAI's is complete at `[DONE]` and nowhere else. Some compatible servers
// never send that; there the end of the stream is accepted once every choice has had its
// finish_reason, as many of them as the request's `n`.
//
// A limit on the output is one for each choice, as the parameter itself is: with `n`
// above 1, n times as many tokens may come.
//
// A 404 is a provider_error, not the caller's fault: the model and the path both come
// from the gateway's configuration. Only one whose code names another missing thing,
// such as a file of the caller's, is an invalid_request.
package openai
