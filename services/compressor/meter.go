package compressor

import (
	"context"

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

func (m *meter) count(ctx context.Context, text string) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	c, err := m.counter.Count(m.encoding, text)
	return c.Tokens, err
}
