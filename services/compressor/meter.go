package compressor

import (
	"context"
	"unicode/utf8"

	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor/prompt"
)

// meter counts one prompt's tokens in its model's encoding.
type meter struct {
	counter  *tokens.Counter
	encoding tokens.Encoding
	sizes    map[*prompt.Text]int64 // of the texts as they stand
}

// prompt counts the whole prompt. Media, and what providers put around tool definitions,
// are not in it: they are the same before and after.
func (m *meter) prompt(ctx context.Context, p *prompt.Prompt) (total int64, err error) {
	total = tokens.ChatOverhead(p.Messages, p.Names)
	m.sizes = make(map[*prompt.Text]int64, len(p.Texts))
	for _, text := range p.Fixed {
		n, err := m.count(ctx, text)
		if err != nil {
			return 0, err
		}
		total += n
	}
	for _, t := range p.Texts {
		n, err := m.count(ctx, t.Current())
		if err != nil {
			return 0, err
		}
		m.sizes[t] = n
		total += n
	}
	return total, nil
}

// run lets a stage work, and takes back each change that makes a text no smaller. That is
// decided text by text and not for the prompt, so that a text is the same in every later
// turn of its conversation. It returns how many tokens less there are.
func (m *meter) run(ctx context.Context, stage Stage, texts []*prompt.Text) (saved int64, err error) {
	before := make([]string, len(texts))
	for i, t := range texts {
		before[i] = t.Current()
	}
	if err := stage.Apply(ctx, texts); err != nil {
		return 0, err
	}
	for i, t := range texts {
		if t.Current() == before[i] {
			continue
		}
		n, err := m.count(ctx, t.Current())
		if err != nil {
			return 0, err
		}
		if n >= m.sizes[t] {
			t.Replace(before[i])
			continue
		}
		saved += m.sizes[t] - n
		m.sizes[t] = n
	}
	return saved, nil
}

// count looks at the context between slices: a counter can't be interrupted, and its
// tokenizers take milliseconds for each of them.
func (m *meter) count(ctx context.Context, text string) (total int64, err error) {
	for text != "" {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n := slice(text)
		c, err := m.counter.Count(m.encoding, text[:n])
		if err != nil {
			return 0, err
		}
		total += c.Tokens
		text = text[n:]
	}
	return total, nil
}

// sliceBytes is the most that is counted at once.
const sliceBytes = 8 << 10

// slice returns how much of a text to count next: up to a space between two words, where
// a token ends in every encoding, so that slices have together the tokens of the whole.
// Text without one in reach is cut between any two characters, which may add a token.
func slice(text string) int {
	if len(text) <= sliceBytes+1 {
		return len(text)
	}
	for i := sliceBytes; i > sliceBytes/2; i-- {
		if text[i] == ' ' && letter(text[i-1]) && letter(text[i+1]) {
			return i
		}
	}
	for i := sliceBytes; i > sliceBytes-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			return i
		}
	}
	return sliceBytes
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
