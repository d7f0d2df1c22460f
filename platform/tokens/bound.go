package tokens

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Request is what Bound needs to know of a call.
type Request struct {
	// Provider is openai, anthropic, gemini, groq, or another one.
	Provider string
	// Body is the JSON of the request, as the caller or the provider gets it.
	Body []byte
	// Plain says that the body is known to be ASCII without escapes of the form \u0000, so
	// that normalization cannot lengthen it, and need not be looked for.
	Plain bool
	// Images is how many images the request has, inline or by address.
	Images int64
	// ImageTokens is the most tokens that one image costs with this model
	// (pricing.Price.ImageBound).
	ImageTokens int64
	// Tools tells whether the request defines tools.
	Tools bool
}

// What providers put in front of a prompt that is not in its body. The largest that one
// documents is 530 tokens, Claude 3 Opus's system prompt for tools (Anthropic, "Tool use
// pricing and tokens"); gpt-oss's system message has about 70. The rest is reserve.
const (
	preambleTokens = 256
	// ToolPreamble is what a request with tools has on top.
	ToolPreamble = 1024
)

// Bound returns a number of prompt tokens that the request can't exceed.
//
// Every tokenizer that the four providers have published is a byte-level or byte-fallback BPE
// (tiktoken for OpenAI, gpt-oss, Llama 3 and Qwen; SentencePiece with byte fallback for
// Google's and Mistral's open models; Anthropic's for Claude 2), so a token is at least a byte
// of text. The later ones of Anthropic and Google are not published; they are taken to be so.
// The body's JSON syntax outweighs what the chat format adds for each message and tool. Two
// things would break the rule and are added: the provider's own preamble, and normalization:
// Anthropic's published tokenizer applies NFKC, which turns the three bytes of U+FDFA into
// 33, and Qwen's applies NFC.
//
// Images and sound inside the body count as text: dear, but still a bound. Documents and
// media that the provider fetches itself are not in the body: count images by Images, and
// add others to the bound. It saturates at the largest int64, and negative
// fields count as 0.
func Bound(r Request) int64 {
	text := int64(len(r.Body)) + preambleTokens
	if r.Provider != "openai" && !r.Plain {
		text += expansion(r.Body)
	}
	if r.Tools {
		text += ToolPreamble
	}
	images, each := max(r.Images, 0), max(r.ImageTokens, 0)
	if each > 0 && images > (math.MaxInt64-text)/each {
		return math.MaxInt64
	}
	return text + images*each
}

// ChatPreamble bounds what a provider puts around a whole prompt that is not in its
// messages. Of the models whose format OpenAI's cookbook counts to the token, it is
// PerReply and a reserve; of all others what [Bound] takes.
func ChatPreamble(provider, model string) int64 {
	const reserve = 8
	if provider != "openai" {
		return preambleTokens
	}
	model = strings.TrimPrefix(strings.TrimPrefix(model, "openai/"), "ft:")
	for _, family := range counted {
		if model == family || strings.HasPrefix(model, family+"-") {
			return PerReply + reserve
		}
	}
	return preambleTokens
}

// counted are the families that the source of PerMessage names, with what followed them
// under the same name.
var counted = []string{"gpt-3.5-turbo", "gpt-4", "gpt-4-turbo", "gpt-4o", "gpt-4o-mini", "chatgpt-4o"}

// expansion returns by how many bytes Unicode normalization can lengthen the text in a JSON
// body, characters written as \u escapes included.
func expansion(body []byte) (grown int64) {
	for len(body) > 0 {
		plain := 0
		for len(body)-plain >= 8 && !striking(binary.LittleEndian.Uint64(body[plain:])) {
			plain += 8
		}
		for plain < len(body) && body[plain] < utf8.RuneSelf && body[plain] != '\\' {
			plain++
		}
		if body = body[plain:]; len(body) == 0 {
			return grown
		}
		var size int
		switch r, ok := escaped(body); {
		case ok:
			var buf [utf8.UTFMax]byte
			size = len(`\uffff`)
			grown += growth(buf[:utf8.EncodeRune(buf[:], r)], size)
		case body[0] == '\\':
			size = min(2, len(body)) // so that the backslash of \\u escapes nothing
		default:
			_, size = utf8.DecodeRune(body)
			grown += growth(body[:size], size)
		}
		body = body[size:]
	}
	return grown
}

// striking reports whether a word of eight bytes has a backslash, or one that is not ASCII.
func striking(x uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	slashes := x ^ '\\'*ones // zero where there is a backslash
	return (x|(slashes-ones)&^slashes)&highs != 0
}

// growth returns how much longer a character's compatibility decomposition is than the bytes
// that stand for it.
func growth(char []byte, size int) int64 {
	return int64(max(len(norm.NFKC.Properties(char).Decomposition())-size, 0))
}

// escaped reads a \u escape at the front of a body. Halves of surrogate pairs, whose twelve
// bytes are longer than any decomposition of theirs, are not read.
func escaped(body []byte) (rune, bool) {
	if len(body) < 6 || body[0] != '\\' || body[1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(body[2:6]), 16, 16)
	if err != nil || (v >= 0xD800 && v <= 0xDFFF) {
		return 0, false
	}
	return rune(v), true
}
