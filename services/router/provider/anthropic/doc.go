// Package anthropic speaks Anthropic's Messages API (anthropic-version 2023-06-01).
//
// Sources, read 2026-11-23: https://platform.claude.com/docs (Messages API, streaming,
// thinking, effort, structured outputs, mid-conversation system messages, migration
// guides up to the 5.5 models, errors; on 2026-11-28 preserved thinking and thinking in tool
// workflows) and the types of
// github.com/anthropics/anthropic-sdk-python at 2026-08-07, which are made from the
// API's own specification. But for block_binding no feature used here needs an
// anthropic-beta header any more: structured outputs, effort, adaptive thinking and the one-hour cache are
// generally available.
//
// # What the two dialects do not share
//
//   - System and developer messages at the head become `system`. A later one stays in
//     its place where the model and the placement rules allow it (directly behind a
//     user turn, before an assistant turn or the end); otherwise it joins `system`,
//     which keeps its authority and loses its position.
//   - Neighbours of one role are one turn. Tool results go to the front of the user
//     turn, as the API demands.
//   - Blank text, which the API refuses, is left out; a user turn of nothing else is
//     refused here.
//   - `max_tokens` is required: without the caller's it is the model's maximum, or
//     [DefaultMaxTokens] when that is unknown.
//   - `reasoning_effort` is `output_config.effort` with adaptive thinking from the 4.6
//     models on, and a thinking budget before; see plan. `none` turns thinking off
//     where the model can do without. A model without a known version in its name is
//     taken for a recent one, and its limits are left to the provider.
//   - `temperature` 1 and `top_p` 1, which are what the API does anyway, are left out
//     for models that refuse any sampling parameter.
//   - `response_format` json_schema is `output_config.format`. Objects are closed
//     (`additionalProperties: false`), as the API demands and its SDKs do: what
//     satisfies the closed schema satisfies the caller's. The schema's name is not
//     sent, for it says nothing. json_object has no counterpart and is refused.
//   - `tool_choice` allowed_tools sends only the allowed tools.
//   - `user` and `safety_identifier` are `metadata.user_id`.
//   - `service_tier` default is `standard_only`; auto is the same in both.
//   - `seed`, `n` above 1, log probabilities, penalties, `logit_bias` and audio are
//     refused.
//
// An answer's text, thinking and calls are each put together. Where thinking or calls stood
// between texts, the answer tells the order in `provider_specific_fields.block_order` (see
// order.go), and a turn that brings it back is written in it: models from Fable 5.1 on check
// that their thinking comes back in its place, behind an unchanged conversation.
// `thinking.block_binding`, which says what becomes of a block that fails the check, is
// passed on with its anthropic-beta header.
//
// These members of past messages are accepted and not sent: `name` of a tool turn (its
// call's id says it), `reasoning_content` and `reasoning` (thinking is taken back only with its
// signature, from `thinking_blocks`), thinking blocks without a signature and thought
// signatures (another provider's), `annotations`, `audio` of null and
// `provider_specific_fields`. An assistant turn that says nothing is left out. Characters
// that the API does not take in a tool call's id become underscores, in the call and in
// its result alike.
package anthropic
