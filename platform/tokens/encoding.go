// Package tokens counts and bounds the tokens of text.
//
// Three questions are asked of it, and each has its own answer:
//
//   - How much may this request cost at most? [Bound] answers from the request's size alone:
//     no tokenizer of the four providers makes more than one token of a byte.
//   - How many tokens is this text? [Counter] answers exactly for the encodings that OpenAI
//     has published, and with a marked estimate for the others.
//   - Which encoding does this model have? [ForModel].
//
// What a provider reports as usage always goes before any of them.
package tokens

import "strings"

// Encoding is how a model's text becomes tokens, as far as anything is published about it.
type Encoding uint8

// The encodings. Only the first two are the model's own; a count by any other is an
// estimate.
const (
	// O200k is o200k_base: GPT-4o, GPT-4.1, the o series, GPT-5; and the text of gpt-oss,
	// whose o200k_harmony differs in special tokens only. Source: openai/tiktoken, model.py
	// and openai_public.py.
	O200k Encoding = iota + 1
	// CL100k is cl100k_base: GPT-4, GPT-4 Turbo, GPT-3.5 Turbo, text-embedding-3. Source: as
	// above.
	CL100k
	// O200kLike estimates by o200k_base, for later models of OpenAI, whose encoding
	// tiktoken doesn't name.
	O200kLike
	// CL100kLike estimates by cl100k_base. Llama 3 has its 100k tokens and 28k more for
	// other languages than English (Meta, "The Llama 3 Herd of Models", 2024, section 3.2);
	// Qwen's vocabulary started from it too ("Qwen Technical Report", 2023, section 2.2).
	CL100kLike
	// Claude estimates at 3.5 characters a token, the ratio for English in Anthropic's
	// glossary, for the models before Claude Opus 4.7.
	Claude
	// ClaudeNew is Claude with the tokenizer of Opus 4.7 and later, which Anthropic's
	// migration guide puts at up to 1.35 times as many tokens: 2.6 characters a token.
	ClaudeNew
	// Gemini estimates at four characters a token, the ratio in Google's "Understand and
	// count tokens" (ai.google.dev/gemini-api/docs/tokens, read November 2026).
	Gemini
	// Generic estimates at three characters a token, where nothing is published. It is low
	// on purpose: too many tokens counted are noticed, too few overspend.
	Generic
)

// String returns the encoding's name, for logs and metrics.
func (e Encoding) String() string {
	switch e {
	case O200k:
		return "o200k_base"
	case CL100k:
		return "cl100k_base"
	case O200kLike:
		return "o200k_base~"
	case CL100kLike:
		return "cl100k_base~"
	case Claude:
		return "claude~"
	case ClaudeNew:
		return "claude-4.7~"
	case Gemini:
		return "gemini~"
	default:
		return "generic~"
	}
}

// Exact tells whether the encoding is the model's own.
func (e Encoding) Exact() bool { return e == O200k || e == CL100k }

// rule gives the encoding of models whose name starts with prefix.
type rule struct {
	prefix   string
	encoding Encoding
}

// rules by provider; the longest prefixes come first, and "" is the provider's default.
var rules = map[string][]rule{
	"openai": {
		{"gpt-4o", O200k}, {"chatgpt-4o", O200k}, {"gpt-4.1", O200k}, {"gpt-4.5", O200k},
		{"gpt-5.", O200kLike}, {"gpt-5", O200k}, {"gpt-oss", O200k},
		{"o1", O200k}, {"o3", O200k}, {"o4-mini", O200k},
		{"gpt-4", CL100k}, {"gpt-3.5", CL100k}, {"gpt-35-turbo", CL100k},
		{"text-embedding-3-", CL100k}, {"text-embedding-ada-002", CL100k},
		{"ft:gpt-4o", O200k}, {"ft:gpt-4.1", O200k}, {"ft:o4-mini", O200k}, {"ft:gpt-4", CL100k}, {"ft:gpt-3.5", CL100k},
		{"", O200kLike},
	},
	"anthropic": {
		{"claude-3", Claude}, {"claude-2", Claude},
		{"claude-opus-4-7", ClaudeNew}, {"claude-opus-4-8", ClaudeNew},
		{"claude-opus-4", Claude}, {"claude-sonnet-4", Claude}, {"claude-haiku-4", Claude},
		{"", ClaudeNew},
	},
	"gemini": {{"", Gemini}},
	"groq": {
		{"openai/gpt-oss", O200k}, {"gpt-oss", O200k},
		{"llama", CL100kLike}, {"meta-llama/", CL100kLike}, {"qwen", CL100kLike},
		{"", Generic},
	},
}

// ForBase returns the encoding of the model that another one is said to be, by a name that may
// begin with a provider's ("gpt-4o", "azure/gpt-4o", "groq/llama-3.3-70b-versatile"). It reports
// false where nobody knows the name's family.
func ForBase(base string) (Encoding, bool) {
	if head, rest, ok := strings.Cut(base, "/"); ok && (rules[head] != nil || head == "azure" || head == "azure_ai") {
		base = rest
	}
	for _, provider := range [...]string{"openai", "anthropic", "gemini", "groq"} {
		for _, r := range rules[provider] {
			if r.prefix != "" && strings.HasPrefix(base, r.prefix) {
				return r.encoding, true
			}
		}
	}
	for family, provider := range map[string]string{"claude-": "anthropic", "gemini-": "gemini"} {
		if strings.HasPrefix(base, family) {
			return ForModel(provider, base), true
		}
	}
	return Generic, false
}

// ForModel returns the encoding of a provider's model. A provider's name and a slash in
// front of the model are taken off ("groq/openai/gpt-oss-20b"). An unknown provider has
// Generic.
func ForModel(provider, model string) Encoding {
	if provider == "google" {
		provider = "gemini"
	}
	model = strings.TrimPrefix(model, provider+"/")
	for _, r := range rules[provider] {
		if strings.HasPrefix(model, r.prefix) {
			return r.encoding
		}
	}
	return Generic
}
