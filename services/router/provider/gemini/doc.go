// Package gemini is the codec for the Gemini API's generateContent and
// streamGenerateContent (v1beta).
//
// Sources, read 2026-11-23: the types and converters of
// https://github.com/googleapis/go-genai (2026-08-21), the v1beta protos of
// https://github.com/googleapis/googleapis/tree/master/google/ai/generativelanguage/v1beta
// (2026-08-22), and, in part, the pages thought-signatures, file-input-methods, audio and
// priority-inference of https://ai.google.dev/gemini-api/docs. Error bodies are those
// that users quote in public issues.
//
// # Requests
//
//   - System and developer messages are hoisted, in their order and wherever they
//     stand, into systemInstruction; a conversation of nothing else becomes a user's
//     turn, because contents must not be empty.
//   - Consecutive assistant messages are one model content. The results of one turn's
//     calls are one user content, in the order of the calls.
//   - JSON schemas go, unchanged, into parametersJsonSchema and responseJsonSchema.
//     A tool with strict set makes the calling mode VALIDATED, which is for all tools.
//   - A data URL becomes inlineData, an https URL fileData: Google fetches it. A file_id
//     is the URI of the Files API.
//   - Image detail low or high is the request's mediaResolution, so it must be the same
//     for all images.
//   - A tool's result that is a JSON object is the response as it is, any other text is
//     {"output": text}: FunctionResponse documents the key "output", and that an object
//     without it is the output as a whole.
//   - reasoning_effort is Google's own mapping for its OpenAI endpoint: a thinkingLevel
//     from Gemini 3 on, a thinkingBudget of 1024, 8192 or 24576 for 2.5. Both it and
//     thinking ask for thought summaries.
//   - Past thinking goes back as thought parts, as Google's clients do it, to models that
//     think.
//   - Accepted and not sent, since nothing of the answer depends on it: user (the gateway
//     accounts by it), cache_control (caching is implicit), a file's and a format's name,
//     annotations of past answers. Redacted thinking and the signatures of
//     thinking_blocks are another provider's and mean nothing here.
//   - Content is never dropped: a part that the API does not take is refused even where
//     drop_params is set.
//   - safety_settings and cached_content, LiteLLM's names, are passed on.
//
// # Thought signatures
//
// A call's signature is `provider_specific_fields.thought_signature` of the tool call,
// that of any other part an entry of the message's
// `provider_specific_fields.thought_signatures`, in an answer as in chunks; both are
// LiteLLM's form. They are read back from there, from Google's
// `extra_content.google.thought_signature`, and from LiteLLM's call ids
// (`id__thought__signature`). The dialect joins the texts of an answer, so a returned
// signature is put on the last text, or on an empty one. Gemini 3 refuses the current
// turn's calls unless the first of each step is signed; for a history of another origin
// the value that Google documents for it, skip_thought_signature_validator, stands in.
//
// # Answers
//
// Parts that the dialect has no place for (images, executed code) are kept whole in
// `provider_specific_fields.parts`, and go back into the request from there. A call
// without an id gets one that is a function of the answer. finishReason SAFETY,
// RECITATION, LANGUAGE, BLOCKLIST, PROHIBITED_CONTENT, SPII, the IMAGE_ ones like them, and a
// blocked prompt are content_filter; reasons that mean a failed generation
// (MALFORMED_FUNCTION_CALL, OTHER, …) are provider_error. Image tokens of the prompt are
// billed as text is, those of the answer are not.
package gemini
