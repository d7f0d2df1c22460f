package tokens

import (
	"context"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Count is a number of tokens.
type Count struct {
	// Tokens is the number.
	Tokens int64
	// Estimated tells that it is not the model's own count.
	Estimated bool
}

// Counter counts tokens. Its zero value is ready, and it is safe for concurrent use. A
// vocabulary is built when an encoding is first counted by (some 15 MB and a tenth of a
// second for o200k_base) and kept: have one Counter a process. It also keeps pieces of text
// that it counted, up to 3.3 MB of them for each encoding.
type Counter struct {
	classes       lazy[*classes]
	o200k, cl100k lazy[*encoder]
}

// lazy is a value that is built when it is first asked for.
type lazy[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (l *lazy[T]) get(build func() (T, error)) (T, error) {
	l.once.Do(func() { l.value, l.err = build() })
	return l.value, l.err
}

// encoder returns what counts by an encoding, or nil where no vocabulary is published.
func (c *Counter) encoder(e Encoding) (*encoder, error) {
	build := func(of Encoding) func() (*encoder, error) {
		return func() (*encoder, error) {
			t, err := c.classes.get(func() (*classes, error) { return newClasses(), nil })
			if err != nil {
				return nil, err
			}
			return newEncoder(of, t)
		}
	}
	switch e {
	case O200k, O200kLike:
		return c.o200k.get(build(O200k))
	case CL100k, CL100kLike:
		return c.cl100k.get(build(CL100k))
	default:
		return nil, nil
	}
}

// Count returns how many tokens a text is in an encoding, without special tokens: their
// names count as the text that they are. It is never above the text's length in bytes. The
// error says that there is no vocabulary, and depends on no text.
//
// Text of any length is split as the encoding splits it, and counted exactly, with one
// exception: what it does not split within maxPiece bytes (one endless word, as no language
// has) is cut there, and the count is then marked estimated. So is the count of text that is
// not UTF-8, which no provider accepts; its stray bytes count as punctuation.
func (c *Counter) Count(e Encoding, text string) (Count, error) {
	return c.count(nil, e, text)
}

// CountContext is Count, and fails when the context ends: a text of megabytes takes longer
// than some can wait.
func (c *Counter) CountContext(ctx context.Context, e Encoding, text string) (Count, error) {
	return c.count(ctx.Err, e, text)
}

// between is after how many bytes of a text it is looked whether anybody still waits.
const between = 16 << 10

// count is Count; stopped, if it is there, ends it by an error.
func (c *Counter) count(stopped func() error, e Encoding, text string) (Count, error) {
	encoder, err := c.encoder(e)
	if err != nil {
		return Count{}, err
	}
	if encoder == nil {
		return estimate(e, text, nil, nil), nil
	}
	return encoder.segment(stopped, e, text, nil)
}

// segment counts a text, and notes its pieces where there is room for that.
func (e *encoder) segment(stopped func() error, as Encoding, text string, to []marks) (Count, error) {
	count, look, whole := Count{Estimated: !as.Exact() || !utf8.ValidString(text)}, between, 0
	for i := 0; i < len(text); {
		end, tokens := i, 0
		if i >= whole {
			end, tokens = e.plain(text, i)
		}
		if end == i {
			if i >= whole {
				whole = e.next(text, i)
			}
			if end = whole; end-i > maxPiece {
				end = i + longest(text[i:end])
				count.Estimated = true
			}
			tokens = e.count(text[i:end])
		}
		count.Tokens += int64(tokens)
		i = end
		if i >= look && stopped != nil {
			if err := stopped(); err != nil {
				return Count{}, err
			}
			look = i + between
		}
		if to != nil {
			note(to, end, tokens)
		}
	}
	return count, nil
}

// estimate counts by characters. The published ratios are for English; a character beyond
// ASCII counts as a token of its own (two for a pictograph), which is on the high side for
// the languages that the vocabularies know well.
func estimate(e Encoding, text string, ends []int, sizes []int64) Count {
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
	ascii, wide, at := int64(0), int64(0), 0
	upTo := func(end int) int64 {
		end = min(end, len(text))
		for end > at && end < len(text) && !utf8.RuneStart(text[end]) {
			end--
		}
		if end > at {
			a, w := characters(text[at:end])
			ascii, wide, at = ascii+a, wide+w, end
		}
		return min(wide+(ascii*10+perTen-1)/perTen, int64(at))
	}
	before := int64(0)
	for i, end := range ends {
		n := upTo(end)
		sizes[i], before = n-before, n
	}
	return Count{Tokens: upTo(len(text)), Estimated: true}
}

// characters counts those in ASCII, and the tokens that the others are taken for.
func characters(text string) (ascii, wide int64) {
	for i := 0; i < len(text); {
		for len(text)-i >= 8 && word64(text[i:])&highBits == 0 {
			ascii += 8
			i += 8
		}
		if i == len(text) {
			break
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		switch {
		case r < utf8.RuneSelf:
			ascii++
		case r > 0xFFFF && !unicode.IsLetter(r):
			wide += 2
		default:
			wide++
		}
	}
	return ascii, wide
}

const highBits = 0x8080808080808080

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
