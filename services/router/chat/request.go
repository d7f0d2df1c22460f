package chat

import (
	"encoding/json"
	"slices"

	"tollgate.dev/platform/jsonscan"
)

// Request is a call in typed form, for providers whose format is another. Numbers
// keep their digits. Members that this type does not know are kept in Extra, at
// every level, so that a codec can refuse them by name.
type Request struct {
	Messages          []Message
	Tools             []Tool
	ToolChoice        ToolChoice
	ParallelToolCalls *bool
	ResponseFormat    *ResponseFormat
	// MaxTokens is `max_completion_tokens`, or `max_tokens` without it; 0 is none.
	MaxTokens        int64
	Temperature      json.Number
	TopP             json.Number
	TopK             json.Number
	FrequencyPenalty json.Number
	PresencePenalty  json.Number
	// N is how many answers are wanted; 0 is not given.
	N           int64
	Seed        *int64
	Stop        []string
	Logprobs    bool
	TopLogprobs *int64
	// ReasoningEffort is `none`, `minimal`, `low`, `medium`, `high` or `xhigh`; empty is not given.
	ReasoningEffort string
	// Thinking is Anthropic's own parameter, as LiteLLM's clients send it:
	// `{"type": "enabled", "budget_tokens": 1024}`.
	Thinking *Thinking
	// User identifies the caller's end user.
	User         string
	IncludeUsage bool
	ServiceTier  string
	// Extra are the members that have no field above, by name; those of stream_options
	// and thinking by a name such as stream_options.include_obfuscation.
	Extra map[string]json.RawMessage
}

// Thinking is Anthropic's `thinking` parameter.
type Thinking struct {
	// Type is `enabled`, `disabled` or `adaptive`.
	Type string `json:"type"`
	// BudgetTokens is how many tokens may be spent on it; 0 is not given.
	BudgetTokens int64 `json:"budget_tokens,omitempty"`
	// Display says how thinking is shown, for models that know it.
	Display string `json:"display,omitempty"`
	// BlockBinding says what becomes of thinking whose conversation has changed; nil is
	// not given.
	BlockBinding json.RawMessage `json:"block_binding,omitempty"`
}

// Message is one turn.
type Message struct {
	// Role is `system`, `developer`, `user`, `assistant`, `tool` or `function`.
	Role string
	// Name tells participants of one role apart.
	Name string
	// Content is the turn's pieces; a plain string is one text part.
	Content []Part
	// ToolCalls are the assistant's calls.
	ToolCalls []ToolCall
	// ToolCallID names the call that a tool turn answers.
	ToolCallID string
	// Refusal is the assistant's refusal.
	Refusal string
	// ReasoningContent is the assistant's thinking as plain text: `reasoning_content`, or
	// without it Groq's `reasoning`.
	ReasoningContent string
	// ThinkingBlocks are the assistant's thinking with the signatures that must come
	// back, in LiteLLM's form.
	ThinkingBlocks []ThinkingBlock
	// CacheControl is Anthropic's cache breakpoint behind the turn; nil is none.
	CacheControl json.RawMessage
	// ProviderFields are `provider_specific_fields`, in which LiteLLM returns what
	// the dialect has no place for.
	ProviderFields json.RawMessage
	// Extra are the members that have no field above.
	Extra map[string]json.RawMessage
}

// Part is a piece of a turn.
type Part struct {
	// Type is `text`, `image_url`, `input_audio`, `file` or `refusal`, or another
	// that the codec may know.
	Type string
	// Text is the text of a text or refusal part.
	Text string
	// Image is set for an image_url part.
	Image *Image
	// Audio is set for an input_audio part.
	Audio *Audio
	// File is set for a file part.
	File *File
	// CacheControl is Anthropic's cache breakpoint behind the part; nil is none.
	CacheControl json.RawMessage
	// Raw is the whole part.
	Raw json.RawMessage
	// Extra are the members that have no field above.
	Extra map[string]json.RawMessage
}

// Image is an image by URL.
type Image struct {
	// URL is an https URL, or a data URL with the image itself.
	URL string `json:"url"`
	// Detail is `auto`, `low` or `high`; empty is not given.
	Detail string `json:"detail,omitempty"`
	// Format is the media type, where LiteLLM's clients name one.
	Format string `json:"format,omitempty"`
}

// Audio is sound in the request.
type Audio struct {
	// Data is base64.
	Data string `json:"data"`
	// Format is `wav` or `mp3`.
	Format string `json:"format"`
}

// File is a document in the request.
type File struct {
	// ID names an uploaded file.
	ID string `json:"file_id,omitempty"`
	// Data is a data URL with the file itself.
	Data string `json:"file_data,omitempty"`
	// Name is the file's name.
	Name string `json:"filename,omitempty"`
	// Format is the media type, where LiteLLM's clients name one.
	Format string `json:"format,omitempty"`
}

// ToolCall is a call that the model made.
type ToolCall struct {
	// ID is what the result names.
	ID string
	// Name is the function's name.
	Name string
	// Arguments is the arguments' JSON text, as the model wrote it.
	Arguments string
	// CacheControl is Anthropic's cache breakpoint behind the call; nil is none.
	CacheControl json.RawMessage
	// ThoughtSignature is Gemini's, from `provider_specific_fields.thought_signature`
	// (LiteLLM) or `extra_content.google.thought_signature` (Google).
	ThoughtSignature string
	// Extra are the members that have no field above.
	Extra map[string]json.RawMessage
}

// ThinkingBlock is a piece of thinking that the provider signed.
type ThinkingBlock struct {
	// Type is `thinking` or `redacted_thinking`.
	Type string `json:"type"`
	// Thinking is the text.
	Thinking string `json:"thinking,omitempty"`
	// Signature must come back unchanged.
	Signature string `json:"signature,omitempty"`
	// Data is redacted thinking, which must come back unchanged.
	Data string `json:"data,omitempty"`
}

// Tool is a function that the model may call.
type Tool struct {
	// Type is `function`, or another that the codec may know.
	Type string
	// Name is the function's name.
	Name string
	// Description says what it is for.
	Description string
	// Parameters is a JSON schema; nil is none.
	Parameters json.RawMessage
	// Strict demands arguments that satisfy the schema; nil is not given.
	Strict *bool
	// CacheControl is Anthropic's cache breakpoint behind the tool; nil is none.
	CacheControl json.RawMessage
	// Raw is the whole tool.
	Raw json.RawMessage
	// Extra are the members that have no field above.
	Extra map[string]json.RawMessage
}

// ToolChoice says whether the model must call a tool.
type ToolChoice struct {
	// Mode is `auto`, `none`, `required`, `function` or `custom`; empty is not given.
	Mode string
	// Name is the function of mode `function`.
	Name string
	// Allowed restricts modes `auto` and `required` to these functions; none restricts nothing.
	Allowed []string
}

// ResponseFormat is the form that the answer must have.
type ResponseFormat struct {
	// Type is `text`, `json_object` or `json_schema`.
	Type string
	// Name is the schema's name.
	Name string
	// Description says what the schema is for.
	Description string
	// Schema is the JSON schema.
	Schema json.RawMessage
	// Strict demands that the answer satisfies it; nil is not given.
	Strict *bool
}

// Unknown are the members of a part's object, such as its `image_url`, that are not among
// names, in their order; null ones are not there.
func (p *Part) Unknown(names ...string) []string {
	v, ok := jsonscan.Lookup(p.Raw, p.Type)
	if !ok || v.Kind != jsonscan.KindObject {
		return nil
	}
	var unknown []string
	// The part is valid, so the scan cannot fail.
	_ = jsonscan.ScanObject(v.Raw(p.Raw), func(m jsonscan.Member) error {
		if m.Kind != jsonscan.KindNull && !slices.Contains(names, string(m.Key)) {
			unknown = append(unknown, string(m.Key))
		}
		return nil
	})
	return unknown
}
