package tokens

import (
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer/codec"
)

// Count is a number of tokens.
type Count struct {
	// Tokens is the number.
	Tokens int64
	// Estimated tells that it is not the model's own count.
	Estimated bool
}

// Counter counts tokens. Its zero value is ready, and it is safe for concurrent use. A
// vocabulary is built when an encoding is first counted by (some 10 MB and a fifth of a
// second for o200k_base) and kept: have one Counter a process.
type Counter struct {
	o200k, cl100k lazyCodec
}

type lazyCodec struct {
	once  sync.Once
	codec *codec.Codec
}

func (l *lazyCodec) get(build func() *codec.Codec) *codec.Codec {
	l.once.Do(func() { l.codec = build() })
	return l.codec
}

// Count returns how many tokens a text is in an encoding, without special tokens: their
// names count as the text that they are. It is never above the text's length in bytes.
//
// Text goes to the tokenizer in pieces of at most pieceLen bytes, since the tokenizer's
// splitting expression takes quadratic time on some inputs. Pieces end where the expression
// always ends a token, so prose and code of any length are counted exactly; a piece of text
// without such a place (base64, one endless word) is cut anywhere, and the count is then
// marked estimated. So is the count of text that is not UTF-8, which no provider accepts.
func (c *Counter) Count(e Encoding, text string) (Count, error) {
	if text == "" {
		return Count{Estimated: !e.Exact()}, nil
	}
	var cd *codec.Codec
	switch e {
	case O200k, O200kLike:
		cd = c.o200k.get(codec.NewO200kBase)
	case CL100k, CL100kLike:
		cd = c.cl100k.get(codec.NewCl100kBase)
	default:
		return Count{Tokens: estimate(e, text), Estimated: true}, nil
	}
	count := Count{Estimated: !e.Exact() || !utf8.ValidString(text)}
	for size := int64(len(text)); text != ""; {
		n, clean := nextPiece(text)
		tokens, err := cd.Count(text[:n])
		if err != nil {
			// The library's error may quote the text.
			return Count{}, fmt.Errorf("tokens: %s failed on a piece of %d bytes", e, n)
		}
		// The library's splitting expression passes over the character DEL, which is a
		// token of its own.
		passed := strings.Count(text[:n], "\x7f")
		count.Tokens = min(count.Tokens+int64(tokens+passed), size)
		count.Estimated = count.Estimated || !clean || passed > 0
		text = text[n:]
	}
	return count, nil
}

// pieceLen is the most bytes that the tokenizer gets at once.
const pieceLen = 1024

// nextPiece returns the length of the next piece of a text, and whether it ends where a
// token ends in any case.
func nextPiece(text string) (n int, clean bool) {
	if len(text) <= pieceLen {
		return len(text), true
	}
	for i := pieceLen; i > pieceLen/4; i-- {
		if tokenEnds(text, i) {
			return i, true
		}
	}
	n = pieceLen
	for n > pieceLen-utf8.UTFMax && !utf8.RuneStart(text[n]) {
		n--
	}
	return n, false
}

// tokenEnds tells whether both splitting expressions end a token before text[i], whatever
// else the text holds:
//
//   - before a space that has a letter after it and an ASCII letter, digit or common
//     punctuation mark before it: only whitespace could take the space in, and " word" is
//     one piece;
//   - before an ASCII letter or digit that follows a newline: no piece goes on after a
//     newline but with whitespace or, in o200k_base, more newlines and slashes.
//
// i must be within 2..len(text)-2.
func tokenEnds(text string, i int) bool {
	if i < 2 || i+1 >= len(text) {
		return false
	}
	switch before := text[i-1]; {
	case text[i] == ' ':
		return isLetter(text[i+1]) && before > ' ' && before < utf8.RuneSelf-1
	case before == '\n':
		return isLetter(text[i]) || (text[i] >= '0' && text[i] <= '9')
	default:
		return false
	}
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// estimate counts by characters. The published ratios are for English; a character beyond
// ASCII counts as a token of its own (two for a pictograph), which is on the high side for
// the languages that the vocabularies know well.
func estimate(e Encoding, text string) int64 {
	ascii, tokens := int64(0), int64(0)
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf:
			ascii++
		case r > 0xFFFF && !unicode.IsLetter(r):
			tokens += 2
		default:
			tokens++
		}
	}
	perTen := int64(30) // characters that make ten tokens
	switch e {
	case Claude:
		perTen = 35
	case ClaudeNew:
		perTen = 26
	case Gemini:
		perTen = 40
	default:
	}
	return min(tokens+(ascii*10+perTen-1)/perTen, int64(len(text)))
}

// The tokens that OpenAI's chat format adds around the texts of a prompt. Source: OpenAI
// Cookbook, "How to count tokens with tiktoken" (num_tokens_from_messages), for the models
// from gpt-3.5-turbo-0125 and gpt-4-0613 to gpt-4o-mini. Tool definitions and images are not
// in it.
const (
	// PerMessage is added for each message.
	PerMessage = 3
	// PerName is added for each message with a name.
	PerName = 1
	// PerReply is added once: the answer is primed with the assistant's role.
	PerReply = 3
)

// ChatOverhead returns the tokens that the chat format adds to the sum of the counts of the
// messages' roles, contents and names.
func ChatOverhead(messages, names int) int64 {
	return int64(messages)*PerMessage + int64(names)*PerName + PerReply
}
